"""The promoter network of DeepExpression's published code in Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from dexkit.errors import ConfigError
from dexkit.hooks import BlockSpec
from dexkit_densenet.config import Densenet2019Config

#: Transitions give 16 + 12 per layer so far: the code counts from 16, although the first layer
#: has 128 filters. So the first one squeezes 272 channels to 160, the second keeps 304.
_COUNTED_FROM = 16
#: Kernel of every convolution in a block: 4 positions by 4 columns.
_BLOCK_KERNEL = (4, 4)


def build(config: Densenet2019Config, spec: BlockSpec) -> keras.Model:
    """Build the promoter network as ``deepexpression.py`` of wanwenzeng/DeepExpression does.

    Parameters
    ----------
    config : Densenet2019Config
        Hyper-parameters.
    spec : BlockSpec
        ``shape`` is ``(length_bp, 4)``: one-hot DNA, columns A, C, G, T.

    Returns
    -------
    keras.Model
        Input of shape ``(batch, length_bp, 4)``, output of shape ``(batch, dense_units)``. At
        2,001 bp it has 10,922,600 parameters, 10,921,416 of them trained; at 401 bp 3,754,600.

    Raises
    ------
    ConfigError
        When the window is too short for the number of pooling steps, or there are more blocks
        than the four nucleotide columns can be halved for.

    Notes
    -----
    DNA is an image of ``length_bp`` by 4 with one channel; convolutions are two-dimensional,
    without bias and "same"-padded (revision cde238a, Keras names of today). First layer and
    batch normalisation; dense blocks of ReLU, convolution, dropout, concatenation; between them
    1x1 convolution, dropout, pooling, batch normalisation; flattening and one dense layer.
    """
    length_bp = spec.shape[0]
    total_pool = 2 ** (config.n_blocks - 1)
    if length_bp < total_pool or spec.shape[1] < total_pool:
        raise ConfigError(
            f"densenet-2019: {config.n_blocks} blocks halve the window of {length_bp} bp and its "
            f"{spec.shape[1]} nucleotide columns {config.n_blocks - 1} times; use at most 3 blocks "
            "and a longer window"
        )
    inputs = keras.Input(spec.shape, name="one_hot")
    x = layers.Reshape((*spec.shape, 1), name="image")(inputs)
    height, _, width = config.stem_kernel.partition("x")
    x = _conv(x, config.stem_filters, (int(height), int(width)), "motif_scan")
    x = layers.BatchNormalization(name="motif_norm")(x)
    n_counted = _COUNTED_FROM
    for block in range(1, config.n_blocks + 1):
        for layer in range(1, config.layers_per_block + 1):
            name = f"block{block}_layer{layer}"
            new = layers.ReLU(name=f"{name}_relu")(x)
            new = _conv(new, config.growth_rate, _BLOCK_KERNEL, f"{name}_conv")
            new = _dropout(new, config, f"{name}_dropout")
            x = layers.Concatenate(name=f"{name}_concat")([x, new])
        n_counted += config.layers_per_block * config.growth_rate
        if block < config.n_blocks:
            x = _transition(x, n_counted, config, f"transition{block}")
    x = layers.Flatten(name="read_out")(x)
    x = layers.Dense(config.dense_units, "relu", name="promoter_dense1")(x)
    return keras.Model(inputs, x, name="densenet_2019")


def _transition(x: Any, n_channels: int, config: Densenet2019Config, name: str) -> Any:
    pool = layers.AveragePooling2D if config.pool == "average" else layers.MaxPooling2D
    x = _conv(x, n_channels, (1, 1), f"{name}_conv")
    x = _dropout(x, config, f"{name}_dropout")
    x = pool((2, 2), name=f"{name}_pool")(x)
    return layers.BatchNormalization(name=f"{name}_norm")(x)


def _conv(x: Any, filters: int, kernel: tuple[int, int], name: str) -> Any:
    return layers.Conv2D(
        filters,
        kernel,
        padding="same",
        use_bias=False,
        kernel_initializer="he_uniform",
        name=name,
    )(x)


def _dropout(x: Any, config: Densenet2019Config, name: str) -> Any:
    return layers.Dropout(config.dropout, name=name)(x) if config.dropout else x
