import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from dexkit_ext import reverse_complement, sketch_kmers


@given(strategies.code_rows(), st.integers(1, 31), st.integers(1, 90), st.sampled_from([1, 2, 4]))
def test_equals_reference(codes, k, size, n_threads):
    got = sketch_kmers(codes, k, size, n_threads=n_threads)
    assert got.dtype == np.uint64
    np.testing.assert_array_equal(got, reference.sketch_kmers(codes, k, size))


@pytest.mark.parametrize(("k", "size"), [(16, 256), (31, 64), (4, 256)])
def test_long_rows(k, size):
    codes = np.random.default_rng(k).integers(0, 4, (4, 2000), dtype=np.uint8)
    codes[1, ::300] = 4
    codes[2, 1000:] = codes[2, :1000]
    expected = reference.sketch_kmers(codes, k, size)
    np.testing.assert_array_equal(sketch_kmers(codes, k, size), expected)


@given(strategies.code_rows(), st.integers(1, 31))
def test_both_strands_have_one_sketch(codes, k):
    np.testing.assert_array_equal(
        sketch_kmers(codes, k, 20), sketch_kmers(reverse_complement(codes), k, 20)
    )


def test_strided_and_read_only_codes():
    codes = np.random.default_rng(2).integers(0, 5, (6, 90), dtype=np.uint8)
    codes.flags.writeable = False
    expected = reference.sketch_kmers(codes[:, 10:80], 9, 30)
    np.testing.assert_array_equal(sketch_kmers(codes[:, 10:80], 9, 30), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must lie between 1 and 31; got 0"),
        ({"k": 32}, ValueError, "k must lie between 1 and 31; got 32"),
        ({"size": 0}, ValueError, "size must lie between 1 and 1048576; got 0"),
        ({"size": 2.0}, TypeError, "size must be an integer"),
        ({"n_threads": 0}, ValueError, "n_threads"),
        ({"codes": np.zeros(4, np.uint8)}, ValueError, "must have 2 axes"),
        ({"codes": np.zeros((1, 4), np.int8)}, TypeError, "dtype uint8; got int8"),
        ({"codes": np.array([[0, 1], [7, 0]], np.uint8)}, ValueError, "7 at row 1, column 0"),
        ({"codes": np.array([[4, 255]], np.uint8)}, ValueError, "255 at row 0, column 1"),
    ],
)
def test_refused_arguments(arguments, error, message):
    usual = {"codes": np.zeros((2, 4), np.uint8), "k": 2, "size": 4}
    with pytest.raises(error, match=message):
        sketch_kmers(**(usual | arguments))
