"""Options of the heads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from dexkit.hooks import PluginConfig


class RegressionConfig(PluginConfig):
    """Options of the head ``regression``."""

    huber_delta: float | None = Field(
        None,
        gt=0,
        description="Huber loss with this delta (standard deviations; with output=relu log10 "
        "units); none: squared",
    )
    output: Literal["linear", "relu"] = Field(
        "linear",
        description="relu: the published code of DeepExpression: log10 values as they are, not "
        "standardised, and no prediction below 0",
    )


class MultiTaskConfig(PluginConfig):
    """Options of the head ``multi-task``."""

    huber_delta: float | None = Field(
        None,
        gt=0,
        description="Huber loss with this delta (standard deviations of a sample); none: squared",
    )


class ClassificationConfig(PluginConfig):
    """Options of the head ``classification``."""

    threshold: float | None = Field(
        None, description="log10 expression above which a gene is high; none: training median"
    )


class NegativeBinomialConfig(PluginConfig):
    """Options of the head ``negative-binomial``."""

    dispersion: Literal["shared", "per-gene"] = Field(
        "shared",
        description="one dispersion for all genes, or one that the network predicts for each",
    )
