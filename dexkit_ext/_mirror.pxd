"""Does a file list every pair in both orders of its ends? Told in a few bytes of memory.

Lines whose first end lies before the second add a hash of the pair, the others subtract the hash
of the pair with its ends swapped. Sums do not depend on the order of the lines: both halves hold
the same pairs with the same values exactly when their numbers are equal and what is left is 0 (a
chance of 2**-64 apart).
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    /* Both halves of the product of two numbers, in one: mixes the bits of both. */
    static inline uint64_t DEXKIT_FOLD(uint64_t a, uint64_t b)
    {
    #ifdef __SIZEOF_INT128__
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    #else
        a = (a ^ (a >> 30)) * 0xBF58476D1CE4E5B9ULL + b;
        a = (a ^ (a >> 27)) * 0x94D049BB133111EBULL;
        return a ^ (a >> 31);
    #endif
    }
    """
    uint64_t DEXKIT_FOLD(uint64_t a, uint64_t b) noexcept nogil


cdef struct Mirror:
    int64_t n_ordered
    int64_t n_swapped
    uint64_t balance


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
    # Constants: the golden ratio and the square root of 3, as fractions of 2**64; the value is
    # spread by an odd one, since whole doubles differ in their high bits only.
    h = DEXKIT_FOLD(
        end1 ^ 0x9E3779B97F4A7C15ULL, (end2 + bits * 0xD6E8FEB86659FD93ULL) ^ 0xBB67AE8584CAA73BULL
    )
    mirror.n_ordered += ordered
    mirror.n_swapped += swapped
    mirror.balance += h * <uint64_t> (<int64_t> ordered - <int64_t> swapped)


cdef inline bint is_mirrored(const Mirror* mirror) noexcept nogil:
    """Whether every pair of different ends came in both orders."""
    return (
        mirror.n_ordered > 0 and mirror.n_ordered == mirror.n_swapped and mirror.balance == 0
    )
