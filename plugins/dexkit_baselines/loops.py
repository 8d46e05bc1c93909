"""Regression on one number of a gene's loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import LOOPS, NoConfig
from dexkit_baselines.features import Blocks
from dexkit_baselines.linear import LeastSquares, LinearBaseline

Array = npt.NDArray[np.float64]
#: Columns of the block ``loops``.
_SUM, _NUMBER = 0, 1


class LoopBaseline:
    """Least squares on ``sign(x) * log2(1 + |x|)`` of loop sum or loop number.

    The logarithm is that of the contact signal; the sign serves loops whose scores may be
    negative. A gene whose contacts were not measured gets the mean of the training genes that
    were.

    Parameters
    ----------
    name : str
        For messages.
    column : int
        Column of the block ``loops``.
    """

    def __init__(self, name: str, column: int) -> None:
        self._name = name
        self._column = column
        self._mean = 0.0
        self._unmeasured = 0
        self._line = self._new_line()

    def fit(self, blocks: Blocks, y: Array) -> LoopBaseline:
        """Fit on the training genes."""
        x = self._log(blocks)
        measured = np.isfinite(x)
        self._unmeasured = int((~measured).sum())
        self._mean = float(x[measured].mean()) if measured.any() else 0.0
        self._line = self._new_line()
        self._line.fit(blocks, y)
        return self

    def predict(self, blocks: Blocks) -> Array:
        """Return one prediction a gene, in the units of the training values."""
        return self._line.predict(blocks)

    def describe(self) -> dict[str, Any]:
        """Return the line, and how many training genes had no measured contacts."""
        return {**self._line.describe(), "unmeasured": self._unmeasured}

    def _new_line(self) -> LinearBaseline:
        return LinearBaseline(self._features, LeastSquares(self._name), _line)

    def _log(self, blocks: Blocks) -> Array:
        x = np.asarray(blocks[LOOPS][:, self._column], dtype=np.float64)
        return np.sign(x) * np.log2(1 + np.abs(x))

    def _features(self, blocks: Blocks) -> npt.NDArray[np.float32]:
        x = self._log(blocks)
        return np.where(np.isfinite(x), x, self._mean)[:, None].astype(np.float32)


def loop_sum(config: NoConfig, seed: int) -> LoopBaseline:
    """Return least squares on the loop sum (Zeng, Wang, Jiang 2019, Figure 2A).

    Parameters
    ----------
    config : NoConfig
        Nothing to configure.
    seed : int
        Not used: nothing is random.
    """
    return LoopBaseline("loop-sum", _SUM)


def loop_number(config: NoConfig, seed: int) -> LoopBaseline:
    """Return least squares on the loop number (Figure 2B); the parameters are those of the sum."""
    return LoopBaseline("loop-number", _NUMBER)


def _line(fitted: LeastSquares) -> dict[str, Any]:
    return {"slope_per_sd": float(fitted.coefficients[0]), "intercept": fitted.intercept}
