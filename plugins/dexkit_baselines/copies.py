"""Baselines that copy a gene's expression from other samples.

What a gene does in one sample says much of what it does in another: a model for a new sample that
does not beat these has learnt the genes, not the sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import OTHER_SAMPLES, NoConfig
from dexkit_baselines.features import Blocks

Array = npt.NDArray[np.float64]


class CopyMean:
    """Predict the mean over the other samples in which the gene was measured.

    A gene that none of them measured gets the mean of the training values.

    Parameters
    ----------
    config : NoConfig
        Nothing to configure.
    seed : int
        Not used: nothing is random.
    """

    def __init__(self, config: NoConfig, seed: int) -> None:
        self._fallback = float("nan")
        self._described: dict[str, Any] = {}

    def fit(self, blocks: Blocks, y: Array) -> CopyMean:
        """Keep the mean of ``y`` for genes that are measured nowhere else."""
        others = blocks[OTHER_SAMPLES]
        self._fallback = float(np.mean(y))
        self._described = {
            "samples": int(others.shape[1]),
            "measured_nowhere_else": int((~np.isfinite(others)).all(axis=1).sum()),
        }
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return one value a gene, in log10 units."""
        others = np.asarray(blocks[OTHER_SAMPLES], dtype=np.float64)
        measured = np.isfinite(others)
        n = measured.sum(axis=1)
        total = np.where(measured, others, 0.0).sum(axis=1)
        return np.where(n > 0, total / np.maximum(n, 1), self._fallback)

    def describe(self) -> dict[str, Any]:
        """Return how many samples are copied, and training genes that none of them measured."""
        return dict(self._described)


class CopyBest:
    """Predict the expression in the sample whose training genes correlate best with the target.

    Where that sample did not measure a gene the next best one is copied; a gene that none of them
    measured gets the mean of the training values.

    Parameters
    ----------
    config : NoConfig
        Nothing to configure.
    seed : int
        Not used: nothing is random.
    """

    def __init__(self, config: NoConfig, seed: int) -> None:
        self._fallback = float("nan")
        self._order: list[int] = []
        self._correlations: list[float | None] = []

    def fit(self, blocks: Blocks, y: Array) -> CopyBest:
        """Rank the samples by Pearson correlation over the training genes."""
        others = np.asarray(blocks[OTHER_SAMPLES], dtype=np.float64)
        self._fallback = float(np.mean(y))
        self._correlations = [_pearson(column, y) for column in others.T]
        # A sample without a correlation comes last; equal ones keep the order of the file.
        known = [-2.0 if r is None else r for r in self._correlations]
        self._order = sorted(range(len(known)), key=lambda i: -known[i])
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return one value a gene, in log10 units."""
        others = np.asarray(blocks[OTHER_SAMPLES], dtype=np.float64)
        predicted = np.full(len(others), self._fallback)
        for column in reversed(self._order):
            measured = np.isfinite(others[:, column])
            predicted[measured] = others[measured, column]
        return predicted

    def describe(self) -> dict[str, Any]:
        """Return the column that is copied and the correlation of each, in file order."""
        return {"column": self._order[0], "training_pearson": list(self._correlations)}


def _pearson(x: Array, y: Array) -> float | None:
    """Return the correlation over the genes that were measured; None where there is none."""
    measured = np.isfinite(x)
    a, b = x[measured], y[measured]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])
