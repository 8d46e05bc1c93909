"""The loop: masking, schedule, early stopping, resume, a loss that is no number."""

import io
import json
import logging
import math
import pickle

import numpy as np
import pytest

from dexkit.errors import TrainingError
from dexkit.training.batches import DeviceSource, EpochPlan, training_epoch
from dexkit.training.checkpoint import load_checkpoint, save_checkpoint
from dexkit.training.fit import _EarlyStopping, fit_network, learning_rate_at
from dexkit.training.loop import Loop
from dexkit.training.strategy import make_strategy, seed_everything


def loop(problem, make_model, head, config, **model):
    seed_everything(4)
    strategy = make_strategy("cpu")
    with strategy.scope():
        network = make_model(**model)
    return Loop(strategy, network, head, DeviceSource(problem.arrays, problem.target), config)


def weights(network):
    return [np.asarray(v) for v in network.trainable_variables]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def fit(problem, make_model, head, config, checkpoint=None, on_epoch=None, seed=9, **model):
    seed_everything(seed)
    return fit_network(
        make_strategy("cpu"),
        lambda: make_model(**model),
        head,
        DeviceSource(problem.arrays, problem.target),
        problem.target,
        problem.train,
        problem.validation,
        config,
        seed,
        problem.names,
        checkpoint,
        on_epoch,
    )


def rows(result):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in result.history]


# --- masking -------------------------------------------------------------------------------------


def one_step(problem, make_model, head, config, plan, **model):
    trained = loop(problem, make_model, head, config, dropout=0, **model)
    loss = trained.train_epoch(plan, 0.01)
    return loss.mean, weights(trained.model)


def slots(index, weight):
    index = np.array(index, dtype=np.int32)
    n = len(index)
    zeros = np.zeros(n, dtype=np.int32)
    return EpochPlan(index, zeros, zeros.astype(bool), np.array(weight, np.float32), n)


def test_padding_changes_neither_loss_nor_gradients(toy_problem, make_model, head, train_config):
    """Without batch normalisation, whatever fills up a batch must not matter."""
    run = (toy_problem, make_model, head, train_config())
    loss, after = one_step(*run, slots([1, 2, 3], [1, 1, 1]), l2=0.01)
    for padding in ([7, 8], [30, 30]):
        padded, after_padded = one_step(*run, slots([1, 2, 3, *padding], [1, 1, 1, 0, 0]), l2=0.01)
        assert padded == pytest.approx(loss, rel=1e-6)
        for a, b in zip(after, after_padded, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-6)
    _, other = one_step(*run, slots([1, 2, 3, 7], [1, 1, 1, 1]), l2=0.01)
    assert not all(np.allclose(a, b, atol=1e-4) for a, b in zip(after, other, strict=True))


def test_the_epoch_loss_is_the_mean_over_genes(toy_problem, make_model, head, train_config):
    """29 genes in batches of 8 at rate 0: the last batch of 5 counts as 5."""
    trained = loop(toy_problem, make_model, head, train_config(), dropout=0, l2=0.5)
    plan = training_epoch(toy_problem.train, 8, 0, False, 1, 0)
    loss = trained.train_epoch(plan, 0.0)
    arrays = toy_problem.arrays
    inputs = {"sequence": arrays.codes[:29, 6:-6], "contacts": arrays.contacts[:29]}
    output = np.asarray(trained.model(inputs, training=False))
    expected = np.mean((output[:, 0] - toy_problem.target[:29]) ** 2)
    assert loss.mean == pytest.approx(float(expected), rel=1e-5)
    assert len(loss.steps) == 4


def test_predict_returns_the_genes_in_order_without_padding(
    toy_problem, make_model, head, train_config
):
    from dexkit.training.batches import plain_epoch

    trained = loop(toy_problem, make_model, head, train_config(), norm=True)
    index = np.array([33, 2, 17, 5, 1])
    arrays = toy_problem.arrays
    inputs = {"sequence": arrays.codes[index, 6:-6], "contacts": arrays.contacts[index]}
    expected = np.asarray(trained.model(inputs, training=False))
    np.testing.assert_allclose(trained.predict(plain_epoch(index, 3)), expected, atol=1e-6)


# --- schedule and early stopping -----------------------------------------------------------------


def test_cosine_schedule(train_config):
    config = train_config(epochs=10, learning_rate=0.1)
    rates = [learning_rate_at(config, epoch) for epoch in range(10)]
    assert rates[0] == pytest.approx(0.1)
    assert rates == sorted(rates, reverse=True)
    # Half-way: 0.01 + 0.99 / 2 of the highest rate.
    assert rates[5] == pytest.approx(0.1 * (0.01 + 0.99 / 2))
    assert learning_rate_at(config, 10) == pytest.approx(0.001)
    constant = train_config(epochs=10, learning_rate=0.1, schedule="constant")
    assert learning_rate_at(constant, 7) == 0.1


def epochs_until_stop(losses, patience):
    stopping = _EarlyStopping(patience)
    for loss in losses:
        if stopping.exhausted:
            break
        stopping.update({"val_loss": loss})
    return len(stopping.history), stopping.best_epoch


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([5, 4, 3, 2, 1], (5, 4)),
        ([5, 4, 4.5, 4.5, 4.5, 1], (4, 1)),  # patience 2: epochs 2 and 3 are no better
        ([5, 4, 4.5, 3, 4, 4, 1], (6, 3)),
        ([5, 4.99999, 4.99998, 1], (3, 0)),  # too little to count
        ([-1, -2, -1.9999, -1.9998, -5], (4, 1)),  # a negative loss falls, too
    ],
)
def test_early_stopping(losses, expected):
    assert epochs_until_stop(losses, 2) == expected


def test_early_stopping_is_restored_exactly():
    first = _EarlyStopping(3)
    for loss in (5.0, 4.0, 4.2):
        first.update({"val_loss": loss})
    again = _EarlyStopping(3)
    again.restore(json.loads(json.dumps(first.state())))
    assert again.state() == first.state()
    assert not again.update({"val_loss": 4.1})
    assert not again.exhausted
    again.update({"val_loss": 4.1})
    assert again.exhausted


def test_the_best_epoch_is_what_remains(toy_problem, make_model, head, train_config):
    """With a wild rate the validation loss turns up; the weights of the best epoch come back."""
    config = train_config(epochs=12, patience=3, learning_rate=0.08, schedule="constant")
    result = fit(toy_problem, make_model, head, config, norm=True)
    losses = [row["val_loss"] for row in result.history]
    assert result.best_epoch == int(np.argmin(losses)) < len(losses) - 1
    arrays, index = toy_problem.arrays, toy_problem.validation
    inputs = {"sequence": arrays.codes[index, 6:-6], "contacts": arrays.contacts[index]}
    output = np.asarray(result.model(inputs, training=False))
    loss = np.mean((output[:, 0] - toy_problem.target[index]) ** 2)
    assert loss == pytest.approx(min(losses), rel=1e-5)


def test_training_learns(toy_problem, make_model, head, train_config):
    config = train_config(epochs=12, shift_bp=0, learning_rate=0.03)
    result = fit(toy_problem, make_model, head, config, dropout=0)
    assert result.history[-1]["loss"] < 0.3 * result.history[0]["loss"]


def test_a_batch_larger_than_the_data(toy_problem, make_model, head, train_config):
    result = fit(toy_problem, make_model, head, train_config(batch_size=500, epochs=1))
    assert math.isfinite(result.history[0]["loss"])


# --- reproducibility and resume ------------------------------------------------------------------


class Killed(Exception):
    pass


def stop_after(n_epochs):
    def on_epoch(row):
        if row["epoch"] == n_epochs - 1:
            raise Killed

    return on_epoch


def test_one_seed_one_network(toy_problem, make_model, head, train_config):
    first, again, other = (
        fit(toy_problem, make_model, head, train_config(), norm=True, seed=s) for s in (1, 1, 2)
    )
    assert rows(first) == rows(again)
    assert equal(weights(first.model), weights(again.model))
    assert not equal(weights(first.model), weights(other.model))


@pytest.mark.parametrize(("optimizer", "n_done"), [("adam", 1), ("rmsprop", 3), ("adam", 5)])
def test_a_killed_training_resumes_exactly(
    toy_problem, make_model, head, train_config, tmp_path, optimizer, n_done
):
    config = train_config(epochs=5, optimizer=optimizer, weight_decay=0.01)
    run = (toy_problem, make_model, head, config)
    whole = fit(*run, norm=True)
    path = tmp_path / "c.npz"
    with pytest.raises(Killed):
        fit(*run, path, stop_after(n_done), norm=True)
    seen = []
    resumed = fit(*run, path, seen.append, norm=True)
    assert rows(resumed) == rows(whole)
    assert [row["epoch"] for row in seen] == list(range(5))
    assert resumed.best_epoch == whole.best_epoch
    for a, b in zip(resumed.model.variables, whole.model.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_a_run_that_had_stopped_early_is_not_trained_on(
    toy_problem, make_model, head, train_config, tmp_path
):
    config = train_config(epochs=12, patience=2, learning_rate=0.08, schedule="constant")
    first = fit(toy_problem, make_model, head, config, tmp_path / "c.npz", norm=True)
    assert len(first.history) < 12
    again = fit(toy_problem, make_model, head, config, tmp_path / "c.npz", norm=True)
    assert again.history == first.history
    assert equal(weights(again.model), weights(first.model))


@pytest.fixture
def warnings_said():
    """Messages of dexkit's logger, whatever the command line did to it before."""
    messages = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: messages.append(record.getMessage())
    logger = logging.getLogger("dexkit")
    logger.addHandler(handler)
    yield messages
    logger.removeHandler(handler)


DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "changed": lambda data: data.replace(utf32("best_epoch"), utf32("best_epocH")),
    "text": lambda data: b"not a checkpoint",
    "empty": lambda data: b"",
    "pickle": lambda data: pickle.dumps({"now_0": 1}),
    "array": lambda data: npy(np.ones(3)),
    "other archive": lambda data: npz(x=np.ones(3)),
}


def utf32(text):
    """NumPy stores strings with four bytes a character."""
    return text.encode("utf-32-le")


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(**arrays):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_said_and_changes_nothing(
    tmp_path, make_model, warnings_said, damage
):
    seed_everything(1)
    network = make_model()
    path = tmp_path / "c.npz"
    state = {"history": [], "best_epoch": 0, "n_best": 1}
    save_checkpoint(path, [np.asarray(v) * 0 for v in network.variables], [np.ones(2)], state)
    path.write_bytes(DAMAGE[damage](path.read_bytes()))
    before = [np.asarray(v) for v in network.variables]
    assert load_checkpoint(path, network.variables) is None
    assert len(warnings_said) == 1
    assert "cannot be used" in warnings_said[0]
    assert "starting over" in warnings_said[0]
    assert equal([np.asarray(v) for v in network.variables], before)


def test_training_starts_over_from_the_checkpoint_of_another_network(
    toy_problem, make_model, head, train_config, tmp_path, warnings_said
):
    run = (toy_problem, make_model, head, train_config(epochs=2), tmp_path / "c.npz")
    fit(*run, norm=True)
    again = fit(*run)
    assert len(warnings_said) == 1
    assert [row["epoch"] for row in again.history] == [0, 1]


def test_checkpoint_round_trip(tmp_path, make_model):
    seed_everything(1)
    network = make_model(norm=True)
    best = [np.asarray(v) + 1 for v in network.variables]
    state = {"history": [{"epoch": 0, "val_pearson": math.nan}], "n_best": len(best)}
    save_checkpoint(tmp_path / "c.npz", network.variables, best, state)
    before = [np.asarray(v) for v in network.variables]
    for variable in network.variables:
        variable.assign(np.zeros_like(np.asarray(variable)))
    found_best, found = load_checkpoint(tmp_path / "c.npz", network.variables)
    assert equal([np.asarray(v) for v in network.variables], before)
    assert equal(found_best, best)
    assert math.isnan(found["history"][0]["val_pearson"])
    assert load_checkpoint(tmp_path / "none.npz", network.variables) is None
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


# --- a loss that is no number --------------------------------------------------------------------


class Poisoned:
    """A head whose loss is NaN for the genes with a target above 90."""

    def loss(self, y_true, y_pred):
        from keras import ops

        error = ops.square(y_pred[:, 0] - y_true)
        return ops.where(y_true > 90, float("nan"), error)


def poison(problem, gene):
    from types import SimpleNamespace

    target = problem.target.copy()
    target[gene] = 99
    return SimpleNamespace(**(vars(problem) | {"target": target}))


def test_nan_names_epoch_step_and_genes(toy_problem, make_model, train_config, tmp_path):
    problem = poison(toy_problem, 13)
    config = train_config()
    plan = training_epoch(problem.train, 8, 3, False, 9, 0)
    step = next(s for s in range(plan.n_steps) if 13 in plan.genes_of_step(s))
    with pytest.raises(TrainingError, match=rf"not finite in epoch 0, step {step} ") as caught:
        fit(problem, make_model, Poisoned(), config, tmp_path / "c.npz")
    for gene in plan.genes_of_step(step):
        assert f"G{gene}" in str(caught.value)
    # There is no state to go back to yet, and none is promised.
    assert "the state before" not in str(caught.value)
    assert not (tmp_path / "c.npz").exists()


def test_nan_later_names_the_last_good_checkpoint(toy_problem, make_model, train_config, tmp_path):
    path = tmp_path / "c.npz"
    run = (make_model, Poisoned())
    with pytest.raises(Killed):
        fit(toy_problem, *run, train_config(), path, stop_after(2))
    kept = path.read_bytes()
    with pytest.raises(TrainingError, match=r"epoch 2, .*state before this epoch is in .*c\.npz"):
        fit(poison(toy_problem, 13), *run, train_config(), path)
    assert path.read_bytes() == kept


def test_nan_of_a_validation_gene_does_not_pass_unnoticed(toy_problem, make_model, train_config):
    problem = poison(toy_problem, int(toy_problem.validation[0]))
    with pytest.raises(TrainingError, match="validation loss is nan after epoch 0"):
        fit(problem, make_model, Poisoned(), train_config())


def test_gpu_that_is_not_there():
    import tensorflow as tf

    from dexkit.errors import ConfigError

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="TensorFlow finds no GPU"):
        make_strategy("gpu")
