"""Figures of a comparison of models, as in :mod:`dexkit.report.figures`: axes in, axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dexkit.evaluation.comparison import DIFFERENCE_POOLED, ModelComparison
from dexkit.evaluation.metrics import get_metric
from dexkit.report.figures import (
    BASELINE_COLOURS,
    BLUE,
    FONT_SIZE,
    GREY,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX_WIDTH = 0.5


def fold_boxes(ax: Axes, comparison: ModelComparison, metric: str) -> Axes:
    """Draw the scores of each model over the folds as a box, with the folds as joined points.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    comparison : ModelComparison
        Scores of the models.
    metric : str
        Metric name.

    Returns
    -------
    matplotlib Axes
        ``ax``. Boxes hold the middle half of the folds, whiskers reach the outermost ones; a grey
        line joins the scores of one fold. A model whose score is undefined in some folds has the
        others; one without any says so.
    """
    scores = {
        label: np.asarray(comparison.fold_scores(label, metric)) for label in comparison.labels
    }
    for one_fold in zip(*scores.values(), strict=True):
        # Lines break at an undefined score.
        ax.plot(range(len(one_fold)), one_fold, color=GREY, linewidth=0.6, alpha=0.5, zorder=1)
    for i, values in enumerate(scores.values()):
        defined = values[np.isfinite(values)]
        colour = BLUE if i == 0 else BASELINE_COLOURS[(i - 1) % len(BASELINE_COLOURS)]
        if not len(defined):
            ax.text(
                i,
                0.5,
                "undefined",
                transform=ax.get_xaxis_transform(),
                ha="center",
                rotation=90,
                fontsize=FONT_SIZE,
                color=GREY,
            )
            continue
        ax.boxplot(
            [defined],
            positions=[i],
            widths=_BOX_WIDTH,
            whis=(0, 100),  # codespell:ignore whis
            patch_artist=True,
            boxprops={"facecolor": colour, "edgecolor": GREY, "alpha": 0.45},
            medianprops={"color": "black", "linewidth": 1.6},
            whiskerprops={"color": GREY},
            capprops={"color": GREY},
            manage_ticks=False,
        )
        ax.scatter(np.full(len(defined), i), defined, color=colour, s=14, linewidths=0, zorder=3)
    ax.set_xlim(-0.6, len(scores) - 0.4)
    crowded = len(scores) > 4
    ax.set_xticks(
        range(len(scores)),
        list(scores),
        rotation=30 if crowded else 0,
        ha="right" if crowded else "center",
    )
    chosen = get_metric(metric)
    better = "higher" if chosen.higher_is_better else "lower"
    ax.set_ylabel(f"{chosen.label} by fold ({better} is better)")
    n = len(comparison.folds)
    ax.set_title(f"{comparison.sample}, n = {n} fold{'s' if n > 1 else ''}", loc="left")
    return plain(ax)


def difference_intervals(ax: Axes, comparison: ModelComparison, metric: str) -> Axes:
    """Draw the reference minus every other model with its intervals over genes and chromosomes.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    comparison : ModelComparison
        Paired statistics.
    metric : str
        Metric name.

    Returns
    -------
    matplotlib Axes
        ``ax``. Thick: interval over genes; thin: over chromosomes. An undefined difference is
        written out.
    """
    others = comparison.labels[1:]
    for i, label in enumerate(others):
        for by, width in (("chromosome", 1.0), ("gene", 3.2)):
            test = comparison.find(label, metric, DIFFERENCE_POOLED, by)
            if test is None:
                continue
            if test.value is None:
                ax.text(0, i, " undefined", va="center", fontsize=FONT_SIZE, color=GREY)
                break
            name = f"{test.n:,} {by}s" if i == 0 else None
            if test.low is not None and test.high is not None:
                ax.plot([test.low, test.high], [i, i], color=BLUE, linewidth=width, label=name)
            ax.plot(test.value, i, marker="o", markersize=5, color=BLUE)
    ax.axvline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    ax.set_yticks(range(len(others)), others)
    ax.set_ylim(len(others) - 0.4, -0.6)
    ax.set_xlabel(f"{get_metric(metric).label}: {comparison.labels[0]} minus the other, pooled")
    if ax.get_legend_handles_labels()[0]:
        title = f"{100 * comparison.level:.0f} % interval over"
        ax.legend(frameon=False, fontsize=FONT_SIZE, title=title, title_fontsize=FONT_SIZE)
    return plain(ax)


def comparison_figure(comparison: ModelComparison, metric: str) -> Figure:
    """Draw both panels: the scores by fold, and the paired differences.

    Parameters
    ----------
    comparison : ModelComparison
        The comparison.
    metric : str
        Metric name.

    Returns
    -------
    matplotlib Figure
        Of the common width.
    """
    n_others = len(comparison.labels) - 1
    figure = new_figure(4.4 + 0.4 * n_others)
    upper, lower = figure.subplots(2, 1, height_ratios=(3.2, 0.8 + 0.4 * n_others))
    fold_boxes(upper, comparison, metric)
    difference_intervals(lower, comparison, metric)
    return figure
