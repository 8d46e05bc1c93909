"""Optimisers: groups of variables with rates of their own, clipping by global norm, schedules."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dexkit.errors import ConfigError, did_you_mean
from dexkit.training.config import TrainConfig

#: The learning rate of a cosine schedule ends at this share of its start; so does an exponential.
_FLOOR = 0.01
#: What a plateau multiplies the learning rate by.
_PLATEAU_FACTOR = 0.5


class Updates:
    """The optimisers of one model, one for every learning-rate multiplier.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where the replicas are.
    model : keras.Model
        Built inside ``strategy.scope()``.
    config : TrainConfig
        Optimiser and its options.
    rate_of : mapping of str to float, optional
        Multiplier of the learning rate by name of a layer of ``model`` (top level, such as
        ``"densenet"``); 0 freezes the layer's variables. All others have 1.

    Attributes
    ----------
    resting : bool
        Whether the layers that ``rate_of`` names stay as they are for now; :meth:`set_rate` puts
        a change into effect.
    trainable : list of keras.Variable
        Variables that get gradients: the trainable ones of the model, less the frozen ones.
    variables : list of keras.Variable
        State of the optimisers.

    Raises
    ------
    ConfigError
        When ``rate_of`` names no layer of the model, or leaves nothing to train.
    """

    def __init__(
        self,
        strategy: Any,
        model: Any,
        config: TrainConfig,
        rate_of: Mapping[str, float] | None = None,
    ) -> None:
        rates = _rates(model, rate_of or {})
        self.trainable = [v for v in model.trainable_variables if rates.get(id(v), 1.0) > 0]
        if not self.trainable:
            raise ConfigError("every variable of the network is frozen; nothing is left to train")
        self.resting = False
        self._clip_norm = config.clip_norm
        self._groups: list[_Group] = []
        # A layer that is named may rest, also when its multiplier is that of all others.
        kind_of = [(rates.get(id(v), 1.0), id(v) in rates) for v in self.trainable]
        with strategy.scope():
            for rate, named in sorted(set(kind_of)):
                members = [i for i, kind in enumerate(kind_of) if kind == (rate, named)]
                optimizer = _optimizer(config)
                optimizer.build([self.trainable[i] for i in members])
                self._groups.append(_Group(rate, named, optimizer, members))

    @property
    def variables(self) -> list[Any]:
        """State of the optimisers, in a fixed order."""
        return [v for group in self._groups for v in group.optimizer.variables]

    def set_rate(self, learning_rate: float) -> None:
        """Set the learning rate; every group gets its multiple, a resting one 0."""
        for group in self._groups:
            rate = 0.0 if self.resting and group.named else group.rate
            group.optimizer.learning_rate.assign(rate * learning_rate)

    def clip(self, gradients: Sequence[Any]) -> tuple[list[Any], Any]:
        """Scale all gradients together so that their joint norm is at most ``clip_norm``.

        Parameters
        ----------
        gradients : sequence of tf.Tensor
            Sums over all replicas, in the order of ``trainable``.

        Returns
        -------
        tuple of (list of tf.Tensor, tf.Tensor)
            Clipped gradients, and the norm before clipping. Gradients of layers that rest take
            no part in the norm: what is not applied must not shorten what is.
        """
        import tensorflow as tf

        counted = list(gradients)
        for group in self._groups:
            if group.named:
                moves = tf.cast(group.optimizer.learning_rate > 0, tf.float32)
                for i in group.members:
                    counted[i] = gradients[i] * tf.cast(moves, gradients[i].dtype)
        norm = tf.linalg.global_norm(counted)
        scale = self._clip_norm / tf.maximum(norm, self._clip_norm)
        return [g * tf.cast(scale, g.dtype) for g in gradients], norm

    def apply(self, gradients: Sequence[Any]) -> None:
        """Update the variables, in replica context, with gradients that every replica shares."""
        for group in self._groups:
            group.optimizer.apply(
                [gradients[i] for i in group.members], [self.trainable[i] for i in group.members]
            )


@dataclass(frozen=True)
class _Group:
    """Variables that share a learning rate: its multiplier, and whether ``rate_of`` named them."""

    rate: float
    named: bool
    optimizer: Any
    members: list[int]


def learning_rate_at(config: TrainConfig, epoch: int, val_losses: Sequence[float] = ()) -> float:
    """Return the learning rate of an epoch.

    Parameters
    ----------
    config : TrainConfig
        ``schedule``, ``learning_rate``, ``warmup_epochs``, ``epochs``.
    epoch : int
        0-based epoch.
    val_losses : sequence of float, optional
        Validation losses of the epochs before; read by ``schedule="plateau"`` alone.

    Returns
    -------
    float
        During the warm-up, the share ``(epoch + 1) / (warmup_epochs + 1)`` of the highest rate.
        Behind it: the highest rate (``constant``); half a cosine from there down to a hundredth
        (``cosine``), or a constant factor an epoch to the same end (``exponential``); halved
        whenever half of ``patience`` epochs, at least one, brought no better validation loss
        (``plateau``).
    """
    top, warmup = config.learning_rate, config.warmup_epochs
    if epoch < warmup:
        return top * (epoch + 1) / (warmup + 1)
    if config.schedule == "constant":
        return top
    if config.schedule == "plateau":
        return top * _PLATEAU_FACTOR ** _plateaus(val_losses[:epoch], max(1, config.patience // 2))
    share = (epoch - warmup) / max(1, config.epochs - warmup)
    if config.schedule == "exponential":
        return top * _FLOOR**share
    return top * (_FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * share)))


def _plateaus(losses: Sequence[float], patience: int) -> int:
    """Count how often ``patience`` epochs in a row were no better than the best before."""
    best, waited, found = math.inf, 0, 0
    for loss in losses:
        if loss < best:
            best, waited = loss, 0
        else:
            waited += 1
        if waited == patience:
            found, waited = found + 1, 0
    return found


def _rates(model: Any, rate_of: Mapping[str, float]) -> dict[int, float]:
    names = {layer.name: layer for layer in model.layers}
    rates: dict[int, float] = {}
    for name, rate in rate_of.items():
        if name not in names:
            raise ConfigError(
                f"no layer {name!r} in the network to give a learning rate of its own; "
                f"{did_you_mean(name, names)}"
            )
        if not (math.isfinite(rate) and rate >= 0):
            raise ConfigError(f"learning-rate multiplier of {name!r} is {rate}; expected >= 0")
        rates |= {id(v): rate for v in names[name].trainable_variables}
    return rates


def _optimizer(config: TrainConfig) -> Any:
    import keras

    kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    optimizer = kinds[config.optimizer](
        learning_rate=config.learning_rate, weight_decay=config.weight_decay or None
    )
    # The loop has summed the gradients over the replicas already: clipping comes in between.
    optimizer._all_reduce_sum_gradients = list
    return optimizer
