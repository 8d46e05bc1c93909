"""Assemble a network: inputs -> one encoder a block -> joint layers -> head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
from keras import layers

from dexkit.errors import PluginError
from dexkit.hooks import BlockSpec, EncoderEntry, Head, PluginConfig
from dexkit.models.contract import Contract
from dexkit.models.layers import OneHotBases


def build_network(
    encoders: Sequence[tuple[EncoderEntry, PluginConfig]],
    head: Head,
    target_state: Mapping[str, float],
    contract: Contract,
    joint_units: Sequence[int] = (40,),
    joint_dropout: float = 0.0,
    n_train: int = 0,
) -> keras.Model:
    """Assemble encoders and head into one model.

    Parameters
    ----------
    encoders : sequence of tuple of (EncoderEntry, PluginConfig)
        One a block.
    head : Head
        Output layers.
    target_state : mapping
        What ``head.fit_target`` returned.
    contract : Contract
        Shapes of the inputs.
    joint_units : sequence of int, optional
        Dense layers over the joined vectors; used only when there are several encoders.
    joint_dropout : float, optional
        Share of values that dropout behind each of these layers silences.
    n_train : int, optional
        Number of training genes, told to the encoders.

    Returns
    -------
    keras.Model
        Inputs by block name: ``sequence`` (batch, length_bp) uint8 base codes, ``contacts``
        (batch, n_bins) float32 standardised profiles. Output as the head builds it.

    Raises
    ------
    PluginError
        When an encoder reads a block that networks cannot be fed with, or returns no vector.
    """
    inputs: dict[str, Any] = {}
    vectors = []
    for entry, config in encoders:
        block = entry.block
        if block == "sequence":
            length = contract.upstream_bp + contract.downstream_bp
            inputs[block] = keras.Input((length,), dtype="uint8", name=block)
            x = OneHotBases(name="one_hot_bases")(inputs[block])
            tss_index = contract.upstream_bp
        elif block == "contacts":
            inputs[block] = x = keras.Input((contract.n_bins,), name=block)
            tss_index = contract.n_bins // 2
        else:
            raise PluginError(
                f"encoder {entry.name!r} reads the block {block!r}; "
                "networks are fed with 'sequence' and 'contacts'"
            )
        spec = BlockSpec(block, tuple(x.shape[1:]), n_train, tss_index)
        encoder = entry.build(config, spec)
        vector = encoder(x)
        if len(vector.shape) != 2:
            raise PluginError(
                f"encoder {entry.name!r} returned shape {tuple(vector.shape)}; "
                "expected (batch, n_units)"
            )
        vectors.append(vector)
    x = vectors[0]
    if len(vectors) > 1:
        x = layers.Concatenate(name="joint")(vectors)
        for i, units in enumerate(joint_units):
            x = layers.Dense(units, "relu", name=f"joint_dense{i + 1}")(x)
            if joint_dropout:
                x = layers.Dropout(joint_dropout, name=f"joint_dropout{i + 1}")(x)
    return keras.Model(inputs, head.build(x, target_state), name="dexkit")
