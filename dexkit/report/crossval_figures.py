"""Figures of a cross-validation, as in :mod:`dexkit.report.figures`: axes in, axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dexkit.evaluation.fold_scores import BY_CHROMOSOME, MEAN, POOLED
from dexkit.evaluation.metrics import get_metric
from dexkit.report.figures import BASELINE_COLOURS, BLUE, FONT_SIZE, GREY, new_figure, plain

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pooled_scores(ax: Axes, scores: pd.DataFrame, metric: str) -> Axes:
    """Draw the pooled score of each model with its intervals, and the scores of its folds.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    scores : DataFrame
        Of one sample, see :func:`dexkit.evaluation.fold_scores.score_folds`.
    metric : str
        Metric name.

    Returns
    -------
    matplotlib Axes
        ``ax``. Thick: interval over genes; thin: over chromosomes; small dots: folds. A score that
        is undefined is written out.
    """
    scores = scores[scores["metric"] == metric]
    models = list(dict.fromkeys(scores["model"]))
    for i, model in enumerate(models):
        own = scores[scores["model"] == model]
        role = own["role"].iloc[0]
        colour = BLUE if role == "model" else BASELINE_COLOURS[0]
        folds = own[~own["fold"].isin([POOLED, MEAN]) & (own["interval"] != BY_CHROMOSOME)]
        values = folds["value"].to_numpy(dtype=float)
        values = values[np.isfinite(values)]
        ax.scatter(values, np.full(len(values), i + 0.28), color=GREY, s=9, linewidths=0)
        pooled = own[own["fold"] == POOLED]
        if not np.isfinite(pooled["value"].iloc[0]):
            ax.text(
                0.02,
                i,
                "undefined",
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize=FONT_SIZE,
                color=GREY,
            )
            continue
        for row in pooled.itertuples():
            wide = row.interval == BY_CHROMOSOME
            if np.isfinite([row.low, row.high]).all():
                # The thin line may be the shorter one: with few chromosomes it can be.
                style = {"color": "black", "linewidth": 1.0} if wide else {"linewidth": 3.2}
                ax.plot([row.low, row.high], [i, i], **({"color": colour} | style))
        ax.plot(pooled["value"].iloc[0], i, marker="o", markersize=5, color=colour)
    ax.set_yticks(range(len(models)), models)
    ax.set_ylim(len(models) - 0.4, -0.6)
    chosen = get_metric(metric)
    better = "higher" if chosen.higher_is_better else "lower"
    ax.set_xlabel(f"{chosen.label}, out of fold ({better} is better)")
    first = scores[scores["fold"] == POOLED].iloc[0]
    ax.set_title(f"{first['sample']}, n = {first['n_genes']:,} genes", loc="left")
    return plain(ax)


def pooled_scores_figure(scores: pd.DataFrame, metric: str) -> Figure:
    """Return :func:`pooled_scores` as a figure of the common width."""
    figure = new_figure(1.3 + 0.38 * scores["model"].nunique())
    pooled_scores(figure.subplots(), scores, metric)
    return figure
