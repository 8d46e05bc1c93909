"""Fit a model and everything it is compared with, on one split; write the run folder."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tomli_w

from dexkit.errors import ConfigError
from dexkit.evaluation.evaluate import score_predictions
from dexkit.features.file import FeatureFile
from dexkit.files import check_output
from dexkit.hooks.manager import Plugins, parse_plugin_argument, plugins
from dexkit.models.backend import load_tensorflow
from dexkit.models.bundle import Bundle, Prediction, predict_members
from dexkit.report.html import write_report
from dexkit.training.cluster import find_cluster
from dexkit.training.display import live_line
from dexkit.training.workers import sigterm_said, told_by_chief
from dexkit.workflows.baselines import (
    baseline_config,
    can_be_fed,
    companion,
    companions,
    fit_baseline,
)
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.identity import feature_identity
from dexkit.workflows.networks import Watch, build, fit_networks
from dexkit.workflows.prepare import Job, prepare
from dexkit.workflows.run_folder import RunFolder, whole_or_resumable
from dexkit.workflows.run_tables import (
    predictable,
    prediction_table,
    say_what_is_used,
    write_left_out,
)

logger = logging.getLogger("dexkit")

#: Genes a prediction step; bounds the memory, does not change the result.
_PREDICT_BATCH = 256
#: The sequence part of a two-step training, as it stands beside the baselines.
SEQUENCE_ONLY = "sequence-only"


@dataclass(frozen=True)
class FitSummary:
    """What a fit left behind.

    Parameters
    ----------
    run : Path
        The run folder.
    metrics : dict
        Content of ``metrics.json``; empty on a worker that is not the chief.
    report : Path or None
        The HTML report; None where none was asked for, and on a worker that is not the chief.
    """

    run: Path
    metrics: dict[str, Any]
    report: Path | None


def fit(
    features_path: Path,
    config: FitConfig,
    out: Path,
    force: bool = False,
    resume: bool = False,
    watch: Watch = live_line,
    report: bool = True,
) -> FitSummary:
    """Fit one model on one split, and its companion baselines on the same genes.

    Parameters
    ----------
    features_path : Path
        Feature file.
    config : FitConfig
        Options.
    out : Path
        Run folder to write.
    force : bool, optional
        Whether an existing run may be replaced.
    resume : bool, optional
        Go on with a run that was killed; its options and data must be the same.
    watch : callable, optional
        Shows the training of a network; takes its name and the options, returns a context
        manager that gives a :class:`dexkit.training.fit.Watcher`.
    report : bool, optional
        Whether to write ``report.html`` too; ``dexkit report`` makes it from the run at any time.

    Returns
    -------
    FitSummary
        Scores and where the results lie.

    Notes
    -----
    With several workers every one of them calls this with the same arguments. The chief alone
    reads and writes the run folder, predicts and scores; the others return when training is done.

    Raises
    ------
    InputError, ConfigError, PluginError
        When the data, the options or the plugins do not allow the fit; nothing is left behind.
    OutputError
        When the run folder exists or the disk is full.
    TrainingError
        When the split is impossible or the loss becomes NaN.
    StoppedError
        When SIGTERM came or a worker was lost; ``resume`` goes on.
    """
    if resume and force:
        raise ConfigError("--resume and --force contradict each other; give one of them")
    with sigterm_said(partial(_where_it_stands, out)):
        return _fit(features_path, config, out, force, resume, watch, report)


def _fit(
    features_path: Path,
    config: FitConfig,
    out: Path,
    force: bool,
    resume: bool,
    watch: Watch,
    report: bool,
) -> FitSummary:
    registry = plugins()
    if _is_alone(config):
        # Said before TensorFlow is loaded. Several workers meet first, so that none waits for one
        # that found something wrong.
        if not resume:
            check_output(out, force)
        FeatureFile(features_path)
    load_tensorflow()
    strategy, chief = _strategy(config, registry)
    features = FeatureFile(features_path)
    job = prepare(features, config, registry)
    _try_out(job, config, registry)
    identity = feature_identity(features, job)
    preset, config = config.preset, _resolved(config, job, registry)
    if not chief:
        return _follow(strategy, features, job, config, out, watch)
    with told_by_chief(strategy):
        if resume:
            folder = RunFolder.resume(out, config, identity)
        else:
            folder = RunFolder.create(out, config, identity, force)
        folder.remember_features(features_path)
    with whole_or_resumable(out, lambda: resume or folder.has_checkpoints()), folder.logged():
        if preset is not None:
            logger.info("preset %s; config.toml holds its values", preset)
        folder.write("plugins.lock", tomli_w.dumps(registry.lock()))
        metrics = _run(strategy, folder, features, job, config, registry, identity, watch)
        page = write_report(out) if report else None
        folder.finish()
    return FitSummary(out, metrics, page)


def _where_it_stands(out: Path) -> str:
    """Say what SIGTERM leaves behind, outside the training of a network."""
    left = {
        "absent": "nothing was written",
        "unfinished": f"go on with dexkit fit --resume {out}",
        "finished": f"{out} is a finished run, dexkit report makes its report",
    }
    return f"stopped by SIGTERM; {left[RunFolder.state(out)]}"


def check_fit(features_path: Path, config: FitConfig) -> Job:
    """Find out whether a fit can start, without writing anything.

    Parameters
    ----------
    features_path : Path
        Feature file.
    config : FitConfig
        Options.

    Returns
    -------
    Job
        The fit, ready to start: its sample, task and genes.

    Raises
    ------
    InputError, ConfigError, PluginError, TrainingError
        As :func:`fit` would, before it writes.
    """
    features = FeatureFile(features_path)
    load_tensorflow()
    registry = plugins()
    job = prepare(features, config, registry)
    _try_out(job, config, registry)
    return job


def _is_alone(config: FitConfig) -> bool:
    """Whether this is the only process; several must find out together whether they may start."""
    wanted = config.train.strategy
    if wanted not in ("auto", "multi-worker"):
        return True
    return find_cluster(os.environ, config.train.port, wanted == "multi-worker") is None


def _strategy(config: FitConfig, registry: Plugins) -> tuple[Any, bool]:
    """Return the strategy, made before TensorFlow does anything else, and who is the chief."""
    from dexkit.training.strategy import describe, is_chief, make_strategy

    if config.plugin and parse_plugin_argument(config.plugin, registry).baseline is not None:
        cluster = None if _is_alone(config) else find_cluster(os.environ, config.train.port)
        if cluster is not None and len(cluster.workers) > 1:
            raise ConfigError(
                f"the baseline {config.plugin!r} is fitted by one process, this is a job of "
                f"{len(cluster.workers)} workers; start one, or give --strategy one"
            )
        return None, True
    strategy = make_strategy(config.train)
    if strategy.num_replicas_in_sync > 1:
        logger.info("training on %s", describe(strategy))
    return strategy, is_chief(strategy)


def _follow(
    strategy: Any, features: FeatureFile, job: Job, config: FitConfig, out: Path, watch: Watch
) -> FitSummary:
    """Train along with the chief; what comes of it is the chief's to write."""
    for _ in ("its folder", "its baselines"):
        with told_by_chief(strategy):
            pass
    fit_networks(strategy, None, job, config, features.genes.gene_name, watch)
    return FitSummary(out, {}, None)


def _run(
    strategy: Any,
    folder: RunFolder,
    features: FeatureFile,
    job: Job,
    config: FitConfig,
    registry: Plugins,
    identity: dict[str, Any],
    watch: Watch,
) -> dict[str, Any]:
    """Fit, predict, score; ``bundle.json`` comes last of what a later command needs."""
    rows = predictable(job)
    say_what_is_used(features, job, len(rows))
    write_left_out(folder, features, job)
    beside: dict[str, npt.NDArray[np.float64]] = {}
    with told_by_chief(strategy):
        # Ahead of the network: what they refuse is known before hours of training.
        for entry in companions(job, registry, config):
            beside[entry.name] = companion(job, entry, config, rows)
    if job.baseline is None:
        trained = fit_networks(strategy, folder, job, config, features.genes.gene_name, watch)
        models = trained.models
        prediction = _predict(models, job, rows)
        if trained.sequence_models:
            bare = replace(job, arrays=replace(job.arrays, contacts=None))
            first = _predict(trained.sequence_models, bare, rows).mean
            beside = {SEQUENCE_ONLY: first} | beside
    else:
        fitted = fit_baseline(job, job.baseline.entry, config)
        blocks = job.arrays.for_baseline(rows, job.baseline.entry.blocks)
        models, prediction = [fitted], Prediction(fitted.predict(blocks), None)
    table = prediction_table(features, job, rows, prediction, beside)
    folder.write("predictions.tsv", table.to_csv(sep="\t", index=False, float_format="%.8g"))
    metrics = score_predictions(
        table,
        task=job.head.task,
        model=job.model_name,
        sample=job.sample,
        split=job.splits[0].describe() | {"ensemble": len(job.splits)},
        seed=config.train.seed,
    )
    metrics["seed"] = config.train.seed
    if job.quantiles is not None:
        metrics["expression"] = job.quantiles.describe()
    if job.weights is not None:
        metrics["weights"] = job.weights.facts
    folder.write("metrics.json", json.dumps(metrics, indent=1))
    _bundle(features, job, config, identity).save(folder.path, models)
    return metrics


def _predict(models: list[Any], job: Job, rows: npt.NDArray[np.intp]) -> Prediction:
    columns = job.rows.numbers(rows) if job.per_sample else None
    return predict_members(models, job.head, job.state, job.arrays, rows, _PREDICT_BATCH, columns)


def _try_out(job: Job, config: FitConfig, registry: Plugins) -> None:
    """Find out what only using a device or a plugin shows, before anything is written."""
    for entry in companions(job, registry, config):
        baseline_config(entry, config)
    if job.baseline is not None:
        entry = job.baseline.entry
        baseline_config(entry, config)
        if not can_be_fed(entry, job):
            raise ConfigError(
                f"baseline {entry.name!r} reads the blocks {', '.join(entry.blocks)}, of which "
                f"this run uses none (blocks: {', '.join(job.contract.blocks)})"
            )
        return
    build(job, config, job.splits[0])


def _resolved(config: FitConfig, job: Job, registry: Plugins) -> FitConfig:
    """Write out every option of every plugin that takes part.

    Another fit with the result does the same, also when a default has changed since.
    """
    settings: dict[str, dict[str, Any]] = {
        entry.name: values.model_dump(mode="json", exclude_none=True)
        for entry, values in job.encoders
    }
    if job.baseline is None:
        settings[job.head_name] = {k: v for k, v in job.head_config.items() if v is not None}
    own = [job.baseline.entry] if job.baseline is not None else []
    for entry in (*own, *companions(job, registry, config)):
        values = baseline_config(entry, config)
        settings[entry.name] = values.model_dump(mode="json", exclude_none=True)
    return config.model_copy(
        update={
            "settings": settings,
            "sample": job.sample,
            "blocks": job.contract.blocks,
            "head": job.head_name,
            # The values of the preset are all here; a later change of it must not reach them.
            "encoders": {entry.block: entry.name for entry, _ in job.encoders},
            "preset": None,
            "train": config.train.model_copy(update={"recipe": job.recipe} | _weights(config, job)),
        }
    )


def _weights(config: FitConfig, job: Job) -> dict[str, str]:
    """Return the table of gene weights as a later process finds it, and tells it from another."""
    if config.train.weights is None or job.weights is None:
        return {}
    path = str(Path(config.train.weights).absolute())
    return {"weights": path, "weights_sha256": job.weights.facts["genes"]["sha256"]}


def _bundle(features: FeatureFile, job: Job, config: FitConfig, identity: dict[str, Any]) -> Bundle:
    development = np.unique(job.rows.genes(job.development))
    if job.baseline is not None:
        name = job.baseline.entry.name
        parts = [{"name": name, "config": config.settings.get(name, {})}]
    else:
        parts = [
            {"name": entry.name, "config": values.model_dump(mode="json")}
            for entry, values in job.encoders
        ]
    return Bundle(
        kind="network" if job.baseline is None else "baseline",
        model=job.model_name,
        task=job.head.task,
        sample=job.sample,
        contract=job.contract,
        normaliser=job.normaliser,
        quantiles=job.quantiles,
        head={"name": job.head_name, "config": job.head_config, "state": dict(job.state)},
        parts=parts,
        train_genes=[str(g) for g in features.genes.gene_id[development]],
        features=identity,
    )
