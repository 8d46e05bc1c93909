"""Does a file list every pair in both orders of its ends? Told in a few bytes of memory.

Lines whose first end lies before the second add a hash of the pair, the others subtract the hash
of the pair with its ends swapped. Sums do not depend on the order of the lines: both halves hold
the same pairs with the same values exactly when what is left is 0 (a chance of 2**-64 apart).
"""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    #include <string.h>

    typedef struct {
        int64_t any; /* not 0 once there was a pair of different ends */
        uint64_t balance;
    } dexkit_mirror;

    /* Constants: the golden ratio and the square root of 3, as fractions of 2**64; an odd number
       that spreads values, since whole doubles differ in their high bits only; and the two of the
       finalizer of splitmix64 (Steele, Lea and Flood 2014). */
    #define DEXKIT_SALT1 0x9E3779B97F4A7C15ULL
    #define DEXKIT_SALT2 0xBB67AE8584CAA73BULL
    #define DEXKIT_SPREAD 0xD6E8FEB86659FD93ULL
    #define DEXKIT_MIX1 0xBF58476D1CE4E5B9ULL
    #define DEXKIT_MIX2 0x94D049BB133111EBULL

    /* Mixes the bits of two numbers, by what vectors of 64-bit numbers can do too. */
    static inline uint64_t dexkit_fold(uint64_t a, uint64_t b)
    {
        a = (a ^ (a >> 30)) * DEXKIT_MIX1 + b;
        a = (a ^ (a >> 27)) * DEXKIT_MIX2;
        return a ^ (a >> 31);
    }

    /* 1 for a number that is not 0, else 0. */
    static inline int64_t dexkit_different(int64_t number)
    {
        return (int64_t)((uint64_t)(number | -number) >> 63);
    }

    static inline void dexkit_note_pair(
        dexkit_mirror *mirror, int64_t order, uint64_t end1, uint64_t end2, uint64_t bits)
    {
        /* All ones where the line is the other way round. */
        const int64_t swapped = order >> 63;
        const int64_t different = dexkit_different(order);
        const uint64_t flip = (end1 ^ end2) & (uint64_t)swapped;
        const uint64_t hash = dexkit_fold(
            end1 ^ flip ^ DEXKIT_SALT1, ((end2 ^ flip) + bits * DEXKIT_SPREAD) ^ DEXKIT_SALT2);
        mirror->any |= order;
        mirror->balance += hash * (uint64_t)(swapped | different);
    }
    """
    ctypedef struct Mirror "dexkit_mirror":
        int64_t any
        uint64_t balance

    # Take down one line by hashes of its ends and the bits of its value. `order` is above 0 where
    # the first end lies before the second, below where after, 0 where they are equal: such a line
    # is neither way round. There is no branch on it, since it may be as good as random.
    void dexkit_note_pair(
        Mirror* mirror, int64_t order, uint64_t end1, uint64_t end2, uint64_t bits
    ) noexcept nogil


cdef inline bint is_mirrored(const Mirror* mirror) noexcept nogil:
    """Whether every pair of different ends came in both orders."""
    return mirror.any != 0 and mirror.balance == 0
