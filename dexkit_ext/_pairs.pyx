"""Pairs kernel: tab-separated bytes to contact counts around rows (TSS bins).

The kernel reads bytes, never Python strings. It reports what it met as a status code and the span
of the offending bytes; ``pairs.py`` turns them into messages.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp

from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

cdef enum:
    TAB = 9
    LF = 10
    CR = 13
    HASH = 35
    DIGIT_0 = 48
    LETTER_D = 68
    # 18 decimal digits always fit an int64.
    MAX_DIGITS = 18
    # Bytes of one line, without its line feed (1 MiB).
    LONGEST_LINE = 1048576

cdef enum:
    ROLE_CHROM1
    ROLE_POS1
    ROLE_CHROM2
    ROLE_POS2
    ROLE_TYPE
    N_ROLES

cdef enum:
    OK
    NEW_NAME
    TOO_LONG
    NUL_BYTE
    BLANK_LINE
    TOO_FEW_COLUMNS
    EMPTY_FIELD
    BAD_POSITION
    OFF_CHROMOSOME

cdef enum:
    # Codes of names that are no chromosome of the table.
    UNKNOWN = -1
    UNMAPPED = -2
    UNSEEN = -3

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


cdef struct Name:
    const uint8_t* text
    Py_ssize_t size
    uint64_t hash
    int32_t code


cdef struct Field:
    const uint8_t* start
    const uint8_t* stop


cdef inline uint64_t _hash(const uint8_t* text, Py_ssize_t size) noexcept nogil:
    """FNV-1a, 64 bits, folded so that the low bits depend on all of it."""
    cdef uint64_t h = 14695981039346656037ULL
    cdef Py_ssize_t i
    for i in range(size):
        h = (h ^ text[i]) * 1099511628211ULL
    return h ^ (h >> 32)


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
    columns, roles : ndarray of shape (n_fields,), dtype int64
        The columns to read, ascending, and what each holds.
    bin_size, n_flank : int
    base : int
        Number of the first base, 0 or 1.
    max_names : int
        Room for names, given ones and unknown ones together.
    """

    cdef const int64_t[::1] lengths
    cdef const int64_t[::1] first_slot
    cdef const int32_t[::1] slots
    cdef uint32_t[:, ::1] counts
    cdef int64_t[::1] cis_by_chrom
    cdef int64_t bin_size, n_flank, base, reach
    cdef int n_fields
    cdef int64_t skip[N_ROLES]
    cdef int role[N_ROLES]

    cdef Name* table
    cdef uint64_t mask
    cdef list texts
    cdef Name* last[2]

    cdef public bint learn_names
    cdef readonly int64_t n_lines, n_cis, n_trans, n_unknown_chrom, n_dropped
    cdef readonly int64_t blank_line
    cdef readonly Py_ssize_t at, error_start, error_stop
    cdef readonly int error_field
    cdef readonly int32_t error_chrom

    def __cinit__(
        self,
        const int64_t[::1] lengths,
        const int64_t[::1] first_slot,
        const int32_t[::1] slots,
        uint32_t[:, ::1] counts,
        int64_t[::1] cis_by_chrom,
        const int64_t[::1] columns,
        const int64_t[::1] roles,
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
        for i in range(self.n_fields):
            self.skip[i] = columns[i] - (columns[i - 1] + 1 if i else 0)
            self.role[i] = <int> roles[i]
        while capacity < <uint64_t> (4 * max_names):
            capacity *= 2
        self.mask = capacity - 1
        self.texts = []
        self.learn_names = True
        self.table = <Name*> calloc(capacity, sizeof(Name))
        if self.table is NULL:
            raise MemoryError("no memory for the table of chromosome names")
        # Empty entries match no field, since empty fields are refused before the look-up.
        self.last[0] = &self.table[0]
        self.last[1] = &self.table[0]

    def __dealloc__(self):
        free(self.table)

    def add_name(self, bytes text, int32_t code):
        """Let ``text`` stand for chromosome ``code`` (or NAME_UNKNOWN, NAME_UNMAPPED)."""
        cdef const uint8_t* start = <const uint8_t*> PyBytes_AS_STRING(text)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(text)
        cdef uint64_t hash_ = _hash(start, size)
        cdef uint64_t i = hash_ & self.mask
        while self.table[i].text is not NULL:
            i = (i + 1) & self.mask
        # The list keeps the bytes alive that the table points into.
        self.texts.append(text)
        self.table[i].text = start
        self.table[i].size = size
        self.table[i].hash = hash_
        self.table[i].code = code

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
        cdef const uint8_t* p = data + start
        cdef const uint8_t* stop = data + size
        cdef const uint8_t* eol
        cdef const uint8_t* nul = <const uint8_t*> memchr(p, 0, stop - p)
        cdef int status
        while p < stop:
            eol = <const uint8_t*> memchr(p, LF, stop - p)
            if eol is NULL:
                break
            self.n_lines += 1
            status = self._line(p, eol, nul, data)
            if status != OK:
                if status == NEW_NAME:
                    self.n_lines -= 1
                self.at = p - data
                return status
            p = eol + 1
        self.at = p - data
        return OK

    cdef int _line(
        self,
        const uint8_t* p,
        const uint8_t* eol,
        const uint8_t* nul,
        const uint8_t* data,
    ) except -1 nogil:
        """Count one line, ``eol`` pointing at its line feed."""
        cdef Field fields[N_ROLES]
        cdef int64_t positions[N_ROLES]
        cdef const uint8_t* q
        cdef uint64_t value
        cdef int i, role
        cdef int64_t gap
        self.error_start = p - data
        self.error_stop = eol - data
        if eol - p > LONGEST_LINE:
            return TOO_LONG
        if nul is not NULL and nul < eol:
            return NUL_BYTE
        if eol > p and (eol - 1)[0] == CR:
            eol -= 1
        if eol == p:
            # Allowed at the end of the file only: remembered until another line follows.
            if self.blank_line == 0:
                self.blank_line = self.n_lines
            return OK
        if self.blank_line:
            return BLANK_LINE
        if p[0] == HASH:
            return OK

        for i in range(self.n_fields):
            for gap in range(self.skip[i]):
                q = <const uint8_t*> memchr(p, TAB, eol - p)
                if q is NULL:
                    return TOO_FEW_COLUMNS
                p = q + 1
            role = self.role[i]
            q = p
            if role == ROLE_POS1 or role == ROLE_POS2:
                value = 0
                while q < eol and q[0] - DIGIT_0 < 10 and q[0] >= DIGIT_0:
                    value = 10 * value + (q[0] - DIGIT_0)
                    q += 1
                positions[role] = <int64_t> value
                if (
                    q == p
                    or q - p > MAX_DIGITS
                    or (q < eol and q[0] != TAB)
                ):
                    while q < eol and q[0] != TAB:
                        q += 1
                    return self._fault(BAD_POSITION, p, q, data, role)
            else:
                while q < eol and q[0] != TAB:
                    q += 1
                if q == p:
                    return self._fault(EMPTY_FIELD, p, q, data, role)
            fields[role].start = p
            fields[role].stop = q
            if q == eol and i < self.n_fields - 1:
                return TOO_FEW_COLUMNS
            p = q + 1
        return self._pair(fields, positions, data)

    cdef int _fault(
        self,
        int status,
        const uint8_t* start,
        const uint8_t* stop,
        const uint8_t* data,
        int role,
    ) noexcept nogil:
        self.error_start = start - data
        self.error_stop = stop - data
        self.error_field = role
        return status

    cdef int _pair(
        self, const Field* fields, const int64_t* positions, const uint8_t* data
    ) except -1 nogil:
        """Count one pair whose fields have the right form."""
        cdef int32_t chrom1, chrom2
        cdef int64_t pos1, pos2, bin1, bin2, offset, slot
        cdef int32_t row
        cdef const Field* kind = &fields[ROLE_TYPE]
        if (
            self.n_fields == N_ROLES
            and kind.stop - kind.start == 2
            and kind.start[0] == LETTER_D
            and kind.start[1] == LETTER_D
        ):
            self.n_dropped += 1
            return OK
        chrom1 = self._code(&fields[ROLE_CHROM1], 0)
        chrom2 = self._code(&fields[ROLE_CHROM2], 1)
        if chrom1 == UNMAPPED or chrom2 == UNMAPPED:
            self.n_dropped += 1
            return OK
        pos1 = positions[ROLE_POS1] - self.base
        pos2 = positions[ROLE_POS2] - self.base
        if chrom1 >= 0 and not 0 <= pos1 < self.lengths[chrom1]:
            self.error_chrom = chrom1
            return self._fault(
                OFF_CHROMOSOME,
                fields[ROLE_POS1].start, fields[ROLE_POS1].stop, data, ROLE_POS1,
            )
        if chrom2 >= 0 and not 0 <= pos2 < self.lengths[chrom2]:
            self.error_chrom = chrom2
            return self._fault(
                OFF_CHROMOSOME,
                fields[ROLE_POS2].start, fields[ROLE_POS2].stop, data, ROLE_POS2,
            )
        if chrom1 < 0 or chrom2 < 0:
            if self.learn_names and chrom1 == UNSEEN:
                return self._fault(
                    NEW_NAME,
                    fields[ROLE_CHROM1].start, fields[ROLE_CHROM1].stop, data, ROLE_CHROM1,
                )
            if self.learn_names and chrom2 == UNSEEN:
                return self._fault(
                    NEW_NAME,
                    fields[ROLE_CHROM2].start, fields[ROLE_CHROM2].stop, data, ROLE_CHROM2,
                )
            self.n_unknown_chrom += 1
            return OK
        if chrom1 != chrom2:
            self.n_trans += 1
            return OK
        self.n_cis += 1
        self.cis_by_chrom[chrom1] += 1
        if pos1 - pos2 >= self.reach or pos2 - pos1 >= self.reach:
            return OK
        bin1 = pos1 // self.bin_size
        bin2 = pos2 // self.bin_size
        offset = bin2 - bin1
        if offset > self.n_flank or -offset > self.n_flank:
            return OK
        slot = self.first_slot[chrom1]
        row = self.slots[slot + bin1]
        if row >= 0:
            self.counts[row, self.n_flank + offset] += 1
        if offset != 0:
            row = self.slots[slot + bin2]
            if row >= 0:
                self.counts[row, self.n_flank - offset] += 1
        return OK

    cdef inline int32_t _code(self, const Field* field, int end) noexcept nogil:
        """Return the code of a name: the one last seen at this end, else by hash."""
        cdef Py_ssize_t size = field.stop - field.start
        cdef Name* name = self.last[end]
        cdef uint64_t hash_, i
        if name.size == size and memcmp(name.text, field.start, size) == 0:
            return name.code
        hash_ = _hash(field.start, size)
        i = hash_ & self.mask
        while self.table[i].text is not NULL:
            name = &self.table[i]
            if (
                name.hash == hash_
                and name.size == size
                and memcmp(name.text, field.start, size) == 0
            ):
                self.last[end] = name
                return name.code
            i = (i + 1) & self.mask
        return UNSEEN
