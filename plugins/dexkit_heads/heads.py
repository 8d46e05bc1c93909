"""Output layers, losses and target transforms of the built-in heads."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from dexkit.errors import TrainingError
from dexkit.hooks import Task
from dexkit_heads.config import ClassificationConfig, RegressionConfig

logger = logging.getLogger("dexkit")

Values = npt.NDArray[np.float64]
State = Mapping[str, float]


def error_loss(error: Any, huber_delta: float | None) -> Any:
    """Return the square of each error, beyond ``huber_delta`` its tangent (Huber loss, twice)."""
    if huber_delta is None:
        return ops.square(error)
    size = ops.abs(error)
    linear = 2.0 * huber_delta * size - huber_delta**2
    return ops.where(size <= huber_delta, ops.square(error), linear)


class RegressionHead:
    """Linear output trained on the standardised target, reported in original units.

    Parameters
    ----------
    config : RegressionConfig
        Options.

    Notes
    -----
    With ``output="relu"`` nothing is standardised, as in the published code of Zeng et al. 2019.
    A unit that starts below zero for every gene then has no gradient and never learns.
    """

    task: Task = "regression"

    def __init__(self, config: RegressionConfig) -> None:
        self._config = config

    def fit_target(self, y_train: Values) -> dict[str, float]:
        """Learn mean and standard deviation of the training genes.

        Raises
        ------
        TrainingError
            When all training values are the same, or a ReLU output can reach none of them.
        """
        sd = float(np.std(y_train))
        if not sd > 0:
            raise TrainingError(
                f"all {len(y_train)} training genes have the expression {y_train[:1]}; expected "
                "values that differ; check the sample and its expression table"
            )
        if self._config.output == "linear":
            return {"mean": float(np.mean(y_train)), "sd": sd}
        n_below = int((y_train < 0).sum())
        if not (y_train > 0).any():
            raise TrainingError(
                f"no log10 expression of {len(y_train)} training genes is above 0; expected some "
                "with regression.output=relu; use output=linear"
            )
        if n_below:
            logger.warning(
                "log10 expression of %d of %d training genes is below 0, where a ReLU output "
                "cannot come; use regression.output=linear or a --pseudocount of 1 or more",
                n_below,
                len(y_train),
            )
        return {"mean": 0.0, "sd": 1.0}

    def encode_target(self, y: Values, state: State) -> npt.NDArray[np.float32]:
        """Standardise ``y``."""
        return ((y - state["mean"]) / state["sd"]).astype(np.float32)

    def build(self, vector: Any, state: State) -> Any:
        """Add one unit; where it is linear, its zero bias is the training mean."""
        return layers.Dense(1, self._config.output, dtype="float32", name="expression")(vector)

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        """Return the squared (or Huber) error of each gene, shape (batch,)."""
        return error_loss(y_pred[:, 0] - y_true, self._config.huber_delta)

    def decode(self, output: npt.NDArray[np.float32], state: State) -> Values:
        """Return predictions in original units, shape (n_genes,)."""
        return output[:, 0].astype(np.float64) * state["sd"] + state["mean"]

    def decode_tensor(self, output: Any, state: State) -> Any:
        """Do what :meth:`decode` does, on tensors: for exported models."""
        return ops.cast(output[:, 0], "float64") * state["sd"] + state["mean"]


class ClassificationHead:
    """Softmax over low and high expression (paper section 2.2).

    Parameters
    ----------
    config : ClassificationConfig
        Options.
    """

    task: Task = "classification"

    def __init__(self, config: ClassificationConfig) -> None:
        self._config = config

    def fit_target(self, y_train: Values) -> dict[str, float]:
        """Learn the threshold: the median of the training genes unless given.

        Raises
        ------
        TrainingError
            When the threshold leaves one class empty.
        """
        given = self._config.threshold
        threshold = float(np.median(y_train)) if given is None else given
        n_high = int((y_train > threshold).sum())
        if n_high in (0, len(y_train)):
            raise TrainingError(
                f"threshold {threshold:g} puts all {len(y_train)} training genes into one class; "
                "expected both; set classification.threshold"
            )
        return {"threshold": threshold, "high_share": n_high / len(y_train)}

    def encode_target(self, y: Values, state: State) -> npt.NDArray[np.float32]:
        """Return 1 for genes above the threshold, else 0."""
        return (y > state["threshold"]).astype(np.float32)

    def build(self, vector: Any, state: State) -> Any:
        """Add two logits with the training class shares as prior."""
        share = state["high_share"]
        prior = keras.initializers.Constant([float(np.log(1 - share)), float(np.log(share))])
        x = layers.Dense(2, dtype="float32", bias_initializer=prior, name="logits")(vector)
        return layers.Softmax(dtype="float32", name="class")(x)

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        """Return the cross-entropy of each gene, shape (batch,)."""
        labels = ops.cast(y_true, "int32")
        return keras.losses.sparse_categorical_crossentropy(labels, y_pred)

    def decode(self, output: npt.NDArray[np.float32], state: State) -> Values:
        """Return the probability of the high class, shape (n_genes,)."""
        return output[:, 1].astype(np.float64)

    def decode_tensor(self, output: Any, state: State) -> Any:
        """Do what :meth:`decode` does, on tensors: for exported models."""
        return ops.cast(output[:, 1], "float64")
