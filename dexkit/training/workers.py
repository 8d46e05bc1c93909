"""What the workers of a run agree on, and what a signal does to it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np

from dexkit.errors import ConfigError, DexkitError, StoppedError
from dexkit.training.strategy import is_chief


def from_chief(strategy: Any, data: bytes | None) -> bytes:
    """Return the chief's data on every worker.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Every worker has to call this at the same point.
    data : bytes or None
        On the chief, what to send; not read on the other workers.

    Returns
    -------
    bytes
        The chief's data; with one process simply ``data``.
    """
    mine = (data or b"") if is_chief(strategy) else b""
    if not strategy.extended._in_multi_worker_mode():
        return mine
    size = np.array([len(mine) >> 24, len(mine) & 0xFFFFFF], dtype=np.float32)
    high, low = _sum(strategy, size).astype(np.int64)
    n_bytes = int((high << 24) + low)
    if n_bytes == 0:
        return b""
    # Two bytes a float32: sums with zeros stay exact on any device and link.
    padded = np.zeros(n_bytes + n_bytes % 2, dtype=np.uint8)
    padded[: len(mine)] = np.frombuffer(mine, dtype=np.uint8)
    sent = _sum(strategy, padded.view("<u2").astype(np.float32))
    return sent.astype("<u2").view(np.uint8)[:n_bytes].tobytes()


@contextmanager
def told_by_chief(strategy: Any) -> Iterator[None]:
    """Run a block in which only the chief may fail; the other workers then fail with it.

    Parameters
    ----------
    strategy : tf.distribute.Strategy or None
        Every worker has to enter such a block at the same point.

    Raises
    ------
    StoppedError
        On the other workers, with the sentence of the chief, instead of waiting for it for ever.
    """
    if strategy is None:
        yield
        return
    with worker_loss_said(strategy):
        try:
            yield
        except DexkitError as error:
            from_chief(strategy, str(error).encode())
            raise
        message = from_chief(strategy, None)
    if message and not is_chief(strategy):
        raise StoppedError(f"the first worker stopped: {message.decode()}")


@contextmanager
def stop_on_sigterm() -> Iterator[threading.Event]:
    """Set an event on SIGTERM instead of dying in the middle of a step.

    Yields
    ------
    threading.Event
        Set once the signal has come. Outside the main thread, where Python delivers no signals,
        it never is.
    """
    wanted = threading.Event()
    with _on_sigterm(wanted.set):
        yield wanted


@contextmanager
def sigterm_said(sentence: Callable[[], str]) -> Iterator[None]:
    """Raise where SIGTERM comes, so that files are left whole and the user is told how to go on.

    Inside, :func:`stop_on_sigterm` takes the signal over for as long as a network trains.

    Parameters
    ----------
    sentence : callable
        Returns what to say; called when the signal has come.

    Raises
    ------
    StoppedError
        On SIGTERM. Outside the main thread, where Python delivers no signals, never.
    """

    def stop() -> None:
        raise StoppedError(sentence(), sigterm=True)

    with _on_sigterm(stop):
        yield


@contextmanager
def _on_sigterm(act: Callable[[], None]) -> Iterator[None]:
    """Call ``act`` on SIGTERM; outside the main thread, which alone gets signals, never."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        act()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def worker_loss_said(strategy: Any) -> Iterator[None]:
    """Turn the failure of a collective operation, when another worker dies, into one sentence.

    Raises
    ------
    StoppedError
        When another worker has stopped answering.
    """
    import tensorflow as tf

    lost = (
        *(tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError),
        *(tf.errors.CancelledError, tf.errors.InternalError, tf.errors.OutOfRangeError),
    )
    try:
        yield
    except lost as error:
        if not strategy.extended._in_multi_worker_mode():
            raise
        reason = next((x for x in str(error).splitlines() if "Collective ops" in x), str(error))
        raise StoppedError(
            f"another worker stopped answering ({reason.strip()[:200]}); start all workers again "
            "with --resume, the run goes on from its last checkpoint"
        ) from error


@contextmanager
def xla_failure_said(xla: bool) -> Iterator[None]:
    """Turn what XLA cannot compile into one sentence.

    Raises
    ------
    ConfigError
        When ``xla`` and the compilation fails.
    """
    import tensorflow as tf

    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
        if not xla:
            raise
        reason = str(error).strip().splitlines()
        raise ConfigError(
            f"XLA cannot compile this network ({reason[-1][:200] if reason else error}); leave "
            "--xla out"
        ) from error


def _sum(strategy: Any, values: Any) -> Any:
    """Add up float32 vectors over the workers, as seen by each one's first replica."""
    import tensorflow as tf

    n_local = len(strategy.extended.worker_devices)

    def value_of(context: Any) -> Any:
        first = context.replica_id_in_sync_group % n_local == 0
        return tf.constant(values if first else np.zeros_like(values))

    parts = strategy.experimental_distribute_values_from_function(value_of)
    return np.asarray(strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None))
