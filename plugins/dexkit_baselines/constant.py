"""The baseline that knows nothing but the training values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import NoConfig


class Constant:
    """Predict the mean of the training values for every gene.

    Parameters
    ----------
    config : NoConfig
        Nothing to configure.
    seed : int
        Not used: nothing is random.
    """

    def __init__(self, config: NoConfig, seed: int) -> None:
        self._mean = float("nan")

    def fit(self, blocks: Mapping[str, npt.NDArray[Any]], y: npt.NDArray[np.float64]) -> Constant:
        """Keep the mean of ``y``."""
        self._mean = float(np.mean(y))
        return self

    def predict(self, blocks: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        """Return the mean once a gene; the number of genes is read off any block."""
        n_genes = len(next(iter(blocks.values())))
        return np.full(n_genes, self._mean)

    def describe(self) -> dict[str, Any]:
        """Return the mean."""
        return {"mean": self._mean}
