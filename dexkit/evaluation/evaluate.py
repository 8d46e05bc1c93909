"""Scores of runs: the model and every baseline on the same genes, with intervals."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dexkit.errors import ConfigError, InputError, did_you_mean
from dexkit.evaluation.bootstrap import LEVEL, Interval, bootstrap_replicates, percentile_interval
from dexkit.evaluation.metrics import compute, format_interval, metrics_for
from dexkit.evaluation.pooling import (
    check_same_cross_validation,
    check_values,
    notes_of,
    part_table,
    pool_folds,
    with_samples,
)
from dexkit.evaluation.runs import PARTS, baseline_columns, read_run, samples_of, tables_by_sample
from dexkit.evaluation.stamps import stamps
from dexkit.files import write_whole

if TYPE_CHECKING:
    import pandas as pd

RESAMPLING = ("gene", "chromosome")
POOLED = "pooled"


@dataclass(frozen=True)
class Score:
    """One number of an evaluation.

    Parameters
    ----------
    scope : str
        ``"pooled"`` (out-of-fold genes of all runs) or ``"fold K"``; of one of several samples
        ``"pooled: SAMPLE"`` or ``"fold K: SAMPLE"``.
    role : str
        ``"model"``, ``"baseline"`` or ``"difference"``.
    predictor : str
        The model or the baseline.
    versus : str
        The baseline that was subtracted; empty unless ``role`` is ``"difference"``.
    metric : str
        Metric name.
    n : int
        Number of genes; over several samples, of genes in a sample.
    value, low, high : float or None
        Value and bootstrap bounds; None stands for undefined.
    """

    scope: str
    role: str
    predictor: str
    versus: str
    metric: str
    n: int
    value: float | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Return ``"0.531 [0.480, 0.577]"``, or what of it is defined."""
        return format_interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class Evaluation:
    """The scores of one run, or of the folds of one cross-validation.

    Parameters
    ----------
    task, model, sample, part : str
        What was evaluated.
    runs : tuple of str
        Run folders, by fold.
    folds : tuple of int
        Their folds, 0-based.
    leaky : bool
        Whether the split lets related genes sit on both sides.
    by : str
        What the bootstrap drew: ``"gene"`` or ``"chromosome"``.
    n_bootstrap, seed, level
        Number of resamples, their seed, and the level of the intervals.
    baselines : tuple of str
        Baseline names, in file order.
    scores : tuple of Score
        Every number.
    notes : tuple of str
        What a reader must know beside the numbers.
    stamps : dict
        Columns of every table, see :func:`dexkit.evaluation.stamps.stamps`.
    samples : tuple of str
        Samples that have scores of their own, beside those over all; empty for one sample.
    """

    task: str
    model: str
    sample: str
    part: str
    runs: tuple[str, ...]
    folds: tuple[int, ...]
    leaky: bool
    by: str
    n_bootstrap: int
    seed: int
    level: float
    baselines: tuple[str, ...]
    scores: tuple[Score, ...]
    notes: tuple[str, ...]
    stamps: dict[str, Any]
    samples: tuple[str, ...] = ()

    @property
    def headline(self) -> str:
        """The scope to quote: ``"pooled"`` for several folds, else the only fold."""
        return self.scores[0].scope

    @property
    def intervals(self) -> str:
        """What the brackets behind a value hold, for captions."""
        if not self.n_bootstrap:
            return "no intervals"
        return (
            f"{100 * self.level:.0f} % bootstrap intervals, {self.n_bootstrap:,} resamples over "
            f"{self.by}s"
        )

    def find(self, metric: str, predictor: str = "", versus: str = "", scope: str = "") -> Score:
        """Return one score.

        Parameters
        ----------
        metric : str
            Metric name.
        predictor : str, optional
            Model or baseline; the model by default.
        versus : str, optional
            Baseline subtracted; empty for a plain score.
        scope : str, optional
            Scope; :attr:`headline` by default.

        Raises
        ------
        InputError
            If there is no such score.
        """
        wanted = (scope or self.headline, predictor or self.model, versus, metric)
        for score in self.scores:
            if (score.scope, score.predictor, score.versus, score.metric) == wanted:
                return score
        raise InputError(f"no score for (scope, predictor, versus, metric) = {wanted}")

    def to_frame(self) -> pd.DataFrame:
        """Return one row a score: the fields of :class:`Score`, stamps."""
        import pandas as pd

        return pd.DataFrame([asdict(score) | self.stamps for score in self.scores])

    def to_json(self) -> str:
        """Return everything as JSON text; undefined values are ``null``."""
        return json.dumps(asdict(self), indent=2, allow_nan=False, ensure_ascii=False)

    def write_tsv(self, path: Path, force: bool = False) -> None:
        """Write :meth:`to_frame` as a tab-separated table; undefined values are empty cells.

        Raises
        ------
        OutputError
            If the file exists and ``force`` is false, or it cannot be written.
        """
        text = self.to_frame().to_csv(sep="\t", index=False, lineterminator="\n")
        write_whole(path, text, force)


def evaluate_runs(
    runs: Sequence[Path],
    part: str = "test",
    n_bootstrap: int = 1000,
    seed: int = 0,
    by: str = "gene",
) -> Evaluation:
    """Score one run, or the folds of one cross-validation, from their prediction tables.

    Parameters
    ----------
    runs : sequence of Path
        Run folders. Several are the folds of one cross-validation: their genes are pooled, every
        gene at most once.
    part : str
        ``"test"``, ``"validation"`` or ``"train"``.
    n_bootstrap : int
        Resamples for the intervals; 0 gives none.
    seed : int
        Seed of the bootstrap, not negative.
    by : str
        Resample ``"gene"`` (in all its samples together) or whole ``"chromosome"`` (intervals
        that allow for the likeness of neighbouring genes).

    Returns
    -------
    Evaluation
        Scores by scope: pooled first when there are several runs, then fold by fold.

    Raises
    ------
    ConfigError
        If an option is unknown.
    InputError
        If the runs do not belong together, the part is empty, a gene has no value, or a
        bootstrap over chromosomes is asked for on one chromosome.
    FormatError
        If a run folder is malformed.
    """
    for what, value, known in (("part", part, PARTS), ("resampling", by, RESAMPLING)):
        if value not in known:
            raise ConfigError(f"unknown {what} {value!r}; {did_you_mean(value, known)}")
    if not runs:
        raise InputError("no run to evaluate; give at least one run folder")
    loaded = sorted((read_run(Path(path)) for path in runs), key=lambda run: run.fold)
    check_same_cross_validation(loaded)
    tables = {f"fold {run.fold}": part_table(run, part) for run in loaded}
    scopes: dict[str, pd.DataFrame] = tables
    if len(loaded) > 1:
        scopes = {POOLED: pool_folds(loaded, list(tables.values()), part), **tables}
    scopes = with_samples(scopes)

    first = loaded[0]
    scores: list[Score] = []
    for i, (scope, table) in enumerate(scopes.items()):
        n_draws = n_bootstrap
        if by == "chromosome" and i > 0 and table["chrom"].nunique() < 2:
            n_draws = 0  # a fold of one chromosome has a value but no interval over chromosomes
        scores += score_table(table, first.task, first.model, scope, n_draws, seed, by)
    leaky = any(bool(run.split["leaky"]) for run in loaded)
    return Evaluation(
        task=first.task,
        model=first.model,
        sample=first.sample,
        part=part,
        runs=tuple(str(run.path) for run in loaded),
        folds=tuple(run.fold for run in loaded),
        leaky=leaky,
        by=by,
        n_bootstrap=n_bootstrap,
        seed=seed,
        level=LEVEL,
        baselines=tuple(baseline_columns(first.predictions)),
        scores=tuple(scores),
        notes=notes_of(loaded, part),
        stamps=stamps(first.split, leaky, [run.seed for run in loaded]),
        samples=samples_of(first.predictions),
    )


def score_predictions(
    predictions: pd.DataFrame,
    task: str,
    model: str,
    sample: str,
    split: Mapping[str, Any],
    n_bootstrap: int = 1000,
    seed: int = 0,
    parts: Sequence[str] = PARTS,
) -> dict[str, Any]:
    """Score a table of predictions in the form of ``metrics.json``.

    Parameters
    ----------
    predictions : DataFrame
        Columns of ``predictions.tsv``; ``observed`` is NaN for unmeasured genes.
    task, model, sample : str
        What the table holds.
    split : mapping
        JSON-able description of the split, :meth:`dexkit.evaluation.splits.Split.describe`.
    n_bootstrap, seed : int
        See :func:`evaluate_runs`; genes are resampled.
    parts : sequence of str
        Parts to score; those without a gene are left out.

    Returns
    -------
    dict
        ``task``, ``model``, ``sample``, ``split``, ``n`` (genes by part), ``parts`` (part ->
        model or baseline -> metric -> ``value``, ``low``, ``high``, None for undefined). Of
        several samples ``samples``, too: sample -> ``n`` and ``parts`` of its rows alone.

    Raises
    ------
    ConfigError
        If the task is unknown.
    InputError
        If a gene of a scored part has no value.
    """
    scored: dict[str, dict[str, dict[str, Any]]] = {}
    for part in parts:
        table = predictions[predictions["part"] == part]
        if not len(table):
            continue
        check_values(table, f"the {part} part")
        by_predictor = scored.setdefault(part, {})
        for score in score_table(table, task, model, part, n_bootstrap, seed, "gene"):
            if score.role != "difference":
                by_predictor.setdefault(score.predictor, {})[score.metric] = {
                    "value": score.value,
                    "low": score.low,
                    "high": score.high,
                }
    return {
        "task": task,
        "model": model,
        "sample": sample,
        "split": {key: value for key, value in split.items() if key != "n"},
        "n": {part: int((predictions["part"] == part).sum()) for part in PARTS},
        "parts": scored,
    } | _by_sample(predictions, task, model, split, n_bootstrap, seed, parts)


def _by_sample(predictions: pd.DataFrame, task: str, model: str, *options: Any) -> dict[str, Any]:
    """Return what ``metrics.json`` has for each of several samples; nothing for one sample."""
    found = {}
    for sample, own in tables_by_sample(predictions).items():
        scores = score_predictions(own, task, model, sample, *options)
        found[sample] = {key: scores[key] for key in ("n", "parts")}
    return {"samples": found} if found else {}


def score_table(
    table: pd.DataFrame,
    task: str,
    model: str,
    scope: str,
    n_bootstrap: int,
    seed: int,
    by: str,
) -> list[Score]:
    """Score the model, the baselines and their differences on the genes of one table.

    Parameters
    ----------
    table : DataFrame
        Rows of ``predictions.tsv``, every value finite.
    task, model : str
        What the column ``predicted`` holds.
    scope : str
        Name of these genes.
    n_bootstrap, seed, by
        See :func:`evaluate_runs`.

    Returns
    -------
    list of Score
        The model, the baselines, then the model minus each baseline.
    """
    observed = table["observed"].to_numpy()
    columns = {model: "predicted"}
    for name, column in baseline_columns(table).items():
        # A baseline may be evaluated as the model itself with the same baseline beside it.
        columns[f"{name} (baseline)" if name == model else name] = column
    predicted = {name: table[column].to_numpy() for name, column in columns.items()}
    metrics = [metric.name for metric in metrics_for(task)]
    # A gene in several samples is drawn as a whole: its rows are no independent evidence.
    column = "chrom" if by == "chromosome" else "gene_id"
    grouped = by == "chromosome" or bool(table["gene_id"].duplicated().any())
    groups = table[column].to_numpy(dtype=str) if grouped and n_bootstrap else None
    draws = bootstrap_replicates(observed, predicted, metrics, n_bootstrap, seed, groups)
    values = {
        (name, metric): compute(metric, observed, predicted[name])
        for name in predicted
        for metric in metrics
    }

    def row(role: str, name: str, versus: str, metric: str, interval: Interval) -> Score:
        bounds = interval.to_dict()
        return Score(scope, role, name, versus, metric, len(table), **bounds)

    rows = [
        row(
            "model" if name == model else "baseline",
            name,
            "",
            metric,
            percentile_interval(values[name, metric], draws[name, metric]),
        )
        for name in predicted
        for metric in metrics
    ]
    for name in list(predicted)[1:]:
        for metric in metrics:
            value = values[model, metric] - values[name, metric]
            difference = draws[model, metric] - draws[name, metric]
            interval = percentile_interval(value, difference)
            rows.append(row("difference", model, name, metric, interval))
    return rows
