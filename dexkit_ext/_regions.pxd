"""State of the regions kernel."""

from libc.stdint cimport int32_t, int64_t

from dexkit_ext._ends cimport End, Near, Regions
from dexkit_ext._lines cimport BLOCK, Field
from dexkit_ext._sums cimport SumKernel

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


# Inclusive.
cdef struct Bins:
    int64_t first
    int64_t last


cdef class RegionKernel(SumKernel):
    # These keep the memory of `regions` alive.
    cdef const int64_t[::1] lengths
    cdef const int64_t[::1] first_slot
    cdef const int32_t[::1] slots
    cdef double[::1] own_centre
    cdef double[:, ::1] own_flank
    cdef bint midpoint
    # Whether the columns are those that `stream` reads.
    cdef bint usual
    cdef Regions regions
    cdef Near near[MOST_NEAR]

    cdef int read_end(self, const Field* fields, int which, End* end) except -1 nogil
    cdef Bins bins_of(self, int64_t start, int64_t end) noexcept nogil
    cdef int spread(self, const Near* near) except -1 nogil
    cdef int add(
        self, int64_t slot, int64_t bin, Bins partners, double value, bint own
    ) except -1 nogil
