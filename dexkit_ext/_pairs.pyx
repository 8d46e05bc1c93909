"""Pairs kernel: tab-separated bytes to contact counts around rows (TSS bins)."""

cimport cython

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from dexkit_ext._batch cimport dexkit_parse_twos
from dexkit_ext._division cimport divisor, quotient
from dexkit_ext._lines cimport (
    NAME,
    NEW_NAME,
    NUMBER,
    OFF_CHROMOSOME,
    OK,
    TEXT,
    Field,
    LineKernel,
    fault,
    locate,
    name_code,
    set_name,
    set_number,
)
from dexkit_ext._names cimport UNMAPPED, UNSEEN, find_varying
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

# Chromosome 1, position 1, chromosome 2, position 2, pair type.
KINDS = (NAME, NUMBER, NAME, NUMBER, TEXT)


cdef inline bint _is_duplicate(const Field* kind) noexcept nogil:
    return (
        kind.stop - kind.start == 2 and kind.start[0] == LETTER_D and kind.start[1] == LETTER_D
    )


@cython.final
cdef class PairKernel(LineKernel):
    """Names, bins and counters of one stream of pairs.

    Parameters
    ----------
    max_names, first_line : int
        As for LineKernel.
    columns : ndarray of shape (4,) or (5,), dtype int64
        Columns of chromosome 1, position 1, chromosome 2, position 2 and the pair type.
    kinds : ndarray of the same shape, dtype int32
        As many of KINDS.
    lengths : ndarray of shape (n_chroms,), dtype int64
        In base pairs.
    first_slot : ndarray of shape (n_chroms,), dtype int64
        Where the bins of each chromosome start in ``slots``.
    slots : ndarray of shape (n_bins,), dtype int32
        Row of each bin of each chromosome, -1 where none.
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype uint32
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
    bin_size, n_flank : int
    base : int
        Number of the first base, 0 or 1.
    """

    def __cinit__(
        self,
        Py_ssize_t max_names,
        int64_t first_line,
        const int64_t[::1] columns,
        const int32_t[::1] kinds,
        const int64_t[::1] lengths,
        const int64_t[::1] first_slot,
        const int32_t[::1] slots,
        uint32_t[:, ::1] counts,
        int64_t[::1] cis_by_chrom,
        int64_t bin_size,
        int64_t n_flank,
        int64_t base,
    ):
        self.set_columns(columns, kinds)
        self.lengths = lengths
        self.first_slot = first_slot
        self.slots = slots
        self.counts = counts
        self.cis_by_chrom = cis_by_chrom
        self.bin_size = bin_size
        self.n_flank = n_flank
        self.base = base
        # Ends farther apart than this cannot lie within n_flank bins of each other.
        self.reach = (n_flank + 1) * bin_size
        self.divisor = divisor(bin_size, max(lengths))

    cdef bint read_fields(
        self, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
    ) noexcept nogil:
        """Read the fields of a line; return whether all have the right form."""
        cdef int64_t* column = self.column
        cdef int role
        for role in range(ROLE_TYPE + 1):
            if role < self.n_roles and not locate(
                &fields[role], block, begin[column[role]], end[column[role]]
            ):
                return False
        set_name(&fields[ROLE_CHROM1])
        set_name(&fields[ROLE_CHROM2])
        set_number(&fields[ROLE_POS1])
        set_number(&fields[ROLE_POS2])
        return (fields[ROLE_POS1].number | fields[ROLE_POS2].number) >= 0

    cdef int record(self, const Field* fields) except -1 nogil:
        """Count one pair whose fields have the right form."""
        cdef int32_t chrom1, chrom2
        cdef int64_t pos1, pos2
        if self.n_roles > ROLE_TYPE and _is_duplicate(&fields[ROLE_TYPE]):
            self.n_dropped += 1
            return OK
        chrom1 = name_code(self, &fields[ROLE_CHROM1], 0)
        chrom2 = name_code(self, &fields[ROLE_CHROM2], 1)
        if chrom1 == UNMAPPED or chrom2 == UNMAPPED:
            self.n_dropped += 1
            return OK
        pos1 = fields[ROLE_POS1].number - self.base
        pos2 = fields[ROLE_POS2].number - self.base
        if chrom1 >= 0 and not 0 <= pos1 < self.lengths[chrom1]:
            self.error_chrom = chrom1
            return fault(self, OFF_CHROMOSOME, &fields[ROLE_POS1], ROLE_POS1)
        if chrom2 >= 0 and not 0 <= pos2 < self.lengths[chrom2]:
            self.error_chrom = chrom2
            return fault(self, OFF_CHROMOSOME, &fields[ROLE_POS2], ROLE_POS2)
        if chrom1 < 0 or chrom2 < 0:
            if self.learn_names and chrom1 == UNSEEN:
                return fault(self, NEW_NAME, &fields[ROLE_CHROM1], ROLE_CHROM1)
            if self.learn_names and chrom2 == UNSEEN:
                return fault(self, NEW_NAME, &fields[ROLE_CHROM2], ROLE_CHROM2)
            self.n_unknown_chrom += 1
            return OK
        self.take(chrom1, pos1, chrom2, pos2)
        return OK

    cdef inline int take(
        self, int32_t chrom1, int64_t pos1, int32_t chrom2, int64_t pos2
    ) except -1 nogil:
        """Take down a pair of good ends, without a branch that depends on it.

        Whether a pair is near enough to reach a row is as good as random, and a wrong guess of the
        processor costs more than this work: every pair is written, and the next one overwrites it
        unless it was near.
        """
        cdef Near* near = &self.near[self.n_near]
        cdef bint cis = chrom1 == chrom2
        self.n_cis += cis
        self.n_trans += not cis
        self.cis_by_chrom[chrom1] += cis
        near.first_slot = self.first_slot[chrom1]
        near.pos1 = pos1
        near.pos2 = pos2
        self.n_near += cis & (pos2 - pos1 < self.reach) & (pos1 - pos2 < self.reach)
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
        cdef int64_t numeric[2]
        cdef int64_t column1 = self.column[ROLE_CHROM1]
        cdef int64_t column2 = self.column[ROLE_CHROM2]
        cdef const int64_t* number = &self.numbers[2 * first]
        cdef const int64_t* lengths = &self.lengths[0]
        cdef Field name1, name2, kind
        cdef int32_t chrom1, chrom2
        cdef int64_t pos1, pos2
        cdef Py_ssize_t i
        numeric[0] = self.column[ROLE_POS1]
        numeric[1] = self.column[ROLE_POS2]
        grid += first * n_columns
        if first >= self.n_parsed:
            self.n_parsed = first + dexkit_parse_twos(
                block,
                grid,
                n_columns,
                n_lines - first,
                numeric,
                -1,
                &self.numbers[2 * first],
                NULL,
            )
        for i in range(first, self.n_parsed):
            if not (
                locate(&name1, block, grid[column1], grid[column1 + 1])
                and locate(&name2, block, grid[column2], grid[column2 + 1])
            ):
                return i - first
            if self.n_roles > ROLE_TYPE:
                if not locate(
                    &kind, block, grid[self.column[ROLE_TYPE]], grid[self.column[ROLE_TYPE] + 1]
                ):
                    return i - first
                if _is_duplicate(&kind):
                    self.n_dropped += 1
                    grid += n_columns
                    number += 2
                    continue
            set_name(&name1)
            set_name(&name2)
            chrom1 = name_code(self, &name1, 0)
            chrom2 = find_varying(
                &self.names, 1, name2.start, name2.stop - name2.start, <uint64_t> name2.number
            )
            if (chrom1 | chrom2) < 0:
                return i - first
            pos1 = number[0] - self.base
            pos2 = number[1] - self.base
            number += 2
            if (
                (pos1 < 0) | (pos2 < 0) | (pos1 >= lengths[chrom1]) | (pos2 >= lengths[chrom2])
            ):
                return i - first
            self.take(chrom1, pos1, chrom2, pos2)
            grid += n_columns
        return self.n_parsed - first

    cdef int flush(self) except -1 nogil:
        """Add the near pairs gathered so far to the rows of their bins."""
        cdef const Near* near
        cdef int64_t bin1, bin2, offset
        cdef Py_ssize_t i
        cdef int32_t row
        for i in range(self.n_near):
            near = &self.near[i]
            bin1 = quotient(near.pos1, &self.divisor)
            bin2 = quotient(near.pos2, &self.divisor)
            offset = bin2 - bin1
            if offset > self.n_flank or -offset > self.n_flank:
                continue
            row = self.slots[near.first_slot + bin1]
            if row >= 0:
                self.counts[row, self.n_flank + offset] += 1
            row = self.slots[near.first_slot + bin2]
            if row >= 0 and offset != 0:
                self.counts[row, self.n_flank - offset] += 1
        self.n_near = 0
        return 0
