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

    /* The same for numbers below 2**31: number * inverse >> shift, which vectors can do. */
    typedef struct {
        uint64_t inverse; /* 2**shift / size, rounded up, below 2**32; 0 where there is none */
        int64_t shift;
    } dexkit_narrow;
    """
    ctypedef struct Divisor "dexkit_divisor":
        int64_t size
        uint64_t inverse

    ctypedef struct Narrow "dexkit_narrow":
        uint64_t inverse
        int64_t shift

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


cdef inline Narrow narrow_divisor(int64_t size, int64_t largest) noexcept nogil:
    """Prepare for dividing numbers of 0 to ``largest`` by ``size``, 1 or more, in 64 bits.

    With inverse = (2**shift + e) / size, 0 <= e < size, the excess of the product is below
    1 / size as long as number * e < 2**shift, which is 2**31 * size or more.
    """
    cdef Narrow by
    cdef int64_t one = 1
    by.shift = 31
    by.inverse = 0
    if size < one << 31 and largest < one << 31:
        while one << (by.shift - 31) < size:
            by.shift += 1
        by.inverse = <uint64_t> (((one << by.shift) + size - 1) // size)
    return by
