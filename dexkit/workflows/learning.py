"""What a network of a job is trained on: rows, encoded target, weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.evaluation.split import Split
from dexkit.models.contract import BlockArrays
from dexkit.workflows.prepare import Job


@dataclass(frozen=True)
class Learning:
    """Training data of one network in one stage.

    Parameters
    ----------
    arrays : BlockArrays
        Inputs of all rows.
    target : ndarray of shape (n_rows,) or (n_rows, n_samples), dtype float32
        Encoded target; with an output for each sample NaN wherever there is nothing to learn.
    train, validation : ndarray, dtype intp
        Rows.
    weights : ndarray of shape (n_rows,), dtype float32, or None
        Weight of each row in the loss; None: all count alike.
    names : ndarray of shape (n_rows,), dtype object
        Names for messages.
    """

    arrays: BlockArrays
    target: npt.NDArray[np.float32]
    train: npt.NDArray[np.intp]
    validation: npt.NDArray[np.intp]
    weights: npt.NDArray[np.float32] | None
    names: npt.NDArray[np.object_]


def learning_of(job: Job, split: Split, gene_names: Any, sequence_alone: bool = False) -> Learning:
    """Return what a network learns from.

    Parameters
    ----------
    job : Job
        The fit.
    split : Split
        Parts of this network.
    gene_names : ndarray of shape (n_genes,)
        Names of the genes of the file.
    sequence_alone : bool, optional
        Leave the contacts out: the first of two stages.

    Returns
    -------
    Learning
        A row is a gene in a sample, and its loss that of its own sample. Where the head has an
        output for each sample and the input is the same in all of them, a row is a gene with all
        its samples instead, and weighs as much as the rows that it stands for: the loss is the
        same, computed in one pass of the network instead of one for each sample.
    """
    arrays = replace(job.arrays, contacts=None) if sequence_alone else job.arrays
    weights = None if job.weights is None else job.weights.values
    names = job.rows.names(gene_names)
    if not job.per_sample:
        target = job.head.encode_target(job.target, job.state)
        return Learning(arrays, target, split.train, split.validation, weights, names)
    rows, number = job.rows, len(job.rows.samples)
    measured = np.full(len(rows), np.nan)
    for part in (split.train, split.validation):
        measured[part] = job.target[part]
    if arrays.contacts is not None:
        every = np.full((len(rows), number), np.nan)
        index = np.arange(len(rows))
        every[index, rows.numbers(index)] = measured
        target = job.head.encode_target(every, job.state)
        return Learning(arrays, target, split.train, split.validation, weights, names)
    table = rows.by_sample(measured)
    counts = np.isfinite(table).sum(axis=1).astype(np.float32)
    if weights is not None:
        # Heads of this kind have no classes: the weight is that of the gene, in every sample.
        counts *= rows.by_sample(weights)[:, 0]
    return Learning(
        arrays,
        job.head.encode_target(table, job.state),
        np.unique(rows.genes(split.train)),
        np.unique(rows.genes(split.validation)),
        counts,
        np.asarray(gene_names),
    )
