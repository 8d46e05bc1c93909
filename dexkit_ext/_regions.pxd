"""State of the regions kernel."""

from libc.stdint cimport int32_t, int64_t, uint8_t

from dexkit_ext._division cimport Divisor
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


# A line within one chromosome; anchors as in Anchor.
cdef struct Near:
    int64_t first_slot
    int64_t start1
    int64_t end1
    int64_t start2
    int64_t end2
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
    cdef Divisor divisor
    cdef bint midpoint, has_own_flank
    # Of the lines of a batch: starts and ends, the bins of both, values; lines to add to rows.
    cdef int64_t numbers[4 * MOST_NEAR]
    cdef int32_t bins[4 * MOST_NEAR]
    cdef int64_t values[MOST_NEAR]
    cdef double amounts[MOST_NEAR]
    cdef int32_t hits[MOST_NEAR]
    # What is taken from starts and ends, so that a half remains, for their bins.
    cdef double shift[4]
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
    cdef bint lacks_room(self, const Anchor* anchor1, const Anchor* anchor2) noexcept nogil
    cdef int take(
        self, const Anchor* anchor1, const Anchor* anchor2, double value
    ) except -1 nogil
    cdef Py_ssize_t batch(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t n_lines,
    ) except -1 nogil
    cdef Py_ssize_t run(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t last,
    ) except -1 nogil
    cdef int count_hits(self, Py_ssize_t n_hits, int64_t first_slot) except -1 nogil
    cdef Bins bins_of(self, int64_t start, int64_t end) noexcept nogil
    cdef int count_near(self) except -1 nogil
    cdef int spread(self, const Near* near) except -1 nogil
    cdef int add(
        self, int64_t slot, int64_t bin, Bins partners, double value, bint own
    ) except -1 nogil
