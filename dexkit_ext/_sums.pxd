"""What the kernels that add up values have in common: sums, and how lines are taken down."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from dexkit_ext._lines cimport LineKernel
from dexkit_ext._mirror cimport Mirror

cdef extern from *:
    """
    typedef struct {
        dexkit_mirror mirror;
        int64_t n_lines, n_cis;
        double total[2]; /* of lines with equal ends, of the others */
    } dexkit_sums;

    /* Return 1 where a contact was seen within a chromosome, else 0. */
    static inline int64_t dexkit_note_line(
        dexkit_sums *sums, int64_t cis, int64_t order, uint64_t end1, uint64_t end2, double value)
    {
        uint64_t bits;
        memcpy(&bits, &value, sizeof(bits));
        dexkit_note_pair(&sums->mirror, order, end1, end2, bits);
        sums->n_lines += 1;
        sums->n_cis += cis;
        sums->total[dexkit_different(order)] += value;
        /* No value has a sign: the bits are those of a zero or of a number above 0. */
        return cis & (int64_t)((bits + 0x7FFFFFFFFFFFFFFFULL) >> 63);
    }
    """
    ctypedef struct Sums "dexkit_sums":
        Mirror mirror
        int64_t n_lines, n_cis
        double total[2]

    # Take down one line whose ends are known, `cis` 1 where on one chromosome, else 0; the others
    # as for dexkit_note_pair. Return 1 where it is cis and its value above 0, else 0.
    int64_t dexkit_note_line(
        Sums* sums, int64_t cis, int64_t order, uint64_t end1, uint64_t end2, double value
    ) noexcept nogil


cdef class SumKernel(LineKernel):
    cdef double[:, ::1] counts
    cdef int64_t[::1] cis_by_chrom
    cdef int64_t n_flank
    cdef Sums sums
    cdef readonly int64_t n_unknown_chrom

    cdef int add_pair(
        self, int32_t row1, int32_t row2, int64_t offset, double value
    ) except -1 nogil
