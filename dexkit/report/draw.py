"""The figures of one run, put together from its files."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dexkit.errors import FormatError
from dexkit.evaluation.evaluate import Evaluation
from dexkit.evaluation.runs import RunPredictions, baseline_columns
from dexkit.report.class_figures import class_separation, class_share_by_chromosome
from dexkit.report.figures import (
    WIDTH_IN,
    learning_curves,
    metric_bars,
    new_figure,
    observed_vs_predicted,
    prediction_spread,
    residuals_by_chromosome,
    shared_limits,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Error metrics repeat each other on a figure; one of them is enough.
_BAR_METRICS = {
    "regression": ("pearson", "spearman", "r2", "rmse"),
    "classification": ("auroc", "auprc", "accuracy", "f1"),
}
_MAX_BASELINE_PANELS = 3
_PNG_DPI = 200
# A square panel that is alone in its figure would be higher than a screen.
_MAX_SQUARE_IN = 4.0


@dataclass(frozen=True)
class Drawing:
    """A figure with its file name and caption.

    Parameters
    ----------
    name : str
        File name without suffix.
    title, caption : str
        Heading and explanation in the report.
    figure : matplotlib Figure
        The figure.
    """

    name: str
    title: str
    caption: str
    figure: Figure

    def render(self, kind: str) -> bytes:
        """Return the figure as ``"png"`` or ``"pdf"`` bytes; see :func:`render`."""
        return render(self.figure, kind)


def render(figure: Figure, kind: str) -> bytes:
    """Return a figure as the bytes of a file.

    Parameters
    ----------
    figure : matplotlib Figure
        The figure.
    kind : str
        ``"png"`` or ``"pdf"``.

    Returns
    -------
    bytes
        The same figure gives the same bytes.
    """
    buffer = io.BytesIO()
    # A creation date would make every report differ from the last.
    metadata = {"CreationDate": None} if kind == "pdf" else {"Software": None}
    figure.savefig(buffer, format=kind, dpi=_PNG_DPI, metadata=metadata)
    return buffer.getvalue()


def read_history(path: Path) -> pd.DataFrame | None:
    """Read ``history.csv``; None when the run has none (a baseline) or no epoch in it.

    Raises
    ------
    FormatError
        If a column is missing or holds text.
    """
    import pandas as pd

    if not path.is_file():
        return None
    try:
        history = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise FormatError(f"not a comma-separated table of epochs: {error}", str(path)) from error
    for column in ("member", "epoch", "loss", "val_loss", "val_pearson"):
        if column not in history.columns:
            raise FormatError(f"column {column!r} is missing", str(path))
        if not pd.api.types.is_numeric_dtype(history[column]):
            raise FormatError(f"column {column!r} must hold numbers", str(path))
    return history if len(history) else None


def draw_run(run: RunPredictions, evaluation: Evaluation) -> list[Drawing]:
    """Draw every figure that the files of a run allow.

    Parameters
    ----------
    run : RunPredictions
        The run.
    evaluation : Evaluation
        Its scores on the part to draw.

    Returns
    -------
    list of Drawing
        In the order of the report.

    Raises
    ------
    FormatError
        If ``history.csv`` is malformed.
    """
    table = run.predictions[run.predictions["part"] == evaluation.part]
    drawings = [_predictions(run, table), _metrics(evaluation)]
    history = read_history(run.path / "history.csv")
    if history is not None:
        drawings.append(_learning(run.task, history))
    by_chromosome = _residuals if run.task == "regression" else _class_shares
    drawings.append(by_chromosome(table))
    if run.task == "regression" and len(table) and np.isfinite(table["predicted_sd"]).all():
        drawings.append(_spread(table))
    return drawings


def _predictions(run: RunPredictions, table: pd.DataFrame) -> Drawing:
    panels = [(run.model, "predicted")]
    for name, column in baseline_columns(table).items():
        # A constant baseline is one horizontal line of points: nothing to see.
        if table[column].nunique() > 1 and len(panels) <= _MAX_BASELINE_PANELS:
            panels.append((f"{name} (baseline)", column))
    regression = run.task == "regression"
    square = min(WIDTH_IN / len(panels), _MAX_SQUARE_IN)
    figure = new_figure(square + 0.3 if regression else 3.0)
    limits = shared_limits(table["observed"], *(table[column] for _, column in panels))
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (name, column) in zip(axes, panels, strict=True):
        if regression:
            observed_vs_predicted(ax, table["observed"], table[column], name, limits)
        else:
            class_separation(ax, table["observed"], table[column], name)
        if ax is not axes[0]:
            ax.set_ylabel("")
    caption = (
        "Each point is a gene, brighter where genes lie densely (from 100 genes on); the "
        "dashed line is a perfect prediction."
        if regression
        else "Genes of either observed class by predicted probability; the dashed line is the "
        "threshold of accuracy and F1."
    )
    return Drawing("observed_vs_predicted", "Observed and predicted", caption, figure)


def _metrics(evaluation: Evaluation) -> Drawing:
    names = _BAR_METRICS[evaluation.task]
    n_bars = 1 + len(evaluation.baselines)
    figure = new_figure(1.1 + 0.42 * n_bars)
    for i, (ax, name) in enumerate(zip(figure.subplots(1, len(names)), names, strict=True)):
        metric_bars(ax, evaluation, name, show_names=i == 0)
    caption = f"Model and baselines on the same genes; {evaluation.intervals}."
    return Drawing("metrics", "Metrics", caption, figure)


def _learning(task: str, history: pd.DataFrame) -> Drawing:
    # A correlation with classes says little and, autoscaled, looks like much.
    with_pearson = task == "regression" and bool(history["val_pearson"].notna().any())
    figure = new_figure(3.0)
    axes = figure.subplots(1, 2 if with_pearson else 1, squeeze=False)[0]
    stages = list(history["stage"].unique()) if "stage" in history else []
    n_members = history["member"].nunique()
    if len(stages) > 1:
        # One line a network and stage: the second stage goes on where the first one ended.
        history = history.assign(member=history["member"].astype(str) + " " + history["stage"])
    title = f"{n_members} network{'s' if n_members > 1 else ''}"
    learning_curves(axes[0], history, ("loss", "val_loss"), title)
    if with_pearson:
        learning_curves(axes[1], history, ("val_pearson",))
    caption = (
        "Loss of the training and the validation genes, one line a network of the ensemble; the "
        "training loss is taken with dropout and augmentation switched on. Dots mark the epoch "
        "of the lowest validation loss."
    )
    if len(stages) > 1:
        caption += (
            " Each network trained in two stages, both counted from epoch 0: the sequence part "
            "with a head of its own, then everything from its weights."
        )
    return Drawing("learning_curves", "Learning curves", caption, figure)


def _residuals(table: pd.DataFrame) -> Drawing:
    chroms = table["chrom"].tolist()
    figure = new_figure(1.2 + 0.34 * len(set(chroms)))
    ax = figure.subplots()
    residuals_by_chromosome(ax, chroms, table["observed"], table["predicted"])
    caption = (
        "Observed minus predicted of the model. Boxes hold the middle half of the genes, whiskers "
        "reach the 5th and 95th percentile; a box away from zero is a chromosome that the model "
        "misjudges as a whole."
    )
    return Drawing("residuals", "Residuals by chromosome", caption, figure)


def _class_shares(table: pd.DataFrame) -> Drawing:
    chroms = table["chrom"].tolist()
    figure = new_figure(1.2 + 0.34 * len(set(chroms)))
    ax = figure.subplots()
    class_share_by_chromosome(ax, chroms, table["observed"], table["predicted"])
    caption = (
        "Share of the upper class among the genes of a chromosome and the mean probability that "
        "the model gives it; far apart, the model misjudges the chromosome as a whole."
    )
    return Drawing("class_shares", "Share of the upper class by chromosome", caption, figure)


def _spread(table: pd.DataFrame) -> Drawing:
    figure = new_figure(3.6)
    prediction_spread(
        figure.subplots(), table["observed"], table["predicted"], table["predicted_sd"]
    )
    caption = (
        "Error of each gene against how far the networks of the ensemble disagree on it. A rising "
        "line means that the disagreement warns of errors."
    )
    return Drawing("spread", "Spread of the ensemble", caption, figure)
