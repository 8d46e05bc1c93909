"""Whole numbers of many lines at once, by AVX2; only called where the processor has it."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <immintrin.h>

    /* 16 bytes from 16 - size on: ones where the digits of a number that ends there lie. */
    static const uint8_t DEXKIT_DIGITS[32] = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255,
        255, 255, 255, 255, 255, 255, 255, 255
    };
    #define DEXKIT_LOAD(p) _mm_loadu_si128((const __m128i *)(p))

    /* The digits of the two numbers that end before `end0` and `end1`, zeros before them. */
    __attribute__((target("avx2"), always_inline))
    static inline __m256i dexkit_digits(
        const uint8_t *end0, const uint8_t *end1, int32_t size0, int32_t size1)
    {
        __m256i text = _mm256_inserti128_si256(
            _mm256_castsi128_si256(DEXKIT_LOAD(end0 - 16)), DEXKIT_LOAD(end1 - 16), 1);
        __m256i keep = _mm256_inserti128_si256(
            _mm256_castsi128_si256(DEXKIT_LOAD(DEXKIT_DIGITS + size0)),
            DEXKIT_LOAD(DEXKIT_DIGITS + size1), 1);
        return _mm256_and_si256(_mm256_sub_epi8(text, _mm256_set1_epi8('0')), keep);
    }

    __attribute__((target("avx2"), always_inline))
    static inline __m128i dexkit_value_digits(const uint8_t *end, int32_t size)
    {
        return _mm_and_si128(
            _mm_sub_epi8(DEXKIT_LOAD(end - 16), _mm_set1_epi8('0')),
            DEXKIT_LOAD(DEXKIT_DIGITS + size));
    }

    /* Four digits each in 32 bits. */
    __attribute__((target("avx2"), always_inline))
    static inline __m256i dexkit_fours(__m256i digits)
    {
        const __m256i tens = _mm256_set1_epi16(0x010A);
        const __m256i hundreds = _mm256_set1_epi32(0x00010064);
        return _mm256_madd_epi16(_mm256_maddubs_epi16(digits, tens), hundreds);
    }

    /* The numbers of two 16 digits each, in the low halves: first, second. */
    __attribute__((target("avx2"), always_inline))
    static inline __m256i dexkit_sixteens(__m256i fours)
    {
        const __m256i thousands = _mm256_set1_epi32(0x00012710);
        const __m256i high = _mm256_set1_epi64x(100000000);
        fours = _mm256_madd_epi16(fours, thousands);
        return _mm256_add_epi64(_mm256_mul_epu32(fours, high), _mm256_srli_epi64(fours, 32));
    }

    __attribute__((target("avx2"), always_inline))
    static inline Py_ssize_t dexkit_two_columns(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values)
    {
        const __m256i nines = _mm256_set1_epi8(9);
        const int64_t a = column[0], b = column[1];
        Py_ssize_t i;
        for (i = 0; i < n_lines; i++, grid += n_columns) {
            /* One less than the size, so that 1 to 16 are the sizes below 16 without a sign. */
            const int32_t size0 = grid[a + 1] - grid[a] - 2, size1 = grid[b + 1] - grid[b] - 2;
            __m256i digits, wrong, found;
            __m128i value = _mm_setzero_si128();
            int32_t size = 0;
            if ((uint32_t)(size0 | size1) > 15)
                break;
            digits = dexkit_digits(
                block + grid[a + 1], block + grid[b + 1], size0 + 1, size1 + 1);
            wrong = _mm256_subs_epu8(digits, nines);
            if (!_mm256_testz_si256(wrong, wrong))
                break;
            if (value_column >= 0) {
                size = grid[value_column + 1] - grid[value_column] - 2;
                value = dexkit_value_digits(block + grid[value_column + 1], (size & 15) + 1);
            }
            found = dexkit_sixteens(_mm256_packus_epi32(
                dexkit_fours(digits), dexkit_fours(_mm256_castsi128_si256(value))));
            numbers[2 * i] = _mm256_extract_epi64(found, 0);
            numbers[2 * i + 1] = _mm256_extract_epi64(found, 2);
            if (value_column >= 0) {
                const __m128i over = _mm_subs_epu8(value, _mm_set1_epi8(9));
                const int whole = ((uint32_t)size <= 15) & _mm_testz_si128(over, over);
                values[i] = whole ? _mm256_extract_epi64(found, 1) : -1;
            }
        }
        return i;
    }
    __attribute__((target("avx2")))
    static inline Py_ssize_t dexkit_parse_twos(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values)
    {
        return value_column < 0
            ? dexkit_two_columns(block, grid, n_columns, n_lines, column, -1, numbers, NULL)
            : dexkit_two_columns(
                block, grid, n_columns, n_lines, column, value_column, numbers, values);
    }
    #else
    static inline Py_ssize_t dexkit_parse_twos(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values)
    { return 0; }
    #endif
    """
    # Read the whole numbers in two columns of lines that lie as LineKernel.batch has them, and
    # perhaps in a column of values: -1 where that holds no whole number of 1 to 16 digits. Return
    # at the first line where one of the others does not; MARGIN bytes before the end of each field
    # are readable.
    Py_ssize_t dexkit_parse_twos(
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t n_lines,
        const int64_t* column,
        int64_t value_column,
        int64_t* numbers,
        int64_t* values,
    ) noexcept nogil
