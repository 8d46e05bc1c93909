"""Feature files whose labels were tampered with: what a fit must, and must not, notice."""

import shutil
from pathlib import Path

import h5py
import numpy as np

from dexkit.features.file import FeatureFile
from dexkit.features.schema import expression_path


def permuted_labels(built, out, chroms, sample="alpha"):
    """Copy a feature file, the expression of the genes on some chromosomes shuffled, rescaled."""
    path = Path(shutil.copy(built, out))
    rows = np.flatnonzero(np.isin(FeatureFile(path).genes.chrom, list(chroms)))
    order = np.random.default_rng(0).permutation(rows)
    with h5py.File(path, "r+") as file:
        for kind in ("value", "raw"):
            values = file[expression_path(sample, kind)][()]
            values[rows] = values[order] * 3 + 1
            file[expression_path(sample, kind)][...] = values
    return path
