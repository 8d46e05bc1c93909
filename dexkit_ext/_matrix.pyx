"""Matrix kernel: lines "bin bin value" of a sparse matrix to contact values around rows."""

cimport cython

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from dexkit_ext._batch cimport dexkit_parse_twos
from dexkit_ext._lines cimport (
    BLANK,
    NUMBER,
    OFF_CHROMOSOME,
    OK,
    VALUE,
    Field,
    LineKernel,
    fault,
    locate,
    set_number,
)
from dexkit_ext._mirror cimport is_mirrored, note_pair
from dexkit_ext._scan cimport scan
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST
from dexkit_ext._values cimport parse_decimal, parse_value

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

KINDS = (NUMBER, NUMBER, VALUE)


cdef bint _plain_fields(
    LineKernel kernel, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
) noexcept nogil:
    """Read the fields of a line; return whether all have the right form."""
    cdef int role
    for role in range(ROLE_VALUE + 1):
        if not locate(&fields[role], block, begin[role], end[role]):
            return False
    set_number(&fields[ROLE_ID1])
    set_number(&fields[ROLE_ID2])
    return (fields[ROLE_ID1].number | fields[ROLE_ID2].number) >= 0 and parse_value(
        fields[ROLE_VALUE].start, fields[ROLE_VALUE].stop, &fields[ROLE_VALUE].value
    )


cdef int _record(LineKernel kernel, const Field* fields) except -1 nogil:
    return (<MatrixKernel> kernel).entry(fields)


cdef Py_ssize_t _batch(
    LineKernel kernel,
    const uint8_t* block,
    const int32_t* grid,
    Py_ssize_t n_columns,
    Py_ssize_t first,
    Py_ssize_t n_lines,
) except -1 nogil:
    return (<MatrixKernel> kernel).batch(block, grid, n_columns, first, n_lines)


cdef int _flush(LineKernel kernel) except -1 nogil:
    return OK


@cython.final
cdef class MatrixKernel(LineKernel):
    """Bins and sums of one sparse matrix as text.

    Parameters
    ----------
    max_names, first_line : int
        As for LineKernel.
    columns, kinds : ndarray of shape (3,), dtype int64 and int32
        Columns 0, 1, 2 and KINDS.
    row_of_bin, chrom_of_bin : ndarray of shape (n_bins,), dtype int32
        Row and chromosome of each bin, -1 where none.
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype float64
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
    n_flank : int
    id_base : int
        Number of the first bin.
    """

    def __cinit__(
        self,
        Py_ssize_t max_names,
        int64_t first_line,
        const int64_t[::1] columns,
        const int32_t[::1] kinds,
        const int32_t[::1] row_of_bin,
        const int32_t[::1] chrom_of_bin,
        double[:, ::1] counts,
        int64_t[::1] cis_by_chrom,
        int64_t n_flank,
        int64_t id_base,
    ):
        self.set_columns(columns, kinds)
        self.separator = BLANK
        self.row_of_bin = row_of_bin
        self.chrom_of_bin = chrom_of_bin
        self.counts = counts
        self.cis_by_chrom = cis_by_chrom
        self.n_flank = n_flank
        self.id_base = id_base

    @property
    def mirrored(self):
        """Whether every entry off the diagonal came in both orders."""
        return is_mirrored(&self.mirror)

    cdef int parse_lines(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil:
        return scan(self, data, start, size, BLANK, _plain_fields, _record, _batch, _flush)

    cdef int entry(self, const Field* fields) except -1 nogil:
        """Count one entry whose fields have the right form."""
        cdef int64_t bin1 = fields[ROLE_ID1].number - self.id_base
        cdef int64_t bin2 = fields[ROLE_ID2].number - self.id_base
        cdef int64_t n_bins = self.row_of_bin.shape[0]
        if not 0 <= bin1 < n_bins:
            return fault(self, OFF_CHROMOSOME, &fields[ROLE_ID1], ROLE_ID1)
        if not 0 <= bin2 < n_bins:
            return fault(self, OFF_CHROMOSOME, &fields[ROLE_ID2], ROLE_ID2)
        self.take(bin1, bin2, fields[ROLE_VALUE].value)
        return OK

    cdef Py_ssize_t batch(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t n_lines,
    ) except -1 nogil:
        """Count lines of a regular block up to the first that is not plainly good."""
        cdef int64_t n_bins = self.row_of_bin.shape[0]
        cdef const int64_t* number = &self.numbers[2 * first]
        cdef int64_t bin1, bin2
        cdef double value
        cdef Field field
        cdef Py_ssize_t i
        grid += first * n_columns
        if first >= self.n_parsed:
            self.n_parsed = first + dexkit_parse_twos(
                block,
                grid,
                n_columns,
                n_lines - first,
                self.column,
                ROLE_VALUE,
                &self.numbers[2 * first],
                &self.values[first],
            )
        for i in range(first, self.n_parsed):
            bin1 = number[0] - self.id_base
            bin2 = number[1] - self.id_base
            number += 2
            if (bin1 < 0) | (bin2 < 0) | (bin1 >= n_bins) | (bin2 >= n_bins):
                return i - first
            value = <double> self.values[i]
            if self.values[i] < 0 and not (
                locate(&field, block, grid[ROLE_VALUE], grid[ROLE_VALUE + 1])
                and parse_decimal(field.start, field.stop, &value)
            ):
                return i - first
            self.take(bin1, bin2, value)
            grid += n_columns
        return self.n_parsed - first

    cdef inline int take(self, int64_t bin1, int64_t bin2, double value) except -1 nogil:
        """Count one entry whose bins are good."""
        cdef int64_t offset = bin2 - bin1
        cdef int32_t chrom1, chrom2, row
        cdef bint cis
        chrom1 = self.chrom_of_bin[bin1]
        chrom2 = self.chrom_of_bin[bin2]
        if chrom1 < 0 or chrom2 < 0:
            self.n_unknown_chrom += 1
            return OK
        if offset == 0:
            self.own_total += value
        else:
            self.other_total += value
            note_pair(
                &self.mirror, offset > 0, offset < 0, <uint64_t> bin1, <uint64_t> bin2, value
            )
        cis = chrom1 == chrom2
        self.n_cis += cis
        self.n_trans += not cis
        self.cis_by_chrom[chrom1] += cis
        if not cis or offset > self.n_flank or -offset > self.n_flank:
            return OK
        row = self.row_of_bin[bin1]
        if row >= 0:
            self.counts[row, self.n_flank + offset] += value
        row = self.row_of_bin[bin2]
        if row >= 0 and offset != 0:
            self.counts[row, self.n_flank - offset] += value
        return OK
