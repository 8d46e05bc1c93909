"""Constants, records and state of the pairs kernel."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

from dexkit_ext._names cimport NameTable

cdef enum:
    TAB = 9
    LF = 10
    CR = 13
    HASH = 35
    LETTER_D = 68
    # Bytes whose separators are indexed at once.
    BLOCK = 4096
    # Pairs of a block: the shortest has four one-byte fields; one more is room for the next.
    MOST_NEAR = BLOCK / 8 + 1
    # Bytes that may be read before and after a field: two words.
    MARGIN = 16
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


cdef struct Near:
    int64_t first_slot
    int64_t pos1
    int64_t pos2


cdef struct Field:
    const uint8_t* start
    const uint8_t* stop
    # The number of a position, the first eight bytes of a name.
    int64_t value


cdef class PairKernel:
    cdef const int64_t[::1] lengths
    cdef const int64_t[::1] first_slot
    cdef const int32_t[::1] slots
    cdef uint32_t[:, ::1] counts
    cdef int64_t[::1] cis_by_chrom
    cdef int64_t bin_size, n_flank, base, reach
    cdef int n_fields
    cdef int64_t column[N_ROLES]
    cdef int64_t last_column

    cdef NameTable names
    cdef list texts
    cdef Near near[MOST_NEAR]
    cdef Py_ssize_t n_near
    cdef const uint8_t* fault_start
    cdef const uint8_t* fault_stop

    cdef public bint learn_names
    # Whether to use the AVX2 form of the index.
    cdef public bint wide
    cdef readonly int64_t n_lines, n_cis, n_trans, n_unknown_chrom, n_dropped
    cdef readonly int64_t blank_line
    cdef readonly Py_ssize_t at, error_start, error_stop
    cdef readonly int error_field
    cdef readonly int32_t error_chrom

    cdef int _parse(self, const uint8_t* data, Py_ssize_t start, Py_ssize_t size) except -1 nogil
    cdef bint _plain_fields(
        self, const uint8_t* block, const int32_t* ends, Py_ssize_t n_tabs, Field* fields
    ) noexcept nogil
    cdef int _odd_line(self, const uint8_t* line, const uint8_t* eol) except -1 nogil
    cdef int _any_fields(
        self, const uint8_t* line, const uint8_t* eol, Field* fields
    ) noexcept nogil
    cdef int _fault(self, int status, const Field* field, int role) noexcept nogil
    cdef int _pair(self, const Field* fields) except -1 nogil
    cdef int _count_near(self) except -1 nogil
