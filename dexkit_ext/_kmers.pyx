"""k-mer counting kernel.

A row is cut into blocks of windows. The k-mer numbers of a block are computed first, by joining
shorter k-mers (1 + 1, 2 + 2, then what is left to k) in loops that the compiler vectorises; the
increments come after, so that each depends on a finished number and not on the window before it.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint16_t

from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

cdef enum:
    # Windows per block: scratch arrays and the 4096 counters of a 6-mer row fit a 32 KB L1 cache.
    BLOCK = 1024
    # With k <= 8 a block reads at most 7 codes beyond its windows.
    SPAN = BLOCK + 8


cdef inline void _join(
    uint8_t* joined, const uint8_t* high, const uint8_t* low, uint8_t factor, Py_ssize_t n
) noexcept nogil:
    """Put the digits of ``high`` before those of ``low``; up to 4 digits fit 8 bits."""
    cdef Py_ssize_t j
    for j in range(n):
        joined[j] = <uint8_t> (high[j] * factor) | low[j]


cdef inline void _join_wide(
    uint16_t* joined, const uint8_t* high, const uint8_t* low, uint16_t factor, Py_ssize_t n
) noexcept nogil:
    """Put the digits of ``high`` before those of ``low``, up to 8 of them.

    Where the two overlap they hold the same digits, which OR leaves as they are. A product with a
    power of 4 stays in 16 bits, where compilers widen a shift by a variable to 32.
    """
    cdef Py_ssize_t j
    for j in range(n):
        joined[j] = <uint16_t> (<uint16_t> high[j] * factor) | low[j]


cdef int _count_block(
    const uint8_t* codes,
    Py_ssize_t n_windows,
    int k,
    bint backwards,
    bint clean,
    uint16_t[:, ::1] out,
    Py_ssize_t row,
) except -1 nogil:
    """Count the windows of one block that hold no code 4.

    Forwards, the first base of a window is its most significant digit; backwards its complement
    is the least significant one, which makes the number of the reverse complement.
    """
    cdef uint8_t complement[SPAN]
    cdef uint8_t twos[SPAN]
    cdef uint8_t fours[SPAN]
    cdef uint16_t numbers[BLOCK]
    cdef const uint8_t* joined = codes
    cdef Py_ssize_t n_codes = n_windows + k - 1
    cdef Py_ssize_t j
    cdef int width = 1
    cdef int step
    cdef int run = 0
    # A code 4 spoils the numbers of the windows that hold it, and no others.
    if backwards:
        for j in range(n_codes):
            complement[j] = 3 - codes[j]
        joined = complement
    if k >= 2:
        width = 2
        if backwards:
            _join(twos, joined + 1, joined, 4, n_codes - 1)
        else:
            _join(twos, joined, joined + 1, 4, n_codes - 1)
        joined = twos
    if k >= 4:
        width = 4
        if backwards:
            _join(fours, twos + 2, twos, 16, n_codes - 3)
        else:
            _join(fours, twos, twos + 2, 16, n_codes - 3)
        joined = fours
    step = k - width
    if backwards:
        _join_wide(numbers, joined + step, joined, 1 << (2 * step), n_windows)
    else:
        _join_wide(numbers, joined, joined + step, 1 << (2 * step), n_windows)
    if clean:
        for j in range(n_windows):
            out[row, numbers[j]] += 1
        return 0
    for j in range(n_codes):
        run = run + 1 if codes[j] < 4 else 0
        if run >= k:
            out[row, numbers[j - k + 1]] += 1
    return 0


cdef bint _count_row(
    const uint8_t[:, ::1] codes,
    int k,
    bint both_strands,
    uint16_t[:, ::1] out,
    Py_ssize_t row,
) except -1 nogil:
    """Count one row; return whether it holds a code above 4."""
    cdef Py_ssize_t n_windows = codes.shape[1] - k + 1
    cdef Py_ssize_t start, n, j
    cdef uint8_t largest
    for j in range(out.shape[1]):
        out[row, j] = 0
    # A row shorter than k has no window, yet its codes are checked like any other.
    largest = 0
    for j in range(codes.shape[1]):
        largest = codes[row, j] if codes[row, j] > largest else largest
    if largest > 4:
        return True
    start = 0
    while start < n_windows:
        n = min(<Py_ssize_t> BLOCK, n_windows - start)
        _count_block(&codes[row, start], n, k, False, largest < 4, out, row)
        if both_strands:
            _count_block(&codes[row, start], n, k, True, largest < 4, out, row)
        start += n
    return False


def count_kmers(
    const uint8_t[:, ::1] codes,
    int k,
    bint both_strands,
    uint16_t[:, ::1] out,
    int n_threads,
):
    """Count the k-mers of every row into ``out``; return how many rows hold a code above 4."""
    cdef Py_ssize_t row
    cdef Py_ssize_t n_bad = 0
    for row in prange(
        codes.shape[0], nogil=True, schedule="static", num_threads=n_threads
    ):
        n_bad += _count_row(codes, k, both_strands, out, row)
    return n_bad
