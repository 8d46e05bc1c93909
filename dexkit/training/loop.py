"""The training loop: one for every ``tf.distribute`` strategy.

Keras 3's own ``fit`` does not run under every strategy (keras-team/keras#20585), so dexkit owns
its loop: variables and optimiser are made inside the strategy's scope, one compiled step runs
on every replica, and the last short batch is masked, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import TrainingError
from dexkit.hooks import Head
from dexkit.training.batches import DeviceSource, EpochPlan
from dexkit.training.config import TrainConfig


@dataclass(frozen=True)
class EpochLoss:
    """Mean loss of an epoch and of each of its steps."""

    mean: float
    steps: npt.NDArray[np.float32]


class Loop:
    """Compiled training and prediction steps of one model.

    Parameters
    ----------
    strategy : tf.distribute.Strategy
        Where the replicas are.
    model : keras.Model
        Built inside ``strategy.scope()``.
    head : Head
        Gives the loss of each gene.
    source : DeviceSource
        Gathers batches on the device.
    config : TrainConfig
        Optimiser and its options.
    """

    def __init__(
        self, strategy: Any, model: Any, head: Head, source: DeviceSource, config: TrainConfig
    ) -> None:
        import tensorflow as tf

        self._tf = tf
        self._strategy = strategy
        self._source = source
        self.model = model
        with strategy.scope():
            self.optimizer = _optimizer(config)
            self.optimizer.build(model.trainable_variables)
        self._train_step = self._compile_train_step(head)
        self._predict_step = self._compile_predict_step()

    def train_epoch(self, plan: EpochPlan, learning_rate: float) -> EpochLoss:
        """Run every step of an epoch.

        Parameters
        ----------
        plan : EpochPlan
            The batches.
        learning_rate : float
            Rate of this epoch.

        Returns
        -------
        EpochLoss
            Loss without penalties, in units of the head.

        Raises
        ------
        TrainingError
            When a loss is not finite; names the step and says which slots of the plan it saw.
        """
        self.optimizer.learning_rate.assign(learning_rate)
        losses = [self._train_step(*batch) for batch in self._batches(plan)]
        steps = np.array([float(loss) for loss in losses], dtype=np.float32)
        bad = np.flatnonzero(~np.isfinite(steps))
        if len(bad):
            raise NonFiniteLossError(int(bad[0]), plan.genes_of_step(int(bad[0])))
        counts = plan.weight.reshape(plan.n_steps, plan.batch_size).sum(axis=1)
        return EpochLoss(float(np.average(steps, weights=counts)), steps)

    def predict(self, plan: EpochPlan) -> npt.NDArray[np.float32]:
        """Return the network's output for the genes of a plan, shape (n_genes, n_outputs)."""
        parts = [
            np.concatenate([np.asarray(v) for v in self._strategy.experimental_local_results(out)])
            for out in (self._predict_step(*batch) for batch in self._batches(plan))
        ]
        return np.concatenate(parts)[plan.weight > 0]

    def _batches(self, plan: EpochPlan) -> Iterator[Any]:
        """Distribute a plan over the replicas, a global batch at a time."""
        tf = self._tf
        dataset = tf.data.Dataset.from_tensor_slices(
            (plan.index, plan.shift, plan.flip, plan.weight)
        ).batch(plan.batch_size, drop_remainder=True)
        options = tf.data.Options()
        # The tuner's sleeping thread makes the end of an epoch wait: slots are tiny, no need.
        options.autotune.enabled = False
        options.deterministic = True
        dataset = dataset.with_options(options)
        yield from self._strategy.experimental_distribute_dataset(dataset)

    def _compile_train_step(self, head: Head) -> Any:
        tf, model, strategy, source = self._tf, self.model, self._strategy, self._source

        def replica_step(index: Any, shift: Any, flip: Any, weight: Any) -> Any:
            inputs, target = source.gather(index, shift, flip)
            context = tf.distribute.get_replica_context()
            n_genes = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(weight))
            with tf.GradientTape() as tape:
                output = model(inputs, training=True)
                data_loss = tf.reduce_sum(head.loss(target, output) * weight) / n_genes
                penalty = tf.add_n(model.losses) if model.losses else tf.constant(0.0)
                loss = data_loss + penalty / strategy.num_replicas_in_sync
            gradients = tape.gradient(loss, model.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
            return data_loss

        @tf.function
        def step(*batch: Any) -> Any:
            return strategy.reduce(
                tf.distribute.ReduceOp.SUM, strategy.run(replica_step, args=batch), axis=None
            )

        return step

    def _compile_predict_step(self) -> Any:
        tf, model, strategy, source = self._tf, self.model, self._strategy, self._source

        def replica_step(index: Any, shift: Any, flip: Any, weight: Any) -> Any:
            return model(source.gather(index, shift, flip)[0], training=False)

        @tf.function
        def step(*batch: Any) -> Any:
            return strategy.run(replica_step, args=batch)

        return step


class NonFiniteLossError(TrainingError):
    """The loss of a step is NaN or infinite.

    Parameters
    ----------
    step : int
        0-based step of the epoch.
    genes : ndarray
        Genes of the step, as rows of the feature file.
    """

    def __init__(self, step: int, genes: npt.NDArray[np.int32]) -> None:
        self.step = step
        self.genes = genes
        super().__init__(f"the loss is not finite in step {step}")


def _optimizer(config: TrainConfig) -> Any:
    import keras

    kinds = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    return kinds[config.optimizer](
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay or None,
        clipnorm=config.clip_norm,
    )
