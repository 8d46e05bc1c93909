"""The baselines that stand beside a model, fitted on the same genes."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.hooks import OTHER_SAMPLES, BaselineEntry, PluginConfig
from dexkit.hooks.manager import Plugins, parse_config
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.parts import beside
from dexkit.workflows.prepare import Job

logger = logging.getLogger("dexkit")


def fit_baseline(
    job: Job, entry: BaselineEntry, config: FitConfig, sample: int | None = None
) -> Any:
    """Fit a baseline on all training and validation rows; it chooses inside them.

    Parameters
    ----------
    job : Job
        The fit.
    entry : BaselineEntry
        The baseline.
    config : FitConfig
        Options.
    sample : int, optional
        Number of the sample whose rows are used; those of all samples by default.

    Returns
    -------
    Baseline
        The fitted estimator.
    """
    rows = job.development if sample is None else job.rows.of_sample(sample, job.development)
    baseline = entry.build(baseline_config(entry, config), config.train.seed)
    y = job.observed[rows]
    if job.head.task == "classification":
        y = job.head.encode_target(job.target[rows], job.state).astype(np.float64)
    baseline.fit(job.arrays.for_baseline(rows, entry.blocks), y)
    of = "" if sample is None else f" of {job.rows.samples[sample]}"
    others = ""
    if OTHER_SAMPLES in entry.blocks:
        # A baseline numbers the columns that it gets, and never sees a name.
        names = job.columns[sample or 0].other_samples
        others = "; columns: " + ", ".join(f"{i} {name}" for i, name in enumerate(names))
    logger.info(
        "baseline %s%s: %s%s", entry.name, of, json.dumps(dict(baseline.describe())), others
    )
    return baseline


def companion(
    job: Job, entry: BaselineEntry, config: FitConfig, rows: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Fit a baseline beside the model and return its predictions.

    Parameters
    ----------
    job : Job
        The fit.
    entry : BaselineEntry
        The baseline.
    config : FitConfig
        Options.
    rows : ndarray of shape (n,), dtype intp
        Rows to predict.

    Returns
    -------
    ndarray of shape (n,), dtype float64
        Predictions. With several samples there is a baseline of each, fitted to its genes: what
        the one model has to be better than. (Fitted to all of them, a baseline that chooses by
        cross-validation would also find the gene that it is judged on among its training rows, in
        another sample.)
    """
    if len(job.rows.samples) == 1:
        fitted = fit_baseline(job, entry, config)
        return np.asarray(fitted.predict(job.arrays.for_baseline(rows, entry.blocks)))
    predicted = np.full(len(rows), np.nan)
    for number in range(len(job.rows.samples)):
        here = job.rows.numbers(rows) == number
        fitted = fit_baseline(job, entry, config, number)
        predicted[here] = fitted.predict(job.arrays.for_baseline(rows[here], entry.blocks))
    return predicted


def baseline_config(entry: BaselineEntry, config: FitConfig) -> PluginConfig:
    """Return the checked options of a baseline."""
    values = config.settings.get(entry.name, {})
    return parse_config(entry.config, values, f"baseline {entry.name!r}")


def companions(job: Job, registry: Plugins, config: FitConfig) -> list[BaselineEntry]:
    """Return the baselines that stand beside the model: those of its task that can be fed.

    None where ``config`` does without: an experiment fits each of them once, as a model.
    """
    if not config.companions:
        return []
    own = job.baseline.entry.name if job.baseline is not None else None
    found = beside(job.head.task, registry)
    return [entry for entry in found if entry.name != own and can_be_fed(entry, job)]


def can_be_fed(entry: BaselineEntry, job: Job) -> bool:
    """Whether the run has a block that the baseline reads, or it reads none at all."""
    offered = {*job.contract.blocks, *job.columns[0].names}
    return not entry.blocks or not offered.isdisjoint(entry.blocks)
