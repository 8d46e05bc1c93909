"""Standardise features in place, a few rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit_baselines.features import row_slices

#: A deviation below this share of the mean is rounding: the column is constant.
_NO_SPREAD = 1e-6


class Standardiser:
    """Mean 0 and variance 1 in every column; columns that are constant become 0.

    Sums are taken in double precision over blocks of rows, so that a matrix in single precision
    needs no copy.
    """

    def __init__(self) -> None:
        self.mean: npt.NDArray[np.float64] = np.empty(0)
        self.scale: npt.NDArray[np.float64] = np.empty(0)

    def fit_transform(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Learn means and deviations and overwrite ``features``.

        Parameters
        ----------
        features : ndarray of shape (n_genes, n_features), float
            Training genes; overwritten.

        Returns
        -------
        ndarray
            The same array.
        """
        n_genes, n_features = features.shape
        total = np.zeros(n_features)
        for rows in row_slices(n_genes):
            total += features[rows].sum(axis=0, dtype=np.float64)
        self.mean = total / n_genes
        squares = np.zeros(n_features)
        for rows in row_slices(n_genes):
            squares += np.square(features[rows] - self.mean).sum(axis=0)
        sd = np.sqrt(squares / n_genes)
        self.scale = np.where(sd > _NO_SPREAD * np.abs(self.mean), sd, np.inf)
        return self.transform(features)

    def transform(self, features: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Overwrite ``features`` with standardised values and return the same array."""
        for rows in row_slices(len(features)):
            features[rows] = (features[rows] - self.mean) / self.scale
        return features
