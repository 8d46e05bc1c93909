"""The output layer that Keras lacks."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dexkit_heads")
class SharedColumn(keras.layers.Layer):
    """Put a column in front of the input: one value, the same for every gene.

    Parameters
    ----------
    initial : float
        The value, or where it starts.
    **kwargs
        Passed to :class:`keras.layers.Layer`; ``trainable=False`` keeps the value.

    Notes
    -----
    Input shape: ``(batch, n)``. Output shape: ``(batch, 1 + n)``.
    """

    def __init__(self, initial: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the one weight."""
        constant = keras.initializers.Constant(self.initial)
        self.value = self.add_weight(shape=(1, 1), initializer=constant, name="value")

    def call(self, x: Any) -> Any:
        """Return the value and the input side by side."""
        column = ops.ones_like(x[:, :1]) * ops.cast(self.value, x.dtype)
        return ops.concatenate([column, x], axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape with one more column."""
        return (input_shape[0], (input_shape[1] or 0) + 1)

    def get_config(self) -> dict[str, Any]:
        """Return the configuration for saving."""
        return super().get_config() | {"initial": self.initial}
