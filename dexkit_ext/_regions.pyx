"""Regions kernel: lines that name two regions (anchors) to contact values around rows (TSS bins).
"""

cimport cython

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

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
    scan,
    set_name,
    set_number,
)
from dexkit_ext._mirror cimport is_mirrored, note_pair
from dexkit_ext._names cimport UNSEEN
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST
from dexkit_ext._values cimport parse_value

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


cdef int _flush(LineKernel kernel) except -1 nogil:
    return (<RegionKernel> kernel).count_near()


cdef inline uint64_t _anchor_hash(const Anchor* anchor) noexcept nogil:
    # Fractional parts of the square roots of 2, 5 and 7; note_pair mixes the bits.
    return (
        <uint64_t> anchor.start * 0x6A09E667F3BCC909ULL
        + <uint64_t> anchor.end * 0x3C6EF372FE94F82BULL
        + <uint64_t> anchor.chrom * 0xA54FF53A5F1D36F1ULL
    )


cdef inline bint _lies_before(const Anchor* a, const Anchor* b) noexcept nogil:
    """Whether ``a`` sorts before ``b``, told without a branch."""
    return (a.chrom < b.chrom) | (
        (a.chrom == b.chrom)
        & ((a.start < b.start) | ((a.start == b.start) & (a.end < b.end)))
    )


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
            return scan(self, data, start, size, TAB, _plain_fields, _record, _flush)
        if self.separator == COMMA:
            return scan(self, data, start, size, COMMA, _plain_fields, _record, _flush)
        return scan(self, data, start, size, BLANK, _plain_fields, _record, _flush)

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
        cdef Near* near = &self.near[self.n_near]
        cdef Anchor* anchor1 = &near.anchor1
        cdef Anchor* anchor2 = &near.anchor2
        cdef double value = 1
        cdef bint ordered, swapped, cis
        cdef int status
        status = self.read_anchor(&fields[ROLE_CHROM1], 0, anchor1)
        if status == OK:
            status = self.read_anchor(&fields[ROLE_CHROM2], 1, anchor2)
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
        ordered = _lies_before(anchor1, anchor2)
        swapped = _lies_before(anchor2, anchor1)
        cis = anchor1.chrom == anchor2.chrom
        if not (ordered or swapped):
            # One array more is needed for anchors of several bins, which are rare.
            if (
                not self.has_own_flank
                and not self.midpoint
                and anchor1.start // self.bin_size != (anchor1.end - 1) // self.bin_size
            ):
                return NO_ROOM
            self.own_total += value
        else:
            self.other_total += value
            note_pair(
                &self.mirror, ordered, swapped, _anchor_hash(anchor1), _anchor_hash(anchor2), value
            )
        self.n_cis += cis
        self.n_trans += not cis
        self.cis_by_chrom[anchor1.chrom] += cis
        near.value = value
        # The next line overwrites this one unless it is near.
        self.n_near += (
            cis
            & (anchor1.start - anchor2.end < self.reach)
            & (anchor2.start - anchor1.end < self.reach)
        )
        return OK

    cdef Bins bins_of(self, const Anchor* anchor) noexcept nogil:
        cdef Bins bins
        if self.midpoint:
            bins.first = (anchor.start + anchor.end) // 2 // self.bin_size
            bins.last = bins.first
        else:
            bins.first = anchor.start // self.bin_size
            bins.last = (anchor.end - 1) // self.bin_size
        return bins

    cdef int count_near(self) except -1 nogil:
        """Add the near lines gathered so far to the rows of their bins.

        A row of anchor 1 gets the value at every bin of anchor 2, a row of anchor 2 at every bin
        of anchor 1; a row of both at every bin of either, once.
        """
        cdef const Near* near
        cdef Bins bins1, bins2, left, right
        cdef int64_t slot, bin
        cdef Py_ssize_t i
        cdef bint own
        for i in range(self.n_near):
            near = &self.near[i]
            bins1 = self.bins_of(&near.anchor1)
            bins2 = self.bins_of(&near.anchor2)
            own = not (
                _lies_before(&near.anchor1, &near.anchor2)
                or _lies_before(&near.anchor2, &near.anchor1)
            )
            slot = self.first_slot[near.anchor1.chrom]
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
        self.n_near = 0
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
