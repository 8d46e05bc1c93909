"""The loop: masking, schedule, early stopping, resume, a loss that is no number."""

import math

import numpy as np
import pytest

from dexkit.errors import TrainingError
from dexkit.training.batches import EpochPlan, plain_epoch, training_epoch
from dexkit.training.checkpoint import Checkpoints, Progress
from dexkit.training.config import TrainConfig
from dexkit.training.fit import Watcher, fit_network, is_exhausted, note_epoch
from dexkit.training.loop import Loop
from dexkit.training.sources import DeviceSource
from dexkit.training.strategy import make_strategy, seed_everything
from dexkit.training.updates import learning_rate_at


def loop(problem, make_model, head, config, **model):
    seed_everything(4)
    strategy = make_strategy(TrainConfig(device="cpu"))
    with strategy.scope():
        network = make_model(**model)
    return Loop(strategy, network, head, DeviceSource(problem.arrays, problem.target), config)


def weights(network):
    return [np.asarray(v) for v in network.trainable_variables]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class Calls(Watcher):
    """Calls a function with the row of every epoch."""

    def __init__(self, on_epoch):
        self.on_epoch = on_epoch


def fit(problem, make_model, head, config, folder=None, on_epoch=None, seed=9, **model):
    seed_everything(seed)
    return fit_network(
        make_strategy(TrainConfig(device="cpu")),
        lambda: make_model(**model),
        head,
        DeviceSource(problem.arrays, problem.target),
        problem.target,
        problem.train,
        problem.validation,
        config,
        seed,
        problem.names,
        Checkpoints(folder, "c") if folder else None,
        [Calls(on_epoch)] if on_epoch else (),
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


def test_other_schedules(train_config):
    falling = train_config(epochs=11, learning_rate=0.1, schedule="exponential", warmup_epochs=1)
    rates = [learning_rate_at(falling, epoch) for epoch in range(12)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[1] == pytest.approx(0.1)
    assert np.ptp(np.array(rates[2:]) / rates[1:-1]) < 1e-9
    assert rates[11] == pytest.approx(0.001)
    plateau = train_config(patience=4, learning_rate=0.1, schedule="plateau")
    losses = [5, 4, 4.5, 4.2, 3, 3.1, 3.1, 3.1, 3.1, 1]
    found = [learning_rate_at(plateau, epoch, losses) / 0.1 for epoch in range(11)]
    # Two epochs without a better loss halve the rate: epochs 2 and 3, 5 and 6, 7 and 8.
    assert found == pytest.approx([1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125])
    warm = train_config(epochs=10, learning_rate=0.1, warmup_epochs=3)
    assert [learning_rate_at(warm, e) for e in range(4)] == pytest.approx([0.025, 0.05, 0.075, 0.1])


def epochs_until_stop(losses, patience):
    progress = Progress()
    for loss in losses:
        if is_exhausted(progress, patience):
            break
        note_epoch(progress, {"val_loss": loss})
    return len(progress.history), progress.best_epoch


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


# --- reproducibility -----------------------------------------------------------------------------


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
    with pytest.raises(TrainingError, match=rf"not finite in epoch 1, step {step + 1} ") as caught:
        fit(problem, make_model, Poisoned(), config, tmp_path)
    for gene in plan.genes_of_step(step):
        assert f"G{gene}" in str(caught.value)
    # There is no state to go back to yet, and none is promised.
    assert "last good state" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nan_later_names_the_last_good_checkpoint(toy_problem, make_model, train_config, tmp_path):
    run = (make_model, Poisoned())
    with pytest.raises(Killed):
        fit(toy_problem, *run, train_config(), tmp_path, stop_after(2))
    kept = Checkpoints(tmp_path, "c").files()[0]
    with pytest.raises(TrainingError, match=rf"epoch 3, .*last good state is in .*{kept.name}"):
        fit(poison(toy_problem, 13), *run, train_config(checkpoint_steps=9), tmp_path)
    assert Checkpoints(tmp_path, "c").files()[0] == kept


class Steep:
    """A head with a finite loss whose gradient is not finite for targets above 90."""

    def loss(self, y_true, y_pred):
        from keras import ops

        # The root has an infinite slope at 0.
        kink = ops.sqrt(ops.abs(y_pred[:, 0] * 0.0))
        return ops.square(y_pred[:, 0] - y_true) + ops.where(y_true > 90, kink, 0.0)


def test_a_gradient_that_is_not_finite_stops_before_it_is_saved(
    toy_problem, make_model, train_config, tmp_path
):
    config = train_config(checkpoint_steps=1)
    with pytest.raises(TrainingError, match="the gradient is not finite in epoch 1, step "):
        fit(poison(toy_problem, 13), make_model, Steep(), config, tmp_path)
    for path in tmp_path.iterdir():
        with np.load(path) as file:
            assert all(np.isfinite(file[k]).all() for k in file.files if k.startswith("now"))


def test_nan_of_a_validation_gene_does_not_pass_unnoticed(toy_problem, make_model, train_config):
    problem = poison(toy_problem, int(toy_problem.validation[0]))
    with pytest.raises(TrainingError, match="validation loss is nan after epoch 1"):
        fit(problem, make_model, Poisoned(), train_config())


def test_gpu_that_is_not_there():
    import tensorflow as tf

    from dexkit.errors import ConfigError

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match="TensorFlow finds no GPU"):
        make_strategy(TrainConfig(device="gpu"))


# --- weights -------------------------------------------------------------------------------------


def test_weights_in_the_loss_by_hand(toy_problem, make_model, head, train_config):
    """Of a step, and of the validation genes: sum of weight times error over sum of weights."""
    problem = toy_problem
    weights = np.random.default_rng(1).uniform(0.2, 5, 40).astype(np.float32)
    config = train_config(epochs=1, shift_bp=0, batch_size=29)
    strategy = make_strategy(config)
    with strategy.scope():
        model = make_model(dropout=0)
    source = DeviceSource(problem.arrays, problem.target)
    loop = Loop(strategy, model, head, source, config)
    before = loop.predict(plain_epoch(problem.train, 29))[:, 0]
    plan = training_epoch(problem.train, 29, 0, False, 3, 0, weights)
    found = loop.train_epoch(plan, 0.01).mean
    errors = (before - problem.target[:29]) ** 2
    assert found == pytest.approx((errors * weights[:29]).sum() / weights[:29].sum(), rel=1e-4)
    assert found != pytest.approx(errors.mean(), rel=1e-3)
    result = fit_network(
        strategy,
        lambda: make_model(dropout=0),
        head,
        source,
        problem.target,
        problem.train,
        problem.validation,
        config,
        3,
        problem.names,
        weights=weights,
    )
    codes = problem.arrays.codes[29:, 6:-6]
    output = np.asarray(result.model({"sequence": codes, "contacts": problem.arrays.contacts[29:]}))
    errors = (output[:, 0] - problem.target[29:]) ** 2
    expected = (errors * weights[29:]).sum() / weights[29:].sum()
    assert result.history[0]["val_loss"] == pytest.approx(expected, rel=1e-4)
