"""What the text kernels have in common: columns, names, and where the scanner stopped.

The kernels read bytes, never Python strings, and read them eight at a time: one word tells where
a field ends, is the key of a chromosome name, or holds the digits of a number. They report what
they met as a status code and the span of the offending bytes; ``lines.py`` words the messages.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr

from dexkit_ext._bytes cimport (
    OVERHANG,
    SPILL,
    Census,
    dexkit_index_avx2,
    dexkit_index_avx512,
    dexkit_width,
    index_bytes,
)
from dexkit_ext._names cimport UNKNOWN, UNMAPPED, Name, add_name
from dexkit_ext._typedefs cimport DEXKIT_SOURCE_DIGEST

SOURCE_DIGEST = DEXKIT_SOURCE_DIGEST

STATUS_OK = OK
STATUS_NEW_NAME = NEW_NAME
STATUS_NO_ROOM = NO_ROOM
STATUS_TOO_LONG = TOO_LONG
STATUS_NUL_BYTE = NUL_BYTE
STATUS_BLANK_LINE = BLANK_LINE
STATUS_TOO_FEW_COLUMNS = TOO_FEW_COLUMNS
STATUS_BAD_QUOTE = BAD_QUOTE
STATUS_EMPTY_FIELD = EMPTY_FIELD
STATUS_BAD_NUMBER = BAD_NUMBER
STATUS_BAD_VALUE = BAD_VALUE
STATUS_OFF_CHROMOSOME = OFF_CHROMOSOME
STATUS_EMPTY_ANCHOR = EMPTY_ANCHOR
STATUS_OFF_GRID = OFF_GRID
NAME_UNKNOWN = UNKNOWN
NAME_UNMAPPED = UNMAPPED
MAX_LINE_BYTES = LONGEST_LINE
MAX_NUMBER_DIGITS = MAX_DIGITS


cdef inline Py_ssize_t _runs(
    const int32_t* found,
    Py_ssize_t first,
    Py_ssize_t last,
    int64_t most,
    int32_t* begin,
    int32_t* end,
) noexcept nogil:
    """Write between which separators the first columns of a line lie; return how many there are.

    Separators that follow one another count as one, those before the first column as none.
    """
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t i
    for i in range(first, last + 1):
        if found[i] > found[i - 1] + 1:
            begin[n] = found[i - 1]
            end[n] = found[i]
            n += 1
            if n == most:
                break
    return n


cdef inline Py_ssize_t _regular_columns(
    const uint8_t* block,
    const int32_t* found,
    Py_ssize_t n,
    const Census* census,
    uint8_t separator,
) noexcept nogil:
    """Return how many columns every line of a block has; 0 where they differ, or lines are odd.

    Besides separators there are line feeds only, as many as lines: where each line ends after the
    same number of separators, there is none elsewhere.
    """
    cdef Py_ssize_t n_columns = 1
    cdef Py_ssize_t i
    cdef bint odd = census.odd
    if census.odd or census.n_lines == 0:
        return 0
    while block[found[n_columns]] != LF:
        n_columns += 1
    if n_columns * census.n_lines > n:
        return 0
    for i in range(census.n_lines):
        odd |= block[found[i * n_columns] + 1] == HASH
        odd |= block[found[(i + 1) * n_columns]] != LF
    if separator == BLANK:
        for i in range(n_columns * census.n_lines):
            odd |= found[i + 1] == found[i] + 1
    if separator == COMMA:
        odd |= memchr(block, QUOTE, found[n_columns * census.n_lines]) is not NULL
    return 0 if odd else n_columns


cdef inline int _scan(
    LineKernel kernel,
    const uint8_t* data,
    Py_ssize_t start,
    Py_ssize_t size,
    uint8_t separator,
) except -1 nogil:
    """Count the lines of [data + start, data + size), block by block.

    The separators of a block are found first, in a loop without branches; a line is then a run of
    separators up to a line feed, and its fields lie where the index says. Lines of any other kind
    (comments, CRLF, quotes, other control characters, everything malformed) and those at the edges
    of the chunk are left to ``_odd_line``. Where all lines of a block are runs of one length, which
    an index made with AVX2 tells, ``batch`` counts them together, up to the first that it leaves.
    With AVX-512, ``stream`` comes before all that, where a kernel has one.
    """
    # One entry before the first: the line feed of the line before.
    cdef int32_t found[BLOCK + OVERHANG + 1]
    # Columns between runs of blanks, each of two bytes at least.
    cdef int32_t begin[BLOCK / 2 + 1]
    cdef int32_t end[BLOCK / 2 + 1]
    cdef Field fields[MOST_ROLES]
    cdef const uint8_t* line = data + start
    cdef const uint8_t* stop = data + size
    cdef const uint8_t* block
    cdef Py_ssize_t n, first, last, n_columns, n_batch, at, done
    cdef Census census
    cdef int status = OK
    cdef bint plain
    found[0] = -1
    while line < stop and status == OK:
        if separator == TAB and kernel.wide > 1 and not kernel.blank_line:
            line = kernel.stream(line, stop)
        block = line
        n = min(<Py_ssize_t> BLOCK, stop - block)
        at = 0
        n_batch = 0
        n_columns = 0
        kernel.n_parsed = 0
        if kernel.wide:
            if kernel.wide > 1:
                n = dexkit_index_avx512(block, n, &found[1], separator, &census)
            else:
                n = dexkit_index_avx2(block, n, &found[1], SPILL, separator, &census)
            n_columns = _regular_columns(block, found, n, &census, separator)
            if n_columns > kernel.last_column:
                n_batch = census.n_lines
                while n_batch > 0 and stop - block - found[n_batch * n_columns] < MARGIN:
                    n_batch -= 1
        else:
            n = index_bytes(block, n, &found[1], separator)
        first = 1
        while first <= n:
            if at < n_batch and line - data >= MARGIN and not kernel.blank_line:
                done = kernel.batch(block, found, n_columns, at, n_batch)
                kernel.n_lines += done
                at += done
                first += done * n_columns
                line = block + found[first - 1] + 1
                if first > n:
                    break
            # A line that the batch has left, or of a block without one.
            at += 1
            last = first
            while last <= n and _is_separator(block[found[last]], separator):
                last += 1
            if last > n:
                break
            plain = (
                block[found[last]] == LF
                and line - data >= MARGIN
                and stop - block - found[last] >= MARGIN
                and not kernel.blank_line
                and line[0] != HASH
            )
            if plain and separator == COMMA:
                plain = memchr(line, QUOTE, block + found[last] - line) is NULL
            if plain and separator == BLANK:
                plain = (
                    _runs(found, first, last, kernel.last_column + 1, begin, end)
                    > kernel.last_column
                    and kernel.read_fields(block, begin, end, fields)
                )
            elif plain:
                plain = last - first >= kernel.last_column and kernel.read_fields(
                    block, &found[first - 1], &found[first], fields
                )
            if plain:
                kernel.n_lines += 1
                status = kernel.record(fields)
            else:
                while last <= n and block[found[last]] != LF:
                    last += 1
                if last > n:
                    break
                status = _odd_line(kernel, line, block + found[last], separator)
            if status != OK:
                break
            line = block + found[last] + 1
            first = last + 1
        if line == block and status == OK:
            # Not one whole line in the block: a very long line, or the end of the chunk.
            block = <const uint8_t*> memchr(line, LF, stop - line)
            if block is NULL:
                break
            status = _odd_line(kernel, line, block, separator)
            if status == OK:
                line = block + 1
        kernel.flush()
    if status == NEW_NAME or status == NO_ROOM:
        # The line is counted once there is room, or the name is known.
        kernel.n_lines -= 1
    kernel.at = line - data
    kernel.error_start = kernel.fault_start - data
    kernel.error_stop = kernel.fault_stop - data
    return status


cdef class LineKernel:
    """Columns and names of one stream of lines.

    Parameters
    ----------
    max_names : int
        Room for names, given ones and unknown ones together.
    first_line : int
        Number of the first line.
    """

    def __cinit__(self, Py_ssize_t max_names, int64_t first_line, *_):
        cdef uint64_t capacity = 16
        while capacity < <uint64_t> (4 * max_names):
            capacity *= 2
        self.names.mask = capacity - 1
        self.texts = []
        self.learn_names = True
        self.separator = TAB
        self.n_lines = first_line - 1
        self.wide = dexkit_width()
        self.names.entries = <Name*> calloc(capacity, sizeof(Name))
        if self.names.entries is NULL:
            raise MemoryError("no memory for the table of chromosome names")
        self.names.last[0] = &self.names.entries[0]
        self.names.last[1] = &self.names.entries[0]

    def __dealloc__(self):
        free(self.names.entries)

    cdef int set_columns(self, const int64_t[::1] columns, const int32_t[::1] kinds) except -1:
        """Set the column and the kind of each role."""
        cdef int role
        self.n_roles = <int> columns.shape[0]
        for role in range(self.n_roles):
            self.column[role] = columns[role]
            self.kind[role] = kinds[role]
            self.last_column = max(self.last_column, columns[role])
        return 0

    cdef bint read_fields(
        self, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
    ) noexcept nogil:
        """Read the fields of a line; return whether all have the right form.

        Column c lies between the separators ``begin[c]`` and ``end[c]``.
        """
        return False

    cdef int record(self, const Field* fields) except -1 nogil:
        """Count a line whose fields have the right form; return a status code."""
        return OK

    cdef Py_ssize_t batch(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t n_lines,
    ) except -1 nogil:
        """Count lines of a regular block, from ``first`` up to one that is left; return how many.

        Line i has its columns between the separator ``grid[i * n_columns]`` and those after it.
        """
        return 0

    cdef const uint8_t* stream(
        self, const uint8_t* line, const uint8_t* stop
    ) except NULL nogil:
        """Count lines of tab-separated columns that need no index, up to one that is left.

        Only called where there is AVX-512. Returns where the first line that is left begins; the
        last line of [line, stop) may be incomplete.
        """
        return line

    cdef int flush(self) except -1 nogil:
        """Called between blocks."""
        return 0

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
            # The separator as a constant: the compiler makes a loop for each.
            if self.separator == TAB:
                status = _scan(self, &data[0], start, data.shape[0], TAB)
            elif self.separator == COMMA:
                status = _scan(self, &data[0], start, data.shape[0], COMMA)
            else:
                status = _scan(self, &data[0], start, data.shape[0], BLANK)
        return status
