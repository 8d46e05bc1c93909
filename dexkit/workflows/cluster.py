"""Fits on a cluster through dask.distributed.

A worker starts a process of its own for each fit: a network needs a process for itself, and the
worker goes on answering its scheduler. What is sent is plain data; feature file and run folders
are read and written by the workers themselves, on a file system that all of them share.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dexkit import __version__
from dexkit.errors import ConfigError, InputError, StoppedError
from dexkit.files import write_whole
from dexkit.training.workers import stop_on_sigterm
from dexkit.workflows.task import Outcome
from dexkit.workflows.task_process import TaskProcess, usable_cores

#: Seconds to wait for the scheduler's answer, and for its first worker.
_CONNECT_S, _FIRST_WORKER_S = 10, 30
#: Seconds without any worker after which the experiment stops; a scheduler of batch jobs brings
#: new ones within a minute or two.
_NO_WORKER_S = 300.0
#: Seconds between two looks at the lease (worker), at SIGTERM and at the workers (client).
_POLL_S = 1.0
#: Seconds that workers get to write their checkpoints.
_STOP_S = 30.0
_LEASE = ".cluster"


def cluster_outcomes(
    scheduler: str, tasks: Sequence[Mapping[str, Any]], folder: Path
) -> Iterator[Outcome]:
    """Do tasks on the workers of a scheduler; yield how each ended.

    Parameters
    ----------
    scheduler : str
        Address, ``"tcp://host:8786"``.
    tasks : sequence of mapping
        Of :meth:`dexkit.workflows.task.FitTask.to_plain`.
    folder : Path
        Folder of the experiment. It holds a lease while this call lasts: workers whose client has
        gone see that it is no longer theirs, and stop before anybody else writes to their runs.

    Yields
    ------
    Outcome
        Of one task, in the order in which they end. The task of a worker that died is done by
        another one, from its last checkpoint.

    Raises
    ------
    ConfigError
        When dask.distributed is not installed, the scheduler does not answer, it has no worker,
        or a worker has another version of dexkit or none.
    InputError
        When a worker does not see a feature file or the folder.
    StoppedError
        When all workers have gone.
    """
    if not tasks:
        return
    try:
        import distributed
    except ImportError as error:
        raise ConfigError(
            "--scheduler needs dask.distributed, which is not installed; pip install "
            "'dexkit[cluster]'"
        ) from error
    try:
        client = distributed.Client(scheduler, timeout=_CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no scheduler answers at {scheduler!r} ({_one_line(error)}); start one with "
            "`dask scheduler` and workers with `dask worker ADDRESS`"
        ) from error
    with client, _lease(folder) as (lease, token):
        features = sorted({str(task["features"]) for task in tasks})
        _check_workers(client, scheduler, features, lease, token)
        futures = {
            client.submit(
                run_on_worker, dict(task), str(lease), token, key=f"dexkit-{token}-{i}", pure=False
            ): str(task["name"])
            for i, task in enumerate(tasks)
        }
        yield from _collect(client, futures, lease)


def run_on_worker(plain: Mapping[str, Any], lease: str, token: str) -> dict[str, Any]:
    """Do one task in a process of its own, as long as the lease holds.

    Parameters
    ----------
    plain : mapping
        The task.
    lease : str
        File that holds ``token`` while the experiment wants the result.
    token : str
        What it must hold.

    Returns
    -------
    dict
        Fields of an :class:`~dexkit.workflows.task.Outcome`.
    """
    from distributed import get_worker

    if _content(Path(lease)) != token:
        return asdict(Outcome(str(plain["name"]), "stopped before it was started", stopped=True))
    process = TaskProcess(usable_cores() // get_worker().state.nthreads)
    with ThreadPoolExecutor(1) as pool:
        try:
            future = pool.submit(process.run, plain)
            while True:
                try:
                    return asdict(future.result(_POLL_S))
                except FutureTimeoutError:
                    if _content(Path(lease)) != token:
                        process.stop()
        finally:
            process.close()


@contextmanager
def _lease(folder: Path) -> Iterator[tuple[Path, str]]:
    """Hold the lease of an experiment's folder; one of a client that was killed ends."""
    lease, token = folder.absolute() / _LEASE, uuid.uuid4().hex
    orphaned = lease.exists()
    write_whole(lease, token)
    if orphaned:
        # Its workers may still be at it; they look once in a while.
        time.sleep(3 * _POLL_S)
    try:
        yield lease, token
    finally:
        if _content(lease) == token:
            lease.unlink()


def _content(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


def _probe(features: list[str], lease: str) -> Callable[[], dict[str, Any]]:
    """Return what a worker is asked: a function that is sent by value, so it needs no dexkit."""

    def probe() -> dict[str, Any]:
        import os

        version = content = None
        try:
            import dexkit

            version = dexkit.__version__
        except ImportError:
            pass
        if os.path.isfile(lease):
            with open(lease) as handle:
                content = handle.read()
        unseen = [path for path in features if not os.path.isfile(path)]
        return {"version": version, "unseen": unseen, "lease": content}

    return probe


def _check_workers(
    client: Any, scheduler: str, features: list[str], lease: Path, token: str
) -> None:
    """Refuse workers that cannot do the tasks, before any is sent."""
    try:
        client.wait_for_workers(1, timeout=_FIRST_WORKER_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the scheduler {scheduler} has no worker; start some with `dask worker {scheduler}`"
        ) from error
    answers = client.run(_probe(features, str(lease)), on_error="return")
    for worker, answer in sorted(answers.items()):
        if isinstance(answer, BaseException):
            raise ConfigError(f"the worker {worker} does not answer: {_one_line(answer)}")
        if answer["version"] != __version__:
            found = answer["version"]
            has = "no dexkit" if found is None else f"dexkit {found}"
            raise ConfigError(
                f"the worker {worker} has {has}, here is dexkit {__version__}; install this "
                "version there"
            )
        unseen = answer["unseen"] or ([] if answer["lease"] == token else [str(lease.parent)])
        if unseen:
            raise InputError(
                f"the worker {worker} does not see {unseen[0]}; feature file and experiment must "
                "lie on a file system that all workers share, under the same path"
            )


def _collect(client: Any, futures: Mapping[Any, str], lease: Path) -> Iterator[Outcome]:
    """Yield outcomes until all tasks have ended, SIGTERM has come, or all workers have gone."""
    from distributed import wait

    waiting = set(futures)
    seen, stop_at = time.monotonic(), None
    with stop_on_sigterm() as sigterm:
        while waiting:
            if sigterm.is_set() and stop_at is None:
                lease.unlink(missing_ok=True)
                stop_at = time.monotonic() + _STOP_S
            if stop_at is not None and time.monotonic() > stop_at:
                for future in waiting:
                    yield Outcome(futures[future], "stopped by SIGTERM", stopped=True)
                return
            try:
                with client.as_current():
                    done, waiting = wait(waiting, _POLL_S, "FIRST_COMPLETED")
            except TimeoutError:
                done = set()
            for future in done:
                yield _outcome(futures[future], future)
            if client.scheduler_info()["workers"]:
                seen = time.monotonic()
            elif time.monotonic() - seen > _NO_WORKER_S:
                raise StoppedError(
                    f"the scheduler has had no worker for {_NO_WORKER_S:.0f} s; start some and go "
                    f"on with --resume {lease.parent}"
                )


def _outcome(name: str, future: Any) -> Outcome:
    if future.status == "finished":
        return Outcome(**future.result())
    if future.status == "error":
        error = future.exception()
        if type(error).__name__ == "KilledWorker":
            return Outcome(name, "every worker that took it died; look at the logs of the workers")
        return Outcome(name, f"its worker failed: {type(error).__name__}: {_one_line(error)}")
    return Outcome(name, "the scheduler was lost before it was done")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
