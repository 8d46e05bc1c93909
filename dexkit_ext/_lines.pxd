"""The scanner of lines that the text kernels share.

A kernel derives from :class:`LineKernel` and hands ``scan`` three functions. They are known when
the kernel is compiled, so that the compiler merges them with the loop over the lines.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy, memset

from dexkit_ext._bytes cimport (
    MAX_DIGITS,
    OVERHANG,
    SPILL,
    Census,
    dexkit_index_avx2,
    dexkit_index_avx512,
    first_word,
    index_bytes,
    parse_number,
)
from dexkit_ext._names cimport NameTable, find_name
from dexkit_ext._values cimport parse_decimal, parse_value

cdef enum:
    TAB = 9
    LF = 10
    CR = 13
    BLANK = 32
    QUOTE = 34
    HASH = 35
    COMMA = 44
    # Bytes whose separators are indexed at once.
    BLOCK = 4096
    # Bytes that may be read before and after a field: two words.
    MARGIN = 16
    # Bytes of one line, without its line feed (1 MiB).
    LONGEST_LINE = 1048576
    MOST_ROLES = 7

cdef enum:
    # What a field of a line may be.
    NAME
    NUMBER
    TEXT
    VALUE

cdef enum:
    # What the scanner found.
    OK
    NEW_NAME
    NO_ROOM
    TOO_LONG
    NUL_BYTE
    BLANK_LINE
    TOO_FEW_COLUMNS
    BAD_QUOTE
    EMPTY_FIELD
    BAD_NUMBER
    BAD_VALUE
    OFF_CHROMOSOME
    EMPTY_ANCHOR


cdef struct Field:
    const uint8_t* start
    const uint8_t* stop
    # The number, or the first eight bytes of a name.
    int64_t number
    double value


cdef class LineKernel:
    cdef NameTable names
    cdef list texts
    cdef int n_roles
    cdef int kind[MOST_ROLES]
    cdef int64_t column[MOST_ROLES]
    cdef int64_t last_column
    cdef uint8_t separator
    # Lines of a regular block whose numbers are known.
    cdef Py_ssize_t n_parsed
    cdef const uint8_t* fault_start
    cdef const uint8_t* fault_stop

    # Which form of the index to use: 0 any processor's, 1 that of AVX2, 2 that of AVX-512.
    cdef public int wide
    cdef public bint learn_names
    cdef readonly int64_t n_lines
    cdef readonly int64_t blank_line
    cdef readonly Py_ssize_t at, error_start, error_stop
    cdef readonly int error_role
    cdef readonly int32_t error_chrom
    cdef readonly int64_t error_number

    cdef int set_columns(self, const int64_t[::1] columns, const int32_t[::1] kinds) except -1
    cdef int parse_lines(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil


# Read the fields of a line; column c lies between the separators begin[c] and end[c].
ctypedef bint (*PlainFields)(
    LineKernel kernel, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
) noexcept nogil
# Count a line whose fields have the right form.
ctypedef int (*Record)(LineKernel kernel, const Field* fields) except -1 nogil
# Count lines of a regular block, from number `first` on up to one that is left, or the end; return
# how many. Line i has its columns between the separators grid[i * n_columns] and those after.
ctypedef Py_ssize_t (*Batch)(
    LineKernel kernel,
    const uint8_t* block,
    const int32_t* grid,
    Py_ssize_t n_columns,
    Py_ssize_t first,
    Py_ssize_t n_lines,
) except -1 nogil
# Called between blocks.
ctypedef int (*Flush)(LineKernel kernel) except -1 nogil


cdef inline bint locate(
    Field* field, const uint8_t* block, int32_t begin, int32_t end
) noexcept nogil:
    """Set where a field lies; return whether it holds anything."""
    field.start = block + begin + 1
    field.stop = block + end
    return field.start < field.stop


cdef inline void set_name(Field* field) noexcept nogil:
    """Set the first bytes of a name, not empty, of which eight bytes are readable."""
    field.number = <int64_t> first_word(field.start, field.stop - field.start)


cdef inline void set_number(Field* field) noexcept nogil:
    """Set the number of a field, not empty; -1 where it holds none."""
    field.number = parse_number(field.start, field.stop)


cdef inline int32_t name_code(LineKernel kernel, const Field* field, int end) noexcept nogil:
    """Return the code of the name in ``field``, at one end of a pair."""
    return find_name(
        &kernel.names, end, field.start, field.stop - field.start, <uint64_t> field.number
    )


cdef inline int fault(
    LineKernel kernel, int status, const Field* field, int role
) noexcept nogil:
    """Remember the field at fault; return ``status``."""
    kernel.fault_start = field.start
    kernel.fault_stop = field.stop
    kernel.error_role = role
    return status


cdef inline bint _is_separator(uint8_t byte, uint8_t separator) noexcept nogil:
    # A blank as separator stands for any run of blanks and tabs.
    return byte == separator or (separator == BLANK and byte == TAB)


cdef inline const uint8_t* _next_separator(
    const uint8_t* p, const uint8_t* stop, uint8_t separator
) noexcept nogil:
    """Return the first separator in [p, stop), else ``stop``."""
    cdef const uint8_t* found
    if separator == BLANK:
        while p < stop and p[0] != BLANK and p[0] != TAB:
            p += 1
        return p
    found = <const uint8_t*> memchr(p, separator, stop - p)
    return stop if found is NULL else found


cdef inline const uint8_t* _skip_blanks(const uint8_t* p, const uint8_t* stop) noexcept nogil:
    while p < stop and (p[0] == BLANK or p[0] == TAB):
        p += 1
    return p


cdef inline int _find_fields(
    LineKernel kernel, const uint8_t* line, const uint8_t* eol, uint8_t separator, Field* fields
) noexcept nogil:
    """Find the fields of the line [line, eol)."""
    cdef const uint8_t* p = line
    cdef const uint8_t* q
    cdef Field field
    cdef int64_t column
    cdef int role
    for column in range(kernel.last_column + 1):
        if separator == BLANK:
            p = _skip_blanks(p, eol)
        if p > eol or (separator == BLANK and p == eol):
            kernel.fault_start = line
            kernel.fault_stop = eol
            return TOO_FEW_COLUMNS
        q = _next_separator(p, eol, separator)
        field.start = p
        field.stop = q
        if separator == COMMA and memchr(p, QUOTE, q - p) is not NULL:
            # Quotes enclose a whole field; a comma between them would have cut it in two.
            if q - p < 2 or memchr(p + 1, QUOTE, q - p - 1) != q - 1 or p[0] != QUOTE:
                kernel.error_number = column
                return fault(kernel, BAD_QUOTE, &field, 0)
            field.start += 1
            field.stop -= 1
        for role in range(kernel.n_roles):
            if kernel.column[role] == column:
                fields[role].start = field.start
                fields[role].stop = field.stop
        p = q + 1
    return OK


cdef inline int _read_fields(LineKernel kernel, Field* fields) noexcept nogil:
    """Read fields that may lie anywhere: what is near them need not be readable."""
    # Copies with room around them, since the line may lie at an edge of the chunk.
    cdef uint8_t padded[3 * MARGIN]
    cdef Field copy
    cdef Field* field
    cdef Py_ssize_t size
    cdef int role
    cdef bint good
    for role in range(kernel.n_roles):
        field = &fields[role]
        size = field.stop - field.start
        memset(padded, 0, sizeof(padded))
        memcpy(padded + MARGIN, field.start, min(<Py_ssize_t> MARGIN, size))
        copy.start = padded + MARGIN
        copy.stop = copy.start + size
        if kernel.kind[role] == NUMBER:
            field.number = -1
            if 0 < size <= MAX_DIGITS:
                field.number = parse_number(copy.start, copy.stop)
            if field.number < 0:
                return fault(kernel, BAD_NUMBER, field, role)
        elif kernel.kind[role] == VALUE:
            if 0 < size <= MARGIN:
                good = parse_value(copy.start, copy.stop, &field.value)
            else:
                good = parse_decimal(field.start, field.stop, &field.value)
            if not good:
                return fault(kernel, BAD_VALUE, field, role)
        elif size == 0:
            return fault(kernel, EMPTY_FIELD, field, role)
        else:
            set_name(&copy)
            field.number = copy.number
    return OK


cdef inline int _odd_line(
    LineKernel kernel, const uint8_t* line, const uint8_t* eol, uint8_t separator, Record record
) except -1 nogil:
    """Count the line that the line feed at ``eol`` ends, whatever it holds."""
    cdef Field fields[MOST_ROLES]
    cdef int status
    kernel.n_lines += 1
    kernel.fault_start = line
    kernel.fault_stop = eol
    if eol - line > LONGEST_LINE:
        return TOO_LONG
    if memchr(line, 0, eol - line) is not NULL:
        return NUL_BYTE
    if eol > line and (eol - 1)[0] == CR:
        eol -= 1
    if eol == line or (separator == BLANK and _skip_blanks(line, eol) == eol):
        # Allowed at the end of the file only: remembered until another line follows.
        if kernel.blank_line == 0:
            kernel.blank_line = kernel.n_lines
        return OK
    if kernel.blank_line:
        return BLANK_LINE
    if line[0] == HASH:
        return OK
    status = _find_fields(kernel, line, eol, separator, fields)
    if status == OK:
        status = _read_fields(kernel, fields)
    return record(kernel, fields) if status == OK else status


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


cdef inline int scan(
    LineKernel kernel,
    const uint8_t* data,
    Py_ssize_t start,
    Py_ssize_t size,
    uint8_t separator,
    PlainFields plain_fields,
    Record record,
    Batch batch,
    Flush flush,
) except -1 nogil:
    """Count the lines of [data + start, data + size), block by block.

    The separators of a block are found first, in a loop without branches; a line is then a run of
    separators up to a line feed, and its fields lie where the index says. Lines of any other kind
    (comments, CRLF, quotes, other control characters, everything malformed) and those at the edges
    of the chunk are left to ``_odd_line``. Where all lines of a block are runs of one length, which
    an index made with AVX2 tells, ``batch`` counts them together, up to the first that it leaves.
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
                done = batch(kernel, block, found, n_columns, at, n_batch)
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
                    and plain_fields(kernel, block, begin, end, fields)
                )
            elif plain:
                plain = last - first >= kernel.last_column and plain_fields(
                    kernel, block, &found[first - 1], &found[first], fields
                )
            if plain:
                kernel.n_lines += 1
                status = record(kernel, fields)
            else:
                while last <= n and block[found[last]] != LF:
                    last += 1
                if last > n:
                    break
                status = _odd_line(kernel, line, block + found[last], separator, record)
            if status != OK:
                break
            line = block + found[last] + 1
            first = last + 1
        if line == block and status == OK:
            # Not one whole line in the block: a very long line, or the end of the chunk.
            block = <const uint8_t*> memchr(line, LF, stop - line)
            if block is NULL:
                break
            status = _odd_line(kernel, line, block, separator, record)
            if status == OK:
                line = block + 1
        flush(kernel)
    if status == NEW_NAME or status == NO_ROOM:
        # The line is counted once there is room, or the name is known.
        kernel.n_lines -= 1
    kernel.at = line - data
    kernel.error_start = kernel.fault_start - data
    kernel.error_stop = kernel.fault_stop - data
    return status
