"""What the text kernels have in common: columns, names, and where the scanner stopped.

The kernels read bytes, never Python strings, and read them eight at a time: one word tells where
a field ends, is the key of a chromosome name, or holds the digits of a number. They report what
they met as a status code and the span of the offending bytes; ``lines.py`` words the messages.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.stdlib cimport calloc, free

from dexkit_ext._bytes cimport dexkit_width
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
NAME_UNKNOWN = UNKNOWN
NAME_UNMAPPED = UNMAPPED
MAX_LINE_BYTES = LONGEST_LINE
MAX_NUMBER_DIGITS = MAX_DIGITS


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

    cdef int parse_lines(
        self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size
    ) except -1 nogil:
        """Count lines; a derived kernel says how."""
        return OK

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
            status = self.parse_lines(&data[0], start, data.shape[0])
        return status
