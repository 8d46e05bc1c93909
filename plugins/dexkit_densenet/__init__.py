"""The promoter networks of DeepExpression as a plugin, and the presets of ``fit`` around them."""

from __future__ import annotations

from dexkit.hooks import EncoderEntry, PresetEntry, hookimpl
from dexkit_densenet.config import PAPER, Densenet2019Config, DensenetConfig
from dexkit_densenet.presets import PRESETS

__all__ = ["Densenet2019Config", "DensenetConfig", "dexkit_encoders", "dexkit_presets"]


@hookimpl
def dexkit_encoders() -> list[EncoderEntry]:
    """Register ``densenet`` and ``densenet-2019`` for the ``sequence`` block."""
    return [
        EncoderEntry(
            name="densenet",
            block="sequence",
            config=DensenetConfig,
            factory="dexkit_densenet.network:build",
            summary="densely connected promoter network (DeepExpression)",
            default=True,
            presets={"paper": PAPER},
        ),
        EncoderEntry(
            name="densenet-2019",
            block="sequence",
            config=Densenet2019Config,
            factory="dexkit_densenet.published:build",
            summary="the 2-D promoter network of DeepExpression's published code",
        ),
    ]


@hookimpl
def dexkit_presets() -> list[PresetEntry]:
    """Register ``densenet``, ``densenet-paper`` and ``densenet-2019``."""
    return list(PRESETS)
