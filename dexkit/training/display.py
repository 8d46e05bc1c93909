"""What a training shows: a live line on a terminal, else a line now and then; TensorBoard files."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dexkit.training.config import TrainConfig
from dexkit.training.fit import EpochRow, Watcher

logger = logging.getLogger("dexkit")

#: The line is drawn anew at most this often, in seconds.
_REFRESH = 0.2
#: Where there is no terminal, a line is written at most this often, in seconds: the output of a
#: job of a night stays short, and whoever looks at it sees how far it is.
_REPORT_SECONDS = 60.0


class _LiveLine(Watcher):
    """One line: bar over all epochs, loss, validation Pearson, genes a second, time left."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task
        self._last = (0.0, 0.0)
        self._drawn = 0.0

    def on_steps(self, epoch: int, n_steps: int, n_genes: int, losses: Sequence[float]) -> None:
        now = time.perf_counter()
        done = epoch + len(losses) / n_steps
        before, at = self._last
        if at == 0.0 or done < before:
            self._last = (done, now)
        if now - self._drawn < _REFRESH and len(losses) < n_steps:
            return
        fields = {"loss": f"loss {losses[-1]:.3f}"}
        if at and now > at and done > before:
            fields["rate"] = f"{(done - before) * n_genes / (now - at):,.0f} genes/s"
        self._bar.update(self._task, completed=done, **fields)
        self._drawn = now

    def on_epoch(self, row: EpochRow) -> None:
        fields = {
            "epoch": f"epoch {int(row['epoch']) + 1}",
            "val": f"val {row['val_loss']:.3f} r {row['val_pearson']:.3f}",
        }
        self._bar.update(self._task, completed=row["epoch"] + 1, **fields)
        # The next rate leaves out the time that validation and checkpoint took.
        self._last = (row["epoch"] + 1, 0.0)


class _Lines(Watcher):
    """Logs how far a training is, behind an epoch, at most once a minute."""

    def __init__(self, name: str, n_epochs: int) -> None:
        self._name, self._n_epochs = name, n_epochs
        self._begin = self._said = time.perf_counter()
        self._n_genes = 0
        self._first = -1.0

    def on_steps(self, epoch: int, n_steps: int, n_genes: int, losses: Sequence[float]) -> None:
        self._n_genes = n_genes
        if self._first < 0:
            # Restored epochs have been told before any step, and the first one compiles.
            self._begin, self._first = time.perf_counter(), epoch + len(losses) / n_steps

    def on_epoch(self, row: EpochRow) -> None:
        now, done = time.perf_counter(), row["epoch"] + 1
        if now - self._said < _REPORT_SECONDS or not 0 <= self._first < done:
            return
        self._said = now
        seconds = (now - self._begin) / (done - self._first)
        logger.info(
            "%s: epoch %d of %d, loss %.3f, val %.3f r %.3f, %s genes/s, at most %.0f min left",
            self._name,
            int(done),
            self._n_epochs,
            row["loss"],
            row["val_loss"],
            row["val_pearson"],
            f"{self._n_genes / seconds:,.0f}",
            (self._n_epochs - done) * seconds / 60,
        )


@contextmanager
def live_line(name: str, config: TrainConfig) -> Iterator[Watcher]:
    """Show the training of one network on stderr; where that is no terminal, log it now and then.

    Parameters
    ----------
    name : str
        Shown in front.
    config : TrainConfig
        ``epochs`` is the length of the bar.

    Yields
    ------
    Watcher
        For :func:`dexkit.training.fit.fit_network`.
    """
    if not sys.stderr.isatty():
        yield _Lines(name, config.epochs)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    fields = ("epoch", "loss", "val", "rate")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        *(TextColumn(f"{{task.fields[{field}]}}") for field in fields),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        empty = dict.fromkeys(fields, "")
        task = bar.add_task(name, total=config.epochs, **empty)  # type: ignore[arg-type]
        yield _LiveLine(bar, task)


class TensorBoardWriter(Watcher):
    """Writes the history of a network as TensorBoard events, one scalar a column and epoch.

    Parameters
    ----------
    folder : Path
        Made when it is missing; event files of an interrupted run there are replaced, since all
        epochs are told again.

    Notes
    -----
    TensorFlow writes the events itself; the package ``tensorboard`` is needed to look at them only.
    """

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        for old in folder.glob("events.out.tfevents.*"):
            old.unlink()
        self._write = tf.raw_ops.WriteScalarSummary
        self._writer = tf.summary.create_file_writer(str(folder))

    def on_epoch(self, row: EpochRow) -> None:
        """Write the row and flush."""
        handle = self._writer._resource
        for name in ("loss", "val_loss", "val_pearson", "learning_rate", "seconds"):
            self._write(writer=handle, step=int(row["epoch"]), tag=name, value=float(row[name]))
        self._writer.flush()
