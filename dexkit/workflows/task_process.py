"""A process that does tasks one after the other, and what its owner holds of it.

Tasks go in and outcomes come out as lines of JSON. What the process prints otherwise, libraries
written in C included, goes to a file, of which the end is quoted when the process dies.
"""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import IO, Any, TextIO

from dexkit.workflows.task import Outcome, execute

logger = logging.getLogger("dexkit")

#: Variables that bound the threads of OpenMP, BLAS and TensorFlow.
_THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS",),
)
#: Of what a dead process has printed, this much is quoted.
_QUOTED_BYTES = 300
#: Time in which a process that was asked to stop writes its checkpoint; schedulers kill after 30 s.
_STOP_SECONDS = 25.0


class TaskProcess:
    """A process of its own for one task at a time; started with the first task.

    Parameters
    ----------
    n_threads : int
        CPU threads that it may use; variables that the user has set win.
    index : int, optional
        Its number among those that work side by side; GPUs go round by it.
    wanted : callable, optional
        Whether a warning of the process is to be shown; by default every one is.
    """

    def __init__(
        self, n_threads: int, index: int = 0, wanted: Callable[[str], bool] = lambda _: True
    ) -> None:
        self._wanted = wanted
        self._environ = _environ(n_threads, index)
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self._closed = False
        self._printed: IO[str] | None = None

    def run(self, plain: Mapping[str, Any]) -> Outcome:
        """Do one task and wait for it; a process that died is replaced at the next one.

        Parameters
        ----------
        plain : mapping
            Of :meth:`dexkit.workflows.task.FitTask.to_plain`.

        Returns
        -------
        Outcome
            How it ended.
        """
        name = str(plain["name"])
        process = self._started()
        if process is None:
            return Outcome(name, "stopped before it was started", stopped=True)
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a task process has no pipes")
        try:
            process.stdin.write(json.dumps(dict(plain)) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                message = json.loads(line)
                if "log" in message:
                    if self._wanted(message["log"]):
                        logger.log(message["level"], "%s: %s", name, message["log"])
                else:
                    return Outcome(**message)
        except (BrokenPipeError, json.JSONDecodeError):
            pass
        return Outcome(name, self._last_words(process), stopped=self._closed)

    def stop(self) -> None:
        """Ask for a checkpoint and the end; returns at once."""
        with self._lock:
            self._closed = True
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    def close(self, at_once: bool = False) -> None:
        """End the process.

        Parameters
        ----------
        at_once : bool, optional
            Kill it instead of waiting for the checkpoint of a process that was asked to stop.
        """
        with self._lock:
            self._closed = True
            process = self._process
        if process is not None:
            if at_once:
                process.kill()
            _close(process.stdin)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _close(process.stdout)
        _close(self._printed)

    def _started(self) -> subprocess.Popen[str] | None:
        with self._lock:
            if self._closed:
                return None
            if self._process is not None and self._process.poll() is None:
                return self._process
            if self._process is not None:
                _close(self._process.stdin)
                _close(self._process.stdout)
            _close(self._printed)
            self._printed = tempfile.TemporaryFile("w+", errors="replace")
            # Not `-m`, which would put the current folder in front of what is imported.
            code = (
                f"import sys; sys.path[:] = {sys.path!r}; "
                "from dexkit.workflows.task_process import main; main()"
            )
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                text=True,
                encoding="utf-8",
            )
            return self._process

    def _last_words(self, process: subprocess.Popen[str]) -> str:
        code = process.wait()
        how = f"exit code {code}"
        if code < 0:
            how = signal.Signals(-code).name
            if -code == signal.SIGKILL:
                how += "; often the system does that when memory runs out"
        printed = ""
        if self._printed is not None:
            self._printed.seek(0)
            printed = " ".join(self._printed.read().split())[-_QUOTED_BYTES:]
        said = f"; it said last: {printed}" if printed else ""
        return f"its process died ({how}){said}"


def _close(file: IO[str] | None) -> None:
    """Close a pipe, whether or not anybody is left at its other end."""
    if file is not None:
        with contextlib.suppress(BrokenPipeError):
            file.close()


def usable_cores() -> int:
    """Return how many CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _environ(n_threads: int, index: int) -> dict[str, str]:
    """Return the environment of a process: its share of threads, and one GPU where there are."""
    divided = dict.fromkeys(_THREAD_VARIABLES, str(max(1, n_threads)))
    # Several processes may share a GPU, of which TensorFlow would take all memory.
    divided["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    environ = divided | dict(os.environ)
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES")
    visible = sorted(glob.glob("/dev/nvidia[0-9]*")) if gpus is None else gpus.split(",")
    if len(visible) > 1:
        chosen = visible[index % len(visible)]
        environ["CUDA_VISIBLE_DEVICES"] = chosen.removeprefix("/dev/nvidia")
    return environ


class _Forward(logging.Handler):
    """Sends warnings of the process to its owner."""

    def __init__(self, out: TextIO) -> None:
        super().__init__(logging.WARNING)
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        self._out.write(json.dumps({"log": text, "level": record.levelno}) + "\n")
        self._out.flush()


def main() -> None:
    """Do the tasks that come in on stdin until it is closed."""
    # Ctrl-C reaches the whole group of a terminal; the owner decides what becomes of the tasks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    source = logging.getLogger("dexkit")
    source.handlers[:] = [_Forward(out)]
    source.setLevel(logging.INFO)
    source.propagate = False
    tasks: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_receive, args=(tasks,), daemon=True).start()
    while True:
        outcome = execute(json.loads(tasks.get()))
        out.write(json.dumps(asdict(outcome)) + "\n")
        out.flush()


def _receive(tasks: queue.Queue[str]) -> None:
    """Queue the tasks; end the process with its owner, who would else start a second one."""
    for line in sys.stdin:
        tasks.put(line)
    os._exit(0)
