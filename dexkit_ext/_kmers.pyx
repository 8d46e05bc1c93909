"""k-mer counting kernel.

A row is cut into blocks of windows. The k-mer numbers of a block are computed first, by joining
shorter k-mers (1 + 1, 2 + 2, then what is left to k) in loops that the compiler vectorises; the
increments come after, so that each depends on a finished number and not on the window before it.

Rows of up to 4096 counters are counted in scratch memory that stays in the nearest cache, and then
copied out: the processor fetches the lines of the output while it counts the next row. Increments
in the output itself wait for lines that were cleared just before.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy, memset

from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

cdef enum:
    # Windows per block: so few that the processor works out the numbers of a block while increments
    # of the one before are under way.
    BLOCK = 512
    # With k <= 8 a block reads at most 7 codes beyond its windows.
    SPAN = BLOCK + 8
    # Counters in scratch memory: those of a 6-mer row, 8 KB.
    SCRATCH = 4096
    # Counters copied and cleared at once, 64 bytes.
    LINE = 32


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


cdef inline uint8_t _largest(const uint8_t* codes, Py_ssize_t n) noexcept nogil:
    cdef uint8_t largest = 0
    cdef Py_ssize_t j
    for j in range(n):
        largest = codes[j] if codes[j] > largest else largest
    return largest


cdef inline void _increment(
    uint16_t* counts, const uint16_t* numbers, Py_ssize_t n
) noexcept nogil:
    """Add 1 to each counter named; four numbers are one load, in whatever order."""
    cdef uint64_t four
    cdef Py_ssize_t j
    for j in range(0, n - 3, 4):
        memcpy(&four, numbers + j, sizeof(four))
        counts[four & 0xFFFF] += 1
        counts[four >> 16 & 0xFFFF] += 1
        counts[four >> 32 & 0xFFFF] += 1
        counts[four >> 48] += 1
    for j in range(n - n % 4, n):
        counts[numbers[j]] += 1


cdef void _increment_clean(
    uint16_t* counts, const uint16_t* numbers, const uint8_t* codes, Py_ssize_t n, int k
) noexcept nogil:
    """Add 1 to the counters of windows without a code 4, and 0 to any counter for the others."""
    cdef uint8_t spoilt[BLOCK]
    cdef uint16_t mask = <uint16_t> ((1 << (2 * k)) - 1)
    cdef Py_ssize_t j
    cdef int i
    memset(spoilt, 0, n)
    for i in range(k):
        for j in range(n):
            spoilt[j] |= codes[i + j] >> 2
    for j in range(n):
        counts[numbers[j] & mask] += 1 - spoilt[j]


cdef void _count_block(
    const uint8_t* codes,
    Py_ssize_t n_windows,
    int k,
    bint backwards,
    bint clean,
    uint16_t* counts,
) noexcept nogil:
    """Count the windows of one block that hold no code 4; ``clean`` says that it has none.

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
        _increment(counts, numbers, n_windows)
    else:
        _increment_clean(counts, numbers, codes, n_windows, k)


cdef bint _count_row(
    const uint8_t* codes, Py_ssize_t length, int k, bint both_strands, uint16_t* counts
) noexcept nogil:
    """Count one row into counters of 0; return whether it holds a code above 4."""
    cdef Py_ssize_t n_windows = length - k + 1
    cdef Py_ssize_t start, n
    cdef uint8_t largest
    if n_windows < 1:
        # No window, yet the codes are checked like any other.
        return _largest(codes, length) > 4
    start = 0
    while start < n_windows:
        n = min(<Py_ssize_t> BLOCK, n_windows - start)
        largest = _largest(codes + start, n + k - 1)
        if largest > 4:
            return True
        _count_block(codes + start, n, k, False, largest < 4, counts)
        if both_strands:
            _count_block(codes + start, n, k, True, largest < 4, counts)
        start += n
    return False


cdef inline void _move(uint16_t* target, uint16_t* counts, Py_ssize_t n) noexcept nogil:
    """Copy counters and clear them.

    A line at a time: compilers make calls of the C library out of two whole loops, and its long
    copies keep the increments that follow waiting.
    """
    cdef Py_ssize_t line, j
    for line in range(n // LINE):
        memcpy(target + line * LINE, counts + line * LINE, LINE * sizeof(uint16_t))
        memset(counts + line * LINE, 0, LINE * sizeof(uint16_t))
    for j in range(n - n % LINE, n):
        target[j] = counts[j]
        counts[j] = 0


cdef Py_ssize_t _count_rows(
    const uint8_t[:, ::1] codes,
    int k,
    bint both_strands,
    uint16_t[:, ::1] out,
    Py_ssize_t first,
    Py_ssize_t stop,
) except -1 nogil:
    """Count the rows [first, stop); return how many hold a code above 4."""
    cdef uint16_t scratch[SCRATCH]
    cdef Py_ssize_t length = codes.shape[1]
    cdef Py_ssize_t n_counts = out.shape[1]
    cdef Py_ssize_t n_bad = 0
    cdef Py_ssize_t row
    cdef const uint8_t* row_codes = NULL
    memset(scratch, 0, sizeof(scratch))
    for row in range(first, stop):
        if length:
            row_codes = &codes[row, 0]
        if n_counts <= SCRATCH:
            n_bad += _count_row(row_codes, length, k, both_strands, scratch)
            _move(&out[row, 0], scratch, n_counts)
        else:
            memset(&out[row, 0], 0, n_counts * sizeof(uint16_t))
            n_bad += _count_row(row_codes, length, k, both_strands, &out[row, 0])
    return n_bad


def count_kmers(
    const uint8_t[:, ::1] codes,
    int k,
    bint both_strands,
    uint16_t[:, ::1] out,
    int n_threads,
):
    """Count the k-mers of every row into ``out``; return how many rows hold a code above 4."""
    cdef Py_ssize_t n_rows = codes.shape[0]
    cdef Py_ssize_t part
    cdef Py_ssize_t n_bad = 0
    # One run of rows a thread, and one scratch memory.
    for part in prange(n_threads, nogil=True, schedule="static", num_threads=n_threads):
        n_bad += _count_rows(
            codes,
            k,
            both_strands,
            out,
            n_rows * part // n_threads,
            n_rows * (part + 1) // n_threads,
        )
    return n_bad
