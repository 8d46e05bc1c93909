"""Figures of loops, as in :mod:`dexkit.report.figures`: axes in, axes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.arcs import GeneArcs, SampleArcs
from dexkit.evaluation.loops import LOG_LOOP_SUM, LOOP_NUMBER, LoopCorrelations, LoopScore
from dexkit.evaluation.metrics import format_interval
from dexkit.report.figures import (
    BLUE,
    FONT_SIZE,
    GREY,
    UNITS,
    VERMILION,
    density_points,
    new_figure,
    plain,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Features drawn, with the text of their axis. The loop sum is drawn logged: few genes hold most
#: of the contacts.
_DRAWN = {LOG_LOOP_SUM: "loop sum, log10(1 + x)", LOOP_NUMBER: "loop number"}
_SCATTER_HEIGHT_IN = 3.1
_ARCS_HEIGHT_IN = 1.5
#: Corners of the line that draws half an ellipse.
_ARC_POINTS = 41


def loop_scatter(
    ax: Axes,
    values: npt.NDArray[np.float64],
    expression: npt.NDArray[np.float64],
    score: LoopScore,
    label: str,
) -> Axes:
    """Draw the expression of each gene against one of its loop features.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw.
    values : ndarray of shape (n_genes,), dtype float64
        The loop feature.
    expression : ndarray of shape (n_genes,), dtype float64
        log10 expression.
    score : LoopScore
        Its Pearson correlation with the interval over genes.
    label : str
        Name of the feature.

    Returns
    -------
    matplotlib Axes
        ``ax``, with a colour bar of the density from 100 genes on.
    """
    points = density_points(ax, values, expression)
    if points.get_array() is not None:
        bar = ax.figure.colorbar(points, ax=ax, shrink=0.8, pad=0.02)
        bar.set_label("density (relative)", fontsize=FONT_SIZE)
        bar.ax.tick_params(labelsize=FONT_SIZE)
        bar.outline.set_visible(False)
    ax.set_xlabel(label)
    ax.set_ylabel(UNITS)
    value = format_interval(score.value, score.low, score.high)
    ax.set_title(f"{score.sample}: r = {value}, n = {score.n_genes:,}", loc="left")
    return plain(ax)


def loop_figure(correlations: LoopCorrelations) -> Figure:
    """Draw loop sum and loop number against expression, a row a sample.

    Parameters
    ----------
    correlations : LoopCorrelations
        Genes and correlations.

    Returns
    -------
    matplotlib Figure
        Of the common width.
    """
    n = len(correlations.samples)
    figure = new_figure(_SCATTER_HEIGHT_IN * n)
    for row, loops in zip(
        figure.subplots(n, len(_DRAWN), squeeze=False), correlations.samples, strict=True
    ):
        for ax, (feature, label) in zip(row, _DRAWN.items(), strict=True):
            score = correlations.find(loops.sample, feature, "pearson")
            loop_scatter(ax, loops.features[feature], loops.expression, score, label)
    return figure


def sample_arcs(ax: Axes, arcs: SampleArcs, bin_size_bp: int, highest: float) -> Axes:
    """Draw the contacts of a gene in one sample as arcs from its TSS bin.

    Parameters
    ----------
    ax : matplotlib Axes
        Where to draw; x is the distance from the TSS bin in kb, in genome direction.
    arcs : SampleArcs
        The profile.
    bin_size_bp : int
        Size of the bins.
    highest : float
        Signal that an arc of full height and colour stands for, the same for all samples.

    Returns
    -------
    matplotlib Axes
        ``ax``. Height and strength of an arc grow with its signal; bins that were not measured
        are shaded.
    """
    kb = bin_size_bp / 1000
    angle = np.linspace(0.0, np.pi, _ARC_POINTS)
    # Weak arcs first, so that strong ones lie above them.
    rows = np.flatnonzero(arcs.loops)
    for i in rows[np.argsort(arcs.signal[rows], kind="stable")]:
        share = min(1.0, arcs.signal[i] / highest)
        end = arcs.offset[i] * kb
        ax.plot(
            end / 2 * (1 - np.cos(angle)),
            arcs.signal[i] * np.sin(angle),
            color=BLUE,
            linewidth=0.5 + 1.5 * share,
            alpha=0.15 + 0.85 * share,
            solid_capstyle="butt",
        )
    for i in np.flatnonzero(~arcs.observed):
        ax.axvspan((arcs.offset[i] - 0.5) * kb, (arcs.offset[i] + 0.5) * kb, color="#eeeeee", lw=0)
    ax.plot(0, 0, marker="^", color=VERMILION, markersize=7, clip_on=False, zorder=3)
    ax.set_xlim((arcs.offset.min() - 0.5) * kb, (arcs.offset.max() + 0.5) * kb)
    ax.set_ylim(0, 1.1 * highest)
    ax.set_ylabel("signal")
    level = "not measured" if arcs.expression is None else f"{arcs.expression:.2f}"
    n = int(arcs.loops.sum())
    ax.set_title(f"{arcs.sample}: {n} loop{'' if n == 1 else 's'}, {UNITS} {level}", loc="left")
    return plain(ax)


def arcs_figure(found: GeneArcs) -> Figure:
    """Draw the contacts of one gene, a panel a sample, all on one scale.

    Parameters
    ----------
    found : GeneArcs
        The gene's profiles.

    Returns
    -------
    matplotlib Figure
        Of the common width.
    """
    n = len(found.samples)
    figure = new_figure(0.7 + _ARCS_HEIGHT_IN * n)
    strongest = [float(arcs.signal[arcs.loops].max(initial=0.0)) for arcs in found.samples]
    highest = max(strongest) or 1.0
    axes = figure.subplots(n, 1, squeeze=False, sharex=True)[:, 0]
    for ax, arcs in zip(axes, found.samples, strict=True):
        sample_arcs(ax, arcs, found.bin_size_bp, highest)
    gene = found.gene
    axes[-1].set_xlabel(
        f"distance from the TSS of {gene.gene_name} ({gene.chrom}:{gene.tss + 1:,}, {gene.strand} "
        "strand) in kb",
        fontsize=FONT_SIZE,
        color=GREY,
    )
    return figure
