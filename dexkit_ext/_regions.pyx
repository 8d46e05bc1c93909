"""Regions kernel: lines that name two regions (anchors) to contact values around rows (TSS bins).
"""

cimport cython

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from dexkit_ext._batch cimport dexkit_parse_fours
from dexkit_ext._division cimport divisor, quotient
from dexkit_ext._lines cimport (
    BLANK,
    COMMA,
    EMPTY_ANCHOR,
    NAME,
    NEW_NAME,
    NO_ROOM,
    NUMBER,
    OFF_CHROMOSOME,
    OK,
    TAB,
    VALUE,
    Field,
    LineKernel,
    fault,
    locate,
    name_code,
    set_name,
    set_number,
)
from dexkit_ext._mirror cimport Mirror, is_mirrored, note_pair
from dexkit_ext._names cimport UNSEEN, find_varying
from dexkit_ext._scan cimport scan
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST
from dexkit_ext._values cimport parse_decimal, parse_value

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

# Chromosome, start and end of either anchor, value.
KINDS = (NAME, NUMBER, NUMBER, NAME, NUMBER, NUMBER, VALUE)
STARTS = (ROLE_START1, ROLE_START2)


cdef bint _plain_fields(
    LineKernel kernel, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
) noexcept nogil:
    """Read the fields of a line; return whether all have the right form."""
    cdef int64_t* column = kernel.column
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
    if kernel.n_roles <= ROLE_VALUE:
        return True
    role = ROLE_VALUE
    return locate(&fields[role], block, begin[column[role]], end[column[role]]) and parse_value(
        fields[role].start, fields[role].stop, &fields[role].value
    )


cdef int _record(LineKernel kernel, const Field* fields) except -1 nogil:
    return (<RegionKernel> kernel).region_pair(fields)


cdef Py_ssize_t _batch(
    LineKernel kernel,
    const uint8_t* block,
    const int32_t* grid,
    Py_ssize_t n_columns,
    Py_ssize_t first,
    Py_ssize_t n_lines,
) except -1 nogil:
    return (<RegionKernel> kernel).batch(block, grid, n_columns, first, n_lines)


cdef int _flush(LineKernel kernel) except -1 nogil:
    return (<RegionKernel> kernel).count_near()


cdef inline uint64_t _anchor_hash(const Anchor* anchor) noexcept nogil:
    # Fractional parts of the square roots of 2 and 7; note_pair mixes the bits.
    return (
        <uint64_t> anchor.start * 0x6A09E667F3BCC909ULL
        + <uint64_t> anchor.chrom * 0xA54FF53A5F1D36F1ULL
        + <uint64_t> anchor.end
    )


cdef inline int64_t _order(const Anchor* a, const Anchor* b) noexcept nogil:
    """Return a number above 0 where ``a`` sorts before ``b``, below where after, 0 where equal."""
    cdef int64_t by_chrom = b.chrom - a.chrom
    cdef int64_t by_start = b.start - a.start
    cdef int64_t by_end = b.end - a.end
    by_end = by_start if by_start != 0 else by_end
    return by_chrom if by_chrom != 0 else by_end


@cython.final
cdef class RegionKernel(LineKernel):
    """Names, bins and sums of one stream of pairs of regions.

    Parameters
    ----------
    max_names, first_line : int
        As for LineKernel.
    columns : ndarray of shape (6,) or (7,), dtype int64
        Columns of chromosome, start and end of either anchor, and of the value.
    kinds : ndarray of the same shape, dtype int32
        As many of KINDS.
    separator : int
        Of the columns: a tab, a comma, or a blank for any run of blanks and tabs.
    lengths : ndarray of shape (n_chroms,), dtype int64
        In base pairs.
    first_slot : ndarray of shape (n_chroms,), dtype int64
        Where the bins of each chromosome start in ``slots``.
    slots : ndarray of shape (n_bins,), dtype int32
        Row of each bin of each chromosome, -1 where none.
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype float64
    own_centre : ndarray of shape (n_rows,), dtype float64
        What lines of equal anchors add to the middle column.
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
    bin_size, n_flank : int
    base : int
        Number of the first base, 0 or 1.
    midpoint : bool
        Whether an anchor is the bin of its middle only.
    """

    def __cinit__(
        self,
        Py_ssize_t max_names,
        int64_t first_line,
        const int64_t[::1] columns,
        const int32_t[::1] kinds,
        int separator,
        const int64_t[::1] lengths,
        const int64_t[::1] first_slot,
        const int32_t[::1] slots,
        double[:, ::1] counts,
        double[::1] own_centre,
        int64_t[::1] cis_by_chrom,
        int64_t bin_size,
        int64_t n_flank,
        int64_t base,
        bint midpoint,
    ):
        self.set_columns(columns, kinds)
        self.separator = separator
        self.lengths = lengths
        self.first_slot = first_slot
        self.slots = slots
        self.counts = counts
        self.own_centre = own_centre
        self.cis_by_chrom = cis_by_chrom
        self.bin_size = bin_size
        self.n_flank = n_flank
        self.base = base
        self.midpoint = midpoint
        # Anchors with a wider gap cannot hold bins within n_flank of each other.
        self.reach = (n_flank + 1) * bin_size
        # Ends are cut to the lengths, and the sum of two positions is halved before it is divided.
        self.divisor = divisor(bin_size, max(lengths))
        self.shift[:] = [0.5 - base, -0.5, 0.5 - base, -0.5]

    @property
    def mirrored(self):
        """Whether every pair of different anchors came in both orders."""
        return is_mirrored(&self.mirror)

    def set_own_flank(self, double[:, ::1] own_flank):
        """Take an array like ``counts`` for what lines of equal anchors add beside the middle."""
        self.own_flank = own_flank
        self.has_own_flank = True

    cdef int parse_lines(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil:
        # The separator as a constant: the compiler makes a loop for each.
        if self.separator == TAB:
            return scan(self, data, start, size, TAB, _plain_fields, _record, _batch, _flush)
        if self.separator == COMMA:
            return scan(self, data, start, size, COMMA, _plain_fields, _record, _batch, _flush)
        return scan(self, data, start, size, BLANK, _plain_fields, _record, _batch, _flush)

    cdef int read_anchor(self, const Field* fields, int end, Anchor* anchor) except -1 nogil:
        """Check the anchor whose fields begin at ``fields``; cut it to its chromosome."""
        cdef int64_t length
        cdef int role = ROLE_CHROM2 if end else ROLE_CHROM1
        anchor.chrom = name_code(self, &fields[0], end)
        anchor.start = fields[1].number - self.base
        anchor.end = fields[2].number
        if anchor.end <= anchor.start:
            self.error_number = fields[1].number
            return fault(self, EMPTY_ANCHOR, &fields[2], role + 2)
        if anchor.chrom < 0:
            return OK
        length = self.lengths[anchor.chrom]
        if not 0 <= anchor.start < length:
            self.error_chrom = anchor.chrom
            return fault(self, OFF_CHROMOSOME, &fields[1], role + 1)
        if anchor.end > length:
            # The last bin of a grid may reach past the end.
            if anchor.end - length >= self.bin_size:
                self.error_chrom = anchor.chrom
                return fault(self, OFF_CHROMOSOME, &fields[2], role + 2)
            anchor.end = length
        return OK

    cdef int region_pair(self, const Field* fields) except -1 nogil:
        """Count one line whose fields have the right form."""
        cdef Anchor anchor1, anchor2
        cdef double value = 1
        cdef int status
        status = self.read_anchor(&fields[ROLE_CHROM1], 0, &anchor1)
        if status == OK:
            status = self.read_anchor(&fields[ROLE_CHROM2], 1, &anchor2)
        if status != OK:
            return status
        if anchor1.chrom < 0 or anchor2.chrom < 0:
            if self.learn_names and anchor1.chrom == UNSEEN:
                return fault(self, NEW_NAME, &fields[ROLE_CHROM1], ROLE_CHROM1)
            if self.learn_names and anchor2.chrom == UNSEEN:
                return fault(self, NEW_NAME, &fields[ROLE_CHROM2], ROLE_CHROM2)
            self.n_unknown_chrom += 1
            return OK
        if self.n_roles > ROLE_VALUE:
            value = fields[ROLE_VALUE].value
        if self.lacks_room(&anchor1, &anchor2):
            return NO_ROOM
        self.take(&anchor1, &anchor2, value)
        return OK

    cdef bint lacks_room(self, const Anchor* anchor1, const Anchor* anchor2) noexcept nogil:
        """Whether one array more is needed, for equal anchors of several bins, which are rare."""
        return (
            not self.has_own_flank
            and not self.midpoint
            and _order(anchor1, anchor2) == 0
            and anchor1.start // self.bin_size != (anchor1.end - 1) // self.bin_size
        )

    cdef int take(
        self, const Anchor* anchor1, const Anchor* anchor2, double value
    ) except -1 nogil:
        """Take down a line with good anchors."""
        cdef Near* near = &self.near[self.n_near]
        cdef int64_t order = _order(anchor1, anchor2)
        cdef bint ordered = order > 0
        cdef bint swapped = order < 0
        cdef bint cis = anchor1.chrom == anchor2.chrom
        cdef bint other = ordered | swapped
        self.own_total += value * <double> (not other)
        self.other_total += value * <double> other
        note_pair(
            &self.mirror, ordered, swapped, _anchor_hash(anchor1), _anchor_hash(anchor2), value
        )
        self.n_cis += cis
        self.n_trans += not cis
        self.cis_by_chrom[anchor1.chrom] += cis
        near.first_slot = self.first_slot[anchor1.chrom]
        near.start1 = anchor1.start
        near.end1 = anchor1.end
        near.start2 = anchor2.start
        near.end2 = anchor2.end
        near.value = value
        # The next line overwrites this one unless it is near.
        self.n_near += (
            cis
            & (anchor1.start - anchor2.end < self.reach)
            & (anchor2.start - anchor1.end < self.reach)
        )
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
        cdef int64_t numeric[4]
        cdef int64_t value_column = -1
        cdef Py_ssize_t at = first
        cdef Py_ssize_t done
        if not self.divisor.exact:
            return 0
        numeric[0] = self.column[ROLE_START1]
        numeric[1] = self.column[ROLE_END1]
        numeric[2] = self.column[ROLE_START2]
        numeric[3] = self.column[ROLE_END2]
        if self.n_roles > ROLE_VALUE:
            value_column = self.column[ROLE_VALUE]
        if first >= self.n_parsed:
            self.n_parsed = first + dexkit_parse_fours(
                block,
                grid + first * n_columns,
                n_columns,
                n_lines - first,
                numeric,
                value_column,
                &self.numbers[4 * first],
                &self.values[first],
                self.shift,
                self.divisor.inverse,
                &self.bins[4 * first],
            )
        # Values are added in the order of the lines.
        self.count_near()
        while at < self.n_parsed:
            done = self.run(block, grid, n_columns, at, self.n_parsed)
            at += done
            if done == 0:
                break
        return at - first

    cdef Py_ssize_t run(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t last,
    ) except -1 nogil:
        """Count good lines whose first ends lie on one chromosome; return how many.

        No branch depends on what a good line says: which anchor is first, whether both lie on one
        chromosome and near a row is as good as random, and a wrong guess of the processor costs
        more than all of this.
        """
        cdef int64_t column1 = self.column[ROLE_CHROM1]
        cdef int64_t column2 = self.column[ROLE_CHROM2]
        cdef int64_t value_column = self.column[ROLE_VALUE] if self.n_roles > ROLE_VALUE else -1
        cdef const int64_t* number = &self.numbers[4 * first]
        cdef const int32_t* bins = &self.bins[4 * first]
        cdef const int64_t* lengths = &self.lengths[0]
        cdef int64_t base = self.base
        cdef int64_t n_flank = self.n_flank
        cdef bint any_width = self.has_own_flank or self.midpoint
        cdef Mirror mirror = self.mirror
        cdef double own_total = self.own_total
        cdef double other_total = self.other_total
        cdef double value = 1
        cdef int64_t n_cis = 0
        cdef Py_ssize_t n_hits = 0
        cdef Field name, field
        cdef Anchor anchor1, anchor2
        cdef int64_t order, length1, first_slot, size, slot2
        cdef uint64_t word
        cdef const int32_t* slots
        cdef bint ordered, swapped, cis, wide, hit
        cdef Py_ssize_t i
        grid += first * n_columns
        if not locate(&name, block, grid[column1], grid[column1 + 1]):
            return 0
        set_name(&name)
        anchor1.chrom = name_code(self, &name, 0)
        if anchor1.chrom < 0:
            return 0
        length1 = lengths[anchor1.chrom]
        first_slot = self.first_slot[anchor1.chrom]
        slots = &self.slots[first_slot]
        size = name.stop - name.start
        word = <uint64_t> name.number
        for i in range(first, last):
            locate(&name, block, grid[column1], grid[column1 + 1])
            if name.stop - name.start != size:
                break
            set_name(&name)
            if <uint64_t> name.number != word or (
                size > 8 and name_code(self, &name, 0) != anchor1.chrom
            ):
                break
            if not locate(&name, block, grid[column2], grid[column2 + 1]):
                break
            set_name(&name)
            anchor2.chrom = find_varying(
                &self.names, 1, name.start, name.stop - name.start, <uint64_t> name.number
            )
            if anchor2.chrom < 0:
                break
            anchor1.start = number[0] - base
            anchor1.end = number[1]
            anchor2.start = number[2] - base
            anchor2.end = number[3]
            order = _order(&anchor1, &anchor2)
            wide = ((bins[0] ^ bins[1]) | (bins[2] ^ bins[3])) != 0
            if (
                (anchor1.start < 0)
                | (anchor2.start < 0)
                | (anchor1.end <= anchor1.start)
                | (anchor2.end <= anchor2.start)
                | (anchor1.end > length1)
                | (anchor2.end > lengths[anchor2.chrom])
                | ((order == 0) & wide & (not any_width))
            ):
                break
            if value_column >= 0:
                value = <double> self.values[i]
                if self.values[i] < 0 and not (
                    locate(&field, block, grid[value_column], grid[value_column + 1])
                    and parse_decimal(field.start, field.stop, &value)
                ):
                    break
            ordered = order > 0
            swapped = order < 0
            cis = anchor1.chrom == anchor2.chrom
            own_total += value * <double> (order == 0)
            other_total += value * <double> (order != 0)
            note_pair(
                &mirror, ordered, swapped, _anchor_hash(&anchor1), _anchor_hash(&anchor2), value
            )
            n_cis += cis
            self.amounts[i] = value
            self.hits[n_hits] = <int32_t> i
            # The bin of anchor 1 stands in for one out of reach, which would have to be fetched
            # from far away in memory, or lies on another chromosome.
            hit = cis & (bins[0] - bins[3] <= n_flank) & (bins[2] - bins[1] <= n_flank)
            slot2 = bins[0] ^ ((bins[0] ^ bins[2]) & -<int64_t> hit)
            hit &= wide | ((slots[bins[0]] & slots[slot2]) >= 0)
            n_hits += hit
            number += 4
            bins += 4
            grid += n_columns
        else:
            i = last
        self.mirror = mirror
        self.own_total = own_total
        self.other_total = other_total
        self.n_cis += n_cis
        self.n_trans += i - first - n_cis
        self.cis_by_chrom[anchor1.chrom] += n_cis
        self.count_hits(n_hits, first_slot)
        return i - first

    cdef int count_hits(self, Py_ssize_t n_hits, int64_t first_slot) except -1 nogil:
        """Add lines of a batch, all on one chromosome, to the rows of their bins."""
        cdef const int64_t* number
        cdef const int32_t* bins
        cdef Near near
        cdef int64_t line, offset, row
        cdef Py_ssize_t i
        near.first_slot = first_slot
        for i in range(n_hits):
            line = self.hits[i]
            number = &self.numbers[4 * line]
            bins = &self.bins[4 * line]
            near.value = self.amounts[line]
            offset = bins[2] - bins[0]
            if offset != 0 and bins[0] == bins[1] and bins[2] == bins[3]:
                # Two bins, as most lines have it; they lie within reach of each other.
                row = self.slots[first_slot + bins[0]]
                if row >= 0:
                    self.counts[row, self.n_flank + offset] += near.value
                row = self.slots[first_slot + bins[2]]
                if row >= 0:
                    self.counts[row, self.n_flank - offset] += near.value
                continue
            near.start1 = number[0] - self.base
            near.end1 = number[1]
            near.start2 = number[2] - self.base
            near.end2 = number[3]
            self.spread(&near)
        return 0

    cdef inline Bins bins_of(self, int64_t start, int64_t end) noexcept nogil:
        cdef Bins bins
        if self.midpoint:
            bins.first = quotient((start + end) // 2, &self.divisor)
            bins.last = bins.first
            return bins
        bins.first = quotient(start, &self.divisor)
        bins.last = bins.first
        if end - bins.first * self.bin_size > self.bin_size:
            bins.last = quotient(end - 1, &self.divisor)
        return bins

    cdef int count_near(self) except -1 nogil:
        """Add the near lines gathered so far to the rows of their bins."""
        cdef Py_ssize_t i
        for i in range(self.n_near):
            self.spread(&self.near[i])
        self.n_near = 0
        return 0

    cdef int spread(self, const Near* near) except -1 nogil:
        """Add one line to the rows of its bins.

        A row of anchor 1 gets the value at every bin of anchor 2, a row of anchor 2 at every bin
        of anchor 1; a row of both at every bin of either, once.
        """
        cdef Bins bins1 = self.bins_of(near.start1, near.end1)
        cdef Bins bins2 = self.bins_of(near.start2, near.end2)
        cdef bint own = near.start1 == near.start2 and near.end1 == near.end2
        cdef Bins left, right
        cdef int64_t bin
        for bin in range(bins1.first, bins1.last + 1):
            self.add(near.first_slot, bin, bins2, near.value, own)
        for bin in range(bins2.first, bins2.last + 1):
            if bins1.first <= bin <= bins1.last:
                # What anchor 1 has left and right of anchor 2.
                left.first = bins1.first
                left.last = min(bins1.last, bins2.first - 1)
                right.first = max(bins1.first, bins2.last + 1)
                right.last = bins1.last
                self.add(near.first_slot, bin, left, near.value, own)
                self.add(near.first_slot, bin, right, near.value, own)
            else:
                self.add(near.first_slot, bin, bins1, near.value, own)
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
            if own:
                if offset == 0:
                    self.own_centre[row] += value
                else:
                    self.own_flank[row, self.n_flank + offset] += value
        return 0
