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
    tss_fraction : float
        Place of the TSS along the axis, from 0 (first position) to 1 (last).
    **kwargs
        Passed to :class:`keras.layers.Layer`.

    Notes
    -----
    Input shape: ``(batch, length, channels)``. Output shape: ``(batch, channels)``.

    The weight of position ``p`` is ``1 - |p - tss| / reach``, with ``reach`` so large that the
    farthest position still counts; weights sum to 1. Sequence close to the TSS says more about
    expression than sequence a kilobase away, and the same weights hold for every gene.
    """

    def __init__(self, tss_fraction: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.tss_fraction = tss_fraction

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Compute the weights of all positions."""
        length = int(input_shape[1] or 0)
        distance = np.abs(np.arange(length) + 0.5 - self.tss_fraction * length)
        weights = 1 - distance / (distance.max() + 1)
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
        return super().get_config() | {"tss_fraction": self.tss_fraction}
