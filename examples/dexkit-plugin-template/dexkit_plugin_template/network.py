"""The network in Keras."""

from __future__ import annotations

import keras
from keras import layers

from dexkit.hooks import BlockSpec

from .config import Config


def build(config: Config, spec: BlockSpec) -> keras.Model:
    """Build the network: scan for motifs, keep the best and the mean match of each.

    Parameters
    ----------
    config : Config
        Hyper-parameters.
    spec : BlockSpec
        ``shape`` is ``(length_bp, 4)``: one-hot DNA, columns A, C, G, T.

    Returns
    -------
    keras.Model
        Input of shape ``(batch, length_bp, 4)``, output of shape ``(batch, n_units)``.
    """
    one_hot = keras.Input(spec.shape, name="one_hot")
    x = layers.Conv1D(config.n_filters, config.width_bp, padding="same", use_bias=False)(one_hot)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU(name="motif_activation")(x)
    best, mean = layers.GlobalMaxPooling1D()(x), layers.GlobalAveragePooling1D()(x)
    x = layers.Concatenate()([best, mean])
    x = layers.Dropout(config.dropout)(x)
    x = layers.Dense(config.n_units, "relu")(x)
    return keras.Model(one_hot, x)
