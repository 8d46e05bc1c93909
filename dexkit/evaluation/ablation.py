"""Variants of one model on the same folds and genes: what each loses against the whole model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.bootstrap import (
    LEVEL,
    Interval,
    bootstrap_replicates,
    percentile_interval,
)
from dexkit.evaluation.metrics import compute, format_value, get_metric
from dexkit.evaluation.paired_runs import PREDICTED, pair_runs
from dexkit.evaluation.runs import RunPredictions
from dexkit.evaluation.split import LEAKY_NOTE

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]

#: The metric of each task that variants are compared by (paper: Pearson).
HEADLINE = {"regression": "pearson", "classification": "auroc"}


@dataclass(frozen=True)
class Subject:
    """Whose variants are compared.

    Parameters
    ----------
    sample, model : str
        Sample, and the model as ``--plugin`` names it.
    role : str
        ``"model"``; ``"companion"`` for a baseline that stands beside models without being named.
    """

    sample: str
    model: str
    role: str = "model"


@dataclass(frozen=True)
class VariantScore:
    """What a model scores in one variant.

    Parameters
    ----------
    subject : Subject
        Sample and model.
    variant, reference : str
        The variant, and the one that it is compared with.
    metric : str
        Metric name.
    n_genes, n_folds : int
        Out-of-fold genes, and the folds that they come from.
    by_fold : tuple of float
        The metric in each fold, NaN where undefined.
    mean : Interval
        Mean over the folds.
    pooled : Interval
        The metric of all out-of-fold genes together.
    difference : Interval
        ``pooled`` minus that of the reference, paired by gene.
    relative : Interval
        Change of ``mean`` from that of the reference, as a share of the latter, paired by gene
        (paper, Fig. 5).
    """

    subject: Subject
    variant: str
    reference: str
    metric: str
    n_genes: int
    n_folds: int
    by_fold: tuple[float, ...]
    mean: Interval
    pooled: Interval
    difference: Interval
    relative: Interval

    def row(self) -> dict[str, Any]:
        """Return the score as a row of a table, without the values of the folds."""
        row: dict[str, Any] = {
            **asdict(self.subject),
            "variant": self.variant,
            "reference": self.reference,
            "metric": self.metric,
            "n_genes": self.n_genes,
        }
        for name in ("mean", "pooled", "difference", "relative"):
            interval: Interval = getattr(self, name)
            row |= {
                name: interval.value,
                f"{name}_low": interval.low,
                f"{name}_high": interval.high,
            }
        return row


@dataclass(frozen=True)
class Comparison:
    """Variants of one model, compared on the same genes.

    Parameters
    ----------
    scores : tuple of VariantScore
        One a variant, the reference among them.
    folds : tuple of int
        The folds, in the order of ``by_fold``.
    notes : tuple of str
        What a reader must know.
    """

    scores: tuple[VariantScore, ...]
    folds: tuple[int, ...]
    notes: tuple[str, ...]

    def __getitem__(self, variant: str) -> VariantScore:
        """Return the score of a variant."""
        return {score.variant: score for score in self.scores}[variant]


def compare_variants(
    subject: Subject,
    runs: Mapping[str, Sequence[RunPredictions]],
    reference: str,
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare variants of a model by their out-of-fold predictions.

    Parameters
    ----------
    subject : Subject
        Sample and model.
    runs : mapping of str to sequence of RunPredictions
        By variant, one run a fold; all variants have the same folds.
    reference : str
        The variant that all are compared with.
    n_bootstrap, seed : int
        Resamples of genes. All variants see the same ones; the mean over folds resamples each
        fold's genes by themselves.

    Returns
    -------
    Comparison
        Scores of all variants, in the order given.

    Raises
    ------
    InputError
        When the variants were not tested on the same genes of the same folds; see
        :func:`dexkit.evaluation.paired_runs.pair_runs`.
    """
    others = {name: of for name, of in runs.items() if name != reference}
    paired = pair_runs({reference: runs[reference], **others})
    observed = [table["observed"].to_numpy(dtype=np.float64) for table in paired.tables]
    predicted = {
        name: [table[PREDICTED + name].to_numpy(dtype=np.float64) for table in paired.tables]
        for name in runs
    }
    metric = HEADLINE[paired.task]
    scores = _scores(subject, metric, observed, predicted, reference, n_bootstrap, seed)
    return Comparison(tuple(scores), paired.folds, paired.notes)


@dataclass(frozen=True)
class Control:
    """A variant in which something is there, but not where it was.

    Parameters
    ----------
    score : VariantScore
        What it scores; its reference is the whole model.
    text : str
        What is left, as it goes on behind "they do as well".
    keeps_number : bool, optional
        Whether every gene keeps all of its amount, so that doing less than the whole model says
        that the places count.
    """

    score: VariantScore
    text: str
    keeps_number: bool = True


def verdict(
    score: VariantScore,
    what: str = "contacts",
    leaky: bool = False,
    controls: Sequence[Control] = (),
) -> str:
    """Say in one line whether something helps, by what is lost without it.

    Parameters
    ----------
    score : VariantScore
        The variant without it; its reference is the one with it.
    what : str, optional
        What is left out, a plural.
    leaky : bool, optional
        Whether the split lets related genes sit on both sides.
    controls : sequence of Control, optional
        Variants that tell how many there are from where they go. Where it helps, a clause says
        which of them do as well: the paired interval of the whole model minus the variant does
        not lie above 0. One without an interval is left out.

    Returns
    -------
    str
        The answer with the difference, its interval, the number of genes and of folds.
    """
    gain, clause = _gain(score), ""
    if math.isnan(gain.low):
        answer = f"whether {what} help here cannot be said"
    elif gain.low > 0:
        answer, clause = f"{what} help here", _number_or_place(controls)
    elif gain.high < 0:
        answer = f"{what} do not help here, they do harm"
    else:
        answer = f"{what} do not help here, as far as these genes can tell"
    subject, label = score.subject, get_metric(score.metric).label
    without = score.pooled.value
    interval = "no interval" if math.isnan(gain.low) else f"{LEVEL:.0%} interval"
    line = (
        f"{subject.sample}, {subject.model}: {answer}: {label} {format_value(without + gain.value)}"
        f" with them, {format_value(without)} without, difference {gain} ({interval}, n = "
        f"{score.n_genes:,} out-of-fold genes of {score.n_folds} folds){clause}"
    )
    return f"{line}; {LEAKY_NOTE}" if leaky else line


def _gain(score: VariantScore) -> Interval:
    """Return what the reference scores above the variant."""
    return Interval(-score.difference.value, -score.difference.high, -score.difference.low)


def _number_or_place(controls: Sequence[Control]) -> str:
    """Return the clause of :func:`verdict` on where they go; empty when nothing tells."""
    gains = [(control, _gain(control.score)) for control in controls]
    as_well = [control for control, gain in gains if gain.low <= 0]
    if as_well:
        return (
            f"; {_listed(as_well)} they do as well, as far as these genes can tell: it is how "
            "many, not where"
        )
    less = [control for control, gain in gains if gain.low > 0 and control.keeps_number]
    return f"; {_listed(less)} they do less: it is also where they go" if less else ""


def _listed(controls: Sequence[Control]) -> str:
    *others, last = [f"{control.text} ({control.score.variant})" for control in controls]
    return f"{', '.join(others)} and {last}" if others else last


def score_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return all scores, a row a sample, model and variant."""
    import pandas as pd

    return pd.DataFrame([score.row() for found in comparisons for score in found.scores])


def fold_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return the metric in every fold, a row a sample, model, variant and fold."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                **asdict(score.subject),
                "variant": score.variant,
                "fold": fold,
                "metric": score.metric,
                "value": value,
            }
            for found in comparisons
            for score in found.scores
            for fold, value in zip(found.folds, score.by_fold, strict=True)
        ]
    )


def _scores(
    subject: Subject,
    metric: str,
    observed: list[Floats],
    predicted: Mapping[str, list[Floats]],
    reference: str,
    n_bootstrap: int,
    seed: int,
) -> list[VariantScore]:
    """Score every variant."""
    whole = np.concatenate(observed)
    pooled = {name: np.concatenate(of) for name, of in predicted.items()}
    pooled_draws = bootstrap_replicates(whole, pooled, [metric], n_bootstrap, seed)
    by_fold = {
        name: tuple(compute(metric, y, p) for y, p in zip(observed, of, strict=True))
        for name, of in predicted.items()
    }
    mean_draws = _mean_draws(metric, observed, predicted, n_bootstrap, seed)
    value = {name: compute(metric, whole, p) for name, p in pooled.items()}
    mean = {name: float(np.mean(of)) for name, of in by_fold.items()}
    draws = {name: pooled_draws[name, metric] for name in predicted}

    def interval(number: float, replicates: Floats) -> Interval:
        return percentile_interval(number, replicates)

    return [
        VariantScore(
            subject=subject,
            variant=name,
            reference=reference,
            metric=metric,
            n_genes=len(whole),
            n_folds=len(observed),
            by_fold=by_fold[name],
            mean=interval(mean[name], mean_draws[name]),
            pooled=interval(value[name], draws[name]),
            difference=interval(value[name] - value[reference], draws[name] - draws[reference]),
            relative=interval(
                _relative(np.array(mean[name]), np.array(mean[reference])).item(),
                _relative(mean_draws[name], mean_draws[reference]),
            ),
        )
        for name in predicted
    ]


def _mean_draws(
    metric: str,
    observed: list[Floats],
    predicted: Mapping[str, list[Floats]],
    n_bootstrap: int,
    seed: int,
) -> dict[str, Floats]:
    """Return, by variant, the mean over folds in each resample; NaN where a fold has none."""
    total = {name: np.zeros(n_bootstrap) for name in predicted}
    for number, y in enumerate(observed):
        stream = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
        of_fold = {name: of[number] for name, of in predicted.items()}
        found = bootstrap_replicates(y, of_fold, [metric], n_bootstrap, stream)
        for name in predicted:
            total[name] += found[name, metric] / len(observed)
    return total


def _relative(value: Floats, reference: Floats) -> Floats:
    """Return the change as a share of the reference; undefined unless the latter is positive."""
    share = np.full(np.shape(value), np.nan)
    np.divide(value - reference, reference, out=share, where=np.asarray(reference > 0))
    return share
