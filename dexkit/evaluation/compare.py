"""Paired statistics of models that were tested on the same genes in the same folds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.bootstrap import LEVEL, bootstrap_replicates, percentile_interval
from dexkit.evaluation.comparison import (
    DIFFERENCE_FOLDS,
    DIFFERENCE_POOLED,
    DIFFERENCE_SPREAD,
    POOLED,
    FoldScore,
    ModelComparison,
    PairedTest,
    format_p,
)
from dexkit.evaluation.metrics import Metric, compute, metrics_for
from dexkit.evaluation.paired_runs import PREDICTED, PairedPredictions
from dexkit.evaluation.signed_rank import Alternative, signed_rank, smallest_p
from dexkit.evaluation.splits import LEAKY_NOTE

if TYPE_CHECKING:
    import pandas as pd

#: A p-value below this is called significant; used in words only, never to leave something out.
_SIGNIFICANT = 0.05

_Draws = Mapping[tuple[str, str], npt.NDArray[np.float64]]


def compare_models(
    paired: PairedPredictions, n_bootstrap: int = 1000, seed: int = 0
) -> ModelComparison:
    """Compare the first model with each of the others, on all metrics of the task.

    Parameters
    ----------
    paired : PairedPredictions
        Predictions of the same test genes.
    n_bootstrap : int
        Resamples for the intervals; 0 gives none.
    seed : int
        Seed of the bootstrap, not negative.

    Returns
    -------
    ModelComparison
        Scores and statistics.

    Raises
    ------
    ConfigError, InputError
        When an option is out of range, or a value is not what the task allows.

    Notes
    -----
    *Difference.* Pooled: every test gene once, intervals over genes and over chromosomes. Mean over
    folds: the paper's score; its interval draws genes within each fold, the signed-rank test takes
    a fold as a pair. *Spread*: Zeng, Wang and Jiang (2019, section 3.2) claim a smaller variance
    over folds from a "paired-sample Wilcoxon rank sum test", which does not exist; what is
    tested is |score - mean over folds| of the two models by the signed-rank test.
    """
    import pandas as pd

    metrics = metrics_for(paired.task)
    pooled = pd.concat(paired.tables, ignore_index=True)
    tables = {str(fold): table for fold, table in zip(paired.folds, paired.tables, strict=True)}
    scores = [
        FoldScore(label, fold, metric.name, len(table), _defined(_value(metric, table, label)))
        for label in paired.labels
        for fold, table in [*tables.items(), (POOLED, pooled)]
        for metric in metrics
    ]
    by_fold = {
        (label, metric.name): np.array(
            [_value(metric, table, label) for table in paired.tables], dtype=np.float64
        )
        for label in paired.labels
        for metric in metrics
    }
    tests = [
        *_pooled_tests(pooled, paired.labels, metrics, n_bootstrap, seed),
        *_mean_tests(paired, by_fold, metrics, n_bootstrap, seed),
        *_rank_tests(paired.labels, by_fold, metrics),
    ]
    place = {label: i for i, label in enumerate(paired.labels)}
    order = {metric.name: i for i, metric in enumerate(metrics)}
    tests.sort(key=lambda test: (place[test.second], order[test.metric]))
    return ModelComparison(
        task=paired.task,
        sample=paired.sample,
        labels=paired.labels,
        runs=paired.runs,
        split={key: paired.split[key] for key in ("kind", "n_folds", "seed")},
        leaky=paired.leaky,
        folds=paired.folds,
        n_genes=len(pooled),
        n_chromosomes=int(pooled["chrom"].nunique()),
        n_bootstrap=n_bootstrap,
        seed=seed,
        level=LEVEL,
        scores=tuple(scores),
        tests=tuple(_with_holm(tests)),
        notes=(*paired.notes, *_notes(paired, by_fold, metrics[0])),
        stamps=paired.stamps,
    )


def _value(metric: Metric, table: pd.DataFrame, label: str) -> float:
    return compute(metric.name, table["observed"].to_numpy(), table[PREDICTED + label].to_numpy())


def _defined(value: float) -> float | None:
    return None if math.isnan(value) else value


def _draws(
    table: pd.DataFrame,
    labels: Sequence[str],
    metrics: Sequence[Metric],
    n_bootstrap: int,
    seed: int,
    by: str = "gene",
) -> _Draws:
    groups = table["chrom"].to_numpy(dtype=str) if by == "chromosome" else None
    predictions = {label: table[PREDICTED + label].to_numpy() for label in labels}
    names = [metric.name for metric in metrics]
    return bootstrap_replicates(
        table["observed"].to_numpy(), predictions, names, n_bootstrap, seed, groups
    )


def _pooled_tests(
    table: pd.DataFrame,
    labels: Sequence[str],
    metrics: Sequence[Metric],
    n_bootstrap: int,
    seed: int,
) -> Iterator[PairedTest]:
    reference, *others = labels
    sizes = {"gene": len(table), "chromosome": int(table["chrom"].nunique())}
    for by, n in sizes.items():
        if n < 2:
            continue  # one chromosome cannot be resampled; a note says so
        draws = _draws(table, labels, metrics, n_bootstrap, seed, by)
        for label, metric in itertools.product(others, metrics):
            value = _value(metric, table, reference) - _value(metric, table, label)
            difference = draws[reference, metric.name] - draws[label, metric.name]
            names = (reference, label, metric.name, DIFFERENCE_POOLED, "bootstrap", by)
            yield _resampled(names, n, value, difference)


def _mean_tests(
    paired: PairedPredictions,
    by_fold: _Draws,
    metrics: Sequence[Metric],
    n_bootstrap: int,
    seed: int,
) -> Iterator[PairedTest]:
    """Yield the mean difference over folds, genes drawn anew within each fold."""
    if len(paired.folds) < 2:
        return
    reference, *others = paired.labels
    # Folds are drawn independently: one seed for all would draw the same rows in each.
    seeds = np.random.SeedSequence([seed, *paired.folds]).generate_state(len(paired.folds))
    draws = [
        _draws(table, paired.labels, metrics, n_bootstrap, int(own))
        for table, own in zip(paired.tables, seeds, strict=True)
    ]
    n = sum(len(table) for table in paired.tables)
    for label, metric in itertools.product(others, metrics):
        first, second = (reference, metric.name), (label, metric.name)
        value = float(np.mean(by_fold[first] - by_fold[second]))
        difference = np.mean([fold[first] - fold[second] for fold in draws], axis=0)
        names = (reference, label, metric.name, DIFFERENCE_FOLDS, "bootstrap", "gene")
        yield _resampled(names, n, value, difference)


def _resampled(
    names: tuple[str, str, str, str, str, str],
    n: int,
    value: float,
    draws: npt.NDArray[np.float64],
) -> PairedTest:
    bounds = percentile_interval(value, draws).to_dict()
    return PairedTest(*names, n=n, value=bounds["value"], low=bounds["low"], high=bounds["high"])


def _rank_tests(
    labels: Sequence[str], by_fold: _Draws, metrics: Sequence[Metric]
) -> Iterator[PairedTest]:
    reference, *others = labels
    sides: tuple[tuple[str, Alternative], ...] = (
        (DIFFERENCE_FOLDS, "two-sided"),
        (DIFFERENCE_SPREAD, "two-sided"),
        (DIFFERENCE_SPREAD, "less"),
    )
    for label, metric in itertools.product(others, metrics):
        first, second = by_fold[reference, metric.name], by_fold[label, metric.name]
        defined = np.isfinite(first) & np.isfinite(second)
        if defined.sum() < 2:
            continue  # a note says so
        first, second = first[defined], second[defined]
        for what, alternative in sides:
            if what == DIFFERENCE_SPREAD:
                difference = np.abs(first - first.mean()) - np.abs(second - second.mean())
            else:
                difference = first - second
            test = signed_rank(difference, alternative)
            yield PairedTest(
                *(reference, label, metric.name, what, "signed-rank", "fold", test.n),
                value=float(difference.mean()),
                alternative=alternative,
                p=_defined(test.p),
                smallest_p=test.smallest_p,
            )


def _with_holm(tests: Sequence[PairedTest]) -> list[PairedTest]:
    """Correct the p-values of one statistic for the number of models compared."""
    families: dict[tuple[str, str, str], list[int]] = {}
    for i, test in enumerate(tests):
        if test.p is not None:
            families.setdefault((test.metric, test.what, test.alternative), []).append(i)
    corrected = list(tests)
    for rows in families.values():
        rows = sorted(rows, key=lambda i: tests[i].p or 0.0)
        highest = 0.0
        for rank, i in enumerate(rows):
            highest = max(highest, min(1.0, (len(rows) - rank) * (tests[i].p or 0.0)))
            corrected[i] = replace(tests[i], p_holm=highest)
    return corrected


def _notes(paired: PairedPredictions, by_fold: _Draws, main: Metric) -> Iterator[str]:
    n = len(paired.folds)
    if paired.leaky:
        yield (
            f"{LEAKY_NOTE}: random genes, so neighbours and family members of the test genes were "
            "trained on; a model that remembers them looks better than it is"
        )
    if n < int(paired.split["n_folds"]):
        yield f"{n} of {paired.split['n_folds']} folds are compared"
    if n < 2:
        yield "one fold: no statistics over folds"
    else:
        least = smallest_p(n)
        if least >= _SIGNIFICANT:
            yield (
                f"{n} folds are too few for any two-sided p < {_SIGNIFICANT}: the smallest that "
                f"the signed-rank test can give is {format_p(least)} (n = {n}); six are the fewest"
            )
        yield (
            "folds share training genes, so their scores are not independent and the p-values of "
            "the signed-rank test are too small; take the intervals for the size of a difference"
        )
    if paired.tables and len({c for table in paired.tables for c in table["chrom"]}) < 2:
        yield "all test genes lie on one chromosome: no intervals over chromosomes"
    for label in paired.labels:
        missing = int(np.isnan(by_fold[label, main.name]).sum())
        if missing:
            yield (
                f"{main.label} of {label} is undefined in {missing} of {n} folds (its predictions "
                "are constant); the signed-rank tests leave them out"
            )
