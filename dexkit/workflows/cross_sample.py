"""Train on every sample, predict every other: the experiment of ``dexkit cross-sample``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation.bootstrap import LEVEL
from dexkit.evaluation.split_file import SplitTable
from dexkit.evaluation.splits import MIN_PART_GENES
from dexkit.features.file import FeatureFile
from dexkit.files import check_output
from dexkit.io.gene_list import GeneList, read_gene_list
from dexkit.workflows.cross_predict import Predicted, predict_across
from dexkit.workflows.cross_report import write_cross_report
from dexkit.workflows.cross_samples import (
    check_models,
    choose_blocks,
    choose_samples,
    common_splits,
    is_baseline,
    usable_genes,
    write_common_splits,
)
from dexkit.workflows.cross_tables import Across, score_tables, write_genes, write_predictions
from dexkit.workflows.experiment import Experiment, FitTask, check_tasks
from dexkit.workflows.fit_config import FitConfig, SplitConfig
from dexkit.workflows.runner import Runner

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("dexkit")

KIND = "cross-sample"


class CrossSampleConfig(BaseModel):
    """Everything that decides a cross-sample experiment."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    models: tuple[FitConfig, ...] = Field(
        description="one a model, of fold 0 and without a sample; data, split and seed are the same"
    )
    samples: tuple[str, ...] = Field((), description="samples; by default all that have the blocks")
    genes: str | None = Field(None, description="list of genes to score on their own")
    n_bootstrap: int = Field(1000, ge=0, description="resamples of the intervals")
    by: Literal["gene", "chromosome"] = Field("gene", description="what is resampled")


@dataclass(frozen=True)
class CrossSampleSummary:
    """What an experiment found.

    Parameters
    ----------
    path : Path
        Its folder.
    scores, comparisons : DataFrame
        Content of ``scores.tsv`` and ``comparisons.tsv``.
    notes : tuple of str
        What a reader must know beside the numbers.
    report : Path
        The page.
    """

    path: Path
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    notes: tuple[str, ...]
    report: Path


@dataclass(frozen=True)
class _Plan:
    """What is settled before the first fit."""

    features: FeatureFile
    samples: tuple[str, ...]
    blocks: tuple[str, ...]
    splits: SplitTable
    listed: GeneList | None
    labels: tuple[str, ...]


def cross_sample(
    features_path: Path,
    config: CrossSampleConfig,
    out: Path,
    runner: Runner | None = None,
    force: bool = False,
    resume: bool = False,
) -> CrossSampleSummary:
    """Fit models of every sample and fold, predict every sample with them, score and report.

    Parameters
    ----------
    features_path : Path
        Feature file with expression (and contacts) of two samples or more.
    config : CrossSampleConfig
        Options.
    out : Path
        Folder to write.
    runner : Runner, optional
        Where the fits are done; by default in this process.
    force : bool, optional
        Whether an existing experiment may be replaced.
    resume : bool, optional
        Go on with one that was stopped; finished fits are not repeated.

    Returns
    -------
    CrossSampleSummary
        Scores and where everything lies.

    Raises
    ------
    InputError, ConfigError, PluginError, TrainingError
        When the data or the options do not allow the experiment; nothing is written.
    OutputError
        When the folder exists or cannot be written.
    StoppedError
        When a fit failed or SIGTERM came; ``resume`` goes on.
    """
    if not resume:
        check_output(out, force)
    plan = _plan(features_path, config)
    settings = config.model_dump(mode="json", exclude_none=True)
    with Experiment.open(out, KIND, settings, force, resume, [features_path]) as experiment:
        split = write_common_splits(plan.splits, config.models[0].split, experiment.path)
        tasks = _tasks(features_path, config, plan, split)
        runs = experiment.run(list(tasks.values()), runner or Runner())
        found: dict[str, Predicted] = {}
        notes: dict[str, None] = {}
        for label, model in zip(plan.labels, config.models, strict=True):
            own = {(s, f): runs[task.name] for (m, s, f), task in tasks.items() if m == label}
            fitted = ("train", "validation") if is_baseline(model) else ("train",)
            found[label], said = predict_across(
                plan.features, plan.samples, own, plan.splits.fold, label, fitted
            )
            notes |= dict.fromkeys(said)
        across = Across(plan.features, plan.samples, plan.splits, plan.listed, found)
        seed = config.models[0].train.seed
        scores, comparisons, said = score_tables(across, config.n_bootstrap, seed, config.by)
        notes |= dict.fromkeys(said)
        experiment.write_table("scores.tsv", scores)
        experiment.write_table("comparisons.tsv", comparisons)
        write_predictions(experiment, across)
        write_genes(experiment, across, "contacts" in plan.blocks, config.models[0].unobserved)
        report = write_cross_report(
            experiment, across, scores, comparisons, list(notes), _intervals(config)
        )
        experiment.finish()
    return CrossSampleSummary(out, scores, comparisons, tuple(notes), report)


def _intervals(config: CrossSampleConfig) -> str:
    if not config.n_bootstrap:
        return "No intervals were asked for."
    return (
        f"Brackets hold {100 * LEVEL:.0f} % bootstrap intervals: {config.n_bootstrap:,} resamples "
        f"over {config.by}s, the same ones for all predictors and samples."
    )


def _plan(features_path: Path, config: CrossSampleConfig) -> _Plan:
    """Settle samples, blocks and folds; find out whether all fits can start."""
    check_models(config.models)
    features = FeatureFile(features_path)
    first = config.models[0]
    blocks = choose_blocks(features, first.blocks)
    samples = choose_samples(features, blocks, config.samples)
    listed = read_gene_list(Path(config.genes), features.genes) if config.genes else None
    splits = common_splits(features, first)
    usable = splits.fold >= 0
    for sample in samples:
        own = usable_genes(features, sample, first, blocks)
        for fold in range(splits.n_folds):
            splits.split(fold, own)  # raises where a part has too few genes
        usable &= own
    _check_genes(config, features, usable, listed)
    given = first.split.model_copy(update={"fold": 0})
    tasks = [
        FitTask(str(i), features_path, _of_fit(model, samples[0], blocks, given))
        for i, model in enumerate(config.models)
    ]
    jobs = check_tasks(tasks)
    labels = tuple(
        model.plugin or job.model_name for model, job in zip(config.models, jobs, strict=True)
    )
    return _Plan(features, samples, blocks, splits, listed, labels)


def _check_genes(
    config: CrossSampleConfig,
    features: FeatureFile,
    usable: npt.NDArray[np.bool_],
    listed: GeneList | None,
) -> None:
    """Refuse genes that cannot be scored, before anything is fitted."""
    if usable.sum() < MIN_PART_GENES:
        raise InputError(
            f"{features.path}: {usable.sum()} genes have what is needed in every sample; expected "
            f"at least {MIN_PART_GENES}; take fewer samples"
        )
    if listed is not None:
        n_listed = int(usable[listed.rows].sum())
        if n_listed < MIN_PART_GENES:
            raise InputError(
                f"{n_listed} genes of the list {config.genes} can be scored in every sample; "
                f"expected at least {MIN_PART_GENES}"
            )
        logger.info(
            "%s: %d names, %d of them unknown; %d genes that can be scored",
            config.genes,
            listed.n_names,
            len(listed.unknown),
            n_listed,
        )
    if config.by == "chromosome" and len(set(features.genes.chrom[usable])) < 2:
        raise ConfigError(
            "intervals over chromosomes need genes on two of them, and all lie on one; resample "
            "genes"
        )


def _of_fit(
    model: FitConfig, sample: str, blocks: tuple[str, ...], split: SplitConfig
) -> FitConfig:
    update = {"sample": sample, "blocks": blocks, "split": split, "companions": False}
    return model.model_copy(update=update)


def _tasks(
    features_path: Path, config: CrossSampleConfig, plan: _Plan, split: SplitConfig
) -> dict[tuple[str, str, int], FitTask]:
    """Return the fits by model, sample and fold."""
    tasks = {}
    for label, model in zip(plan.labels, config.models, strict=True):
        for sample in plan.samples:
            for fold in range(plan.splits.n_folds):
                own = split.model_copy(update={"fold": fold})
                tasks[label, sample, fold] = FitTask(
                    f"{label}/{sample}/fold-{fold}",
                    features_path,
                    _of_fit(model, sample, plan.blocks, own),
                )
    return tasks
