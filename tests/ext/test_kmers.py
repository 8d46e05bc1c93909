import numpy as np
import pytest
import reference
import strategies
from hypothesis import given
from hypothesis import strategies as st

from dexkit_ext import count_kmers, encode_bases, reverse_complement


@given(strategies.code_rows(), st.integers(1, 8), st.booleans(), st.sampled_from([1, 2, 4]))
def test_equals_reference(codes, k, both_strands, n_threads):
    # The plain version lists all 4**k columns: keep the large ones to few rows.
    codes = codes[: 5 if k < 6 else 1]
    expected = reference.count_kmers(codes, k, both_strands)
    got = count_kmers(codes, k, both_strands, n_threads=n_threads)
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got, expected)
    out = np.full(expected.shape, 7, np.uint16)
    assert count_kmers(codes, k, both_strands, out=out, n_threads=n_threads) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("both_strands", [False, True])
@pytest.mark.parametrize("length", [511, 512, 516, 517, 518, 519, 1029, 2053])
def test_rows_longer_than_a_block(length, both_strands):
    rng = np.random.default_rng(length)
    codes = rng.integers(0, 4, (4, length), dtype=np.uint8)
    codes[1, 506:515] = 4
    codes[2, ::7] = 4
    codes[3] = 3
    for k in (1, 3, 6, 7, 8):
        expected = reference.count_kmers(codes, k, both_strands)
        np.testing.assert_array_equal(count_kmers(codes, k, both_strands), expected)


@pytest.mark.parametrize("k", [6, 7])
@pytest.mark.parametrize("column", [0, 511, 512, 516, 517, 599])
def test_a_bad_code_in_any_block(column, k):
    codes = np.zeros((3, 600), np.uint8)
    codes[1, column] = 255
    with pytest.raises(ValueError, match=f"255 at row 1, column {column}"):
        count_kmers(codes, k)


@given(strategies.code_rows(), st.integers(1, 6))
def test_sum_is_the_number_of_clean_windows(codes, k):
    total = count_kmers(codes, k).sum(axis=1)
    length = codes.shape[1]
    clean = [sum(not (row[i : i + k] == 4).any() for i in range(length - k + 1)) for row in codes]
    np.testing.assert_array_equal(total, np.array(clean, int))


@given(strategies.code_rows(), st.integers(1, 6))
def test_both_strands_is_the_sum_of_the_strands(codes, k):
    forward, backward = count_kmers(codes, k), count_kmers(reverse_complement(codes), k)
    np.testing.assert_array_equal(count_kmers(codes, k, both_strands=True), forward + backward)


def test_columns_are_lexicographic():
    counts = count_kmers(encode_bases(b"ACGTTNAC")[None], 2)[0]
    names = [a + b for a in "ACGT" for b in "ACGT"]
    assert {n: c for n, c in zip(names, counts, strict=True) if c} == {
        "AC": 2, "CG": 1, "GT": 1, "TT": 1,
    }  # fmt: skip


def test_a_palindrome_counts_twice_on_both_strands():
    counts = count_kmers(encode_bases(b"ACGT")[None], 4, both_strands=True)[0]
    assert counts.sum() == 2
    assert counts.max() == 2


def test_the_fullest_counter():
    codes = np.zeros((1, 65_535), np.uint8)
    assert count_kmers(codes, 1)[0, 0] == 65_535
    with pytest.raises(ValueError, match="up to 65536 windows of 1 bp"):
        count_kmers(np.zeros((1, 65_536), np.uint8), 1)
    assert count_kmers(codes[:, :32_767], 1, both_strands=True)[0, 3] == 32_767
    with pytest.raises(ValueError, match="up to 65536 windows"):
        count_kmers(codes[:, :32_768], 1, both_strands=True)


@pytest.mark.parametrize("offset", [0, 2, 1])
def test_between_memory_maps(tmp_path, monkeypatch, offset):
    monkeypatch.setattr("dexkit_ext.kmers._BLOCK_BYTES", 3 * 2 * 4**3)
    codes = np.random.default_rng(3).integers(0, 5, (8, 50), dtype=np.uint8)
    codes.tofile(tmp_path / "codes")
    source = np.memmap(tmp_path / "codes", np.uint8, "r", shape=codes.shape)
    out = np.memmap(tmp_path / "out", np.uint16, "w+", offset, shape=(8, 4**3))
    assert out.flags.aligned == (offset % 2 == 0)
    assert count_kmers(source, 3, out=out, n_threads=2) is out
    np.testing.assert_array_equal(np.asarray(out), reference.count_kmers(codes, 3))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must lie between 1 and 8; got 0"),
        ({"k": 9}, ValueError, "k must lie between 1 and 8; got 9"),
        ({"k": 2.0}, TypeError, "k must be an integer"),
        ({"both_strands": 1}, TypeError, "True or False; got 1"),
        ({"n_threads": -1}, ValueError, "n_threads"),
        ({"codes": np.zeros(4, np.uint8)}, ValueError, "must have 2 axes"),
        ({"codes": np.zeros((1, 4), np.int8)}, TypeError, "dtype uint8; got int8"),
        ({"codes": np.array([[0, 1], [7, 0]], np.uint8)}, ValueError, "7 at row 1, column 0"),
        ({"codes": np.array([[9]], np.uint8)}, ValueError, "9 at row 0, column 0"),
        ({"out": np.zeros((2, 15), np.uint16)}, ValueError, r"shape \(2, 16\); got \(2, 15\)"),
        ({"out": np.zeros((2, 16), np.int16)}, TypeError, "dtype uint16; got int16"),
    ],
)
def test_refused_arguments(arguments, error, message):
    usual = {"codes": np.zeros((2, 4), np.uint8), "k": 2}
    with pytest.raises(error, match=message):
        count_kmers(**(usual | arguments))
