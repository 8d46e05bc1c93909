"""Expression from promoter score, contact score, family offset and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.simulate.config import SimulationConfig
from dexkit.simulate.layout import Layout
from dexkit.simulate.streams import stream

MAX_LOG10_MEAN = 9.0  # keeps the expected count within what a Poisson draw can represent

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Expression:
    """The parts of log10 expression and the counts drawn from it.

    Parameters
    ----------
    promoter_part : ndarray of shape (n_genes,), dtype float64
        ``promoter_effect * promoter score``.
    family_offset : ndarray of shape (n_genes,), dtype float64
        What the members of a family have in common; 0 for other genes.
    contact_part, noise : ndarray of shape (n_genes, n_samples), dtype float64
        ``contact_effect * contact score``, and the Gaussian noise.
    log10_mean : ndarray of shape (n_genes, n_samples), dtype float64
        log10 of the expected count.
    counts : ndarray of shape (n_genes, n_samples), dtype int64
        Poisson counts, 0 where silenced.
    silenced : ndarray of shape (n_genes, n_samples), dtype bool
        True for the lowest genes of a sample, whose count was set to 0.
    """

    promoter_part: Floats
    family_offset: Floats
    contact_part: Floats
    noise: Floats
    log10_mean: Floats
    counts: npt.NDArray[np.int64]
    silenced: npt.NDArray[np.bool_]


def make_expression(
    config: SimulationConfig, layout: Layout, promoter_score: Floats, contact_score: Floats
) -> Expression:
    """Add up the effects and draw the counts.

    Parameters
    ----------
    config : SimulationConfig
        The options.
    layout : Layout
        Families.
    promoter_score : ndarray of shape (n_genes,), dtype float64
        Standardised.
    contact_score : ndarray of shape (n_genes, n_samples), dtype float64
        Standardised.

    Returns
    -------
    Expression
        The parts and the counts.

    Notes
    -----
    ``log10 mean = base + promoter part + contact part + family offset + noise``. Noise and counts
    have streams of their own: with ``contact_effect=0`` the contacts are drawn as before and carry
    no information, and all else stays the same.
    """
    n_genes, n_samples = config.n_genes, len(config.samples)
    offsets = stream(config.seed, "families", 1).normal(
        0.0, config.family_effect, int(layout.family.max(initial=-1)) + 2
    )
    offsets[-1] = 0.0  # family -1: genes without near-copies
    family_offset = offsets[layout.family]
    shared = stream(config.seed, "noise").normal(0.0, 1.0, (n_genes, 1))
    own = np.stack(
        [stream(config.seed, "noise", i).normal(0.0, 1.0, n_genes) for i in range(n_samples)],
        axis=1,
    )
    weight = config.shared_noise_fraction
    noise = config.noise * (np.sqrt(weight) * shared + np.sqrt(1.0 - weight) * own)
    promoter_part = config.promoter_effect * promoter_score
    contact_part = config.contact_effect * contact_score
    log10_mean = np.minimum(
        config.base_log10_mean + (promoter_part + family_offset)[:, None] + contact_part + noise,
        MAX_LOG10_MEAN,
    )
    counts = np.stack(
        [
            stream(config.seed, "counts", i).poisson(10.0 ** log10_mean[:, i])
            for i in range(n_samples)
        ],
        axis=1,
    )
    n_silenced = round(config.zero_fraction * n_genes)
    rank = np.argsort(np.argsort(log10_mean, axis=0, kind="stable"), axis=0, kind="stable")
    silenced = rank < n_silenced
    counts[silenced] = 0
    return Expression(
        promoter_part, family_offset, contact_part, noise, log10_mean, counts, silenced
    )
