"""Kernel of k-mer sketches: the smallest hashes of the canonical k-mers of each sequence.

The numbers of a window and of its reverse complement roll along the row. The smallest hashes so far
stand sorted where the output is; most hashes of a row are larger than all of them, and one
comparison passes them over.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memmove

from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

#: Stands for "no hash"; sorts behind every one.
cdef uint64_t NONE = 0xFFFFFFFFFFFFFFFFULL


cdef inline uint64_t _mixed(uint64_t x) noexcept nogil:
    """Mix 64 bits one-to-one: finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9ULL
    x = (x ^ (x >> 27)) * <uint64_t> 0x94D049BB133111EBULL
    return x ^ (x >> 31)


cdef inline Py_ssize_t _insert(
    uint64_t* smallest, Py_ssize_t n, Py_ssize_t size, uint64_t value
) noexcept nogil:
    """Put a hash among the ``n`` smallest, at most ``size``; return how many there are now."""
    cdef Py_ssize_t low = 0
    cdef Py_ssize_t high = n
    cdef Py_ssize_t middle
    if n == size and value >= smallest[n - 1]:
        return n
    while low < high:
        middle = (low + high) // 2
        if smallest[middle] < value:
            low = middle + 1
        else:
            high = middle
    if low < n and smallest[low] == value:
        return n
    if n < size:
        n += 1
    memmove(smallest + low + 1, smallest + low, (n - 1 - low) * sizeof(uint64_t))
    smallest[low] = value
    return n


cdef bint _sketch_row(
    const uint8_t* codes, Py_ssize_t length, int k, uint64_t* out, Py_ssize_t size
) noexcept nogil:
    """Write the sketch of one row; return whether it holds a code above 4."""
    cdef uint64_t mask = (<uint64_t> 1 << (2 * k)) - 1
    cdef uint64_t forward = 0
    cdef uint64_t backward = 0
    cdef uint64_t base
    cdef int top = 2 * (k - 1)
    # Known bases in a row up to this one: numbers are whole from k on.
    cdef Py_ssize_t known = 0
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t j
    for j in range(length):
        base = codes[j]
        if base > 3:
            if base > 4:
                return True
            known = 0
            continue
        forward = ((forward << 2) | base) & mask
        backward = (backward >> 2) | ((3 - base) << top)
        known += 1
        if known >= k:
            n = _insert(out, n, size, _mixed(forward if forward < backward else backward))
    for j in range(n, size):
        out[j] = NONE
    return False


cdef Py_ssize_t _sketch_rows(
    const uint8_t[:, ::1] codes,
    int k,
    uint64_t[:, ::1] out,
    Py_ssize_t first,
    Py_ssize_t stop,
) except -1 nogil:
    """Sketch the rows [first, stop); return how many hold a code above 4."""
    cdef Py_ssize_t length = codes.shape[1]
    cdef Py_ssize_t n_bad = 0
    cdef Py_ssize_t row
    cdef const uint8_t* row_codes = NULL
    for row in range(first, stop):
        if length:
            row_codes = &codes[row, 0]
        n_bad += _sketch_row(row_codes, length, k, &out[row, 0], out.shape[1])
    return n_bad


def sketch_kmers(const uint8_t[:, ::1] codes, int k, uint64_t[:, ::1] out, int n_threads):
    """Sketch every row into ``out``; return how many rows hold a code above 4."""
    cdef Py_ssize_t n_rows = codes.shape[0]
    cdef Py_ssize_t part
    cdef Py_ssize_t n_bad = 0
    for part in prange(n_threads, nogil=True, schedule="static", num_threads=n_threads):
        n_bad += _sketch_rows(
            codes, k, out, n_rows * part // n_threads, n_rows * (part + 1) // n_threads
        )
    return n_bad
