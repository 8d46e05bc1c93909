"""Standardise contact profiles with statistics of the training genes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class ProfileNormaliser:
    """Mean and scale of every bin.

    Parameters
    ----------
    mean : ndarray of shape (n_bins,), dtype float64
        Mean signal of the observed training entries; 0 for a bin that none observed.
    scale : ndarray of shape (n_bins,), dtype float64
        Standard deviation of the bin, but at least that of all bins pooled: a far bin in which
        one gene has one read would otherwise be blown up to the size of the strongest contact.
    """

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]

    @classmethod
    def fit(
        cls, signal: npt.NDArray[np.float32], observed: npt.NDArray[np.uint8]
    ) -> ProfileNormaliser:
        """Learn from training genes.

        Parameters
        ----------
        signal : ndarray of shape (n_genes, n_bins), dtype float32
            Contact signal h.
        observed : ndarray of shape (n_genes, n_bins), dtype uint8
            1 where the bin was measured.

        Returns
        -------
        ProfileNormaliser
            Statistics of these genes alone.
        """
        seen = observed.astype(bool)
        n_seen = seen.sum(axis=0)
        values = np.where(seen, signal, 0.0).astype(np.float64)
        mean = values.sum(axis=0) / np.maximum(n_seen, 1)
        squares = np.where(seen, (values - mean) ** 2, 0.0).sum(axis=0)
        pooled = np.sqrt(squares.sum() / max(int(n_seen.sum()), 1))
        sd = np.sqrt(squares / np.maximum(n_seen, 1))
        return cls(mean, np.maximum(sd, pooled if pooled > 0 else 1.0))

    def apply(
        self, signal: npt.NDArray[np.float32], observed: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        """Return standardised profiles; what was not observed becomes 0, the training mean."""
        z = (signal - self.mean) / self.scale
        return np.where(observed.astype(bool), z, 0.0).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """Return the statistics as plain lists."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ProfileNormaliser:
        """Rebuild from :meth:`to_json`."""
        return cls(np.asarray(values["mean"]), np.asarray(values["scale"]))
