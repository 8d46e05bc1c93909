import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation import metrics

values = st.floats(-1e3, 1e3, allow_subnormal=False) | st.integers(-3, 3).map(float)


@st.composite
def vectors(draw):
    n = draw(st.integers(3, 60))
    # Rounded, so that ties occur and no variance is lost in rounding noise.
    return tuple(draw(arrays(float, n, elements=values)).round(3) for _ in range(2))


@st.composite
def classes(draw):
    n = draw(st.integers(4, 60))
    y = draw(arrays(float, n, elements=st.sampled_from([0.0, 1.0])))
    y[:2] = 0, 1
    p = draw(arrays(float, n, elements=st.floats(0, 1).map(lambda x: round(x, 2))))
    return y, p


@given(vectors())
def test_regression_metrics_equal_scipy_and_scikit_learn(pair):
    from scipy import stats
    from sklearn import metrics as sk

    y, p = pair
    if np.ptp(y) > 0 and np.ptp(p) > 0:
        assert metrics.pearson(y, p) == pytest.approx(stats.pearsonr(y, p)[0], abs=1e-9)
        assert metrics.spearman(y, p) == pytest.approx(stats.spearmanr(y, p)[0], abs=1e-9)
    else:
        assert math.isnan(metrics.pearson(y, p))
        assert math.isnan(metrics.spearman(y, p))
    if np.ptp(y) > 0:
        assert metrics.r2(y, p) == pytest.approx(sk.r2_score(y, p), rel=1e-9, abs=1e-9)
    else:
        assert math.isnan(metrics.r2(y, p))
    assert metrics.mse(y, p) == pytest.approx(sk.mean_squared_error(y, p))
    assert metrics.rmse(y, p) == pytest.approx(sk.root_mean_squared_error(y, p))
    assert metrics.mae(y, p) == pytest.approx(sk.mean_absolute_error(y, p))


@given(classes())
def test_classification_metrics_equal_scikit_learn(pair):
    from sklearn import metrics as sk

    y, p = pair
    call = (p >= 0.5).astype(float)
    assert metrics.auroc(y, p) == pytest.approx(sk.roc_auc_score(y, p))
    assert metrics.auprc(y, p) == pytest.approx(sk.average_precision_score(y, p))
    assert metrics.accuracy(y, p) == pytest.approx(sk.accuracy_score(y, call))
    assert metrics.f1(y, p) == pytest.approx(sk.f1_score(y, call))


@settings(max_examples=40)
@given(vectors(), st.integers(0, 100))
def test_weights_equal_repeated_genes_regression(pair, seed):
    check_weights(pair, seed, "regression")


@settings(max_examples=40)
@given(classes(), st.integers(0, 100))
def test_weights_equal_repeated_genes_classification(pair, seed):
    check_weights(pair, seed, "classification")


def check_weights(pair, seed, task):
    y, p = pair
    weights = np.random.default_rng(seed).integers(0, 3, (4, len(y)))
    weights[:, 0] += 1
    for metric in metrics.metrics_for(task):
        at_once = metric.weighted(y, p, weights.astype(float))
        for value, times in zip(at_once, weights, strict=True):
            alone = metrics.compute(metric.name, np.repeat(y, times), np.repeat(p, times))
            assert value == pytest.approx(alone, rel=1e-6, abs=1e-6, nan_ok=True), metric.name


@pytest.mark.parametrize("offset", [0.0, 0.1, 1e6])
def test_correlation_with_a_constant_is_undefined(offset):
    y = np.arange(101.0)
    constant = np.full(101, offset)
    for name in ("pearson", "spearman"):
        assert math.isnan(metrics.compute(name, y, constant))
        assert math.isnan(metrics.compute(name, constant, y))
    assert math.isnan(metrics.r2(constant, y))
    assert metrics.format_value(metrics.pearson(y, constant)) == "undefined"
    assert metrics.r2(y, np.full(101, y.mean())) == pytest.approx(0)


def test_a_large_offset_keeps_precision():
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(2, 500))
    assert metrics.pearson(y + 1e6, p - 1e6) == pytest.approx(metrics.pearson(y, p), abs=1e-8)
    assert metrics.r2(y + 1e6, p + 1e6) == pytest.approx(metrics.r2(y, p), abs=1e-8)


def test_one_class_is_undefined_where_the_metric_needs_two():
    p = np.array([0.1, 0.6, 0.9])
    assert math.isnan(metrics.auroc(np.ones(3), p))
    assert math.isnan(metrics.auroc(np.zeros(3), p))
    assert math.isnan(metrics.auprc(np.zeros(3), p))
    assert math.isnan(metrics.f1(np.zeros(3), p / 2))
    assert metrics.accuracy(np.ones(3), p) == pytest.approx(2 / 3)


@pytest.mark.parametrize("name", list(metrics.METRICS))
@pytest.mark.parametrize(
    ("y", "p", "match"),
    [
        ([0.0, math.nan, 1.0], [0.0, 0.5, 1.0], "1 of 3 observed values .* nan at position 1"),
        ([0.0, 1.0, 1.0], [0.0, 0.5, math.inf], "predicted values .* inf at position 2"),
        ([0.0, 1.0], [0.0], r"got shapes \(2,\) and \(1,\)"),
        ([], [], "no gene"),
    ],
)
def test_bad_vectors_are_refused(name, y, p, match):
    with pytest.raises(InputError, match=match):
        metrics.compute(name, y, p)


def test_classes_and_probabilities_are_checked():
    with pytest.raises(InputError, match="must be 0 or 1; got 2"):
        metrics.auroc([0, 2], [0.1, 0.2])
    with pytest.raises(InputError, match=r"in \[0, 1\]; got 1.5"):
        metrics.f1([0, 1], [0.1, 1.5])


def test_unknown_names_suggest_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'pearson'"):
        metrics.compute("pearsn", [0], [0])
    with pytest.raises(ConfigError, match="did you mean 'regression'"):
        metrics.metrics_for("regress")


@pytest.mark.parametrize(
    ("value", "text"), [(-0.0001, "0.000"), (-0.0, "0.000"), (-0.0006, "-0.001"), (0.5, "0.500")]
)
def test_zero_has_no_sign(value, text):
    assert metrics.format_value(value) == text
