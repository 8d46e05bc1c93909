"""Classical estimators as a plugin: what every network has to beat on the same genes."""

from __future__ import annotations

from dexkit.hooks import BaselineEntry, NoConfig, hookimpl
from dexkit_baselines.config import (
    BoostingConfig,
    ElasticNetConfig,
    ForestConfig,
    LassoConfig,
    LogisticConfig,
    PaperConfig,
    PenaltiesConfig,
    RidgeConfig,
    SvmConfig,
)

__all__ = ["LogisticConfig", "RidgeConfig", "dexkit_baselines"]

_BOTH = ("sequence", "contacts")


@hookimpl
def dexkit_baselines() -> list[BaselineEntry]:
    """Register what stands beside every network, the paper's estimators, and small ones."""
    return [*_companions(), *_regression(), *_classification(), *_small()]


def _companions() -> list[BaselineEntry]:
    """Return the quick ones that are fitted beside every network."""
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
            name="copy-mean",
            task="regression",
            blocks=("other-samples",),
            config=NoConfig,
            factory="dexkit_baselines.copies:CopyMean",
            summary="mean expression of the gene in the other samples of the file",
            companion=True,
        ),
        BaselineEntry(
            name="copy-best",
            task="regression",
            blocks=("other-samples",),
            config=NoConfig,
            factory="dexkit_baselines.copies:CopyBest",
            summary="expression of the gene in the other sample that is most alike",
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


def _regression() -> list[BaselineEntry]:
    """Return regression on the paper's features."""
    return [
        BaselineEntry(
            name="linear",
            task="regression",
            blocks=_BOTH,
            config=PaperConfig,
            factory="dexkit_baselines.linear:linear",
            summary="least squares on k-mer counts and contact bins",
        ),
        BaselineEntry(
            name="lasso",
            task="regression",
            blocks=_BOTH,
            config=LassoConfig,
            factory="dexkit_baselines.lasso:lasso",
            summary="L1-penalised regression on k-mer counts and contact bins",
        ),
        BaselineEntry(
            name="elastic-net",
            task="regression",
            blocks=_BOTH,
            config=ElasticNetConfig,
            factory="dexkit_baselines.lasso:elastic_net",
            summary="L1- and L2-penalised regression on k-mer counts and contact bins",
        ),
        BaselineEntry(
            name="random-forest",
            task="regression",
            blocks=_BOTH,
            config=ForestConfig,
            factory="dexkit_baselines.trees:random_forest",
            summary="random forest on k-mer counts and contact bins",
        ),
        BaselineEntry(
            name="gradient-boosting",
            task="regression",
            blocks=_BOTH,
            config=BoostingConfig,
            factory="dexkit_baselines.trees:BoostingBaseline",
            summary="boosted trees on k-mer counts and contact bins",
        ),
    ]


def _classification() -> list[BaselineEntry]:
    """Return classification on the paper's features."""
    return [
        BaselineEntry(
            name="svm",
            task="classification",
            blocks=_BOTH,
            config=SvmConfig,
            factory="dexkit_baselines.svm:svm",
            summary="RBF support vector machine on k-mer counts and contact bins",
        ),
        BaselineEntry(
            name="random-forest-classifier",
            task="classification",
            blocks=_BOTH,
            config=ForestConfig,
            factory="dexkit_baselines.trees:random_forest_classifier",
            summary="random forest on k-mer counts and contact bins",
        ),
    ]


def _small() -> list[BaselineEntry]:
    """Return regression on a few plain numbers."""
    return [
        BaselineEntry(
            name="gc",
            task="regression",
            blocks=("sequence",),
            config=NoConfig,
            factory="dexkit_baselines.linear:gc",
            summary="least squares on GC share and CpG observed over expected",
        ),
        BaselineEntry(
            name="tss-coverage",
            task="regression",
            blocks=("contacts",),
            config=NoConfig,
            factory="dexkit_baselines.linear:tss_bin",
            summary="least squares on the contact signal of the TSS bin",
        ),
        BaselineEntry(
            name="loop-sum",
            task="regression",
            blocks=("loops",),
            config=NoConfig,
            factory="dexkit_baselines.loops:loop_sum",
            summary="least squares on log2(1 + summed counts of the loops of the TSS bin)",
        ),
        BaselineEntry(
            name="loop-number",
            task="regression",
            blocks=("loops",),
            config=NoConfig,
            factory="dexkit_baselines.loops:loop_number",
            summary="least squares on log2(1 + number of loops of the TSS bin)",
        ),
        BaselineEntry(
            name="contact-ridge",
            task="regression",
            blocks=("contacts",),
            config=PenaltiesConfig,
            factory="dexkit_baselines.linear:contact_ridge",
            summary="ridge regression on contact bins alone",
        ),
    ]
