"""The arithmetic of the contacts block: depth, replicate mean, log2, loop sum and number, mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit_contacts.config import Normalisation

FORMULAS: dict[str, str] = {
    "depth": "log2(1 + mean over replicates of count / depth * target_depth)",
    "cpm": "log2(1 + mean over replicates of count / depth * 1e6)",
    "raw": "mean over replicates of count",
}
"""What the signal is under each normalisation; stored with it.

``depth`` is Zeng, Wang, Jiang 2019, section 2.1: n~_ijk = n_ijk / N_k * N, N the smallest depth,
h_ij = log2(1 + mean over replicates of n~_ijk). ``cpm`` takes one million for N (counts per
million), so that a sample does not depend on the others of its file.
"""

_MILLION = 1e6


def scale_factor(
    normalisation: Normalisation, n_replicates: int, target_depth: float | None
) -> float:
    """Return what turns the sum over replicates of count / depth into their scaled mean.

    Parameters
    ----------
    normalisation : {"depth", "cpm", "raw"}
        With ``"raw"`` the sum is of counts.
    n_replicates : int
        Replicates in the sum.
    target_depth : float or None
        N of ``"depth"``; None when the sum is of the counts of a single replicate whose depth is
        the target: the two cancel.

    Returns
    -------
    float
        Factor.
    """
    per_replicate = 1.0 / n_replicates
    if normalisation == "cpm":
        return _MILLION * per_replicate
    if normalisation == "raw" or target_depth is None:
        return per_replicate
    return target_depth * per_replicate


def to_signal(
    mean: npt.NDArray[np.float64], normalisation: Normalisation
) -> npt.NDArray[np.float64]:
    """Return the signal of scaled means: log2(1 + x), or x when ``normalisation`` is ``"raw"``."""
    if normalisation == "raw":
        return mean
    signal: npt.NDArray[np.float64] = np.log1p(mean)
    signal /= np.log(2.0)
    return signal


def contact_signal(
    counts: Sequence[npt.NDArray[Any]],
    depths: Sequence[float],
    target_depth: float,
    normalisation: Normalisation = "depth",
) -> npt.NDArray[np.float64]:
    """Turn the counts of all replicates of a sample into its contact signal h.

    Parameters
    ----------
    counts : sequence of ndarray of shape (n_rows, n_bins)
        Contact counts n_ijk, one array a replicate k.
    depths : sequence of float
        Valid pairs N_k of each replicate.
    target_depth : float
        N, the depth that replicates are scaled to: the smallest N_k unless told otherwise.
    normalisation : {"depth", "cpm", "raw"}, optional
        Which of :data:`FORMULAS`.

    Returns
    -------
    ndarray of shape (n_rows, n_bins), dtype float64
        ``h = log2(1 + mean_k(n_ijk / N_k * N))``, or as ``normalisation`` says.
    """
    total = np.zeros(counts[0].shape, dtype=np.float64)
    for replicate, depth in zip(counts, depths, strict=True):
        total += replicate if normalisation == "raw" else replicate / depth
    total *= scale_factor(normalisation, len(counts), target_depth)
    return to_signal(total, normalisation)


def loop_features(
    mean: npt.NDArray[np.float64], n_flank_bins: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return loop sum and loop number of each gene.

    Parameters
    ----------
    mean : ndarray of shape (n_genes, n_bins), dtype float64
        Scaled means, before the logarithm, in genome direction; column ``n_flank_bins`` is the
        TSS bin.
    n_flank_bins : int
        Bins before the TSS bin.

    Returns
    -------
    loop_sum : ndarray of shape (n_genes,), dtype float64
        Sum over the bins.
    loop_number : ndarray of shape (n_genes,), dtype int64
        Bins with any contact in any replicate.

    Notes
    -----
    Zeng, Wang, Jiang 2019, Figure 2: the summed counts, and the number, of the loops that touch the
    TSS bin. A loop is counted here as a bin pair, so that neither number depends on how a file
    writes its loops. The TSS bin itself is left out: a loop has two feet.
    """
    others = mean.copy()
    others[:, n_flank_bins] = 0.0
    return others.sum(axis=1), np.count_nonzero(others, axis=1).astype(np.int64)


def observed_mask(
    centre_bin: npt.NDArray[np.int64],
    chrom_n_bins: npt.NDArray[np.int64],
    chrom_observed: npt.NDArray[np.bool_],
    n_flank_bins: int,
) -> npt.NDArray[np.uint8]:
    """Mark the bins in which a zero is a measured zero.

    Parameters
    ----------
    centre_bin : ndarray of shape (n_genes,), dtype int64
        Bin of the TSS, counted from the chromosome's start.
    chrom_n_bins : ndarray of shape (n_genes,), dtype int64
        Bins of the gene's chromosome.
    chrom_observed : ndarray of shape (n_genes,), dtype bool
        Whether the sample has any cis pair on the gene's chromosome.
    n_flank_bins : int
        Bins on either side.

    Returns
    -------
    ndarray of shape (n_genes, 2 * n_flank_bins + 1), dtype uint8
        1 where the bin lies on the chromosome and the chromosome was measured.
    """
    bins = centre_bin[:, None] + np.arange(-n_flank_bins, n_flank_bins + 1)
    inside = (bins >= 0) & (bins < chrom_n_bins[:, None])
    return (inside & chrom_observed[:, None]).astype(np.uint8)
