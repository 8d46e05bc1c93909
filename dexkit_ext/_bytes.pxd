"""Inline functions on text, eight bytes at a time."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    """
    #if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    #define DEXKIT_FROM_LE64(word) __builtin_bswap64(word)
    #else
    #define DEXKIT_FROM_LE64(word) (word)
    #endif
    #define DEXKIT_LOWEST_BIT(word) __builtin_ctzll(word)

    /* What an index met beside separators. */
    typedef struct {
        int64_t n_lines; /* line feeds */
        int odd;         /* whether there are other bytes below 16 than line feeds and separators */
    } dexkit_census;

    /* index_bytes below, on processors that compare 32 bytes at once; chosen when the program runs,
       since the package is built for every processor of its kind. */
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <immintrin.h>
    static inline int dexkit_width(void)
    {
        if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi")
              && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")))
            return 0;
        return 1 + (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
                    && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")
                    && __builtin_cpu_supports("avx512vbmi")
                    && __builtin_cpu_supports("avx512vbmi2"));
    }
    /* A mark below 16 adds nothing; as a constant it costs nothing either. */
    __attribute__((target("avx2,bmi,popcnt"), always_inline))
    static inline Py_ssize_t dexkit_index(
        const uint8_t *text, Py_ssize_t size, int32_t *found, int spill, int mark, int tab,
        dexkit_census *census)
    {
        const __m256i highest = _mm256_set1_epi8(15);
        const __m256i marks = _mm256_set1_epi8((char)mark);
        const __m256i tabs = _mm256_set1_epi8((char)tab);
        const __m256i feeds = _mm256_set1_epi8(10);
        __m256i odd = _mm256_setzero_si256();
        /* Line feeds by place in 32 bytes: a block is too short for more than 255. */
        __m256i n_feeds = _mm256_setzero_si256();
        Py_ssize_t n = 0;
        for (Py_ssize_t at = 0; at + 63 < size; at += 64) {
            __m256i a = _mm256_loadu_si256((const __m256i *)(text + at));
            __m256i b = _mm256_loadu_si256((const __m256i *)(text + at + 32));
            __m256i low_a = _mm256_cmpeq_epi8(_mm256_min_epu8(a, highest), a);
            __m256i low_b = _mm256_cmpeq_epi8(_mm256_min_epu8(b, highest), b);
            __m256i feed_a = _mm256_cmpeq_epi8(a, feeds);
            __m256i feed_b = _mm256_cmpeq_epi8(b, feeds);
            n_feeds = _mm256_sub_epi8(_mm256_sub_epi8(n_feeds, feed_a), feed_b);
            feed_a = _mm256_or_si256(feed_a, _mm256_cmpeq_epi8(a, tabs));
            feed_b = _mm256_or_si256(feed_b, _mm256_cmpeq_epi8(b, tabs));
            odd = _mm256_or_si256(odd, _mm256_xor_si256(low_a, feed_a));
            odd = _mm256_or_si256(odd, _mm256_xor_si256(low_b, feed_b));
            if (mark > 15) {
                low_a = _mm256_or_si256(low_a, _mm256_cmpeq_epi8(a, marks));
                low_b = _mm256_or_si256(low_b, _mm256_cmpeq_epi8(b, marks));
            }
            uint64_t bits = (uint32_t)_mm256_movemask_epi8(low_a)
                | (uint64_t)(uint32_t)_mm256_movemask_epi8(low_b) << 32;
            int count = (int)__builtin_popcountll(bits);
            for (int i = 0; i < spill; i++, bits = _blsr_u64(bits))
                found[n + i] = (int32_t)at + (int32_t)_tzcnt_u64(bits);
            for (int i = spill; i < count; i++, bits = _blsr_u64(bits))
                found[n + i] = (int32_t)at + (int32_t)_tzcnt_u64(bits);
            n += count;
        }
        n_feeds = _mm256_sad_epu8(n_feeds, _mm256_setzero_si256());
        census->n_lines = _mm256_extract_epi64(n_feeds, 0) + _mm256_extract_epi64(n_feeds, 1)
            + _mm256_extract_epi64(n_feeds, 2) + _mm256_extract_epi64(n_feeds, 3);
        census->odd = !_mm256_testz_si256(odd, odd);
        return n;
    }
    __attribute__((target("avx2,bmi,popcnt")))
    static inline Py_ssize_t dexkit_index_avx2(
        const uint8_t *text, Py_ssize_t size, int32_t *found, int spill, int mark,
        dexkit_census *census)
    {
        /* In CSV a tab is part of a field. */
        int tab = mark == ',' ? 10 : 9;
        return mark > 15 ? dexkit_index(text, size, found, spill, mark, tab, census)
                         : dexkit_index(text, size, found, spill, 0, 9, census);
    }
    __attribute__((target("avx512f,avx512bw,avx512vbmi2,popcnt"), always_inline))
    static inline Py_ssize_t dexkit_index_64(
        const uint8_t *text, Py_ssize_t size, int32_t *found, int mark, int tab,
        dexkit_census *census)
    {
        static const uint8_t PLACES[64] = {
            0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23,
            24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45,
            46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
        };
        const __m512i places = _mm512_loadu_si512(PLACES);
        uint64_t odd = 0;
        int64_t n_lines = 0;
        Py_ssize_t n = 0;
        for (Py_ssize_t at = 0; at + 63 < size; at += 64) {
            const __m512i word = _mm512_loadu_si512(text + at);
            const __m512i base = _mm512_set1_epi32((int)at);
            uint64_t wanted = _mm512_cmple_epu8_mask(word, _mm512_set1_epi8(15));
            const uint64_t feeds = _mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8(10));
            odd |= wanted ^ (feeds | _mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8((char)tab)));
            if (mark > 15)
                wanted |= _mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8((char)mark));
            const int count = (int)__builtin_popcountll(wanted);
            __m512i where = _mm512_maskz_compress_epi8(wanted, places);
            _mm512_storeu_si512(found + n, _mm512_add_epi32(
                base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(where))));
            for (int i = 16; i < count; i += 16) {
                where = _mm512_alignr_epi64(_mm512_setzero_si512(), where, 2);
                _mm512_storeu_si512(found + n + i, _mm512_add_epi32(
                    base, _mm512_cvtepu8_epi32(_mm512_castsi512_si128(where))));
            }
            n_lines += __builtin_popcountll(feeds);
            n += count;
        }
        census->n_lines = n_lines;
        census->odd = odd != 0;
        return n;
    }
    __attribute__((target("avx512f,avx512bw,avx512vbmi2,popcnt")))
    static inline Py_ssize_t dexkit_index_avx512(
        const uint8_t *text, Py_ssize_t size, int32_t *found, int mark, dexkit_census *census)
    {
        int tab = mark == ',' ? 10 : 9;
        return mark > 15 ? dexkit_index_64(text, size, found, mark, tab, census)
                         : dexkit_index_64(text, size, found, 0, 9, census);
    }
    #else
    static inline int dexkit_width(void) { return 0; }
    static inline Py_ssize_t dexkit_index_avx512(
        const uint8_t *text, Py_ssize_t size, int32_t *found, int mark, dexkit_census *census)
    { return 0; }
    static inline Py_ssize_t dexkit_index_avx2(
        const uint8_t *text, Py_ssize_t size, int32_t *found, int spill, int mark,
        dexkit_census *census) { return 0; }
    #endif
    """
    ctypedef struct Census "dexkit_census":
        int64_t n_lines
        bint odd

    uint64_t DEXKIT_FROM_LE64(uint64_t word) nogil
    int DEXKIT_LOWEST_BIT(uint64_t word) nogil
    # 2 where the processor has AVX-512 with BW, CD, DQ, VL, VBMI and VBMI2, 1 where it has AVX2,
    # else 0.
    int dexkit_width() nogil
    Py_ssize_t dexkit_index_avx512(
        const uint8_t* text, Py_ssize_t size, int32_t* found, int mark, Census* census
    ) noexcept nogil
    Py_ssize_t dexkit_index_avx2(
        const uint8_t* text,
        Py_ssize_t size,
        int32_t* found,
        int spill,
        int mark,
        Census* census,
    ) noexcept nogil

cdef enum:
    # Separators of 64 bytes that are written without asking whether there are so many.
    SPILL = 12
    # What an index may write beyond the last offset.
    OVERHANG = 16
    # Two words of digits, which always fit an int64.
    MAX_DIGITS = 16


cdef inline uint64_t load_word(const uint8_t* p) noexcept nogil:
    """Return the eight bytes at ``p``, the first in the low bits."""
    cdef uint64_t word
    memcpy(&word, p, 8)
    return DEXKIT_FROM_LE64(word)


cdef inline uint64_t first_word(const uint8_t* p, Py_ssize_t size) noexcept nogil:
    """Return the first bytes of [p, p + size), not empty, as a word; reads eight bytes."""
    cdef int unused = 64 - 8 * <int> size if size < 8 else 0
    return load_word(p) << unused >> unused


cdef inline int32_t _lowest(uint64_t bits) noexcept nogil:
    """Return the number of the lowest bit set; 63 where none is."""
    return DEXKIT_LOWEST_BIT(bits | 0x8000000000000000ULL)


cdef inline Py_ssize_t index_bytes(
    const uint8_t* text, Py_ssize_t size, int32_t* found, uint8_t mark
) noexcept nogil:
    """Write the offsets of all bytes below 16 or equal to ``mark`` in whole 64 bytes of ``text``.

    ``found`` has room for ``size`` + OVERHANG offsets. Returns how many there are.
    """
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t at, i
    cdef uint64_t word, wanted, total, bits
    cdef uint64_t marks = 0x0101010101010101ULL * mark
    cdef int32_t count
    for at in range(0, size - 63, 64):
        bits = 0
        total = 0
        for i in range(8):
            word = load_word(text + at + 8 * i)
            wanted = ~(((word & 0x7F7F7F7F7F7F7F7FULL) + 0x7070707070707070ULL) | word)
            word ^= marks
            wanted |= ~(((word & 0x7F7F7F7F7F7F7F7FULL) + 0x7F7F7F7F7F7F7F7FULL) | word)
            wanted = (wanted & 0x8080808080808080ULL) >> 7
            total += wanted
            # The product gathers the lowest bits of the eight bytes in its highest byte.
            bits |= (wanted * 0x0102040810204080ULL) >> 56 << (8 * i)
        count = <int32_t> ((total * 0x0101010101010101ULL) >> 56)
        # Offsets beyond `count` are overwritten by the next word; no branch depends on the text
        # as long as SPILL are enough.
        for i in range(SPILL):
            found[n + i] = <int32_t> at + _lowest(bits)
            bits &= bits - 1
        for i in range(SPILL, count):
            found[n + i] = <int32_t> at + _lowest(bits)
            bits &= bits - 1
        n += count
    return n


cdef inline int64_t _eight_digits(uint64_t digits) noexcept nogil:
    """Return the number of eight digits 0 to 9, the most significant in the lowest byte."""
    digits = digits * 10 + (digits >> 8)
    digits = (
        (digits & 0x000000FF000000FFULL) * 0x000F424000000064ULL
        + ((digits >> 16) & 0x000000FF000000FFULL) * 0x0000271000000001ULL
    )
    return <int64_t> (digits >> 32)


cdef inline bint _all_digits(uint64_t digits) noexcept nogil:
    """Whether no byte is above 9; adding 0x76 sets the high bit of those."""
    return ((digits + 0x7676767676767676ULL) | digits) & 0x8080808080808080ULL == 0


cdef inline int64_t parse_number(const uint8_t* p, const uint8_t* q) noexcept nogil:
    """Return the number written in [p, q), not empty; -1 where it is none or has > 16 digits.

    Reads the 16 bytes before ``q``. Clearing the bytes before ``p`` puts zeros before the number.
    """
    cdef Py_ssize_t size = q - p
    cdef uint64_t low = load_word(q - 8) ^ 0x3030303030303030ULL
    cdef uint64_t high
    cdef int unused
    if size <= 8:
        unused = 64 - 8 * <int> size
        low = low >> unused << unused
        return _eight_digits(low) if _all_digits(low) else -1
    if size > MAX_DIGITS:
        return -1
    unused = 128 - 8 * <int> size
    high = (load_word(q - 16) ^ 0x3030303030303030ULL) >> unused << unused
    if not (_all_digits(low) and _all_digits(high)):
        return -1
    return 100000000 * _eight_digits(high) + _eight_digits(low)
