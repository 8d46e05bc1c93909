"""The figure of the leakage report, as in :mod:`dexkit.report.figures`: axes in, axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dexkit.evaluation.leakage import LeakageReport
from dexkit.evaluation.split import LEAKY_NOTE
from dexkit.report.figures import BLUE, FONT_SIZE, GREY, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Height of a relation and of what stands around all, in inches.
_ROW_IN, _FRAME_IN = 0.42, 1.1
#: Where the folds stand, above the middle of their bar, and how thick a bar is.
_BAR, _RAISED = 0.6, 0.2
#: Least end of the axis in percent, so that a single gene in thousands does not fill the figure.
_LEAST_END = 1.0


def related_shares(ax: Axes, report: LeakageReport) -> Axes:
    """Draw the share of test genes with a relative that the model learns from, by relation.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    report : LeakageReport
        Counts by relation and fold.

    Returns
    -------
    matplotlib Axes
        ``ax``, in percent. Bars: the test genes of all folds, with their number; dots: the folds.
        What the feature file cannot tell is written out, not drawn as zero.
    """
    n_test, n_folds = sum(report.n_test), len(report.n_test)
    ends = [_LEAST_END]
    for y, leak in enumerate(report.leaks):
        if leak.genes is None:
            ax.text(0, y, " not in this file", va="center", fontsize=FONT_SIZE, color=GREY)
            continue
        genes = sum(leak.genes)
        folds = [100 * n / of for n, of in zip(leak.genes, report.n_test, strict=True)]
        ax.barh(y, 100 * genes / n_test, height=_BAR, color=BLUE, alpha=0.85)
        dots = [y - _RAISED] * n_folds
        ax.plot(folds, dots, "o", color="black", markersize=3, clip_on=False, zorder=3)
        end = max(100 * genes / n_test, *folds)
        ax.text(end, y, f"  {genes:,}", va="center", fontsize=FONT_SIZE, color=GREY)
        ends.append(end)
    names = [leak.text.replace(" (", "\n(") for leak in report.leaks]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    # Room for the number at the right of the longest bar.
    ax.set_xlim(0, 1.12 * max(ends))
    ax.set_xlabel(
        "test genes with such a relative in training or validation, %\n"
        f"(bars and numbers: all {n_test:,} test genes; dots: the {n_folds} folds)"
    )
    stamp = f" ({LEAKY_NOTE})" if report.split["leaky"] else ""
    ax.set_title(f"{report.split['kind']} split{stamp}, {n_folds} folds", loc="left")
    return plain(ax)


def leakage_figure(report: LeakageReport) -> Figure:
    """Return :func:`related_shares` as a figure of its own."""
    figure = new_figure(_FRAME_IN + _ROW_IN * len(report.leaks))
    related_shares(figure.subplots(), report)
    return figure
