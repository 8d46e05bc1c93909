"""The built-in baselines on plain arrays."""

import numpy as np
import pytest

from dexkit.errors import ConfigError, TrainingError
from dexkit.hooks import plugins


def baseline(name, seed=0, **options):
    entry = plugins().baseline(name)
    return entry.build(entry.config(**options), seed)


@pytest.fixture
def blocks():
    rng = np.random.default_rng(6)
    return {
        "sequence": rng.integers(0, 4, (40, 120), dtype=np.uint8),
        "contacts": rng.standard_normal((40, 5)).astype(np.float32),
    }


def test_mean_and_prior(blocks):
    for name in ("mean", "prior"):
        fitted = baseline(name).fit(blocks, np.array([0.0, 1.0, 5.0]))
        assert fitted.predict({"genes": np.arange(4)}).tolist() == [2.0] * 4


def test_ridge_chooses_its_penalty_by_leave_one_out(blocks):
    """Noise gets the largest penalty on offer, a clean linear target the smallest."""
    noise = np.random.default_rng(1).standard_normal(40)
    clean = 3.0 * blocks["contacts"][:, 2] + 1
    penalties = (1e-3, 1.0, 1e5)
    only = {"contacts": blocks["contacts"]}
    chosen = [
        baseline("ridge", penalties=penalties).fit(only, y).describe()["penalty"]
        for y in (noise, clean)
    ]
    assert chosen == [1e5, 1e-3]


def test_ridge_features(blocks):
    fitted = baseline("ridge", k=2).fit(blocks, np.arange(40.0))
    assert fitted.describe()["n_features"] == 16 + 5
    assert fitted.predict(blocks).shape == (40,)
    with pytest.raises(ConfigError, match="need the block 'sequence' or 'contacts'"):
        baseline("ridge").fit({"genes": np.arange(40)}, np.arange(40.0))


def test_logistic_learns_and_gives_probabilities(blocks):
    y = (blocks["contacts"][:, 1] > 0).astype(float)
    fitted = baseline("logistic").fit({"contacts": blocks["contacts"]}, y)
    p = fitted.predict({"contacts": blocks["contacts"]})
    assert ((p >= 0) & (p <= 1)).all()
    assert p[y == 1].mean() > 0.8
    assert p[y == 0].mean() < 0.2


def test_logistic_with_a_small_class(blocks):
    y = np.zeros(40)
    y[:3] = 1
    fitted = baseline("logistic", k=1).fit(blocks, y)
    assert np.isfinite(fitted.predict(blocks)).all()
    y[1:] = 0
    with pytest.raises(TrainingError, match="a class has 1 training gene"):
        baseline("logistic", k=1).fit(blocks, y)


def test_one_seed_one_logistic(blocks):
    y = (blocks["contacts"][:, 1] > 0).astype(float)
    first, again = (baseline("logistic", seed=3, k=1).fit(blocks, y).predict(blocks) for _ in "ab")
    np.testing.assert_array_equal(first, again)


# --- numbers of a gene ----------------------------------------------------------------------------


def test_loops_are_a_line_on_the_logarithm():
    loops = np.array([[0, 0], [1, 2], [3, 1], [7, 5], [np.nan, np.nan]])
    y = np.array([1.0, 2.0, 3.0, 4.0, 2.5])  # 1 + log2(1 + loop sum); the last gene is their mean
    blocks = {"loops": loops}
    fitted = baseline("loop-sum").fit(blocks, y)
    np.testing.assert_allclose(fitted.predict(blocks), y, atol=1e-6)
    assert fitted.describe()["unmeasured"] == 1
    new = {"loops": np.array([[15.0, 9], [-1.0, 1]])}
    np.testing.assert_allclose(fitted.predict(new), [5.0, 0.0], atol=1e-5)
    number = baseline("loop-number").fit(blocks, y).predict(blocks)
    slope, intercept = np.polyfit(np.log2(1 + loops[:4, 1]), y[:4], 1)
    np.testing.assert_allclose(number[:4], intercept + slope * np.log2(1 + loops[:4, 1]), atol=1e-5)


def test_loops_that_nobody_measured_say_nothing():
    blocks = {"loops": np.full((4, 2), np.nan)}
    fitted = baseline("loop-sum").fit(blocks, np.array([1.0, 2.0, 3.0, 6.0]))
    np.testing.assert_allclose(fitted.predict(blocks), 3.0)


def test_copies_of_other_samples():
    nan = np.nan
    y = np.array([1.0, 2.0, 3.0, 4.0])
    others = np.array([[4.0, 1.1, 7], [3.0, 2.0, 7], [nan, 3.1, 7], [1.0, 3.9, 7]])
    new = {"other-samples": np.array([[5.0, 2.0, 2.0], [8.0, nan, 4.0], [nan] * 3])}
    mean = baseline("copy-mean").fit({"other-samples": others}, y)
    np.testing.assert_allclose(mean.predict(new), [3.0, 6.0, 2.5])
    best = baseline("copy-best").fit({"other-samples": others}, y)
    # The second sample; where it was not measured the next in rank, the first (the third, which
    # is constant, has no rank).
    assert best.predict(new).tolist() == [2.0, 8.0, 2.5]
    assert best.describe()["column"] == 1
    assert best.describe()["training_pearson"][1:] == [
        pytest.approx(np.corrcoef(others[:, 1], y)[0, 1]),
        None,
    ]
