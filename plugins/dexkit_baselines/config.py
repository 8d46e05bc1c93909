"""Options of the baselines: what ``plugins show`` lists and ``--set NAME.KEY=VALUE`` changes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dexkit.hooks import PluginConfig

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class KmerConfig(PluginConfig):
    """Options of the k-mer features."""

    k: int = Field(4, ge=1, le=8, description="word length; 4 suits small data (paper: 6)")
    both_strands: bool = Field(False, description="add the counts of the reverse complement")


class PenaltiesConfig(PluginConfig):
    """Options of ``contact-ridge``."""

    penalties: tuple[Positive, ...] = Field(
        tuple(float(10 ** (i / 4)) for i in range(25)),
        min_length=1,
        description="penalties to choose from by leave-one-out error inside the training genes",
    )


class RidgeConfig(KmerConfig, PenaltiesConfig):
    """Options of ``ridge``."""


class LogisticConfig(KmerConfig):
    """Options of ``logistic``."""

    strengths: tuple[Positive, ...] = Field(
        tuple(float(10 ** (i / 2)) for i in range(-12, 1)),
        min_length=1,
        description="inverse penalties to choose from by the inner cross-validation",
    )
    inner_folds: int = Field(10, ge=2, description="random folds inside the training genes")


class PaperConfig(KmerConfig):
    """Options of ``linear``: the features of the paper.

    Longer words than 6 are refused: 4**7 + 401 columns of 20,000 genes are 1.3 GB.
    """

    k: int = Field(6, ge=1, le=6, description="word length (paper: 6)")


class InnerConfig(PaperConfig):
    """Options of everything that is chosen by an inner cross-validation (paper: 10 folds)."""

    inner_folds: int = Field(10, ge=2, description="random folds inside the training genes")


class LassoConfig(InnerConfig):
    """Options of ``lasso``."""

    penalty_shares: tuple[Share, ...] = Field(
        tuple(round(float(10 ** (-i / 20)), 6) for i in range(41)),
        min_length=1,
        description="path of penalties, as shares of the smallest that leaves no feature",
    )
    max_sweeps: Count = Field(1000, description="most sweeps of coordinate descent a penalty")


class ElasticNetConfig(LassoConfig):
    """Options of ``elastic-net``."""

    l1_shares: tuple[Share, ...] = Field(
        (0.1, 0.5, 0.9), min_length=1, description="shares of the L1 penalty to choose from"
    )


class SubsetConfig(InnerConfig):
    """Options of estimators whose inner cross-validation uses some of the training genes."""

    inner_genes: int = Field(
        4000, ge=2, description="most training genes (drawn at random) in the inner folds"
    )


class ForestConfig(SubsetConfig):
    """Options of ``random-forest`` and ``random-forest-classifier``."""

    trees: Count = Field(300, description="trees of the forest")
    inner_trees: Count = Field(50, description="trees of the forests of the inner folds")
    feature_shares: tuple[Share, ...] = Field(
        (0.02, 0.1), min_length=1, description="shares of the features tried at a split"
    )
    leaf_genes: tuple[Count, ...] = Field(
        (3, 10), min_length=1, description="least genes of a leaf"
    )


class BoostingConfig(SubsetConfig):
    """Options of ``gradient-boosting``."""

    learning_rate: Positive = Field(0.1, description="weight of each tree")
    iterations: tuple[Count, ...] = Field(
        (25, 50, 100, 200), min_length=1, description="numbers of trees to choose from"
    )
    leaves: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (4, 16), min_length=1, description="most leaves of a tree, to choose from"
    )
    leaf_genes: Count = Field(20, description="least genes of a leaf")


class SvmConfig(SubsetConfig):
    """Options of ``svm``."""

    landmarks: Count = Field(
        500, description="training genes that span the kernel; all of them where there are fewer"
    )
    strengths: tuple[Positive, ...] = Field(
        (0.001, 0.01, 0.1, 1.0, 10.0), min_length=1, description="inverse penalties C"
    )
    widths: tuple[Positive, ...] = Field(
        (0.3, 1.0, 3.0), min_length=1, description="RBF gamma times the number of features"
    )
