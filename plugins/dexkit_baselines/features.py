"""Plain feature matrices out of blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

import dexkit_ext
from dexkit.errors import ConfigError
from dexkit_baselines.config import KmerConfig


def feature_matrix(
    blocks: Mapping[str, npt.NDArray[Any]], config: KmerConfig
) -> npt.NDArray[np.float32]:
    """Join k-mer counts and the contact profile.

    Parameters
    ----------
    blocks : mapping
        ``sequence``: base codes of shape (n_genes, length_bp), uint8; ``contacts``: standardised
        profiles of shape (n_genes, n_bins), float32. Either may be missing.
    config : KmerConfig
        Word length and strands.

    Returns
    -------
    ndarray of shape (n_genes, n_features), dtype float32
        Columns: words in lexicographic order, then bins.

    Raises
    ------
    ConfigError
        When neither block is there.
    """
    parts: list[npt.NDArray[Any]] = []
    if "sequence" in blocks:
        codes = np.ascontiguousarray(blocks["sequence"])
        parts.append(dexkit_ext.count_kmers(codes, config.k, both_strands=config.both_strands))
    if "contacts" in blocks:
        parts.append(blocks["contacts"])
    if not parts:
        raise ConfigError("linear baselines need the block 'sequence' or 'contacts'; got neither")
    return np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
