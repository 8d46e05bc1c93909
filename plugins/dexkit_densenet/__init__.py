"""The promoter network of DeepExpression as a plugin: a densely connected 1-D CNN."""

from __future__ import annotations

from dexkit.hooks import EncoderEntry, hookimpl
from dexkit_densenet.config import PAPER, DensenetConfig

__all__ = ["DensenetConfig", "dexkit_encoders"]


@hookimpl
def dexkit_encoders() -> list[EncoderEntry]:
    """Register the encoder ``densenet`` for the ``sequence`` block."""
    return [
        EncoderEntry(
            name="densenet",
            block="sequence",
            config=DensenetConfig,
            factory="dexkit_densenet.network:build",
            summary="densely connected promoter network (DeepExpression)",
            default=True,
            presets={"paper": PAPER},
        )
    ]
