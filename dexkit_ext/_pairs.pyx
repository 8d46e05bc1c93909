"""Pairs kernel: tab-separated bytes to contact counts around rows (TSS bins).

The kernel reads bytes, never Python strings, and reads them eight at a time: one word tells where
a field ends, is the key of a chromosome name, or holds the digits of a position. It reports what
it met as a status code and the span of the offending bytes; ``pairs.py`` words the messages.
"""

cimport cython

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcpy, memset

from dexkit_ext._bytes cimport (
    MAX_DIGITS,
    SPILL,
    dexkit_has_avx2,
    dexkit_index_avx2,
    first_word,
    index_separators,
    parse_number,
)
from dexkit_ext._names cimport (
    UNKNOWN,
    UNMAPPED,
    UNSEEN,
    Name,
    NameTable,
    add_name,
    find_name,
)
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

STATUS_OK = OK
STATUS_NEW_NAME = NEW_NAME
STATUS_TOO_LONG = TOO_LONG
STATUS_NUL_BYTE = NUL_BYTE
STATUS_BLANK_LINE = BLANK_LINE
STATUS_TOO_FEW_COLUMNS = TOO_FEW_COLUMNS
STATUS_EMPTY_FIELD = EMPTY_FIELD
STATUS_BAD_POSITION = BAD_POSITION
STATUS_OFF_CHROMOSOME = OFF_CHROMOSOME
NAME_UNKNOWN = UNKNOWN
NAME_UNMAPPED = UNMAPPED
MAX_LINE_BYTES = LONGEST_LINE
MAX_POSITION_DIGITS = MAX_DIGITS


cdef inline void _set_name(Field* field) noexcept nogil:
    """Set the value of a name, not empty, of which eight bytes are readable."""
    field.value = <int64_t> first_word(field.start, field.stop - field.start)


cdef inline int32_t _code(NameTable* names, const Field* field, int end) noexcept nogil:
    """Return the code of the name in ``field``."""
    return find_name(
        names, end, field.start, field.stop - field.start, <uint64_t> field.value
    )


cdef inline bint _is_duplicate(const Field* kind) noexcept nogil:
    return (
        kind.stop - kind.start == 2 and kind.start[0] == LETTER_D and kind.start[1] == LETTER_D
    )


@cython.final
cdef class PairKernel:
    """Names, bins and counters of one stream of pairs.

    Parameters
    ----------
    lengths : ndarray of shape (n_chroms,), dtype int64
        In base pairs.
    first_slot : ndarray of shape (n_chroms,), dtype int64
        Where the bins of each chromosome start in ``slots``.
    slots : ndarray of shape (n_bins,), dtype int32
        Row of each bin of each chromosome, -1 where none.
    counts : ndarray of shape (n_rows, 2 * n_flank_bins + 1), dtype uint32
    cis_by_chrom : ndarray of shape (n_chroms,), dtype int64
    columns : ndarray of shape (4,) or (5,), dtype int64
        Columns of chromosome 1, position 1, chromosome 2, position 2 and the pair type.
    bin_size, n_flank : int
    base : int
        Number of the first base, 0 or 1.
    max_names : int
        Room for names, given ones and unknown ones together.
    """

    def __cinit__(
        self,
        const int64_t[::1] lengths,
        const int64_t[::1] first_slot,
        const int32_t[::1] slots,
        uint32_t[:, ::1] counts,
        int64_t[::1] cis_by_chrom,
        const int64_t[::1] columns,
        int64_t bin_size,
        int64_t n_flank,
        int64_t base,
        Py_ssize_t max_names,
    ):
        cdef int i
        cdef uint64_t capacity = 16
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
        self.n_fields = <int> columns.shape[0]
        self.last_column = 0
        for i in range(self.n_fields):
            self.column[i] = columns[i]
            self.last_column = max(self.last_column, columns[i])
        while capacity < <uint64_t> (4 * max_names):
            capacity *= 2
        self.names.mask = capacity - 1
        self.texts = []
        self.learn_names = True
        self.wide = dexkit_has_avx2()
        self.names.entries = <Name*> calloc(capacity, sizeof(Name))
        if self.names.entries is NULL:
            raise MemoryError("no memory for the table of chromosome names")
        self.names.last[0] = &self.names.entries[0]
        self.names.last[1] = &self.names.entries[0]

    def __dealloc__(self):
        free(self.names.entries)

    def add_name(self, bytes text, int32_t code):
        """Let ``text`` stand for chromosome ``code`` (or NAME_UNKNOWN, NAME_UNMAPPED)."""
        # The list keeps the bytes alive that the table points into.
        self.texts.append(text)
        add_name(
            &self.names, <const uint8_t*> PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), code
        )

    def parse(self, const uint8_t[::1] data, Py_ssize_t start):
        """Count the whole lines of ``data`` from ``start``; return a status code.

        ``at`` is then the offset of the first line not counted: the incomplete one at the end, the
        one at fault, or the one that holds a new name.
        """
        cdef int status
        self.at = start
        if start >= data.shape[0]:
            return OK
        with nogil:
            status = self._parse(&data[0], start, data.shape[0])
        return status

    cdef int _parse(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil:
        """Count lines block by block, by way of an index of the separators of each block.

        The separators of a block are found first, in a loop without branches; a line is then a
        run of tabs up to a line feed, and its fields lie where the index says. Lines of any other
        kind (comments, CRLF, other control characters, everything malformed) and those at the
        edges of the chunk are left to ``_odd_line``.
        """
        # One entry before the first: the line feed of the line before.
        cdef int32_t found[BLOCK + SPILL + 1]
        cdef Field fields[N_ROLES]
        cdef const uint8_t* line = data + start
        cdef const uint8_t* stop = data + size
        cdef const uint8_t* block
        cdef Py_ssize_t n, first, last
        cdef int status = OK
        found[0] = -1
        while line < stop and status == OK:
            block = line
            n = min(<Py_ssize_t> BLOCK, stop - block)
            if self.wide:
                n = dexkit_index_avx2(block, n, &found[1], SPILL)
            else:
                n = index_separators(block, n, &found[1])
            first = 1
            while first <= n:
                last = first
                while last <= n and block[found[last]] == TAB:
                    last += 1
                if last > n:
                    break
                if (
                    block[found[last]] == LF
                    and line - data >= MARGIN
                    and stop - block - found[last] >= MARGIN
                    and self._plain_fields(block, &found[first], last - first, fields)
                ):
                    self.n_lines += 1
                    status = self._pair(fields)
                else:
                    while last <= n and block[found[last]] != LF:
                        last += 1
                    if last > n:
                        break
                    status = self._odd_line(line, block + found[last])
                if status != OK:
                    break
                line = block + found[last] + 1
                first = last + 1
            if line == block and status == OK:
                # Not one whole line in the block: a very long line, or the end of the chunk.
                block = <const uint8_t*> memchr(line, LF, stop - line)
                if block is NULL:
                    break
                status = self._odd_line(line, block)
                if status == OK:
                    line = block + 1
            self._count_near()
        if status == NEW_NAME:
            self.n_lines -= 1
        self.at = line - data
        self.error_start = self.fault_start - data
        self.error_stop = self.fault_stop - data
        return status

    cdef bint _plain_fields(
        self,
        const uint8_t* block,
        const int32_t* ends,
        Py_ssize_t n_tabs,
        Field* fields,
    ) noexcept nogil:
        """Read the fields of a line that ``n_tabs`` tabs and a line feed end; say if all is well.

        ``ends[c]`` is where column c ends. MARGIN bytes on either side of the line are readable.
        """
        cdef int64_t* column = self.column
        cdef int role
        if n_tabs < self.last_column or self.blank_line or block[(ends - 1)[0] + 1] == HASH:
            return False
        for role in range(N_ROLES):
            if role < self.n_fields:
                fields[role].start = block + (ends + column[role] - 1)[0] + 1
                fields[role].stop = block + ends[column[role]]
                if fields[role].start == fields[role].stop:
                    return False
        _set_name(&fields[ROLE_CHROM1])
        _set_name(&fields[ROLE_CHROM2])
        fields[ROLE_POS1].value = parse_number(fields[ROLE_POS1].start, fields[ROLE_POS1].stop)
        fields[ROLE_POS2].value = parse_number(fields[ROLE_POS2].start, fields[ROLE_POS2].stop)
        return (fields[ROLE_POS1].value | fields[ROLE_POS2].value) >= 0

    cdef int _odd_line(self, const uint8_t* line, const uint8_t* eol) except -1 nogil:
        """Count the line that the line feed at ``eol`` ends, whatever it holds."""
        cdef Field fields[N_ROLES]
        cdef int status
        self.n_lines += 1
        self.fault_start = line
        self.fault_stop = eol
        if eol - line > LONGEST_LINE:
            return TOO_LONG
        if memchr(line, 0, eol - line) is not NULL:
            return NUL_BYTE
        if eol > line and (eol - 1)[0] == CR:
            eol -= 1
        if eol == line:
            # Allowed at the end of the file only: remembered until another line follows.
            if self.blank_line == 0:
                self.blank_line = self.n_lines
            return OK
        if self.blank_line:
            return BLANK_LINE
        if line[0] == HASH:
            return OK
        status = self._any_fields(line, eol, fields)
        return self._pair(fields) if status == OK else status

    cdef int _any_fields(
        self, const uint8_t* line, const uint8_t* eol, Field* fields
    ) noexcept nogil:
        """Find and check the fields of the line [line, eol)."""
        # Copies with room around them, since this line may lie at an edge of the chunk.
        cdef uint8_t padded[3 * MARGIN]
        cdef const uint8_t* p = line
        cdef const uint8_t* q
        cdef Field copy
        cdef int64_t column
        cdef int role
        for column in range(self.last_column + 1):
            if p > eol:
                self.fault_start = line
                self.fault_stop = eol
                return TOO_FEW_COLUMNS
            q = <const uint8_t*> memchr(p, TAB, eol - p)
            if q is NULL:
                q = eol
            for role in range(self.n_fields):
                if self.column[role] == column:
                    fields[role].start = p
                    fields[role].stop = q
            p = q + 1
        for role in range(self.n_fields):
            p = fields[role].start
            q = fields[role].stop
            memset(padded, 0, sizeof(padded))
            memcpy(padded + MARGIN, p, min(<Py_ssize_t> MARGIN, q - p))
            copy.start = padded + MARGIN
            copy.stop = copy.start + (q - p)
            if role == ROLE_POS1 or role == ROLE_POS2:
                fields[role].value = -1
                if 0 < q - p <= MAX_DIGITS:
                    fields[role].value = parse_number(copy.start, copy.stop)
                if fields[role].value < 0:
                    return self._fault(BAD_POSITION, &fields[role], role)
            elif p == q:
                return self._fault(EMPTY_FIELD, &fields[role], role)
            else:
                _set_name(&copy)
                fields[role].value = copy.value
        return OK

    cdef int _fault(self, int status, const Field* field, int role) noexcept nogil:
        self.fault_start = field.start
        self.fault_stop = field.stop
        self.error_field = role
        return status

    cdef int _pair(self, const Field* fields) except -1 nogil:
        """Count one pair whose fields have the right form."""
        cdef Near* near
        cdef int32_t chrom1, chrom2
        cdef int64_t pos1, pos2
        cdef bint cis
        if self.n_fields == N_ROLES and _is_duplicate(&fields[ROLE_TYPE]):
            self.n_dropped += 1
            return OK
        chrom1 = _code(&self.names, &fields[ROLE_CHROM1], 0)
        chrom2 = _code(&self.names, &fields[ROLE_CHROM2], 1)
        if chrom1 == UNMAPPED or chrom2 == UNMAPPED:
            self.n_dropped += 1
            return OK
        pos1 = fields[ROLE_POS1].value - self.base
        pos2 = fields[ROLE_POS2].value - self.base
        if chrom1 >= 0 and not 0 <= pos1 < self.lengths[chrom1]:
            self.error_chrom = chrom1
            return self._fault(OFF_CHROMOSOME, &fields[ROLE_POS1], ROLE_POS1)
        if chrom2 >= 0 and not 0 <= pos2 < self.lengths[chrom2]:
            self.error_chrom = chrom2
            return self._fault(OFF_CHROMOSOME, &fields[ROLE_POS2], ROLE_POS2)
        if chrom1 < 0 or chrom2 < 0:
            if self.learn_names and chrom1 == UNSEEN:
                return self._fault(NEW_NAME, &fields[ROLE_CHROM1], ROLE_CHROM1)
            if self.learn_names and chrom2 == UNSEEN:
                return self._fault(NEW_NAME, &fields[ROLE_CHROM2], ROLE_CHROM2)
            self.n_unknown_chrom += 1
            return OK
        # Whether a pair is near enough to reach a row is as good as random, and a wrong guess of
        # the processor costs more than this line of work: every pair is written, and the next one
        # overwrites it unless it was near.
        cis = chrom1 == chrom2
        self.n_cis += cis
        self.n_trans += not cis
        self.cis_by_chrom[chrom1] += cis
        near = &self.near[self.n_near]
        near.first_slot = self.first_slot[chrom1]
        near.pos1 = pos1
        near.pos2 = pos2
        self.n_near += cis & (pos2 - pos1 < self.reach) & (pos1 - pos2 < self.reach)
        return OK

    cdef int _count_near(self) except -1 nogil:
        """Add the near pairs gathered so far to the rows of their bins."""
        cdef const Near* near
        cdef int64_t bin1, bin2, offset
        cdef Py_ssize_t i
        cdef int32_t row
        for i in range(self.n_near):
            near = &self.near[i]
            bin1 = near.pos1 // self.bin_size
            bin2 = near.pos2 // self.bin_size
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
