"""Planted enhancer contacts, the score they add up to, and the HiChIP pairs that show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.simulate.config import TELOMERE_BP, SimulationConfig
from dexkit.simulate.layout import Layout
from dexkit.simulate.promoters import standardise
from dexkit.simulate.streams import stream

STRENGTH_SD_LOG2 = 0.7  # spread of the strengths of acting contacts, in powers of two
MIN_DISTANCE_BP = 1_000  # ligations nearer than this are filtered out of real libraries
MAX_DISTANCE_BP = 1_000_000  # 200 bins of 5 kb
DEPTH_SPREAD = 0.4  # replicates get up to 40 % more or fewer pairs than the mean

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PlantedContacts:
    """The contacts that act in one sample.

    Parameters
    ----------
    gene : ndarray of shape (n_contacts,), dtype int64
        Row of the gene.
    enhancer_bin : ndarray of shape (n_contacts,), dtype int64
        Bin on the gene's chromosome (0-based position // bin_size_bp); never a TSS bin.
    offset_bins : ndarray of shape (n_contacts,), dtype int64
        Enhancer bin minus TSS bin.
    strength : ndarray of shape (n_contacts,), dtype float64
        Strength relative to a typical contact.
    expected_pairs : ndarray of shape (n_contacts,), dtype float64
        Mean number of pairs in a replicate of ``pairs_per_replicate`` pairs.
    shared : ndarray of shape (n_contacts,), dtype bool
        True when all samples have this contact with this strength.
    """

    gene: Ints
    enhancer_bin: Ints
    offset_bins: Ints
    strength: Floats
    expected_pairs: Floats
    shared: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Pairs:
    """The valid pairs of one replicate, upper triangle, sorted by chromosomes, then positions.

    Parameters
    ----------
    chrom1, pos1, chrom2, pos2 : ndarray of shape (n_pairs,), dtype int64
        Chromosome numbers and 0-based positions.
    plus1, plus2 : ndarray of shape (n_pairs,), dtype bool
        True for a read on the plus strand.
    """

    chrom1: Ints
    pos1: Ints
    chrom2: Ints
    pos2: Ints
    plus1: npt.NDArray[np.bool_]
    plus2: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.chrom1)


def plant_contacts(config: SimulationConfig, layout: Layout) -> list[PlantedContacts]:
    """Draw which contacts act in which sample, and how strongly.

    Parameters
    ----------
    config : SimulationConfig
        The options.
    layout : Layout
        Genes and TSS.

    Returns
    -------
    list of PlantedContacts
        One for each sample.

    Notes
    -----
    Every gene has two slots (upstream and downstream) for each characteristic distance. A gene's
    regulatory activity is uniform in [0, 1] and is the probability that a slot of it acts: genes
    differ in how many enhancers they have, which a dense network on 401 bins can learn from a few
    hundred genes. Strengths are log-normal. A slot is either shared by all samples or, with
    probability ``sample_specific_contacts``, drawn anew for each, with an activity of its own.
    A slot has no contact where it leaves the chromosome or all its bins are TSS bins.
    """
    rng = stream(config.seed, "enhancers")
    centres = np.array([s * d for d in config.enhancer_offsets_bins for s in (-1, 1)], dtype=int)
    shape = (config.n_genes, len(centres))
    position = _slot_bins(config, layout, centres, rng)
    specific = rng.random(shape) < config.sample_specific_contacts
    acting, strength = _draw_slots(stream(config.seed, "activity"), shape)
    tss_bin = layout.genes.tss // config.bin_size_bp
    drafts = []
    for i in range(len(config.samples)):
        own_acting, own_strength = _draw_slots(stream(config.seed, "activity", i), shape)
        on = np.where(specific, own_acting, acting) & (position >= 0)
        value = np.where(specific, own_strength, strength)
        drafts.append((*np.nonzero(on), value[on]))
    total = float(np.mean([values.sum() for _, _, values in drafts]))
    planted = config.enhancer_fraction * config.pairs_per_replicate
    unit = planted / total if total > 0 else 0.0
    return [
        PlantedContacts(
            gene=gene,
            enhancer_bin=position[gene, slot],
            offset_bins=position[gene, slot] - tss_bin[gene],
            strength=values,
            expected_pairs=unit * values,
            shared=~specific[gene, slot],
        )
        for gene, slot, values in drafts
    ]


def contact_scores(planted: list[PlantedContacts], n_genes: int) -> Floats:
    """Return the standardised contact scores, shape (n_genes, n_samples).

    The score of a gene is the sum over its acting contacts of ``log2(1 + expected pairs)``, the
    scale of the contact signal; it is standardised over all genes and samples together.
    """
    raw = np.stack(
        [np.bincount(p.gene, np.log2(1.0 + p.expected_pairs), n_genes) for p in planted], axis=1
    )
    return standardise(raw.astype(np.float64, copy=False))


def replicate_depths(config: SimulationConfig) -> Ints:
    """Return the number of pairs of each replicate, shape (n_samples, n_replicates)."""
    rng = stream(config.seed, "depth")
    shape = (len(config.samples), config.n_replicates)
    factor = 1.0 + DEPTH_SPREAD * (2.0 * rng.random(shape) - 1.0)
    factor /= factor.mean(axis=1, keepdims=True)
    return np.rint(factor * config.pairs_per_replicate).astype(np.int64)


def draw_pairs(
    config: SimulationConfig,
    layout: Layout,
    planted: PlantedContacts,
    n_pairs: int,
    rng: np.random.Generator,
) -> Pairs:
    """Draw the pairs of one replicate.

    Parameters
    ----------
    config : SimulationConfig
        The options.
    layout : Layout
        Genes and TSS.
    planted : PlantedContacts
        The contacts that act in the sample.
    n_pairs : int
        Depth of the replicate.
    rng : numpy.random.Generator
        Its stream.

    Returns
    -------
    Pairs
        Planted contacts, background anchored at TSS bins, background from anywhere, and trans
        pairs. Distances of cis background follow a power law with exponent -1.
    """
    trans = config.trans_fraction if config.n_chroms > 1 else 0.0
    enhancer, anchor = config.enhancer_fraction, config.anchor_fraction
    background = np.array([anchor, trans, 1.0 - enhancer - anchor - trans])
    # a sample with stronger contacts has more planted pairs, at the cost of the background
    share = min(planted.expected_pairs.sum() / config.pairs_per_replicate, 0.95)
    background *= (1.0 - share) / background.sum()
    n_planted, n_anchor, n_trans, n_free = rng.multinomial(n_pairs, [share, *background])
    lengths = np.array(list(layout.genome.lengths.values()), dtype=np.int64)
    bins = layout.genes.tss // config.bin_size_bp

    def inside(bin_number: Ints) -> Ints:
        return bin_number * config.bin_size_bp + rng.integers(
            0, config.bin_size_bp, len(bin_number)
        )

    # planted contacts: both ends anywhere in their bins
    weights = planted.strength / planted.strength.sum() if len(planted.strength) else None
    pick = rng.choice(len(planted.gene), n_planted, p=weights) if n_planted else np.empty(0, int)
    gene = planted.gene[pick]
    chrom_a, first_a = layout.chrom_index[gene], inside(bins[gene])
    second_a = inside(planted.enhancer_bin[pick])
    # background anchored at a TSS bin
    gene = rng.integers(0, config.n_genes, n_anchor)
    chrom_b, first_b = layout.chrom_index[gene], inside(bins[gene])
    # background from anywhere
    chrom_c = rng.integers(0, config.n_chroms, n_free)
    first_c = rng.integers(TELOMERE_BP, lengths[chrom_c] - TELOMERE_BP)
    chrom_cis = np.concatenate([chrom_b, chrom_c])
    first_cis = np.concatenate([first_b, first_c])
    second_cis = _partner(first_cis, lengths[chrom_cis], rng)
    # trans
    chrom_d = rng.integers(0, config.n_chroms, n_trans)
    other_d = (chrom_d + rng.integers(1, max(2, config.n_chroms), n_trans)) % config.n_chroms
    first_d = rng.integers(TELOMERE_BP, lengths[chrom_d] - TELOMERE_BP)
    second_d = rng.integers(TELOMERE_BP, lengths[other_d] - TELOMERE_BP)
    return _sorted_pairs(
        np.concatenate([chrom_a, chrom_cis, chrom_d]),
        np.concatenate([first_a, first_cis, first_d]),
        np.concatenate([chrom_a, chrom_cis, other_d]),
        np.concatenate([second_a, second_cis, second_d]),
        rng,
    )


def _slot_bins(
    config: SimulationConfig, layout: Layout, centres: Ints, rng: np.random.Generator
) -> Ints:
    """Pick the bin of every enhancer slot, shape (n_genes, n_slots); -1 where there is none."""
    jitter = np.arange(-config.enhancer_jitter_bins, config.enhancer_jitter_bins + 1)
    last = config.chrom_length_bp // config.bin_size_bp - 1  # the last whole bin
    tss_bin = layout.genes.tss // config.bin_size_bp
    is_tss = np.zeros((config.n_chroms, last + 2), dtype=bool)
    is_tss[layout.chrom_index, tss_bin] = True
    options = tss_bin[:, None, None] + centres[None, :, None] + jitter[None, None, :]
    on_chrom = (options >= 1) & (options < last)  # whole bins clear of the telomeres
    clipped = np.clip(options, 0, last)
    free = on_chrom & ~is_tss[layout.chrom_index[:, None, None], clipped]
    rank = np.where(free, rng.random(options.shape), -1.0)
    best = rank.argmax(axis=2)[..., None]
    chosen = np.take_along_axis(options, best, axis=2)[..., 0]
    return np.where(free.any(axis=2), chosen, -1)


def _draw_slots(
    rng: np.random.Generator, shape: tuple[int, int]
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Draw which slots act and how strongly."""
    activity = rng.random((shape[0], 1))
    return rng.random(shape) < activity, 2.0 ** rng.normal(0.0, STRENGTH_SD_LOG2, shape)


def _partner(position: Ints, length: Ints, rng: np.random.Generator) -> Ints:
    """Draw the other end of cis background pairs: density proportional to 1 / distance."""
    longest = np.minimum(MAX_DISTANCE_BP, length // 2 - TELOMERE_BP)
    distance = MIN_DISTANCE_BP * (longest / MIN_DISTANCE_BP) ** rng.random(len(position))
    step = np.where(rng.random(len(position)) < 0.5, -1, 1) * distance.astype(np.int64)
    end = position + step
    outside = (end < TELOMERE_BP) | (end >= length - TELOMERE_BP)
    # no distance exceeds half a chromosome, so the other side always has room
    return np.where(outside, position - step, end)


def _sorted_pairs(
    chrom1: Ints, pos1: Ints, chrom2: Ints, pos2: Ints, rng: np.random.Generator
) -> Pairs:
    """Flip to the upper triangle and sort, as pair files are."""
    flip = (chrom1 > chrom2) | ((chrom1 == chrom2) & (pos1 > pos2))
    chrom1, chrom2 = np.where(flip, chrom2, chrom1), np.where(flip, chrom1, chrom2)
    pos1, pos2 = np.where(flip, pos2, pos1), np.where(flip, pos1, pos2)
    order = np.lexsort((pos2, pos1, chrom2, chrom1))
    plus = rng.random((2, len(order))) < 0.5
    return Pairs(chrom1[order], pos1[order], chrom2[order], pos2[order], plus[0], plus[1])
