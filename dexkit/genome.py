"""Genes, TSS and windows: plain data and the coordinate rules.

All coordinates inside dexkit are 0-based and half-open. A TSS is the 0-based position of the
first transcribed base, on either strand. Readers convert on the way in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Gene:
    """One gene with the TSS that stands for it.

    Parameters
    ----------
    gene_id : str
        Identifier as in the annotation, version suffix included.
    gene_name : str
        Symbol; the identifier where the annotation has none.
    chrom : str
        Chromosome name as in the FASTA.
    tss : int
        0-based position of the first transcribed base.
    strand : str
        ``"+"`` or ``"-"``.
    """

    gene_id: str
    gene_name: str
    chrom: str
    tss: int
    strand: str


@dataclass(frozen=True)
class GeneTable:
    """Genes as columns, in file order (sorted by chromosome order of the FASTA, then TSS).

    Parameters
    ----------
    gene_id, gene_name, chrom, strand : ndarray of shape (n_genes,), dtype object (str)
        See :class:`Gene`.
    tss : ndarray of shape (n_genes,), dtype int64
        0-based.
    """

    gene_id: npt.NDArray[np.object_]
    gene_name: npt.NDArray[np.object_]
    chrom: npt.NDArray[np.object_]
    tss: npt.NDArray[np.int64]
    strand: npt.NDArray[np.object_]

    @classmethod
    def from_genes(cls, genes: Iterable[Gene]) -> GeneTable:
        """Build the columns from single genes, keeping their order."""
        rows = list(genes)
        return cls(
            gene_id=np.array([g.gene_id for g in rows], dtype=object),
            gene_name=np.array([g.gene_name for g in rows], dtype=object),
            chrom=np.array([g.chrom for g in rows], dtype=object),
            tss=np.array([g.tss for g in rows], dtype=np.int64),
            strand=np.array([g.strand for g in rows], dtype=object),
        )

    def __len__(self) -> int:
        return len(self.gene_id)

    def __iter__(self) -> Iterator[Gene]:
        for i in range(len(self)):
            yield Gene(
                self.gene_id[i], self.gene_name[i], self.chrom[i], int(self.tss[i]), self.strand[i]
            )

    def take(self, index: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> GeneTable:
        """Return the genes at ``index`` (integers or a mask), in that order."""
        return GeneTable(
            self.gene_id[index],
            self.gene_name[index],
            self.chrom[index],
            self.tss[index],
            self.strand[index],
        )


@dataclass(frozen=True)
class Genome:
    """Chromosome names and lengths, in FASTA order.

    Parameters
    ----------
    lengths : mapping of str to int
        Length in base pairs by chromosome name.
    """

    lengths: Mapping[str, int] = field(default_factory=dict)

    def n_bins(self, chrom: str, bin_size_bp: int) -> int:
        """Return how many bins of ``bin_size_bp`` cover ``chrom`` (the last may be short)."""
        return -(-self.lengths[chrom] // bin_size_bp)


def tss_window(tss: int, strand: str, upstream_bp: int, downstream_bp: int) -> tuple[int, int]:
    """Return the promoter window of a TSS as ``(start, end)``, 0-based half-open.

    On the plus strand the window is ``[tss - upstream_bp, tss + downstream_bp)``; on the minus
    strand it is its mirror image, ``[tss - downstream_bp + 1, tss + upstream_bp + 1)``, so that
    after reverse complementing the TSS base lies at column ``upstream_bp`` on both strands.

    Parameters
    ----------
    tss : int
        0-based position of the first transcribed base.
    strand : str
        ``"+"`` or ``"-"``.
    upstream_bp, downstream_bp : int
        Window size on either side, in base pairs; the TSS base counts as downstream.

    Returns
    -------
    tuple of int
        Start (may be negative) and end (may lie beyond the chromosome).
    """
    if strand == "-":
        return tss - downstream_bp + 1, tss + upstream_bp + 1
    return tss - upstream_bp, tss + downstream_bp
