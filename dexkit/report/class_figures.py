"""Figures of a classification run, as in :mod:`dexkit.report.figures`: axes in, axes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.folds import natural_key
from dexkit.evaluation.metrics import check_predictions
from dexkit.report.figures import BLUE, FONT_SIZE, GREY, VERMILION, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def class_separation(
    ax: Axes, observed: npt.ArrayLike, predicted: npt.ArrayLike, title: str = ""
) -> Axes:
    """Draw the predicted probability of the genes of either class as two outlined histograms.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    observed : array_like of shape (n_genes,)
        0 or 1.
    predicted : array_like of shape (n_genes,)
        Probability of class 1.
    title : str, optional
        Name of the predictor.

    Returns
    -------
    matplotlib Axes
        ``ax``.
    """
    from matplotlib.ticker import MaxNLocator

    y, p = check_predictions(observed, predicted)
    bins = np.linspace(0, 1, 21)  # the threshold is an edge
    for label, value, colour, style in (
        ("lower class", 0, VERMILION, "--"),
        ("upper class", 1, BLUE, "-"),
    ):
        chosen = p[y == value]
        ax.stairs(
            np.histogram(chosen, bins)[0],
            bins,
            color=colour,
            linestyle=style,
            linewidth=1.6,
            label=f"{label} (n = {len(chosen):,})",
        )
    ax.axvline(0.5, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    ax.set(xlim=(0, 1))
    ax.set_xlabel("probability of the upper class")
    ax.set_ylabel("genes")
    ax.set_title(title, loc="left")
    ax.set_ylim(0, 1.4 * ax.get_ylim()[1])  # room for the legend
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(framealpha=1, edgecolor="none", fontsize=FONT_SIZE, loc="upper center")
    return plain(ax)


def class_share_by_chromosome(
    ax: Axes,
    chroms: Sequence[str],
    observed: npt.ArrayLike,
    predicted: npt.ArrayLike,
) -> Axes:
    """Draw the share of the upper class of each chromosome beside its mean predicted probability.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    chroms : sequence of str, length n_genes
        Chromosome of each gene.
    observed : array_like of shape (n_genes,)
        0 or 1.
    predicted : array_like of shape (n_genes,)
        Probability of class 1.

    Returns
    -------
    matplotlib Axes
        ``ax``.
    """
    y, p = check_predictions(observed, predicted)
    names = np.asarray(chroms, dtype=str)
    order = sorted(set(names.tolist()), key=natural_key)
    share = [float(y[names == name].mean()) for name in order]
    mean = [float(p[names == name].mean()) for name in order]
    rows = range(len(order))
    ax.hlines(rows, share, mean, color=GREY, linewidth=1, zorder=0)
    ax.plot(share, rows, "o", color="black", fillstyle="none", label="observed share")
    ax.plot(mean, rows, "o", color=BLUE, label="mean predicted probability")
    labels = [f"{name}  (n = {int((names == name).sum()):,})" for name in order]
    ax.set_yticks(rows, labels)
    ax.set(xlim=(0, 1), ylim=(len(order) - 0.4, -0.6))
    ax.set_xlabel("share of the upper class")
    ax.legend(
        frameon=False, fontsize=FONT_SIZE, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2
    )
    return plain(ax)
