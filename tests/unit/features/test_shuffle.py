"""The dinucleotide shuffle keeps what it must, changes the rest, and is uniform."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dexkit.errors import FormatError
from dexkit.features.shuffle import dinucleotide_shuffle


def dinucleotides(row):
    return Counter(zip(row[:-1].tolist(), row[1:].tolist(), strict=True))


@given(
    codes=arrays(
        np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 40)), elements=st.integers(0, 4)
    ),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=80)
def test_dinucleotides_unknown_bases_and_ends_stay(codes, seed):
    shuffled = dinucleotide_shuffle(codes, seed)
    np.testing.assert_array_equal(shuffled == 4, codes == 4)
    for before, after in zip(codes, shuffled, strict=True):
        assert dinucleotides(before) == dinucleotides(after)
        assert (before[0], before[-1]) == (after[0], after[-1])


@pytest.mark.parametrize("text", ["ACAGATACGTA", "AACCAACA", "AAAAAAC", "ACCCCCCCG", "ACGTACGTAC"])
def test_every_order_is_as_likely_as_any_other(text):
    """All orders with the same dinucleotides and ends, found by trying, come equally often."""
    codes = np.array(["ACGT".index(base) for base in text], dtype=np.uint8)
    wanted = dinucleotides(codes)
    inner = set(permutations(codes[1:-1].tolist()))
    possible = {
        order
        for middle in inner
        if dinucleotides(np.array(order := (codes[0], *middle, codes[-1]), dtype=int)) == wanted
    }
    n_draws = 400 * len(possible)
    drawn = Counter(map(tuple, dinucleotide_shuffle(np.tile(codes, (n_draws, 1)), 1).tolist()))
    assert set(drawn) == possible
    # Standard deviation 20 around 400: five of them on either side.
    assert all(300 < count < 500 for count in drawn.values())


def test_long_promoters_change_and_the_window_keeps_its_numbers():
    codes = np.random.default_rng(0).integers(0, 4, (50, 300), dtype=np.uint8)
    codes[7, 40:60] = 4
    shuffled = dinucleotide_shuffle(codes, 3, cuts=(20, 280))
    inside = slice(20, 280)
    for before, after in zip(codes, shuffled, strict=True):
        assert dinucleotides(before[inside]) == dinucleotides(after[inside])
        assert (before != after).mean() > 0.5
    np.testing.assert_array_equal(shuffled, dinucleotide_shuffle(codes, 3, cuts=(20, 280)))
    assert (shuffled != dinucleotide_shuffle(codes, 4, cuts=(20, 280))).any()


def test_a_hard_case_needs_no_luck():
    """One dinucleotide alone leads on, out of thousands: nothing is tried and rejected."""
    codes = np.repeat(np.array([0, 1, 2, 3], dtype=np.uint8), 2000)[None]
    np.testing.assert_array_equal(dinucleotide_shuffle(codes, 0), codes)


def test_a_bad_code_is_refused():
    with pytest.raises(FormatError, match="a base code is 7; expected 0 to 4"):
        dinucleotide_shuffle(np.array([[0, 7]], dtype=np.uint8), 0)
