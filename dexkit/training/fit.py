"""Train one network: epochs, early stopping, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import TrainingError
from dexkit.hooks import Head
from dexkit.training.batches import DeviceSource, plain_epoch, training_epoch
from dexkit.training.checkpoint import load_checkpoint, save_checkpoint
from dexkit.training.config import TrainConfig
from dexkit.training.loop import Loop, NonFiniteLossError

#: The learning rate of a cosine schedule ends at this share of its start.
_COSINE_FLOOR = 0.01
#: An epoch counts as better when the validation loss falls by at least this share.
_MIN_IMPROVEMENT = 1e-4

EpochRow = dict[str, float]


@dataclass(frozen=True)
class FitResult:
    """What a training left behind.

    Parameters
    ----------
    model : keras.Model
        With the weights of the best epoch.
    history : list of dict
        One row an epoch: epoch, loss, val_loss, val_pearson, learning_rate, seconds.
    best_epoch : int
        0-based.
    """

    model: Any
    history: list[EpochRow]
    best_epoch: int


def learning_rate_at(config: TrainConfig, epoch: int) -> float:
    """Return the learning rate of an epoch.

    Parameters
    ----------
    config : TrainConfig
        Schedule and highest rate.
    epoch : int
        0-based epoch.

    Returns
    -------
    float
        Constant, or half a cosine from the highest rate down to a hundredth of it.
    """
    if config.schedule == "constant":
        return config.learning_rate
    share = 0.5 * (1 + math.cos(math.pi * epoch / config.epochs))
    return config.learning_rate * (_COSINE_FLOOR + (1 - _COSINE_FLOOR) * share)


def fit_network(
    strategy: Any,
    make_model: Callable[[], Any],
    head: Head,
    source: DeviceSource,
    target: npt.NDArray[np.float32],
    train: npt.NDArray[np.intp],
    validation: npt.NDArray[np.intp],
    config: TrainConfig,
    seed: int,
    gene_names: npt.NDArray[np.object_],
    checkpoint: Path | None = None,
    on_epoch: Callable[[EpochRow], None] | None = None,
) -> FitResult:
    """Train a network with early stopping on the validation genes.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where to train.
    make_model : callable
        Builds the model; called inside the strategy's scope.
    head : Head
        Loss and target transform.
    source : DeviceSource
        Data on the device.
    target : ndarray of shape (n_genes,), dtype float32
        Encoded target of all genes of the file.
    train, validation : ndarray, dtype intp
        Genes as rows of the feature file.
    config : TrainConfig
        Options.
    seed : int
        Seed of this network's batches; weights and dropout follow the global seed.
    gene_names : ndarray of shape (n_genes,)
        For messages.
    checkpoint : Path, optional
        Written after every epoch; when it exists, training goes on from it.
    on_epoch : callable, optional
        Called with the row of every epoch, restored ones included.

    Returns
    -------
    FitResult
        The model at its best epoch.

    Raises
    ------
    TrainingError
        When the loss of a step or of the validation genes becomes NaN or infinite.
    """
    with strategy.scope():
        model = make_model()
    loop = Loop(strategy, model, head, source, config)
    variables = [*model.variables, *loop.optimizer.variables]
    run = _EarlyStopping(config.patience)
    best = [np.asarray(v) for v in model.variables]
    restored = load_checkpoint(checkpoint, variables) if checkpoint else None
    if restored is not None:
        best, state = restored
        run.restore(state)
        for row in run.history:
            _notify(on_epoch, row)
    batch_size = min(config.batch_size, len(train))
    validation_plan = plain_epoch(validation, config.batch_size)
    for epoch in range(len(run.history), config.epochs):
        if run.exhausted:
            break
        started = time.perf_counter()
        plan = training_epoch(
            train, batch_size, config.shift_bp, config.reverse_complement, seed, epoch
        )
        rate = learning_rate_at(config, epoch)
        try:
            loss = loop.train_epoch(plan, rate)
        except NonFiniteLossError as error:
            raise TrainingError(_explain(error, epoch, gene_names, checkpoint)) from error
        output = loop.predict(validation_plan)
        row = {
            "epoch": epoch,
            "loss": loss.mean,
            "val_loss": float(np.mean(np.asarray(head.loss(target[validation], output)))),
            "val_pearson": _pearson(target[validation], output[:, -1]),
            "learning_rate": rate,
            "seconds": time.perf_counter() - started,
        }
        if not math.isfinite(row["val_loss"]):
            raise TrainingError(_explain_validation(row["val_loss"], epoch, checkpoint))
        if run.update(row):
            best = [np.asarray(v) for v in model.variables]
        if checkpoint is not None:
            save_checkpoint(checkpoint, variables, best, run.state() | {"n_best": len(best)})
        _notify(on_epoch, row)
    for variable, value in zip(model.variables, best, strict=True):
        variable.assign(value)
    return FitResult(model, run.history, run.best_epoch)


class _EarlyStopping:
    """Remembers the best validation loss and how long ago it was."""

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self.history: list[EpochRow] = []
        self.best_epoch = -1
        self._best_loss = math.inf

    @property
    def exhausted(self) -> bool:
        return len(self.history) - 1 - self.best_epoch >= self._patience

    def update(self, row: EpochRow) -> bool:
        self.history.append(row)
        # abs: a likelihood may be negative, and falling still means better.
        gain = self._best_loss - row["val_loss"]
        if self.best_epoch < 0 or gain > _MIN_IMPROVEMENT * abs(self._best_loss):
            self._best_loss = row["val_loss"]
            self.best_epoch = len(self.history) - 1
        return self.best_epoch == len(self.history) - 1

    def state(self) -> dict[str, Any]:
        return {
            "history": self.history,
            "best_epoch": self.best_epoch,
            "best_loss": self._best_loss,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.history = list(state["history"])
        self.best_epoch = int(state["best_epoch"])
        self._best_loss = float(state["best_loss"])


def _notify(on_epoch: Callable[[EpochRow], None] | None, row: EpochRow) -> None:
    if on_epoch is not None:
        on_epoch(row)


def _pearson(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> float:
    """Return Pearson's r, NaN when either side is constant: a curve to look at, not a result."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def _explain(
    error: NonFiniteLossError,
    epoch: int,
    gene_names: npt.NDArray[np.object_],
    checkpoint: Path | None,
) -> str:
    names = ", ".join(str(gene_names[g]) for g in error.genes[:8])
    more = f" and {len(error.genes) - 8} more" if len(error.genes) > 8 else ""
    return (
        f"the loss is not finite in epoch {epoch}, step {error.step} (genes {names}{more}); try a "
        f"lower learning_rate or clip_norm, with --force{_kept(checkpoint)}"
    )


def _explain_validation(loss: float, epoch: int, checkpoint: Path | None) -> str:
    return (
        f"the validation loss is {loss} after epoch {epoch}; try a lower learning_rate or "
        f"clip_norm, with --force{_kept(checkpoint)}"
    )


def _kept(checkpoint: Path | None) -> str:
    """Name the last good checkpoint; the first epoch has none yet."""
    if checkpoint is None or not checkpoint.exists():
        return ""
    return f"; the state before this epoch is in {checkpoint}"
