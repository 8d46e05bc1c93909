"""Lines that name two regions: the loops over those of a regular block, by AVX2.

They are in C, since they take the instructions of newer processors.
"""

from libc.stdint cimport int32_t, uint8_t

from dexkit_ext._batch cimport dexkit_parse_twos  # noqa: F401  (its C functions are used)
from dexkit_ext._ends cimport Near, Regions
from dexkit_ext._sums cimport Sums

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    __attribute__((target("avx2,bmi,bmi2"), always_inline))
    static inline int64_t dexkit_chromosome(
        const dexkit_regions *regions, int end, const uint8_t *block, const int32_t *where)
    {
        const uint8_t *text = block + where[0] + 1;
        const int32_t size = where[1] - where[0] - 1;
        const dexkit_name *name;
        uint64_t word;
        memcpy(&word, text, 8);
        word = _bzhi_u64(word, size < 8 ? (uint32_t)(8 * size) : 64);
        /* The place in the table is worked out at once: whether the name is that of the line before
           is then no branch that the processor may guess wrong. Names of up to seven bytes are
           equal where their words are. */
        name = &regions->names[dexkit_hash_word(word) & regions->mask];
        if (!DEXKIT_RARE((name->word != word) | ((uint32_t)(size - 1) > 6)))
            return name->code;
        return size > 0 ? regions->find(regions->table, end, text, size, word) : -1;
    }

    /* Read the first end of a line; return whether it is plainly good. */
    __attribute__((target("avx2,bmi,bmi2"), noinline))
    static int dexkit_read_first(
        dexkit_regions *regions, dexkit_end *first, const uint8_t *block, const int32_t *grid)
    {
        const int64_t *column = regions->column;
        const int32_t *where = grid + column[0], *start = grid + column[1];
        const int32_t *end = grid + column[2];
        const int32_t size0 = start[1] - start[0] - 2, size1 = end[1] - end[0] - 2;
        const int32_t size = end[1] - where[0];
        __m256i digits, wrong;
        dexkit_end found;
        if ((uint32_t)(size0 | size1) > 15)
            return 0;
        digits = dexkit_digits(block + start[1], block + end[1], size0 + 1, size1 + 1);
        wrong = _mm256_subs_epu8(digits, _mm256_set1_epi8(9));
        if (!_mm256_testz_si256(wrong, wrong))
            return 0;
        digits = dexkit_fours(digits);
        digits = dexkit_sixteens(_mm256_packus_epi32(digits, digits));
        found.chrom = dexkit_chromosome(regions, 0, block, where);
        if (found.chrom < 0 || !dexkit_good_end(
                regions, &found, _mm256_extract_epi64(digits, 0), _mm256_extract_epi64(digits, 2)))
            return 0;
        *first = regions->first = found;
        if (start == where + 1 && end == where + 2 && size <= 32) {
            memcpy(regions->text, block + where[0] + 1, 32);
            regions->beyond = ~_bzhi_u32(~0U, (uint32_t)size);
        } else {
            /* Nothing is equal to NUL bytes. */
            memset(regions->text, 0, 32);
            regions->beyond = 0;
        }
        return 1;
    }

    /* Lines of a block whose fields are read; the shortest has six fields of one byte. */
    #define DEXKIT_MOST_LINES (4096 / 12 + 1)
    typedef struct {
        dexkit_end first[DEXKIT_MOST_LINES + 1]; /* the one of the line before, then in turn */
        int64_t number[DEXKIT_MOST_LINES][2];
        double value[DEXKIT_MOST_LINES];
        int32_t chrom[DEXKIT_MOST_LINES];
        Py_ssize_t until[DEXKIT_MOST_LINES + 1]; /* by first end, the line behind its last one */
    } dexkit_read;

    /* Read lines up to one whose fields have not the usual form; return how many. */
    __attribute__((target("avx2,bmi,bmi2"), always_inline))
    static inline Py_ssize_t dexkit_read_lines(
        dexkit_regions *regions, dexkit_read *read, const uint8_t *block, const int32_t *grid,
        Py_ssize_t n_columns, Py_ssize_t n_lines, const int usual, const int valued)
    {
        const int64_t name1 = usual ? 0 : regions->column[0];
        const int64_t name2 = usual ? 3 : regions->column[3];
        const int64_t start = usual ? 4 : regions->column[4], end = usual ? 5 : regions->column[5];
        const int64_t worth = valued ? regions->column[6] : 0;
        const __m256i nines = _mm256_set1_epi8(9);
        __m256i text = _mm256_loadu_si256((const __m256i *)regions->text);
        uint32_t beyond = regions->beyond;
        Py_ssize_t n_firsts = 0, i;
        read->first[0] = regions->first;
        for (i = 0; i < n_lines; i++, grid += n_columns) {
            const __m256i here =
                _mm256_loadu_si256((const __m256i *)(block + grid[name1] + 1));
            const uint32_t same =
                (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(here, text)) | beyond;
            const int32_t size0 = grid[start + 1] - grid[start] - 2;
            const int32_t size1 = grid[end + 1] - grid[end] - 2;
            int32_t size = 0;
            int64_t chrom;
            __m128i digits = _mm_setzero_si128();
            __m256i numbers, wrong;
            if (~same) {
                /* In a sorted file, most lines have the first end of the line before. */
                read->until[n_firsts] = i;
                if (!dexkit_read_first(regions, &read->first[n_firsts + 1], block, grid))
                    break;
                n_firsts++;
                text = _mm256_loadu_si256((const __m256i *)regions->text);
                beyond = regions->beyond;
            }
            chrom = dexkit_chromosome(regions, 1, block, grid + name2);
            if (DEXKIT_RARE(chrom < 0 || (uint32_t)(size0 | size1) > 15))
                break;
            numbers = dexkit_digits(
                block + grid[start + 1], block + grid[end + 1], size0 + 1, size1 + 1);
            wrong = _mm256_subs_epu8(numbers, nines);
            if (DEXKIT_RARE(!_mm256_testz_si256(wrong, wrong)))
                break;
            if (valued) {
                size = grid[worth + 1] - grid[worth] - 2;
                digits = dexkit_value_digits(block + grid[worth + 1], (size & 15) + 1);
            }
            numbers = dexkit_sixteens(_mm256_packus_epi32(
                dexkit_fours(numbers), dexkit_fours(_mm256_castsi128_si256(digits))));
            read->number[i][0] = _mm256_extract_epi64(numbers, 0);
            read->number[i][1] = _mm256_extract_epi64(numbers, 2);
            read->chrom[i] = (int32_t)chrom;
            if (valued) {
                const __m128i over = _mm_subs_epu8(digits, _mm_set1_epi8(9));
                read->value[i] = (double)_mm256_extract_epi64(numbers, 1);
                if (DEXKIT_RARE(((uint32_t)size > 15) | !_mm_testz_si128(over, over))
                    && (size < 0 || !regions->decimal(block + grid[worth] + 1,
                                                      block + grid[worth + 1], &read->value[i])))
                    break;
            }
        }
        read->until[n_firsts] = i;
        return i;
    }

    /* Count lines that are read, up to one that is not plainly good; return how many. */
    __attribute__((target("avx2,bmi,bmi2"), always_inline))
    static inline Py_ssize_t dexkit_count_read(
        dexkit_regions *regions, dexkit_sums *all, dexkit_near *near, const dexkit_read *read,
        Py_ssize_t n_lines, const int valued)
    {
        dexkit_sums sums = *all;
        dexkit_near *next = near + regions->n_near;
        Py_ssize_t n_firsts = 0, i = 0;
        for (; i < n_lines; n_firsts++) {
            const dexkit_end first = read->first[n_firsts];
            const Py_ssize_t until = read->until[n_firsts];
            const int64_t slot1 = regions->first_slot[first.chrom] + first.bin;
            int64_t n_observed = 0;
            dexkit_end second;
            int good = 1;
            for (; i < until; i++) {
                second.chrom = read->chrom[i];
                good = dexkit_good_end(
                    regions, &second, read->number[i][0], read->number[i][1])
                    && !dexkit_lacks_room(regions, &first, &second);
                if (DEXKIT_RARE(!good))
                    break;
                next += dexkit_take(
                    regions, &sums, &n_observed, &first, slot1, &second,
                    valued ? read->value[i] : 1, next);
            }
            regions->cis_by_chrom[first.chrom] += n_observed;
            if (!good)
                break;
        }
        regions->n_near = next - near;
        *all = sums;
        return i;
    }

    __attribute__((target("avx2,bmi,bmi2"), always_inline))
    static inline Py_ssize_t dexkit_ends(
        dexkit_regions *regions, dexkit_sums *all, dexkit_near *near, const uint8_t *block,
        const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines, const int usual,
        const int valued)
    {
        dexkit_read read;
        n_lines = dexkit_read_lines(
            regions, &read, block, grid, n_columns, n_lines, usual, valued);
        return dexkit_count_read(regions, all, near, &read, n_lines, valued);
    }
    __attribute__((target("avx2,bmi,bmi2")))
    static inline Py_ssize_t dexkit_count_ends(
        dexkit_regions *regions, dexkit_sums *all, dexkit_near *near, const uint8_t *block,
        const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines)
    {
        int usual = 1, i;
        for (i = 0; i < 6; i++)
            usual &= regions->column[i] == i;
        if (usual && regions->column[6] >= 0)
            return dexkit_ends(regions, all, near, block, grid, n_columns, n_lines, 1, 1);
        return regions->column[6] < 0
            ? dexkit_ends(regions, all, near, block, grid, n_columns, n_lines, 0, 0)
            : dexkit_ends(regions, all, near, block, grid, n_columns, n_lines, 0, 1);
    }
    #else
    static inline Py_ssize_t dexkit_count_ends(
        dexkit_regions *regions, dexkit_sums *all, dexkit_near *near, const uint8_t *block,
        const int32_t *grid, Py_ssize_t n_columns, Py_ssize_t n_lines)
    { return 0; }
    #endif
    """
    # Count lines that lie as LineKernel.batch has them, up to one that is not plainly good; return
    # how many. MARGIN bytes around each field are readable, `near` has room for all lines.
    Py_ssize_t dexkit_count_ends(
        Regions* regions,
        Sums* sums,
        Near* near,
        const uint8_t* block,
        const int32_t* grid,
        Py_ssize_t n_columns,
        Py_ssize_t n_lines,
    ) noexcept nogil
