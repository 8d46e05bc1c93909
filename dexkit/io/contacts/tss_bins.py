"""The bins that hold a TSS: one row of contact counts each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.genome import GeneTable, Genome


@dataclass(frozen=True)
class TssBins:
    """Distinct TSS bins; genes whose TSS lie in one bin share a row.

    Parameters
    ----------
    chrom_index : ndarray of shape (n_rows,), dtype int32
        Chromosome of the row, as its position in ``Genome.lengths``.
    bin : ndarray of shape (n_rows,), dtype int32
        Bin of the row: 0-based TSS // ``bin_size_bp``. Rows ascend by chromosome, then bin.
    row_of_gene : ndarray of shape (n_genes,), dtype intp
        Row of each gene: ``counts[row_of_gene]`` expands rows to genes.
    bin_size_bp : int
        In base pairs.
    n_flank_bins : int
        Bins on either side of the TSS bin.
    """

    chrom_index: npt.NDArray[np.int32]
    bin: npt.NDArray[np.int32]
    row_of_gene: npt.NDArray[np.intp]
    bin_size_bp: int
    n_flank_bins: int

    @classmethod
    def from_genes(
        cls, genes: GeneTable, genome: Genome, bin_size_bp: int, n_flank_bins: int
    ) -> TssBins:
        """Find the TSS bins of genes.

        Parameters
        ----------
        genes : GeneTable
            Genes with the FASTA's chromosome names, TSS 0-based.
        genome : Genome
            Chromosome names and lengths.
        bin_size_bp : int
            In base pairs, at least 1.
        n_flank_bins : int
            At least 0.

        Returns
        -------
        TssBins
            Rows, and the row of each gene.

        Raises
        ------
        ConfigError
            When a size is out of range.
        InputError
            When a gene lies on an unknown chromosome or its TSS off its chromosome.
        """
        if bin_size_bp < 1:
            raise ConfigError(f"bin_size_bp is {bin_size_bp}; expected at least 1")
        if n_flank_bins < 0:
            raise ConfigError(f"n_flank_bins is {n_flank_bins}; expected at least 0")
        index_of = {name: i for i, name in enumerate(genome.lengths)}
        chrom = np.empty(len(genes), dtype=np.int64)
        for i, gene in enumerate(genes):
            length = genome.lengths.get(gene.chrom)
            if length is None:
                raise InputError(
                    f"gene {gene.gene_id!r} lies on chromosome {gene.chrom!r}, which the FASTA "
                    f"has not; {did_you_mean(gene.chrom, genome.lengths)}"
                )
            if not 0 <= gene.tss < length:
                raise InputError(
                    f"the TSS of gene {gene.gene_id!r} is base {gene.tss + 1:,} of {gene.chrom!r}, "
                    f"which has {length:,}; check that annotation and FASTA are of one assembly"
                )
            chrom[i] = index_of[gene.chrom]
        n_bins = np.array([genome.n_bins(c, bin_size_bp) for c in genome.lengths], dtype=np.int64)
        first = np.concatenate(([0], np.cumsum(n_bins)))[:-1]
        # One number a bin of the genome, ascending by chromosome and then bin.
        key = first[chrom] + genes.tss // bin_size_bp
        rows, row_of_gene = np.unique(key, return_inverse=True)
        row_chrom = np.searchsorted(first, rows, side="right") - 1
        return cls(
            chrom_index=row_chrom.astype(np.int32),
            bin=(rows - first[row_chrom]).astype(np.int32) if len(rows) else rows.astype(np.int32),
            row_of_gene=row_of_gene.astype(np.intp),
            bin_size_bp=bin_size_bp,
            n_flank_bins=n_flank_bins,
        )

    def __len__(self) -> int:
        return len(self.bin)
