"""The report of a cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.evaluation.comparison import ModelComparison, sentences
from dexkit.evaluation.fold_scores import BY_CHROMOSOME, MEAN, POOLED
from dexkit.evaluation.metrics import format_interval, get_metric, metrics_for
from dexkit.evaluation.runs import read_json
from dexkit.report.experiment import Section, write_experiment_report

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SampleResult:
    """What was learnt of the models on one sample.

    Parameters
    ----------
    scores : DataFrame
        See :func:`dexkit.evaluation.fold_scores.score_folds`.
    predictions : DataFrame
        See :func:`dexkit.evaluation.fold_scores.out_of_fold`.
    comparison : ModelComparison
        The first model against the others.
    score_figure, comparison_figure : Path
        PNG of the scores, and of folds and differences.
    notes : tuple of str
        What a reader must know beside the numbers.
    """

    scores: pd.DataFrame
    predictions: pd.DataFrame
    comparison: ModelComparison
    score_figure: Path
    comparison_figure: Path
    notes: tuple[str, ...] = ()


def write_crossval_report(out: Path, results: Sequence[SampleResult]) -> Path:
    """Write ``report.html`` of a cross-validation.

    Parameters
    ----------
    out : Path
        Folder of the experiment, with its ``experiment.json``.
    results : sequence of SampleResult
        One a sample.

    Returns
    -------
    Path
        The report.
    """
    first = results[0].comparison
    samples = ", ".join(result.comparison.sample for result in results)
    sections = [section for result in results for section in _sections(result)]
    sections.append(_settings(read_json(out / "experiment.json"), results))
    return write_experiment_report(
        out / "report.html",
        f"Cross-validation on {samples}",
        sections,
        leaky=first.leaky,
        subtitle=f"{first.task} · {len(first.folds)} folds · {first.split['kind']} split · "
        f"seed {first.split['seed']}",
    )


def score_table(
    scores: pd.DataFrame, fold: str, metrics: Sequence[str] | None = None
) -> pd.DataFrame:
    """Lay the scores of one scope out: a row a model, a column a metric, intervals in brackets.

    Parameters
    ----------
    scores : DataFrame
        Of one sample.
    fold : str
        Scope; intervals are those over genes.
    metrics : sequence of str, optional
        Columns; all by default.

    Returns
    -------
    DataFrame
        ``model``, ``n_genes`` and one column a metric, as text.
    """
    import pandas as pd

    own = scores[(scores["fold"] == fold) & (scores["interval"] != BY_CHROMOSOME)]
    if metrics is not None:
        own = own[own["metric"].isin(list(metrics))]
    rows = []
    for model, part in own.groupby("model", sort=False):
        row: dict[str, Any] = {"model": model, "n_genes": int(part["n_genes"].iloc[0])}
        for score in part.to_dict("records"):
            interval = format_interval(*(score[key] for key in ("value", "low", "high")))
            row[get_metric(score["metric"]).label] = interval
        rows.append(row)
    return pd.DataFrame(rows)


def _by_fold(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    own = scores[(scores["metric"] == metric) & (scores["interval"] != BY_CHROMOSOME)]
    own = own[~own["fold"].isin([POOLED, MEAN])]
    models = list(dict.fromkeys(own["model"]))
    table = own.pivot(index="fold", columns="model", values="value").reindex(columns=models)
    sizes = own.drop_duplicates("fold").set_index("fold")["n_genes"]
    table.insert(0, "n_genes", sizes)
    order = list(dict.fromkeys(own["fold"]))
    return table.loc[order].reset_index()


def _sections(result: SampleResult) -> list[Section]:
    comparison, scores = result.comparison, result.scores
    main = metrics_for(comparison.task)[0]
    intervals = f"95 % bootstrap intervals, {comparison.n_bootstrap:,} resamples over genes"
    if not comparison.n_bootstrap:
        intervals = "no intervals"
    sections = [
        Section(
            f"{comparison.sample}: out of fold",
            [
                f"Every gene is scored once, by the fold that did not see it. In brackets: "
                f"{intervals}; scores.tsv has those over chromosomes too.",
                *result.notes,
            ],
            score_table(scores, POOLED),
            result.score_figure,
            "Pooled score of each model with its interval over genes (thick) and chromosomes "
            "(thin); grey dots are folds.",
        )
    ]
    if (scores["fold"] == MEAN).any():
        text = "Mean of the scores of the folds, the number that papers give; genes are drawn anew "
        table = score_table(scores, MEAN)
        sections.append(Section("Mean over folds", [text + "within each fold."], table))
        title = f"{main.label} by fold"
        sections.append(Section(title, [], _by_fold(scores, main.name)))
    sections.append(
        Section(
            f"{comparison.labels[0]} against the others",
            sentences(comparison, main.name),
            figure=result.comparison_figure,
            caption="Scores by fold, a grey line a fold; and paired differences with intervals.",
        )
    )
    return sections


def _settings(experiment: dict[str, Any], results: Sequence[SampleResult]) -> Section:
    import pandas as pd

    versions = {k: v for k, v in experiment["versions"].items() if isinstance(v, str)}
    first = results[0].comparison
    facts = {
        "feature file": ", ".join(item["path"] for item in experiment["features"]),
        "split": first.split["kind"] + (" (leaky: paper protocol)" if first.leaky else ""),
        "folds": f"{len(first.folds)} of {first.split['n_folds']}",
        "seed": str(first.split["seed"]),
        "resamples": f"{first.n_bootstrap:,}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    table = pd.DataFrame(facts.items(), columns=["", "value"])
    text = "Options of every fit are in experiment.json and in config.toml of each run below runs/."
    return Section("How it was made", [text], table)
