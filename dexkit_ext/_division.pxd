"""Division of positions by the size of a bin, which is known before the first line."""

from libc.stdint cimport int64_t

cdef extern from *:
    # Positions below this are divided by a multiplication.
    const int64_t DEXKIT_MOST_EXACT "(1LL << 50)"


cdef struct Divisor:
    int64_t size
    double inverse
    bint exact


cdef inline Divisor divisor(int64_t size, int64_t largest) noexcept nogil:
    """Prepare for dividing numbers of 0 to ``largest`` by ``size``, 1 or more."""
    cdef Divisor by
    by.size = size
    by.inverse = 1.0 / <double> size
    by.exact = largest < DEXKIT_MOST_EXACT
    return by


cdef inline int64_t quotient(int64_t number, const Divisor* by) noexcept nogil:
    """Return ``number // by.size``.

    The half puts the quotient 1 / (2 * size) or more away from a whole number; two roundings move
    it by less, since the number is below 2**50: 2**50 / size * 2**-52 is 1 / (4 * size).
    """
    if by.exact:
        return <int64_t> ((<double> number + 0.5) * by.inverse)
    return number // by.size
