"""Assignment of genes to folds: whole chromosomes, whole groups, or genes at random."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, TrainingError

#: Folds of the chromosome scheme of GraphReg, see :func:`graphreg_chromosomes`.
GRAPHREG_FOLDS = 11


def chromosome_folds(chroms: Sequence[str], n_folds: int) -> npt.NDArray[np.int16]:
    """Assign whole chromosomes to folds of similar gene number.

    Parameters
    ----------
    chroms : sequence of str, length n_genes
        Chromosome of each gene.
    n_folds : int
        Number of folds, at least 2.

    Returns
    -------
    ndarray of shape (n_genes,), dtype int16
        Fold of each gene, 0-based.

    Raises
    ------
    ConfigError
        If ``n_folds`` is below 2.
    TrainingError
        If there are fewer chromosomes than folds.

    Notes
    -----
    Greedy: chromosomes by falling gene number (ties by name), each to the fold with the fewest
    genes so far (ties to the lowest fold). The result depends on how many genes each chromosome
    has, not on the order of the genes.

    Examples
    --------
    >>> chromosome_folds(["chr1", "chr2", "chr1", "chr3"], 2).tolist()
    [0, 1, 0, 1]
    """
    check_n_folds(n_folds)
    sizes = Counter(str(chrom) for chrom in chroms)
    if len(sizes) < n_folds:
        raise TrainingError(
            f"{n_folds} chromosome folds need at least {n_folds} chromosomes; got {len(sizes)} "
            f"({list_chromosomes(sizes)}); {_fewer_folds_hint(len(sizes))}"
        )
    fold_of = balanced_groups(dict(sizes), n_folds)
    return np.array([fold_of[str(chrom)] for chrom in chroms], dtype=np.int16)


def random_folds(n: int, n_folds: int, seed: int) -> npt.NDArray[np.int16]:
    """Assign genes to folds at random (leaky: paper protocol).

    Parameters
    ----------
    n : int
        Number of genes.
    n_folds : int
        Number of folds, at least 2 and at most ``n``.
    seed : int
        Seed of the shuffle.

    Returns
    -------
    ndarray of shape (n,), dtype int16
        Fold of each gene, 0-based; fold sizes differ by one at most.

    Raises
    ------
    ConfigError
        If ``n_folds`` is below 2 or ``seed`` is negative.
    TrainingError
        If there are fewer genes than folds.
    """
    check_n_folds(n_folds)
    check_seed(seed)
    if n < n_folds:
        raise TrainingError(
            f"{n_folds} folds need at least {n_folds} genes; got {n}; ask for fewer folds"
        )
    folds = np.empty(n, dtype=np.int16)
    folds[np.random.default_rng(seed).permutation(n)] = np.arange(n) % n_folds
    return folds


def group_folds(
    groups: npt.NDArray[np.intp], n_folds: int, seed: int | Sequence[int]
) -> npt.NDArray[np.int16]:
    """Assign whole groups of genes to folds of similar gene number.

    Parameters
    ----------
    groups : ndarray of shape (n_genes,), dtype intp
        Group of each gene; any integers.
    n_folds : int
        Number of folds, at least 2 and at most the number of groups.
    seed : int or sequence of int
        Decides the order of groups of equal size.

    Returns
    -------
    ndarray of shape (n_genes,), dtype int16
        Fold of each gene, 0-based.

    Raises
    ------
    ConfigError
        If ``n_folds`` is below 2.
    TrainingError
        If there are fewer groups than folds.

    Notes
    -----
    Greedy: groups by falling gene number, each to the fold with the fewest genes so far (ties to
    the lowest fold). A group larger than a fold's share makes its fold as large as itself.
    """
    check_n_folds(n_folds)
    _, of_gene, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    if len(sizes) < n_folds:
        raise TrainingError(
            f"{n_folds} folds of whole groups need at least {n_folds} groups of related genes; got "
            f"{len(sizes)}, the largest of {max(sizes, default=0)} genes; ask for fewer folds"
        )
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    fold_of = np.empty(len(sizes), dtype=np.int16)
    totals = [(0, fold) for fold in range(n_folds)]
    for group in order.tolist():
        total, fold = totals[0]
        fold_of[group] = fold
        heapq.heapreplace(totals, (total + int(sizes[group]), fold))
    return np.asarray(fold_of[of_gene])


def graphreg_chromosomes(fold: int) -> tuple[frozenset[str], frozenset[str]]:
    """Return the chromosomes that GraphReg and EPInformer test and validate on.

    Parameters
    ----------
    fold : int
        0-based fold, below :data:`GRAPHREG_FOLDS`.

    Returns
    -------
    test, validation : frozenset of str
        Chromosome names without ``chr``. Fold *k*, counted from 1, tests *k* + 1 and *k* + 11 and
        validates on *k* and *k* + 10; the eleventh, which the scripts of GraphReg add, tests 1,
        22 and X and validates on 11 and 21. Y and unplaced sequences are never held out.

    References
    ----------
    Karbalayghareh, Sahin, Leslie (2022), *Genome Research* 32:930.
    """
    k = fold + 1
    test = {"1", "22", "X"} if k == GRAPHREG_FOLDS else {str(k + 1), str(k + 11)}
    return frozenset(test), frozenset({str(k), str(k + 10)})


def balanced_groups(sizes: Mapping[str, int], n_groups: int) -> dict[str, int]:
    """Give each chromosome, largest first, to the group with the fewest genes so far.

    Parameters
    ----------
    sizes : mapping of str to int
        Gene number by chromosome.
    n_groups : int
        Number of groups.

    Returns
    -------
    dict of str to int
        Group of each chromosome, 0-based; ties go to the first name and the lowest group.
    """
    totals = [0] * n_groups
    group_of: dict[str, int] = {}
    for chrom in sorted(sizes, key=lambda name: (-sizes[name], name)):
        group = totals.index(min(totals))
        group_of[chrom] = group
        totals[group] += sizes[chrom]
    return group_of


def check_n_folds(n_folds: int) -> None:
    """Raise ConfigError unless there are at least two folds."""
    if n_folds < 2:
        raise ConfigError(f"the number of folds must be at least 2; got {n_folds}")


def check_seed(seed: int) -> None:
    """Raise ConfigError when the seed is negative."""
    if seed < 0:
        raise ConfigError(f"the seed must not be negative; got {seed}")


def _fewer_folds_hint(n_chroms: int) -> str:
    # Three chromosomes are the least that a test, a validation and a training part can share.
    if n_chroms >= 3:
        return f"ask for at most --folds {n_chroms}, or use --split random (leaky)"
    return "use --split random (leaky), or more chromosomes"


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts ``chr2`` before ``chr10`` and numbers before letters."""
    return tuple(
        (0, int(part), "") if part.isdecimal() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    )


def in_natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names as strings, sorted by :func:`natural_key`."""
    return tuple(sorted((str(name) for name in names), key=natural_key))


def list_chromosomes(sizes: Mapping[str, int], limit: int = 8) -> str:
    """Return ``"chr1 120, chr2 80 and 3 more"`` for messages."""
    names = in_natural_order(sizes)
    listed = ", ".join(f"{name} {sizes[name]:,}" for name in names[:limit])
    return listed if len(names) <= limit else f"{listed} and {len(names) - limit} more"
