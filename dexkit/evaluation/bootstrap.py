"""Percentile bootstrap intervals over genes or over groups of genes (chromosomes).

A resample is a row of weights: how many times each gene was drawn. All predictors and all metrics
of a comparison see the same rows, so that their differences are paired.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation.metrics import check_classes, check_predictions, format_interval, get_metric

Floats = npt.NDArray[np.float64]

# Two-sided level of every interval that dexkit prints.
LEVEL = 0.95

# Above this share of resamples without a value, the rest no longer stands for the whole.
MAX_UNDEFINED_SHARE = 0.05

# The bounds are the 2.5th and 97.5th percentile of the resamples, which fewer cannot resolve.
MIN_RESAMPLES = 100

# Elements of one block of weights (1.6 MB): keeps memory flat and the ranks in the cache.
_BLOCK_ELEMENTS = 200_000


@dataclass(frozen=True)
class Interval:
    """A value with its bootstrap interval; NaN stands for undefined.

    Parameters
    ----------
    value : float
        The statistic on all genes.
    low, high : float
        Percentile bounds at level :data:`LEVEL` unless another was asked for.
    n_undefined : int
        Resamples in which the statistic did not exist.
    """

    value: float
    low: float
    high: float
    n_undefined: int = 0

    def __str__(self) -> str:
        """Return ``"0.240 [0.201, 0.279]"``, or what of it is defined."""
        return format_interval(self.value, self.low, self.high)

    def to_dict(self) -> dict[str, float | None]:
        """Return ``{"value", "low", "high"}`` with None for undefined."""
        return {
            key: None if math.isnan(number) else number
            for key, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }


def check_resamples(n_bootstrap: int) -> None:
    """Check a number of resamples that a user asked for.

    Raises
    ------
    ConfigError
        Unless it is 0, or enough for the bounds of an interval.
    """
    if n_bootstrap != 0 and n_bootstrap < MIN_RESAMPLES:
        raise ConfigError(
            f"--bootstrap must be 0 (no intervals) or at least {MIN_RESAMPLES}; got {n_bootstrap}"
        )


def resample_weights(
    n_genes: int,
    n_bootstrap: int,
    seed: int,
    groups: npt.ArrayLike | None = None,
) -> Iterator[Floats]:
    """Draw resamples with replacement, in blocks.

    Parameters
    ----------
    n_genes : int
        Number of genes.
    n_bootstrap : int
        Number of resamples over all blocks.
    seed : int
        Seed, not negative.
    groups : array_like of shape (n_genes,), optional
        Group of each gene (its chromosome). When given, whole groups are drawn, as many as there
        are, so that the number of genes varies.

    Yields
    ------
    ndarray of shape (n_block, n_genes), dtype float64
        How many times each gene was drawn; every row has a positive sum.

    Raises
    ------
    ConfigError
        If ``n_bootstrap`` or ``seed`` is negative.
    InputError
        If there is no gene, ``groups`` has another length, or there is a single group.
    """
    if n_bootstrap < 0:
        raise ConfigError(f"the number of resamples must not be negative; got {n_bootstrap}")
    if seed < 0:
        raise ConfigError(f"the seed must not be negative; got {seed}")
    if n_genes < 1:
        raise InputError("no gene to resample")
    group_of = None
    n_units = n_genes
    if groups is not None:
        labels = np.asarray(groups)
        if labels.shape != (n_genes,):
            raise InputError(
                f"groups must have one value a gene; got shape {labels.shape} for {n_genes} genes"
            )
        # return_inverse sorts, so the draw depends on the names and not on the gene order.
        names, group_of = np.unique(labels.astype(str), return_inverse=True)
        n_units = len(names)
        if n_units < 2:
            raise InputError(
                f"a bootstrap over groups needs at least two groups; got one ({names[0]}); "
                "resample genes instead"
            )
    rng = np.random.default_rng(seed)
    n_block = max(1, _BLOCK_ELEMENTS // max(n_genes, n_units))
    for start in range(0, n_bootstrap, n_block):
        n_rows = min(n_block, n_bootstrap - start)
        drawn = rng.integers(0, n_units, size=(n_rows, n_units))
        drawn += np.arange(n_rows)[:, None] * n_units
        counts = np.bincount(drawn.ravel(), minlength=n_rows * n_units).reshape(n_rows, n_units)
        weights = counts if group_of is None else counts[:, group_of]
        yield weights.astype(np.float64)


def bootstrap_replicates(
    observed: npt.ArrayLike,
    predictions: Mapping[str, npt.ArrayLike],
    metrics: Sequence[str],
    n_bootstrap: int = 1000,
    seed: int = 0,
    groups: npt.ArrayLike | None = None,
) -> dict[tuple[str, str], Floats]:
    """Compute several metrics of several predictors on the same resamples.

    Parameters
    ----------
    observed : array_like of shape (n_genes,)
        Observed values.
    predictions : mapping of str to array_like of shape (n_genes,)
        Predictions by predictor, on the same genes.
    metrics : sequence of str
        Names in :data:`dexkit.evaluation.metrics.METRICS`.
    n_bootstrap, seed, groups
        See :func:`resample_weights`.

    Returns
    -------
    dict of (predictor, metric) to ndarray of shape (n_bootstrap,), dtype float64
        NaN in resamples where the metric is undefined.

    Raises
    ------
    ConfigError, InputError
        If a metric is unknown or the vectors cannot be compared or resampled.
    """
    chosen = [get_metric(name) for name in metrics]
    pairs = {}
    for name, predicted in predictions.items():
        y, p = check_predictions(observed, predicted)
        if any(metric.task == "classification" for metric in chosen):
            check_classes(y, p)
        pairs[name] = (y, p)
    n_genes = len(np.asarray(observed))
    parts: dict[tuple[str, str], list[Floats]] = {
        (name, metric.name): [] for name in pairs for metric in chosen
    }
    for weights in resample_weights(n_genes, n_bootstrap, seed, groups):
        for name, (y, p) in pairs.items():
            for metric in chosen:
                parts[name, metric.name].append(metric.weighted(y, p, weights))
    return {key: np.concatenate(blocks or [np.empty(0)]) for key, blocks in parts.items()}


def percentile_interval(value: float, replicates: Floats, level: float = LEVEL) -> Interval:
    """Return the percentile interval of a bootstrapped statistic.

    Parameters
    ----------
    value : float
        The statistic on all genes.
    replicates : ndarray of shape (n_bootstrap,), dtype float64
        The statistic on each resample, NaN where undefined; may be empty.
    level : float
        Two-sided level, in (0, 1).

    Returns
    -------
    Interval
        Bounds are NaN when there are no resamples, when the value is undefined, or when more
        than 5 % of the resamples are.

    Raises
    ------
    ConfigError
        If the level is out of range.
    """
    if not 0 < level < 1:
        raise ConfigError(f"the level of an interval must lie between 0 and 1; got {level}")
    missing = np.isnan(replicates)
    n_undefined = int(missing.sum())
    if (
        math.isnan(value)
        or not len(replicates)
        or n_undefined > MAX_UNDEFINED_SHARE * len(replicates)
    ):
        return Interval(value, math.nan, math.nan, n_undefined)
    low, high = np.quantile(replicates[~missing], [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high), n_undefined)
