"""Variants of models on one feature file: same genes, same folds, inputs or recipe altered."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.evaluation.ablation import Comparison, Subject, compare_variants
from dexkit.evaluation.stamps import stamps
from dexkit.features.altered import Alterations
from dexkit.features.derive import derive
from dexkit.features.file import FeatureFile
from dexkit.files import disk_errors
from dexkit.hooks.manager import parse_plugin_argument, plugins
from dexkit.training.config import TrainConfig
from dexkit.workflows.entrants import Entrant
from dexkit.workflows.experiment import Experiment, FitTask, check_tasks
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.runner import Runner
from dexkit.workflows.shared_folds import shared_folds

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger("dexkit")

#: Folders of the experiment: derived feature files (only while fits run), and the folds.
_FEATURES, _SPLITS = "features", "splits"
#: Name of the variant in which nothing is altered.
WHOLE = "whole"


@dataclass(frozen=True)
class Variant:
    """One way to run a model.

    Parameters
    ----------
    name : str
        For tables and folders.
    label : str
        For figures and reports.
    blocks : tuple of str, optional
        Blocks to read; those of the model by default.
    alter : callable, optional
        ``alter(features, sample, seed)`` returns the altered arrays.
    recipe : str, optional
        Training recipe; that of the model by default.
    """

    name: str
    label: str
    blocks: tuple[str, ...] | None = None
    alter: Callable[[FeatureFile, str, int], Alterations] | None = None
    recipe: str | None = None


def run_variants(
    experiment: Experiment,
    features: FeatureFile,
    models: Sequence[Entrant],
    variants: Sequence[Variant],
    runner: Runner,
) -> dict[tuple[Subject, str], list[Any]]:
    """Do the fits of all models in all variants and folds.

    Every variant has the genes of the whole model, in the same folds: a split file in the
    experiment's folder holds them. Derived feature files lie beside it until all fits are done.

    Parameters
    ----------
    experiment : Experiment
        Where to write.
    features : FeatureFile
        The data.
    models : sequence of Entrant
        The models.
    variants : sequence of Variant
        The variants; a recipe is for networks only.
    runner : Runner
        Where the fits are done.

    Returns
    -------
    dict of (Subject, str) to list of RunPredictions
        By model and variant, a run a fold.

    Raises
    ------
    StoppedError
        When a fit failed or the command was stopped; it can go on.
    """
    folder = experiment.path / _SPLITS
    splits = {s: shared_folds(folder, features, m) for s, m in _first_of_each_sample(models)}
    names: dict[tuple[Subject, str], list[str]] = {}
    tasks: dict[str, FitTask] = {}
    for model in models:
        for variant in variants:
            if variant.recipe is not None and model.is_baseline:
                continue
            config = configured(model.config, variant)
            source = _source(experiment, features, model, variant)
            split = splits[model.subject.sample]
            of_variant = names.setdefault((model.subject, variant.name), [])
            unaltered = variant.alter is None and config == model.config
            place = WHOLE if unaltered else variant.name
            for fold in range(split.n_folds):
                name = "/".join([*_folders(model.subject), place, f"fold-{fold}"])
                tasks[name] = FitTask(name, source, split.applied(config, fold))
                of_variant.append(name)
    # The first fold of everything shows what cannot be done, before the first fit takes its time.
    check_tasks([task for name, task in tasks.items() if name.endswith("/fold-0")])
    found = experiment.run(list(tasks.values()), runner)
    shutil.rmtree(experiment.path / _FEATURES, ignore_errors=True)
    return {key: [found[name] for name in of] for key, of in names.items()}


def comparisons_of(
    runs: Mapping[tuple[Subject, str], list[Any]],
    variants: Sequence[str],
    reference: str,
    n_bootstrap: int,
    seed: int,
) -> list[Comparison]:
    """Compare variants of each model that has all of them.

    Parameters
    ----------
    runs : mapping
        Of :func:`run_variants`.
    variants : sequence of str
        Names, in the order of tables and figures.
    reference : str
        What the others are compared with.
    n_bootstrap, seed : int
        See :func:`dexkit.evaluation.ablation.compare_variants`.

    Returns
    -------
    list of Comparison
        One a model.
    """
    found = []
    for subject in dict.fromkeys(subject for subject, _ in runs):
        if all((subject, name) in runs for name in variants):
            of_model = {name: runs[subject, name] for name in variants}
            found.append(compare_variants(subject, of_model, reference, n_bootstrap, seed))
    return found


def configured(config: FitConfig, variant: Variant) -> FitConfig:
    """Return the options of a model in a variant.

    Parts that read a block which the variant leaves out go, with their options; what is left
    trains in one step.

    Parameters
    ----------
    config : FitConfig
        Of the whole model.
    variant : Variant
        The variant.

    Returns
    -------
    FitConfig
        Of the variant.
    """
    update: dict[str, Any] = {}
    if variant.recipe is not None:
        update["train"] = config.train.model_copy(update={"recipe": variant.recipe})
    if variant.blocks is not None:
        registry = plugins()
        gone = {
            name
            for name, found in registry.encoders.items()
            if found.entry.block not in variant.blocks
        }
        update["blocks"] = variant.blocks
        update["settings"] = {k: v for k, v in config.settings.items() if k not in gone}
        update["encoders"] = {k: v for k, v in config.encoders.items() if k in variant.blocks}
        if config.plugin is not None:
            choice = parse_plugin_argument(config.plugin, registry)
            parts = [part.strip() for part in config.plugin.split("+")]
            if choice.baseline is None:
                kept = [
                    part
                    for part, encoder in zip(parts, choice.encoders, strict=True)
                    if encoder.entry.name not in gone
                ]
                update["plugin"] = "+".join(kept) or None
        if len(variant.blocks) == 1:
            plain = TrainConfig()
            one_step = {k: getattr(plain, k) for k in ("recipe", "sequence_rate", "freeze_epochs")}
            update["train"] = config.train.model_copy(update=one_step)
    return config.model_copy(update=update)


def facts(models: Sequence[Entrant], runs: Mapping[Any, list[Any]]) -> dict[str, Any]:
    """Return what every table says, see :func:`dexkit.evaluation.stamps.stamps`."""
    split = next(iter(runs.values()))[0].split
    return stamps(split, bool(split["leaky"]), [models[0].config.train.seed])


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON can hold them: undefined numbers are None."""
    rows = table.to_dict(orient="records")
    return [
        {str(k): None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()}
        for row in rows
    ]


def _source(
    experiment: Experiment, features: FeatureFile, model: Entrant, variant: Variant
) -> Path:
    """Return the feature file of a variant; a derived one is made where it is not there."""
    if variant.alter is None:
        return features.path
    sample = model.subject.sample
    path = experiment.path / _FEATURES / f"{sample}-{variant.name}.h5"
    if not path.is_file():
        with disk_errors(path):
            path.parent.mkdir(exist_ok=True)
        others = [
            name
            for name in features.arrays
            if name.startswith("/contacts/") and not name.startswith(f"/contacts/{sample}/")
        ]
        seed = model.config.train.seed
        derive(features, path, variant.alter(features, sample, seed), variant.label, others)
    return path


def _first_of_each_sample(models: Sequence[Entrant]) -> Iterator[tuple[str, Entrant]]:
    seen = set()
    for model in models:
        if model.subject.sample not in seen:
            seen.add(model.subject.sample)
            yield model.subject.sample, model


def _folders(subject: Subject) -> tuple[str, str]:
    """Return the folders of a model below ``runs/``; a preset's colon is no letter of a name."""
    return subject.sample, subject.model.replace(":", "-")
