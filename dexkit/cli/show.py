"""Tables that several commands print."""

from __future__ import annotations

from typing import Any

#: Metrics of the short table; ``dexkit evaluate`` shows all.
_SHOWN = {"regression": ("pearson", "spearman", "r2"), "classification": ("auroc", "auprc", "f1")}

#: A file or a pipe has no width of its own; names of models are not to be cut there.
_PIPE_WIDTH = 160


def show_metrics(metrics: dict[str, Any], part: str = "test") -> None:
    """Print the scores of a run on stdout, the model beside its baselines.

    Parameters
    ----------
    metrics : dict
        Content of ``metrics.json``.
    part : str, optional
        Part to show.
    """
    from rich.console import Console
    from rich.table import Table

    scores = metrics["parts"][part]
    names = _SHOWN[metrics["task"]]
    split = metrics["split"]
    where = f"{part} part, {metrics['n'][part]} genes of {metrics['sample']}"
    table = Table(title=f"{where}, {split['kind']} split{' (leaky)' if split['leaky'] else ''}")
    table.add_column("model")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for model, by_metric in scores.items():
        table.add_row(model, *(_cell(by_metric[name]) for name in names))
    console = Console()
    (console if console.is_terminal else Console(width=_PIPE_WIDTH)).print(table)


def _cell(score: dict[str, float | None]) -> str:
    if score["value"] is None:
        return "undefined"
    if score["low"] is None or score["high"] is None:
        return f"{score['value']:.3f}"
    return f"{score['value']:.3f} [{score['low']:.2f}, {score['high']:.2f}]"
