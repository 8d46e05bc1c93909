"""The training loop: one for every ``tf.distribute`` strategy.

Keras 3's own ``fit`` does not run under every strategy (keras-team/keras#20585), so dexkit owns
its loop: variables and optimisers are made inside the strategy's scope and one compiled step runs
on every replica. The plan of an epoch lies on the devices before its first step; a step is told
its number and nothing else. The same global batch gives the same losses and weights on any number
of replicas, to rounding: sums over genes are sums over all replicas, batch normalisation sees
the global batch, penalties count once, and the gradient is clipped behind the sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import TrainingError
from dexkit.hooks import Head
from dexkit.models.backend import compiled
from dexkit.training.batches import EpochPlan, Layout, lay_out
from dexkit.training.config import TrainConfig
from dexkit.training.moments import GlobalMoments, ReplicaSeeds
from dexkit.training.sources import Source, crop, per_replica
from dexkit.training.updates import Updates

#: Steps that a GPU runs before their losses are fetched and checked: fetching waits for it.
_CHECK_EVERY_ON_GPU = 16
#: Columns of what a step returns.
_LOSS, _NORM, _STOP = range(3)


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
    source : Source
        Gives the rows of a batch.
    config : TrainConfig
        Optimiser and its options.
    rate_of : mapping of str to float, optional
        Learning-rate multipliers by layer name; see :class:`dexkit.training.updates.Updates`.
    """

    def __init__(
        self,
        strategy: Any,
        model: Any,
        head: Head,
        source: Source,
        config: TrainConfig,
        rate_of: Mapping[str, float] | None = None,
    ) -> None:
        import tensorflow as tf

        self._tf = tf
        self._strategy = strategy
        self._source = source
        self._head = head
        self._n_replicas = int(strategy.num_replicas_in_sync)
        self._multi_worker = bool(strategy.extended._in_multi_worker_mode())
        on_gpu = any("GPU" in device for device in strategy.extended.worker_devices)
        self._check_every = _CHECK_EVERY_ON_GPU if on_gpu else 1
        self._save_every = config.checkpoint_steps or 0
        self.model = model
        self.updates = Updates(strategy, model, config, rate_of)
        self._moments = GlobalMoments(model, self._n_replicas)
        ReplicaSeeds(model, self._n_replicas)
        self._placed = source.place(strategy)
        self._gradients_of = self._replica_gradients
        if config.xla:
            self._gradients_of = compiled(
                self._replica_gradients, jit_compile=True, autograph=False
            )
        # No autograph, as in Keras: there is nothing to convert, and errors keep their type.
        self._train_step = compiled(self._distributed_step, autograph=False)
        self._gradient_step = compiled(self._distributed_gradients, autograph=False)
        self._predict_step = compiled(self._distributed_prediction, autograph=False)
        self._go_on, self._stop = tf.constant(0.0), tf.constant(1.0)
        self._stop_wanted = False
        #: Whether this process, or with several workers any of them, asked to stop.
        self.stop_agreed = False

    @property
    def variables(self) -> list[Any]:
        """Everything that a step changes: weights, statistics, seed states, optimiser state."""
        return [*self.model.variables, *self.updates.variables]

    def request_stop(self) -> None:
        """Ask to stop: agreed at once, or with several workers by the next checked step."""
        self._stop_wanted = True
        self.stop_agreed |= not self._multi_worker

    def steps(
        self, plan: EpochPlan, learning_rate: float, done: Sequence[float] = ()
    ) -> Iterator[list[float]]:
        """Run the steps of an epoch; yield the losses so far whenever they have been checked.

        Parameters
        ----------
        plan : EpochPlan
            The batches.
        learning_rate : float
            Rate of this epoch.
        done : sequence of float, optional
            Losses of the steps that were done before the run was interrupted.

        Yields
        ------
        list of float
            Loss of every step so far, without penalties. On the CPU after every step, on a GPU
            after every 16th, at every step that ends with a checkpoint, and after the last one.

        Raises
        ------
        NonFiniteLossError
            When a loss or gradient is not finite.
        """
        self.updates.set_rate(learning_rate)
        losses, pending = [float(loss) for loss in done], []
        layout = lay_out(plan, self._n_replicas)
        for step, batch in self._batches(layout, len(losses)):
            stop = self._stop if self._stop_wanted else self._go_on
            pending.append(self._train_step(*batch, stop))
            if not self._is_checked(step, plan.n_steps):
                continue
            for values in np.array([np.asarray(p) for p in pending], dtype=np.float32):
                if not np.isfinite(values[[_LOSS, _NORM]]).all():
                    raise NonFiniteLossError(
                        len(losses),
                        plan.genes_of_step(len(losses)),
                        "gradient" if np.isfinite(values[_LOSS]) else "loss",
                    )
                losses.append(float(values[_LOSS]))
                self.stop_agreed |= bool(values[_STOP] > 0)
            pending = []
            yield losses

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
        NonFiniteLossError
            When a loss or gradient is not finite.
        """
        losses = list(self.steps(plan, learning_rate))[-1]
        return EpochLoss(mean_loss(plan, losses), np.array(losses, dtype=np.float32))

    def gradients(self, plan: EpochPlan, step: int) -> list[npt.NDArray[np.float32]]:
        """Return the gradients of one step, summed over replicas, before clipping."""
        batch = next(b for i, b in self._batches(lay_out(plan, self._n_replicas)) if i == step)
        found = self._gradient_step(*batch)
        local = self._strategy.experimental_local_results
        return [np.asarray(local(gradient)[0]) for gradient in found]

    def predict(self, plan: EpochPlan) -> npt.NDArray[np.float32]:
        """Return the network's output for the genes of a plan, shape (n_genes, n_outputs)."""
        layout = lay_out(plan, self._n_replicas)
        parts = []
        for _, batch in self._batches(layout):
            output = self._strategy.experimental_local_results(self._predict_step(*batch))
            # Workers have gathered already; each of their replicas holds all.
            values = output[:1] if self._multi_worker else output
            parts.append(np.concatenate([np.asarray(v) for v in values])[layout.in_batch])
        return np.concatenate(parts)[plan.weight > 0]

    def _is_checked(self, step: int, n_steps: int) -> bool:
        done = step + 1
        saves = self._save_every and done % self._save_every == 0
        return bool(done % self._check_every == 0 or saves or done == n_steps)

    def _batches(self, layout: Layout, start: int = 0) -> Iterator[tuple[int, tuple[Any, ...]]]:
        """Yield the steps from ``start`` on with what the compiled functions take."""
        tf, strategy = self._tf, self._strategy
        n_local = len(strategy.extended.worker_devices)
        first = _first_replica(strategy)
        mine = slice(first, first + n_local)

        def slots_of(replica: int) -> dict[str, npt.NDArray[Any]]:
            names = ("index", "shift", "flip", "weight")
            slots = {n: getattr(layout, n)[:, first + replica] for n in names}
            # TensorFlow keeps arithmetic on int32 in host memory, also where there is a GPU.
            slots |= {n: slots[n].astype(np.int64) for n in ("index", "shift")}
            return slots | {"weight_sum": layout.weight_sum, "n_counting": layout.n_counting}

        slots = per_replica(strategy, slots_of)
        feeds = self._source.feeds(strategy, layout.index[start:, mine])
        for step, feed in enumerate(feeds, start):
            yield step, (slots, self._placed, feed, tf.constant(step))

    def _inputs(self, slots: Any, placed: Any, feed: Any, step: Any) -> tuple[Any, Any, Any]:
        """Return this step's slots, model inputs and target of one replica."""
        now = {name: values[step] for name, values in slots.items()}
        rows = self._source.rows(placed, feed, now["index"])
        source = self._source
        return now, *crop(rows, now["shift"], now["flip"], source.margin_bp, source.mirrors)

    def _replica_gradients(self, slots: Any, placed: Any, feed: Any, step: Any) -> Any:
        """Return loss share and gradients of one replica; both add up over the replicas."""
        tf, model = self._tf, self.model
        now, inputs, target = self._inputs(slots, placed, feed, step)
        weight = now["weight"]
        counts = tf.cast(weight > 0, tf.float32)
        with tf.GradientTape() as tape:
            with self._moments.over(counts, now["n_counting"]):
                output = tf.cast(model(inputs, training=True), tf.float32)
            by_gene = tf.cast(self._head.loss(target, output), tf.float32)
            # where: a loss that is not finite in a slot that does not count must not count.
            by_gene = tf.where(weight > 0, by_gene * weight, 0.0)
            data_loss = tf.reduce_sum(by_gene) / now["weight_sum"]
            penalty = tf.add_n(model.losses) if model.losses else tf.constant(0.0)
            loss = data_loss + tf.cast(penalty, tf.float32) / self._n_replicas
        gradients = tape.gradient(
            loss, self.updates.trainable, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        return data_loss, [tf.convert_to_tensor(g) for g in gradients]

    def _summed(self, values: Any) -> Any:
        if self._n_replicas == 1:
            return values
        context = self._tf.distribute.get_replica_context()
        return context.all_reduce(self._tf.distribute.ReduceOp.SUM, values)

    def _distributed_step(self, *batch: Any) -> Any:
        tf = self._tf

        def replica_step(slots: Any, placed: Any, feed: Any, step: Any, stop: Any) -> Any:
            loss, gradients = self._gradients_of(slots, placed, feed, step)
            shared, gradients = self._summed((tf.stack([loss, stop]), gradients))
            gradients, norm = self.updates.clip(gradients)
            self.updates.apply(gradients)
            return tf.stack([shared[0], norm, shared[1]])

        return self._first(self._strategy.run(replica_step, args=batch))

    def _distributed_gradients(self, *batch: Any) -> Any:
        def replica_step(*batch: Any) -> Any:
            return self._summed(self._gradients_of(*batch)[1])

        return self._strategy.run(replica_step, args=batch)

    def _distributed_prediction(self, *batch: Any) -> Any:
        def replica_step(*batch: Any) -> Any:
            output = self.model(self._inputs(*batch)[1], training=False)
            return self._tf.cast(output, self._tf.float32)

        output = self._strategy.run(replica_step, args=batch)
        return self._strategy.gather(output, axis=0) if self._multi_worker else output

    def _first(self, values: Any) -> Any:
        """Return the value of the first local replica; all are the same."""
        return self._strategy.experimental_local_results(values)[0]


def mean_loss(plan: EpochPlan, losses: Sequence[float]) -> float:
    """Return the mean loss over the genes of an epoch from those of its steps."""
    weights = plan.weight.reshape(plan.n_steps, plan.batch_size).sum(axis=1)
    return float(np.average(np.array(losses, dtype=np.float32), weights=weights))


class NonFiniteLossError(TrainingError):
    """The loss or the gradient of a step is NaN or infinite.

    Parameters
    ----------
    step : int
        0-based step of the epoch.
    genes : ndarray
        Genes of the step, as rows of the feature file.
    what : str
        ``"loss"`` or ``"gradient"``.
    """

    def __init__(self, step: int, genes: npt.NDArray[np.int32], what: str = "loss") -> None:
        self.step = step
        self.genes = genes
        self.what = what
        super().__init__(f"the {what} is not finite in step {step}")


def _first_replica(strategy: Any) -> int:
    """Return the number, among all replicas, of the first one of this process."""
    resolver = getattr(strategy, "cluster_resolver", None)
    if resolver is None or not resolver.cluster_spec().as_dict():
        return 0
    workers_before = int(resolver.task_id)
    return workers_before * len(strategy.extended.worker_devices)
