"""A table of chromosome names: the name seen last at either end of a pair, else by hash."""

from libc.stdint cimport int32_t, uint8_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from dexkit_ext._bytes cimport load_word

cdef extern from *:
    """
    typedef struct {
        const uint8_t *text;
        Py_ssize_t size;
        uint64_t word; /* the first eight bytes, zeros where the name is shorter */
        int32_t code;
    } dexkit_name;

    #define DEXKIT_HASH_FACTOR 11400714819323198485ULL
    static inline uint64_t dexkit_hash_word(uint64_t word)
    {
        word *= DEXKIT_HASH_FACTOR;
        return word ^ (word >> 32);
    }
    """
    ctypedef struct Name "dexkit_name":
        const uint8_t* text
        Py_ssize_t size
        uint64_t word
        int32_t code

    uint64_t hash_word "dexkit_hash_word"(uint64_t word) noexcept nogil

cdef enum:
    # Codes of names that are no chromosome.
    UNKNOWN = -1
    UNMAPPED = -2
    UNSEEN = -3


cdef struct NameTable:
    # Open addressing over mask + 1 entries, at most a quarter of them in use.
    Name* entries
    uint64_t mask
    # By end. An empty entry matches no field, since empty fields are refused before.
    Name* last[2]


cdef inline uint64_t hash_name(const uint8_t* text, Py_ssize_t size, uint64_t word) noexcept nogil:
    """Hash a name: Fibonacci hashing of a short one, FNV-1a (64 bits) of a long one."""
    cdef uint64_t h = 14695981039346656037ULL
    cdef Py_ssize_t i
    if size > 8:
        for i in range(size):
            h = (h ^ text[i]) * 1099511628211ULL
        word = h
    return hash_word(word)


cdef inline bint is_name(
    const Name* name, const uint8_t* text, Py_ssize_t size, uint64_t word
) noexcept nogil:
    """Whether ``name`` is the text of ``size`` bytes that begins with ``word``."""
    return (
        name.word == word
        and name.size == size
        and (size <= 8 or memcmp(name.text, text, size) == 0)
    )


cdef inline void add_name(
    NameTable* table, const uint8_t* text, Py_ssize_t size, int32_t code
) noexcept nogil:
    """Let ``text``, which must stay where it is, stand for ``code``."""
    cdef uint8_t padded[8]
    cdef uint64_t word, i
    memset(padded, 0, 8)
    memcpy(padded, text, min(<Py_ssize_t> 8, size))
    word = load_word(padded)
    i = hash_name(text, size, word) & table.mask
    while table.entries[i].text is not NULL:
        i = (i + 1) & table.mask
    table.entries[i].text = text
    table.entries[i].size = size
    table.entries[i].word = word
    table.entries[i].code = code


cdef inline int32_t find_name(
    NameTable* table, int end, const uint8_t* text, Py_ssize_t size, uint64_t word
) noexcept nogil:
    """Return the code of a name at one end of a pair, given its first bytes as a word."""
    cdef Name* name = table.last[end]
    cdef uint64_t i
    if is_name(name, text, size, word):
        return name.code
    i = hash_name(text, size, word) & table.mask
    while table.entries[i].text is not NULL:
        name = &table.entries[i]
        if is_name(name, text, size, word):
            table.last[end] = name
            return name.code
        i = (i + 1) & table.mask
    return UNSEEN


cdef inline int32_t find_varying(
    NameTable* table, int end, const uint8_t* text, Py_ssize_t size, uint64_t word
) noexcept nogil:
    """Return what ``find_name`` does, for names that change from line to line.

    The place in the table is worked out at once: whether the name is that of the line before is
    then no branch that a processor may guess wrong.
    """
    cdef const Name* name = &table.entries[hash_word(word) & table.mask]
    if name.word == word and name.size == size and size <= 8:
        return name.code
    return find_name(table, end, text, size, word)
