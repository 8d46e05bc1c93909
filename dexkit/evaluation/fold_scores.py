"""Scores of models over the folds of one cross-validation, as a tidy table with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.bootstrap import bootstrap_replicates, percentile_interval
from dexkit.evaluation.metrics import compute, metrics_for
from dexkit.evaluation.paired_runs import PREDICTED, PairedPredictions
from dexkit.evaluation.runs import RunPredictions
from dexkit.evaluation.stamps import STAMPS

if TYPE_CHECKING:
    import pandas as pd

#: Scopes beside the number of a fold.
POOLED, MEAN = "pooled", "mean"
#: What the bootstrap of an interval drew; the last: genes within each fold.
BY_GENE, BY_CHROMOSOME, BY_GENE_IN_FOLD = "gene", "chromosome", "gene within fold"
#: Where no resamples were asked for.
NO_INTERVAL = "none"
#: Columns of ``scores.tsv``.
SCORE_COLUMNS = (
    *("sample", "model", "role", "fold", "metric", "value", "low", "high", "interval"),
    *("n_genes", "n_chromosomes", *STAMPS),
)

_Values = Mapping[tuple[str, str], float]
_Draws = Mapping[tuple[str, str], npt.NDArray[np.float64]]


def score_folds(
    paired: PairedPredictions,
    companions: Sequence[str] = (),
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """Score every model: pooled out of fold, as the mean over folds, and fold by fold.

    Parameters
    ----------
    paired : PairedPredictions
        Predictions of all models for the same test genes.
    companions : sequence of str, optional
        Models that stand beside the others; their ``role`` is ``"companion"``.
    n_bootstrap : int
        Resamples of the intervals; 0 gives none.
    seed : int
        Seed of the bootstrap, not negative.

    Returns
    -------
    DataFrame
        Columns :data:`SCORE_COLUMNS`; one row a model, scope, metric and kind of interval.
        ``fold`` is :data:`POOLED`, :data:`MEAN` or a 0-based number, as text; ``value``, ``low``
        and ``high`` are NaN where undefined. Intervals over chromosomes are left out where there
        is one chromosome only.

    Raises
    ------
    ConfigError, InputError
        When an option is out of range, or a value is not what the task allows.
    """
    import pandas as pd

    scopes = {POOLED: pd.concat(paired.tables, ignore_index=True)}
    scopes |= {str(fold): table for fold, table in zip(paired.folds, paired.tables, strict=True)}
    # Folds are drawn independently: one seed for all would draw the same rows in each.
    own = np.random.SeedSequence([seed, *paired.folds]).generate_state(len(paired.folds))
    seeds = {POOLED: seed} | dict(zip(map(str, paired.folds), map(int, own), strict=True))
    facts = {"sample": paired.sample, **paired.stamps}
    rows: list[dict[str, Any]] = []
    by_fold: list[tuple[_Values, _Draws]] = []
    for scope, table in scopes.items():
        values = _values(table, paired)
        sizes = {"n_genes": len(table), "n_chromosomes": int(table["chrom"].nunique())}
        for by, groups in _ways(table, n_bootstrap):
            draws = _draws(table, paired, n_bootstrap, seeds[scope], groups)
            rows += _rows(values, draws, facts | sizes | {"fold": scope, "interval": by})
            if scope != POOLED and by != BY_CHROMOSOME:
                by_fold.append((values, draws))
    if len(by_fold) > 1:
        whole = scopes[POOLED]
        facts |= {"n_genes": len(whole), "n_chromosomes": int(whole["chrom"].nunique())}
        keys = list(by_fold[0][0])
        # A model that is undefined in one fold has no mean: the rest would be another quantity.
        means = {key: float(np.mean([values[key] for values, _ in by_fold])) for key in keys}
        drawn = {key: np.mean([draws[key] for _, draws in by_fold], axis=0) for key in keys}
        interval = BY_GENE_IN_FOLD if n_bootstrap else NO_INTERVAL
        rows += _rows(means, drawn, facts | {"fold": MEAN, "interval": interval})
    frame = pd.DataFrame(rows)
    frame["role"] = np.where(frame["model"].isin(list(companions)), "companion", "model")
    return _sorted(frame, paired)[list(SCORE_COLUMNS)]


def out_of_fold(
    paired: PairedPredictions, runs: Mapping[str, Sequence[RunPredictions]]
) -> pd.DataFrame:
    """Return the prediction of every model for every test gene, by the fold that tested it.

    Parameters
    ----------
    paired : PairedPredictions
        Predictions of all models.
    runs : mapping of str to sequence of RunPredictions
        The folds of each model, by its label; they give names of genes, and the spread of an
        ensemble.

    Returns
    -------
    DataFrame
        One row a model and gene: ``sample``, ``model``, ``fold``, ``gene_id``, ``gene_name``,
        ``chrom``, ``observed``, ``predicted``, ``predicted_sd`` (NaN where one network or
        baseline predicts). Expression in log10 units; classes as 0 and 1, and probabilities.
    """
    import pandas as pd

    first = next(iter(runs.values()))
    named = {run.fold: run.predictions.set_index("gene_id")["gene_name"] for run in first}
    parts = []
    for label in paired.labels:
        spread = {
            run.fold: run.predictions.set_index("gene_id")["predicted_sd"]
            for run in runs.get(label, ())
        }
        for fold, table in zip(paired.folds, paired.tables, strict=True):
            genes = table["gene_id"]
            parts.append(
                pd.DataFrame(
                    {
                        "sample": paired.sample,
                        "model": label,
                        "fold": fold,
                        "gene_id": genes,
                        "gene_name": named[fold].loc[genes].to_numpy(),
                        "chrom": table["chrom"],
                        "observed": table["observed"],
                        "predicted": table[PREDICTED + label],
                        "predicted_sd": spread[fold].loc[genes].to_numpy()
                        if fold in spread
                        else np.full(len(genes), math.nan),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def constant_notes(paired: PairedPredictions) -> tuple[str, ...]:
    """Return a sentence for every model that predicts one value for all genes of a fold.

    Parameters
    ----------
    paired : PairedPredictions
        Predictions of all models.

    Returns
    -------
    tuple of str
        For a table or a report.
    """
    return tuple(
        f"{label} is constant within each fold, so its pooled ranking of genes compares folds only"
        for label in paired.labels
        if len(paired.tables) > 1
        and all(table[PREDICTED + label].nunique() == 1 for table in paired.tables)
    )


def _ways(
    table: pd.DataFrame, n_bootstrap: int
) -> Iterator[tuple[str, npt.NDArray[np.str_] | None]]:
    """Yield what can be drawn of a table: its genes, and its chromosomes if there are several."""
    yield BY_GENE if n_bootstrap else NO_INTERVAL, None
    if n_bootstrap and table["chrom"].nunique() > 1:
        yield BY_CHROMOSOME, table["chrom"].to_numpy(dtype=str)


def _values(table: pd.DataFrame, paired: PairedPredictions) -> _Values:
    observed = table["observed"].to_numpy()
    return {
        (label, metric.name): compute(metric.name, observed, table[PREDICTED + label].to_numpy())
        for label in paired.labels
        for metric in metrics_for(paired.task)
    }


def _draws(
    table: pd.DataFrame,
    paired: PairedPredictions,
    n_bootstrap: int,
    seed: int,
    groups: npt.NDArray[np.str_] | None,
) -> _Draws:
    predictions = {label: table[PREDICTED + label].to_numpy() for label in paired.labels}
    names = [metric.name for metric in metrics_for(paired.task)]
    observed = table["observed"].to_numpy()
    return bootstrap_replicates(observed, predictions, names, n_bootstrap, seed, groups)


def _rows(values: _Values, draws: _Draws, facts: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for (label, metric), value in values.items():
        interval = percentile_interval(value, draws[label, metric])
        row = {"model": label, "metric": metric, "value": value}
        yield row | {"low": interval.low, "high": interval.high} | dict(facts)


def _sorted(frame: pd.DataFrame, paired: PairedPredictions) -> pd.DataFrame:
    """Sort by scope (pooled, mean, folds), model, metric and kind of interval, as they come."""
    scopes = [POOLED, MEAN, *map(str, paired.folds)]
    metrics = [metric.name for metric in metrics_for(paired.task)]
    ranks = {
        "fold": {name: i for i, name in enumerate(scopes)},
        "model": {name: i for i, name in enumerate(paired.labels)},
        "metric": {name: i for i, name in enumerate(metrics)},
        "interval": {BY_GENE: 0, BY_GENE_IN_FOLD: 0, NO_INTERVAL: 0, BY_CHROMOSOME: 1},
    }
    keys = [frame[column].map(rank).to_numpy() for column, rank in ranks.items()]
    return frame.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)
