"""The fully connected contact network in Keras."""

from __future__ import annotations

import keras
from keras import layers, regularizers

from dexkit.hooks import BlockSpec
from dexkit_contacts.config import DenseContactsConfig


def build(config: DenseContactsConfig, spec: BlockSpec) -> keras.Model:
    """Build the contact network: dense layers with ReLU on the standardised profile.

    Parameters
    ----------
    config : DenseContactsConfig
        Hyper-parameters.
    spec : BlockSpec
        ``shape`` is ``(n_bins,)``.

    Returns
    -------
    keras.Model
        Input of shape ``(batch, n_bins)``, output of shape ``(batch, units[-1])``. With the
        paper's 400 bins and 80-40 units it has 35,320 parameters (Zeng et al. 2019, section 2.2).
    """
    penalty = None
    if config.prior_genes and spec.n_train:
        penalty = regularizers.L2(config.prior_genes / spec.n_train)
    inputs = keras.Input(spec.shape, name="profile")
    x = inputs
    for i, units in enumerate(config.units):
        if i and config.dropout:
            x = layers.Dropout(config.dropout, name=f"contact_dropout{i}")(x)
        x = layers.Dense(units, "relu", kernel_regularizer=penalty, name=f"contact_dense{i + 1}")(x)
    return keras.Model(inputs, x, name="dense_contacts")
