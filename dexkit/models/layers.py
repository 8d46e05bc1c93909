"""Layers that dexkit itself puts between the data and the encoders."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dexkit")
class OneHotBases(keras.layers.Layer):
    """Turn base codes into one-hot DNA on the device, so that one byte a base travels.

    Parameters
    ----------
    n_value : float, optional
        Value of all four columns for an unknown base (code 4): 0 says nothing is known, 0.25
        says each base is as likely.
    **kwargs
        Passed to :class:`keras.layers.Layer`.

    Notes
    -----
    Input shape: ``(batch, length_bp)``, integer codes 0 to 4.
    Output shape: ``(batch, length_bp, 4)``, columns A, C, G, T.
    """

    def __init__(self, n_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n_value = n_value

    def call(self, codes: Any) -> Any:
        """Look every code up; code 4 lies outside and gives zeros, then ``n_value``."""
        codes = ops.cast(codes, "int32")
        one_hot = ops.one_hot(codes, 4, dtype=self.compute_dtype)
        if not self.n_value:
            return one_hot
        unknown = ops.cast(ops.expand_dims(ops.greater(codes, 3), -1), self.compute_dtype)
        return one_hot + self.n_value * unknown

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the input shape with a last axis of 4."""
        return (*input_shape, 4)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for saving."""
        return super().get_config() | {"n_value": self.n_value}
