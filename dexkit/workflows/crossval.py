"""Cross-validate several models on the same folds, with the small baselines beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from dexkit.evaluation.compare import compare_models
from dexkit.evaluation.fold_scores import constant_notes, out_of_fold, score_folds
from dexkit.evaluation.metrics import metrics_for
from dexkit.evaluation.paired_runs import pair_runs
from dexkit.evaluation.runs import RunPredictions
from dexkit.files import check_output
from dexkit.report.comparison_figures import comparison_figure
from dexkit.report.crossval import SampleResult, write_crossval_report
from dexkit.report.crossval_figures import pooled_scores_figure
from dexkit.workflows.competitors import Competitor, competitors, models_of_samples
from dexkit.workflows.experiment import Experiment
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.runner import Runner

if TYPE_CHECKING:
    import pandas as pd

KIND = "crossval"


class CrossvalSettings(BaseModel):
    """Everything that decides a cross-validation.

    Its ``models`` are the options of a fit each, all models for every sample (or for several,
    joined by commas); the fold in them does not count.
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
    models = competitors(features, settings.models, settings.companions)
    samples = models_of_samples(models)
    alone = len({model.sample for model in models}) == 1
    tasks = [model.tasks(features, alone) for model in models]
    stored = settings.model_dump(mode="json")
    with Experiment.open(out, KIND, stored, force, resume, features=[features]) as experiment:
        runs = experiment.run([task for each in tasks for task in each], runner or Runner())
        folds = {
            model: [runs[task.name] for task in each]
            for model, each in zip(models, tasks, strict=True)
        }
        results = []
        for sample, own in samples.items():
            suffix = f"-{sample}" if len(samples) > 1 else ""
            results.append(_result(experiment, sample, own, folds, settings.n_bootstrap, suffix))
        summary = _write(experiment, results)
        experiment.finish()
    return summary


def _result(
    experiment: Experiment,
    sample: str,
    models: Sequence[Competitor],
    folds: Mapping[Competitor, list[RunPredictions]],
    n_bootstrap: int,
    suffix: str,
) -> SampleResult:
    """Score the models of one sample and draw their figures."""
    runs = {
        model.label: [o for run in folds[model] for o in run.by_sample() if o.sample == sample]
        for model in models
    }
    companions = [model.label for model in models if model.companion]
    seed = models[0].config.train.seed
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
    differences = [result.comparison.tests_frame() for result in results]
    experiment.write_table("differences.tsv", together(differences))
    report = write_crossval_report(experiment.path, results)
    notes = tuple(dict.fromkeys(note for result in results for note in result.notes))
    return CrossvalSummary(experiment.path, results[0].comparison.task, scores, notes, report)
