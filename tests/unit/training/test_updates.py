"""Learning rates by layer, clipping, precision, XLA, and what a layer sees of a batch."""

from types import SimpleNamespace

import numpy as np
import pytest

from dexkit.errors import ConfigError, PluginError
from dexkit.training.batches import EpochPlan, training_epoch
from dexkit.training.config import TrainConfig
from dexkit.training.loop import Loop
from dexkit.training.sources import DeviceSource
from dexkit.training.strategy import make_strategy, precision, seed_everything


def loop_of(problem, make_network, head, config, rate_of=None):
    seed_everything(4)
    strategy = make_strategy(TrainConfig(device="cpu"))
    with strategy.scope(), precision(config):
        network = make_network()
    source = DeviceSource(problem.arrays, problem.target)
    return Loop(strategy, network, head, source, config, rate_of)


def one_step(index, weight=None):
    index = np.array(index, dtype=np.int32)
    zeros = np.zeros(len(index), dtype=np.int32)
    weight = np.ones(len(index)) if weight is None else np.array(weight)
    return EpochPlan(index, zeros, zeros.astype(bool), weight.astype(np.float32), len(index))


@pytest.fixture
def contacts_only(toy_problem):
    """A problem without sequence, for networks of two layers."""
    arrays = SimpleNamespace(codes=None, margin_bp=0, contacts=toy_problem.arrays.contacts)
    return SimpleNamespace(arrays=arrays, target=toy_problem.target)


def two_layers(norm=None):
    import keras
    from keras import layers

    bins = keras.Input((7,), name="contacts")
    x = layers.Dense(4, "relu", name="first")(bins)
    return keras.Model({"contacts": bins}, layers.Dense(1, name="last")(norm(x) if norm else x))


@pytest.mark.parametrize(
    ("rate_of", "expected"),
    [
        (None, [1e-3, 1e-3, 1e-3, 1e-3]),
        ({"first": 0.1}, [1e-4, 1e-4, 1e-3, 1e-3]),
        ({"first": 0}, [0, 0, 1e-3, 1e-3]),
        ({"first": 0.5, "last": 2}, [5e-4, 5e-4, 2e-3, 2e-3]),
    ],
)
def test_rates_of_layers(contacts_only, head, train_config, rate_of, expected):
    """Adam's first step is the rate itself, whatever the gradient."""
    trained = loop_of(contacts_only, two_layers, head, train_config(), rate_of)
    before = [np.asarray(v) for v in trained.model.variables]
    trained.train_epoch(one_step([1, 2, 3, 4, 5, 6]), 1e-3)
    after = [np.asarray(v) for v in trained.model.variables]
    moved = [float(np.abs(a - b).max()) for a, b in zip(after, before, strict=True)]
    assert moved == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("rate", [0.5, 1])
def test_a_resting_layer_neither_moves_nor_counts_in_the_norm(
    contacts_only, head, train_config, rate
):
    """What is not applied must not shorten what is; later it moves at its own rate."""
    plan, config = one_step([1, 2, 3, 4, 5, 6]), train_config(clip_norm=1e-3)
    trained = loop_of(contacts_only, two_layers, head, config, {"first": rate})
    gradients = trained.gradients(plan, 0)
    order = {id(v): g for v, g in zip(trained.updates.trainable, gradients, strict=True)}
    last = [order[id(v)] for v in trained.model.get_layer("last").weights]
    for resting, counted in ((True, last), (False, gradients)):
        trained.updates.resting = resting
        trained.updates.set_rate(1e-3)
        clipped, norm = trained.updates.clip(gradients)
        expected = np.sqrt(sum(float((g**2).sum()) for g in counted))
        assert float(norm) == pytest.approx(expected, rel=1e-5)
        np.testing.assert_allclose(clipped[-1], gradients[-1] * 1e-3 / expected, rtol=1e-4)
    trained.updates.resting = True
    for moves in (0, rate * 1e-3):
        before = np.asarray(trained.model.get_layer("first").kernel).copy()
        trained.train_epoch(plan, 1e-3)
        found = np.abs(np.asarray(trained.model.get_layer("first").kernel) - before).max()
        assert found == pytest.approx(moves, rel=0.5) if moves else found == 0
        trained.updates.resting = False


@pytest.mark.parametrize(
    ("rate_of", "message"),
    [
        ({"fisrt_layer": 0.1}, "no layer 'fisrt_layer'.*did you mean 'first'"),
        ({"first": 0, "last": 0}, "nothing is left to train"),
        ({"first": -1}, "is -1; expected >= 0"),
    ],
)
def test_rates_that_cannot_be(contacts_only, head, train_config, rate_of, message):
    with pytest.raises(ConfigError, match=message):
        loop_of(contacts_only, two_layers, head, train_config(), rate_of)


def test_the_gradient_is_clipped_as_a_whole(toy_problem, make_model, head, train_config):
    """All gradients are scaled by one factor; their directions stay."""
    config = train_config(clip_norm=0.01)
    trained = loop_of(toy_problem, lambda: make_model(dropout=0), head, config)
    gradients = trained.gradients(one_step([1, 2, 3]), 0)
    norm = float(np.sqrt(sum((g.astype(np.float64) ** 2).sum() for g in gradients)))
    assert norm > 0.02
    clipped, found = trained.updates.clip(gradients)
    assert float(found) == pytest.approx(norm, rel=1e-5)
    for a, b in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(a, b * (0.01 / norm), rtol=1e-4, atol=1e-9)
    small = [g * (0.005 / norm) for g in gradients]
    np.testing.assert_allclose(trained.updates.clip(small)[0][0], small[0], rtol=1e-5)


# --- batch normalisation -------------------------------------------------------------------------


def test_slots_that_fill_up_do_not_reach_the_statistics(
    toy_problem, make_model, head, train_config
):
    """Loss, gradients and moving statistics are those of the genes that count."""

    def after(plan):
        make = lambda: make_model(norm=True, dropout=0)  # noqa: E731
        trained = loop_of(toy_problem, make, head, train_config())
        loss = trained.train_epoch(plan, 0.01).mean
        return [loss, *(np.asarray(v) for v in trained.model.variables)]

    expected = after(one_step([1, 2, 3]))
    for padding in ([7, 8], [30, 30]):
        padded = after(one_step([1, 2, 3, *padding], [1, 1, 1, 0, 0]))
        for a, b in zip(expected, padded, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    moving = [v.path for v in make_model(norm=True).variables if "moving" in v.path]
    assert len(moving) == 2


def test_one_replica_normalises_as_keras_does(toy_problem, make_model, head, train_config):
    make = lambda: make_model(norm=True, dropout=0)  # noqa: E731
    trained = loop_of(toy_problem, make, head, train_config())
    seed_everything(4)
    plain = make()
    index = np.arange(8)
    arrays = toy_problem.arrays
    inputs = {"sequence": arrays.codes[index, 6:-6], "contacts": arrays.contacts[index]}
    output = np.asarray(plain(inputs, training=True))
    expected = np.mean((output[:, 0] - toy_problem.target[index]) ** 2)
    assert trained.train_epoch(one_step(index), 0.0).mean == pytest.approx(
        float(expected), rel=1e-5
    )
    for a, b in zip(trained.model.variables, plain.variables, strict=True):
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-6)
    # Outside the loop the layer is Keras's own again.
    np.testing.assert_allclose(
        np.asarray(trained.model(inputs, training=True)),
        np.asarray(plain(inputs, training=True)),
        rtol=1e-4,
        atol=1e-5,
    )


def folded(x):
    """Normalise with two rows a gene."""
    import keras
    from keras import layers, ops

    pairs = layers.Lambda(lambda v: ops.reshape(v, (-1, 2)), output_shape=(2,))(x)
    pairs = layers.BatchNormalization()(pairs)
    assert isinstance(pairs, keras.KerasTensor)
    return layers.Lambda(lambda v: ops.reshape(v, (-1, 4)), output_shape=(4,))(pairs)


def test_rows_of_one_gene_count_together(contacts_only, head, train_config):
    def loss(plan):
        trained = loop_of(contacts_only, lambda: two_layers(folded), head, train_config())
        return trained.train_epoch(plan, 0.01).mean

    padded = loss(one_step([1, 2, 3, 9], [1, 1, 1, 0]))
    assert padded == pytest.approx(loss(one_step([1, 2, 3])), rel=1e-5)


def test_rows_that_belong_to_no_gene_are_refused(contacts_only, head, train_config):
    from keras import layers, ops

    def shifted(x):
        fewer = layers.Lambda(lambda v: v[1:], output_shape=(4,))(x)
        normed = layers.BatchNormalization(name="odd")(fewer)
        last = layers.Lambda(lambda v: ops.concatenate([v, v[:1]]), output_shape=(4,))
        return last(normed)

    trained = loop_of(contacts_only, lambda: two_layers(shifted), head, train_config())
    with pytest.raises(PluginError, match="'odd' sees 2 rows for a batch of 3 genes"):
        trained.train_epoch(one_step([1, 2, 3]), 0.01)


# --- precision and XLA ---------------------------------------------------------------------------


def test_bf16_computes_in_bfloat16_and_keeps_float32_weights(
    toy_problem, make_model, head, train_config, tmp_path
):
    import keras

    from dexkit.models.saving import save_network

    config = train_config(precision="bf16")
    trained = loop_of(toy_problem, lambda: make_model(norm=True), head, config)
    assert keras.config.dtype_policy().name == "float32"
    assert {layer.compute_dtype for layer in trained.model.layers if layer.weights} == {"bfloat16"}
    assert {v.dtype for v in trained.model.trainable_variables} == {"float32"}
    plan = training_epoch(toy_problem.train, 8, 3, False, 1, 0)
    first = trained.train_epoch(plan, 0.01).mean
    assert min(trained.train_epoch(plan, 0.01).mean for _ in range(8)) < first
    save_network(trained.model, tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras", compile=False)
    assert {layer.compute_dtype for layer in again.layers if layer.weights} == {"bfloat16"}


def test_xla_gives_the_same_losses(toy_problem, make_model, head, train_config):
    plan = training_epoch(toy_problem.train, 8, 3, False, 1, 0)
    make = lambda: make_model(norm=True, dropout=0)  # noqa: E731
    plain, compiled = (
        loop_of(toy_problem, make, head, train_config(xla=xla)).train_epoch(plan, 0.01).steps
        for xla in (False, True)
    )
    np.testing.assert_allclose(plain, compiled, rtol=1e-4)
