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
        Gene of every slot.
    shift : ndarray of shape (n_steps * batch_size,), dtype int32
        Shift of the window in bp, positive downstream.
    flip : ndarray of shape (n_steps * batch_size,), dtype bool
        Whether the slot is reverse-complemented.
    weight : ndarray of shape (n_steps * batch_size,), dtype float32
        1 for a gene of this epoch; 0 for a slot that only fills up the last batch.
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
) -> EpochPlan:
    """Shuffle the training genes into batches of one size.

    The last short batch is filled up with other training genes at weight zero: batch
    normalisation then sees real genes, the loss does not see them at all.

    Parameters
    ----------
    genes : ndarray of shape (n_train,), dtype intp
        Training genes.
    batch_size : int
        Genes a step; a smaller training set is one step.
    shift_bp : int
        Shifts are drawn from ``-shift_bp`` to ``shift_bp``, both included.
    reverse_complement : bool
        Whether half the slots are reverse-complemented.
    seed, epoch : int
        The plan is a function of these two.

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
    weight[: len(order)] = 1
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


class DeviceSource:
    """All genes' blocks on the device; batches are gathered and cropped there.

    Parameters
    ----------
    arrays : dexkit.models.contract.BlockArrays
        Base codes with margins and standardised contact profiles.
    target : ndarray of shape (n_genes,), dtype float32
        Encoded target; the value of a gene that is not trained on does not matter.
    """

    def __init__(self, arrays: Any, target: npt.NDArray[np.float32]) -> None:
        import tensorflow as tf

        self._tf = tf
        self._margin = arrays.margin_bp
        self._codes = None if arrays.codes is None else tf.constant(np.asarray(arrays.codes))
        self._contacts = None if arrays.contacts is None else tf.constant(arrays.contacts)
        self._target = tf.constant(target)

    def gather(self, index: Any, shift: Any, flip: Any) -> tuple[dict[str, Any], Any]:
        """Return model inputs and target of a batch, as tensors.

        Parameters
        ----------
        index, shift, flip : tf.Tensor of shape (batch,)
            Slots of an :class:`EpochPlan`.

        Returns
        -------
        tuple of (dict, tf.Tensor)
            ``sequence`` (batch, length_bp) uint8, ``contacts`` (batch, n_bins) float32 as far as
            there; target (batch,) float32.
        """
        tf = self._tf
        inputs: dict[str, Any] = {}
        if self._codes is not None:
            rows = tf.gather(self._codes, index)
            length = self._codes.shape[1] - 2 * self._margin
            columns = tf.range(length)[None, :] + (self._margin + shift)[:, None]
            codes = tf.gather(rows, columns, batch_dims=1)
            known = tf.cast(codes < 4, tf.uint8)
            flipped = tf.reverse(known * (3 - tf.minimum(codes, 3)) + (1 - known) * 4, axis=[1])
            inputs["sequence"] = tf.where(flip[:, None], flipped, codes)
        if self._contacts is not None:
            profile = tf.gather(self._contacts, index)
            inputs["contacts"] = profile
        return inputs, tf.gather(self._target, index)
