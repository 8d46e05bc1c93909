"""The models of a cross-validation: of which samples, under which names, on which genes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dexkit.errors import ConfigError
from dexkit.evaluation.runs import with_samples
from dexkit.evaluation.split import Split
from dexkit.evaluation.splits import GROUP_KINDS
from dexkit.features.file import FeatureFile
from dexkit.io.samples import SAMPLE_SEPARATOR
from dexkit.workflows.experiment import FitTask, check_tasks
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.model_configs import companion_configs
from dexkit.workflows.prepare import Job
from dexkit.workflows.rows import Rows
from dexkit.workflows.splits import splits_of_run


@dataclass(frozen=True, eq=False)
class Competitor:
    """A model of one sample, or one of several together, of which every fold is a fit.

    Parameters
    ----------
    samples : tuple of str
        Its samples.
    name : str
        Name of the model, and of its folder.
    label : str
        For tables: the name, of a model of several samples that stands beside others with them.
    config : FitConfig
        Options of fold 0, without companions.
    companion : bool
        Whether it is one of the small baselines that stand beside the models.
    tested : tuple of frozenset of int
        By sample, the genes that fold 0 tests, as rows of the feature file.
    """

    samples: tuple[str, ...]
    name: str
    label: str
    config: FitConfig
    companion: bool
    tested: tuple[frozenset[int], ...]

    @property
    def sample(self) -> str:
        """Its samples as ``--sample`` takes them."""
        return SAMPLE_SEPARATOR.join(self.samples)

    def tasks(self, features: Path, alone: bool) -> list[FitTask]:
        """Return a fit a fold.

        Parameters
        ----------
        features : Path
            Feature file.
        alone : bool
            Whether all models are of the same samples: their folder is left out then.

        Returns
        -------
        list of FitTask
            By fold.
        """
        split = self.config.split
        place = self.name if alone else f"{self.sample}/{self.name}"
        return [
            FitTask(
                f"{place}/fold-{fold}",
                features,
                self.config.model_copy(
                    update={"split": split.model_copy(update={"fold": fold}), "sample": self.sample}
                ),
            )
            for fold in range(split.folds)
        ]


def competitors(features: Path, configs: Sequence[FitConfig], companions: bool) -> list[Competitor]:
    """Check every model and its folds, before anything is fitted; add the companions.

    Parameters
    ----------
    features : Path
        Feature file.
    configs : sequence of FitConfig
        For every ``--sample`` all models.
    companions : bool
        Whether the small baselines of the task take part.

    Returns
    -------
    list of Competitor
        In the order of ``configs``, companions behind the models of their sample.

    Raises
    ------
    ConfigError
        When the models are of several tasks, one has nothing to be compared with, or two would
        test other genes of a sample.
    InputError, PluginError, TrainingError
        What a fit would say.
    """
    by_sample: dict[str | None, list[FitConfig]] = {}
    for config in configs:
        by_sample.setdefault(config.sample, []).append(config)
    several = len(by_sample) > 1
    found: list[Competitor] = []
    made: list[tuple[FitConfig, Rows, Sequence[Split]]] = []
    for of_sample in by_sample.values():
        # With companions in the first one: their options and inputs are checked along.
        first = of_sample[0].model_copy(update={"companions": companions})
        alone = [config.model_copy(update={"companions": False}) for config in of_sample]
        jobs = check_tasks([FitTask(str(c.plugin), features, c) for c in (first, *alone[1:])])
        made.append((of_sample[0], jobs[0].rows, jobs[0].splits))
        samples = jobs[0].rows.samples
        beside_others = several or (companions and len(samples) > 1)
        for config, job in zip(alone, jobs, strict=True):
            if job.head.task != jobs[0].head.task:
                raise ConfigError(
                    f"{job.model_name} is for {job.head.task} and {jobs[0].model_name} for "
                    f"{jobs[0].head.task}; cross-validate models of one task"
                )
            name = config.plugin or job.model_name
            found.append(_competitor(name, config, job, beside_others, companion=False))
        if companions and len(samples) == 1:
            found += [
                _competitor(str(config.plugin), config, jobs[0], several, companion=True)
                for config in companion_configs(alone, jobs[0])
            ]
    if companions:
        found += _companions_of_each(features, found)
    for sample, models in models_of_samples(found).items():
        if len(models) < 2:
            raise ConfigError(
                f"{models[0].label} is alone: nothing to compare it with on {sample}; name a "
                "second model with --plugin or leave --no-companions out"
            )
        _check_same_genes(sample, models)
    for config, rows, splits in made:
        _check_folds(features, config, rows, splits)
    return found


def _companions_of_each(features: Path, models: Sequence[Competitor]) -> list[Competitor]:
    """Return companions of the samples that only models of several samples have.

    They are fitted to one sample: one that chooses by cross-validation would find the gene that it
    is judged on among its training rows, in another sample.
    """
    has_own = {model.samples[0] for model in models if len(model.samples) == 1}
    found: list[Competitor] = []
    for model in models:
        for sample in model.samples:
            if sample in has_own:
                continue
            has_own.add(sample)
            config = model.config.model_copy(update={"sample": sample})
            probe = config.model_copy(update={"companions": True})
            [job] = check_tasks([FitTask(model.name, features, probe)])
            # None of them is among the models: those are of several samples.
            unnamed = [config.model_copy(update={"plugin": None})]
            found += [
                _competitor(str(own.plugin), own, job, several=True, companion=True)
                for own in companion_configs(unnamed, job)
            ]
    return found


def models_of_samples(models: Sequence[Competitor]) -> dict[str, list[Competitor]]:
    """Return the models of each sample, one of several samples in each of them; companions last."""
    found: dict[str, list[Competitor]] = {}
    for model in sorted(models, key=lambda model: model.companion):
        for sample in model.samples:
            found.setdefault(sample, []).append(model)
    return found


def _competitor(
    name: str, config: FitConfig, job: Job, several: bool, companion: bool
) -> Competitor:
    rows = job.rows
    label = with_samples(name, job.sample) if several and len(rows.samples) > 1 else name
    tested = tuple(
        frozenset(rows.genes(rows.of_sample(number, job.splits[0].test)).tolist())
        for number in range(len(rows.samples))
    )
    return Competitor(rows.samples, name, label, config, companion, tested)


def _check_folds(features: Path, config: FitConfig, rows: Rows, made: Sequence[Split]) -> None:
    """Find out whether the other folds can be made, too: one may lack chromosomes or genes.

    Kinds that look for near-copies would do so once a fold; they balance their groups.
    """
    if config.split.kind in GROUP_KINDS:
        return
    file, first = FeatureFile(features), made[0]
    usable = np.zeros(len(rows), dtype=np.bool_)
    usable[np.concatenate([first.train, first.validation, first.test, first.left_out])] = True
    of_genes = np.asarray(rows.by_sample(usable).any(axis=1))
    for fold in range(1, config.split.folds):
        wanted = config.split.model_copy(update={"fold": fold})
        for split in splits_of_run(file, of_genes, wanted, config.train.seed, len(made)):
            rows.check(rows.split(split, usable))


def _check_same_genes(sample: str, models: Sequence[Competitor]) -> None:
    """Refuse models that would test other genes of a sample: they could not be compared."""
    tested = [model.tested[model.samples.index(sample)] for model in models]
    for model, genes in zip(models, tested, strict=True):
        n = len(genes ^ tested[0])
        if n:
            raise ConfigError(
                f"{model.label} would not test the same genes of {sample} as {models[0].label} "
                f"({n:,} genes of fold 0 are tested by one of the two only): samples with "
                "contacts or expression on other chromosomes have other folds; make one split "
                "with dexkit splits make, and give it with --split"
            )
