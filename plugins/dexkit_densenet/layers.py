"""The layer of the promoter network that Keras lacks."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="dexkit_densenet")
class TssWeightedMean(keras.layers.Layer):
    """Average over positions with weights that fall off linearly from the TSS.

    Parameters
    ----------
    tss_index : int
        Position of the TSS in the sequence, in bp from its start.
    stride_bp : int
        Bases that one position of the input stands for: 1 on the sequence, the product of the
        pooling steps on a pooled map.
    **kwargs
        Passed to :class:`keras.layers.Layer`.

    Notes
    -----
    Input shape: ``(batch, length, channels)``. Output shape: ``(batch, channels)``.

    The weight of position ``p`` is ``1 - |c - tss| / reach``, with ``c = (p + 1/2) * stride_bp``
    its centre and ``reach`` so large that the farthest position still counts; weights sum to 1.
    Sequence close to the TSS says more about expression than sequence a kilobase away, and the
    same weights hold for every gene.
    """

    def __init__(self, tss_index: int, stride_bp: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tss_index = tss_index
        self.stride_bp = stride_bp

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Compute the weights of all positions."""
        centres = (np.arange(int(input_shape[1] or 0)) + 0.5) * self.stride_bp
        distance = np.abs(centres - (self.tss_index + 0.5))
        weights = 1 - distance / (distance.max() + self.stride_bp)
        self._weights = (weights / weights.sum()).astype("float32")

    def call(self, x: Any) -> Any:
        """Return the weighted mean over positions."""
        weights = ops.cast(ops.convert_to_tensor(self._weights), x.dtype)
        return ops.einsum("l,blc->bc", weights, x)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape without the axis of positions."""
        return (input_shape[0], input_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for saving."""
        own = {"tss_index": self.tss_index, "stride_bp": self.stride_bp}
        return super().get_config() | own
