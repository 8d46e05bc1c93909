"""How the genes of a feature file are related: what a split should keep on one side."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.homology import (
    KMER_BP,
    MIN_SIMILARITY,
    SKETCH_SIZE,
    Pairs,
    connected_groups,
    similar_pairs,
    sketch_promoters,
)
from dexkit.features.file import FeatureFile
from dexkit.features.place_by_symbol import UNPLACED
from dexkit.features.schema import CODES, signal_path
from dexkit.genome import GeneTable, tss_window

#: Bin size of a file without contacts: that of the paper (Zeng, Wang and Jiang 2019).
DEFAULT_BIN_BP = 5000

#: Version of an Ensembl identifier, and the mark of a second copy on the Y chromosome.
_ENSEMBL_VERSION = re.compile(r"^(ENS\w*\d)\.\d+(_PAR_Y)?$")

_Links = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True)
class SketchOptions:
    """How near-copies are looked for; see :mod:`dexkit.evaluation.homology`."""

    k: int = KMER_BP
    sketch_size: int = SKETCH_SIZE
    min_similarity: float = MIN_SIMILARITY


@dataclass(frozen=True)
class Relations:
    """Relations among the genes of a file.

    Parameters
    ----------
    genes : GeneTable
        The genes, n_genes.
    copies : Pairs or None
        Near-copies among the promoters; None when the file has no sequence.
    sequence : ndarray of shape (n_genes,), dtype intp, or None
        Equal numbers: equal promoter sequences; -1: no known base. None without sequence.
    name : ndarray of shape (n_genes,), dtype intp
        Equal numbers: equal gene names.
    chrom : ndarray of shape (n_genes,), dtype intp
        Number of the chromosome; -1 where the place of the gene is not known.
    start : ndarray of shape (n_genes,), dtype int64
        Start of the promoter window, 0-based.
    window_bp : int or None
        Its length; None without sequence.
    tss_bin : ndarray of shape (n_genes,), dtype int64
        Bin of the TSS on its chromosome.
    bin_size_bp : int
        Size of the bins.
    profile_bins : int or None
        Bins of a contact profile; None when the file has no contacts.
    """

    genes: GeneTable
    copies: Pairs | None
    sequence: npt.NDArray[np.intp] | None
    name: npt.NDArray[np.intp]
    chrom: npt.NDArray[np.intp]
    start: npt.NDArray[np.int64]
    window_bp: int | None
    tss_bin: npt.NDArray[np.int64]
    bin_size_bp: int
    profile_bins: int | None

    def groups(self, imported: _Links | None = None) -> npt.NDArray[np.intp]:
        """Return groups of genes to keep together.

        Near-copies, equal names, overlapping promoter windows and a common TSS bin link two genes.

        Parameters
        ----------
        imported : (first, second), optional
            Pairs of genes that stand in place of the near-copies.

        Returns
        -------
        ndarray of shape (n_genes,), dtype intp
            See :func:`dexkit.evaluation.homology.connected_groups`.
        """
        links = [_equal(self.name), self._within(self.tss_bin, 0)]
        if imported is not None:
            links.append(imported)
        elif self.copies is not None:
            links.append((self.copies.first, self.copies.second))
        if self.window_bp is not None:
            links.append(self._within(self.start, self.window_bp - 1))
        if self.sequence is not None:
            links.append(_equal(self.sequence))
        return connected_groups(len(self.genes), links)

    def _within(self, position: npt.NDArray[np.int64], reach: int) -> _Links:
        """Link each gene to the next of its chromosome when that is not further than ``reach``."""
        order = np.lexsort((position, self.chrom))
        before, after = order[:-1], order[1:]
        near = (self.chrom[before] == self.chrom[after]) & (self.chrom[before] >= 0)
        near &= position[after] - position[before] <= reach
        return before[near], after[near]


def relations_of(features: FeatureFile, options: SketchOptions | None = None) -> Relations:
    """Find out how the genes of a feature file are related.

    Parameters
    ----------
    features : FeatureFile
        The file. Near-copies are looked for in the promoter windows without their margin.
    options : SketchOptions, optional
        How.

    Returns
    -------
    Relations
        What the file can tell.

    Raises
    ------
    ConfigError
        When an option is out of range.
    """
    options = options or SketchOptions()
    genes = features.genes
    placed = genes.chrom != UNPLACED
    _, chrom = np.unique(genes.chrom.astype(str), return_inverse=True)
    start = genes.tss.astype(np.int64)
    copies, sequence, window_bp = None, None, None
    if features.has(CODES):
        upstream, downstream, margin = features.window_bp
        window_bp = upstream + downstream
        start = np.array(
            [
                tss_window(int(tss), strand, upstream, downstream)[0]
                for tss, strand in zip(genes.tss, genes.strand, strict=True)
            ],
            dtype=np.int64,
        )
        codes = features.array(CODES)[:, margin : margin + window_bp]
        sketches = sketch_promoters(codes, options.k, options.sketch_size)
        copies = similar_pairs(sketches, options.min_similarity)
        sequence = _sequence_numbers(codes)
    bin_size_bp, profile_bins = DEFAULT_BIN_BP, None
    if features.contact_samples:
        path = signal_path(features.contact_samples[0])
        bin_size_bp = int(features.array_attrs(path)["bin_size_bp"])
        profile_bins = features.arrays[path][0][1]
    return Relations(
        genes=genes,
        copies=copies,
        sequence=sequence,
        name=_name_numbers(genes),
        chrom=np.where(placed, chrom, -1),
        start=start,
        window_bp=window_bp,
        tss_bin=genes.tss // bin_size_bp,
        bin_size_bp=bin_size_bp,
        profile_bins=profile_bins,
    )


def _name_numbers(genes: GeneTable) -> npt.NDArray[np.intp]:
    """Return a number a name, case aside; Ensembl identifiers by what is before the version."""
    names = [
        _ENSEMBL_VERSION.sub(r"\1", str(name or gene_id)).casefold()
        for name, gene_id in zip(genes.gene_name, genes.gene_id, strict=True)
    ]
    return _numbered(names)


def _sequence_numbers(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """Return a number a promoter sequence, -1 where no base is known."""
    digests = [hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in codes]
    unknown = np.array([bool((row > 3).all()) for row in codes], dtype=bool)
    return np.where(unknown, -1, _numbered(digests))


def _numbered(keys: list[str] | list[bytes]) -> npt.NDArray[np.intp]:
    numbers: dict[str | bytes, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def _equal(number: npt.NDArray[np.intp]) -> _Links:
    """Link each gene to the next with the same number."""
    order = np.argsort(number, kind="stable")
    before, after = order[:-1], order[1:]
    same = (number[before] == number[after]) & (number[before] >= 0)
    return before[same], after[same]
