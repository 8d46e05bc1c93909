"""The counter of sparse matrices against a plain version, and by hand."""

import numpy as np
import pytest
import reference
import region_reference
import strategies
from hypothesis import given, settings
from hypothesis import strategies as st

from dexkit_ext import MatrixCounter, RegionParseError

# Bins of three chromosomes, the second of unknown name.
CHROM_OF_BIN = np.repeat(np.array([1, -1, 0], np.int32), [12, 3, 7])
ROW_OF_BIN = np.full(22, -1, np.int32)
ROW_OF_BIN[[0, 5, 6, 11, 16, 21]] = [3, 0, 1, 5, 4, 2]
FLANK = 4
CUTS = st.lists(st.integers(0, 800), max_size=12)


def count(text, cuts=(), wide=None, **options):
    counter = MatrixCounter(ROW_OF_BIN, CHROM_OF_BIN, 2, 6, FLANK, **options)
    if wide is not None:
        counter._kernel.wide = min(wide, counter._kernel.wide)
    for chunk in strategies.chunked(text, list(cuts)):
        counter.feed(chunk)
    counter.finish()
    return counter


def plain_count(text, **options):
    return region_reference.count_matrix(
        text, ROW_OF_BIN.tolist(), CHROM_OF_BIN.tolist(), 2, 6, FLANK, **options
    )


def assert_same(counter, expected):
    np.testing.assert_allclose(counter.counts, expected.counts, rtol=1e-12)
    np.testing.assert_allclose(counter.total, expected.total, rtol=1e-12)
    np.testing.assert_array_equal(counter.cis_by_chrom, expected.cis_by_chrom)
    for name in ("n_lines", "n_cis", "n_trans", "n_unknown_chrom", "unknown_chroms", "mirrored"):
        assert getattr(counter, name) == getattr(expected, name), name
    assert counter.n_records == expected.n_cis + expected.n_trans


@settings(max_examples=200)
@given(strategies.matrix_lines(22), CUTS, st.sampled_from([0, 1, 2]))
def test_equals_reference(text, cuts, wide):
    assert_same(count(text, cuts, wide), plain_count(text))


@settings(max_examples=200)
@given(strategies.matrix_lines(22, damaged=True), CUTS, st.sampled_from([0, 1, 2]))
def test_damaged_files_fail_like_the_reference(text, cuts, wide):
    try:
        expected, fault = plain_count(text), None
    except reference.PairError as error:
        fault = error
    if fault is None:
        assert_same(count(text, cuts, wide), expected)
        return
    with pytest.raises(RegionParseError, match=fault.kind) as caught:
        count(text, cuts, wide)
    assert caught.value.line == fault.line


@pytest.mark.parametrize("chunk", [1, 64, 4_097, 10**9])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_many_blocks(chunk, ending):
    rng = np.random.default_rng(chunk)
    entries = np.triu(rng.integers(0, 9, (22, 22)))
    i, j = np.nonzero(entries)
    lines = [b"%d\t%d\t%d" % (a + 1, b + 1, entries[a, b]) for a, b in zip(i, j, strict=True)] * 8
    text = ending.join([*lines, b""])
    cuts = range(0, len(text), chunk) if chunk < len(text) else ()
    assert_same(count(text, cuts), plain_count(text))


def test_a_small_matrix_by_hand():
    text = b"6\t8\t4\n6\t7\t2.5\n1\t6\t8\n6\t6\t1\n1\t16\t16\n13\t14\t32\n22\t21\t64\n"
    counter = count(text)
    expected = np.zeros((6, 9))
    expected[0, 4:7] = 1, 2.5, 4  # bin 6 (row 0) with itself, bin 7 and bin 8
    expected[1, 3] = 2.5  # bin 7 (row 1) with bin 6; bins 1 and 6 lie 5 apart
    expected[2, 3] = 64  # bin 22 (row 2) with bin 21
    np.testing.assert_array_equal(counter.counts, expected)
    np.testing.assert_array_equal(counter.cis_by_chrom, [1, 4])
    assert (counter.n_cis, counter.n_trans, counter.n_unknown_chrom) == (5, 1, 1)
    assert (counter.total, counter.mirrored, counter.unknown_chroms) == (95.5, False, [])


def test_a_full_symmetric_matrix_counts_once():
    entries = [(1, 2, 3.0), (1, 1, 5.0), (6, 9, 0.5), (1, 20, 7.0)]
    upper = "".join(f"{i} {j} {v}\n" for i, j, v in entries).encode()
    lower = "".join(f"{j} {i} {v}\n" for i, j, v in entries if i != j).encode()
    once, both = count(upper), count(upper + lower)
    assert (once.mirrored, both.mirrored) == (False, True)
    np.testing.assert_array_equal(both.counts, once.counts)
    assert (once.total, both.total) == (15.5, 15.5)
    assert count(lower + upper[:6]).mirrored is False


def test_bins_from_zero():
    np.testing.assert_array_equal(
        count(b"5 7 2\n", id_base=0).counts, count(b"6 8 2\n", id_base=1).counts
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1 2", r"got 2 columns between blanks; expected at least 3"),
        (b"0 2 1", r"first bin \(column 1\) is 0; expected 1 to 22, as the list of bins says"),
        (b"1 23 1", r"second bin \(column 2\) is 23; expected 1 to 22"),
        (b"1 x 1", r"second bin \(column 2\) is 'x'; expected a whole number"),
        (b"1 2 nan", r"value \(column 3\) is 'nan'; expected a finite number of 0 or more"),
        (b"1 2 3\0", "NUL byte"),
        (b" ", "an empty line"),
        (b"x" * (2**20 + 1), "longer than 1048576 bytes; this is not a sparse matrix"),
    ],
)
@pytest.mark.parametrize("before", [0, 60])
def test_malformed_lines(line, reason, before):
    text = b"1 1 1\n" * before + line + b"\n1 1 1\n"
    for cuts in ((), (3, 9, len(text) - 8)):
        with pytest.raises(RegionParseError, match=reason) as caught:
            count(text, cuts)
        assert caught.value.line == before + 1


def test_the_number_of_the_first_line():
    with pytest.raises(RegionParseError, match="line 9: got 1 columns"):
        count(b"1 1 1\nx\n", first_line=8)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"row_of_bin": [0.0, 1.0]}, TypeError, "row_of_bin must be integers"),
        ({"row_of_bin": [0, 6]}, ValueError, "row_of_bin must lie between -1 and 5; got 0 to 6"),
        ({"row_of_bin": [-2, 0]}, ValueError, "row_of_bin must lie between -1"),
        ({"row_of_bin": [1, 1]}, ValueError, "names a row twice"),
        ({"row_of_bin": [0, 1, 2]}, ValueError, "of one length; got 3 and 2"),
        ({"row_of_bin": []}, TypeError, "row_of_bin must be integers"),
        ({"row_of_bin": np.zeros(0, int)}, ValueError, "one value per bin"),
        ({"chrom_of_bin": [0, 2]}, ValueError, "chrom_of_bin must lie between -1 and 1"),
        (
            {"chrom_of_bin": [0, 1, 0], "row_of_bin": [0, 1, 2]},
            ValueError,
            "bins of a chromosome in one run",
        ),
        ({"n_chroms": 0}, ValueError, "n_chroms must lie between 1"),
        ({"n_rows": -1}, ValueError, "n_rows must lie between 0"),
        ({"n_flank_bins": -1}, ValueError, "n_flank_bins must lie between 0"),
        ({"id_base": -1}, ValueError, "id_base must lie between 0"),
        ({"first_line": 0}, ValueError, "first_line must lie between 1"),
    ],
)
def test_refused_arguments(change, error, message):
    usual = {"row_of_bin": [0, 1], "chrom_of_bin": [0, 1], "n_chroms": 2, "n_rows": 6}
    with pytest.raises(error, match=message):
        MatrixCounter(**(usual | {"n_flank_bins": 2} | change))
