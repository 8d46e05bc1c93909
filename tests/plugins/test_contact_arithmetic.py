"""Depth, replicate mean, loop sum and number, worked by hand; sums in memory and in a file."""

import errno
import math
import os

import numpy as np
import pytest
from dexkit_contacts import sums
from dexkit_contacts.signal import FORMULAS, contact_signal, loop_features, scale_factor, to_signal
from dexkit_contacts.sums import RowSums

from dexkit.errors import OutputError

# Replicate 1: N = 8,000,000; replicate 2: N = 2,000,000.
ONE = np.array([[4, 0, 16, 1, 0]], dtype=np.uint32)
TWO = np.array([[1, 0, 2, 0, 3.5]], dtype=np.float64)
DEPTHS = (8_000_000, 2_000_000)


@pytest.mark.parametrize(
    ("normalisation", "target", "means"),
    [
        # n / N_k * N with N = 2,000,000: (1, 0, 4, 1/4, 0) and (1, 0, 2, 0, 3.5)
        ("depth", 2_000_000, [1, 0, 3, 0.125, 1.75]),
        ("depth", 8_000_000, [4, 0, 12, 0.5, 7]),
        ("depth", 0.5e6, [0.25, 0, 0.75, 0.03125, 0.4375]),
        # a million for N: (0.5, 0, 2, 0.125, 0) and (0.5, 0, 1, 0, 1.75)
        ("cpm", 2_000_000, [0.5, 0, 1.5, 0.0625, 0.875]),
    ],
)
def test_signal(normalisation, target, means):
    h = contact_signal([ONE, TWO], DEPTHS, target, normalisation)
    expected = [[math.log(1 + mean, 2) for mean in means]]
    np.testing.assert_allclose(h, expected, rtol=0, atol=1e-12)


def test_raw_is_the_mean_of_the_counts_without_logarithm():
    h = contact_signal([ONE, TWO], DEPTHS, 77, "raw")
    np.testing.assert_allclose(h, [[2.5, 0, 9, 0.5, 1.75]], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("normalisation", "target", "factor"),
    [("depth", 600, 200), ("depth", None, 1 / 3), ("cpm", 600, 1e6 / 3), ("raw", 600, 1 / 3)],
)
def test_scale_factor_of_three_replicates(normalisation, target, factor):
    assert scale_factor(normalisation, 3, target) == pytest.approx(factor, abs=1e-12)


def test_every_normalisation_has_a_formula():
    for normalisation, formula in FORMULAS.items():
        h = to_signal(np.array([[3.0]]), normalisation)
        assert h[0, 0] == (2.0 if formula.startswith("log2(1 + ") else 3.0)


def test_loop_sum_and_number_leave_the_tss_bin_out():
    mean = np.array([[0.5, 0, 9, 0.25, 1e-300], [0, 0, 7, 0, 0]])
    before = mean.copy()
    loop_sum, loop_number = loop_features(mean, 2)
    np.testing.assert_allclose(loop_sum, [0.75, 0], rtol=0, atol=1e-12)
    assert loop_number.tolist() == [3, 0]
    np.testing.assert_array_equal(mean, before)


@pytest.mark.parametrize("block_bytes", [8 * 5, 8 * 5 * 3, 8 << 20])
@pytest.mark.parametrize("in_file", [False, True])
def test_sums_are_the_same_in_memory_and_in_a_file(tmp_path, monkeypatch, block_bytes, in_file):
    monkeypatch.setattr(sums, "BLOCK_BYTES", block_bytes)
    rng = np.random.default_rng(1)
    replicates = [rng.integers(0, 1000, (11, 5), dtype=np.uint32), rng.random((11, 5)) * 99]
    found = RowSums(11, 5, tmp_path if in_file else None)
    expected = np.zeros((11, 5))
    for replicate, depth in zip(replicates, (7919, 104_729), strict=True):
        found.add(replicate, depth)
        expected += replicate / depth
    np.testing.assert_array_equal(found.rows(0, 11), expected)
    np.testing.assert_array_equal(found.rows(4, 9), expected[4:9])
    assert list(tmp_path.iterdir()) == []  # the file has no name
    found.close()


def test_the_file_of_sums_on_a_full_disk(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sums.os, "posix_fallocate", full)
    with pytest.raises(OutputError, match=r"the disk is full .*; free space or write elsewhere"):
        RowSums(10, 10, tmp_path)


def test_a_file_of_sums_that_was_cut_off(tmp_path):
    found = RowSums(10, 10, tmp_path)
    os.ftruncate(found._file.fileno(), 100)
    with pytest.raises(OutputError, match="the temporary file of the contacts is cut off"):
        found.rows(0, 10)
    found.close()
