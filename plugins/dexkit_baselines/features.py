"""Plain feature matrices out of blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

import dexkit_ext
from dexkit.errors import ConfigError, TrainingError
from dexkit_baselines.config import KmerConfig

Blocks = Mapping[str, npt.NDArray[Any]]
#: Rows that are worked on at a time: 2,048 genes x 4,497 features are 37 MB in single precision.
ROWS = 2048


def row_slices(n_rows: int) -> Iterator[slice]:
    """Yield slices of at most ``ROWS`` rows."""
    for start in range(0, n_rows, ROWS):
        yield slice(start, min(start + ROWS, n_rows))


def feature_matrix(
    blocks: Blocks, config: KmerConfig, dtype: npt.DTypeLike = np.float32
) -> npt.NDArray[Any]:
    """Join k-mer counts and the contact profile.

    Parameters
    ----------
    blocks : mapping
        ``sequence``: base codes of shape (n_genes, length_bp), uint8; ``contacts``: standardised
        profiles of shape (n_genes, n_bins), float32. Either may be missing.
    config : KmerConfig
        Word length and strands.
    dtype : dtype, optional
        Of the result; it is filled a few rows at a time, so that no second copy exists.

    Returns
    -------
    ndarray of shape (n_genes, n_features)
        Columns: words in lexicographic order, then bins.

    Raises
    ------
    ConfigError
        When neither block is there.
    """
    codes, contacts = blocks.get("sequence"), blocks.get("contacts")
    n_words = 4**config.k if codes is not None else 0
    n_bins = contacts.shape[1] if contacts is not None else 0
    known = codes if codes is not None else contacts
    if known is None:
        raise ConfigError("baselines need the block 'sequence' or 'contacts'; got neither")
    matrix = np.empty((len(known), n_words + n_bins), dtype=dtype)
    for rows in row_slices(len(known)):
        if codes is not None:
            part = np.ascontiguousarray(codes[rows])
            counts = dexkit_ext.count_kmers(part, config.k, both_strands=config.both_strands)
            matrix[rows, :n_words] = counts
        if contacts is not None:
            matrix[rows, n_words:] = contacts[rows]
    return matrix


def in_row_blocks(
    predict: Callable[[Blocks], npt.NDArray[Any]], blocks: Blocks
) -> npt.NDArray[np.float64]:
    """Predict a few genes at a time, so that the features of all are never in memory.

    Libraries get one thread, as in fits: the number of threads does not reach the last digits.

    Parameters
    ----------
    predict : callable
        Takes blocks, returns one value a gene.
    blocks : mapping
        Arrays of all genes.

    Returns
    -------
    ndarray of shape (n_genes,), dtype float64
        Predictions.
    """
    n_genes = len(next(iter(blocks.values())))
    predicted = np.empty(n_genes)
    with threadpool_limits(1):
        for rows in row_slices(n_genes):
            predicted[rows] = predict({name: values[rows] for name, values in blocks.items()})
    return predicted


def gc_features(blocks: Blocks) -> npt.NDArray[np.float32]:
    """Return the GC share and the observed over expected CpG of each promoter.

    The ratio is that of Gardiner-Garden and Frommer (1987): CpG x known bases / (C x G), 0 where
    a promoter has no C or no G; the share is 0 where no base is known.

    Parameters
    ----------
    blocks : mapping
        ``sequence``: base codes of shape (n_genes, length_bp), uint8.

    Returns
    -------
    ndarray of shape (n_genes, 2), dtype float32
        GC share, CpG observed over expected.
    """
    matrix = np.empty((len(blocks["sequence"]), 2), dtype=np.float32)
    for rows in row_slices(len(matrix)):
        codes = np.asarray(blocks["sequence"][rows])
        is_c, is_g = codes == 1, codes == 2
        n_c, n_g = is_c.sum(axis=1), is_g.sum(axis=1)
        n_cpg = (is_c[:, :-1] & is_g[:, 1:]).sum(axis=1)
        n_known = (codes < 4).sum(axis=1)
        matrix[rows, 0] = (n_c + n_g) / np.maximum(n_known, 1)
        matrix[rows, 1] = n_cpg * n_known / np.maximum(n_c * n_g, 1)
    return matrix


def tss_coverage(blocks: Blocks) -> npt.NDArray[np.float32]:
    """Return the standardised signal of the TSS bin.

    Parameters
    ----------
    blocks : mapping
        ``contacts``: standardised profiles of shape (n_genes, n_bins), float32, with the TSS bin
        at ``n_bins // 2``.

    Returns
    -------
    ndarray of shape (n_genes, 1), dtype float32
        One column.
    """
    contacts = blocks["contacts"]
    middle = contacts.shape[1] // 2
    return np.array(contacts[:, middle : middle + 1], dtype=np.float32)


def tss_coverage_that_varies(blocks: Blocks) -> npt.NDArray[np.float32]:
    """Return :func:`tss_coverage` of training genes.

    Raises
    ------
    TrainingError
        When the bin says nothing: it is the same in all genes.
    """
    column = tss_coverage(blocks)
    if np.ptp(column) == 0:
        raise TrainingError(
            f"tss-coverage: the TSS bin is the same in all {len(column)} training genes; build "
            "the feature file with --set contacts.keep_self=true"
        )
    return column
