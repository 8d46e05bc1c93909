"""``dexkit report``: the HTML report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder that fit wrote.")],
    bootstrap: Annotated[int, typer.Option(help="Resamples for the intervals; 0: none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
) -> None:
    """Write RUN/report.html and RUN/figures from the files of the run.

    Both are derived from the other files of the run, so an earlier report is replaced.
    """
    from dexkit.report.html import write_report

    typer.echo(write_report(run, bootstrap, seed))
