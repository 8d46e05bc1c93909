"""Regions kernel: lines that name two regions (anchors) to contact values around rows (TSS bins).
"""

cimport cython

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from dexkit_ext._division cimport divisor, narrow_divisor, quotient
from dexkit_ext._end_lines cimport dexkit_count_ends
from dexkit_ext._end_vectors cimport dexkit_count_whole
from dexkit_ext._ends cimport (
    dexkit_lacks_room,
    dexkit_off_grid,
    dexkit_set_bin,
    dexkit_take,
)
from dexkit_ext._lines cimport (
    EMPTY_ANCHOR,
    NAME,
    NEW_NAME,
    NO_ROOM,
    NUMBER,
    OFF_CHROMOSOME,
    OFF_GRID,
    OK,
    VALUE,
    fault,
    locate,
    name_code,
    set_name,
    set_number,
)
from dexkit_ext._names cimport UNSEEN, NameTable, find_name
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST
from dexkit_ext._values cimport parse_decimal, parse_value

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

# Chromosome, start and end of either anchor, value.
KINDS = (NAME, NUMBER, NUMBER, NAME, NUMBER, NUMBER, VALUE)
STARTS = (ROLE_START1, ROLE_START2)


cdef int32_t _find(
    void* table, int end, const uint8_t* text, Py_ssize_t size, uint64_t word
) noexcept nogil:
    return find_name(<NameTable*> table, end, text, size, word)


cdef int _decimal(const uint8_t* start, const uint8_t* stop, double* value) noexcept nogil:
    return parse_decimal(start, stop, value)


@cython.final
cdef class RegionKernel(SumKernel):
    """Names, bins and sums of one stream of pairs of regions.

    Parameters
    ----------
    max_names, first_line, columns, kinds, counts, cis_by_chrom, n_flank
        As for SumKernel; the columns are those of chromosome, start and end of either anchor, and
        perhaps of the value, the kinds as many of KINDS.
    separator : int
        Of the columns: a tab, a comma, or a blank for any run of blanks and tabs.
    lengths : ndarray of shape (n_chroms,), dtype int64
        In base pairs.
    first_slot : ndarray of shape (n_chroms,), dtype int64
        Where the bins of each chromosome start in ``slots``.
    slots : ndarray of shape (n_bins,), dtype int32
        Row of each bin of each chromosome, -1 where none.
    own_centre : ndarray of shape (n_rows,), dtype float64
        What lines of equal anchors add to the middle column.
    bin_size : int
    base : int
        Number of the first base, 0 or 1.
    midpoint : bool
        Whether an anchor is the bin of its middle only.
    on_grid : bool
        Whether every anchor must be a bin, the last one of a chromosome perhaps shorter.
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
        int separator,
        const int64_t[::1] lengths,
        const int64_t[::1] first_slot,
        const int32_t[::1] slots,
        double[::1] own_centre,
        int64_t bin_size,
        int64_t base,
        bint midpoint,
        bint on_grid,
    ):
        cdef Regions* regions = &self.regions
        cdef int role
        self.separator = separator
        self.lengths = lengths
        self.first_slot = first_slot
        self.slots = slots
        self.own_centre = own_centre
        self.midpoint = midpoint
        regions.names = self.names.entries
        regions.mask = self.names.mask
        regions.table = &self.names
        regions.find = _find
        regions.decimal = _decimal
        regions.lengths = &lengths[0]
        regions.first_slot = &first_slot[0]
        regions.slots = &slots[0]
        regions.cis_by_chrom = &cis_by_chrom[0]
        for role in range(ROLE_VALUE + 1):
            regions.column[role] = columns[role] if role < columns.shape[0] else -1
        regions.base = base
        regions.n_flank = n_flank
        # Anchors with a wider gap cannot hold bins within n_flank of each other.
        regions.reach = (n_flank + 1) * bin_size
        regions.bins = divisor(bin_size, max(lengths))
        regions.narrow = narrow_divisor(bin_size, max(lengths))
        # The six coordinates come first, and the value among the separators of 64 bytes.
        self.usual = regions.narrow.inverse > 0 and regions.column[ROLE_VALUE] < 64
        for role in range(ROLE_VALUE):
            self.usual &= regions.column[role] == role
        regions.any_width = midpoint
        regions.on_grid = on_grid

    def set_own_flank(self, double[:, ::1] own_flank):
        """Take an array like ``counts`` for what lines of equal anchors add beside the middle."""
        self.own_flank = own_flank
        self.regions.any_width = True

    cdef bint read_fields(
        self, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
    ) noexcept nogil:
        """Read the fields of a line; return whether all have the right form."""
        cdef int64_t* column = self.column
        cdef int role
        for role in range(ROLE_VALUE):
            if not locate(&fields[role], block, begin[column[role]], end[column[role]]):
                return False
        set_name(&fields[ROLE_CHROM1])
        set_name(&fields[ROLE_CHROM2])
        set_number(&fields[ROLE_START1])
        set_number(&fields[ROLE_END1])
        set_number(&fields[ROLE_START2])
        set_number(&fields[ROLE_END2])
        if (
            fields[ROLE_START1].number
            | fields[ROLE_END1].number
            | fields[ROLE_START2].number
            | fields[ROLE_END2].number
        ) < 0:
            return False
        if self.n_roles <= ROLE_VALUE:
            return True
        role = ROLE_VALUE
        return locate(&fields[role], block, begin[column[role]], end[column[role]]) and parse_value(
            fields[role].start, fields[role].stop, &fields[role].value
        )

    cdef int record(self, const Field* fields) except -1 nogil:
        """Count one line whose fields have the right form."""
        cdef End first, second
        cdef double value = 1
        cdef int64_t n_observed = 0
        cdef int status
        status = self.read_end(&fields[ROLE_CHROM1], 0, &first)
        if status == OK:
            status = self.read_end(&fields[ROLE_CHROM2], 1, &second)
        if status != OK:
            return status
        if first.chrom < 0 or second.chrom < 0:
            if self.learn_names and first.chrom == UNSEEN:
                return fault(self, NEW_NAME, &fields[ROLE_CHROM1], ROLE_CHROM1)
            if self.learn_names and second.chrom == UNSEEN:
                return fault(self, NEW_NAME, &fields[ROLE_CHROM2], ROLE_CHROM2)
            self.n_unknown_chrom += 1
            return OK
        if self.n_roles > ROLE_VALUE:
            value = fields[ROLE_VALUE].value
        if dexkit_lacks_room(&self.regions, &first, &second):
            return NO_ROOM
        self.regions.n_near += dexkit_take(
            &self.regions,
            &self.sums,
            &n_observed,
            &first,
            self.first_slot[first.chrom] + first.bin,
            &second,
            value,
            &self.near[self.regions.n_near],
        )
        self.cis_by_chrom[first.chrom] += n_observed
        return OK

    cdef int read_end(self, const Field* fields, int which, End* end) except -1 nogil:
        """Check the anchor whose fields begin at ``fields``; cut it to its chromosome."""
        cdef int role = ROLE_CHROM2 if which else ROLE_CHROM1
        cdef int64_t length
        end.chrom = name_code(self, &fields[0], which)
        end.start = fields[1].number - self.regions.base
        end.end = fields[2].number
        if end.end <= end.start:
            self.error_number = fields[1].number
            return fault(self, EMPTY_ANCHOR, &fields[2], role + 2)
        if end.chrom >= 0:
            length = self.lengths[end.chrom]
            if not 0 <= end.start < length:
                self.error_chrom = <int32_t> end.chrom
                return fault(self, OFF_CHROMOSOME, &fields[1], role + 1)
            if end.end > length:
                # The last bin of a grid may reach past the end.
                if end.end - length >= self.regions.bins.size:
                    self.error_chrom = <int32_t> end.chrom
                    return fault(self, OFF_CHROMOSOME, &fields[2], role + 2)
                end.end = length
        dexkit_set_bin(&self.regions, end)
        if self.regions.on_grid and dexkit_off_grid(&self.regions, end):
            self.error_number = fields[1].number
            if end.start % self.regions.bins.size == 0:
                return fault(self, OFF_GRID, &fields[2], role + 2)
            return fault(self, OFF_GRID, &fields[1], role + 1)
        return OK

    cdef Py_ssize_t batch(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t n_lines,
    ) except -1 nogil:
        return dexkit_count_ends(
            &self.regions,
            &self.sums,
            self.near,
            block,
            grid + first * n_columns,
            n_columns,
            n_lines - first,
        )

    cdef const uint8_t* stream(
        self, const uint8_t* line, const uint8_t* stop
    ) except NULL nogil:
        cdef Py_ssize_t n = self.usual
        while n > 0:
            n = dexkit_count_whole(&self.regions, &self.sums, self.near, &line, stop)
            self.n_lines += n
            self.flush()
        return line

    cdef int flush(self) except -1 nogil:
        """Add the lines gathered so far to the rows of their bins, in their order."""
        cdef const Near* near
        cdef int32_t row
        cdef Py_ssize_t i
        for i in range(self.regions.n_near):
            near = &self.near[i]
            if near.slot1 < 0:
                self.spread(near)
            elif near.slot2 < 0:
                row = self.slots[near.slot1]
                self.counts[row, self.n_flank] += near.value
                self.own_centre[row] += near.value
            else:
                self.add_pair(
                    self.slots[near.slot1],
                    self.slots[near.slot2],
                    near.slot2 - near.slot1,
                    near.value,
                )
        self.regions.n_near = 0
        return 0

    cdef inline Bins bins_of(self, int64_t start, int64_t end) noexcept nogil:
        cdef Bins bins
        if self.midpoint:
            bins.first = quotient((start + end) // 2, &self.regions.bins)
            bins.last = bins.first
        else:
            bins.first = quotient(start, &self.regions.bins)
            bins.last = quotient(end - 1, &self.regions.bins)
        return bins

    cdef int spread(self, const Near* near) except -1 nogil:
        """Add one line to the rows of its bins.

        A row of anchor 1 gets the value at every bin of anchor 2, a row of anchor 2 at every bin
        of anchor 1; a row of both at every bin of either, once.
        """
        cdef Bins bins1 = self.bins_of(near.start1, near.end1)
        cdef Bins bins2 = self.bins_of(near.start2, near.end2)
        cdef bint own = near.start1 == near.start2 and near.end1 == near.end2
        cdef int64_t slot = self.first_slot[near.slot2]
        cdef Bins left, right
        cdef int64_t bin
        for bin in range(bins1.first, bins1.last + 1):
            self.add(slot, bin, bins2, near.value, own)
        for bin in range(bins2.first, bins2.last + 1):
            if bins1.first <= bin <= bins1.last:
                # What anchor 1 has left and right of anchor 2.
                left.first = bins1.first
                left.last = min(bins1.last, bins2.first - 1)
                right.first = max(bins1.first, bins2.last + 1)
                right.last = bins1.last
                self.add(slot, bin, left, near.value, own)
                self.add(slot, bin, right, near.value, own)
            else:
                self.add(slot, bin, bins1, near.value, own)
        return 0

    cdef int add(
        self, int64_t slot, int64_t bin, Bins partners, double value, bint own
    ) except -1 nogil:
        """Add ``value`` to the row of ``bin``, if there is one, at each of ``partners``."""
        cdef int32_t row = self.slots[slot + bin]
        cdef int64_t offset
        if row < 0:
            return 0
        for offset in range(
            max(partners.first - bin, -self.n_flank), min(partners.last - bin, self.n_flank) + 1
        ):
            self.counts[row, self.n_flank + offset] += value
            if own and offset == 0:
                self.own_centre[row] += value
            elif own:
                self.own_flank[row, self.n_flank + offset] += value
        return 0
