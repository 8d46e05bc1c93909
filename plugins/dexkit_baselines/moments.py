"""Sums of products of features: all that penalised least squares needs to know of the genes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit_baselines.features import ROWS

Array = npt.NDArray[np.float64]


@dataclass
class Moments:
    """Sums over genes.

    Parameters
    ----------
    n_genes : int
        Number of genes.
    x, y : ndarray of shape (n_features,), float
        Sums of the features and of the target.
    xx : ndarray of shape (n_features, n_features), dtype float64
        Sums of products of features.
    xy : ndarray of shape (n_features,), dtype float64
        Sums of features times target.
    yy : float
        Sum of squares of the target.
    """

    n_genes: int
    x: Array
    y: float
    xx: Array
    xy: Array
    yy: float

    @classmethod
    def of(cls, features: npt.NDArray[np.float32], y: Array, rows: npt.NDArray[np.intp]) -> Moments:
        """Sum over some rows, in double precision, a block of rows at a time.

        Parameters
        ----------
        features : ndarray of shape (n_genes, n_features), dtype float32
            Features of all genes.
        y : ndarray of shape (n_genes,), dtype float64
            Target.
        rows : ndarray of shape (n,), dtype intp
            Genes to sum over.
        """
        n_features = features.shape[1]
        x, xx, xy = np.zeros(n_features), np.zeros((n_features, n_features)), np.zeros(n_features)
        for start in range(0, len(rows), ROWS):
            index = rows[start : start + ROWS]
            part = features[index].astype(np.float64)
            x += part.sum(axis=0)
            xx += part.T @ part
            xy += part.T @ y[index]
        return cls(len(rows), x, float(y[rows].sum()), xx, xy, float(np.square(y[rows]).sum()))

    def without(self, part: Moments) -> Moments:
        """Return the sums over the other genes; those of ``part`` are overwritten."""
        return Moments(
            self.n_genes - part.n_genes,
            self.x - part.x,
            self.y - part.y,
            np.subtract(self.xx, part.xx, out=part.xx),
            self.xy - part.xy,
            self.yy - part.yy,
        )

    def centre(self) -> tuple[Array, float]:
        """Take the means off the products, in place; return the means of features and target."""
        mean_x, mean_y = self.x / self.n_genes, self.y / self.n_genes
        for start in range(0, len(mean_x), ROWS):
            stop = start + ROWS
            self.xx[start:stop] -= np.outer(self.x[start:stop], mean_x)
        self.xy -= self.x * mean_y
        self.yy -= self.y * mean_y
        return mean_x, mean_y
