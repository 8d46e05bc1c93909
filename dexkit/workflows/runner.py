"""Where the fits of an experiment are done: here, in processes of their own, or on a cluster."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from dexkit.errors import ConfigError
from dexkit.training.workers import stop_on_sigterm
from dexkit.workflows.cluster import cluster_outcomes
from dexkit.workflows.task import Outcome, execute
from dexkit.workflows.task_process import TaskProcess, usable_cores

logger = logging.getLogger("dexkit")

#: Seconds between two looks at whether SIGTERM has come.
_POLL_S = 0.5


@dataclass(frozen=True)
class Runner:
    """Does the fits of an experiment.

    Parameters
    ----------
    jobs : int
        Fits at a time. 1: in this process; more: in processes of their own, which divide the CPU
        cores of this machine (and go round its GPUs).
    scheduler : str or None
        Address of a scheduler of dask.distributed, ``"tcp://host:8786"``, whose workers do the
        fits instead.
    """

    jobs: int = 1
    scheduler: str | None = None

    def __post_init__(self) -> None:
        if self.jobs < 1:
            raise ConfigError(f"--jobs is {self.jobs}; expected at least 1")
        if self.scheduler is not None and self.jobs > 1:
            raise ConfigError(
                "--jobs divides this machine, and --scheduler sends the fits to others; give one "
                "of the two"
            )

    def outcomes(self, tasks: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[Outcome]:
        """Do the tasks; yield how each ended, in the order in which they end.

        Parameters
        ----------
        tasks : sequence of mapping
            Of :meth:`dexkit.workflows.task.FitTask.to_plain`.
        folder : Path
            Folder of the experiment.

        Yields
        ------
        Outcome
            Of one task. A task that fails does not keep the others from being done; after one
            that was stopped by SIGTERM none is started.
        """
        if self.scheduler is not None:
            yield from cluster_outcomes(self.scheduler, tasks, folder)
        elif self.jobs == 1:
            yield from _one_by_one(tasks)
        elif tasks:
            yield from _side_by_side(tasks, min(self.jobs, len(tasks)))


class _Digest(logging.Filter):
    """Lets warnings through, each once: what every fit says of itself is in its own log."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to show a message."""
        return record.levelno >= logging.WARNING and self.is_new(record.getMessage())

    def is_new(self, text: str) -> bool:
        """Whether a text comes for the first time."""
        new = text not in self._seen
        self._seen.add(text)
        return new


@contextmanager
def _digested(digest: _Digest) -> Iterator[None]:
    """Show of the log what the digest lets through, unless everything was asked for."""
    handlers = [] if logger.isEnabledFor(logging.DEBUG) else list(logger.handlers)
    for handler in handlers:
        handler.addFilter(digest)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(digest)


def _one_by_one(tasks: Sequence[Mapping[str, Any]]) -> Iterator[Outcome]:
    digest = _Digest()
    for task in tasks:
        with _digested(digest):
            outcome = execute(task)
        yield outcome
        if outcome.stopped:
            return


def _side_by_side(tasks: Sequence[Mapping[str, Any]], jobs: int) -> Iterator[Outcome]:
    n_threads = max(1, usable_cores() // jobs)
    logger.info("%d fits at a time, %d CPU threads each", jobs, n_threads)
    digest = _Digest()
    processes = [TaskProcess(n_threads, index, digest.is_new) for index in range(jobs)]
    free: SimpleQueue[TaskProcess] = SimpleQueue()
    for process in processes:
        free.put(process)

    def do(task: Mapping[str, Any]) -> Outcome:
        process = free.get()
        try:
            return process.run(task)
        finally:
            free.put(process)

    pool = ThreadPoolExecutor(jobs)
    whole = False
    try:
        with stop_on_sigterm() as sigterm:
            waiting: set[Future[Outcome]] = {pool.submit(do, task) for task in tasks}
            told = False
            while waiting:
                if sigterm.is_set() and not told:
                    told = True
                    for process in processes:
                        process.stop()
                done, waiting = wait(waiting, _POLL_S, FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        whole = True
    finally:
        # Ctrl-C, or the caller has had enough: nobody waits for what is still under way.
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.close(at_once=not whole)
        pool.shutdown()
