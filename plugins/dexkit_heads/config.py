"""Options of the heads."""

from __future__ import annotations

from pydantic import Field

from dexkit.hooks import PluginConfig


class RegressionConfig(PluginConfig):
    """Options of the head ``regression``."""

    huber_delta: float | None = Field(
        None, gt=0, description="Huber loss with this delta (standard deviations); none: squared"
    )


class ClassificationConfig(PluginConfig):
    """Options of the head ``classification``."""

    threshold: float | None = Field(
        None, description="log10 expression above which a gene is high; none: training median"
    )
