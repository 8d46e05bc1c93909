"""Classical estimators as a plugin: what every network has to beat on the same genes."""

from __future__ import annotations

from dexkit.hooks import BaselineEntry, NoConfig, hookimpl
from dexkit_baselines.config import LogisticConfig, RidgeConfig

__all__ = ["LogisticConfig", "RidgeConfig", "dexkit_baselines"]

_BOTH = ("sequence", "contacts")


@hookimpl
def dexkit_baselines() -> list[BaselineEntry]:
    """Register ``mean``, ``ridge`` (regression), ``prior`` and ``logistic`` (classification)."""
    return [
        BaselineEntry(
            name="mean",
            task="regression",
            blocks=(),
            config=NoConfig,
            factory="dexkit_baselines.constant:Constant",
            summary="mean of the training genes",
            companion=True,
        ),
        BaselineEntry(
            name="ridge",
            task="regression",
            blocks=_BOTH,
            config=RidgeConfig,
            factory="dexkit_baselines.linear:ridge",
            summary="ridge regression on k-mer counts and contact bins",
            companion=True,
        ),
        BaselineEntry(
            name="prior",
            task="classification",
            blocks=(),
            config=NoConfig,
            factory="dexkit_baselines.constant:Constant",
            summary="share of the high class among the training genes",
            companion=True,
        ),
        BaselineEntry(
            name="logistic",
            task="classification",
            blocks=_BOTH,
            config=LogisticConfig,
            factory="dexkit_baselines.linear:logistic",
            summary="logistic regression on k-mer counts and contact bins",
            companion=True,
        ),
    ]
