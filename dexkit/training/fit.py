"""Train one network: epochs, early stopping, checkpoints."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import StoppedError, TrainingError
from dexkit.hooks import Head
from dexkit.training.batches import plain_epoch, training_epoch
from dexkit.training.checkpoint import Checkpoints, Progress, restore
from dexkit.training.config import TrainConfig
from dexkit.training.loop import Loop, NonFiniteLossError, mean_loss
from dexkit.training.sources import Source
from dexkit.training.strategy import is_chief
from dexkit.training.updates import learning_rate_at
from dexkit.training.workers import from_chief, stop_on_sigterm, worker_loss_said, xla_failure_said

#: An epoch counts as better when the validation loss falls by at least this share.
_MIN_IMPROVEMENT = 1e-4
#: Genes of a batch that a message names: all of a batch of the default size.
_MOST_NAMED = 32

EpochRow = dict[str, float]


class Watcher:
    """Sees a training go by; the methods of this base class do nothing."""

    def on_steps(self, epoch: int, n_steps: int, n_genes: int, losses: Sequence[float]) -> None:
        """Take note of the steps of an epoch so far.

        Parameters
        ----------
        epoch : int
            0-based epoch.
        n_steps, n_genes : int
            Steps of the whole epoch, and its genes.
        losses : sequence of float
            Loss of every step so far.
        """

    def on_epoch(self, row: EpochRow) -> None:
        """Take note of a finished epoch; restored ones are told again."""


@dataclass(frozen=True)
class FitResult:
    """What a training left behind.

    Parameters
    ----------
    model : keras.Model
        With the weights of the best epoch, made outside any strategy of several replicas.
    history : list of dict
        One row an epoch: epoch, loss, val_loss, val_pearson, learning_rate, seconds.
    best_epoch : int
        0-based.
    """

    model: Any
    history: list[EpochRow]
    best_epoch: int


def fit_network(
    strategy: Any,
    make_model: Callable[[], Any],
    head: Head,
    source: Source,
    target: npt.NDArray[np.float32],
    train: npt.NDArray[np.intp],
    validation: npt.NDArray[np.intp],
    config: TrainConfig,
    seed: int,
    gene_names: npt.NDArray[np.object_],
    checkpoints: Checkpoints | None = None,
    watchers: Sequence[Watcher] = (),
    rate_of: Mapping[str, float] | Callable[[], Mapping[str, float]] | None = None,
    freeze_epochs: int = 0,
    weights: npt.NDArray[np.float32] | None = None,
) -> FitResult:
    """Train a network with early stopping on the validation genes.

    With several workers every one of them calls this with the same arguments; the first one, the
    chief, reads and writes checkpoints and scores epochs, the others follow.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where to train.
    make_model : callable
        Builds the model; called inside the strategy's scope.
    head : Head
        Loss and target transform.
    source : Source
        Data of all rows: the genes of the file, with several samples each gene in each sample.
    target : ndarray of shape (n_rows, …), dtype float32
        Encoded target of all rows; NaN where a head with several outputs is to learn nothing.
    train, validation : ndarray, dtype intp
        Rows.
    config : TrainConfig
        Options.
    seed : int
        Seed of this network's batches; weights and dropout follow the global seed.
    gene_names : ndarray of shape (n_rows,)
        For messages.
    checkpoints : Checkpoints, optional
        Written at the end of every epoch and, in between, as the options say; when there are any,
        training goes on from the newest one.
    watchers : sequence of Watcher, optional
        Told of steps and epochs.
    rate_of : mapping of str to float, optional
        Learning-rate multipliers by layer name; see :class:`dexkit.training.updates.Updates`. Or
        a function that returns them, called when the model has been made.
    freeze_epochs : int, optional
        Epochs in which the layers that ``rate_of`` names are not changed (their batch statistics
        go on).
    weights : ndarray of shape (n_rows,), dtype float32, optional
        Weight of each row, above 0, in the loss of training and validation; 1 by default.

    Returns
    -------
    FitResult
        The model at its best epoch.

    Raises
    ------
    TrainingError
        When the loss or gradient of a step, or the loss of the validation genes, becomes NaN or
        infinite.
    StoppedError
        When SIGTERM came (the state is saved), or another worker was lost.
    """
    with strategy.scope():
        model = make_model()
    loop = Loop(strategy, model, head, source, config, rate_of() if callable(rate_of) else rate_of)
    if not is_chief(strategy):
        checkpoints, watchers = None, ()
    training = _Training(
        strategy,
        loop,
        head,
        target,
        config,
        gene_names,
        checkpoints,
        watchers,
        freeze_epochs,
        weights,
    )
    with (
        worker_loss_said(strategy),
        xla_failure_said(config.xla),
        stop_on_sigterm() as sigterm,
    ):
        training.restore()
        # Behind the last step of an epoch its end still has to be done, also when resumed there.
        while training.progress.epoch < config.epochs and not training.exhausted:
            training.run_epoch(train, validation, seed, sigterm.is_set)
        if sigterm.is_set():
            # It came while the last epoch was scored and saved.
            training.stop()
    progress = training.progress
    if strategy.num_replicas_in_sync > 1:
        model = make_model()
    for variable, value in zip(model.variables, progress.best, strict=True):
        variable.assign(value)
    return FitResult(model, progress.history, progress.best_epoch)


class _Training:
    """One network on its way; ``progress`` and the loop's variables are its whole state."""

    def __init__(
        self,
        strategy: Any,
        loop: Loop,
        head: Head,
        target: npt.NDArray[np.float32],
        config: TrainConfig,
        gene_names: npt.NDArray[np.object_],
        checkpoints: Checkpoints | None,
        watchers: Sequence[Watcher],
        freeze_epochs: int,
        weights: npt.NDArray[np.float32] | None,
    ) -> None:
        self._strategy = strategy
        self._loop = loop
        self._head = head
        self._target = target
        self._config = config
        self._gene_names = gene_names
        self._checkpoints = checkpoints
        self._watchers = watchers
        self._freeze_epochs = freeze_epochs
        self._weights = weights
        self.progress = Progress()

    @property
    def exhausted(self) -> bool:
        """Whether early stopping ends the training."""
        return is_exhausted(self.progress, self._config.patience)

    def restore(self) -> None:
        """Go on from the newest checkpoint, on every worker."""
        variables = self._loop.variables
        stored = self._checkpoints.read(variables) if self._checkpoints else None
        data = from_chief(self._strategy, stored)
        if data:
            self.progress = restore(data, variables)
            for row in self.progress.history:
                self._tell(row)

    def run_epoch(
        self,
        train: npt.NDArray[np.intp],
        validation: npt.NDArray[np.intp],
        seed: int,
        stop_wanted: Callable[[], bool],
    ) -> None:
        """Run what is left of the current epoch, score it and save."""
        config, progress, loop = self._config, self.progress, self._loop
        started, epoch = time.perf_counter(), progress.epoch
        batch_size = min(config.batch_size, len(train))
        shift, flip = config.shift_bp, config.reverse_complement
        plan = training_epoch(train, batch_size, shift, flip, seed, epoch, self._weights)
        rate = learning_rate_at(config, epoch, [row["val_loss"] for row in progress.history])
        loop.updates.resting = epoch < self._freeze_epochs
        try:
            for losses in loop.steps(plan, rate, progress.losses):
                progress.losses = losses
                for watcher in self._watchers:
                    watcher.on_steps(epoch, plan.n_steps, len(train), losses)
                if stop_wanted():
                    loop.request_stop()
                if loop.stop_agreed:
                    break
                if len(losses) < plan.n_steps and self._is_due(len(losses)):
                    self._save()
        except NonFiniteLossError as error:
            raise TrainingError(self._explain(error)) from error
        if loop.stop_agreed:
            self.stop()
        row = self._score(plan_loss=mean_loss(plan, progress.losses), validation=validation)
        row |= {"learning_rate": rate, "seconds": time.perf_counter() - started}
        row = json.loads(from_chief(self._strategy, json.dumps(row).encode()))
        if not math.isfinite(row["val_loss"]):
            raise TrainingError(
                f"the validation loss is {row['val_loss']} after epoch {epoch + 1}; try a lower "
                f"learning_rate or clip_norm, with --force{self._kept()}"
            )
        if note_epoch(progress, row):
            progress.best = [np.asarray(v) for v in loop.model.variables]
        self._save()
        self._tell(row)

    def _score(self, plan_loss: float, validation: npt.NDArray[np.intp]) -> EpochRow:
        output = self._loop.predict(plain_epoch(validation, self._config.batch_size))
        truth = self._target[validation]
        losses = np.asarray(self._head.loss(truth, output))
        weights = None if self._weights is None else self._weights[validation]
        return {
            "epoch": self.progress.epoch,
            "loss": plan_loss,
            "val_loss": float(
                np.mean(losses) if weights is None else np.average(losses, weights=weights)
            ),
            "val_pearson": _pearson(truth, output if truth.ndim == 2 else output[:, -1]),
        }

    def _tell(self, row: EpochRow) -> None:
        for watcher in self._watchers:
            watcher.on_epoch(row)

    def _is_due(self, n_done: int) -> bool:
        if self._checkpoints is None:
            return False
        if self._config.checkpoint_steps is not None:
            return n_done % self._config.checkpoint_steps == 0
        return self._checkpoints.due(self._config.checkpoint_seconds)

    def _save(self) -> None:
        if self._checkpoints is not None:
            self._checkpoints.save(self._loop.variables, self.progress)

    def stop(self) -> None:
        """Save and raise :class:`StoppedError`."""
        self._save()
        epoch, step = self.progress.epoch + 1, len(self.progress.losses)
        where = f"epoch {epoch}, step {step}" if step else f"epoch {epoch - 1}"
        saved = (
            f"the state after {where} is saved" if self._checkpoints else f"stopped after {where}"
        )
        raise StoppedError(
            f"stopped by SIGTERM; {saved}; go on with dexkit fit --resume and the run folder",
            sigterm=True,
        )

    def _explain(self, error: NonFiniteLossError) -> str:
        names = ", ".join(str(self._gene_names[g]) for g in error.genes[:_MOST_NAMED])
        n_more = len(error.genes) - _MOST_NAMED
        more = f" and {n_more} more" if n_more > 0 else ""
        return (
            f"the {error.what} is not finite in epoch {self.progress.epoch + 1}, step "
            f"{error.step + 1} "
            f"(genes {names}{more}); try a lower learning_rate or clip_norm, with --force"
            f"{self._kept()}"
        )

    def _kept(self) -> str:
        """Name the last good checkpoint; every one was written behind a check."""
        files = self._checkpoints.files() if self._checkpoints else []
        return f"; the last good state is in {files[0]}" if files else ""


def is_exhausted(progress: Progress, patience: int) -> bool:
    """Whether ``patience`` epochs have gone by without a better validation loss."""
    return len(progress.history) - 1 - progress.best_epoch >= patience


def note_epoch(progress: Progress, row: EpochRow) -> bool:
    """Add a finished epoch and turn to the next one; return whether it is the best so far.

    Parameters
    ----------
    progress : Progress
        Changed in place, but for ``best``.
    row : dict
        ``val_loss`` decides.

    Returns
    -------
    bool
        Whether the validation loss fell by at least a ten-thousandth.
    """
    progress.history.append(row)
    progress.epoch, progress.losses = len(progress.history), []
    # abs: a likelihood may be negative, and falling still means better.
    gain = progress.best_loss - row["val_loss"]
    better = progress.best_epoch < 0 or gain > _MIN_IMPROVEMENT * abs(progress.best_loss)
    if better:
        progress.best_epoch, progress.best_loss = len(progress.history) - 1, row["val_loss"]
    return better


def _pearson(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Return Pearson's r of what is there, NaN when either side is constant.

    A curve to look at, not a result.
    """
    there = np.isfinite(a)
    a, b = a[there], b[there]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])
