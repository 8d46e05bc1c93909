"""The contact signal of DeepExpression: depth normalisation, replicate mean, log2."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def contact_signal(
    counts: Sequence[npt.NDArray[np.uint32]], depths: Sequence[int], target_depth: int
) -> npt.NDArray[np.float64]:
    """Turn replicate counts into the contact signal h.

    Parameters
    ----------
    counts : sequence of ndarray of shape (n_rows, n_bins), dtype uint32
        Contact counts n_ijk, one array a replicate k.
    depths : sequence of int
        Valid pairs N_k of each replicate.
    target_depth : int
        N, the depth that replicates are scaled to: the smallest N_k unless told otherwise.

    Returns
    -------
    ndarray of shape (n_rows, n_bins), dtype float64
        ``h = log2(1 + mean_k(n_ijk / N_k * N))``.

    References
    ----------
    Zeng, Wang, Jiang 2019, section 2.1: n~_ijk = n_ijk / N_k * N, N the smallest depth;
    h_ij = log2(1 + mean over replicates of n~_ijk).
    """
    total = np.zeros(counts[0].shape, dtype=np.float64)
    for replicate, depth in zip(counts, depths, strict=True):
        total += replicate * (target_depth / depth)
    total /= len(counts)
    np.log1p(total, out=total)
    total /= np.log(2.0)
    return total


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
