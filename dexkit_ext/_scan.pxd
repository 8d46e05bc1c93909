"""The loop over the lines of a block of text, which the text kernels share."""

from libc.stdint cimport int32_t, int64_t, uint8_t
from libc.string cimport memchr

from dexkit_ext._bytes cimport (
    OVERHANG,
    SPILL,
    Census,
    dexkit_index_avx2,
    dexkit_index_avx512,
    index_bytes,
)
from dexkit_ext._lines cimport (
    BLANK,
    BLOCK,
    COMMA,
    Batch,
    Field,
    Flush,
    HASH,
    LF,
    LineKernel,
    MARGIN,
    MOST_ROLES,
    NEW_NAME,
    NO_ROOM,
    OK,
    PlainFields,
    QUOTE,
    Record,
    _is_separator,
    _odd_line,
)


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
