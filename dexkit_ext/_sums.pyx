"""Sums kernel: what is common to lines that name two ends and a value."""

from libc.stdint cimport int32_t, int64_t

from dexkit_ext._mirror cimport is_mirrored
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST


cdef class SumKernel(LineKernel):
    """Sums of one stream of lines.

    Parameters
    ----------
    max_names, first_line : int
        As for LineKernel.
    columns : ndarray of shape (n_roles,), dtype int64
        Column of each field.
    kinds : ndarray of shape (n_roles,), dtype int32
        What each field is.
    counts : ndarray of shape (n_rows, 2 * n_flank + 1), dtype float64
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
        Lines within each chromosome whose value is above 0.
    n_flank : int
        Bins on either side of a row's bin.
    """

    def __cinit__(
        self,
        Py_ssize_t max_names,
        int64_t first_line,
        const int64_t[::1] columns,
        const int32_t[::1] kinds,
        double[:, ::1] counts,
        int64_t[::1] cis_by_chrom,
        int64_t n_flank,
        *_,
    ):
        self.set_columns(columns, kinds)
        self.counts = counts
        self.cis_by_chrom = cis_by_chrom
        self.n_flank = n_flank

    @property
    def n_cis(self):
        """Lines with both ends on one chromosome."""
        return self.sums.n_cis

    @property
    def n_trans(self):
        """Lines with ends on two chromosomes."""
        return self.sums.n_lines - self.sums.n_cis

    @property
    def own_total(self):
        """Sum of the values of lines with equal ends."""
        return self.sums.total[0]

    @property
    def other_total(self):
        """Sum of the values of all other lines."""
        return self.sums.total[1]

    @property
    def mirrored(self):
        """Whether every pair of different ends came in both orders."""
        return is_mirrored(&self.sums.mirror)

    cdef int add_pair(
        self, int32_t row1, int32_t row2, int64_t offset, double value
    ) except -1 nogil:
        """Add a value to the rows of two bins that lie ``offset`` apart, within ``n_flank``."""
        if row1 >= 0:
            self.counts[row1, self.n_flank + offset] += value
        if row2 >= 0 and offset != 0:
            self.counts[row2, self.n_flank - offset] += value
        return 0
