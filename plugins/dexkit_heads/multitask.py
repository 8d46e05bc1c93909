"""The head with an output for each sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import layers, ops

from dexkit.errors import TrainingError
from dexkit.hooks import Task
from dexkit_heads.config import MultiTaskConfig
from dexkit_heads.heads import error_loss

Values = npt.NDArray[np.float64]
State = Mapping[str, Any]


class MultiTaskHead:
    """One linear output a sample, each trained on its own standardised target.

    Parameters
    ----------
    config : MultiTaskConfig
        Options.

    Notes
    -----
    ``y`` has the shape (n_genes, n_samples), NaN where a gene was not measured in a sample. Such
    an entry has no part in mean, standard deviation, loss or gradient; no value is put in its
    place. With one sample it is the head ``regression``.
    """

    task: Task = "regression"

    def __init__(self, config: MultiTaskConfig) -> None:
        self._config = config

    def fit_target(self, y_train: Values) -> dict[str, list[float]]:
        """Learn mean and standard deviation of each sample from its measured training genes.

        Raises
        ------
        TrainingError
            When a sample has fewer than two genes, or all of its values are the same.
        """
        means, sds = [], []
        for number, column in enumerate(y_train.T, start=1):
            measured = column[np.isfinite(column)]
            sd = float(np.std(measured)) if len(measured) else 0.0
            if not sd > 0:
                raise TrainingError(
                    f"sample {number} of {y_train.shape[1]}: {len(measured)} training genes are "
                    f"measured, with {len(np.unique(measured))} distinct values of expression; "
                    "expected values that differ; check its expression table, or leave it out"
                )
            means.append(float(np.mean(measured)))
            sds.append(sd)
        return {"mean": means, "sd": sds}

    def encode_target(self, y: Values, state: State) -> npt.NDArray[np.float32]:
        """Standardise each sample; NaN stays NaN."""
        return ((y - np.asarray(state["mean"])) / np.asarray(state["sd"])).astype(np.float32)

    def build(self, vector: Any, state: State) -> Any:
        """Add one linear unit a sample; its zero bias is the training mean of the sample."""
        return layers.Dense(len(state["mean"]), dtype="float32", name="expression")(vector)

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        """Return the mean squared (or Huber) error of each gene's measured samples, (batch,)."""
        measured = ops.logical_not(ops.isnan(y_true))
        # The inner where keeps NaN out of the gradient, too.
        error = ops.where(measured, y_pred - ops.where(measured, y_true, 0.0), 0.0)
        count = ops.sum(ops.cast(measured, "float32"), axis=1)
        total = ops.sum(error_loss(error, self._config.huber_delta), axis=1)
        return total / ops.maximum(count, 1.0)

    def decode(self, output: npt.NDArray[np.float32], state: State) -> Values:
        """Return predictions in original units, shape (n_genes, n_samples)."""
        return output.astype(np.float64) * np.asarray(state["sd"]) + np.asarray(state["mean"])

    def decode_tensor(self, output: Any, state: State) -> Any:
        """Do what :meth:`decode` does, on tensors: for exported models."""
        return ops.cast(output, "float64") * np.asarray(state["sd"]) + np.asarray(state["mean"])
