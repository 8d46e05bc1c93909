"""What a comparison of models found: scores by fold, paired statistics, and both in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from dexkit.evaluation.metrics import format_interval, format_value, get_metric

if TYPE_CHECKING:
    import pandas as pd

POOLED = "pooled"
#: What a row of the comparison is about. The spread of a model is the mean of |score - mean over
#: folds|.
DIFFERENCE_POOLED = "pooled difference"
DIFFERENCE_FOLDS = "mean difference over folds"
DIFFERENCE_SPREAD = "difference in spread"


@dataclass(frozen=True)
class FoldScore:
    """One metric of one model on the test genes of one fold, or of all of them.

    Parameters
    ----------
    model : str
        Label.
    fold : str
        Number of the fold, or ``"pooled"``: every test gene once.
    metric : str
        Metric name.
    n : int
        Genes.
    value : float or None
        None: undefined.
    """

    model: str
    fold: str
    metric: str
    n: int
    value: float | None


@dataclass(frozen=True)
class PairedTest:
    """One statistic of the reference minus another model.

    Parameters
    ----------
    first, second : str
        Labels; the difference is first minus second.
    metric : str
        Metric name.
    what : str
        :data:`DIFFERENCE_POOLED`, :data:`DIFFERENCE_FOLDS` or :data:`DIFFERENCE_SPREAD`.
    method : str
        ``"bootstrap"`` or ``"signed-rank"``.
    by : str
        What was resampled or ranked: ``"gene"``, ``"chromosome"`` or ``"fold"``.
    n : int
        How many of these there are; of folds those that differ.
    value : float or None
        The difference; None: undefined.
    low, high : float or None
        Bounds of the bootstrap interval; None for the signed-rank test, or undefined.
    alternative : str
        Of the signed-rank test: ``"two-sided"``, or ``"less"``: the first is smaller.
    p : float or None
        p-value of the signed-rank test.
    smallest_p : float or None
        The smallest that ``n`` folds can give.
    p_holm : float or None
        ``p`` corrected for the number of models that the reference is compared with (Holm 1979,
        *Scand J Stat* 6:65).
    """

    first: str
    second: str
    metric: str
    what: str
    method: str
    by: str
    n: int
    value: float | None
    low: float | None = None
    high: float | None = None
    alternative: str = ""
    p: float | None = None
    smallest_p: float | None = None
    p_holm: float | None = None

    def __str__(self) -> str:
        """Return ``"0.051 [0.020, 0.083]"``, or what of it is defined."""
        return format_interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class ModelComparison:
    """Scores of several models on the same genes, and the reference against each of the others.

    Parameters
    ----------
    task, sample : str
        What was predicted.
    labels : tuple of str
        Models, the reference first.
    runs : mapping of str to tuple of str
        Run folders by model.
    split : mapping
        Kind, number of folds, seed.
    leaky : bool
        Whether related genes may sit on both sides of the split.
    folds : tuple of int
        Folds compared, 0-based.
    n_genes, n_chromosomes : int
        Of all test genes.
    n_bootstrap, seed, level
        Resamples, their seed, level of the intervals.
    scores : tuple of FoldScore
        By model, fold and metric.
    tests : tuple of PairedTest
        By other model, metric and statistic.
    notes : tuple of str
        What a reader must know beside the numbers.
    stamps : mapping
        Columns of every table, see :func:`dexkit.evaluation.stamps.stamps`.
    """

    task: str
    sample: str
    labels: tuple[str, ...]
    runs: Mapping[str, tuple[str, ...]]
    split: Mapping[str, Any]
    leaky: bool
    folds: tuple[int, ...]
    n_genes: int
    n_chromosomes: int
    n_bootstrap: int
    seed: int
    level: float
    scores: tuple[FoldScore, ...]
    tests: tuple[PairedTest, ...]
    notes: tuple[str, ...]
    stamps: Mapping[str, Any]

    def fold_scores(self, model: str, metric: str) -> list[float]:
        """Return the scores of a model by fold; NaN where undefined."""
        return [
            math.nan if score.value is None else score.value
            for score in self.scores
            if (score.model, score.metric) == (model, metric) and score.fold != POOLED
        ]

    def pooled(self, model: str, metric: str) -> float | None:
        """Return the score of a model on all test genes."""
        return next(
            score.value
            for score in self.scores
            if (score.model, score.fold, score.metric) == (model, POOLED, metric)
        )

    def find(
        self, second: str, metric: str, what: str, by: str, alternative: str = ""
    ) -> PairedTest | None:
        """Return one statistic; None when these runs do not allow it.

        Parameters
        ----------
        second : str
            Model that the reference is compared with.
        metric, what, by : str
            As in :class:`PairedTest`.
        alternative : str, optional
            Of a signed-rank test; ``"two-sided"`` when ``by`` is ``"fold"``.
        """
        wanted = (second, metric, what, by, alternative or ("two-sided" if by == "fold" else ""))
        for test in self.tests:
            if (test.second, test.metric, test.what, test.by, test.alternative) == wanted:
                return test
        return None

    def scores_frame(self) -> pd.DataFrame:
        """Return one row a score: sample, fields of :class:`FoldScore`, stamps."""
        return self._stamped(self.scores)

    def tests_frame(self) -> pd.DataFrame:
        """Return one row a statistic: sample, fields of :class:`PairedTest`, stamps."""
        return self._stamped(self.tests)

    def _stamped(self, rows: Sequence[FoldScore | PairedTest]) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame([{"sample": self.sample, **asdict(r), **self.stamps} for r in rows])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values for JSON; undefined numbers are None."""
        return asdict(
            replace(self, split=dict(self.split), runs=dict(self.runs), stamps=dict(self.stamps))
        )


def as_dict(comparisons: Sequence[ModelComparison]) -> dict[str, Any]:
    """Return comparisons, one a sample, as plain values: ``{"comparisons": [...]}``."""
    return {"comparisons": [comparison.to_dict() for comparison in comparisons]}


def summary_frame(comparison: ModelComparison, metric: str) -> pd.DataFrame:
    """Return one row a model: its score over the folds and on all genes, as texts.

    Parameters
    ----------
    comparison : ModelComparison
        The comparison.
    metric : str
        Metric name.

    Returns
    -------
    DataFrame
        ``model``, ``mean over folds``, ``SD over folds`` (of the folds where it is defined, whose
        number is ``folds``), ``lowest``, ``highest``, ``pooled``, ``genes``.
    """
    import numpy as np
    import pandas as pd

    rows = []
    for label in comparison.labels:
        values = np.array(comparison.fold_scores(label, metric), dtype=np.float64)
        values = values[np.isfinite(values)]
        spread = float(values.std(ddof=1)) if len(values) > 1 else math.nan
        mean, low, high = (
            (float(values.mean()), float(values.min()), float(values.max()))
            if len(values)
            else (math.nan,) * 3
        )
        rows.append(
            {
                "model": label,
                "mean over folds": format_value(mean),
                "SD over folds": format_value(spread),
                "lowest": format_value(low),
                "highest": format_value(high),
                "folds": len(values),
                "pooled": format_value(comparison.pooled(label, metric)),
                "genes": comparison.n_genes,
            }
        )
    return pd.DataFrame(rows)


def statistics_frame(comparison: ModelComparison, metric: str) -> pd.DataFrame:
    """Return one row a statistic of the reference against another model, as texts.

    Parameters
    ----------
    comparison : ModelComparison
        The comparison.
    metric : str
        Metric name.

    Returns
    -------
    DataFrame
        ``minus``, ``statistic``, ``value`` (with its interval), ``n``, ``test``, ``p``, ``smallest
        p`` (that ``n`` allows), ``p (Holm)``; the last three are empty for intervals.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "minus": test.second,
                "statistic": test.what,
                "value": str(test),
                "n": f"{test.n:,} {test.by}s",
                "test": f"{test.method} {test.alternative}".strip(),
                "p": "" if test.method == "bootstrap" else format_p(test.p),
                "smallest p": "" if test.smallest_p is None else format_p(test.smallest_p),
                "p (Holm)": "" if test.method == "bootstrap" else format_p(test.p_holm),
            }
            for test in comparison.tests
            if test.metric == metric
        ]
    )


def format_p(p: float | None) -> str:
    """Return a p-value for a table, such as ``"0.0625"`` or ``"3.0e-08"``."""
    if p is None:
        return "undefined"
    return f"{p:.4f}" if p >= 1e-3 else f"{p:.1e}"


def sentences(comparison: ModelComparison, metric: str) -> list[str]:
    """Say in words how the reference compares with every other model.

    Parameters
    ----------
    comparison : ModelComparison
        The comparison.
    metric : str
        Metric name.

    Returns
    -------
    list of str
        One a model; better and worse are said where the interval over genes leaves out zero.
    """
    chosen, first = get_metric(metric), comparison.labels[0]
    found = []
    for label in comparison.labels[1:]:
        test = comparison.find(label, metric, DIFFERENCE_POOLED, "gene")
        if test is None or test.value is None:
            found.append(f"{first} against {label}: {chosen.label} is undefined.")
            continue
        verdict = "is compared with"
        if test.low is not None and test.high is not None:
            better = test.low > 0 if chosen.higher_is_better else test.high < 0
            worse = test.high < 0 if chosen.higher_is_better else test.low > 0
            verdict = "is better than" if better else "is worse than" if worse else ""
            verdict = verdict or "is not told apart from"
        text = f"{first} {verdict} {label}: {chosen.label} differs by {test}"
        text += f" over {test.n:,} genes"
        wide = comparison.find(label, metric, DIFFERENCE_POOLED, "chromosome")
        if wide is not None and wide.low is not None:
            text += f", by {wide} over {wide.n} chromosomes"
        rank = comparison.find(label, metric, DIFFERENCE_FOLDS, "fold")
        if rank is not None:
            text += f"; signed-rank test over folds p = {format_p(rank.p)} (n = {rank.n})"
        found.append(f"{text}.")
    return found
