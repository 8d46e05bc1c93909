"""Division of positions by the size of a bin, which is known before the first line."""

from libc.stdint cimport int64_t, uint64_t

cdef extern from *:
    """
    typedef struct {
        int64_t size;
        uint64_t inverse; /* 2**64 / size, rounded up; 0 where a division is needed */
    } dexkit_divisor;

    /* With inverse = (2**64 + e) / size, 0 <= e < size, the product is number / size and an excess
       of number * e / (size * 2**64), which is below 1 / size as long as number * size < 2**64. */
    static inline int64_t dexkit_quotient(int64_t number, const dexkit_divisor *by)
    {
    #ifdef __SIZEOF_INT128__
        if (by->inverse)
            return (int64_t)(((unsigned __int128)(uint64_t)number * by->inverse) >> 64);
    #endif
        return number / by->size;
    }
    """
    ctypedef struct Divisor "dexkit_divisor":
        int64_t size
        uint64_t inverse

    # number // by.size, for a number of 0 or more
    int64_t quotient "dexkit_quotient"(int64_t number, const Divisor* by) noexcept nogil


cdef inline Divisor divisor(int64_t size, int64_t largest) noexcept nogil:
    """Prepare for dividing numbers of 0 to ``largest`` by ``size``, 1 or more."""
    cdef Divisor by
    cdef uint64_t most = 0xFFFFFFFFFFFFFFFFULL
    by.size = size
    by.inverse = 0
    if size > 1 and <uint64_t> largest <= most // <uint64_t> size:
        by.inverse = most // <uint64_t> size + 1
    return by
