"""Figures of a run, one function a figure: axes in, the same axes out.

The functions draw on axes that the caller owns and never touch pyplot, so that they work without
a display and in threads. Expression is in log10 units throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.evaluate import Evaluation
from dexkit.evaluation.folds import natural_key
from dexkit.evaluation.metrics import check_predictions, format_value, get_metric, pearson

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

# Okabe and Ito's palette, told apart by all common kinds of colour vision
# (Wong 2011, Nature Methods 8:441). The model is always blue, baselines take the others in order.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)
BASELINE_COLOURS = (VERMILION, GREEN, PURPLE, ORANGE, SKY)
GREY = "#666666"
UNITS = "log10 expression"

# Every figure has the width of the report's text column (48rem of 16 CSS pixels at 96 an inch), so
# that one font size in points is one size on the page.
WIDTH_IN = 8.0
FONT_SIZE = 9

_DENSITY_BINS = 64
# Below this number of genes a density estimate shows its kernel, not the genes.
_MIN_DENSITY_GENES = 100
# A correlation that moves by less over the epochs is noise to the eye.
_MIN_PEARSON_SPAN = 0.1
_SPREAD_GROUPS = 10


def new_figure(height_in: float) -> Figure:
    """Return an empty figure of the common width and the given height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def plain(ax: Axes) -> Axes:
    """Give axes dexkit's plain style: no frame at the top and right, one font size."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=FONT_SIZE)
    for text in (ax.xaxis.label, ax.yaxis.label, ax.title):
        text.set_fontsize(FONT_SIZE)
    # Matplotlib keeps the titles at the left and the right apart from the one in the middle.
    ax.set_title(ax.get_title(loc="left"), loc="left", fontsize=FONT_SIZE, fontweight="bold")
    return ax


def _density(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Smoothed number of neighbours of each point, scaled to at most 1."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    counts, x_edges, y_edges = np.histogram2d(x, y, bins=_DENSITY_BINS)
    # Scott's rule for two dimensions, in bins: about six standard deviations span the histogram.
    sigma = _DENSITY_BINS / 6 * len(x) ** (-1 / 6)
    smooth = gaussian_filter(counts, sigma=sigma, mode="constant")
    at = [
        (values - edges[0]) / (edges[-1] - edges[0]) * _DENSITY_BINS - 0.5
        for values, edges in ((x, x_edges), (y, y_edges))
    ]
    found: npt.NDArray[np.float64] = map_coordinates(smooth, at, order=1, mode="nearest")
    return found / max(found.max(), np.finfo(float).tiny)


def density_points(
    ax: Axes, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> PathCollection:
    """Draw a point a gene; from 100 genes on, coloured by the density of the points.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    x, y : ndarray of shape (n_genes,), dtype float64
        Coordinates, finite.

    Returns
    -------
    matplotlib PathCollection
        The points; their array, for a colour bar, is the density scaled to at most 1, and None
        where there are too few genes for it.
    """
    size = float(np.clip(6000 / len(x), 4, 18))
    if len(x) < _MIN_DENSITY_GENES:
        return ax.scatter(x, y, color=BLUE, s=size, linewidths=0, alpha=0.8)
    density = _density(x, y)
    order = np.argsort(density, kind="stable")
    return ax.scatter(
        x[order],
        y[order],
        c=density[order],
        cmap="cividis",
        s=size,
        linewidths=0,
        rasterized=True,
    )


def shared_limits(*values: npt.ArrayLike) -> tuple[float, float]:
    """Return the range of all values with a small margin, for both axes of a scatter plot."""
    low = min(float(np.min(v)) for v in values)
    high = max(float(np.max(v)) for v in values)
    margin = 0.04 * (high - low or 1.0)
    return low - margin, high + margin


def observed_vs_predicted(
    ax: Axes,
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
    title: str = "",
    limits: tuple[float, float] | None = None,
) -> Axes:
    """Draw predictions against observations; from 100 genes on, coloured by their density.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    observed, predicted : array_like of shape (n_genes,)
        log10 expression of the same genes.
    title : str, optional
        Name of the predictor.
    limits : tuple of float, optional
        Range of both axes, so that panels can share it; that of the values by default.

    Returns
    -------
    matplotlib Axes
        ``ax``.
    """
    y, p = check_predictions(observed, predicted)
    density_points(ax, y, p)
    # Both axes show observed and predicted alike, so that the diagonal is the perfect model.
    limits = limits or shared_limits(y, p)
    ax.plot(limits, limits, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    ax.set(xlim=limits, ylim=limits, box_aspect=1)
    ax.set_xlabel(f"observed {UNITS}")
    ax.set_ylabel(f"predicted {UNITS}")
    ax.set_title(title, loc="left")
    ax.text(
        0.04,
        0.96,
        f"r = {format_value(pearson(y, p))}\nn = {len(y):,} genes",
        transform=ax.transAxes,
        va="top",
        fontsize=FONT_SIZE,
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 2},
    )
    return plain(ax)


def learning_curves(
    ax: Axes, history: pd.DataFrame, columns: Sequence[str], title: str = ""
) -> Axes:
    """Draw columns of ``history.csv`` over epochs, one line a member of the ensemble.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    history : DataFrame
        Columns ``member``, ``epoch`` (as in the file) and those named.
    columns : sequence of str
        One or two of ``loss``, ``val_loss``, ``val_pearson``, ``learning_rate``.
    title : str, optional
        Heading.

    Returns
    -------
    matplotlib Axes
        ``ax``. A dot marks the epoch of the lowest validation loss of each member; the axis of a
        correlation spans at least 0.1.
    """
    from matplotlib.ticker import MaxNLocator

    names = {
        "loss": "training loss",
        "val_loss": "validation loss",
        "val_pearson": "validation Pearson r",
        "learning_rate": "learning rate",
    }
    members = history["member"].unique()
    for column in columns:
        colour = VERMILION if column.startswith("val") else BLUE
        for i, member in enumerate(members):
            rows = history[history["member"] == member]
            ax.plot(
                rows["epoch"],
                rows[column],
                color=colour,
                linewidth=1.4,
                linestyle="-" if column.startswith("val") else "--",
                alpha=1.0 if len(members) == 1 else 0.6,
                marker="." if len(rows) == 1 else "",
                label=names.get(column, column) if i == 0 else None,
            )
            if column.startswith("val") and rows["val_loss"].notna().any():
                best = rows.loc[rows["val_loss"].idxmin()]
                ax.plot(
                    best["epoch"],
                    best[column],
                    color=colour,
                    linestyle="",
                    marker="o",
                    markersize=5,
                    label="lowest validation loss" if i == 0 else None,
                )
    if "val_pearson" in columns:
        low, high = ax.get_ylim()
        if high - low < _MIN_PEARSON_SPAN:
            middle = (low + high) / 2
            ax.set_ylim(middle - _MIN_PEARSON_SPAN / 2, middle + _MIN_PEARSON_SPAN / 2)
    ax.set_xlabel("epoch")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel("loss" if "loss" in columns else names.get(columns[0], columns[0]))
    ax.set_title(title, loc="left")
    ax.legend(frameon=False, fontsize=FONT_SIZE)
    return plain(ax)


def metric_bars(ax: Axes, evaluation: Evaluation, metric: str, show_names: bool = True) -> Axes:
    """Draw one metric of the model beside every baseline, with bootstrap intervals.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    evaluation : Evaluation
        Scores; those of the headline scope are drawn.
    metric : str
        Metric name.
    show_names : bool, optional
        Whether the predictors are named on the axis.

    Returns
    -------
    matplotlib Axes
        ``ax``. An undefined value is written out instead of drawn as zero.
    """
    scores = [
        score
        for score in evaluation.scores
        if score.scope == evaluation.headline and score.metric == metric and not score.versus
    ]
    defined = [score.value for score in scores if score.value is not None]
    span = max((abs(value) for value in defined), default=1.0) or 1.0
    for i, score in enumerate(scores):
        if score.value is None:
            ax.text(0.02 * span, i, "undefined", va="center", fontsize=FONT_SIZE, color=GREY)
            continue
        colour = BLUE if score.role == "model" else BASELINE_COLOURS[(i - 1) % 5]
        ax.barh(i, score.value, height=0.62, color=colour, alpha=0.85)
        if score.low is not None and score.high is not None:
            ax.plot([score.low, score.high], [i, i], color="black", linewidth=1.6)
            for bound in (score.low, score.high):
                ax.plot([bound, bound], [i - 0.12, i + 0.12], color="black", linewidth=1.6)
    ax.set_yticks(range(len(scores)), [s.predictor for s in scores] if show_names else [])
    ax.set_ylim(len(scores) - 0.4, -0.6)
    ax.axvline(0, color=GREY, linewidth=0.8)
    chosen = get_metric(metric)
    better = "higher" if chosen.higher_is_better else "lower"
    ax.set_xlabel(f"{chosen.label}\n({better} is better)")
    return plain(ax)


def residuals_by_chromosome(
    ax: Axes,
    chroms: Sequence[str],
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
) -> Axes:
    """Draw observed minus predicted of each chromosome as boxes.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    chroms : sequence of str, length n_genes
        Chromosome of each gene.
    observed, predicted : array_like of shape (n_genes,)
        log10 expression.

    Returns
    -------
    matplotlib Axes
        ``ax``. Whiskers reach the 5th and 95th percentile.
    """
    y, p = check_predictions(observed, predicted)
    names = np.asarray(chroms, dtype=str)
    order = sorted(set(names.tolist()), key=natural_key)
    ax.boxplot(
        [(y - p)[names == name] for name in order],
        orientation="horizontal",
        whis=(5, 95),  # codespell:ignore whis
        widths=0.6,
        patch_artist=True,
        boxprops={"facecolor": SKY, "edgecolor": GREY, "alpha": 0.7},
        medianprops={"color": "black", "linewidth": 1.6},
        whiskerprops={"color": GREY},
        capprops={"color": GREY},
        flierprops={"marker": ".", "markersize": 3, "markerfacecolor": GREY, "markeredgewidth": 0},
    )
    labels = [f"{name}  (n = {int((names == name).sum()):,})" for name in order]
    ax.set_yticks(range(1, len(order) + 1), labels)
    ax.invert_yaxis()
    ax.axvline(0, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    ax.set_xlabel(f"observed − predicted {UNITS}")  # noqa: RUF001
    return plain(ax)


def prediction_spread(
    ax: Axes, observed: npt.ArrayLike, predicted: npt.ArrayLike, spread: npt.ArrayLike
) -> Axes:
    """Draw the error of each gene against the spread of the ensemble's predictions.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    observed, predicted : array_like of shape (n_genes,)
        log10 expression.
    spread : array_like of shape (n_genes,)
        Standard deviation over the members, in the same units.

    Returns
    -------
    matplotlib Axes
        ``ax``. The line joins the root mean square errors of ten groups of equal size, by
        spread: it rises where the ensemble knows what it does not know.
    """
    y, p = check_predictions(observed, predicted)
    sd, _ = check_predictions(spread, p)
    error = np.abs(y - p)
    ax.scatter(
        sd, error, s=float(np.clip(4000 / len(y), 3, 12)), color=SKY, linewidths=0, alpha=0.6
    )
    groups = np.array_split(np.argsort(sd, kind="stable"), min(_SPREAD_GROUPS, len(sd)))
    ax.plot(
        [sd[group].mean() for group in groups],
        [np.sqrt(np.mean(error[group] ** 2)) for group in groups],
        color=VERMILION,
        marker="o",
        markersize=4,
        linewidth=1.6,
        label=f"RMSE in {len(groups)} groups of equal size",
    )
    ax.set_xlabel("spread of the ensemble (SD, log10 units)")
    ax.set_ylabel("|observed − predicted| (log10 units)")  # noqa: RUF001
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=FONT_SIZE)
    return plain(ax)
