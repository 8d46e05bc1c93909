"""The parts of the example that need keras: a layer of its own, a head with two outputs."""

import keras
import numpy as np
from keras import layers, ops


@keras.saving.register_keras_serializable("dexkit_example")
class SumOverPositions(layers.Layer):
    def call(self, x):
        return ops.sum(x, axis=1) / x.shape[1]


def pooled(config, spec):
    inputs = keras.Input(spec.shape)
    x = layers.Conv1D(16, 7, activation="relu")(inputs)
    return keras.Model(inputs, layers.Dense(config.n_units)(SumOverPositions()(x)))


class GaussianHead:
    """Mean and log variance of the standardised target."""

    task = "regression"

    def __init__(self, config):
        pass

    def fit_target(self, y_train):
        return {"mean": float(np.mean(y_train)), "sd": float(np.std(y_train))}

    def encode_target(self, y, state):
        return ((y - state["mean"]) / state["sd"]).astype(np.float32)

    def build(self, vector, state):
        return layers.Dense(2, dtype="float32")(vector)

    def loss(self, y_true, y_pred):
        log_variance = y_pred[:, 1]
        return log_variance + ops.square(y_true - y_pred[:, 0]) * ops.exp(-log_variance)

    def decode(self, output, state):
        return output[:, 0].astype(np.float64) * state["sd"] + state["mean"]
