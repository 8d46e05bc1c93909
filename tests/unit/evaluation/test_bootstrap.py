import math

import numpy as np
import pytest
from intervals import bootstrap_interval, paired_difference

from dexkit.errors import ConfigError, InputError
from dexkit.evaluation import bootstrap, metrics


def draw(*args, **kwargs):
    return np.concatenate(list(bootstrap.resample_weights(*args, **kwargs)))


def test_weights_of_genes():
    weights = draw(30, 400, seed=1)
    assert weights.shape == (400, 30)
    assert np.all(weights.sum(axis=1) == 30)
    assert weights.mean() == 1
    # Each count is binomial(30, 1/30).
    assert weights.var() == pytest.approx(29 / 30, abs=0.05)
    assert np.array_equal(weights, draw(30, 400, seed=1))
    assert not np.array_equal(weights, draw(30, 400, seed=2))


def test_weights_of_groups_draw_whole_groups():
    groups = np.array(["a", "b", "a", "c", "c", "c"])
    weights = draw(6, 200, seed=0, groups=groups)
    for name in "abc":
        columns = weights[:, groups == name]
        assert np.all(columns == columns[:, :1])
    assert np.all(weights[:, [0, 1, 3]].sum(axis=1) == 3)


def test_blocks_do_not_change_the_draw(monkeypatch):
    whole = draw(40, 50, seed=5)
    monkeypatch.setattr(bootstrap, "_BLOCK_ELEMENTS", 120)
    blocks = list(bootstrap.resample_weights(40, 50, 5))
    assert len(blocks) == 17
    assert np.array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize(
    ("args", "error", "match"),
    [
        ((5, -1, 0), ConfigError, "resamples must not be negative"),
        ((5, 10, -1), ConfigError, "seed must not be negative"),
        ((0, 10, 0), InputError, "no gene"),
        ((3, 10, 0, ["a", "b"]), InputError, "one value a gene"),
        ((3, 10, 0, ["chr22"] * 3), InputError, r"at least two groups; got one \(chr22\)"),
    ],
)
def test_bad_resampling_is_refused(args, error, match):
    with pytest.raises(error, match=match):
        draw(*args)


def test_paired_difference_is_narrower_than_the_intervals():
    rng = np.random.default_rng(3)
    y = rng.normal(size=400)
    shared = rng.normal(size=400)
    first = y + shared + 0.1 * rng.normal(size=400)
    second = y + shared + 0.5 * rng.normal(size=400)
    difference = paired_difference(y, first, second, "pearson", seed=1)
    single = bootstrap_interval(y, first, "pearson", seed=1)
    assert difference.value == pytest.approx(metrics.pearson(y, first) - metrics.pearson(y, second))
    assert 0 < difference.low < difference.value < difference.high
    assert difference.high - difference.low < single.high - single.low
    same = paired_difference(y, first, first, "pearson")
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_undefined_values_have_no_interval():
    y = np.arange(20.0)
    interval = bootstrap_interval(y, np.ones(20), "pearson", n_bootstrap=50)
    assert interval.n_undefined == 50
    assert interval.to_dict() == {"value": None, "low": None, "high": None}
    difference = paired_difference(y, y, np.ones(20), "pearson", n_bootstrap=50)
    assert difference.to_dict() == {"value": None, "low": None, "high": None}


def test_too_many_undefined_resamples_leave_the_value_alone():
    # One gene differs: a third of the resamples misses it and is constant.
    y = np.arange(10.0)
    p = np.r_[np.ones(9), 2.0]
    interval = bootstrap_interval(y, p, "pearson", n_bootstrap=200)
    assert interval.value == pytest.approx(metrics.pearson(y, p))
    assert math.isnan(interval.low)
    assert 40 < interval.n_undefined < 100


def test_no_resamples_give_no_interval():
    interval = bootstrap_interval([0.0, 1, 2], [0.0, 2, 1], "mae", n_bootstrap=0)
    assert interval.to_dict() == {"value": pytest.approx(2 / 3), "low": None, "high": None}


def test_level_is_checked_and_used():
    replicates = np.arange(1001.0)
    assert bootstrap.percentile_interval(5, replicates, 0.9).low == pytest.approx(50)
    with pytest.raises(ConfigError, match="level"):
        bootstrap.percentile_interval(5, replicates, 1.0)
