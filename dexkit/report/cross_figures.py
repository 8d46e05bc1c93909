"""Heat maps of cross-sample scores: model of one sample in a row, sample predicted in a column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.cross_sample import DIFFERENCE, EXPRESSION, QUANTITIES
from dexkit.evaluation.cross_scores import COPIES, CROSS, INDEPENDENT, OWN
from dexkit.evaluation.metrics import format_value
from dexkit.report.figures import FONT_SIZE, VERMILION, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Height of a row of a heat map and of what stands around it, in inches.
_ROW_IN, _FRAME_IN = 0.34, 1.0
_TITLES = {
    EXPRESSION: "expression, Pearson r",
    DIFFERENCE: "difference to the other samples, Pearson r",
}


def heat_map(
    ax: Axes,
    values: npt.NDArray[np.float64],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    outlined: Sequence[tuple[int, int]] = (),
) -> Axes:
    """Draw a matrix of correlations with its numbers.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    values : ndarray of shape (n_rows, n_columns), dtype float64
        Numbers from -1 to 1; NaN, an undefined number, is left white with a hyphen.
    rows, columns : sequence of str
        Labels.
    title : str, optional
        Title.
    outlined : sequence of (row, column), optional
        Cells with a frame.

    Returns
    -------
    matplotlib Axes
        ``ax``.
    """
    from matplotlib.patches import Rectangle

    ax.imshow(values, cmap="cividis", vmin=0.0, vmax=1.0, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        dark = np.isfinite(value) and value < 0.5
        text = format_value(float(value), 2) if np.isfinite(value) else "-"
        colour = "white" if dark else "black"
        ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=FONT_SIZE)
    for i, j in outlined:
        frame = Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=VERMILION, linewidth=1.5)
        ax.add_patch(frame)
    ax.set_xticks(range(len(columns)), columns, fontsize=FONT_SIZE)
    ax.set_yticks(range(len(rows)), rows, fontsize=FONT_SIZE)
    ax.set_title(title, loc="left", fontsize=FONT_SIZE, fontweight="bold")
    return ax


def cross_sample_figure(scores: pd.DataFrame, samples: Sequence[str]) -> Figure:
    """Draw the matrices of one model on one set of genes, a row of panels a regime.

    Parameters
    ----------
    scores : DataFrame
        Rows of :func:`dexkit.evaluation.cross_scores.score_cross` with a column ``regime``.
    samples : sequence of str
        Order of rows and columns.

    Returns
    -------
    matplotlib Figure
        Expression at the left, the difference at the right.
    """
    labels = [*(f"model of {name}" for name in samples), INDEPENDENT, *COPIES]
    own = [(i, i) for i in range(len(samples))]
    regimes = list(dict.fromkeys(scores["regime"]))
    figure = new_figure(len(regimes) * (_FRAME_IN + _ROW_IN * len(labels)))
    axes = figure.subplots(len(regimes), len(QUANTITIES), squeeze=False)
    for row, regime in zip(axes, regimes, strict=True):
        for ax, quantity in zip(row, QUANTITIES, strict=True):
            part = scores[(scores["regime"] == regime) & (scores["quantity"] == quantity)]
            title = f"{_TITLES[quantity]}\ngene {regime} in training"
            heat_map(ax, pearson_matrix(part, samples), labels, samples, title, own)
            ax.set_xlabel("sample predicted", fontsize=FONT_SIZE)
            if ax is not row[0]:
                ax.set_yticklabels([])
    return figure


def pearson_matrix(scores: pd.DataFrame, samples: Sequence[str]) -> npt.NDArray[np.float64]:
    """Lay the Pearson correlations of one regime and quantity out as a matrix.

    Parameters
    ----------
    scores : DataFrame
        Rows of :func:`dexkit.evaluation.cross_scores.score_cross`.
    samples : sequence of str
        Order of rows and columns.

    Returns
    -------
    ndarray of shape (n_samples + 3, n_samples), dtype float64
        A row for the models of each sample, then the independent prediction and both copies.
    """
    found = scores[(scores["metric"] == "pearson") & (scores["scope"] == "sample")]
    value = {
        (row.predictor, row.train, row.target): row.value for row in found.itertuples(index=False)
    }
    rows = [
        [value[OWN if train == target else CROSS, train, target] for target in samples]
        for train in samples
    ]
    rows += [[value[name, "", target] for target in samples] for name in (INDEPENDENT, *COPIES)]
    return np.array(rows, dtype=np.float64)
