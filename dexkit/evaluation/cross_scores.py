"""Scores of cross-sample predictions, beside copied expression, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, did_you_mean
from dexkit.evaluation.bootstrap import bootstrap_replicates, percentile_interval
from dexkit.evaluation.cross_sample import QUANTITIES, CrossPredictions
from dexkit.evaluation.evaluate import RESAMPLING
from dexkit.evaluation.metrics import compute

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: Who predicts: the models of the sample itself, those of one other sample, their mean, copies.
OWN, CROSS, INDEPENDENT = "own", "cross", "independent"
COPY_MEAN, COPY_BEST = "copy-mean", "copy-best"
COPIES = (COPY_MEAN, COPY_BEST)

METRICS = ("pearson", "spearman", "r2", "mse")
#: Ranks of every resample of every pair of samples would take longer than many a fit.
INTERVAL_METRICS = ("pearson", "r2", "mse")


@dataclass(frozen=True)
class _Key:
    """One number before it has a metric: a predictor of one sample, or its mean over samples."""

    quantity: str
    scope: str
    target: str
    predictor: str
    train: str


@dataclass(frozen=True)
class _Scored:
    """Values and resamples by metric; a metric without intervals has no resamples."""

    value: dict[str, float]
    draws: dict[str, Floats]


def score_cross(
    predictions: CrossPredictions,
    rows: npt.NDArray[np.bool_] | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    by: str = "gene",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Score every model on every sample, and compare with copied expression.

    Parameters
    ----------
    predictions : CrossPredictions
        Truth and predictions.
    rows : ndarray of shape (n_genes,), dtype bool, optional
        Genes to score; all by default. Which sample ``copy-best`` takes is chosen on all genes
        outside of the fold, whatever the rows.
    n_bootstrap : int, optional
        Resamples of the intervals; 0 gives none.
    seed : int, optional
        Seed of the resamples: all samples and predictors see the same ones.
    by : str, optional
        Resample ``"gene"`` or whole ``"chromosome"``.

    Returns
    -------
    scores : DataFrame
        ``quantity`` (expression, difference), ``scope`` (``sample``, or ``mean`` over samples),
        ``target``, ``predictor`` (own, cross, independent, copy-mean, copy-best), ``train``,
        ``metric``, ``n_genes``, ``value``, ``low``, ``high``; NaN stands for undefined.
        Spearman has no interval.
    comparisons : DataFrame
        The same of models minus copies, paired, with a column ``versus``.

    Raises
    ------
    ConfigError
        When ``by`` is unknown.
    InputError
        When there is no gene, or one chromosome only to resample.
    """
    import pandas as pd

    if by not in RESAMPLING:
        raise ConfigError(f"unknown resampling {by!r}; {did_you_mean(by, RESAMPLING)}")
    chosen = np.ones(len(predictions.chrom), dtype=bool) if rows is None else rows
    groups = None
    if by == "chromosome" and n_bootstrap:
        groups = predictions.chrom[chosen].astype(str)
    scored: dict[_Key, _Scored] = {}
    for quantity in QUANTITIES:
        for target in range(len(predictions.samples)):
            scored |= _score_target(
                predictions, chosen, quantity, target, n_bootstrap, seed, groups
            )
        scored |= _means(scored, quantity)
    n = int(chosen.sum())
    plain = [
        _row(key, metric, n, found.value[metric], found.draws.get(metric))
        for key, found in scored.items()
        for metric in METRICS
    ]
    return pd.DataFrame(plain), pd.DataFrame(list(_comparisons(scored, n)))


def _score_target(
    predictions: CrossPredictions,
    rows: npt.NDArray[np.bool_],
    quantity: str,
    target: int,
    n_bootstrap: int,
    seed: int,
    groups: npt.NDArray[Any] | None,
) -> dict[_Key, _Scored]:
    samples = predictions.samples
    observed = predictions.observed_for(target, quantity)[rows]
    vectors: dict[tuple[str, str], Floats] = {
        (OWN if train == target else CROSS, name): predictions.model(train, target, quantity)
        for train, name in enumerate(samples)
    }
    vectors[INDEPENDENT, ""] = predictions.independent(target, quantity)
    vectors[COPY_MEAN, ""] = predictions.copy_mean(target, quantity)
    vectors[COPY_BEST, ""] = predictions.copy_best(target, quantity)
    # Names of the bootstrap are text: the place of a vector tells them apart.
    named = {str(i): vector[rows] for i, vector in enumerate(vectors.values())}
    draws = bootstrap_replicates(observed, named, INTERVAL_METRICS, n_bootstrap, seed, groups)
    return {
        _Key(quantity, "sample", samples[target], predictor, train): _Scored(
            {metric: compute(metric, observed, named[str(i)]) for metric in METRICS},
            {metric: draws[str(i), metric] for metric in INTERVAL_METRICS},
        )
        for i, (predictor, train) in enumerate(vectors)
    }


def _means(scored: dict[_Key, _Scored], quantity: str) -> dict[_Key, _Scored]:
    """Return the mean of each kind of predictor over all pairs of samples that it is there for."""
    found: dict[_Key, _Scored] = {}
    for predictor in (OWN, CROSS, INDEPENDENT, *COPIES):
        cells = [
            one
            for key, one in scored.items()
            if (key.quantity, key.predictor) == (quantity, predictor)
        ]
        found[_Key(quantity, "mean", "", predictor, "")] = _Scored(
            {metric: float(np.mean([one.value[metric] for one in cells])) for metric in METRICS},
            {
                metric: np.mean([one.draws[metric] for one in cells], axis=0)
                for metric in INTERVAL_METRICS
            },
        )
    return found


def _comparisons(scored: dict[_Key, _Scored], n: int) -> Iterator[dict[str, Any]]:
    """Yield models minus copies, on the same genes and resamples."""
    for key, found in scored.items():
        if key.predictor in COPIES:
            continue
        for copy in COPIES:
            other = scored[_Key(key.quantity, key.scope, key.target, copy, "")]
            for metric in INTERVAL_METRICS:
                value = found.value[metric] - other.value[metric]
                draws = found.draws[metric] - other.draws[metric]
                yield _row(key, metric, n, value, draws, copy)


def _row(
    key: _Key, metric: str, n: int, value: float, draws: Floats | None, versus: str = ""
) -> dict[str, Any]:
    interval = percentile_interval(value, np.empty(0) if draws is None else draws)
    named = {"versus": versus} if versus else {}
    return {
        "quantity": key.quantity,
        "scope": key.scope,
        "target": key.target,
        "predictor": key.predictor,
        "train": key.train,
        **named,
        "metric": metric,
        "n_genes": n,
        "value": value,
        "low": interval.low,
        "high": interval.high,
    }
