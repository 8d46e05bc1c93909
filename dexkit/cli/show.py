"""Tables that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

#: Metrics of the short table; ``dexkit evaluate`` shows all.
_SHOWN = {"regression": ("pearson", "spearman", "r2"), "classification": ("auroc", "auprc", "f1")}

#: A file or a pipe has no width of its own; names of models are not to be cut there. Wide enough
#: for a model and four baselines with intervals.
_PIPE_WIDTH = 160


def wide_console() -> Console:
    """Return a console for tables on stdout, wide where stdout is no terminal."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=_PIPE_WIDTH)


def show_frame(title: str, frame: pd.DataFrame) -> None:
    """Print a table of texts on stdout.

    Parameters
    ----------
    title : str
        Heading.
    frame : DataFrame
        Text and whole numbers.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(title), title_justify="left")
    for name in frame.columns:
        table.add_column(escape(str(name)))
    for row in frame.itertuples(index=False, name=None):
        table.add_row(*(escape(str(cell)) for cell in row))
    wide_console().print(table)


def show_metrics(metrics: dict[str, Any], part: str = "test") -> None:
    """Print the scores of a run on stdout, the model beside its baselines.

    Parameters
    ----------
    metrics : dict
        Content of ``metrics.json``.
    part : str, optional
        Part to show.
    """
    from rich.table import Table

    names = _SHOWN[metrics["task"]]
    split = metrics["split"]
    samples = metrics.get("samples", {})
    unit = f"genes x {len(samples)} samples, " if samples else "genes of "
    where = f"{part} part, {metrics['n'][part]} {unit}{metrics['sample']}"
    table = Table(title=f"{where}, {split['kind']} split{' (leaky)' if split['leaky'] else ''}")
    table.add_column("model")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    tables = {"": metrics, **{f" on {sample}": own for sample, own in samples.items()}}
    for of_sample, scores in tables.items():
        for model, by_metric in scores["parts"].get(part, {}).items():
            table.add_row(f"{model}{of_sample}", *(_cell(by_metric[name]) for name in names))
    wide_console().print(table)


def _cell(score: dict[str, float | None]) -> str:
    if score["value"] is None:
        return "undefined"
    if score["low"] is None or score["high"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} [{score['low']:.2f}, {score['high']:.2f}]"
