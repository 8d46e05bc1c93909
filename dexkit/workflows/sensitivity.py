"""How scores change with the promoter's length, the range of contacts, and the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from dexkit.evaluation.ablation import (
    Comparison,
    VariantScore,
    fold_table,
    score_table,
)
from dexkit.evaluation.metrics import get_metric
from dexkit.features.file import FeatureFile
from dexkit.files import check_output
from dexkit.report.experiment import Section, write_experiment_report
from dexkit.report.variant_figures import ablation_figure, curve_figure
from dexkit.workflows.entrants import entrants
from dexkit.workflows.experiment import Experiment
from dexkit.workflows.fit_config import FitConfig
from dexkit.workflows.runner import Runner
from dexkit.workflows.sensitivity_axes import Axis, axes_of, check_points
from dexkit.workflows.variants import comparisons_of, facts, plain_rows, run_variants

KIND = "sensitivity"

_METHOD = (
    "Windows and profiles are cut from the stored ones; every point has the same genes in the same "
    "folds. Whiskers and brackets are 95% bootstrap intervals over genes, paired where a point is "
    "compared with another. Neighbouring points share most of their genes' noise: judge them by "
    "the difference, not by whether two whiskers overlap."
)


class SensitivitySettings(BaseModel):
    """Everything that decides a sensitivity analysis.

    Its ``models`` are the options of a fit each, for every sample all models; the fold in them
    does not count. Where none of the three axes is given: a quarter, a half and all of the
    promoter and of the contacts that the file holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    models: tuple[FitConfig, ...] = Field(min_length=1, description="options of the models")
    promoter_lengths: tuple[int, ...] | None = Field(
        None, description="lengths of the whole promoter window in bp"
    )
    contact_bins: tuple[int, ...] | None = Field(
        None, description="contact bins on either side of the TSS bin"
    )
    recipes: tuple[str, ...] | None = Field(None, description="training recipes")
    n_bootstrap: int = Field(1000, ge=0, description="resamples of the intervals")


@dataclass(frozen=True)
class Sensitivity:
    """What a sensitivity analysis found.

    Parameters
    ----------
    path : Path
        Folder of the experiment.
    comparisons : mapping of str to tuple of Comparison
        By axis, one a sample and model.
    lines : tuple of str
        What a user is told, a line a sample, model and point.
    report : Path
        The HTML page.
    """

    path: Path
    comparisons: Mapping[str, tuple[Comparison, ...]]
    lines: tuple[str, ...]
    report: Path


def sensitivity(
    features: Path,
    settings: SensitivitySettings,
    out: Path,
    runner: Runner | None = None,
    force: bool = False,
    resume: bool = False,
) -> Sensitivity:
    """Fit every model at every point of every axis, and compare.

    Parameters
    ----------
    features : Path
        Feature file.
    settings : SensitivitySettings
        What to fit.
    out : Path
        Folder to write.
    runner : Runner, optional
        Where the fits are done; one by one in this process by default.
    force, resume : bool, optional
        See :meth:`dexkit.workflows.experiment.Experiment.open`.

    Returns
    -------
    Sensitivity
        Scores by axis.

    Raises
    ------
    InputError, ConfigError, PluginError, OutputError, TrainingError
        When it cannot be done, such as a window larger than what the file holds; nothing is
        written then.
    StoppedError
        When a fit failed or the command was stopped; ``resume`` goes on.
    """
    if not resume:
        check_output(out, force)
    check_points(settings.promoter_lengths, settings.contact_bins, settings.recipes)
    models = entrants(features, settings.models)
    file = FeatureFile(features)
    axes = axes_of(file, models, settings.promoter_lengths, settings.contact_bins, settings.recipes)
    variants = {variant.name: variant for axis in axes for variant in axis.variants}
    stored = settings.model_dump(mode="json")
    with Experiment.open(out, KIND, stored, force, resume, [features]) as experiment:
        runs = run_variants(experiment, file, models, list(variants.values()), runner or Runner())
        seed = models[0].config.train.seed
        found = {
            axis.kind: tuple(
                comparisons_of(
                    runs,
                    [variant.name for variant in axis.variants],
                    axis.reference,
                    settings.n_bootstrap,
                    seed,
                )
            )
            for axis in axes
        }
        report = _write(experiment, features, axes, found, facts(models, runs))
        experiment.finish()
    labels = {variant.name: variant.label for variant in variants.values()}
    scores = [score for axis in axes for of in found[axis.kind] for score in of.scores]
    return Sensitivity(out, found, tuple(_line(score, labels) for score in scores), report)


def _write(
    experiment: Experiment,
    features: Path,
    axes: Sequence[Axis],
    found: Mapping[str, Sequence[Comparison]],
    made: Mapping[str, Any],
) -> Path:
    """Write tables, figures and report."""
    import pandas as pd

    scores: list[pd.DataFrame] = []
    folds: list[pd.DataFrame] = []
    sections = [Section("Method", [_METHOD])]
    for axis in axes:
        values = {variant.name: variant.name.split("-", 1)[1] for variant in axis.variants}
        for tabulate, kept in ((score_table, scores), (fold_table, folds)):
            frame = tabulate(found[axis.kind])
            frame.insert(3, "axis", axis.kind)
            frame.insert(4, "setting", frame["variant"].map(values))
            kept.append(frame.assign(**made))
        for sample in dict.fromkeys(c.scores[0].subject.sample for c in found[axis.kind]):
            of_sample = [c for c in found[axis.kind] if c.scores[0].subject.sample == sample]
            sections.append(_section(experiment, axis, sample, of_sample))
    table = pd.concat(scores, ignore_index=True)
    experiment.write_table("sensitivity.tsv", table)
    experiment.write_table("folds.tsv", pd.concat(folds, ignore_index=True))
    experiment.write_json("sensitivity.json", {**made, "scores": plain_rows(table)})
    return write_experiment_report(
        experiment.path / "report.html",
        "Sensitivity",
        sections,
        made["leaky"] != "no",
        f"{features.name}, {made['n_folds']} folds ({made['split']} split)",
    )


def _line(score: VariantScore, labels: Mapping[str, str]) -> str:
    line = (
        f"{score.subject.sample}, {score.subject.model}, {labels[score.variant]}: "
        f"{get_metric(score.metric).label} {score.mean}, mean of {score.n_folds} folds"
    )
    if score.variant == score.reference:
        return line
    against = f"{score.difference} (n = {score.n_genes:,} out-of-fold genes)"
    return f"{line}; difference from {labels[score.reference]}: {against}"


def _section(
    experiment: Experiment, axis: Axis, sample: str, comparisons: Sequence[Comparison]
) -> Section:
    """Draw and tabulate one axis of one sample."""
    import pandas as pd

    labels = {variant.name: variant.label for variant in axis.variants}
    if axis.positions:
        figure = curve_figure(comparisons, axis.positions, axis.label)
    else:
        figure = ablation_figure(comparisons, labels)
    rows = [
        {
            "model": score.subject.model,
            "point": labels[score.variant],
            "mean of folds": str(score.mean),
            "out of fold": str(score.pooled),
            f"difference from {labels[axis.reference]}": str(score.difference),
            "n": score.n_genes,
        }
        for comparison in comparisons
        for score in comparison.scores
    ]
    return Section(
        f"{sample}: {axis.label}",
        [note for comparison in comparisons for note in comparison.notes],
        table=pd.DataFrame(rows),
        figure=experiment.write_figure(f"{axis.kind}-{sample}", figure),
        caption="Mean over the folds with its 95% bootstrap interval over genes.",
    )
