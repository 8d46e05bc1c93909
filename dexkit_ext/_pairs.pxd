"""State of the pairs kernel."""

from libc.stdint cimport int32_t, int64_t, uint32_t

from dexkit_ext._division cimport Divisor
from dexkit_ext._lines cimport BLOCK, LineKernel

cdef enum:
    LETTER_D = 68
    # Pairs of a block: the shortest has four one-byte fields; one more is room for the next.
    MOST_NEAR = BLOCK / 8 + 1

cdef enum:
    ROLE_CHROM1
    ROLE_POS1
    ROLE_CHROM2
    ROLE_POS2
    ROLE_TYPE


cdef struct Near:
    int64_t first_slot
    int64_t pos1
    int64_t pos2


cdef class PairKernel(LineKernel):
    cdef const int64_t[::1] lengths
    cdef const int64_t[::1] first_slot
    cdef const int32_t[::1] slots
    cdef uint32_t[:, ::1] counts
    cdef int64_t[::1] cis_by_chrom
    cdef int64_t bin_size, n_flank, base, reach
    cdef Divisor divisor
    # Positions of the pairs of a batch.
    cdef int64_t numbers[2 * MOST_NEAR]
    cdef Near near[MOST_NEAR]
    cdef Py_ssize_t n_near
    cdef readonly int64_t n_cis, n_trans, n_unknown_chrom, n_dropped

    cdef int take(
        self, int32_t chrom1, int64_t pos1, int32_t chrom2, int64_t pos2
    ) except -1 nogil
