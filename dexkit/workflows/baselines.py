"""The baselines that stand beside a model, fitted on the same genes."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np

from dexkit.hooks import BaselineEntry, PluginConfig
from dexkit.hooks.manager import Plugins, parse_config
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.prepare import Job, beside

logger = logging.getLogger("dexkit")


def fit_baseline(job: Job, entry: BaselineEntry, config: FitConfig) -> Any:
    """Fit a baseline on all training and validation genes; it chooses inside them."""
    baseline = entry.build(baseline_config(entry, config), config.train.seed)
    y = job.observed[job.development]
    if job.head.task == "classification":
        y = job.head.encode_target(job.target[job.development], job.state).astype(np.float64)
    baseline.fit(job.arrays.for_baseline(job.development, entry.blocks), y)
    logger.info("baseline %s: %s", entry.name, json.dumps(dict(baseline.describe())))
    return baseline


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
    offered = {*job.contract.blocks, *job.columns.names}
    return not entry.blocks or not offered.isdisjoint(entry.blocks)
