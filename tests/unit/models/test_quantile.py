"""Quantile normalisation: the mean distribution, ties, what was not measured."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dexkit.errors import ConfigError
from dexkit.models.quantile import QuantileNormaliser

NAN = np.nan


def test_by_hand():
    """The means at ranks 1 to 4 of both samples are 1.5, 3, 4 and 7.5."""
    expression = np.array([[5.0, 4.0], [2.0, 1.0], [3.0, 10.0], [4.0, 3.0]])
    low = QuantileNormaliser.fit(expression, ("a", "b"), "a")
    assert low.apply(expression[:, 0]).tolist() == [7.5, 1.5, 3.0, 4.0]
    high = QuantileNormaliser.fit(expression, ("a", "b"), "b")
    assert high.apply(expression[:, 1]).tolist() == [4.0, 1.5, 7.5, 3.0]


def test_genes_of_equal_value_stay_equal():
    expression = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 6.0], [3.0, 8.0]])
    fitted = QuantileNormaliser.fit(expression, ("a", "b"), "a")
    assert fitted.apply(np.zeros(2)).tolist() == [1.5, 1.5]  # mean of 0.5, 1, 3
    assert fitted.apply(np.array([3.0])).tolist() == [5.5]


def test_other_values_are_interpolated_and_cut_off():
    fitted = QuantileNormaliser.fit(np.array([[0.0, 2.0], [2.0, 6.0]]), ("a", "b"), "a")
    given_values = np.array([-5.0, 0.0, 1.0, 2.0, 99.0, NAN])
    np.testing.assert_array_equal(fitted.apply(given_values), [1.0, 1.0, 2.5, 4.0, 4.0, NAN])


def test_only_genes_measured_in_all_samples_count():
    expression = np.array([[1.0, 3.0], [NAN, 100.0], [2.0, 4.0], [50.0, NAN]])
    fitted = QuantileNormaliser.fit(expression, ("a", "b"), "a")
    assert fitted.n_genes == 2
    assert fitted.apply(np.array([1.0, 2.0])).tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("expression", "samples", "match"),
    [
        (np.ones((5, 1)), ("a",), "a is the only one with expression"),
        (np.array([[1.0, NAN], [NAN, 1.0], [1.0, 2.0]]), ("a", "b"), "a, b; 1 of the training"),
    ],
)
def test_refusals(expression, samples, match):
    with pytest.raises(ConfigError, match=match):
        QuantileNormaliser.fit(expression, samples, "a")


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(2, 30), st.integers(2, 4)),
        elements=st.integers(0, 8).map(float),
    )
)
def test_order_is_kept_and_json_is_exact(expression):
    samples = tuple("abcd"[: expression.shape[1]])
    fitted = QuantileNormaliser.fit(expression, samples, "b")
    values = fitted.apply(expression[:, 1])
    order = np.argsort(expression[:, 1], kind="stable")
    assert (np.diff(values[order]) >= -1e-12).all()
    assert np.isclose(values.mean(), expression.mean())
    again = QuantileNormaliser.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again.apply(expression[:, 1]), values)
    assert again.samples == samples
