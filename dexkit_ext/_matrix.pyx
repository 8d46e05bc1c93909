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
    fault,
    locate,
    set_number,
)
from dexkit_ext._sums cimport dexkit_note_line
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST
from dexkit_ext._values cimport parse_decimal, parse_value

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

KINDS = (NUMBER, NUMBER, VALUE)


@cython.final
cdef class MatrixKernel(SumKernel):
    """Bins and sums of one sparse matrix as text.

    Parameters
    ----------
    max_names, first_line, columns, kinds, counts, cis_by_chrom, n_flank
        As for SumKernel; the columns are 0, 1, 2, the kinds KINDS.
    row_of_bin, chrom_of_bin : ndarray of shape (n_bins,), dtype int32
        Row and chromosome of each bin, -1 where none.
    id_base : int
        Number of the first bin.
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
        const int32_t[::1] row_of_bin,
        const int32_t[::1] chrom_of_bin,
        int64_t id_base,
    ):
        self.separator = BLANK
        self.row_of_bin = row_of_bin
        self.chrom_of_bin = chrom_of_bin
        self.id_base = id_base

    cdef bint read_fields(
        self, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
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

    cdef int record(self, const Field* fields) except -1 nogil:
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
        cdef int32_t chrom1, chrom2, row1, row2
        cdef bint cis
        chrom1 = self.chrom_of_bin[bin1]
        chrom2 = self.chrom_of_bin[bin2]
        if chrom1 < 0 or chrom2 < 0:
            self.n_unknown_chrom += 1
            return OK
        cis = chrom1 == chrom2
        self.cis_by_chrom[chrom1] += dexkit_note_line(
            &self.sums, cis, offset, <uint64_t> bin1, <uint64_t> bin2, value
        )
        if cis and -self.n_flank <= offset <= self.n_flank:
            row1 = self.row_of_bin[bin1]
            row2 = self.row_of_bin[bin2]
            if (row1 & row2) >= 0:
                self.add_pair(row1, row2, offset, value)
        return OK
