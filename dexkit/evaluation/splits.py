"""Splits of genes into training, validation and test parts.

The default keeps whole chromosomes together, because neighbouring genes share promoters, contact
profiles and family members; genes drawn at random leak all of these across the split. Random
genes remain available, stamped leaky, to re-run the protocol of the paper. Relatives on other
chromosomes are kept on one side by the homology kinds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, TrainingError, did_you_mean
from dexkit.evaluation.folds import (
    GRAPHREG_FOLDS,
    balanced_groups,
    check_n_folds,
    check_seed,
    chromosome_folds,
    graphreg_chromosomes,
    group_folds,
    in_natural_order,
    list_chromosomes,
    random_folds,
)
from dexkit.evaluation.split import LEAKY_NOTE, MIN_PART_GENES, Split, checked

__all__ = [
    "GRAPHREG_FOLDS",
    "GROUP_KINDS",
    "LEAKY_NOTE",
    "MIN_PART_GENES",
    "SEEDED_KINDS",
    "SPLIT_KINDS",
    "VALIDATION_FRACTION",
    "Split",
    "SplitKind",
    "chromosome_folds",
    "make_split",
    "random_folds",
]

SplitKind = Literal["chromosome", "graphreg", "homology", "chromosome-homology", "random"]
SPLIT_KINDS: tuple[SplitKind, ...] = get_args(SplitKind)
#: Kinds that need to know which genes are related.
GROUP_KINDS: frozenset[str] = frozenset({"homology", "chromosome-homology"})
#: Kinds whose folds depend on the seed.
SEEDED_KINDS: frozenset[str] = frozenset({"random", "homology"})

# Train : validation = 0.8 : 0.1 inside the training folds (Zeng, Wang and Jiang 2019, Methods).
VALIDATION_FRACTION = 1 / 9

# Keeps the random stream of the validation draw apart from that of the folds.
_VALIDATION_STREAM = 1


def make_split(
    chroms: Sequence[str],
    usable: npt.NDArray[np.bool_],
    kind: str = "chromosome",
    n_folds: int = 5,
    fold: int = 0,
    seed: int = 0,
    validation_fraction: float = VALIDATION_FRACTION,
    member: int = 0,
    groups: npt.NDArray[np.intp] | None = None,
) -> Split:
    """Divide the usable genes into training, validation and test parts.

    Parameters
    ----------
    chroms : sequence of str, length n_genes
        Chromosome of every gene of the feature file.
    usable : ndarray of shape (n_genes,), dtype bool
        Genes that have what the run needs (expression, contacts); the others are in no part.
    kind : str
        ``"chromosome"`` (whole chromosomes), ``"graphreg"`` (whole chromosomes, 11 fixed folds),
        ``"homology"`` (whole groups of related genes), ``"chromosome-homology"`` (whole
        chromosomes; genes related to those of another part are left out) or ``"random"`` (random
        genes, leaky).
    n_folds, fold : int
        Number of folds, and the 0-based fold that becomes the test part.
    seed : int
        Seed of random and homology splits, not negative.
    validation_fraction : float
        Part of the genes outside the test fold that is held out for early stopping, in (0, 1).
    member : int
        0-based number of the ensemble member; see Notes. The graphreg kind has one validation
        part for all members.
    groups : ndarray of shape (n_genes,), dtype intp, optional
        Group of related genes that each gene is in, from 0; for the two homology kinds
        (:func:`dexkit.evaluation.homology.connected_groups`).

    Returns
    -------
    Split
        Test genes are the same for every member.

    Raises
    ------
    ConfigError
        If an option is out of its range.
    InputError
        If ``chroms``, ``usable`` and ``groups`` differ in length, or no gene is usable.
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

    *Homology kind.* Groups are folded over all genes of the file, see
    :func:`~dexkit.evaluation.folds.group_folds`; those outside the test fold are divided in the
    same way, over usable genes, into ``round(1 / validation_fraction)`` sets, of which member
    ``m`` takes set ``m`` modulo their number.

    *Chromosome-homology kind.* The chromosome kind, after which a validation gene that shares a
    group with a test gene, and a training gene that shares one with either, is in no part.

    References
    ----------
    Zeng, Wang, Jiang (2019), *Bioinformatics*: random folds, train : validation = 0.8 : 0.1.
    Karbalayghareh, Sahin, Leslie (2022), *Genome Research* (GraphReg): the graphreg folds.
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
    if kind == "graphreg":
        return _graphreg_split(names, usable, fold, seed)
    if kind == "chromosome":
        return _chromosome_split(names, usable, n_folds, fold, seed, validation_fraction, member)
    if groups is None or groups.shape != names.shape:
        got = "none" if groups is None else f"shape {groups.shape}"
        raise InputError(
            f"the {kind} split must know the group of every gene; got {got}, expected "
            f"({len(names)},)"
        )
    if kind == "homology":
        return _group_split(groups, usable, n_folds, fold, seed, validation_fraction, member)
    split = _chromosome_split(names, usable, n_folds, fold, seed, validation_fraction, member)
    return _without_relatives(split, groups)


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
    return checked(
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


def _graphreg_split(
    names: npt.NDArray[np.object_], usable: npt.NDArray[np.bool_], fold: int, seed: int
) -> Split:
    labels = np.array([name.removeprefix("chr").upper() for name in names], dtype=object)
    test_labels, validation_labels = graphreg_chromosomes(fold)
    in_test = usable & np.isin(labels, list(test_labels))
    in_validation = usable & np.isin(labels, list(validation_labels))
    return checked(
        Split(
            train=np.flatnonzero(usable & ~in_test & ~in_validation),
            validation=np.flatnonzero(in_validation),
            test=np.flatnonzero(in_test),
            kind="graphreg",
            n_folds=GRAPHREG_FOLDS,
            fold=fold,
            seed=seed,
            leaky=False,
            test_chroms=in_natural_order(set(names[in_test])),
            validation_chroms=in_natural_order(set(names[in_validation])),
        )
    )


def _group_split(
    groups: npt.NDArray[np.intp],
    usable: npt.NDArray[np.bool_],
    n_folds: int,
    fold: int,
    seed: int,
    fraction: float,
    member: int,
) -> Split:
    folds = group_folds(groups, n_folds, seed)
    rest = np.flatnonzero(usable & (folds != fold))
    n_groups = len(np.unique(groups[rest]))
    if n_groups < 2:
        raise TrainingError(
            f"fold {fold} of {n_folds} (homology split) leaves {n_groups} groups of related genes "
            "for training and validation, which need one each; use more genes, or fewer relations"
        )
    n_sets = min(n_groups, max(2, round(1 / fraction)))
    sets = group_folds(groups[rest], n_sets, [seed, fold, _VALIDATION_STREAM])
    in_validation = sets == member % n_sets
    return checked(
        Split(
            train=rest[~in_validation],
            validation=rest[in_validation],
            test=np.flatnonzero(usable & (folds == fold)),
            kind="homology",
            n_folds=n_folds,
            fold=fold,
            seed=seed,
            leaky=False,
        )
    )


def _without_relatives(split: Split, groups: npt.NDArray[np.intp]) -> Split:
    """Take the genes out that are related to genes of another part; test genes stay."""
    validation = split.validation[~np.isin(groups[split.validation], groups[split.test])]
    held_out = groups[np.concatenate([split.test, validation])]
    train = split.train[~np.isin(groups[split.train], held_out)]
    before = np.concatenate([split.train, split.validation])
    left_out = np.setdiff1d(before, np.concatenate([train, validation]))
    return checked(
        replace(
            split,
            kind="chromosome-homology",
            train=train,
            validation=validation,
            left_out=left_out,
        )
    )


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
    return checked(
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


def _check_options(
    kind: str, n_folds: int, fold: int, seed: int, fraction: float, member: int
) -> None:
    if kind not in SPLIT_KINDS:
        raise ConfigError(f"unknown split {kind!r}; {did_you_mean(kind, SPLIT_KINDS)}")
    check_n_folds(n_folds)
    check_seed(seed)
    if kind == "graphreg" and n_folds != GRAPHREG_FOLDS:
        raise ConfigError(
            f"the graphreg split has {GRAPHREG_FOLDS} folds; got {n_folds}, give --folds "
            f"{GRAPHREG_FOLDS}"
        )
    if not 0 <= fold < n_folds:
        raise ConfigError(
            f"fold out of range: got {fold}, expected 0 to {n_folds - 1} with {n_folds} folds"
        )
    if not (math.isfinite(fraction) and 0 < fraction < 1):
        raise ConfigError(f"the validation fraction must lie between 0 and 1; got {fraction}")
    if member < 0:
        raise ConfigError(f"the ensemble member must not be negative; got {member}")
