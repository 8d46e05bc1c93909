"""Options of the baselines."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dexkit.hooks import PluginConfig

Positive = Annotated[float, Field(gt=0)]


class KmerConfig(PluginConfig):
    """Options of the k-mer features."""

    k: int = Field(4, ge=1, le=8, description="word length; 4 suits small data (paper: 6)")
    both_strands: bool = Field(False, description="add the counts of the reverse complement")


class RidgeConfig(KmerConfig):
    """Options of ``ridge``."""

    penalties: tuple[Positive, ...] = Field(
        tuple(float(10 ** (i / 4)) for i in range(25)),
        min_length=1,
        description="penalties to choose from by leave-one-out error inside the training genes",
    )


class LogisticConfig(KmerConfig):
    """Options of ``logistic``."""

    strengths: tuple[Positive, ...] = Field(
        tuple(float(10 ** (i / 2)) for i in range(-12, 1)),
        min_length=1,
        description="inverse penalties to choose from by cross-validation inside the training",
    )
    inner_folds: int = Field(5, ge=2, description="folds of the inner cross-validation")
