"""The scanner of lines that the text kernels share.

A kernel derives from :class:`LineKernel`, whose methods the scanner calls.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memchr, memcpy, memset

from dexkit_ext._bytes cimport (
    MAX_DIGITS,
    first_word,
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
    # Bytes that may be read before and after a field: a vector.
    MARGIN = 32
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
    OFF_GRID


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
    # What a derived kernel does with the lines.
    cdef bint read_fields(
        self, const uint8_t* block, const int32_t* begin, const int32_t* end, Field* fields
    ) noexcept nogil
    cdef int record(self, const Field* fields) except -1 nogil
    cdef Py_ssize_t batch(
        self,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t first,
        Py_ssize_t n_lines,
    ) except -1 nogil
    cdef const uint8_t* stream(
        self, const uint8_t* line, const uint8_t* stop
    ) except NULL nogil
    cdef int flush(self) except -1 nogil


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
    LineKernel kernel, const uint8_t* line, const uint8_t* eol, uint8_t separator
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
    return kernel.record(fields) if status == OK else status
