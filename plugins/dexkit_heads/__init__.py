"""The built-in heads as a plugin: those of DeepExpression, and likelihoods of counts."""

from __future__ import annotations

from dexkit.hooks import HeadEntry, NoConfig, hookimpl
from dexkit_heads.config import (
    ClassificationConfig,
    MultiTaskConfig,
    NegativeBinomialConfig,
    RegressionConfig,
)

__all__ = [
    "ClassificationConfig",
    "MultiTaskConfig",
    "NegativeBinomialConfig",
    "RegressionConfig",
    "dexkit_heads",
]


@hookimpl
def dexkit_heads() -> list[HeadEntry]:
    """Register the heads of a value, of classes, of counts and of several samples."""
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
        HeadEntry(
            name="poisson",
            task="regression",
            config=NoConfig,
            factory="dexkit_heads.counts:PoissonHead",
            summary="mean of counts, quasi-Poisson deviance",
            target="raw",
        ),
        HeadEntry(
            name="negative-binomial",
            task="regression",
            config=NegativeBinomialConfig,
            factory="dexkit_heads.counts:NegativeBinomialHead",
            summary="mean and learnt dispersion of counts, negative binomial likelihood",
            target="raw",
        ),
        HeadEntry(
            name="multi-task",
            task="regression",
            config=MultiTaskConfig,
            factory="dexkit_heads.multitask:MultiTaskHead",
            summary="a linear output for each sample, what is not measured left out of the loss",
            per_sample=True,
        ),
    ]
