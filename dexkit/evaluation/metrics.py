"""Metrics of predictions, for one set of genes or for many resamples of it at once.

Every metric is written once, for genes that carry weights; the plain functions give each gene
weight 1, the bootstrap gives it the number of times it was drawn. Values equal those of SciPy and
scikit-learn. A metric that does not exist (the correlation with a constant, an AUROC without both
classes) is NaN here, ``null`` in JSON and "undefined" in tables; it is never replaced by a number.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError, did_you_mean

Floats = npt.NDArray[np.float64]
WeightedMetric = Callable[[Floats, Floats, Floats], Floats]

# Probability from which on the upper class is called.
CALL_THRESHOLD = 0.5

# A spread below this part of the size of the values is rounding noise, not signal; it is the
# bound from which on scipy.stats.pearsonr warns of a nearly constant input.
_RELATIVE_NOISE = 1e-13

UNDEFINED = "undefined"


@dataclass(frozen=True)
class Metric:
    """One metric and what a table or a figure must know about it.

    Parameters
    ----------
    name : str
        Key in ``metrics.json``.
    label : str
        Name on an axis.
    task : str
        ``"regression"`` or ``"classification"``.
    higher_is_better : bool
        Direction.
    weighted : callable
        ``weighted(observed, predicted, weights)`` with shapes ``(n_genes,)``, ``(n_genes,)`` and
        ``(n_resamples, n_genes)``, all float64 and finite; returns ``(n_resamples,)``, NaN where
        the metric is undefined. Weights are whole numbers, each row with a positive sum.
    """

    name: str
    label: str
    task: str
    higher_is_better: bool
    weighted: WeightedMetric


def check_predictions(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both as float64 vectors after checking that they can be compared.

    Parameters
    ----------
    observed, predicted : array_like of shape (n_genes,)
        Values of the same genes in the same order.

    Returns
    -------
    tuple of ndarray of shape (n_genes,), dtype float64
        Observed and predicted.

    Raises
    ------
    InputError
        If the shapes differ, there is no gene, or a value is NaN or infinite.
    """
    y = np.asarray(observed, dtype=np.float64)
    p = np.asarray(predicted, dtype=np.float64)
    if y.ndim != 1 or y.shape != p.shape:
        raise InputError(
            "observed and predicted must be vectors of the same genes; "
            f"got shapes {y.shape} and {p.shape}"
        )
    if not len(y):
        raise InputError("no gene to compute a metric on; got empty vectors")
    for what, values in (("observed", y), ("predicted", p)):
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise InputError(
                f"{len(bad)} of {len(values)} {what} values are not finite; got "
                f"{values[bad[0]]} at position {int(bad[0])}; leave unmeasured genes out first"
            )
    return y, p


def check_classes(observed: Floats, predicted: Floats) -> None:
    """Check that labels are 0 or 1 and predictions are probabilities.

    Raises
    ------
    InputError
        If a value is outside.
    """
    labels = np.setdiff1d(observed, (0.0, 1.0))
    if len(labels):
        raise InputError(f"observed classes must be 0 or 1; got {labels[0]:g}")
    if predicted.min() < 0 or predicted.max() > 1:
        worst = predicted.min() if predicted.min() < 0 else predicted.max()
        raise InputError(f"predicted probabilities must lie in [0, 1]; got {worst:g}")


# --- regression ---------------------------------------------------------------------------------


def _weighted_pearson(y: Floats, p: Floats, w: Floats) -> Floats:
    a, b = y - y.mean(), p - p.mean()
    moments = w @ np.stack([a, b, a * a, b * b, a * b], axis=1) / w.sum(axis=1, keepdims=True)
    mean_a, mean_b, a2, b2, ab = moments.T
    var_a, var_b = a2 - mean_a**2, b2 - mean_b**2
    # Both bounds: the moments of a resample that drew one value again and again differ by
    # rounding only, and so do the values of a constant vector from their own mean.
    defined = (
        (var_a > _RELATIVE_NOISE * a2)
        & (var_b > _RELATIVE_NOISE * b2)
        & (var_a > (_RELATIVE_NOISE * y.mean()) ** 2)
        & (var_b > (_RELATIVE_NOISE * p.mean()) ** 2)
    )
    out = np.full(len(w), np.nan)
    root = np.sqrt(var_a[defined]) * np.sqrt(var_b[defined])
    out[defined] = (ab - mean_a * mean_b)[defined] / root
    return np.clip(out, -1.0, 1.0)


def _tie_groups(values: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the ascending order, and where in it each run of equal values starts."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    return order, starts


def _weighted_ranks(values: Floats, w: Floats) -> Floats:
    """Average ranks in every resample, minus their mean; shape (n_resamples, n_genes)."""
    order, starts = _tie_groups(values)
    in_group = np.add.reduceat(w[:, order], starts, axis=1)
    n = in_group.sum(axis=1, keepdims=True)
    rank = np.cumsum(in_group, axis=1) - (in_group - 1) / 2 - (n + 1) / 2
    ranks = np.empty_like(w)
    ranks[:, order] = np.repeat(rank, np.diff(np.r_[starts, len(values)]), axis=1)
    return ranks


def _weighted_spearman(y: Floats, p: Floats, w: Floats) -> Floats:
    a, b = _weighted_ranks(y, w), _weighted_ranks(p, w)
    var_a = np.einsum("ij,ij,ij->i", w, a, a)
    var_b = np.einsum("ij,ij,ij->i", w, b, b)
    covariance = np.einsum("ij,ij,ij->i", w, a, b)
    # Ranks are multiples of one half, so the variance of a constant is exactly zero.
    defined = (var_a > 0) & (var_b > 0)
    out = np.full(len(w), np.nan)
    out[defined] = covariance[defined] / (np.sqrt(var_a[defined]) * np.sqrt(var_b[defined]))
    return np.clip(out, -1.0, 1.0)


def _weighted_mse(y: Floats, p: Floats, w: Floats) -> Floats:
    mean: Floats = w @ (y - p) ** 2 / w.sum(axis=1)
    return mean


def _weighted_rmse(y: Floats, p: Floats, w: Floats) -> Floats:
    return np.sqrt(_weighted_mse(y, p, w))


def _weighted_mae(y: Floats, p: Floats, w: Floats) -> Floats:
    mean: Floats = w @ np.abs(y - p) / w.sum(axis=1)
    return mean


def _weighted_r2(y: Floats, p: Floats, w: Floats) -> Floats:
    a = y - y.mean()
    n = w.sum(axis=1)
    mean_a, a2 = w @ a / n, w @ a**2 / n
    variance = a2 - mean_a**2
    defined = (variance > _RELATIVE_NOISE * a2) & (variance > (_RELATIVE_NOISE * y.mean()) ** 2)
    out = np.full(len(w), np.nan)
    out[defined] = 1 - _weighted_mse(y, p, w)[defined] / variance[defined]
    return out


# --- classification -----------------------------------------------------------------------------


def _class_counts(y: Floats, p: Floats, w: Floats) -> tuple[Floats, Floats]:
    """Positives and negatives at each distinct prediction, ascending; (n_resamples, n_values)."""
    order, starts = _tie_groups(p)
    upper = y[order] == 1
    ordered = w[:, order]
    positives = np.add.reduceat(ordered * upper, starts, axis=1)
    negatives = np.add.reduceat(ordered * ~upper, starts, axis=1)
    return positives, negatives


def _weighted_auroc(y: Floats, p: Floats, w: Floats) -> Floats:
    positives, negatives = _class_counts(y, p, w)
    below = np.cumsum(negatives, axis=1) - negatives
    won = (positives * (below + negatives / 2)).sum(axis=1)
    return _ratio(won, positives.sum(axis=1) * negatives.sum(axis=1))


def _weighted_auprc(y: Floats, p: Floats, w: Floats) -> Floats:
    positives, negatives = (counts[:, ::-1] for counts in _class_counts(y, p, w))
    true_positives = np.cumsum(positives, axis=1)
    called = true_positives + np.cumsum(negatives, axis=1)
    precision = np.divide(
        true_positives, called, out=np.zeros_like(true_positives), where=called > 0
    )
    return _ratio((positives * precision).sum(axis=1), positives.sum(axis=1))


def _weighted_accuracy(y: Floats, p: Floats, w: Floats) -> Floats:
    right: Floats = w @ ((p >= CALL_THRESHOLD) == (y == 1)) / w.sum(axis=1)
    return right


def _weighted_f1(y: Floats, p: Floats, w: Floats) -> Floats:
    called, upper = p >= CALL_THRESHOLD, y == 1
    true_positives = w @ (called & upper)
    return _ratio(2 * true_positives, w @ called.astype(float) + w @ upper.astype(float))


def _ratio(over: Floats, under: Floats) -> Floats:
    return np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0)


# --- the table of metrics and the plain functions -------------------------------------------------

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("pearson", "Pearson r", "regression", True, _weighted_pearson),
        Metric("spearman", "Spearman ρ", "regression", True, _weighted_spearman),  # noqa: RUF001
        Metric("r2", "R²", "regression", True, _weighted_r2),
        Metric("mse", "MSE", "regression", False, _weighted_mse),
        Metric("rmse", "RMSE", "regression", False, _weighted_rmse),
        Metric("mae", "MAE", "regression", False, _weighted_mae),
        Metric("auroc", "AUROC", "classification", True, _weighted_auroc),
        Metric("auprc", "AUPRC", "classification", True, _weighted_auprc),
        Metric("accuracy", "Accuracy", "classification", True, _weighted_accuracy),
        Metric("f1", "F1", "classification", True, _weighted_f1),
    )
}


def get_metric(name: str) -> Metric:
    """Return the metric called ``name``.

    Raises
    ------
    ConfigError
        If there is none; the nearest name is suggested.
    """
    if name not in METRICS:
        raise ConfigError(f"unknown metric {name!r}; {did_you_mean(name, METRICS)}")
    return METRICS[name]


def metrics_for(task: str) -> tuple[Metric, ...]:
    """Return the metrics of ``"regression"`` or ``"classification"``, the main one first.

    Raises
    ------
    ConfigError
        If the task is another.
    """
    found = tuple(metric for metric in METRICS.values() if metric.task == task)
    if not found:
        known = {metric.task for metric in METRICS.values()}
        raise ConfigError(f"unknown task {task!r}; {did_you_mean(task, known)}")
    return found


def compute(name: str, observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Return one metric of one prediction.

    Parameters
    ----------
    name : str
        A key of :data:`METRICS`.
    observed, predicted : array_like of shape (n_genes,)
        Regression: original units. Classification: classes 0/1, probabilities of class 1.

    Returns
    -------
    float
        The value; NaN where the metric is undefined.

    Raises
    ------
    ConfigError
        If the metric is unknown.
    InputError
        If the vectors cannot be compared (see :func:`check_predictions`).
    """
    metric = get_metric(name)
    y, p = check_predictions(observed, predicted)
    if metric.task == "classification":
        check_classes(y, p)
    return float(metric.weighted(y, p, np.ones((1, len(y))))[0])


def pearson(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Pearson correlation; NaN when either vector is constant. See :func:`compute`."""
    return compute("pearson", observed, predicted)


def spearman(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Spearman rank correlation, ties averaged; NaN for a constant. See :func:`compute`."""
    return compute("spearman", observed, predicted)


def r2(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Coefficient of determination, 1 - MSE / variance; NaN when ``observed`` is constant."""
    return compute("r2", observed, predicted)


def mse(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Mean squared error, in squared units of the input. See :func:`compute`."""
    return compute("mse", observed, predicted)


def rmse(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Root of the mean squared error, in units of the input. See :func:`compute`."""
    return compute("rmse", observed, predicted)


def mae(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Mean absolute error, in units of the input. See :func:`compute`."""
    return compute("mae", observed, predicted)


def auroc(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Area under the ROC curve; NaN unless both classes are there. See :func:`compute`."""
    return compute("auroc", observed, predicted)


def auprc(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Average precision (step-wise area); NaN without a positive. See :func:`compute`."""
    return compute("auprc", observed, predicted)


def accuracy(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """Share of genes called right at probability 0.5. See :func:`compute`."""
    return compute("accuracy", observed, predicted)


def f1(observed: npt.ArrayLike, predicted: npt.ArrayLike) -> float:
    """F1 of the upper class at probability 0.5; NaN when it is neither there nor called."""
    return compute("f1", observed, predicted)


def is_undefined(value: float | None) -> bool:
    """Return whether a metric value stands for "undefined" (None or NaN)."""
    return value is None or math.isnan(value)


def format_value(value: float | None, digits: int = 3) -> str:
    """Return a metric value for a table: ``"0.531"``, or ``"undefined"``; never ``"-0.000"``."""
    if value is None or math.isnan(value):
        return UNDEFINED
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def format_interval(value: float | None, low: float | None, high: float | None) -> str:
    """Return ``"0.531 [0.480, 0.577]"``, or what of it is defined."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return format_value(value)
    return f"{format_value(value)} [{format_value(low)}, {format_value(high)}]"
