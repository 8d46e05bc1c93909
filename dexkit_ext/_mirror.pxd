"""Does a file list every pair in both orders of its ends? Told in a few bytes of memory.

Lines whose first end lies before the second add a hash of the pair, the others subtract the hash
of the pair with its ends swapped. Sums do not depend on the order of the lines: both halves hold
the same pairs with the same values exactly when their numbers are equal and what is left is 0 (a
chance of 2**-64 apart).
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy


cdef struct Mirror:
    int64_t n_ordered
    int64_t n_swapped
    uint64_t balance


cdef inline uint64_t mix(uint64_t h) noexcept nogil:
    """Mix the bits of a number (the finaliser of SplitMix64)."""
    h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9ULL
    h = (h ^ (h >> 27)) * 0x94D049BB133111EBULL
    return h ^ (h >> 31)


cdef inline void note_pair(
    Mirror* mirror, bint ordered, bint swapped, uint64_t end1, uint64_t end2, double value
) noexcept nogil:
    """Take down one line by hashes of its ends; one with equal ends is neither way round.

    Which way round a line is may be as good as random: there is no branch on it.
    """
    cdef uint64_t bits
    cdef uint64_t flip = (end1 ^ end2) * swapped
    cdef uint64_t h
    memcpy(&bits, &value, sizeof(bits))
    end1 ^= flip
    end2 ^= flip
    # Odd constants: the golden ratio and the square root of 3, as fractions of 2**64.
    h = mix(end1 * 0x9E3779B97F4A7C15ULL + end2 * 0xBB67AE8584CAA73BULL + bits)
    mirror.n_ordered += ordered
    mirror.n_swapped += swapped
    mirror.balance += h * <uint64_t> (<int64_t> ordered - <int64_t> swapped)


cdef inline bint is_mirrored(const Mirror* mirror) noexcept nogil:
    """Whether every pair of different ends came in both orders."""
    return (
        mirror.n_ordered > 0 and mirror.n_ordered == mirror.n_swapped and mirror.balance == 0
    )
