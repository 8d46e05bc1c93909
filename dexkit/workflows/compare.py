"""Compare models by the runs that were fitted of each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.compare import compare_models
from dexkit.evaluation.comparison import (
    ModelComparison,
    as_dict,
    sentences,
    statistics_frame,
    summary_frame,
)
from dexkit.evaluation.metrics import metrics_for
from dexkit.evaluation.paired_runs import pair_by_sample
from dexkit.evaluation.runs import RunPredictions, read_run, with_samples
from dexkit.files import check_output
from dexkit.report.comparison_figures import comparison_figure
from dexkit.report.experiment import Section, write_experiment_report
from dexkit.workflows.experiment import Experiment, run_names

#: End of the name of a run folder that tells folds apart: ``k562-fold0``, ``fold-0``, ``ridge.3``.
_FOLD = re.compile(r"[-_.]?(fold)?[-_.]?\d+$")
#: What a fit leaves in its folder, finished or not.
_RUN_FILES = ("metrics.json", "config.toml")
#: Where the commands that fit several models keep their runs.
_RUNS = "runs"


def compare_runs(
    paths: Sequence[Path],
    n_bootstrap: int = 1000,
    seed: int = 0,
    baselines: bool = False,
    reference: str | None = None,
) -> tuple[ModelComparison, ...]:
    """Compare one model with each of the others on every sample; see :func:`find_models`.

    Parameters
    ----------
    paths : sequence of Path
        Run folders, or folders of a cross-validation.
    n_bootstrap, seed : int
        Resamples of the intervals and their seed.
    baselines : bool, optional
        Compare the baselines that were fitted beside the models, too. Runs of one model are
        always compared with their baselines.
    reference : str, optional
        Label of the model that the others are compared with; the first by default.

    Returns
    -------
    tuple of ModelComparison
        Scores by fold and paired statistics, one a sample.

    Raises
    ------
    ConfigError
        If the reference is none of the models.
    InputError
        If a folder is no run, or the models were not tested on the same genes in the same folds.
    FormatError
        If a file of a run is malformed.
    """
    models = find_models(paths)
    if reference is not None:
        if reference not in models:
            raise ConfigError(
                f"no model {reference!r} among the runs; {did_you_mean(reference, models)}"
            )
        models = {reference: models[reference], **models}
    paired = pair_by_sample(models, baselines)
    return tuple(compare_models(one, n_bootstrap, seed) for one in paired)


def main_metric(comparison: ModelComparison, wanted: str | None = None) -> str:
    """Return the metric to show: the first of the task unless one is asked for.

    Raises
    ------
    ConfigError
        If the metric is none of the task.
    """
    names = [metric.name for metric in metrics_for(comparison.task)]
    if wanted is not None and wanted not in names:
        raise ConfigError(
            f"{wanted!r} is no metric of {comparison.task}; {did_you_mean(wanted, names)}"
        )
    return wanted or names[0]


def save_comparison(
    comparisons: Sequence[ModelComparison],
    out: Path,
    metric: str | None = None,
    force: bool = False,
) -> Path:
    """Write tables, figures and report of a comparison into a folder.

    Parameters
    ----------
    comparisons : sequence of ModelComparison
        From :func:`compare_runs`.
    out : Path
        Folder to write: ``scores.tsv``, ``comparison.tsv``, ``comparison.json``, ``figures/``,
        ``report.html`` and ``experiment.json``.
    metric : str, optional
        Metric of the figures and of the tables of the report; the TSVs hold all.
    force : bool, optional
        Whether an earlier comparison may be replaced.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    ConfigError
        If the metric is none of the task.
    OutputError
        If the folder exists, or cannot be written.
    """
    import pandas as pd

    first = comparisons[0]
    shown = main_metric(first, metric)
    check_output(out, force)
    models: dict[str, dict[str, None]] = {}
    for comparison in comparisons:
        for label, runs in comparison.runs.items():
            places = (str(Path(run).absolute()) for run in runs)
            models.setdefault(label, {}).update(dict.fromkeys(places))
    settings = {
        "models": {label: list(runs) for label, runs in models.items()},
        "n_bootstrap": first.n_bootstrap,
        "seed": first.seed,
        "metric": shown,
    }
    several = len(comparisons) > 1
    with Experiment.open(out, "compare", settings, force) as experiment:
        for name, frames in (
            ("scores.tsv", [c.scores_frame() for c in comparisons]),
            ("comparison.tsv", [c.tests_frame() for c in comparisons]),
        ):
            experiment.write_table(name, pd.concat(frames, ignore_index=True))
        experiment.write_json("comparison.json", as_dict(comparisons))
        sections = []
        for comparison in comparisons:
            name = f"folds-{comparison.sample}" if several else "folds"
            figure = experiment.write_figure(name, comparison_figure(comparison, shown))
            sections += _sections(comparison, shown, figure, several)
        report = write_experiment_report(
            experiment.path / "report.html",
            f"{first.labels[0]} compared on {', '.join(c.sample for c in comparisons)}",
            sections,
            any(comparison.leaky for comparison in comparisons),
            "" if several else _subtitle(first),
        )
        experiment.finish()
    return report


def _subtitle(comparison: ModelComparison) -> str:
    split = comparison.split
    return (
        f"{comparison.task} · {comparison.n_genes:,} test genes on {comparison.n_chromosomes} "
        f"chromosomes · {len(comparison.folds)} of {split['n_folds']} folds ({split['kind']} "
        f"split, seed {split['seed']})"
    )


def _sections(
    comparison: ModelComparison, metric: str, figure: Path, several: bool
) -> list[Section]:
    """Return the part of one sample; of several samples its name stands in front."""
    facts = (_subtitle(comparison),) if several else ()

    def title(text: str) -> str:
        return f"{comparison.sample}: {text[0].lower()}{text[1:]}" if several else text

    names = [m.name for m in metrics_for(comparison.task) if m.name != metric]
    intervals = (
        f"{100 * comparison.level:.0f} % bootstrap intervals, {comparison.n_bootstrap:,} "
        f"resamples, seed {comparison.seed}"
        if comparison.n_bootstrap
        else "no intervals were asked for"
    )
    caption = (
        "Above: each point is a fold, grey lines join the scores of one fold, boxes hold the "
        "middle half, whiskers reach the outermost folds. Below: the first model minus each "
        f"other on all test genes; {intervals}, thick over genes, thin over chromosomes."
    )
    reading = (
        "An interval describes these genes and these fitted models. The signed-rank test takes a "
        "fold as a pair, is exact, and cannot give a p-value below the smallest one listed. "
        "The spread of a model is the mean of |score - mean over folds|; the paper claims a "
        "smaller one for its network (one-sided: less)."
    )
    return [
        Section(
            title("Result"),
            (*facts, *sentences(comparison, metric), *comparison.notes),
            None,
            figure,
            caption,
        ),
        Section(title("Scores"), (), summary_frame(comparison, metric)),
        Section(title("Statistics"), (reading,), statistics_frame(comparison, metric)),
        *(
            Section(
                title(f"By {name}"), sentences(comparison, name), summary_frame(comparison, name)
            )
            for name in names
        ),
    ]


def find_models(paths: Sequence[Path]) -> dict[str, list[RunPredictions]]:
    """Read runs and put the folds of each model together.

    Parameters
    ----------
    paths : sequence of Path
        Run folders; and folders of a cross-validation, which stand for all runs below ``runs/``.

    Returns
    -------
    dict of str to list of RunPredictions
        Runs by label, in the order given, those of an experiment in its own. A run of an
        experiment is labelled by its place below ``runs/`` without its sample, another one by its
        model; where this gives one label two runs of one fold and sample, the name of the folder
        that holds them tells them apart.

    Raises
    ------
    InputError
        If a folder is no run and holds none, a run is given twice, or folders cannot be told
        apart by their names.
    FormatError
        If a file of a run is malformed.
    """
    found: list[tuple[str, str, RunPredictions]] = []
    seen: set[Path] = set()
    for path in map(Path, paths):
        for folder in _run_folders(path):
            if folder.resolve() in seen:
                raise InputError(f"{folder} is given twice; give every run once")
            seen.add(folder.resolve())
            run = read_run(folder)
            if folder == path:
                found.append((run.model, _stem(folder), run))
            else:
                name = _name_in_experiment(folder.relative_to(path / _RUNS), run)
                found.append((name, path.resolve().name, run))
    return _labelled(found)


def _name_in_experiment(place: Path, run: RunPredictions) -> str:
    """Return the name of a model by its place: without the fold, and without its sample.

    A run of several samples in a folder of that name stands beside models of each of them, and
    keeps its samples in the name.
    """
    label = place if _FOLD.fullmatch(place.name) is None else place.parent
    parts = [part for part in label.parts if part != run.sample]
    name = "/".join(parts) or run.model
    if len(run.samples) > 1 and len(parts) < len(label.parts):
        return with_samples(name, run.sample)
    return name


def _run_folders(path: Path) -> list[Path]:
    if any((path / name).is_file() for name in _RUN_FILES):
        return [path]
    runs = path / _RUNS
    inner = sorted({file.parent for name in _RUN_FILES for file in runs.rglob(name)})
    if not inner:
        # read_run says what is wrong with a folder that is no run.
        return [path]
    places = [runs / name for name in run_names(path)]
    order = {place: number for number, place in enumerate(places)}
    return sorted(inner, key=lambda folder: order.get(folder, len(order)))


def _stem(folder: Path) -> str:
    """Return the name of a run folder without its fold; of ``wide/fold-0`` ``"wide"``."""
    folder = folder.resolve()
    return _FOLD.sub("", folder.name) or folder.parent.name


def _labelled(
    found: Sequence[tuple[str, str, RunPredictions]],
) -> dict[str, list[RunPredictions]]:
    by_name: dict[str, list[tuple[str, RunPredictions]]] = {}
    for name, where, run in found:
        by_name.setdefault(name, []).append((where, run))
    models: dict[str, list[RunPredictions]] = {}
    for name, runs in by_name.items():
        tested = [(run.fold, sample) for _, run in runs for sample in run.samples]
        ambiguous = len(set(tested)) < len(tested)
        for where, run in runs:
            label = f"{name} ({where})" if ambiguous else name
            for other in models.get(label, ()):
                if other.fold == run.fold and set(other.samples) & set(run.samples):
                    raise InputError(
                        f"{other.path} and {run.path} are both fold {run.fold} of {label}; give "
                        "every fold of a model once, and different models in folders of different "
                        "names (a-fold0, b-fold0)"
                    )
            models.setdefault(label, []).append(run)
    return models
