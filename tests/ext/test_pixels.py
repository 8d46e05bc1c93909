import pickle
import threading

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from dexkit_ext import PixelError, PixelTotals, count_pixels
from dexkit_ext.pixels import ID_DTYPES, VALUE_DTYPES

# Chromosomes 0 (8 bins), unknown (3 bins), 1 (1 bin), 2 (5 bins).
CHROM = np.repeat(np.array([0, -1, 1, 2], np.int32), [8, 3, 1, 5])
N_BINS, N_CHROMS = len(CHROM), 3
ROW = np.full(N_BINS, -1, np.int32)
ROW[[0, 3, 4, 11, 16]] = [2, 0, 1, 4, 3]
ROW[9] = 5  # of an unknown chromosome: never counted
N_ROWS = 6


def outputs(n_flank):
    return np.zeros((N_ROWS, 2 * n_flank + 1)), np.zeros(N_CHROMS, np.int64)


def arrays(pixels, ids=np.int64, values=np.float64):
    bin1, bin2, value = zip(*pixels, strict=True) if pixels else ((), (), ())
    return np.array(bin1, ids), np.array(bin2, ids), np.array(value, values)


BIN = st.integers(0, N_BINS - 1)
VALUE = st.one_of(st.integers(0, 9), st.sampled_from([0.5, float("nan")]))
PIXELS = st.lists(st.tuples(BIN, BIN, VALUE), max_size=60)


@given(
    PIXELS,
    st.integers(0, 10),
    st.sampled_from(ID_DTYPES),
    st.sampled_from(VALUE_DTYPES),
    st.integers(0, 60),
)
def test_equals_reference(pixels, n_flank, ids, values, cut):
    if values.kind != "f":
        pixels = [(i, j, int(np.nan_to_num(x))) for i, j, x in pixels]
    expected, expected_cis = outputs(n_flank)
    totals = reference.count_pixels(pixels, ROW, CHROM, n_flank, expected, expected_cis)
    counts, cis = outputs(n_flank)
    found = PixelTotals()
    for part in (pixels[:cut], pixels[cut:]):  # calls add up
        columns = arrays(part, ids, values)
        for column in columns:
            column.flags.writeable = False
        found = found.plus(count_pixels(*columns, ROW, CHROM, n_flank, counts, cis))
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(cis, expected_cis)
    assert found == totals
    assert found.n_pixels == len(pixels)


def test_largest_numbers_are_exact():
    counts, cis = outputs(1)
    pixels = [(3, 3, 2**32 - 1), (3, 4, 2**32 - 1)]
    columns = arrays(pixels, np.int32, np.uint32)
    assert count_pixels(*columns, ROW, CHROM, 1, counts, cis).cis == 2 * (2**32 - 1)
    assert counts[0].tolist() == [0, 2**32 - 1, 2**32 - 1]
    columns = arrays([(3, 3, 2**52)], np.int64, np.int64)
    assert count_pixels(*columns, ROW, CHROM, 1, counts, cis).cis == 2**52


@pytest.mark.parametrize(
    ("pixel", "match"),
    [
        ((-1, 0, 1), f"bin1 is -1; expected a bin from 0 to {N_BINS - 1}"),
        ((N_BINS, 0, 1), f"bin1 is {N_BINS}"),
        ((0, -(2**40), 1), "bin2 is -1099511627776"),
        ((0, 2**40, 1), "bin2 is 1099511627776"),
        ((0, 0, -1), "the value is -1.0; expected a finite number, 0 or more"),
        ((0, 0, np.inf), "the value is inf"),
    ],
)
@pytest.mark.parametrize("before", [0, 3])
def test_impossible_pixels(pixel, match, before):
    counts, cis = outputs(2)
    with pytest.raises(PixelError, match=match) as caught:
        count_pixels(*arrays([(3, 3, 2)] * before + [pixel]), ROW, CHROM, 2, counts, cis)
    assert caught.value.index == before
    assert counts[0, 2] == 2 * before
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.index, again.reason) == (caught.value.index, caught.value.reason)


def test_tables_that_name_too_much():
    columns = arrays([(3, 4, 1)])
    with pytest.raises(ValueError, match="row_of_bin names a row of 1 or more"):
        count_pixels(*columns, ROW, CHROM, 1, np.zeros((1, 3)), np.zeros(3, np.int64))
    with pytest.raises(ValueError, match="chrom_of_bin names a chromosome of 0 or more"):
        count_pixels(*columns, ROW, CHROM, 1, np.zeros((6, 3)), np.zeros(0, np.int64))


GOOD = dict(
    zip(("bin1", "bin2", "value"), arrays([(3, 4, 1), (4, 4, 2)]), strict=True),
    row_of_bin=ROW,
    chrom_of_bin=CHROM,
    n_flank_bins=1,
    counts=np.zeros((N_ROWS, 3)),
    cis_by_chrom=np.zeros(N_CHROMS, np.int64),
)


def read_only(array):
    array.flags.writeable = False
    return array


SHARED = np.zeros(N_ROWS * 3)


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"bin1": [3, 4]}, TypeError, "bin1 must be an ndarray; got list"),
        ({"bin1": np.zeros(2)}, TypeError, "bin1 must have dtype int32 or int64; got float64"),
        ({"bin2": np.zeros(2, np.int32)}, TypeError, "bin2 must have dtype int64; got int32"),
        ({"bin2": np.zeros(3, np.int64)}, ValueError, r"bin2 must have shape \(2\); got \(3,\)"),
        ({"bin1": np.zeros((1, 2), np.int64)}, ValueError, r"bin1 must have shape \(any\)"),
        ({"bin1": np.zeros(4, np.int64)[::2]}, ValueError, "bin1 must be C-contiguous"),
        ({"value": np.zeros(2, np.int16)}, TypeError, "value must have dtype int32 or uint32"),
        ({"value": np.zeros(2, ">f8")}, TypeError, "value must have dtype"),
        ({"row_of_bin": ROW.astype(np.int64)}, TypeError, "row_of_bin must have dtype int32"),
        ({"chrom_of_bin": CHROM[1:]}, ValueError, "chrom_of_bin must have shape"),
        ({"n_flank_bins": 2}, ValueError, r"counts must have shape \(any, 5\); got \(6, 3\)"),
        ({"n_flank_bins": -1}, ValueError, "n_flank_bins must lie between 0 and"),
        ({"n_flank_bins": 1.0}, TypeError, "n_flank_bins must be an integer"),
        ({"counts": np.zeros((6, 3), np.float32)}, TypeError, "counts must have dtype float64"),
        ({"counts": np.zeros((6, 6))[:, ::2]}, ValueError, "counts must be C-contiguous"),
        ({"counts": read_only(np.zeros((6, 3)))}, ValueError, "counts must be writable"),
        ({"cis_by_chrom": read_only(np.zeros(3, np.int64))}, ValueError, "cis_by_chrom must be wr"),
        ({"cis_by_chrom": np.zeros(3)}, TypeError, "cis_by_chrom must have dtype int64"),
        (
            {"counts": SHARED.reshape(6, 3), "value": SHARED[1:3]},
            ValueError,
            "counts must not share memory",
        ),
        (
            {"counts": SHARED.reshape(6, 3), "cis_by_chrom": SHARED[:3].view(np.int64)},
            ValueError,
            "counts must not share memory",
        ),
        (
            {"cis_by_chrom": GOOD["bin1"][:1]},
            ValueError,
            "cis_by_chrom must not share memory",
        ),
    ],
)
def test_bad_arguments(changes, error, match):
    with pytest.raises(error, match=match):
        count_pixels(**{**GOOD, **changes})


def test_threads_side_by_side():
    """The GIL is released; each thread adds into arrays of its own."""
    rng = np.random.default_rng(1)
    columns = rng.integers(0, N_BINS, 400_000), rng.integers(0, N_BINS, 400_000), np.ones(400_000)
    done = [outputs(3) for _ in range(3)]
    work = [
        threading.Thread(target=count_pixels, args=(*columns, ROW, CHROM, 3, counts, cis))
        for counts, cis in done
    ]
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()
    assert done[0][0].sum() > 0
    for counts, cis in done[1:]:
        np.testing.assert_array_equal(counts, done[0][0])
        np.testing.assert_array_equal(cis, done[0][1])
