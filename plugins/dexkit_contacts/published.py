"""The contact network of DeepExpression's published code in Keras."""

from __future__ import annotations

import keras
from keras import layers

from dexkit.hooks import BlockSpec
from dexkit_contacts.config import Contacts2019Config


def build(config: Contacts2019Config, spec: BlockSpec) -> keras.Model:
    """Build the contact network as ``deepexpression.py`` of wanwenzeng/DeepExpression does.

    Parameters
    ----------
    config : Contacts2019Config
        Hyper-parameters.
    spec : BlockSpec
        ``shape`` is ``(n_bins,)``.

    Returns
    -------
    keras.Model
        Input of shape ``(batch, n_bins)``, output of shape ``(batch, units)``; 1,280,200
        parameters at 400 bins.

    Notes
    -----
    The first dense layer acts on the last axis of ``(n_bins, 1)``: one map from a bin to 80
    numbers, the same for all bins, with 160 parameters. Bins meet only behind the flattening.
    The paper's text has 400-80-40 fully connected units instead: ``dense-contacts:paper``.
    """
    inputs = keras.Input(spec.shape, name="profile")
    x = layers.Reshape((*spec.shape, 1), name="bins")(inputs)
    x = layers.Dense(config.units_per_bin, "relu", name="contact_dense1")(x)
    if config.dropout:
        x = layers.Dropout(config.dropout, name="contact_dropout1")(x)
    x = layers.Flatten(name="read_out")(x)
    x = layers.Dense(config.units, "relu", name="contact_dense2")(x)
    return keras.Model(inputs, x, name="contacts_2019")
