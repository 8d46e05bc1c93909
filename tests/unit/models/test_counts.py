"""Heads on counts: likelihoods and gradients against SciPy, safety, messages, a small fit."""

import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from dexkit.errors import TrainingError
from dexkit.hooks import plugins

COUNTS = np.array([0.0, 1.0, 3.0, 17.0, 250.0, 4_001.0, 1_000_000.0])
LOG_MEANS = np.array([-2.0, 0.5, 2.0, 2.5, 6.0, 8.0, 12.0])
LIMIT = 12.0


def head(name, **options):
    entry = plugins().head(name)
    return entry.build(entry.config(**options))


def encoded(one, y, state=None):
    return one.encode_target(np.asarray(y, dtype=float), state or {})


def outputs(log_dispersion, log_mean):
    columns = np.broadcast_arrays(log_dispersion, log_mean)
    return tf.constant(np.stack(columns, axis=1), tf.float32)


def loss_and_gradient(one, y, output):
    with tf.GradientTape() as tape:
        tape.watch(output)
        loss = one.loss(tf.constant(encoded(one, y)), output)
        total = tf.reduce_sum(loss)
    return np.asarray(loss), np.asarray(tape.gradient(total, output))


def negative_binomial(y, log_dispersion, log_mean):
    """-log p by SciPy: ``nbinom(n, p)`` has mean n (1 - p) / p and variance mean + mean² / n."""
    size = np.exp(-log_dispersion)
    return -stats.nbinom.logpmf(y, size, size / (size + np.exp(log_mean)))


@pytest.mark.parametrize("alpha", [0.01, 0.5, 1.0, 8.0])
def test_negative_binomial_is_that_of_scipy(alpha):
    one = head("negative-binomial")
    raw = LIMIT * np.arctanh(np.log(alpha) / LIMIT)
    loss, gradient = loss_and_gradient(one, COUNTS, outputs(raw, LOG_MEANS))
    expected = negative_binomial(COUNTS, np.log(alpha), LOG_MEANS)
    np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=1e-5)
    step = 1e-5
    slope = (
        negative_binomial(COUNTS, np.log(alpha), LOG_MEANS + step)
        - negative_binomial(COUNTS, np.log(alpha), LOG_MEANS - step)
    ) / (2 * step)
    np.testing.assert_allclose(gradient[:, 1], slope, rtol=1e-3, atol=1e-4)
    wider, narrower = (LIMIT * np.tanh((raw + d) / LIMIT) for d in (step, -step))
    slope = (
        negative_binomial(COUNTS, wider, LOG_MEANS) - negative_binomial(COUNTS, narrower, LOG_MEANS)
    ) / (2 * step)
    np.testing.assert_allclose(gradient[:, 0], slope, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dispersion", [1.0, 40.0])
def test_poisson_is_that_of_scipy_but_for_a_constant(dispersion):
    one = head("poisson")
    loss, gradient = loss_and_gradient(one, COUNTS, outputs(np.log(dispersion), LOG_MEANS))
    mean = np.exp(LOG_MEANS)
    best = stats.poisson.logpmf(COUNTS, np.where(COUNTS > 0, COUNTS, 1e-300))
    expected = (best - stats.poisson.logpmf(COUNTS, mean)) / dispersion
    np.testing.assert_allclose(loss, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gradient[:, 1], (mean - COUNTS) / dispersion, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
@pytest.mark.parametrize("log_dispersion", [-60.0, 0.0, 60.0])
@pytest.mark.parametrize("log_mean", [-300.0, -20.0, 0.0, 21.0, 1e6])
def test_no_output_of_the_network_overflows(name, log_dispersion, log_mean):
    if name == "poisson":  # a constant of the training genes there
        log_dispersion /= 6
    one = head(name)
    output = outputs(np.full(len(COUNTS), log_dispersion), log_mean)
    loss, gradient = loss_and_gradient(one, COUNTS, output)
    assert np.isfinite(loss).all()
    assert np.isfinite(gradient).all()
    if log_mean > 20:  # far above every count: always a way back
        assert (gradient[:, 1] > 0).all()
    predicted = one.decode(np.asarray(output), {"pseudocount": 1.0})
    assert np.isfinite(predicted).all()
    assert predicted.dtype == np.float64


@pytest.mark.parametrize("pseudocount", [0.1, 1.0])
@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
def test_predictions_are_log10_of_mean_and_pseudocount(name, pseudocount):
    output = outputs(0.3, np.log([1e-9, 1.0, 99.0, 1e5]))
    predicted = head(name).decode(np.asarray(output), {"pseudocount": pseudocount})
    expected = np.log10(np.array([0.0, 1.0, 99.0, 1e5]) + pseudocount)
    np.testing.assert_allclose(predicted, expected, atol=1e-6)


def test_the_moments_of_the_training_genes():
    y = np.array([0.0, 2.0, 4.0, 10.0])
    assert head("poisson").fit_target(y) == {"mean": 4.0, "dispersion": 14.0 / 4}
    state = head("negative-binomial").fit_target(y)
    assert state == {"mean": 4.0, "dispersion": pytest.approx((14 - 4) / 16)}
    # Less variance than a Poisson law has: next to no dispersion.
    state = head("negative-binomial").fit_target(np.array([4.0, 5.0]))
    assert state["dispersion"] == pytest.approx(np.exp(-LIMIT))


@pytest.mark.parametrize("options", [{}, {"dispersion": "per-gene"}])
@pytest.mark.parametrize("spread", [1e-9, 0.7, 30.0, 1e12])
def test_a_network_starts_at_the_moments(options, spread):
    one = head("negative-binomial", **options)
    vector = keras.Input((3,))
    model = keras.Model(vector, one.build(vector, {"mean": 50.0, "dispersion": spread}))
    output = np.asarray(model(np.zeros((2, 3), np.float32)))
    log_dispersion = LIMIT * np.tanh(output[:, 0] / LIMIT)
    expected = np.clip(np.log(spread), -0.9 * LIMIT, 0.9 * LIMIT)
    np.testing.assert_allclose(log_dispersion, expected, rtol=1e-5)
    np.testing.assert_allclose(output[:, 1], np.log(50.0), rtol=1e-6)
    n_trained = sum(int(np.size(w)) for w in model.trainable_variables)
    assert n_trained == (5 if not options else 8)


@pytest.mark.parametrize("name", ["poisson", "negative-binomial"])
def test_values_that_are_no_counts(name, caplog):
    one = head(name)
    with caplog.at_level(logging.WARNING, logger="dexkit"):
        one.fit_target(np.array([0.0, 1.0, 7.0, np.float32(16_777_213)]))
    assert not caplog.records
    with caplog.at_level(logging.WARNING, logger="dexkit"):
        one.fit_target(np.array([0.0, 0.25, 7.5, 3.0]))
    [record] = caplog.records
    assert "2 of 4 training genes is no whole number" in record.getMessage()
    with pytest.raises(TrainingError, match=r"1 of 3 training genes is negative, the lowest -2;"):
        one.fit_target(np.array([1.0, -2.0, 4.0]))
    with pytest.raises(TrainingError, match="all 3 training genes have the expression"):
        one.fit_target(np.zeros(3))
    assert np.isnan(encoded(one, [np.nan])).all()


@pytest.mark.parametrize(
    ("name", "options"),
    [("poisson", {}), ("negative-binomial", {}), ("negative-binomial", {"dispersion": "per-gene"})],
)
def test_a_fit_finds_what_made_the_counts(name, options):
    """Counts of log mean 3 + x b and dispersion 0.5: far better than the mean, and the truth."""
    keras.utils.set_random_seed(2)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((600, 4)).astype(np.float32)
    slopes = np.array([0.8, -0.6, 0.4, 0.0])
    mean = np.exp(3 + x @ slopes)
    y = rng.poisson(mean * rng.gamma(2.0, 0.5, 600)).astype(float)
    train, test = slice(0, 400), slice(400, 600)
    one = head(name, **options)
    state = one.fit_target(y[train]) | {"pseudocount": 1.0}
    vector = keras.Input((4,))
    model = keras.Model(vector, one.build(vector, state))
    optimizer = keras.optimizers.Adam(0.05)
    optimizer.build(model.trainable_variables)
    wanted, inputs = tf.constant(encoded(one, y[train], state)), tf.constant(x[train])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(one.loss(wanted, model(inputs)))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))

    for _ in range(300):
        step()
    output = np.asarray(model(x[test]))
    predicted, observed = one.decode(output, state), np.log10(y[test] + 1)
    baseline = np.mean((observed - np.log10(y[train] + 1).mean()) ** 2)
    assert np.mean((observed - predicted) ** 2) < 0.5 * baseline
    np.testing.assert_allclose(predicted, np.log10(mean[test] + 1), atol=0.35)
    if name == "negative-binomial":
        dispersion = np.exp(LIMIT * np.tanh(output[:, 0] / LIMIT))
        assert np.median(dispersion) == pytest.approx(0.5, rel=0.3)


# --- the ReLU output of the published code --------------------------------------------------------


def test_relu_output_leaves_the_units_as_they_are(caplog):
    one = head("regression", output="relu")
    with caplog.at_level(logging.WARNING, logger="dexkit"):
        state = one.fit_target(np.array([-1.0, -1.0, 2.0, 3.0]))
    assert state == {"mean": 0.0, "sd": 1.0}
    [record] = caplog.records
    assert "2 of 4 training genes is below 0, where a ReLU output cannot come" in record.message
    y = np.array([-1.0, 2.0])
    assert one.encode_target(y, state).tolist() == [-1.0, 2.0]
    vector = keras.Input((3,))
    output = keras.Model(vector, one.build(vector, state))(
        np.random.default_rng(1).standard_normal((50, 3)).astype(np.float32)
    )
    assert (one.decode(np.asarray(output), state) >= 0).all()


def test_relu_output_without_anything_to_reach():
    with pytest.raises(TrainingError, match="no log10 expression of 2 training genes is above 0"):
        head("regression", output="relu").fit_target(np.array([-1.0, 0.0]))
