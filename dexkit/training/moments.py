"""Batch normalisation over the genes of the whole step, on however many replicas they lie."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dexkit.errors import PluginError


class GlobalMoments:
    """Gives the batch normalisation layers of a model the statistics of the global batch.

    Every ``keras.layers.BatchNormalization`` of the model, also inside nested models and layers
    of plugins, then normalises with mean and variance over all genes of the step on all replicas;
    slots that only fill up a batch do not count. The layers stay what they are: a saved model
    holds plain Keras layers.

    Parameters
    ----------
    model : keras.Model
        The model.
    n_replicas : int
        Replicas of the strategy.

    Raises
    ------
    PluginError
        When the installed Keras computes its moments in another place than dexkit knows.
    """

    def __init__(self, model: Any, n_replicas: int) -> None:
        import keras

        self._n_replicas = n_replicas
        # One value a replica: MirroredStrategy traces every replica in a thread of its own.
        self._local = threading.local()
        for layer in model._flatten_layers():
            if isinstance(layer, keras.layers.BatchNormalization):
                if not hasattr(layer, "_moments"):
                    raise PluginError(
                        f"Keras {keras.__version__} has no BatchNormalization._moments, which "
                        "dexkit needs to normalise over all replicas; install the Keras that "
                        "dexkit was tested with"
                    )
                layer._moments = functools.partial(self._moments, layer)

    @contextmanager
    def over(self, counts: Any, n_counting: Any) -> Iterator[None]:
        """Use these slots while the model is called.

        Parameters
        ----------
        counts : tf.Tensor of shape (slots,), dtype float32
            1 for a slot of this replica that holds a gene of the step, else 0.
        n_counting : tf.Tensor, scalar, dtype float32
            Sum of ``counts`` over all replicas.
        """
        import tensorflow as tf

        n_here = tf.reduce_sum(counts) if self._n_replicas > 1 else n_counting
        # A replica may have no gene of the last batch.
        share = (counts / tf.maximum(n_here, 1.0))[:, None]
        self._local.slots = _Slots(share, n_here, n_counting)
        try:
            yield
        finally:
            del self._local.slots

    def _moments(self, layer: Any, inputs: Any, mask: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        slots = getattr(self._local, "slots", None)
        if slots is None or mask is not None:
            return type(layer)._moments(layer, inputs, mask)
        slots = slots.of_rows(layer.name, inputs)
        channel = layer.axis % len(inputs.shape)
        positions = [a for a in range(1, len(inputs.shape)) if a != channel]

        def mean_of(values: Any) -> Any:
            # Positions first: few numbers a gene are weighted, not the whole tensor.
            by_row = tf.reduce_mean(values, positions) if positions else values
            return tf.reduce_sum(slots.share * by_row, 0)

        mean = mean_of(inputs)
        # The gradient through the mean is zero here, since deviations from it add up to zero.
        fixed = tf.stop_gradient(mean)
        if channel != len(inputs.shape) - 1:
            fixed = tf.reshape(fixed, [-1 if a == channel else 1 for a in range(inputs.shape.rank)])
        variance = mean_of(tf.math.squared_difference(inputs, fixed))
        if self._n_replicas == 1:
            return mean, variance
        # One message a layer. Sums are taken around the moving mean, which all replicas share:
        # squares of numbers that are far from 0 would cost digits.
        centre = tf.stop_gradient(tf.cast(tf.convert_to_tensor(layer.moving_mean), inputs.dtype))
        shift = mean - centre
        sums = slots.n_here * tf.stack([shift, variance + tf.square(shift)])
        context = tf.distribute.get_replica_context()
        total = context.all_reduce(tf.distribute.ReduceOp.SUM, sums) / slots.n
        return centre + total[0], tf.maximum(total[1] - tf.square(total[0]), 0.0)


@dataclass(frozen=True)
class _Slots:
    """Share of each row in the mean of this replica (rows, 1); genes here, and everywhere."""

    share: Any
    n_here: Any
    n: Any

    def of_rows(self, layer: str, inputs: Any) -> _Slots:
        """Return the same for the rows of a layer's input, in its type."""
        import tensorflow as tf

        n_slots, n_rows = self.share.shape[0], inputs.shape[0]
        if n_rows is None or n_slots is None or n_rows % n_slots:
            raise PluginError(
                f"batch normalisation {layer!r} sees {n_rows} rows for a batch of {n_slots} genes; "
                "expected the genes on the first axis (or each gene's rows one after another)"
            )
        fold = n_rows // n_slots
        share = self.share if fold == 1 else tf.repeat(self.share / fold, fold, axis=0)
        if inputs.dtype == tf.float32:
            return _Slots(share, self.n_here, self.n)
        return _Slots(*(tf.cast(v, inputs.dtype) for v in (share, self.n_here, self.n)))


class ReplicaSeeds:
    """Draws other random numbers on every replica.

    The seed generators of a model (of its dropout layers, say) hold the same state on all
    replicas; without this every replica would drop the same units. The first replica draws what
    Keras alone would draw.

    Parameters
    ----------
    model : keras.Model
        The model.
    n_replicas : int
        Replicas of the strategy; nothing is changed for one.
    """

    def __init__(self, model: Any, n_replicas: int) -> None:
        if n_replicas == 1:
            return
        seen = set()
        for layer in model._flatten_layers():
            for generator in getattr(layer, "_seed_generators", ()):
                if id(generator) not in seen:
                    seen.add(id(generator))
                    generator.next = functools.partial(_next_of_replica, generator)


#: Odd, so that replicas never meet again modulo 2**32 (2**32 divided by the golden ratio).
_STRIDE = 0x9E3779B9


def _next_of_replica(generator: Any, ordered: bool = True) -> Any:
    import tensorflow as tf

    value = type(generator).next(generator, ordered)
    context = tf.distribute.get_replica_context()
    if context is None:
        return value
    replica = tf.cast(context.replica_id_in_sync_group, tf.int64) * _STRIDE
    offset = tf.cast(tf.math.floormod(replica, 2**32), value.dtype)
    return value + tf.stack([offset, tf.zeros((), value.dtype)])
