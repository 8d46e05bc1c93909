"""The heads of DeepExpression as a plugin: regression and classification."""

from __future__ import annotations

from dexkit.hooks import HeadEntry, hookimpl
from dexkit_heads.config import ClassificationConfig, RegressionConfig

__all__ = ["ClassificationConfig", "RegressionConfig", "dexkit_heads"]


@hookimpl
def dexkit_heads() -> list[HeadEntry]:
    """Register the heads ``regression`` and ``classification``."""
    return [
        HeadEntry(
            name="regression",
            task="regression",
            config=RegressionConfig,
            factory="dexkit_heads.heads:RegressionHead",
            summary="linear output, squared error on the standardised target",
        ),
        HeadEntry(
            name="classification",
            task="classification",
            config=ClassificationConfig,
            factory="dexkit_heads.heads:ClassificationHead",
            summary="softmax over low and high expression, cross-entropy",
        ),
    ]
