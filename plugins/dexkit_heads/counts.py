"""Heads that model counts: quasi-Poisson and negative binomial.

Both have two output columns, float32: the logarithm of a dispersion, then that of the mean. The
target travels as log(1 + raw), which keeps a count of any size to a millionth in float32; losses
are computed in float64, because the log-gamma function of large counts loses all digits that
matter otherwise.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from dexkit.errors import TrainingError
from dexkit.hooks import NoConfig, Task
from dexkit_heads.config import NegativeBinomialConfig
from dexkit_heads.layers import SharedColumn

logger = logging.getLogger("dexkit")

Values = npt.NDArray[np.float64]
State = Mapping[str, float]

#: Beyond e^20 (5e8 counts) the mean grows no longer exponentially but linearly, so that no output
#: of the network overflows and every output has a gradient.
_EXPONENTIAL_UP_TO = 20.0
#: Log dispersions stay within plus or minus this: 6e-6 (all but Poisson) to 160,000.
_LARGEST_LOG_DISPERSION = 12.0
#: Closest start to that limit, as a share of it: at the limit itself the gradient is zero.
_FARTHEST_START = 0.9
#: Share by which a count may be off a whole number: feature files hold float32.
_WHOLE = 1e-6


class _CountHead(ABC):
    """What both heads share: target, output layer of the mean, prediction."""

    task: Task = "regression"

    def fit_target(self, y_train: Values) -> dict[str, float]:
        """Learn mean and dispersion of the training genes, by moments.

        Raises
        ------
        TrainingError
            When a value is negative, or all are the same.
        """
        if (y_train < 0).any():
            raise TrainingError(
                f"expression of {int((y_train < 0).sum())} of {len(y_train)} training genes is "
                f"negative, the lowest {y_train.min():g}; expected counts; use --head regression"
            )
        variance = float(np.var(y_train))
        if not variance > 0:
            raise TrainingError(
                f"all {len(y_train)} training genes have the expression {y_train[:1]}; expected "
                "values that differ; check the sample and its expression table"
            )
        n_broken = int((np.abs(y_train - np.rint(y_train)) > _WHOLE * y_train).sum())
        if n_broken:
            logger.warning(
                "expression of %d of %d training genes is no whole number: it is taken as it is, "
                "and the likelihood of counts only as a loss (best with counts)",
                n_broken,
                len(y_train),
            )
        mean = float(np.mean(y_train))
        return {"mean": mean, "dispersion": self._moment(mean, variance)}

    @abstractmethod
    def _moment(self, mean: float, variance: float) -> float:
        """Return the dispersion that mean and variance give."""

    def encode_target(self, y: Values, state: State) -> npt.NDArray[np.float32]:
        """Return log(1 + raw)."""
        return np.log1p(y).astype(np.float32)

    def decode(self, output: npt.NDArray[np.float32], state: State) -> Values:
        """Return log10(mean + pseudocount), shape (n_genes,)."""
        mean = np.exp(np.asarray(_log_mean(output)))
        return np.log10(mean + state["pseudocount"])

    def decode_tensor(self, output: Any, state: State) -> Any:
        """Do what :meth:`decode` does, on tensors: for exported models."""
        return tf.math.log(tf.exp(_log_mean(output)) + state["pseudocount"]) / float(np.log(10))

    def _mean(self, vector: Any, state: State) -> Any:
        """Add the log mean, which starts at that of the training genes."""
        start = keras.initializers.Constant(float(np.log(state["mean"])))
        return layers.Dense(1, dtype="float32", bias_initializer=start, name="log_mean")(vector)


class PoissonHead(_CountHead):
    """Quasi-Poisson: variance proportional to the mean.

    Parameters
    ----------
    config : NoConfig
        There are no options.

    Notes
    -----
    Half the Poisson deviance over the dispersion (variance over mean of the training genes):
    the optimum is that of the Poisson likelihood, and the size of the loss that of a standardised
    squared error, whatever the sequencing depth.
    """

    def __init__(self, config: NoConfig) -> None:
        self._config = config

    def _moment(self, mean: float, variance: float) -> float:
        return variance / mean

    def build(self, vector: Any, state: State) -> Any:
        """Add log dispersion (fixed) and log mean."""
        fixed = float(np.log(state["dispersion"]))
        column = SharedColumn(fixed, trainable=False, dtype="float32", name="log_dispersion")
        return column(self._mean(vector, state))

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        """Return half the scaled deviance of each gene, shape (batch,)."""
        y = tf.math.expm1(tf.cast(y_true, tf.float64))
        log_mean = _log_mean(y_pred)
        dispersion = tf.exp(tf.cast(y_pred[:, 0], tf.float64))
        # xlogy: 0 log 0 = 0.
        deviance = tf.math.xlogy(y, y) - y - y * log_mean + tf.exp(log_mean)
        return tf.cast(deviance / dispersion, tf.float32)


class NegativeBinomialHead(_CountHead):
    """Negative binomial: variance = mean + dispersion * mean squared.

    Parameters
    ----------
    config : NegativeBinomialConfig
        Options.

    Notes
    -----
    The dispersion is learnt with the network, from the moments of the training genes on: one
    weight, or an output of its own.
    """

    def __init__(self, config: NegativeBinomialConfig) -> None:
        self._config = config

    def _moment(self, mean: float, variance: float) -> float:
        # Below the variance of a Poisson law: as good as none.
        return max((variance - mean) / mean**2, float(np.exp(-_LARGEST_LOG_DISPERSION)))

    def build(self, vector: Any, state: State) -> Any:
        """Add log dispersion (before its limits) and log mean."""
        share = float(np.log(state["dispersion"])) / _LARGEST_LOG_DISPERSION
        share = float(np.clip(share, -_FARTHEST_START, _FARTHEST_START))
        start = _LARGEST_LOG_DISPERSION * float(np.arctanh(share))
        log_mean = self._mean(vector, state)
        if self._config.dispersion == "shared":
            return SharedColumn(start, dtype="float32", name="log_dispersion")(log_mean)
        bias = keras.initializers.Constant(start)
        own = layers.Dense(1, dtype="float32", bias_initializer=bias, name="log_dispersion")
        return layers.Concatenate(dtype="float32", name="counts")([own(vector), log_mean])

    def loss(self, y_true: Any, y_pred: Any) -> Any:
        """Return the negative log-likelihood of each gene, shape (batch,)."""
        y = tf.math.expm1(tf.cast(y_true, tf.float64))
        log_mean = _log_mean(y_pred)
        limit = _LARGEST_LOG_DISPERSION
        log_size = -limit * tf.tanh(tf.cast(y_pred[:, 0], tf.float64) / limit)
        size = tf.exp(log_size)
        # log(size + mean), without overflow
        log_total = log_mean + tf.math.softplus(log_size - log_mean)
        log_likelihood = (
            tf.math.lgamma(y + size)
            - tf.math.lgamma(size)
            - tf.math.lgamma(y + 1)
            + size * (log_size - log_total)
            + y * (log_mean - log_total)
        )
        return tf.cast(-log_likelihood, tf.float32)


def _log_mean(output: Any) -> Any:
    """Return the log mean of an output, float64: as it is, beyond the limit its logarithm."""
    given = tf.cast(output[:, -1], tf.float64)
    beyond = tf.nn.relu(given - _EXPONENTIAL_UP_TO)
    return given - beyond + tf.math.log1p(beyond)
