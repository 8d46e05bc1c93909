"""k-mer counting kernel.

A row is cut into blocks of windows. The k-mer numbers of a block are computed first, by joining
shorter k-mers (1 + 1, 2 + 2, 4 + 4, the last join overlapping) in loops that the compiler
vectorises; the increments come after, so that each depends on a finished number and not on the
window before it.
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
    uint16_t* joined,
    const uint16_t* shorter,
    Py_ssize_t step,
    int shift_first,
    int shift_second,
    Py_ssize_t n,
) noexcept nogil:
    """Number the windows made of the shorter windows at j and j + ``step``."""
    cdef Py_ssize_t j
    for j in range(n):
        joined[j] = <uint16_t> (
            (shorter[j] << shift_first) | (shorter[j + step] << shift_second)
        )


cdef int _count_block(
    uint16_t* codes,
    Py_ssize_t n_windows,
    int k,
    bint backwards,
    bint clean,
    uint16_t[:, ::1] out,
    Py_ssize_t row,
) except -1 nogil:
    """Count the windows of one block that hold no code 4; ``codes`` is used up.

    Forwards, the first base of a window is its most significant digit; backwards (on complemented
    codes) its least significant, which is the number of the reverse complement.
    """
    cdef uint16_t scratch[SPAN]
    cdef uint16_t source[SPAN]
    cdef uint16_t* numbers = codes
    cdef uint16_t* target = scratch
    cdef Py_ssize_t n_codes = n_windows + k - 1
    cdef Py_ssize_t j
    cdef int width = 1
    cdef int step
    cdef int run = 0
    if not clean:
        for j in range(n_codes):
            source[j] = codes[j]
    while width < k:
        # Where the two halves overlap they hold the same digits, which OR leaves as they are.
        step = width if 2 * width <= k else k - width
        width += step
        if backwards:
            _join(target, numbers, step, 0, 2 * step, n_codes - width + 1)
        else:
            _join(target, numbers, step, 2 * step, 0, n_codes - width + 1)
        numbers, target = target, numbers
    if clean:
        for j in range(n_windows):
            out[row, numbers[j]] += 1
        return 0
    for j in range(n_codes):
        # A complemented 4 wraps round to 65535.
        run = run + 1 if source[j] < 4 else 0
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
    cdef uint16_t block[SPAN]
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
        for j in range(n + k - 1):
            block[j] = codes[row, start + j]
        _count_block(block, n, k, False, largest < 4, out, row)
        if both_strands:
            for j in range(n + k - 1):
                block[j] = <uint16_t> (3 - codes[row, start + j])
            _count_block(block, n, k, True, largest < 4, out, row)
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
