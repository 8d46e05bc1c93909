"""Figures of variants of a model: bars of an ablation, curves of a sensitivity analysis."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dexkit.evaluation.ablation import Comparison, VariantScore
from dexkit.evaluation.bootstrap import Interval
from dexkit.evaluation.metrics import get_metric
from dexkit.report.figures import BASELINE_COLOURS, BLUE, FONT_SIZE, GREY, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Height that all models of one variant take together, of the 1 between two variants.
_GROUP = 0.76
_LINE_IN = 0.24
_CURVE_IN = 3.2


def colours(comparisons: Sequence[Comparison]) -> dict[str, str]:
    """Return the colour of each model: the first is blue, as in the figures of a run."""
    models = dict.fromkeys(s.subject.model for found in comparisons for s in found.scores)
    palette = (BLUE, *BASELINE_COLOURS)
    return {model: palette[i % len(palette)] for i, model in enumerate(models)}


def ablation_figure(comparisons: Sequence[Comparison], labels: Mapping[str, str]) -> Figure:
    """Draw mean and relative change of every variant, one colour a model (paper, Fig. 5).

    Parameters
    ----------
    comparisons : sequence of Comparison
        Of one sample, one a model; all have the same variants.
    labels : mapping of str to str
        What the figure calls each variant.

    Returns
    -------
    matplotlib Figure
        Two panels that share the variants.
    """
    n_lines = len(comparisons[0].scores) * (len(comparisons) + 1)
    figure = new_figure(1.1 + _LINE_IN * n_lines)
    left, right = figure.subplots(1, 2)
    variant_bars(left, comparisons, labels)
    relative_changes(right, comparisons, labels)
    right.set_yticklabels([])
    return figure


def variant_bars(ax: Axes, comparisons: Sequence[Comparison], labels: Mapping[str, str]) -> Axes:
    """Draw the mean over the folds of every variant, with its interval and the folds as dots.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    comparisons : sequence of Comparison
        One a model.
    labels : mapping of str to str
        Names of the variants.

    Returns
    -------
    matplotlib Axes
        ``ax``. An undefined value is written out instead of drawn as zero.
    """
    for y, height, score, colour in _places(comparisons):
        if math.isnan(score.mean.value):
            _undefined(ax, y)
            continue
        ax.barh(y, score.mean.value, height=0.9 * height, color=colour, alpha=0.85)
        folds = [value for value in score.by_fold if not math.isnan(value)]
        ax.plot(folds, [y] * len(folds), ".", color=GREY, markersize=3, zorder=3)
        _whisker(ax, score.mean, y, height)
    _finish(ax, comparisons, labels)
    label = get_metric(comparisons[0].scores[0].metric).label
    ax.set_xlabel(f"{label}, mean of {comparisons[0].scores[0].n_folds} folds")
    return plain(ax)


def relative_changes(
    ax: Axes, comparisons: Sequence[Comparison], labels: Mapping[str, str]
) -> Axes:
    """Draw how much the mean of every variant lies above or below that of the reference.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    comparisons : sequence of Comparison
        One a model; the reference itself is left out.
    labels : mapping of str to str
        Names of the variants.

    Returns
    -------
    matplotlib Axes
        ``ax``.
    """
    for y, height, score, colour in _places(comparisons):
        if score.variant == score.reference:
            continue
        if math.isnan(score.relative.value):
            _undefined(ax, y)
            continue
        percent = Interval(*(100 * getattr(score.relative, k) for k in ("value", "low", "high")))
        ax.plot(percent.value, y, "o", color=colour, markersize=5)
        _whisker(ax, percent, y, height)
    _finish(ax, comparisons, labels)
    reference = comparisons[0].scores[0].reference
    ax.set_xlabel(f"change from {labels[reference]!r}, %")
    return plain(ax)


def sensitivity_curve(
    ax: Axes,
    comparisons: Sequence[Comparison],
    positions: Mapping[str, float],
    xlabel: str,
) -> Axes:
    """Draw the mean over the folds against a length or a range, one line a model.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    comparisons : sequence of Comparison
        One a model.
    positions : mapping of str to float
        By variant, where it stands on the axis.
    xlabel : str
        What the axis shows, with its unit.

    Returns
    -------
    matplotlib Axes
        ``ax``. Whiskers are the intervals; models stand slightly apart so that none hides another.
    """
    span = max(positions.values()) - min(positions.values())
    for i, (comparison, colour) in enumerate(
        zip(comparisons, colours(comparisons).values(), strict=True)
    ):
        shift = 0.006 * span * (i - (len(comparisons) - 1) / 2)
        scores = sorted(comparison.scores, key=lambda s: positions[s.variant])
        x = [positions[score.variant] + shift for score in scores]
        y = [score.mean.value for score in scores]
        model = comparison.scores[0].subject.model
        ax.plot(x, y, "o-", color=colour, markersize=4, linewidth=1.4, label=model)
        ax.vlines(
            x,
            [score.mean.low for score in scores],
            [score.mean.high for score in scores],
            color=colour,
            linewidth=1.2,
        )
    ticks = sorted(positions.values())
    ax.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    first = comparisons[0].scores[0]
    ax.set_xlabel(xlabel)
    ax.set_ylabel(f"{get_metric(first.metric).label}, mean of {first.n_folds} folds")
    ax.legend(frameon=False, fontsize=FONT_SIZE)
    return plain(ax)


def curve_figure(
    comparisons: Sequence[Comparison], positions: Mapping[str, float], xlabel: str
) -> Figure:
    """Return :func:`sensitivity_curve` as a figure of its own."""
    figure = new_figure(_CURVE_IN)
    sensitivity_curve(figure.subplots(), comparisons, positions, xlabel)
    return figure


def _places(
    comparisons: Sequence[Comparison],
) -> list[tuple[float, float, VariantScore, str]]:
    """Return height on the axis, height of a bar, score and colour of each bar."""
    height = _GROUP / len(comparisons)
    colour = colours(comparisons)
    return [
        (
            row + (i - (len(comparisons) - 1) / 2) * height,
            height,
            score,
            colour[score.subject.model],
        )
        for i, found in enumerate(comparisons)
        for row, score in enumerate(found.scores)
    ]


def _whisker(ax: Axes, interval: Interval, y: float, height: float) -> None:
    if math.isnan(interval.low) or math.isnan(interval.high):
        return
    ax.plot([interval.low, interval.high], [y, y], color="black", linewidth=1.4)
    for bound in (interval.low, interval.high):
        ax.plot([bound, bound], [y - 0.2 * height, y + 0.2 * height], color="black", linewidth=1.4)


def _undefined(ax: Axes, y: float) -> None:
    ax.text(0, y, " undefined", va="center", fontsize=FONT_SIZE, color=GREY)


def _finish(ax: Axes, comparisons: Sequence[Comparison], labels: Mapping[str, str]) -> None:
    """Name the variants, and the models where there are several."""
    from matplotlib.patches import Patch

    variants = [labels[score.variant] for score in comparisons[0].scores]
    ax.set_yticks(range(len(variants)), variants)
    ax.set_ylim(len(variants) - 0.5, -0.5)
    ax.axvline(0, color=GREY, linewidth=0.8)
    if len(comparisons) > 1:
        handles = [Patch(color=c, label=model) for model, c in colours(comparisons).items()]
        ax.legend(handles=handles, frameon=False, fontsize=FONT_SIZE, loc="best")
