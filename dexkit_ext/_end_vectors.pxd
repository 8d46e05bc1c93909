"""Lines that name two regions, counted eight at a time.

What is done with the numbers is the same for every line, so that eight lines go through it side by
side; `_ends.pxd` does it for one line.
"""

from libc.stdint cimport uint8_t

from dexkit_ext._ends cimport Near, Regions
from dexkit_ext._line_vectors cimport DEXKIT_ROUND  # noqa: F401  (its C functions are used)
from dexkit_ext._sums cimport Sums

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    /* Return the code of a chromosome, below 0 where it has none or the line is a comment. */
    DEXKIT_AVX512
    static int64_t dexkit_name_code(
        const dexkit_regions *regions, int end, uint64_t word, const uint8_t *line)
    {
        /* Where the tab is that ends the name, in bits. */
        const int tab = (int)(_lzcnt_u64(word) & 0x38) ^ 0x38;
        const int whole = word >> tab == DEXKIT_TAB && tab > 0;
        const uint8_t *text = line, *stop;
        const dexkit_name *entry;
        uint64_t name = 0x3030303030303030ULL;
        int i;
        if (!DEXKIT_RARE(!whole)) {
            name = _bzhi_u64(word ^ name, tab);
            /* Names of up to seven bytes are equal where their words are. */
            entry = &regions->names[dexkit_hash_word(name) & regions->mask];
            if (!DEXKIT_RARE((entry->word != name) | (*line == '#')))
                return entry->code;
        } else {
            name ^= word;
        }
        for (i = 0; i < 3 * end; i++)
            text = (const uint8_t *)memchr(text, 9, 64) + 1;
        stop = (const uint8_t *)memchr(text, 9, 64);
        return stop == text || *line == '#'
            ? -1 : regions->find(regions->table, end, text, stop - text, name);
    }

    /* Whether eight names have less than eight bytes: they are then equal where their words are. */
    DEXKIT_AVX512_INLINE int dexkit_short_names(__m512i words)
    {
        return __builtin_popcountll(
            _mm512_cmpeq_epi8_mask(words, _mm512_set1_epi8(DEXKIT_TAB))) == 8;
    }

    /* The codes of the chromosomes of `n` lines, eight at most; what dexkit_name_code does. */
    DEXKIT_AVX512 __attribute__((noinline))
    static __m512i dexkit_name_codes(
        const dexkit_regions *regions, int end, __m512i words, const uint8_t *text,
        const int32_t *start, Py_ssize_t n)
    {
        uint64_t word[8];
        int64_t code[8];
        int j;
        if (end && dexkit_short_names(words)) {
            const __m512i bits = _mm512_set1_epi64(0x38);
            const __m512i tab = _mm512_andnot_si512(_mm512_lzcnt_epi64(words), bits);
            const __m512i name = _mm512_and_si512(
                _mm512_xor_si512(words, _mm512_set1_epi8('0')), _mm512_sub_epi64(
                    _mm512_sllv_epi64(_mm512_set1_epi64(1), tab), _mm512_set1_epi64(1)));
            __m512i place = _mm512_mullo_epi64(
                name, _mm512_set1_epi64((int64_t)DEXKIT_HASH_FACTOR));
            place = _mm512_and_si512(
                _mm512_xor_si512(place, _mm512_srli_epi64(place, 32)),
                _mm512_set1_epi64((int64_t)regions->mask));
            place = _mm512_mullo_epi64(place, _mm512_set1_epi64(sizeof(dexkit_name) / 8));
            if (!DEXKIT_RARE(_mm512_cmpneq_epi64_mask(
                    name, _mm512_i64gather_epi64(place, &regions->names->word, 8))
                    | _mm512_testn_epi64_mask(tab, tab)))
                return _mm512_cvtepi32_epi64(
                    _mm512_i64gather_epi32(place, &regions->names->code, 8));
        }
        _mm512_storeu_si512(word, words);
        for (j = 0; j < 8; j++)
            code[j] = j < n ? dexkit_name_code(regions, end, word[j], text + start[j]) : code[0];
        return _mm512_loadu_si512(code);
    }

    /* Eight lines as eight vectors, of which each holds one thing of all lines. */
    DEXKIT_AVX512_INLINE void dexkit_turn(const dexkit_line *lines, __m512i *turned)
    {
        __m512i pairs[8], halves[8];
        int i;
        for (i = 0; i < 4; i++) {
            const __m512i a = _mm512_loadu_si512(&lines[2 * i]);
            const __m512i b = _mm512_loadu_si512(&lines[2 * i + 1]);
            pairs[i] = _mm512_unpacklo_epi64(a, b);
            pairs[4 + i] = _mm512_unpackhi_epi64(a, b);
        }
        for (i = 0; i < 8; i += 2) {
            halves[i] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 1], 0x88);
            halves[i + 1] = _mm512_shuffle_i64x2(pairs[i], pairs[i + 1], 0xDD);
        }
        for (i = 0; i < 2; i++) {
            const __m512i *half = halves + 4 * i;
            turned[i] = _mm512_shuffle_i64x2(half[0], half[2], 0x88);
            turned[2 + i] = _mm512_shuffle_i64x2(half[1], half[3], 0x88);
            turned[4 + i] = _mm512_shuffle_i64x2(half[0], half[2], 0xDD);
            turned[6 + i] = _mm512_shuffle_i64x2(half[1], half[3], 0xDD);
        }
    }

    /* Where all are one, as most often, one is fetched. */
    DEXKIT_AVX512_INLINE __m512i dexkit_look_up(const int64_t *table, __m512i index, int one)
    {
        return one ? _mm512_set1_epi64(table[_mm_cvtsi128_si64(_mm512_castsi512_si128(index))])
                   : _mm512_i64gather_epi64(index, table, 8);
    }

    /* The bins that eight ends begin in; which of the ends are not plainly good, within their
       bins, and bins themselves where they must. */
    DEXKIT_AVX512_INLINE __mmask8 dexkit_set_bins(
        const dexkit_regions *regions, __m512i start, __m512i end, __m512i length, __m512i *bin)
    {
        const __m512i size = _mm512_set1_epi64(regions->bins.size);
        const __m512i inverse = _mm512_set1_epi64((int64_t)regions->narrow.inverse);
        const __m128i shift = _mm_cvtsi64_si128(regions->narrow.shift);
        __m512i bin_start;
        *bin = _mm512_srl_epi64(_mm512_mul_epu32(start, inverse), shift);
        bin_start = _mm512_mul_epu32(*bin, size);
        return _mm512_movepi64_mask(start) | _mm512_cmple_epi64_mask(end, start)
            | _mm512_cmpgt_epi64_mask(end, length)
            | _mm512_cmpgt_epi64_mask(_mm512_sub_epi64(end, bin_start), size)
            | (regions->on_grid ? _mm512_cmpneq_epi64_mask(start, bin_start) : 0);
    }

    /* dexkit_note_pair, eight times; to be added to the balance. */
    DEXKIT_AVX512_INLINE __m512i dexkit_note_pairs(
        __m512i balance, __m512i order, __m512i end1, __m512i end2, __m512i bits, __mmask8 valid)
    {
        const __mmask8 swapped = _mm512_movepi64_mask(order) & valid;
        const __mmask8 straight = _mm512_test_epi64_mask(order, order) & valid & ~swapped;
        __m512i a = _mm512_mask_mov_epi64(end1, swapped, end2);
        __m512i b = _mm512_mask_mov_epi64(end2, swapped, end1);
        a = _mm512_xor_si512(a, _mm512_set1_epi64((int64_t)DEXKIT_SALT1));
        b = _mm512_add_epi64(b, _mm512_mullo_epi64(
            bits, _mm512_set1_epi64((int64_t)DEXKIT_SPREAD)));
        a = _mm512_xor_si512(a, _mm512_srli_epi64(a, 30));
        a = _mm512_mullo_epi64(a, _mm512_set1_epi64((int64_t)DEXKIT_MIX1));
        a = _mm512_add_epi64(a, _mm512_xor_si512(b, _mm512_set1_epi64((int64_t)DEXKIT_SALT2)));
        a = _mm512_xor_si512(a, _mm512_srli_epi64(a, 27));
        a = _mm512_mullo_epi64(a, _mm512_set1_epi64((int64_t)DEXKIT_MIX2));
        a = _mm512_xor_si512(a, _mm512_srli_epi64(a, 31));
        balance = _mm512_mask_add_epi64(balance, straight, balance, a);
        return _mm512_mask_sub_epi64(balance, swapped, balance, a);
    }

    /* Count a line that is read; return whether it was plainly good. */
    static inline int dexkit_count_line(
        dexkit_regions *regions, dexkit_sums *sums, dexkit_near *near, const dexkit_line *line,
        int64_t chrom1, int64_t chrom2, double value)
    {
        dexkit_end first, second;
        first.chrom = chrom1;
        second.chrom = chrom2;
        if ((chrom1 | chrom2) < 0 || !dexkit_good_end(regions, &first, line->start1, line->end1)
            || !dexkit_good_end(regions, &second, line->start2, line->end2)
            || dexkit_lacks_room(regions, &first, &second))
            return 0;
        regions->n_near += dexkit_take(
            regions, sums, &regions->cis_by_chrom[first.chrom], &first,
            regions->first_slot[first.chrom] + first.bin, &second, value,
            near + regions->n_near);
        return 1;
    }

    /* Count lines that are read, up to one that is not plainly good; return how many. */
    DEXKIT_AVX512_INLINE Py_ssize_t dexkit_count_round(
        dexkit_regions *regions, dexkit_sums *sums, dexkit_near *near, dexkit_round *round,
        const uint8_t *text, Py_ssize_t n_lines, const int valued)
    {
        const __m512i base = _mm512_set1_epi64(regions->base);
        const __m512i spread = _mm512_set1_epi64((int64_t)DEXKIT_END_SPREAD);
        const __m512i flank = _mm512_set1_epi64(regions->n_flank);
        __m512i balance = _mm512_setzero_si512();
        double own = sums->total[0], others = sums->total[1];
        /* The first chromosome of the line before: no name is 0. */
        uint64_t seen = 0;
        int64_t seen_code = -1;
        Py_ssize_t i;
        int j;
        /* Lines to make up eight, which count for nothing: the last one again. */
        for (i = n_lines; i % 8; i++)
            round->line[i] = round->line[n_lines - 1];
        for (i = 0; i < n_lines; i += 8) {
            const dexkit_line *group = round->line + i;
            const __mmask8 valid = n_lines - i < 8 ? (1 << (n_lines - i)) - 1 : 0xFF;
            __m512i turned[8], start1, start2, end1, end2, chrom1, chrom2, bin1, bin2, length;
            __m512i key1, key2, order, offset, slot1, slot2, bits;
            __mmask8 bad, cis, different, within, observed;
            double values[8], parts[2][8];
            int64_t chroms[2][8];
            int known, one;
            dexkit_turn(group, turned);
            start1 = _mm512_sub_epi64(turned[0], base);
            start2 = _mm512_sub_epi64(turned[2], base);
            end1 = turned[1];
            end2 = turned[3];
            bits = _mm512_castpd_si512(valued ? _mm512_mask_cvtepi64_pd(
                _mm512_castsi512_pd(turned[4]), (__mmask8)~round->decimals[i / 8], turned[4])
                : _mm512_set1_pd(1));
            known = dexkit_short_names(turned[6]);
            one = known && _mm512_cmpeq_epi64_mask(
                turned[6], _mm512_set1_epi64((int64_t)group[0].name1)) == 0xFF;
            if (one) {
                if (DEXKIT_RARE(group[0].name1 != seen)) {
                    seen = group[0].name1;
                    seen_code = dexkit_name_code(
                        regions, 0, seen, text + round->start[i]);
                }
                chrom1 = _mm512_set1_epi64(seen_code);
            } else {
                chrom1 = dexkit_name_codes(
                    regions, 0, turned[6], text, round->start + i, n_lines - i);
            }
            chrom2 = chrom1;
            if (!known || _mm512_cmpeq_epi64_mask(turned[6], turned[7]) != 0xFF)
                chrom2 = dexkit_name_codes(
                    regions, 1, turned[7], text, round->start + i, n_lines - i);
            cis = _mm512_cmpeq_epi64_mask(chrom1, chrom2);
            bad = _mm512_movepi64_mask(_mm512_or_si512(chrom1, chrom2));
            if (!DEXKIT_RARE(bad)) {
                length = dexkit_look_up(regions->lengths, chrom1, one);
                bad = dexkit_set_bins(regions, start1, end1, length, &bin1);
                if (cis != 0xFF)
                    length = dexkit_look_up(regions->lengths, chrom2, 0);
                bad |= dexkit_set_bins(regions, start2, end2, length, &bin2);
            }
            if (DEXKIT_RARE(bad)) {
                _mm512_storeu_si512(chroms[0], chrom1);
                _mm512_storeu_si512(chroms[1], chrom2);
                _mm512_storeu_si512(values, bits);
                sums->total[0] = own;
                sums->total[1] = others;
                for (j = 0; j < 8 && i + j < n_lines; j++)
                    if (!dexkit_count_line(
                        regions, sums, near, &group[j], chroms[0][j], chroms[1][j], values[j]))
                        n_lines = i + j;
                own = sums->total[0];
                others = sums->total[1];
                continue;
            }
            key1 = _mm512_add_epi64(_mm512_slli_epi64(chrom1, DEXKIT_KEY_BITS), start1);
            key2 = _mm512_add_epi64(_mm512_slli_epi64(chrom2, DEXKIT_KEY_BITS), start2);
            order = _mm512_sub_epi64(key2, key1);
            order = _mm512_mask_sub_epi64(
                order, _mm512_testn_epi64_mask(order, order), end2, end1);
            different = _mm512_test_epi64_mask(order, order);
            balance = dexkit_note_pairs(
                balance, order,
                _mm512_add_epi64(_mm512_mullo_epi64(key1, spread), end1),
                _mm512_add_epi64(_mm512_mullo_epi64(key2, spread), end2), bits, valid);
            sums->mirror.any |= different;
            /* In the order of the lines, on which sums of decimals depend; no value has a sign,
               so that adding 0 changes nothing. */
            _mm512_storeu_pd(parts[0], _mm512_maskz_mov_pd(
                ~different & valid, _mm512_castsi512_pd(bits)));
            _mm512_storeu_pd(parts[1], _mm512_maskz_mov_pd(
                different & valid, _mm512_castsi512_pd(bits)));
            for (j = 0; j < 8; j++) {
                own += parts[0][j];
                others += parts[1][j];
            }
            cis &= valid;
            sums->n_lines += __builtin_popcount(valid);
            sums->n_cis += __builtin_popcount(cis);
            observed = cis & _mm512_test_epi64_mask(bits, bits);
            if (one) {
                regions->cis_by_chrom[seen_code] += __builtin_popcount(observed);
            } else {
                _mm512_storeu_si512(chroms[0], chrom1);
                for (j = 0; j < 8; j++)
                    regions->cis_by_chrom[chroms[0][j]] += observed >> j & 1;
            }
            offset = _mm512_sub_epi64(bin2, bin1);
            within = cis & _mm512_cmple_epi64_mask(_mm512_abs_epi64(offset), flank);
            slot1 = _mm512_add_epi64(
                dexkit_look_up(regions->first_slot, chrom1, one), bin1);
            slot2 = _mm512_add_epi64(slot1, offset);
            within &= ~_mm256_movepi32_mask(_mm256_and_si256(
                _mm512_mask_i64gather_epi32(
                    _mm256_set1_epi32(-1), within, slot1, regions->slots, 4),
                _mm512_mask_i64gather_epi32(
                    _mm256_set1_epi32(-1), within, slot2, regions->slots, 4)));
            if (within) {
                int32_t slots[2][8];
                _mm512_storeu_si512(values, bits);
                _mm256_storeu_si256((__m256i *)slots[0], _mm512_cvtepi64_epi32(slot1));
                _mm256_storeu_si256((__m256i *)slots[1], _mm512_cvtepi64_epi32(
                    _mm512_mask_mov_epi64(_mm512_set1_epi64(-1), different, slot2)));
                for (; within; within &= within - 1) {
                    dexkit_near *next = near + regions->n_near++;
                    j = __builtin_ctz(within);
                    next->slot1 = slots[0][j];
                    next->slot2 = slots[1][j];
                    next->value = values[j];
                }
            }
        }
        sums->total[0] = own;
        sums->total[1] = others;
        sums->mirror.balance += (uint64_t)_mm512_reduce_add_epi64(balance);
        return n_lines;
    }

    DEXKIT_AVX512_INLINE Py_ssize_t dexkit_one_round(
        dexkit_regions *regions, dexkit_sums *sums, dexkit_near *near, const uint8_t **text,
        const uint8_t *stop, const int valued)
    {
        dexkit_round round;
        Py_ssize_t n = dexkit_find_lines(&round, *text, stop);
        n = dexkit_read_round(regions, &round, *text, n, valued);
        n = dexkit_count_round(regions, sums, near, &round, *text, n, valued);
        *text += round.start[n];
        return n;
    }

    DEXKIT_AVX512
    static Py_ssize_t dexkit_count_whole(
        dexkit_regions *regions, dexkit_sums *sums, dexkit_near *near, const uint8_t **text,
        const uint8_t *stop)
    {
        return regions->column[6] < 0
            ? dexkit_one_round(regions, sums, near, text, stop, 0)
            : dexkit_one_round(regions, sums, near, text, stop, 1);
    }
    #else
    static inline Py_ssize_t dexkit_count_whole(
        dexkit_regions *regions, dexkit_sums *sums, dexkit_near *near, const uint8_t **text,
        const uint8_t *stop)
    { return 0; }
    #endif
    """
    # Count lines of [text, stop), of which the last may be incomplete, up to one that is not
    # plainly good; return how many, and set `text` to where the next begins. `near` has room for
    # DEXKIT_ROUND lines.
    Py_ssize_t dexkit_count_whole(
        Regions* regions, Sums* sums, Near* near, const uint8_t** text, const uint8_t* stop
    ) noexcept nogil
