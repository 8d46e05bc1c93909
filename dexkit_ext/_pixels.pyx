"""Pixel kernel: the non-zero cells of a binned contact matrix to profiles of given bins.

The wrapper in ``pixels.py`` validates shapes; what depends on the content is checked here, since
a file may be damaged: bin numbers, values, and what the two tables say.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t

from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

cdef enum:
    OK
    BAD_BIN1
    BAD_BIN2
    BAD_VALUE
    BAD_ROW
    BAD_CHROM

STATUS_OK = OK
STATUS_BAD_BIN1 = BAD_BIN1
STATUS_BAD_BIN2 = BAD_BIN2
STATUS_BAD_VALUE = BAD_VALUE
STATUS_BAD_ROW = BAD_ROW
STATUS_BAD_CHROM = BAD_CHROM

cdef double INFINITE = float("inf")

ctypedef fused id_t:
    int32_t
    int64_t

ctypedef fused value_t:
    int32_t
    uint32_t
    int64_t
    float
    double

# Of the totals: (cis, trans, unknown), each a sum of values and a number of pixels.
cdef struct Totals:
    double cis
    double trans
    double unknown
    int64_t n_cis
    int64_t n_trans
    int64_t n_unknown
    int64_t n_missing


def count_pixels(
    const id_t[::1] bin1,
    const id_t[::1] bin2,
    const value_t[::1] value,
    const int32_t[::1] row_of_bin,
    const int32_t[::1] chrom_of_bin,
    int64_t n_flank,
    double[:, ::1] counts,
    int64_t[::1] cis_by_chrom,
):
    """Count all pixels; return (status, index of the pixel at fault, totals as a tuple)."""
    cdef Totals totals = Totals(0, 0, 0, 0, 0, 0, 0)
    cdef int status = OK
    cdef Py_ssize_t i = 0
    cdef Py_ssize_t n = bin1.shape[0]
    cdef int64_t n_bins = row_of_bin.shape[0]
    cdef int64_t b1, b2, distance
    cdef int32_t chrom1, chrom2, row1, row2
    cdef double x
    with nogil:
        while i < n:
            b1 = bin1[i]
            b2 = bin2[i]
            x = <double> value[i]
            if b1 < 0 or b1 >= n_bins:
                status = BAD_BIN1
                break
            if b2 < 0 or b2 >= n_bins:
                status = BAD_BIN2
                break
            if not (x >= 0 and x < INFINITE):
                if x == x:
                    status = BAD_VALUE
                    break
                totals.n_missing += 1
                i += 1
                continue
            chrom1 = chrom_of_bin[b1]
            chrom2 = chrom_of_bin[b2]
            if chrom1 < 0 or chrom2 < 0:
                totals.unknown += x
                totals.n_unknown += 1
                i += 1
                continue
            if chrom1 != chrom2:
                totals.trans += x
                totals.n_trans += 1
                i += 1
                continue
            if chrom1 >= cis_by_chrom.shape[0]:
                status = BAD_CHROM
                break
            totals.cis += x
            totals.n_cis += 1
            cis_by_chrom[chrom1] += x > 0
            distance = b2 - b1
            if distance <= n_flank and distance >= -n_flank:
                row1 = row_of_bin[b1]
                row2 = row_of_bin[b2]
                if row1 >= counts.shape[0] or row2 >= counts.shape[0]:
                    status = BAD_ROW
                    break
                if row1 >= 0:
                    counts[row1, n_flank + distance] += x
                if row2 >= 0 and distance != 0:
                    counts[row2, n_flank - distance] += x
            i += 1
    return status, i, (
        totals.cis, totals.trans, totals.unknown,
        totals.n_cis, totals.n_trans, totals.n_unknown, totals.n_missing,
    )
