"""Progress bars on stderr: shown on a terminal only, never in a pipe or a log file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Advance = Callable[[float], None]


@contextmanager
def progress_bar(description: str, total: float | None, unit: str = "") -> Iterator[Advance]:
    """Show a bar while a block of work runs.

    Parameters
    ----------
    description : str
        What is being done.
    total : float or None
        Number of units; None when it is not known beforehand.
    unit : str, optional
        Name of the unit, shown behind the rate (``genes``, ``MB``).

    Yields
    ------
    callable
        ``advance(n)`` reports ``n`` more finished units.
    """
    if not sys.stderr.isatty():
        yield lambda _n: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(description, total=total, rate="")

        def advance(n: float) -> None:
            bar.advance(task, n)
            speed = bar.tasks[0].speed
            if speed and unit:
                bar.update(task, rate=f"{speed:,.1f} {unit}/s")

        yield advance
