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

    /* Four digits each in 32 bits. */
    __attribute__((target("avx2"), always_inline))
    static inline __m256i dexkit_fours(__m256i digits)
    {
        const __m256i tens = _mm256_set1_epi16(0x010A);
        const __m256i hundreds = _mm256_set1_epi32(0x00010064);
        return _mm256_madd_epi16(_mm256_maddubs_epi16(digits, tens), hundreds);
    }

    __attribute__((target("avx2"), always_inline))
    static inline Py_ssize_t dexkit_parse_batch(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int n_numbers, int64_t value_column, int64_t *numbers,
        int64_t *values, const double *shift, double inverse, int32_t *bins)
    {
        /* A whole number below 2**52 in the low bits of this double adds to it. */
        const __m256d carrier = _mm256_set1_pd(4503599627370496.0);
        const __m256d shifts =
            n_numbers == 4 ? _mm256_loadu_pd(shift) : _mm256_setzero_pd();
        const __m256i thousands = _mm256_set1_epi32(0x00012710);
        const __m256i nines = _mm256_set1_epi8(9);
        const __m256i high = _mm256_set1_epi64x(100000000);
        const int64_t a = column[0], b = column[1];
        const int64_t c = n_numbers == 4 ? column[2] : 0, d = n_numbers == 4 ? column[3] : 0;
        Py_ssize_t i;
        for (i = 0; i < n_lines; i++, grid += n_columns) {
            /* One less than the size, so that 1 to 16 are the sizes below 16 without a sign. */
            int32_t size0 = grid[a + 1] - grid[a] - 2, size1 = grid[b + 1] - grid[b] - 2;
            int32_t size2 = 0, size3 = 0;
            __m256i first, second, wrong, eights;
            if (n_numbers == 4) {
                size2 = grid[c + 1] - grid[c] - 2;
                size3 = grid[d + 1] - grid[d] - 2;
            }
            if ((uint32_t)(size0 | size1 | size2 | size3) > 15)
                break;
            /* The two numbers of an end lie in the two halves, for the order of the results. */
            if (n_numbers == 4) {
                first = dexkit_digits(
                    block + grid[a + 1], block + grid[c + 1], size0 + 1, size2 + 1);
                second = dexkit_digits(
                    block + grid[b + 1], block + grid[d + 1], size1 + 1, size3 + 1);
            } else {
                first = dexkit_digits(
                    block + grid[a + 1], block + grid[b + 1], size0 + 1, size1 + 1);
                second = first;
            }
            wrong = _mm256_or_si256(
                _mm256_subs_epu8(first, nines), _mm256_subs_epu8(second, nines));
            if (!_mm256_testz_si256(wrong, wrong))
                break;
            eights = _mm256_madd_epi16(
                _mm256_packus_epi32(dexkit_fours(first), dexkit_fours(second)), thousands);
            eights = _mm256_add_epi64(
                _mm256_mul_epu32(eights, high), _mm256_srli_epi64(eights, 32));
            if (n_numbers == 4) {
                __m256d places = _mm256_sub_pd(
                    _mm256_castsi256_pd(
                        _mm256_or_si256(eights, _mm256_castpd_si256(carrier))), carrier);
                places = _mm256_mul_pd(
                    _mm256_add_pd(places, shifts), _mm256_set1_pd(inverse));
                _mm_storeu_si128((__m128i *)(bins + 4 * i), _mm256_cvttpd_epi32(places));
                _mm256_storeu_si256((__m256i *)(numbers + 4 * i), eights);
            } else {
                numbers[2 * i] = _mm256_extract_epi64(eights, 0);
                numbers[2 * i + 1] = _mm256_extract_epi64(eights, 2);
            }
            if (value_column >= 0) {
                const uint8_t *end = block + grid[value_column + 1];
                int32_t size = grid[value_column + 1] - grid[value_column] - 2;
                int64_t value = -1;
                if ((uint32_t)size <= 15) {
                    __m128i digits = _mm_and_si128(
                        _mm_sub_epi8(DEXKIT_LOAD(end - 16), _mm_set1_epi8('0')),
                        DEXKIT_LOAD(DEXKIT_DIGITS + size + 1));
                    __m128i over = _mm_subs_epu8(digits, _mm_set1_epi8(9));
                    __m128i sum = _mm_madd_epi16(
                        _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010A)),
                        _mm_set1_epi32(0x00010064));
                    sum = _mm_madd_epi16(
                        _mm_packus_epi32(sum, sum), _mm_set1_epi32(0x00012710));
                    value = _mm_cvtsi128_si64(sum);
                    value = (value & 0xFFFFFFFF) * 100000000 + (value >> 32);
                    value |= (int64_t)_mm_testz_si128(over, over) - 1;
                }
                values[i] = value;
            }
        }
        return i;
    }
    __attribute__((target("avx2")))
    static inline Py_ssize_t dexkit_parse_fours(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values,
        const double *shift, double inverse, int32_t *bins)
    {
        return value_column < 0
            ? dexkit_parse_batch(
                block, grid, n_columns, n_lines, column, 4, -1, numbers, values, shift, inverse,
                bins)
            : dexkit_parse_batch(
                block, grid, n_columns, n_lines, column, 4, value_column, numbers, values, shift,
                inverse, bins);
    }
    __attribute__((target("avx2")))
    static inline Py_ssize_t dexkit_parse_twos(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values)
    {
        return value_column < 0
            ? dexkit_parse_batch(block, grid, n_columns, n_lines, column, 2, -1, numbers, values,
                NULL, 0, NULL)
            : dexkit_parse_batch(
                block, grid, n_columns, n_lines, column, 2, value_column, numbers, values,
                NULL, 0, NULL);
    }
    #else
    static inline Py_ssize_t dexkit_parse_fours(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values,
        const double *shift, double inverse, int32_t *bins)
    { return 0; }
    static inline Py_ssize_t dexkit_parse_twos(
        const uint8_t *block, const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines,
        const int64_t *column, int64_t value_column, int64_t *numbers, int64_t *values)
    { return 0; }
    #endif
    """
    # Read the whole numbers in four (or two) columns of lines that lie as scan's Batch has them,
    # and perhaps in a column of values: -1 where that holds no whole number of 1 to 16 digits.
    # Return at the first line where one of the others does not; the 16 bytes before the end of
    # each field are readable. The bins are (number + shift) * inverse without decimals, and right
    # where that lies in the range of int32 and the number below 2**52.
    Py_ssize_t dexkit_parse_fours(
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t n_lines,
        const int64_t* column,
        int64_t value_column,
        int64_t* numbers,
        int64_t* values,
        const double* shift,
        double inverse,
        int32_t* bins,
    ) noexcept nogil
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
