"""Assemble a network: inputs -> one encoder a block -> joint layers -> head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers

from dexkit.errors import PluginError
from dexkit.hooks import BlockSpec, EncoderEntry, Head, PluginConfig
from dexkit.models.contract import Contract
from dexkit.models.layers import OneHotBases


@dataclass(frozen=True)
class Network:
    """An assembled network.

    Parameters
    ----------
    model : keras.Model
        Inputs by block name: ``sequence`` (batch, length_bp) uint8 base codes, ``contacts``
        (batch, n_bins) float32 standardised profiles. Output as the head builds it.
    encoders : dict of str to keras.Layer
        The encoder of each block.
    """

    model: keras.Model
    encoders: dict[str, Any]


def build_network(
    encoders: Sequence[tuple[EncoderEntry, PluginConfig]],
    head: Head,
    target_state: Mapping[str, Any],
    contract: Contract,
    joint_units: Sequence[int] = (40,),
    joint_dropout: float = 0.0,
    n_train: int = 0,
) -> Network:
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
    Network
        The model and its encoders.

    Raises
    ------
    PluginError
        When an encoder reads a block that networks cannot be fed with, or returns no vector.
    """
    inputs: dict[str, Any] = {}
    vectors = []
    layer_of = {}
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
        layer_of[block] = encoder
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
    model = keras.Model(inputs, head.build(x, target_state), name="dexkit")
    return Network(model, layer_of)


def carry_over(source: Any, target: Any) -> None:
    """Give one encoder the weights of another that was built from the same options.

    Parameters
    ----------
    source, target : keras.Layer
        Encoders; weights go from layer to layer of the same name, batch statistics too. Where
        the layers have no names of their own (Keras numbers them), they go by order.

    Raises
    ------
    PluginError
        When the two differ in weights: the factory does not build the same encoder twice.
    """
    pair = [{_inner_name(e, v): v for v in e.weights} for e in (source, target)]
    if pair[0].keys() != pair[1].keys() or len(pair[1]) != len(target.weights):
        pair = [{str(i): v for i, v in enumerate(e.weights)} for e in (source, target)]
    shapes = [{name: tuple(v.shape) for name, v in weights.items()} for weights in pair]
    if shapes[0] != shapes[1]:
        raise PluginError(
            f"encoder {target.name!r} came out with other weights when it was built for the "
            "second time with the same options; two-step training needs a factory that builds "
            "the same network, use --training joint"
        )
    for name, variable in pair[1].items():
        variable.assign(np.asarray(pair[0][name]))


def _inner_name(encoder: Any, variable: Any) -> str:
    """Return the path of a variable below its encoder."""
    return str(variable.path).partition(f"{encoder.name}/")[2] or str(variable.path)
