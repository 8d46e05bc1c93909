"""State of the regions kernel."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from dexkit_ext._lines cimport BLOCK, Field, LineKernel
from dexkit_ext._mirror cimport Mirror

cdef enum:
    # Lines of a block: the shortest has six one-byte fields; one more is room for the next.
    MOST_NEAR = BLOCK / 12 + 1

cdef enum:
    ROLE_CHROM1
    ROLE_START1
    ROLE_END1
    ROLE_CHROM2
    ROLE_START2
    ROLE_END2
    ROLE_VALUE


cdef struct Anchor:
    int32_t chrom
    # 0-based, half-open.
    int64_t start
    int64_t end


cdef struct Near:
    Anchor anchor1
    Anchor anchor2
    double value


# Inclusive.
cdef struct Bins:
    int64_t first
    int64_t last


cdef class RegionKernel(LineKernel):
    cdef const int64_t[::1] lengths
    cdef const int64_t[::1] first_slot
    cdef const int32_t[::1] slots
    cdef double[:, ::1] counts
    cdef double[::1] own_centre
    cdef double[:, ::1] own_flank
    cdef int64_t[::1] cis_by_chrom
    cdef int64_t bin_size, n_flank, base, reach
    cdef bint midpoint, has_own_flank
    cdef Near near[MOST_NEAR]
    cdef Py_ssize_t n_near
    cdef Mirror mirror
    cdef readonly int64_t n_cis, n_trans, n_unknown_chrom
    cdef readonly double own_total, other_total

    cdef int parse_lines(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil
    cdef int region_pair(self, const Field* fields) except -1 nogil
    cdef int read_anchor(self, const Field* fields, int end, Anchor* anchor) except -1 nogil
    cdef Bins bins_of(self, const Anchor* anchor) noexcept nogil
    cdef int count_near(self) except -1 nogil
    cdef int add(
        self, int64_t slot, int64_t bin, Bins partners, double value, bint own
    ) except -1 nogil
