"""Cross-validate several models on the same folds, with the small baselines beside them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from dexkit.errors import ConfigError
from dexkit.evaluation.compare import compare_models
from dexkit.evaluation.fold_scores import constant_notes, out_of_fold, score_folds
from dexkit.evaluation.metrics import metrics_for
from dexkit.evaluation.paired_runs import pair_runs
from dexkit.evaluation.runs import RunPredictions
from dexkit.files import check_output
from dexkit.report.comparison_figures import comparison_figure
from dexkit.report.crossval import SampleResult, write_crossval_report
from dexkit.report.crossval_figures import pooled_scores_figure
from dexkit.workflows.experiment import Experiment, FitTask, check_tasks
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.model_configs import companion_configs
from dexkit.workflows.runner import Runner

if TYPE_CHECKING:
    import pandas as pd

KIND = "crossval"


class CrossvalSettings(BaseModel):
    """Everything that decides a cross-validation.

    Its ``models`` are the options of a fit each, for every sample all models; the fold in them
    does not count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    models: tuple[FitConfig, ...] = Field(min_length=1, description="options of the models")
    companions: bool = Field(True, description="fit the small baselines of the task, too")
    n_bootstrap: int = Field(1000, ge=0, description="resamples of the intervals")


@dataclass(frozen=True)
class CrossvalSummary:
    """What a cross-validation left behind.

    Parameters
    ----------
    out : Path
        Folder of the experiment.
    task : str
        ``"regression"`` or ``"classification"``.
    scores : DataFrame
        Content of ``scores.tsv``, see :func:`dexkit.evaluation.fold_scores.score_folds`.
    notes : tuple of str
        What a reader must know beside the numbers.
    report : Path
        The HTML report.
    """

    out: Path
    task: str
    scores: pd.DataFrame
    notes: tuple[str, ...]
    report: Path


@dataclass(frozen=True)
class _Model:
    """A model on one sample, of which every fold is a fit."""

    sample: str
    label: str
    config: FitConfig
    companion: bool

    def tasks(self, features: Path, several_samples: bool) -> list[FitTask]:
        """Return a fit a fold; the folder of the sample only stands where there are several."""
        split = self.config.split
        place = f"{self.sample}/{self.label}" if several_samples else self.label
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


def crossval(
    features: Path,
    settings: CrossvalSettings,
    out: Path,
    runner: Runner | None = None,
    force: bool = False,
    resume: bool = False,
) -> CrossvalSummary:
    """Fit every model on every fold of every sample, score out of fold, and write a report.

    Parameters
    ----------
    features : Path
        Feature file.
    settings : CrossvalSettings
        What to fit.
    out : Path
        Folder to write: ``runs/``, ``scores.tsv``, ``predictions.tsv``, ``differences.tsv``,
        ``figures/``, ``report.html``, ``experiment.json``.
    runner : Runner, optional
        Where the fits are done; here, one after the other, by default.
    force, resume : bool, optional
        See :meth:`dexkit.workflows.experiment.Experiment.open`.

    Returns
    -------
    CrossvalSummary
        Scores and where the rest lies.

    Raises
    ------
    InputError, ConfigError, PluginError, TrainingError
        When data, options or plugins do not allow it; nothing is written.
    OutputError
        When the folder exists.
    StoppedError
        When a fit failed or SIGTERM came; ``resume`` goes on.
    """
    if not resume:
        check_output(out, force)
    models = _models(features, settings)
    samples = list(dict.fromkeys(model.sample for model in models))
    tasks = [model.tasks(features, len(samples) > 1) for model in models]
    stored = settings.model_dump(mode="json")
    with Experiment.open(out, KIND, stored, force, resume, features=[features]) as experiment:
        runs = experiment.run([task for each in tasks for task in each], runner or Runner())
        folds = [[runs[task.name] for task in each] for each in tasks]
        results = []
        for sample in samples:
            own = [(m, f) for m, f in zip(models, folds, strict=True) if m.sample == sample]
            suffix = f"-{sample}" if len(samples) > 1 else ""
            results.append(_result(experiment, own, settings.n_bootstrap, suffix))
        summary = _write(experiment, results)
        experiment.finish()
    return summary


def _models(features: Path, settings: CrossvalSettings) -> list[_Model]:
    """Check every model on its first fold, before anything is fitted; add the companions."""
    found: list[_Model] = []
    by_sample: dict[str | None, list[FitConfig]] = {}
    for config in settings.models:
        by_sample.setdefault(config.sample, []).append(config)
    for configs in by_sample.values():
        # With companions in the first one: their options and inputs are checked along.
        first = configs[0].model_copy(update={"companions": settings.companions})
        alone = [config.model_copy(update={"companions": False}) for config in configs]
        jobs = check_tasks([FitTask(str(c.plugin), features, c) for c in (first, *alone[1:])])
        for config, job in zip(alone, jobs, strict=True):
            if job.head.task != jobs[0].head.task:
                raise ConfigError(
                    f"{job.model_name} is for {job.head.task} and {jobs[0].model_name} for "
                    f"{jobs[0].head.task}; cross-validate models of one task"
                )
            label = config.plugin or job.model_name
            found.append(_Model(job.sample, label, config, companion=False))
        if settings.companions:
            found += [
                _Model(jobs[0].sample, str(config.plugin), config, companion=True)
                for config in companion_configs(alone, jobs[0])
            ]
        if len(found) < 2:
            raise ConfigError(
                f"{found[0].label} is alone: nothing to compare it with; name a second model with "
                "--plugin or leave --no-companions out"
            )
    return found


def _result(
    experiment: Experiment,
    models: list[tuple[_Model, list[RunPredictions]]],
    n_bootstrap: int,
    suffix: str,
) -> SampleResult:
    """Score the models of one sample and draw their figures."""
    runs = {model.label: folds for model, folds in models}
    companions = [model.label for model, _ in models if model.companion]
    seed = models[0][0].config.train.seed
    paired = pair_runs(runs, baselines=True)
    scores = score_folds(paired, companions, n_bootstrap, seed)
    comparison = compare_models(paired, n_bootstrap, seed)
    main = metrics_for(paired.task)[0].name
    figures = {
        "scores": pooled_scores_figure(scores, main),
        "differences": comparison_figure(comparison, main),
    }
    files = {n: experiment.write_figure(f"{n}{suffix}", f) for n, f in figures.items()}
    predictions = out_of_fold(paired, runs)
    notes = (*comparison.notes, *constant_notes(paired))
    return SampleResult(
        *(scores, predictions, comparison, files["scores"], files["differences"], notes)
    )


def _write(experiment: Experiment, results: list[SampleResult]) -> CrossvalSummary:
    import pandas as pd

    def together(frames: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(frames, ignore_index=True)

    scores = together([result.scores for result in results])
    experiment.write_table("scores.tsv", scores)
    experiment.write_table("predictions.tsv", together([r.predictions for r in results]))
    differences = [r.comparison.tests_frame().assign(sample=r.comparison.sample) for r in results]
    experiment.write_table("differences.tsv", together(differences))
    report = write_crossval_report(experiment.path, results)
    notes = tuple(dict.fromkeys(note for result in results for note in result.notes))
    return CrossvalSummary(experiment.path, results[0].comparison.task, scores, notes, report)
