"""``dexkit demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo_command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder to write.")] = Path(
        "demo-results"
    ),
    seed: Annotated[int, typer.Option(help="Seed of the data and of the networks.")] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing folder.")] = False,
) -> None:
    """Simulate a small genome, build features, train and compare: the whole way in minutes."""
    from dexkit.cli.show import show_metrics
    from dexkit.workflows.demo import demo as run_demo

    summary = run_demo(out, seed, force)
    for title, metrics in summary.metrics.items():
        typer.echo(f"\n{title}")
        show_metrics(metrics)
    typer.echo(f"\nresults: {summary.out}")
    for report in summary.reports:
        typer.echo(f"report:  {report}")
