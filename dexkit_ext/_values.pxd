"""Numbers with decimals and exponents: correctly rounded, whatever the locale."""

from cpython.conversion cimport PyOS_string_to_double
from libc.math cimport isfinite
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

from dexkit_ext._bytes cimport MAX_DIGITS, parse_number

cdef extern from *:
    """
    /* The powers of ten that a double holds exactly. */
    static const double DEXKIT_POWERS_OF_TEN[23] = {
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
        1e17, 1e18, 1e19, 1e20, 1e21, 1e22
    };
    """
    const double* DEXKIT_POWERS_OF_TEN

cdef enum:
    LARGEST_POWER = 22
    # A double written out in full, with every digit that it has, is shorter.
    MAX_VALUE_BYTES = 1100
    # An exponent above this is one whatever the digits before it: further digits change nothing.
    MAX_EXPONENT = 100000

cdef extern from *:
    const int64_t DEXKIT_EXACT "(1LL << 53)"


cdef inline double _rounded(const char* text) noexcept with gil:
    """Return the value of a number of valid form; infinite where it is too large."""
    try:
        return PyOS_string_to_double(text, NULL, NULL)
    except (MemoryError, ValueError):
        return -1.0


cdef inline bint parse_decimal(const uint8_t* p, const uint8_t* q, double* value) noexcept nogil:
    """Read the number written in [p, q): digits, perhaps a point, perhaps an exponent; no sign.

    Returns whether it is one, and finite. Up to 2**53 the digits are an exact double, and so is a
    power of ten up to 22: one multiplication or division then rounds correctly (Clinger 1990).
    Other numbers are left to Python's conversion.
    """
    cdef uint8_t copy[MAX_VALUE_BYTES + 1]
    cdef const uint8_t* start = p
    cdef int64_t digits = 0
    cdef int64_t exponent = 0
    cdef int64_t power = 0
    cdef int64_t n_digits = 0
    cdef bint exact = True
    cdef bint point = False
    cdef bint minus = False
    if not 0 < q - p <= MAX_VALUE_BYTES:
        return False
    while p < q:
        if c"0" <= p[0] <= c"9":
            n_digits += 1
            power -= point
            if digits <= DEXKIT_EXACT // 10:
                digits = 10 * digits + (p[0] - c"0")
            else:
                exact = False
        elif p[0] == c"." and not point:
            point = True
        else:
            break
        p += 1
    if n_digits == 0:
        return False
    if p < q:
        if p[0] != c"e" and p[0] != c"E":
            return False
        p += 1
        if p < q and (p[0] == c"-" or p[0] == c"+"):
            minus = p[0] == c"-"
            p += 1
        if p == q:
            return False
        while p < q:
            if not c"0" <= p[0] <= c"9":
                return False
            exponent = min(<int64_t> MAX_EXPONENT, 10 * exponent + (p[0] - c"0"))
            p += 1
        power += -exponent if minus else exponent
    if exact and digits <= DEXKIT_EXACT and -LARGEST_POWER <= power <= LARGEST_POWER:
        if power < 0:
            value[0] = <double> digits / DEXKIT_POWERS_OF_TEN[-power]
        else:
            value[0] = <double> digits * DEXKIT_POWERS_OF_TEN[power]
        return True
    memcpy(copy, start, q - start)
    copy[q - start] = 0
    value[0] = _rounded(<const char*> copy)
    return isfinite(value[0]) and value[0] >= 0


cdef inline bint parse_value(const uint8_t* p, const uint8_t* q, double* value) noexcept nogil:
    """Read a number that is most often whole; the 16 bytes before ``q`` are readable."""
    cdef int64_t number = -1
    if 0 < q - p <= MAX_DIGITS:
        number = parse_number(p, q)
    if number >= 0:
        # A conversion from 64-bit integers rounds correctly.
        value[0] = <double> number
        return True
    return parse_decimal(p, q, value)
