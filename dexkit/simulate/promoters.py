"""Promoter sequences: GC content, planted motif sites, near-copies, and the resulting score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.genome import tss_window
from dexkit.simulate.config import SITE_SLOT_BP, TELOMERE_BP, SimulationConfig
from dexkit.simulate.layout import Layout
from dexkit.simulate.streams import stream

BACKGROUND_GC = 0.42  # GC content outside promoters; about that of the human genome
# Shape of the gamma that spreads site numbers: sites come in homotypic clusters, so many promoters
# have none and some have several (variance mean + mean**2 instead of the mean of a plain Poisson).
CLUSTERING = 1.0
LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)
COMPLEMENT = np.array([3, 2, 1, 0, 4], dtype=np.uint8)
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Site:
    """One planted motif site.

    Parameters
    ----------
    gene : int
        Row of the gene.
    motif : int
        Number of the motif.
    offset_bp : int
        First base of the site in the direction of the gene, relative to the TSS (0 is the TSS
        base, negative is upstream).
    sense : bool
        True when the motif reads in the direction of the gene.
    codes : ndarray of shape (width,), dtype uint8
        The bases in motif orientation, A C G T = 0 1 2 3.
    """

    gene: int
    motif: int
    offset_bp: int
    sense: bool
    codes: Codes


@dataclass(frozen=True)
class Promoters:
    """Promoters in gene orientation and what is planted in them.

    Parameters
    ----------
    codes : ndarray of shape (n_genes, 2 * promoter_bp), dtype uint8
        Bases of ``[TSS - promoter_bp, TSS + promoter_bp)`` in the direction of the gene.
    sites : list of Site
        Sorted by gene, then offset.
    n_sites : ndarray of shape (n_genes, n_motifs), dtype int64
        Planted sites by gene and motif.
    gc : ndarray of shape (n_genes,), dtype float64
        GC content of the final sequence.
    motif_score : ndarray of shape (n_genes,), dtype float64
        Sum over the sites of their motifs' effects.
    score : ndarray of shape (n_genes,), dtype float64
        Standardised promoter score: mean 0, standard deviation 1 (0 when nothing varies).
    """

    codes: Codes
    sites: list[Site]
    n_sites: npt.NDArray[np.int64]
    gc: npt.NDArray[np.float64]
    motif_score: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]


def standardise(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ``values`` with mean 0 and standard deviation 1; zeros when they do not vary."""
    centred = values - values.mean()
    spread = centred.std()
    return centred / spread if spread > 1e-12 else np.zeros_like(values)


def make_promoters(config: SimulationConfig, layout: Layout) -> Promoters:
    """Draw the promoters, plant the sites, copy the families.

    Parameters
    ----------
    config : SimulationConfig
        The options.
    layout : Layout
        Genes and families.

    Returns
    -------
    Promoters
        Sequences, sites and scores.

    Notes
    -----
    A near-copy takes the promoter and the sites of its family's first member; mutations spare the
    sites, so that every recorded site is really there.
    """
    rng = stream(config.seed, "promoters")
    gc = np.clip(rng.normal(config.gc_mean, config.gc_sd, config.n_genes), 0.2, 0.8)
    codes = _random_bases(rng, gc[:, None], (config.n_genes, 2 * config.promoter_bp))
    sites = _draw_sites(config)
    mutation_rng = stream(config.seed, "mutations")
    by_gene: list[list[Site]] = [[] for _ in range(config.n_genes)]
    for site in sites:
        by_gene[site.gene].append(site)
    for gene, own in enumerate(by_gene):
        _plant(codes[gene], own, config.promoter_bp)
    for number in range(int(layout.family.max(initial=-1)) + 1):
        first, *copies = np.flatnonzero(layout.family == number).tolist()
        for copy in copies:
            codes[copy] = _mutate(codes[first], config.family_divergence, mutation_rng)
            by_gene[copy] = [
                Site(copy, s.motif, s.offset_bp, s.sense, s.codes) for s in by_gene[first]
            ]
            _plant(codes[copy], by_gene[copy], config.promoter_bp)
    planted = [site for own in by_gene for site in own]
    n_sites = np.zeros((config.n_genes, len(config.motifs)), dtype=np.int64)
    for site in planted:
        n_sites[site.gene, site.motif] += 1
    final_gc = np.isin(codes, (1, 2)).mean(axis=1)
    effects = np.array([m.effect for m in config.motifs], dtype=np.float64)
    motif_score = n_sites.astype(np.float64) @ effects
    score = standardise(standardise(motif_score) + config.gc_effect * standardise(final_gc))
    return Promoters(codes, planted, n_sites, final_gc, motif_score, score)


def make_chromosomes(
    config: SimulationConfig, layout: Layout, promoters: Promoters
) -> dict[str, Codes]:
    """Return the chromosomes with the promoters in place.

    Parameters
    ----------
    config : SimulationConfig
        The options.
    layout : Layout
        Genes, TSS and strands.
    promoters : Promoters
        Their sequences, in gene orientation.

    Returns
    -------
    dict of str to ndarray of shape (chrom_length_bp,), dtype uint8
        Codes A C G T N = 0 1 2 3 4 of the plus strand; N at both ends.
    """
    chroms: dict[str, Codes] = {}
    for i, (name, length) in enumerate(layout.genome.lengths.items()):
        chrom = _random_bases(stream(config.seed, "background", i), BACKGROUND_GC, (length,))
        chrom[:TELOMERE_BP] = chrom[-TELOMERE_BP:] = 4
        chroms[name] = chrom
    for row, gene in enumerate(layout.genes):
        start, end = tss_window(gene.tss, gene.strand, config.promoter_bp, config.promoter_bp)
        bases = promoters.codes[row]
        chroms[gene.chrom][start:end] = COMPLEMENT[bases[::-1]] if gene.strand == "-" else bases
    return chroms


def _random_bases(
    rng: np.random.Generator, gc: float | npt.NDArray[np.float64], shape: tuple[int, ...]
) -> Codes:
    """Draw independent bases; ``gc`` is the probability of C or G."""
    is_gc = rng.random(shape, dtype=np.float32) < gc
    second = rng.integers(0, 2, shape, dtype=np.uint8)
    # A, T = 0, 3 and C, G = 1, 2
    return np.where(is_gc, second + np.uint8(1), second * np.uint8(3)).astype(np.uint8)


def _draw_sites(config: SimulationConfig) -> list[Site]:
    """Draw the sites of every gene; one slot holds one site, so that sites never overlap."""
    rng = stream(config.seed, "sites")
    n_slots = (config.motif_upstream_bp + config.motif_downstream_bp) // SITE_SLOT_BP
    shape = (config.n_genes, len(config.motifs))
    means = np.array([m.mean_sites for m in config.motifs], dtype=np.float64)
    numbers = rng.poisson(means * rng.gamma(CLUSTERING, 1.0 / CLUSTERING, shape))
    cumulative = [np.cumsum(m.ppm(), axis=1) for m in config.motifs]
    sites = []
    for gene in range(config.n_genes):
        motifs = np.repeat(np.arange(len(config.motifs)), numbers[gene])
        motifs = rng.permutation(motifs)[:n_slots]
        slots = np.sort(rng.choice(n_slots, len(motifs), replace=False))
        for motif, slot in zip(motifs.tolist(), slots.tolist(), strict=True):
            spec, edges = config.motifs[motif], cumulative[motif]
            width = len(spec.consensus)
            shift = int(rng.integers(0, SITE_SLOT_BP - width + 1))
            offset = slot * SITE_SLOT_BP - config.motif_upstream_bp + shift
            draws = rng.random((width, 1))
            bases = np.minimum((draws >= edges).sum(axis=1), 3).astype(np.uint8)
            sites.append(Site(gene, motif, offset, bool(rng.random() < spec.sense_fraction), bases))
    return sites


def _plant(promoter: Codes, sites: list[Site], promoter_bp: int) -> None:
    """Write the sites into one promoter, in place."""
    for site in sites:
        start = promoter_bp + site.offset_bp
        bases = site.codes if site.sense else COMPLEMENT[site.codes[::-1]]
        promoter[start : start + len(bases)] = bases


def _mutate(promoter: Codes, divergence: float, rng: np.random.Generator) -> Codes:
    """Return a copy in which each base is replaced by another with probability ``divergence``."""
    hit = rng.random(promoter.shape) < divergence
    step = rng.integers(1, 4, promoter.shape, dtype=np.uint8)
    return np.where(hit, (promoter + step) % 4, promoter).astype(np.uint8)
