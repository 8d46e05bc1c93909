"""The networks: sizes of the paper, inputs, saving."""

import warnings
from typing import get_args

import numpy as np
import pytest
from toy import SMALL_CONTACTS, SMALL_DENSENET

from dexkit.errors import ConfigError, PluginError
from dexkit.hooks import BlockSpec, plugins
from dexkit.models.assembly import build_network
from dexkit.models.contract import Contract
from dexkit.models.saving import save_network

REGRESSION = {"mean": 2.0, "sd": 0.5}
CLASSIFICATION = {"threshold": 1.0, "high_share": 0.25}
COUNTS = {"mean": 40.0, "dispersion": 3.0, "pseudocount": 1.0}
STATES = {
    "regression": REGRESSION,
    "classification": CLASSIFICATION,
    "poisson": COUNTS,
    "negative-binomial": COUNTS,
}


@pytest.fixture(autouse=True)
def seed():
    import keras

    keras.utils.set_random_seed(3)


def encoder(name, preset=None, **values):
    entry = plugins().encoder(name)
    chosen = dict(entry.presets[preset]) if preset else {}
    return entry, entry.config(**(chosen | values))


def head(name):
    entry = plugins().head(name)
    return entry.build(entry.config())


def codes(n_genes, length_bp, high=4):
    return np.random.default_rng(5).integers(0, high, (n_genes, length_bp), dtype=np.uint8)


def test_paper_shaped_densenet_has_393376_parameters():
    entry, config = encoder("densenet", "paper")
    network = entry.build(config, BlockSpec("sequence", (2000, 4), 900))
    assert network.count_params() == 393_376
    assert network.output_shape == (None, 40)


def test_dense_contacts_has_35320_parameters_at_400_bins():
    entry, config = encoder("dense-contacts")
    network = entry.build(config, BlockSpec("contacts", (400,), 900))
    # 400 x 80 + 80, 80 x 40 + 40
    assert network.count_params() == 35_320
    assert network.output_shape == (None, 40)


def test_a_first_layer_filter_reads_all_four_nucleotides():
    entry, config = encoder("densenet")
    network = entry.build(config, BlockSpec("sequence", (2000, 4), 900))
    kernel = network.get_layer("motif_scan").kernel
    assert tuple(kernel.shape) == (config.stem_width_bp, 4, config.stem_filters)
    assert network.get_layer("motif_activation").output.shape[-1] == config.stem_filters


@pytest.mark.parametrize("base", range(4))
def test_every_nucleotide_changes_the_output(base):
    network = whole([encoder("densenet", **SMALL_DENSENET)], "regression", length_bp=64)
    neutral = np.full((1, 64), 4, dtype=np.uint8)
    changed = neutral.copy()
    changed[0, 30:40] = base
    a, b = (np.asarray(network({"sequence": x}, training=False)) for x in (neutral, changed))
    assert not np.allclose(a, b)


READOUTS = get_args(plugins().encoder("densenet").config.model_fields["readout"].annotation)


@pytest.mark.parametrize("readout", READOUTS)
def test_readouts(readout):
    entry, config = encoder("densenet", **SMALL_DENSENET, readout=readout)
    network = entry.build(config, BlockSpec("sequence", (64, 4), 10))
    assert network.output_shape == (None, 8)


def test_too_short_a_window():
    entry, config = encoder("densenet")
    with pytest.raises(ConfigError, match="window of 100 bp is shorter than its total pooling"):
        entry.build(config, BlockSpec("sequence", (100, 4), 10))


# --- OneHotBases ---------------------------------------------------------------------------------


def one_hot(**options):
    from dexkit.models.layers import OneHotBases

    return OneHotBases(**options)


def test_one_hot_bases():
    out = np.asarray(one_hot()(np.array([[0, 1, 2, 3, 4]], dtype=np.uint8)))
    assert out.dtype == np.float32
    assert out[0].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0] * 4]


def test_one_hot_bases_with_a_value_for_n():
    layer = one_hot(n_value=0.25)
    out = np.asarray(layer(np.array([[2, 4]], dtype=np.uint8)))
    assert out[0].tolist() == [[0, 0, 1, 0], [0.25] * 4]
    assert type(layer).from_config(layer.get_config()).n_value == 0.25
    assert layer.compute_output_shape((None, 7)) == (None, 7, 4)


# --- assembly ------------------------------------------------------------------------------------


def whole(encoders, head_name, length_bp=64, n_bins=21, joint=(6,), joint_dropout=0.0):
    contract = Contract(
        blocks=tuple(entry.block for entry, _ in encoders),
        upstream_bp=length_bp // 2,
        downstream_bp=length_bp - length_bp // 2,
        n_bins=n_bins,
    )
    state = STATES[head_name]
    sizes = (joint, joint_dropout, 100)
    return build_network(encoders, head(head_name), state, contract, *sizes).model


@pytest.mark.parametrize("head_name", STATES)
@pytest.mark.parametrize(
    "names", [["densenet"], ["dense-contacts"], ["densenet", "dense-contacts"]]
)
def test_every_network_comes_back_from_its_file(tmp_path, names, head_name):
    import keras

    sizes = {"densenet": SMALL_DENSENET, "dense-contacts": SMALL_CONTACTS}
    network = whole([encoder(name, **sizes[name]) for name in names], head_name)
    rng = np.random.default_rng(2)
    blocks = {
        "sequence": codes(6, 64, high=5),
        "contacts": rng.standard_normal((6, 21)).astype(np.float32),
    }
    batch = {name: blocks[name] for name in network.input}
    # Moving statistics leave their start, so that a loss of them would show.
    network(batch, training=True)
    before = np.asarray(network(batch, training=False))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_network(network, tmp_path / "n.keras")
    assert [p.name for p in tmp_path.iterdir()] == ["n.keras"]
    again = keras.models.load_model(tmp_path / "n.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(again(batch, training=False)), before)
    assert before.shape == (6, 1 if head_name == "regression" else 2)
    assert before.dtype == np.float32


@pytest.mark.parametrize("preset", [None, "paper"])
def test_the_full_size_densenet_comes_back_from_its_file(tmp_path, preset):
    import keras

    network = whole([encoder("densenet", preset)], "regression", length_bp=512)
    batch = {"sequence": codes(2, 512)}
    before = np.asarray(network(batch, training=False))
    save_network(network, tmp_path / "n.keras")
    again = keras.models.load_model(tmp_path / "n.keras", compile=False)
    np.testing.assert_array_equal(np.asarray(again(batch, training=False)), before)


def test_a_failed_save_leaves_nothing(tmp_path):
    class Broken:
        def save(self, path):
            path.write_bytes(b"half")
            raise RuntimeError("a bug")

    (tmp_path / "n.keras").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="a bug"):
        save_network(Broken(), tmp_path / "n.keras")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"n.keras": b"old"}


def test_joint_layers_only_where_there_is_something_to_join():
    one = whole([encoder("densenet", **SMALL_DENSENET)], "regression")
    both = whole(
        [encoder("densenet", **SMALL_DENSENET), encoder("dense-contacts", **SMALL_CONTACTS)],
        "regression",
        joint=(6, 5),
    )
    names = [[layer.name for layer in network.layers] for network in (one, both)]
    assert not any("joint" in name for name in names[0])
    assert {"joint", "joint_dense1", "joint_dense2"} <= set(names[1])
    assert not any("joint_dropout" in name for name in names[1])


def test_joint_dropout_stands_behind_each_joint_layer():
    encoders = [encoder("densenet", **SMALL_DENSENET), encoder("dense-contacts", **SMALL_CONTACTS)]
    network = whole(encoders, "regression", joint=(6, 5), joint_dropout=0.25)
    names = [layer.name for layer in network.layers if "joint_d" in layer.name]
    assert names == ["joint_dense1", "joint_dropout1", "joint_dense2", "joint_dropout2"]
    assert network.get_layer("joint_dropout2").rate == 0.25


def test_an_encoder_that_returns_no_vector():
    _, config = encoder("densenet", **SMALL_DENSENET)

    class Flat:
        name, block = "flat", "sequence"

        def build(self, config, spec):
            import keras

            inputs = keras.Input(spec.shape)
            return keras.Model(inputs, keras.layers.Dense(2)(inputs))

    with pytest.raises(PluginError, match=r"'flat' returned shape \(None, 64, 2\)"):
        whole([(Flat(), config)], "regression")


# --- heads ---------------------------------------------------------------------------------------


def test_regression_head_starts_at_the_training_mean_and_decodes():
    regression = head("regression")
    y = np.array([1.0, 2.0, 3.0, 6.0])
    state = regression.fit_target(y)
    assert state == {"mean": 3.0, "sd": pytest.approx(np.sqrt(3.5))}
    z = regression.encode_target(y, state)
    assert z.dtype == np.float32
    np.testing.assert_allclose(regression.decode(z[:, None], state), y, rtol=1e-6)
    assert np.isnan(regression.encode_target(np.array([np.nan]), state)).all()


def test_losses():
    output = np.array([[0.0], [2.0], [-3.0]], dtype=np.float32)
    target = np.array([0.5, 0.0, 0.0], dtype=np.float32)
    np.testing.assert_allclose(head("regression").loss(target, output), [0.25, 4.0, 9.0])
    entry = plugins().head("regression")
    huber = entry.build(entry.config(huber_delta=1.0))
    # inside: e^2; outside: 2 d |e| - d^2
    np.testing.assert_allclose(huber.loss(target, output), [0.25, 3.0, 5.0])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    np.testing.assert_allclose(
        head("classification").loss(np.array([0.0, 0.0], np.float32), probabilities),
        -np.log([0.9, 0.2]),
        rtol=1e-5,
    )


def test_classification_head():
    classification = head("classification")
    y = np.array([0.0, 1.0, 2.0, 3.0])
    state = classification.fit_target(y)
    assert state == {"threshold": 1.5, "high_share": 0.5}
    assert classification.encode_target(y, state).tolist() == [0, 0, 1, 1]
    output = np.array([[0.75, 0.25]], dtype=np.float32)
    assert classification.decode(output, state).tolist() == [0.25]


def test_targets_that_cannot_be_learnt():
    from dexkit.errors import TrainingError

    with pytest.raises(TrainingError, match="all 3 training genes have the expression"):
        head("regression").fit_target(np.ones(3))
    with pytest.raises(TrainingError, match="all 3 training genes into one class"):
        head("classification").fit_target(np.ones(3))
