"""Where the genes lie and which of them are near-copies of one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.genome import GeneTable, Genome
from dexkit.simulate.config import EDGE_BP, SimulationConfig
from dexkit.simulate.streams import stream

VERSIONED_EVERY = 3  # every third gene id carries a version suffix, as in Ensembl files


@dataclass(frozen=True)
class Layout:
    """Genes on chromosomes.

    Parameters
    ----------
    genome : Genome
        Chromosome names and lengths.
    genes : GeneTable
        Sorted by chromosome, then TSS (0-based).
    chrom_index : ndarray of shape (n_genes,), dtype int64
        Number of each gene's chromosome.
    family : ndarray of shape (n_genes,), dtype int64
        Family number, -1 for a gene without near-copies.
    """

    genome: Genome
    genes: GeneTable
    chrom_index: npt.NDArray[np.int64]
    family: npt.NDArray[np.int64]


def lay_out(config: SimulationConfig) -> Layout:
    """Place genes on both strands and group some into families.

    Every chromosome is cut into one slot for each gene. A TSS lies anywhere in its slot but in
    the last 5 kb, so that two TSS are at least 5 kb apart: bins of 5 kb or less differ, and
    promoters do not overlap.

    Parameters
    ----------
    config : SimulationConfig
        The options.

    Returns
    -------
    Layout
        Genes in chromosome and TSS order.
    """
    rng = stream(config.seed, "layout")
    names = [f"chr{i + 1}" for i in range(config.n_chroms)]
    genome = Genome(dict.fromkeys(names, config.chrom_length_bp))
    tss_parts, chrom_parts = [], []
    for i, n in enumerate(config.genes_on_chrom()):
        slot = (config.chrom_length_bp - 2 * EDGE_BP) // n
        tss_parts.append(EDGE_BP + slot * np.arange(n) + rng.integers(0, slot - 5_000 + 1, n))
        chrom_parts.append(np.full(n, i))
    chrom_index = np.concatenate(chrom_parts)
    strand = np.where(rng.random(config.n_genes) < 0.5, "+", "-").astype(object)
    version = rng.integers(1, 10, config.n_genes)
    ids = [
        f"DXG{i + 1:08d}" + (f".{version[i]}" if i % VERSIONED_EVERY == 0 else "")
        for i in range(config.n_genes)
    ]
    genes = GeneTable(
        gene_id=np.array(ids, dtype=object),
        gene_name=np.array([f"SIM{i + 1}" for i in range(config.n_genes)], dtype=object),
        chrom=np.array([names[i] for i in chrom_index], dtype=object),
        tss=np.concatenate(tss_parts).astype(np.int64),
        strand=strand,
    )
    return Layout(genome, genes, chrom_index, _families(config, chrom_index))


def _families(
    config: SimulationConfig, chrom_index: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Draw the families: runs of neighbours (tandem) or genes from anywhere (dispersed)."""
    rng = stream(config.seed, "families")
    family = np.full(config.n_genes, -1, dtype=np.int64)
    size = config.family_size
    wanted = round(config.family_fraction * config.n_genes / size)
    if config.family_placement == "dispersed":
        order = rng.permutation(config.n_genes)
        blocks = [order[i : i + size] for i in range(0, config.n_genes - size + 1, size)]
    else:
        blocks = []
        for chrom in range(config.n_chroms):
            on = np.flatnonzero(chrom_index == chrom)
            blocks += [on[i : i + size] for i in range(0, len(on) - size + 1, size)]
    chosen = rng.permutation(len(blocks))[:wanted]
    for number, block in enumerate(sorted(chosen.tolist(), key=lambda b: int(blocks[b].min()))):
        family[blocks[block]] = number
    return family
