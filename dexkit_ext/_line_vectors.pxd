"""Lines that name two regions, in the usual order of columns: each read as one vector.

For processors with AVX-512 and its byte permutations (Intel since Ice Lake, AMD since Zen 4). No
index of separators is made before: the first 64 bytes of a line, where all that is needed most
often lies, are one vector, from which one permutation takes all digits and names to their places.
"""

from dexkit_ext._ends cimport Regions  # noqa: F401  (its C structures are used)

cdef extern from *:
    """
    /* Lines read before they are counted, and the bytes that they may have: both, and what is read
       of them, stay in the nearest cache. */
    #define DEXKIT_ROUND 128
    #define DEXKIT_TEXT 16384

    #if defined(__x86_64__) && defined(__GNUC__)
    #include <immintrin.h>
    #define DEXKIT_AVX512 __attribute__((target( \\
        "avx512f,avx512bw,avx512cd,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,lzcnt," \\
        "popcnt")))
    #define DEXKIT_AVX512_INLINE DEXKIT_AVX512 __attribute__((always_inline)) static inline

    /* What is read of a line: a vector. Names are their first eight bytes, with the tab behind a
       shorter one, zeros behind that; as '0' would be another zero, all bytes are changed by it. */
    #define DEXKIT_TAB (9 ^ '0')
    typedef struct {
        int64_t start1, end1, start2, end2;
        union { int64_t whole; double decimal; } value;
        int64_t unused;
        uint64_t name1, name2;
    } dexkit_line;

    typedef struct {
        __attribute__((aligned(64))) dexkit_line line[DEXKIT_ROUND + 7];
        /* By eight lines, a bit for those whose value is a decimal one. */
        uint8_t decimals[DEXKIT_ROUND / 8];
        /* Where lines begin, one more than there are, and room for those of the last 64 bytes. */
        int32_t start[DEXKIT_ROUND + 1 + 64];
    } dexkit_round;

    /* By byte of a line as it is read: the separator from which its place is counted, the end of
       a number or the beginning of a name (63: none, before the first column; the value has its
       own); how many bytes before that separator it lies; and the separator at the other end of
       its column. Of a number, eight digits are in one place and two higher ones in another. */
    #define DEXKIT_EIGHT(x) x, x, x, x, x, x, x, x
    static const int8_t DEXKIT_ANCHOR[64] = {
        DEXKIT_EIGHT(1), DEXKIT_EIGHT(2), DEXKIT_EIGHT(4), DEXKIT_EIGHT(5), DEXKIT_EIGHT(0),
        1, 1, 2, 2, 4, 4, 5, 5, DEXKIT_EIGHT(63), DEXKIT_EIGHT(2)
    };
    static const int8_t DEXKIT_BACK[64] = {
        8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1,
        8, 7, 6, 5, 4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 10, 9, 10, 9, 10, 9, 10, 9,
        -1, -2, -3, -4, -5, -6, -7, -8, -1, -2, -3, -4, -5, -6, -7, -8
    };
    static const int8_t DEXKIT_OTHER[64] = {
        DEXKIT_EIGHT(0), DEXKIT_EIGHT(1), DEXKIT_EIGHT(3), DEXKIT_EIGHT(4), DEXKIT_EIGHT(0),
        0, 0, 1, 1, 3, 3, 4, 4, DEXKIT_EIGHT(0), DEXKIT_EIGHT(3)
    };
    #define DEXKIT_OF_ENDS 0x0000FF00FFFFFFFFULL
    #define DEXKIT_OF_VALUE 0x000000FF00000000ULL
    #define DEXKIT_OF_NAMES 0xFFFF000000000000ULL
    /* The last digits of the numbers, of which none may lack, and digits that would be the tenth of
       a coordinate or the eighth of a value: there, a number may be too long for its place. */
    #define DEXKIT_LAST 0x0000008080808080ULL
    #define DEXKIT_TENTH 0x0000550000000000ULL
    #define DEXKIT_EIGHTH 0x0000000100000000ULL

    static const uint8_t DEXKIT_PLACES[64] = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
        25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
        48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63
    };

    /* A constant that the compiler does not know to be one, and copies. What it would make it with,
       and compressing bytes too, has an AMD processor wait for what the register held before: most
       often something of the line before, so that lines would be read one after the other. */
    DEXKIT_AVX512_INLINE __m512i dexkit_constant(char byte)
    {
        __m512i bytes = _mm512_set1_epi8(byte);
        __asm__("" : "+v"(bytes));
        return bytes;
    }

    /* Find where lines lie; return how many are whole. Ends where there are other control
       characters than line feeds and tabs, and where lines are too short to name regions. */
    DEXKIT_AVX512
    static Py_ssize_t dexkit_find_lines(
        dexkit_round *round, const uint8_t *text, const uint8_t *stop)
    {
        const __m512i places = _mm512_loadu_si512(DEXKIT_PLACES), zeros = dexkit_constant(0);
        int32_t at = 0;
        Py_ssize_t n = 0;
        round->start[0] = 0;
        if (stop - text > DEXKIT_TEXT)
            stop = text + DEXKIT_TEXT;
        /* A line is looked at up to its 64th byte. */
        for (; n < DEXKIT_ROUND && stop - text - at >= 128; at += 64) {
            const __m512i word = _mm512_loadu_si512(text + at);
            const uint64_t low = _mm512_cmple_epu8_mask(word, _mm512_set1_epi8(15));
            const uint64_t found = _mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8(10));
            const int count = (int)__builtin_popcountll(found);
            if (DEXKIT_RARE((low ^ found ^ _mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8(9)))
                            || count > 16))
                break;
            _mm512_storeu_si512(round->start + 1 + n, _mm512_add_epi32(
                _mm512_set1_epi32(at + 1), _mm512_cvtepu8_epi32(_mm512_castsi512_si128(
                    _mm512_mask_compress_epi8(zeros, found, places)))));
            n += count;
        }
        return n < DEXKIT_ROUND ? n : DEXKIT_ROUND;
    }

    /* Read lines up to one whose fields have not the usual form; return how many. `valued` is a
       constant, for which the compiler makes two functions. */
    DEXKIT_AVX512_INLINE Py_ssize_t dexkit_read_round(
        const dexkit_regions *regions, dexkit_round *round, const uint8_t *text,
        Py_ssize_t n_lines, const int valued)
    {
        const __m512i places = _mm512_loadu_si512(DEXKIT_PLACES);
        const __m512i before = dexkit_constant(-1);
        const __m512i back = _mm512_loadu_si512(DEXKIT_BACK);
        const __m512i nines = _mm512_mask_mov_epi8(_mm512_set1_epi8(9), DEXKIT_OF_NAMES, before);
        const __m512i tens = _mm512_set1_epi16(0x010A);
        const __m512i hundreds = _mm512_set1_epi32(0x00010064);
        const __m512i thousands = _mm512_set1_epi64(10000);
        const __m512i highest = _mm512_set1_epi64(100000000);
        /* The two high digits of each number to where its eight low ones are. */
        const __m512i high = _mm512_setr_epi64(20, 21, 22, 23, 0, 0, 0, 0);
        const int column = valued ? (int)regions->column[6] : 5;
        const __m512i anchor_of = _mm512_mask_mov_epi8(
            _mm512_loadu_si512(DEXKIT_ANCHOR), DEXKIT_OF_VALUE, _mm512_set1_epi8((char)column));
        const __m512i other_of = _mm512_mask_mov_epi8(
            _mm512_loadu_si512(DEXKIT_OTHER), DEXKIT_OF_VALUE,
            _mm512_set1_epi8((char)(column - 1)));
        const uint64_t looked_at = DEXKIT_LAST | DEXKIT_TENTH | (valued ? DEXKIT_EIGHTH : 0);
        __mmask64 of_names = DEXKIT_OF_NAMES;
        __mmask32 of_high = 0x1111;
        __mmask8 of_numbers = 0x1F;
        Py_ssize_t n;
        /* For these to stay where they are, too. */
        __asm__("" : "+Yk"(of_names), "+Yk"(of_high), "+Yk"(of_numbers));
        memset(round->decimals, 0, sizeof(round->decimals));
        for (n = 0; n < n_lines; n++) {
            const uint8_t *line = text + round->start[n];
            const int32_t size = round->start[n + 1] - round->start[n];
            const __m512i word = _mm512_loadu_si512(line);
            /* The separators of this line, its line feed among them where that is near. */
            const uint64_t ends = _bzhi_u64(
                _mm512_cmple_epu8_mask(word, _mm512_set1_epi8(15)), size < 64 ? size : 64);
            /* Where columns end; -1 for those that are not there. */
            const __m512i found = _mm512_mask_compress_epi8(before, ends, places);
            const __m512i other = _mm512_permutexvar_epi8(other_of, found);
            const __m512i from =
                _mm512_sub_epi8(_mm512_permutexvar_epi8(anchor_of, found), back);
            const __mmask64 within =
                _kxor_mask64(_mm512_cmpgt_epi8_mask(from, other), of_names);
            const __m512i taken = _mm512_maskz_permutexvar_epi8(
                within, from, _mm512_xor_si512(word, _mm512_set1_epi8('0')));
            const uint64_t wrong = _mm512_cmpgt_epu8_mask(taken, nines)
                | ((within ^ DEXKIT_LAST) & looked_at);
            const __m512i pairs = _mm512_maddubs_epi16(taken, tens);
            const __m512i fours = _mm512_madd_epi16(pairs, hundreds);
            const __m512i eights = _mm512_add_epi64(
                _mm512_mul_epu32(fours, thousands), _mm512_srli_epi64(fours, 32));
            _mm512_store_si512(&round->line[n], _mm512_mask_add_epi64(
                taken, of_numbers, eights, _mm512_mul_epu32(
                    _mm512_maskz_permutexvar_epi16(of_high, high, pairs), highest)));
            if (DEXKIT_RARE(wrong)) {
                const int32_t from = (int32_t)_tzcnt_u64(_pdep_u64(1ULL << (column - 1), ends));
                const int32_t to = (int32_t)_tzcnt_u64(_pdep_u64(1ULL << column, ends));
                if ((wrong & DEXKIT_OF_ENDS) || to == 64
                    || !regions->decimal(
                        line + from + 1, line + to, &round->line[n].value.decimal))
                    break;
                round->decimals[n / 8] |= (uint8_t)(1 << n % 8);
            }
        }
        return n;
    }
    #endif
    """
    # At most this many lines are counted by one call of dexkit_count_whole.
    int DEXKIT_ROUND
