"""The encoder ``plugin-template`` for dexkit."""

from __future__ import annotations

from dexkit.hooks import EncoderEntry, hookimpl

from .config import Config

__all__ = ["Config", "dexkit_encoders"]


@hookimpl
def dexkit_encoders() -> list[EncoderEntry]:
    """Register the encoder ``plugin-template`` for the ``sequence`` block."""
    return [
        EncoderEntry(
            name="plugin-template",
            block="sequence",
            config=Config,
            factory="dexkit_plugin_template.network:build",
            summary="motif scanners, their best and mean match, one dense layer",
            presets={"small": {"n_filters": 32, "n_units": 16}},
        )
    ]
