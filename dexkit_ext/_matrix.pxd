"""State of the matrix kernel."""

from libc.stdint cimport int32_t, int64_t

from dexkit_ext._lines cimport BLOCK
from dexkit_ext._sums cimport SumKernel

cdef enum:
    # The shortest has three one-byte fields.
    MOST_ENTRIES = BLOCK / 6 + 1

cdef enum:
    ROLE_ID1
    ROLE_ID2
    ROLE_VALUE


cdef class MatrixKernel(SumKernel):
    cdef const int32_t[::1] row_of_bin
    cdef const int32_t[::1] chrom_of_bin
    cdef int64_t id_base
    # Of the entries of a batch: bins, values.
    cdef int64_t numbers[2 * MOST_ENTRIES]
    cdef int64_t values[MOST_ENTRIES]

    cdef int take(self, int64_t bin1, int64_t bin2, double value) except -1 nogil
