"""Splits of genes into training, validation and test parts.

The default keeps whole chromosomes together, because neighbouring genes share promoters, contact
profiles and family members; genes drawn at random leak all of these across the split. Random
genes remain available, stamped leaky, to re-run the protocol of the paper.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, TrainingError, did_you_mean
from dexkit.evaluation.folds import (
    balanced_groups,
    check_n_folds,
    check_seed,
    chromosome_folds,
    in_natural_order,
    list_chromosomes,
    random_folds,
)

__all__ = [
    "LEAKY_NOTE",
    "MIN_PART_GENES",
    "SPLIT_KINDS",
    "VALIDATION_FRACTION",
    "Split",
    "SplitKind",
    "chromosome_folds",
    "make_split",
    "random_folds",
]

SplitKind = Literal["chromosome", "random"]
SPLIT_KINDS: tuple[SplitKind, ...] = ("chromosome", "random")

LEAKY_NOTE = "leaky: paper protocol"

# Train : validation = 0.8 : 0.1 inside the training folds (Zeng, Wang and Jiang 2019, Methods).
VALIDATION_FRACTION = 1 / 9

# A correlation over two genes is always +1 or -1, so a part below three genes measures nothing.
MIN_PART_GENES = 3

# Keeps the random stream of the validation draw apart from that of the folds.
_VALIDATION_STREAM = 1


@dataclass(frozen=True)
class Split:
    """One division of the usable genes of a feature file.

    Parameters
    ----------
    train, validation, test : ndarray of shape (n_part,), dtype intp
        Gene indices into the feature file, ascending, pairwise disjoint.
    kind : str
        ``"chromosome"`` or ``"random"``.
    n_folds : int
        Number of folds of the cross-validation this split is part of.
    fold : int
        0-based fold that is the test part.
    seed : int
        Seed; it has no effect on chromosome splits.
    leaky : bool
        Whether related genes may sit on both sides (random genes).
    test_chroms, validation_chroms : tuple of str
        Whole chromosomes of these parts; empty for random genes.
    """

    train: npt.NDArray[np.intp]
    validation: npt.NDArray[np.intp]
    test: npt.NDArray[np.intp]
    kind: str
    n_folds: int
    fold: int
    seed: int
    leaky: bool
    test_chroms: tuple[str, ...] = ()
    validation_chroms: tuple[str, ...] = ()

    def describe(self) -> dict[str, Any]:
        """Return everything but the gene indices as JSON-able values."""
        return {
            "kind": self.kind,
            "n_folds": self.n_folds,
            "fold": self.fold,
            "seed": self.seed,
            "leaky": self.leaky,
            "note": LEAKY_NOTE if self.leaky else "",
            "test_chroms": list(self.test_chroms),
            "validation_chroms": list(self.validation_chroms),
            "n": {
                "train": len(self.train),
                "validation": len(self.validation),
                "test": len(self.test),
            },
        }


def make_split(
    chroms: Sequence[str],
    usable: npt.NDArray[np.bool_],
    kind: str = "chromosome",
    n_folds: int = 5,
    fold: int = 0,
    seed: int = 0,
    validation_fraction: float = VALIDATION_FRACTION,
    member: int = 0,
) -> Split:
    """Divide the usable genes into training, validation and test parts.

    Parameters
    ----------
    chroms : sequence of str, length n_genes
        Chromosome of every gene of the feature file.
    usable : ndarray of shape (n_genes,), dtype bool
        Genes that have what the run needs (expression, contacts); the others are in no part.
    kind : str
        ``"chromosome"`` (whole chromosomes) or ``"random"`` (random genes, leaky).
    n_folds, fold : int
        Number of folds, and the 0-based fold that becomes the test part.
    seed : int
        Seed of random splits, not negative.
    validation_fraction : float
        Part of the genes outside the test fold that is held out for early stopping, in (0, 1).
    member : int
        0-based number of the ensemble member; see Notes.

    Returns
    -------
    Split
        Test genes are the same for every member.

    Raises
    ------
    ConfigError
        If an option is out of its range.
    InputError
        If ``chroms`` and ``usable`` differ in length, or no gene is usable.
    TrainingError
        If the genes cannot be divided as asked: too few chromosomes or too few genes.

    Notes
    -----
    *Folds.* Chromosome folds are balanced by the gene number of the file, over the chromosomes
    that hold a usable gene; random folds are drawn over all genes of the file. Samples of one
    feature file whose usable genes lie on the same chromosomes therefore share their folds.

    *Validation, chromosome kind.* The chromosomes outside the test fold are put into
    ``round(1 / validation_fraction)`` sets (fewer when there are fewer chromosomes) by the same
    greedy balance, over usable genes. The sets are disjoint and are ranked by how near their gene
    number is to the fraction asked for; member ``m`` takes set ``m`` modulo the number of sets.
    Sets that would leave fewer than three genes on either side are passed over.

    *Validation, random kind.* The genes outside the test fold are shuffled once and cut into
    consecutive disjoint slices of the fraction asked for; member ``m`` takes slice ``m`` modulo
    the number of slices.

    References
    ----------
    Zeng, Wang, Jiang (2019), *Bioinformatics*: random folds, train : validation = 0.8 : 0.1.
    """
    usable = np.asarray(usable, dtype=bool)
    names = np.array([str(chrom) for chrom in chroms], dtype=object)
    _check_options(kind, n_folds, fold, seed, validation_fraction, member)
    if usable.shape != names.shape:
        raise InputError(
            f"the usable mask must have one value a gene; got shape {usable.shape}, "
            f"expected ({len(names)},)"
        )
    if not usable.any():
        raise InputError(f"no usable gene; got {len(names)} genes, none with what the run needs")
    if kind == "random":
        return _random_split(usable, n_folds, fold, seed, validation_fraction, member)
    return _chromosome_split(names, usable, n_folds, fold, seed, validation_fraction, member)


def _chromosome_split(
    names: npt.NDArray[np.object_],
    usable: npt.NDArray[np.bool_],
    n_folds: int,
    fold: int,
    seed: int,
    fraction: float,
    member: int,
) -> Split:
    counts = Counter(names[usable].tolist())
    if len(counts) == 1:
        advice = "leave out the block that limits the genes, such as contacts"
        if len(set(names.tolist())) == 1:
            advice = (
                "build the feature file with genes of several chromosomes (imported arrays: --gtf)"
            )
        raise TrainingError(
            f"all {int(usable.sum())} usable genes lie on one chromosome "
            f"({list_chromosomes(counts)}), so no chromosome can be held out; use --split random "
            f"(leaky), or {advice}"
        )
    candidates = np.isin(names, list(counts))
    folds = np.full(len(names), -1, dtype=np.int16)
    folds[candidates] = chromosome_folds(names[candidates].tolist(), n_folds)
    in_test = usable & (folds == fold)
    test_chroms = in_natural_order(set(names[in_test]))

    rest = {chrom: n for chrom, n in counts.items() if chrom not in test_chroms}
    if len(rest) < 2:
        hint = "use more folds, or" if len(counts) > n_folds else "use more chromosomes, or"
        raise TrainingError(
            f"fold {fold} of {n_folds} leaves {len(rest)} chromosome ({list_chromosomes(rest)}) "
            f"for training and validation, which need one each; {hint} --split random (leaky)"
        )
    validation_chroms = _validation_chromosomes(rest, fraction, member, f"fold {fold}")
    in_validation = usable & np.isin(names, list(validation_chroms))
    return _checked(
        Split(
            train=np.flatnonzero(usable & ~in_test & ~in_validation),
            validation=np.flatnonzero(in_validation),
            test=np.flatnonzero(in_test),
            kind="chromosome",
            n_folds=n_folds,
            fold=fold,
            seed=seed,
            leaky=False,
            test_chroms=test_chroms,
            validation_chroms=validation_chroms,
        )
    )


def _validation_chromosomes(
    sizes: dict[str, int], fraction: float, member: int, where: str
) -> tuple[str, ...]:
    """Choose the validation set of one ensemble member; the rule is in :func:`make_split`."""
    total = sum(sizes.values())
    n_sets = min(len(sizes), max(2, round(1 / fraction)))
    set_of = balanced_groups(sizes, n_sets)
    sets = [
        in_natural_order(chrom for chrom, number in set_of.items() if number == i)
        for i in range(n_sets)
    ]
    n_genes = {chroms: sum(sizes[chrom] for chrom in chroms) for chroms in sets}
    fitting = [
        chroms for chroms in sets if MIN_PART_GENES <= n_genes[chroms] <= total - MIN_PART_GENES
    ]
    if not fitting:
        raise TrainingError(
            f"{where} leaves {total} genes on {len(sizes)} chromosomes "
            f"({list_chromosomes(sizes)}) for training and validation, which need at least "
            f"{MIN_PART_GENES} each; use more genes, or --split random (leaky)"
        )
    fitting.sort(key=lambda chroms: (abs(n_genes[chroms] / total - fraction), chroms))
    return fitting[member % len(fitting)]


def _random_split(
    usable: npt.NDArray[np.bool_],
    n_folds: int,
    fold: int,
    seed: int,
    fraction: float,
    member: int,
) -> Split:
    folds = random_folds(len(usable), n_folds, seed)
    rest = np.flatnonzero(usable & (folds != fold))
    # The guard against rounding keeps nine slices for a fraction of 1 / 9.
    n_slices = max(1, math.floor(1 / fraction + 1e-9))
    n_validation = max(1, min(round(fraction * len(rest)), len(rest) // n_slices))
    shuffled = np.random.default_rng([seed, fold, _VALIDATION_STREAM]).permutation(rest)
    start = (member % n_slices) * n_validation
    validation = np.sort(shuffled[start : start + n_validation])
    return _checked(
        Split(
            train=np.setdiff1d(rest, validation, assume_unique=True),
            validation=validation,
            test=np.flatnonzero(usable & (folds == fold)),
            kind="random",
            n_folds=n_folds,
            fold=fold,
            seed=seed,
            leaky=True,
        )
    )


def _checked(split: Split) -> Split:
    for part in ("train", "validation", "test"):
        n = len(getattr(split, part))
        if n < MIN_PART_GENES:
            raise TrainingError(
                f"fold {split.fold} of {split.n_folds} ({split.kind} split) has too few genes: "
                f"the {part} part got {n}, expected at least {MIN_PART_GENES}; use more genes, "
                "another number of folds or a larger validation fraction"
            )
    return split


def _check_options(
    kind: str, n_folds: int, fold: int, seed: int, fraction: float, member: int
) -> None:
    if kind not in SPLIT_KINDS:
        raise ConfigError(f"unknown split {kind!r}; {did_you_mean(kind, SPLIT_KINDS)}")
    check_n_folds(n_folds)
    check_seed(seed)
    if not 0 <= fold < n_folds:
        raise ConfigError(
            f"fold out of range: got {fold}, expected 0 to {n_folds - 1} with {n_folds} folds"
        )
    if not (math.isfinite(fraction) and 0 < fraction < 1):
        raise ConfigError(f"the validation fraction must lie between 0 and 1; got {fraction}")
    if member < 0:
        raise ConfigError(f"the ensemble member must not be negative; got {member}")
