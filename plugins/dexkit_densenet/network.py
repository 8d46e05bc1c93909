"""The promoter network in Keras."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, regularizers

from dexkit.errors import ConfigError
from dexkit.hooks import BlockSpec
from dexkit_densenet.config import DensenetConfig
from dexkit_densenet.layers import TssWeightedMean

#: Name of the layer whose output is the activation of the first-layer motif scanners.
MOTIF_LAYER = "motif_activation"


def build(config: DensenetConfig, spec: BlockSpec) -> keras.Model:
    """Build the densely connected promoter network.

    Parameters
    ----------
    config : DensenetConfig
        Hyper-parameters.
    spec : BlockSpec
        ``shape`` is ``(length_bp, 4)``: one-hot DNA, columns A, C, G, T.

    Returns
    -------
    keras.Model
        Input of shape ``(batch, length_bp, 4)``, output of shape ``(batch, dense_units[-1])``.

    Raises
    ------
    ConfigError
        When the window is too short for the number of pooling steps.

    Notes
    -----
    Stem: one 1-D convolution over all four nucleotides (a PWM scan), batch normalisation, ReLU
    under the name :data:`MOTIF_LAYER`. Dense block: layer ``l`` sees the concatenation of all
    layers before it (Zeng et al. 2019, section 2.2; batch normalisation - ReLU - convolution, the
    order of Huang et al. 2017). Transition: 1x1 convolution with compression, batch normalisation,
    ReLU, max-pooling. Read-out and fully connected layers 80-40-40.
    """
    length_bp = spec.shape[0]
    total_pool = config.stem_pool * config.pool**config.n_blocks
    if length_bp < total_pool:
        raise ConfigError(
            f"densenet: the window of {length_bp} bp is shorter than its total pooling of "
            f"{total_pool}; use a longer window or a smaller densenet.pool or densenet.n_blocks"
        )
    net = _Layers(config)
    # A mean has to cover the whole window; flatten drops a short last cell, as the paper's
    # parameter count implies.
    padding = "valid" if config.readout == "flatten" else "same"
    inputs = keras.Input(spec.shape, name="one_hot")
    x = net.conv(inputs, config.stem_filters, config.stem_width_bp, "motif_scan")
    motifs = net.norm_relu(x, "motif_norm", MOTIF_LAYER)
    x = motifs
    if config.stem_pool > 1:
        x = layers.MaxPooling1D(config.stem_pool, padding=padding, name="motif_pool")(x)
    for block in range(config.n_blocks):
        for layer in range(config.layers_per_block):
            name = f"block{block + 1}_layer{layer + 1}"
            new = net.norm_relu(x, f"{name}_norm", f"{name}_relu")
            new = net.conv(new, config.growth_rate, config.kernel_width, f"{name}_conv")
            if config.block_dropout:
                new = layers.Dropout(config.block_dropout, name=f"{name}_dropout")(new)
            x = layers.Concatenate(name=f"{name}_concat")([x, new])
        name = f"transition{block + 1}"
        if block < config.n_blocks - 1:
            x = net.conv(x, int(x.shape[-1] * config.compression), 1, f"{name}_conv")
        x = net.norm_relu(x, f"{name}_norm", f"{name}_relu")
        x = layers.MaxPooling1D(config.pool, padding=padding, name=f"{name}_pool")(x)
    # Convolutions are followed by batch normalisation, which undoes any scale: a penalty on
    # their kernels would do nothing. The dense kernels carry the prior.
    penalty = None
    if config.prior_genes and spec.n_train:
        penalty = regularizers.L2(config.prior_genes / spec.n_train)
    if config.readout == "tss-mean":
        x = _tss_mean(x, motifs, config, spec, penalty)
    elif config.readout == "max":
        x = layers.GlobalMaxPooling1D(name="read_out")(x)
    else:
        x = layers.Flatten(name="read_out")(x)
    for i, units in enumerate(config.dense_units):
        x = layers.Dense(units, "relu", kernel_regularizer=penalty, name=f"promoter_dense{i + 1}")(
            x
        )
        # The last vector goes to the head undisturbed.
        if config.dense_dropout and i < len(config.dense_units) - 1:
            x = layers.Dropout(config.dense_dropout, name=f"promoter_dropout{i + 1}")(x)
    return keras.Model(inputs, x, name="densenet")


class _Layers:
    """The two layer idioms that the network repeats."""

    def __init__(self, config: DensenetConfig) -> None:
        self._momentum = config.norm_momentum

    def conv(self, x: Any, filters: int, width: int, name: str) -> Any:
        return layers.Conv1D(
            filters,
            width,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=name,
        )(x)

    def norm_relu(self, x: Any, norm_name: str, relu_name: str) -> Any:
        norm = layers.BatchNormalization(momentum=self._momentum, name=norm_name)
        return layers.ReLU(name=relu_name)(norm(x))


def _tss_mean(x: Any, motifs: Any, config: DensenetConfig, spec: BlockSpec, penalty: Any) -> Any:
    """Average feature map and motif activations around the TSS, at unit scale.

    The mean motif activations act like k-mer counts, and small data sets live on them. The deep
    features come in at weight zero and grow as far as the penalty lets them: with few genes they
    would otherwise only add noise.
    """
    stride_bp = config.stem_pool * config.pool**config.n_blocks
    momentum = config.norm_momentum
    deep = layers.BatchNormalization(
        momentum=momentum,
        gamma_initializer="zeros",
        gamma_regularizer=penalty,
        name="deep_norm",
    )(TssWeightedMean(spec.tss_index, stride_bp, name="deep_mean")(x))
    # A mean over thousands of positions hardly varies between genes: back to unit scale.
    shallow = layers.BatchNormalization(momentum=momentum, name="motif_mean_norm")(
        TssWeightedMean(spec.tss_index, name="motif_mean")(motifs)
    )
    return layers.Concatenate(name="read_out")([shallow, deep])
