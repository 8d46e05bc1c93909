"""State of the matrix kernel."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from dexkit_ext._lines cimport BLOCK, Field, LineKernel
from dexkit_ext._mirror cimport Mirror

cdef enum:
    # The shortest has three one-byte fields.
    MOST_ENTRIES = BLOCK / 6 + 1

cdef enum:
    ROLE_ID1
    ROLE_ID2
    ROLE_VALUE


cdef class MatrixKernel(LineKernel):
    cdef const int32_t[::1] row_of_bin
    cdef const int32_t[::1] chrom_of_bin
    cdef double[:, ::1] counts
    cdef int64_t[::1] cis_by_chrom
    cdef int64_t n_flank, id_base
    # Of the entries of a batch: bins, values.
    cdef int64_t numbers[2 * MOST_ENTRIES]
    cdef int64_t values[MOST_ENTRIES]
    cdef Mirror mirror
    cdef readonly int64_t n_cis, n_trans, n_unknown_chrom
    cdef readonly double own_total, other_total

    cdef int parse_lines(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil
    cdef int entry(self, const Field* fields) except -1 nogil
    cdef int take(self, int64_t bin1, int64_t bin2, double value) except -1 nogil
    cdef Py_ssize_t batch(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t n_lines,
    ) except -1 nogil
