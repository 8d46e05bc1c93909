"""The leakage report: related genes on the two sides of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.relations import Relations
from dexkit.evaluation.split_file import SplitTable
from dexkit.evaluation.stamps import stamps

if TYPE_CHECKING:
    import pandas as pd

#: Near-copies that the report lists, the most similar first.
N_WORST = 10

#: One a gene: how many training and validation genes a test gene is related to in this fold.
_Counts = npt.NDArray[np.int64]
_Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Leak:
    """One way in which test genes are related to genes that the model learns from.

    Parameters
    ----------
    name : str
        Key, as in the JSON output.
    text : str
        What relates the genes.
    genes : tuple of int, or None
        By fold, the test genes with at least one relative among training and validation genes.
        None: the feature file cannot tell.
    pairs : tuple of int, or None
        By fold, the pairs of a test gene and a training or validation gene.
    """

    name: str
    text: str
    genes: tuple[int, ...] | None
    pairs: tuple[int, ...] | None


@dataclass(frozen=True)
class LeakageReport:
    """What leaks across a split.

    Parameters
    ----------
    split : mapping
        Kind, folds, seed, leaky and file of the split.
    n_test : tuple of int
        Test genes by fold.
    n_left_out : tuple of int
        Genes in no part, by fold.
    leaks : tuple of Leak
        One a relation.
    worst : tuple of mapping
        The most similar near-copies across the split.
    """

    split: Mapping[str, Any]
    n_test: tuple[int, ...]
    n_left_out: tuple[int, ...]
    leaks: tuple[Leak, ...]
    worst: tuple[Mapping[str, Any], ...]

    def find(self, name: str) -> Leak:
        """Return one relation by its key."""
        return next(leak for leak in self.leaks if leak.name == name)

    def to_json(self) -> dict[str, Any]:
        """Return plain values: sums over the folds, and the numbers of each fold."""
        n_test = sum(self.n_test)
        return {
            "split": dict(self.split),
            "n_test": list(self.n_test),
            "n_left_out": list(self.n_left_out),
            "leaks": [
                {
                    "name": leak.name,
                    "text": leak.text,
                    "genes": None if leak.genes is None else sum(leak.genes),
                    "share": None if leak.genes is None else sum(leak.genes) / n_test,
                    "pairs": None if leak.pairs is None else sum(leak.pairs),
                    "genes_by_fold": None if leak.genes is None else list(leak.genes),
                    "pairs_by_fold": None if leak.pairs is None else list(leak.pairs),
                }
                for leak in self.leaks
            ],
            "worst_near_copies": [dict(pair) for pair in self.worst],
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row a relation and fold: ``leakage.tsv``.

        Returns
        -------
        DataFrame
            ``relation`` (its key), ``text``, ``fold``, ``n_test`` (test genes), ``genes`` (with at
            least one relative among training and validation genes), ``share``, ``pairs``, stamps.
            Relations that the feature file cannot tell have a row a fold, without numbers.
        """
        import pandas as pd

        made = stamps(self.split, bool(self.split["leaky"]), [int(self.split["seed"])])
        rows = [
            {
                "relation": leak.name,
                "text": leak.text,
                "fold": fold,
                "n_test": n_test,
                "genes": None if leak.genes is None else leak.genes[fold],
                "share": None if leak.genes is None else leak.genes[fold] / n_test,
                "pairs": None if leak.pairs is None else leak.pairs[fold],
            }
            for leak in self.leaks
            for fold, n_test in enumerate(self.n_test)
        ]
        frame = pd.DataFrame(rows).astype({"genes": "Int64", "pairs": "Int64", "share": "float64"})
        return frame.assign(**made)


def find_leaks(relations: Relations, table: SplitTable, min_similarity: float) -> LeakageReport:
    """Look for relations between the test genes of each fold and what the model learns from.

    Parameters
    ----------
    relations : Relations
        Relations among the genes of the feature file.
    table : SplitTable
        The split, its genes in the order of the file.
    min_similarity : float
        Threshold that the near-copies were found with, for the text.

    Returns
    -------
    LeakageReport
        Counts by relation and fold, and the worst pairs.
    """
    sides = [
        (table.rows(fold, "test"), table.rows(fold, "train") | table.rows(fold, "validation"))
        for fold in range(table.n_folds)
    ]
    counted = [count_relatives(relations, *side) for side in sides]
    texts = relation_texts(relations, min_similarity)
    return LeakageReport(
        split={
            "kind": table.kind,
            "n_folds": table.n_folds,
            "seed": table.seed,
            "leaky": table.leaky,
            "file": table.file or None,
        },
        n_test=tuple(int(test.sum()) for test, _ in sides),
        n_left_out=tuple(int(table.rows(f, "left_out").sum()) for f in range(table.n_folds)),
        leaks=tuple(
            _leak(name, text, [fold[name] for fold in counted]) for name, text in texts.items()
        ),
        worst=tuple(_worst(relations, sides)),
    )


def relation_texts(relations: Relations, min_similarity: float) -> dict[str, str]:
    """Return what relates two genes, in words, by the keys of :func:`count_relatives`.

    Parameters
    ----------
    relations : Relations
        Relations among the genes of a feature file.
    min_similarity : float
        Threshold that the near-copies were found with.
    """
    return {
        "near_copies": f"near-copies (k-mer similarity from {min_similarity:g})",
        "identical_sequences": "identical promoter sequences",
        "duplicated_genes": "the same gene name",
        "overlapping_promoters": "overlapping promoters",
        "same_bin": f"one TSS bin of {relations.bin_size_bp:,} bp (identical contact profiles)",
        "shared_bins": "shared contact bins (overlapping profiles)",
    }


def count_relatives(relations: Relations, test: _Mask, learnt: _Mask) -> dict[str, _Counts | None]:
    """Count the relatives of each test gene among the genes that the model learns from.

    Parameters
    ----------
    relations : Relations
        Relations among the genes of a feature file.
    test, learnt : ndarray of shape (n_genes,), dtype bool
        Test genes; training and validation genes.

    Returns
    -------
    dict of str to ndarray of shape (n_genes,), dtype int64, or None
        By relation, 0 for genes that are not tested. None: the feature file cannot tell.
    """
    bins, window, profile = relations.tss_bin, relations.window_bp, relations.profile_bins
    chrom = relations.chrom
    return {
        "near_copies": None if relations.copies is None else _copies(relations, test, learnt),
        "identical_sequences": (
            None if relations.sequence is None else _same(relations.sequence, test, learnt)
        ),
        "duplicated_genes": _same(relations.name, test, learnt),
        "overlapping_promoters": (
            None if window is None else _near(chrom, relations.start, window - 1, test, learnt)
        ),
        "same_bin": _near(chrom, bins, 0, test, learnt),
        "shared_bins": None if profile is None else _near(chrom, bins, profile - 1, test, learnt),
    }


def _leak(name: str, text: str, counts: list[_Counts | None]) -> Leak:
    known = [found for found in counts if found is not None]
    if len(known) < len(counts):
        return Leak(name, text, None, None)
    return Leak(
        name,
        text,
        tuple(int(np.count_nonzero(found)) for found in known),
        tuple(int(found.sum()) for found in known),
    )


def _across(relations: Relations, test: _Mask, learnt: _Mask) -> tuple[_Mask, _Mask]:
    """Return which near-copies have their first, and which their second gene in the test part."""
    copies = relations.copies
    if copies is None:
        none = np.empty(0, dtype=bool)
        return none, none
    a, b = copies.first, copies.second
    return test[a] & learnt[b], test[b] & learnt[a]


def _copies(relations: Relations, test: _Mask, learnt: _Mask) -> _Counts:
    counts = np.zeros(len(test), dtype=np.int64)
    copies = relations.copies
    if copies is not None:
        first, second = _across(relations, test, learnt)
        np.add.at(counts, copies.first[first], 1)
        np.add.at(counts, copies.second[second], 1)
    return counts


def _same(number: npt.NDArray[np.intp], test: _Mask, learnt: _Mask) -> _Counts:
    """Count genes of the same number, -1 apart."""
    known = number >= 0
    n_of = np.bincount(number[known & learnt], minlength=int(number.max(initial=-1)) + 1)
    counts = np.zeros(len(test), dtype=np.int64)
    counts[known & test] = n_of[number[known & test]]
    return counts


def _near(
    chrom: npt.NDArray[np.intp],
    position: npt.NDArray[np.int64],
    reach: int,
    test: _Mask,
    learnt: _Mask,
) -> _Counts:
    """Count genes on the same chromosome that are not further than ``reach``."""
    placed = chrom >= 0
    low = int(position.min(initial=0))
    # Chromosomes lie behind each other with gaps that no reach bridges.
    stride = int(position.max(initial=0)) - low + reach + 1
    place = chrom * stride + (position - low)
    others = np.sort(place[placed & learnt])
    own = place[placed & test]
    after = np.searchsorted(others, own + reach, side="right")
    counts = np.zeros(len(test), dtype=np.int64)
    counts[placed & test] = after - np.searchsorted(others, own - reach, side="left")
    return counts


def _worst(relations: Relations, sides: list[tuple[_Mask, _Mask]]) -> list[dict[str, Any]]:
    copies, genes = relations.copies, relations.genes
    if copies is None:
        return []
    found = []
    for fold, (test, learnt) in enumerate(sides):
        first, second = _across(relations, test, learnt)
        for tested, other, mask in (
            (copies.first, copies.second, first),
            (copies.second, copies.first, second),
        ):
            # The best of each fold suffice for the best of all.
            rows = np.flatnonzero(mask)
            rows = rows[np.argsort(-copies.similarity[rows], kind="stable")][:N_WORST]
            found += [
                (-float(copies.similarity[r]), fold, int(tested[r]), int(other[r])) for r in rows
            ]
    return [
        {
            "similarity": -negative,
            "fold": fold,
            "test_gene": str(genes.gene_id[a]),
            "test_name": str(genes.gene_name[a]),
            "test_chrom": str(genes.chrom[a]),
            "other_gene": str(genes.gene_id[b]),
            "other_name": str(genes.gene_name[b]),
            "other_chrom": str(genes.chrom[b]),
        }
        for negative, fold, a, b in sorted(found)[:N_WORST]
    ]
