"""Which genes a step sees: a function of seed, member and epoch alone, so that runs resume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

#: Separates the streams of random numbers that one seed drives.
_STREAM_ORDER, _STREAM_AUGMENT = 1, 2


@dataclass(frozen=True)
class EpochPlan:
    """One epoch of training batches, flattened over steps.

    Parameters
    ----------
    index : ndarray of shape (n_steps * batch_size,), dtype int32
        Gene of every slot; with several samples its row, a gene in a sample.
    shift : ndarray of shape (n_steps * batch_size,), dtype int32
        Shift of the window in bp, positive downstream.
    flip : ndarray of shape (n_steps * batch_size,), dtype bool
        Whether the slot is reverse-complemented.
    weight : ndarray of shape (n_steps * batch_size,), dtype float32
        Weight in the loss, 1 for a gene of this epoch (or its own weight, above 0); 0 for a slot
        that only fills up the last batch.
    batch_size : int
        Slots a step.
    """

    index: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]
    flip: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float32]
    batch_size: int

    @property
    def n_steps(self) -> int:
        """Steps of the epoch, the same on every replica."""
        return len(self.index) // self.batch_size

    def genes_of_step(self, step: int) -> npt.NDArray[np.int32]:
        """Return the genes that count in a step."""
        slots = slice(step * self.batch_size, (step + 1) * self.batch_size)
        return self.index[slots][self.weight[slots] > 0]


def training_epoch(
    genes: npt.NDArray[np.intp],
    batch_size: int,
    shift_bp: int,
    reverse_complement: bool,
    seed: int,
    epoch: int,
    weights: npt.NDArray[np.float32] | None = None,
) -> EpochPlan:
    """Shuffle the training genes into batches of one size.

    The last short batch is filled up with other training genes at weight zero, so that all
    batches have one shape. Neither the loss nor the statistics of batch normalisation see them
    (:class:`dexkit.training.moments.GlobalMoments`).

    Parameters
    ----------
    genes : ndarray of shape (n_train,), dtype intp
        Training genes, or rows.
    batch_size : int
        Genes a step; a smaller training set is one step.
    shift_bp : int
        Shifts are drawn from ``-shift_bp`` to ``shift_bp``, both included.
    reverse_complement : bool
        Whether half the slots are reverse-complemented.
    seed, epoch : int
        The plan is a function of these two.
    weights : ndarray of shape (n_rows,), dtype float32, optional
        Weight of every gene, or row, in the loss, above 0; 1 by default.

    Returns
    -------
    EpochPlan
        The epoch.
    """
    rng = np.random.default_rng([seed, epoch, _STREAM_ORDER])
    order = rng.permutation(genes).astype(np.int32)
    n_slots = -(-len(order) // batch_size) * batch_size
    filled = np.resize(order, n_slots)
    weight = np.zeros(n_slots, dtype=np.float32)
    weight[: len(order)] = 1 if weights is None else weights[order]
    augment = np.random.default_rng([seed, epoch, _STREAM_AUGMENT])
    shift = augment.integers(-shift_bp, shift_bp + 1, n_slots).astype(np.int32)
    flip = augment.random(n_slots) < (0.5 if reverse_complement else 0.0)
    return EpochPlan(filled, shift, flip, weight, batch_size)


def plain_epoch(genes: npt.NDArray[np.intp], batch_size: int) -> EpochPlan:
    """Return the genes in order, unshifted, for prediction; the last batch is filled up."""
    n_slots = -(-len(genes) // batch_size) * batch_size
    weight = np.zeros(n_slots, dtype=np.float32)
    weight[: len(genes)] = 1
    return EpochPlan(
        np.resize(genes.astype(np.int32), n_slots),
        np.zeros(n_slots, dtype=np.int32),
        np.zeros(n_slots, dtype=bool),
        weight,
        batch_size,
    )


@dataclass(frozen=True)
class Layout:
    """The slots of a plan, laid out over replicas.

    Parameters
    ----------
    index, shift, flip, weight : ndarray of shape (n_steps, n_replicas, slots)
        As in :class:`EpochPlan`; every replica has equally many slots, filled up at weight 0
        when the batch cannot be divided.
    weight_sum : ndarray of shape (n_steps,), dtype float32
        Sum of the weights of a step, over all replicas.
    n_counting : ndarray of shape (n_steps,), dtype float32
        Slots of a step with a weight above 0.
    in_batch : ndarray of shape (n_replicas * slots,), dtype bool
        Which slots of a step, replica by replica, are slots of the plan's batch.
    """

    index: npt.NDArray[np.int32]
    shift: npt.NDArray[np.int32]
    flip: npt.NDArray[np.bool_]
    weight: npt.NDArray[np.float32]
    weight_sum: npt.NDArray[np.float32]
    n_counting: npt.NDArray[np.float32]
    in_batch: npt.NDArray[np.bool_]


def lay_out(plan: EpochPlan, n_replicas: int) -> Layout:
    """Divide the batches of a plan among replicas: the first slots to the first replica.

    Parameters
    ----------
    plan : EpochPlan
        The epoch.
    n_replicas : int
        Replicas of all processes together.

    Returns
    -------
    Layout
        Slots of every replica.
    """
    n_steps, batch = plan.n_steps, plan.batch_size
    slots = -(-batch // n_replicas)
    # A slot too many repeats one of its batch, at weight 0.
    column = np.resize(np.arange(batch), n_replicas * slots)
    in_batch = np.arange(n_replicas * slots) < batch

    def spread(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values.reshape(n_steps, batch)[:, column].reshape(n_steps, n_replicas, slots)

    weight = spread(plan.weight) * in_batch.reshape(n_replicas, slots).astype(np.float32)
    return Layout(
        spread(plan.index),
        spread(plan.shift),
        spread(plan.flip),
        weight,
        weight.sum(axis=(1, 2)),
        (weight > 0).sum(axis=(1, 2)).astype(np.float32),
        in_batch,
    )
