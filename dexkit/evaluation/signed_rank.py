"""Wilcoxon's signed-rank test for few pairs: exact, with ties too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean

Alternative = Literal["two-sided", "less", "greater"]
_ALTERNATIVES: tuple[Alternative, ...] = ("two-sided", "less", "greater")


@dataclass(frozen=True)
class SignedRank:
    """The outcome of one test; a p-value says nothing without ``n``.

    Parameters
    ----------
    n : int
        Pairs that differ; the others are left out (Wilcoxon 1945, *Biometrics Bull* 1:80).
    n_equal : int
        Pairs that do not differ.
    statistic : float
        Sum of the ranks of the positive differences.
    p : float
        Exact p-value; NaN when no pair differs.
    smallest_p : float
        The p-value when all differences have one sign: no data of this ``n`` give a smaller one.
    alternative : str
        ``"two-sided"``, ``"less"`` (differences lie below zero) or ``"greater"``.
    """

    n: int
    n_equal: int
    statistic: float
    p: float
    smallest_p: float
    alternative: Alternative


def smallest_p(n: int, alternative: Alternative = "two-sided") -> float:
    """Return the smallest p-value that ``n`` pairs can give.

    Parameters
    ----------
    n : int
        Pairs that differ.
    alternative : str
        As in :func:`signed_rank`.

    Returns
    -------
    float
        ``2**-n``, twice that when two-sided (five pairs: 0.0625); never above 1.
    """
    return min(1.0, 2.0 ** (1 - n if alternative == "two-sided" else -n))


def signed_rank(differences: npt.ArrayLike, alternative: Alternative = "two-sided") -> SignedRank:
    """Test whether paired differences are symmetric about zero.

    Parameters
    ----------
    differences : array_like of shape (n_pairs,)
        First minus second of each pair.
    alternative : {"two-sided", "less", "greater"}
        ``"less"``: the first is smaller.

    Returns
    -------
    SignedRank
        The p-value is that of all ``2**n`` equally likely signs, given the ranks (ties averaged),
        so it is exact for any number of pairs; without ties it equals SciPy's exact one.

    Raises
    ------
    ConfigError
        If the alternative is unknown.
    InputError
        If a difference is not finite, or there is none.
    """
    if alternative not in _ALTERNATIVES:
        hint = did_you_mean(str(alternative), _ALTERNATIVES)
        raise ConfigError(f"unknown alternative {alternative!r}; {hint}")
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError(f"paired differences must be a vector; got shape {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("a paired difference is not finite; leave undefined pairs out first")
    kept = values[values != 0]
    n = len(kept)
    least = smallest_p(n, alternative)
    if not n:
        return SignedRank(0, len(values), 0.0, math.nan, least, alternative)
    twice = _twice_ranks(np.abs(kept))
    statistic = int(twice[kept > 0].sum())
    # Probability of each value of twice the statistic, one pair after the other.
    chance = np.zeros(int(twice.sum()) + 1)
    chance[0] = 1.0
    for rank in twice:
        chance[rank:] = (chance[rank:] + chance[: len(chance) - rank]) / 2
        chance[:rank] /= 2
    below, above = float(chance[: statistic + 1].sum()), float(chance[statistic:].sum())
    p = {"less": below, "greater": above, "two-sided": 2 * min(below, above)}[alternative]
    return SignedRank(n, len(values) - n, statistic / 2, min(1.0, p), least, alternative)


def _twice_ranks(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return twice the average rank of each value: a whole number, with ties too."""
    _, group, count = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return np.asarray((2 * last - count + 1)[group], dtype=np.int64)
