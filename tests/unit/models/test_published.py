"""The networks of the published code: every count of parameters, defects and their switches."""

import math

import numpy as np
import pytest

from dexkit.errors import ConfigError
from dexkit.hooks import BlockSpec, plugins
from dexkit.models.assembly import build_network
from dexkit.models.contract import Contract

TINY = {"stem_filters": 4, "layers_per_block": 1, "growth_rate": 2, "dense_units": 8}


def encoder(name, **values):
    entry = plugins().encoder(name)
    return entry, entry.config(**values)


@pytest.fixture(scope="module")
def network():
    """The whole model at 2,001 bp and 400 bins, as the preset densenet-2019 puts it together."""
    preset = plugins().preset("densenet-2019").values()
    head = plugins().head("regression")
    return build_network(
        [encoder(preset["encoders"][block]) for block in ("sequence", "contacts")],
        head.build(head.config(**preset["settings"]["regression"])),
        {"mean": 0.0, "sd": 1.0},
        Contract(("sequence", "contacts"), upstream_bp=1000, downstream_bp=1001, n_bins=400),
        preset["train"]["joint_units"],
        preset["train"]["joint_dropout"],
    ).model


def n_weights(weights):
    return sum(math.prod(weight.shape) for weight in weights)


def by_part(model):
    """Number of weights by the first word of the layers' names and by kind of layer."""
    counts = {}
    for layer in model.layers:
        if layer.weights:
            key = layer.name.split("_")[0], type(layer).__name__
            counts[key] = counts.get(key, 0) + layer.count_params()
    return counts


def test_the_promoter_network_part_by_part(network):
    promoter = network.get_layer("densenet_2019")
    assert by_part(promoter) == {
        ("motif", "Conv2D"): 4_096,
        ("motif", "BatchNormalization"): 512,
        ("block1", "Conv2D"): 446_976,
        ("transition1", "Conv2D"): 43_520,
        ("transition1", "BatchNormalization"): 640,
        ("block2", "Conv2D"): 520_704,
        ("transition2", "Conv2D"): 92_416,
        ("transition2", "BatchNormalization"): 1_216,
        ("block3", "Conv2D"): 852_480,
        ("promoter", "Dense"): 8_960_040,
    }
    assert promoter.count_params() == 10_922_600
    assert n_weights(promoter.trainable_variables) == 10_921_416
    assert [promoter.get_layer(f"block{i}_layer12_concat").output.shape[-1] for i in (1, 2, 3)] == [
        272,
        304,
        448,
    ]
    assert promoter.get_layer("read_out").output.shape == (None, 500 * 448)


def test_the_whole_model_has_12212561_parameters(network):
    assert network.count_params() == 12_212_561
    assert network.get_layer("contacts_2019").count_params() == 1_280_200
    joint = ["joint_dense1", "joint_dense2", "expression"]
    assert [network.get_layer(name).count_params() for name in joint] == [6_480, 3_240, 41]


def test_dropout_stands_behind_every_convolution_but_the_first(network):
    def rates(model):
        return [layer.rate for layer in model.layers if type(layer).__name__ == "Dropout"]

    assert rates(network.get_layer("densenet_2019")) == [0.5] * (3 * 12 + 2)
    assert rates(network.get_layer("contacts_2019")) == [0.5]
    assert rates(network) == [0.5, 0.5]


def test_the_promoter_network_at_401_bp():
    entry, config = encoder("densenet-2019")
    assert entry.build(config, BlockSpec("sequence", (401, 4))).count_params() == 3_754_600


def trained_columns(kernel_size):
    """Which kernel columns get a gradient, by layer, in a tiny network."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(4)
    entry, config = encoder("densenet-2019", **TINY, dropout=0.0, stem_kernel=kernel_size)
    model = entry.build(config, BlockSpec("sequence", (64, 4)))
    rng = np.random.default_rng(4)
    batch = np.eye(4, dtype=np.float32)[rng.integers(0, 4, (8, 64))]
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(batch, training=True) * rng.standard_normal((8, 8)))
    weights = {w.path: w for w in model.trainable_variables if "conv" in w.path or "scan" in w.path}
    gradients = tape.gradient(total, list(weights.values()))
    return {
        path.split("/")[0]: (np.asarray(g) != 0).any(axis=(0, 2, 3)).tolist()
        for path, g in zip(weights, gradients, strict=True)
    }


def test_weights_that_meet_only_padding():
    """Kernels are wider than the nucleotide axis, 4, 2 and 1 columns in blocks 1, 2 and 3."""
    columns = trained_columns("4x8")
    assert columns["motif_scan"] == [True] * 7 + [False]
    assert columns["block1_layer1_conv"] == [True] * 4
    assert columns["block2_layer1_conv"] == [True, True, True, False]
    assert columns["block3_layer1_conv"] == [False, True, False, False]
    assert trained_columns("8x4")["motif_scan"] == [True] * 4


@pytest.mark.parametrize(("kernel", "reach_bp"), [("4x8", 4), ("8x4", 8)])
def test_the_first_layer_reads_so_many_bases(kernel, reach_bp):
    entry, config = encoder("densenet-2019", **TINY, stem_kernel=kernel)
    model = entry.build(config, BlockSpec("sequence", (32, 4)))
    assert tuple(model.get_layer("motif_scan").kernel.shape[:2]) == (reach_bp, 12 - reach_bp)


def test_the_switches():
    entry, config = encoder("densenet-2019", **TINY, pool="max", dropout=0.0)
    model = entry.build(config, BlockSpec("sequence", (32, 4)))
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("MaxPooling2D") == 2
    assert not {"AveragePooling2D", "Dropout"} & set(kinds)
    entry, config = encoder("contacts-2019", dropout=0.0)
    model = entry.build(config, BlockSpec("contacts", (21,)))
    assert "Dropout" not in [type(layer).__name__ for layer in model.layers]
    assert model.get_layer("contact_dense1").count_params() == 160


@pytest.mark.parametrize(("n_blocks", "length_bp"), [(4, 512), (3, 3)])
def test_too_many_blocks(n_blocks, length_bp):
    entry, config = encoder("densenet-2019", **TINY, n_blocks=n_blocks)
    with pytest.raises(ConfigError, match=f"{n_blocks} blocks halve the window of {length_bp} bp"):
        entry.build(config, BlockSpec("sequence", (length_bp, 4)))
