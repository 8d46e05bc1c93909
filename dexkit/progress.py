"""Progress bars on stderr: for work of more than two seconds, on a terminal only.

Work that runs side by side shares one display, a bar each. Nothing is drawn in a pipe or a log
file, and nothing for work that ends before anybody would look for a bar.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

Advance = Callable[[float], None]

#: Seconds that work may take without a bar: a choice; a bar for less would only flicker.
SHOW_AFTER_S = 2.0


class _RateColumn(ProgressColumn):
    """Finished units a second, over the last half minute."""

    def render(self, task: Task) -> Text:
        unit = task.fields["unit"]
        speed = task.speed
        return Text(f"{speed:,.1f} {unit}/s" if speed and unit else "")


class _Board:
    """The one display of this process; its bars come and go with the work."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._display: Progress | None = None
        self._shown = 0

    def show(self, description: str, total: float | None, unit: str, done: float) -> TaskID:
        with self._lock:
            if self._display is None:
                self._display = Progress(
                    TextColumn("{task.description}"),
                    BarColumn(),
                    TaskProgressColumn(),
                    _RateColumn(),
                    TimeElapsedColumn(),
                    TimeRemainingColumn(),
                    console=Console(stderr=True),
                    transient=True,
                )
                self._display.start()
            self._shown += 1
            task = self._display.add_task(description, total=total, unit=unit)
            self._display.advance(task, done)
            return task

    def advance(self, task: TaskID, n: float) -> None:
        with self._lock:
            if self._display is not None:
                self._display.advance(task, n)

    def remove(self, task: TaskID) -> None:
        with self._lock:
            if self._display is None:
                return
            self._display.remove_task(task)
            self._shown -= 1
            if not self._shown:
                self._display.stop()
                self._display = None


_BOARD = _Board()


class _Bar:
    """One piece of work: drawn once it has lasted ``SHOW_AFTER_S`` seconds."""

    def __init__(self, description: str, total: float | None, unit: str) -> None:
        self._lock = threading.Lock()
        self._about = description, total, unit
        self._done = 0.0
        self._task: TaskID | None = None
        self._ended = False
        self._timer = threading.Timer(SHOW_AFTER_S, self._show)
        self._timer.daemon = True
        self._timer.start()

    def _show(self) -> None:
        with self._lock:
            if not self._ended:
                self._task = _BOARD.show(*self._about, self._done)

    def advance(self, n: float) -> None:
        with self._lock:
            self._done += n
            if self._task is not None:
                _BOARD.advance(self._task, n)

    def end(self) -> None:
        self._timer.cancel()
        with self._lock:
            self._ended = True
            if self._task is not None:
                _BOARD.remove(self._task)


@contextmanager
def progress_bar(description: str, total: float | None, unit: str = "") -> Iterator[Advance]:
    """Show a bar with rate and time left while a block of work runs.

    Parameters
    ----------
    description : str
        What is being done.
    total : float or None
        Number of units; None when it is not known beforehand: the bar then has no end, and no
        time left is shown.
    unit : str, optional
        Name of the unit, shown behind the rate (``genes``, ``MB``).

    Yields
    ------
    callable
        ``advance(n)`` reports ``n`` more finished units. It may be called from any thread.

    Notes
    -----
    The bar appears when the work has lasted two seconds and goes when it ends. Bars of several
    threads stand below each other. When stderr is no terminal nothing is drawn.
    """
    if not sys.stderr.isatty():
        yield lambda _n: None
        return
    bar = _Bar(description, total, unit)
    try:
        yield bar.advance
    finally:
        bar.end()
