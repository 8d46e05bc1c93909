"""Weights of rows in the loss: of genes, given in a file, and of classes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dexkit.errors import ConfigError, InputError
from dexkit.features.file import FeatureFile
from dexkit.hooks import Head
from dexkit.io.weights import CLASSES, GeneWeights, describe_weights, read_weights
from dexkit.training.config import TrainConfig
from dexkit.workflows.rows import Rows

logger = logging.getLogger("dexkit")


@dataclass(frozen=True)
class Weights:
    """Weight of every row in the loss of a network.

    Parameters
    ----------
    values : ndarray of shape (n_rows,), dtype float32
        Above 0; weight of the gene times weight of the class.
    facts : dict
        Where they come from, JSON-able: ``genes`` and ``classes``, as far as given.
    """

    values: npt.NDArray[np.float32]
    facts: dict[str, Any]

    def describe(self) -> str:
        """Return one phrase for logs and reports."""
        return describe_weights(self.facts)


def weights_setting(path: Path | None) -> dict[str, str]:
    """Return the options of ``train`` that stand for ``--weights``.

    Parameters
    ----------
    path : Path or None
        The table.

    Returns
    -------
    dict
        ``weights`` and ``weights_sha256``; empty when there is no table.

    Raises
    ------
    InputError, FormatError
        When it cannot be read.
    """
    if path is None:
        return {}
    table = read_weights(path)
    return {"weights": str(Path(path).absolute()), "weights_sha256": table.sha256}


def weights_of(
    features: FeatureFile,
    rows: Rows,
    head: Head,
    target: npt.NDArray[np.float64],
    state: Mapping[str, Any],
    development: npt.NDArray[np.intp],
    config: TrainConfig,
) -> Weights | None:
    """Return the weights that the options ask for.

    Parameters
    ----------
    features : FeatureFile
        Names the genes.
    rows : Rows
        Samples and genes.
    head : Head
        Tells the classes.
    target : ndarray of shape (n_rows,), dtype float64
        What the head learns.
    state : mapping
        Its target state.
    development : ndarray, dtype intp
        Training and validation rows, of all members of an ensemble.
    config : TrainConfig
        ``weights`` and ``class_weight``.

    Returns
    -------
    Weights or None
        None: all rows count alike.

    Raises
    ------
    InputError
        When the table is missing or another one than before, or a training or validation gene has
        no weight.
    FormatError
        When the table is malformed.
    ConfigError
        When classes are weighted and there are none.
    """
    if config.weights is None and config.class_weight is None:
        return None
    values, facts = np.ones(len(rows)), dict[str, Any]()
    if config.weights is not None:
        table = _table(config)
        values = np.tile(_of_genes(features, rows, table, development), len(rows.samples))
        learnt = values[development]
        facts["genes"] = {
            "file": Path(table.path).name,
            "sha256": table.sha256,
            "lowest": float(learnt.min()),
            "highest": float(learnt.max()),
        }
    if config.class_weight is not None:
        by_class = _of_classes(head, target[development], state, config.class_weight)
        labels = head.encode_target(np.where(np.isfinite(target), target, 0.0), state)
        values = values * by_class[labels.astype(np.intp)]
        facts["classes"] = dict(zip(CLASSES, map(float, by_class), strict=True))
    weights = Weights(values.astype(np.float32), facts)
    logger.info("weights in the loss: %s", weights.describe())
    return weights


def _table(config: TrainConfig) -> GeneWeights:
    table = read_weights(str(config.weights))
    if config.weights_sha256 not in (None, table.sha256):
        raise InputError(
            f"the gene weights {config.weights} have changed since they were named: their SHA-256 "
            f"is {table.sha256}, expected {config.weights_sha256}; put the file back or start a "
            "new run with --weights"
        )
    return table


def _of_genes(
    features: FeatureFile, rows: Rows, table: GeneWeights, development: npt.NDArray[np.intp]
) -> npt.NDArray[np.float64]:
    """Return a weight of every gene of the file; 1 for one that nothing is learnt from."""
    gene_ids = features.genes.gene_id
    values = table.of(gene_ids)
    learnt = np.unique(rows.genes(development))
    missing = learnt[np.isnan(values[learnt])]
    if len(missing):
        raise InputError(
            f"{table.path}: {len(missing)} of {len(learnt)} training and validation genes have no "
            f"weight, the first is {gene_ids[missing[0]]}; expected one for each of them"
        )
    n_unknown = len(table.values) - int(np.isfinite(values).sum())
    if n_unknown:
        logger.warning(
            "%s: %d of %d genes are not in %s",
            table.path,
            n_unknown,
            len(table.values),
            features.path,
        )
    return np.where(np.isnan(values), 1.0, values)


def _of_classes(
    head: Head,
    target: npt.NDArray[np.float64],
    state: Mapping[str, Any],
    wanted: str | tuple[float, float],
) -> npt.NDArray[np.float64]:
    """Return the weight of the lower and the upper class."""
    if head.task != "classification":
        raise ConfigError(
            "train.class_weight weighs classes, and this run has none; give --head classification, "
            "or --weights for genes"
        )
    if not isinstance(wanted, str):
        return np.array(wanted)
    # As scikit-learn's "balanced": both classes have the same sum, the mean weight is 1.
    counts = np.bincount(head.encode_target(target, state).astype(np.intp), minlength=2)
    return len(target) / (2.0 * counts)
