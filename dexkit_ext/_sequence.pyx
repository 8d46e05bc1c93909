"""Sequence kernels: base codes, reverse complement, one-hot.

Everything is a table row per base, written without branches so that the compiler vectorises it.
"""

from cython.parallel cimport prange
from libc.stdint cimport uint8_t

from dexkit_ext._onehot cimport dexkit_one_hot
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST


def encode_bases(const uint8_t[::1] text, uint8_t[::1] codes):
    """Write the code of each byte of ``text``."""
    cdef Py_ssize_t i
    cdef uint8_t upper
    with nogil:
        for i in range(text.shape[0]):
            # Clearing bit 5 maps exactly one other byte, the lower-case letter, on each base.
            upper = text[i] & 0xDF
            codes[i] = <uint8_t> (
                4
                - 4 * (upper == c"A")
                - 3 * (upper == c"C")
                - 2 * (upper == c"G")
                - (upper == c"T")
            )


cdef bint _reverse_row(
    const uint8_t[:, ::1] codes, uint8_t[:, ::1] out, Py_ssize_t row
) except -1 nogil:
    """Reverse and complement one row; return whether it holds a code above 4."""
    cdef Py_ssize_t i
    cdef Py_ssize_t length = codes.shape[1]
    cdef uint8_t code, largest = 0
    for i in range(length):
        code = codes[row, i]
        largest = code if code > largest else largest
        out[row, length - 1 - i] = 3 - code if code < 4 else 4
    return largest > 4


def reverse_complement(const uint8_t[:, ::1] codes, uint8_t[:, ::1] out, int n_threads):
    """Write each row of ``codes`` backwards and complemented.

    Returns how many rows hold a code above 4.
    """
    cdef Py_ssize_t row
    cdef Py_ssize_t n_bad = 0
    for row in prange(
        codes.shape[0], nogil=True, schedule="static", num_threads=n_threads
    ):
        n_bad += _reverse_row(codes, out, row)
    return n_bad


cdef bint _one_hot_row(
    const uint8_t[:, ::1] codes,
    const uint8_t[:, ::1] table,
    uint8_t[:, ::1] out,
    bint stream,
    Py_ssize_t row,
) except -1 nogil:
    """Expand one row; return whether it holds a code above 4."""
    cdef Py_ssize_t i
    cdef Py_ssize_t length = codes.shape[1]
    cdef uint8_t largest = 0
    for i in range(length):
        largest = codes[row, i] if codes[row, i] > largest else largest
    if largest > 4:
        return True
    if length:
        dexkit_one_hot(&codes[row, 0], length, &table[0, 0], table.shape[1], &out[row, 0], stream)
    return False


def one_hot(
    const uint8_t[:, ::1] codes,
    const uint8_t[:, ::1] table,
    uint8_t[:, ::1] out,
    bint stream,
    int n_threads,
):
    """Copy the bytes of one table row per code; return how many rows hold a code above 4.

    ``table`` has 5 rows of 4 (uint8, row 4 all zeros) or 16 (float32) bytes, ``out`` as many bytes
    per code. ``stream`` says to write past the caches where the processor can.
    """
    cdef Py_ssize_t row
    cdef Py_ssize_t n_bad = 0
    for row in prange(
        codes.shape[0], nogil=True, schedule="static", num_threads=n_threads
    ):
        n_bad += _one_hot_row(codes, table, out, stream, row)
    return n_bad
