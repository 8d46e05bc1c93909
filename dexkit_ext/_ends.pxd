"""Lines that name two regions: their ends, and how a line is taken down.

It is in C, since the loop of `_end_lines.pxd` is.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from dexkit_ext._division cimport Divisor, Narrow
from dexkit_ext._names cimport Name
from dexkit_ext._sums cimport Sums

cdef extern from *:
    """
    #if defined(__GNUC__)
    #define DEXKIT_RARE(test) __builtin_expect(!!(test), 0)
    #else
    #define DEXKIT_RARE(test) (test)
    #endif

    /* One end of a line, cut to its chromosome; 0-based, half-open. */
    typedef struct {
        int64_t chrom, start, end;
        int64_t bin;   /* of the start */
        int64_t wide;  /* 1 where the end lies in another bin, else 0 */
        int64_t key;   /* chromosome and start: the order of ends, but for those that start equal */
        uint64_t hash;
    } dexkit_end;
    #define DEXKIT_KEY_BITS 40
    /* Fractional part of the square root of 2; dexkit_note_pair mixes the bits. */
    #define DEXKIT_END_SPREAD 0x6A09E667F3BCC909ULL

    /* A line to add to rows. Two ends of a bin each: the places of their bins in `slots`, the
       second -1 where the ends are equal. Others: -1 and the chromosome. */
    typedef struct {
        int32_t slot1, slot2;
        double value;
        int64_t start1, end1, start2, end2;
    } dexkit_near;

    typedef struct {
        const dexkit_name *names;
        uint64_t mask;
        void *table;
        int32_t (*find)(void *, int, const uint8_t *, Py_ssize_t, uint64_t);
        int (*decimal)(const uint8_t *, const uint8_t *, double *);
        const int64_t *lengths, *first_slot;
        const int32_t *slots;
        int64_t *cis_by_chrom;
        /* Columns of chromosome, start and end of either end, and of the value, -1 for none. */
        int64_t column[7];
        int64_t base, n_flank, reach;
        dexkit_divisor bins;
        dexkit_narrow narrow;
        int64_t any_width, on_grid;
        /* The first end read last: what it is, its text, and bits for the bytes that are not. */
        dexkit_end first;
        uint8_t text[32];
        uint32_t beyond;
        int64_t n_near;
    } dexkit_regions;

    /* Conditions as numbers, from signs: from a comparison, compilers make a byte, which is slow to
       read as a number where it has to wait in memory. */
    static inline int64_t dexkit_negative(int64_t number)
    {
        return (int64_t)((uint64_t)number >> 63);
    }
    static inline int64_t dexkit_below(int64_t a, int64_t b)
    {
        return dexkit_negative(a - b);
    }

    /* Where the bin of an end starts; without a meaning for an end that starts below 0. */
    static inline int64_t dexkit_bin_start(const dexkit_regions *regions, const dexkit_end *end)
    {
        return (int64_t)((uint64_t)end->bin * (uint64_t)regions->bins.size);
    }

    static inline int64_t dexkit_off_grid(const dexkit_regions *regions, const dexkit_end *end)
    {
        return end->wide | (end->start != dexkit_bin_start(regions, end));
    }

    static inline void dexkit_set_bin(const dexkit_regions *regions, dexkit_end *end)
    {
        end->bin = dexkit_quotient(end->start, &regions->bins);
        end->wide = dexkit_below(regions->bins.size, end->end - dexkit_bin_start(regions, end));
        end->key = (int64_t)((uint64_t)end->chrom << DEXKIT_KEY_BITS) + end->start;
        end->hash = (uint64_t)end->key * DEXKIT_END_SPREAD + (uint64_t)end->end;
    }

    /* Set an end of a known chromosome by its numbers; return whether it is plainly good. */
    static inline int dexkit_good_end(
        const dexkit_regions *regions, dexkit_end *end, int64_t start, int64_t stop)
    {
        end->start = start - regions->base;
        end->end = stop;
        dexkit_set_bin(regions, end);
        return ((end->start | (stop - end->start - 1) | (regions->lengths[end->chrom] - stop)) >= 0)
            && !(regions->on_grid && dexkit_off_grid(regions, end));
    }

    /* Above 0 where the first end sorts before the second, below where after, 0 where equal. */
    static inline int64_t dexkit_order(const dexkit_end *first, const dexkit_end *second)
    {
        const int64_t by_key = second->key - first->key;
        return by_key ? by_key : second->end - first->end;
    }

    /* Whether one array more is needed, for equal ends of several bins, which are rare. */
    static inline int dexkit_lacks_room(
        const dexkit_regions *regions, const dexkit_end *first, const dexkit_end *second)
    {
        return first->wide && !regions->any_width && dexkit_order(first, second) == 0;
    }

    /* Take down a line; write it to `near`, and return 1 where it may reach a row, else 0.

       No branch depends on what a usual line says: which end is first, whether both lie on one
       chromosome and near a row is as good as random, and a wrong guess of the processor costs more
       than all of this. */
    static inline int64_t dexkit_take(
        const dexkit_regions *regions, dexkit_sums *sums, int64_t *n_observed,
        const dexkit_end *first, int64_t slot1, const dexkit_end *second, double value,
        dexkit_near *near)
    {
        const int64_t order = dexkit_order(first, second);
        const int64_t cis = dexkit_negative(((first->key ^ second->key) >> DEXKIT_KEY_BITS) - 1);
        const int64_t offset = second->bin - first->bin;
        const int64_t within =
            cis & ~dexkit_negative((regions->n_flank + offset) | (regions->n_flank - offset));
        /* The bin of the first end stands in for one out of reach, which would have to be fetched
           from far away in memory, or lies on another chromosome. */
        const int64_t slot2 = slot1 + (offset & -within);
        *n_observed += dexkit_note_line(sums, cis, order, first->hash, second->hash, value);
        near->value = value;
        near->slot1 = (int32_t)slot1;
        near->slot2 = (int32_t)(slot2 | (dexkit_different(order) - 1));
        if (first->wide | second->wide) {
            near->slot1 = -1;
            near->slot2 = (int32_t)first->chrom;
            near->start1 = first->start;
            near->end1 = first->end;
            near->start2 = second->start;
            near->end2 = second->end;
            return cis & dexkit_below(first->start - second->end, regions->reach)
                & dexkit_below(second->start - first->end, regions->reach);
        }
        return within & ~dexkit_negative(regions->slots[slot1] & regions->slots[slot2]);
    }
    """
    ctypedef struct End "dexkit_end":
        int64_t chrom, start, end, bin, wide

    ctypedef struct Near "dexkit_near":
        int32_t slot1, slot2
        double value
        int64_t start1, end1, start2, end2

    ctypedef struct Regions "dexkit_regions":
        const Name* names
        uint64_t mask
        void* table
        int32_t (*find)(void*, int, const uint8_t*, Py_ssize_t, uint64_t) noexcept nogil
        int (*decimal)(const uint8_t*, const uint8_t*, double*) noexcept nogil
        const int64_t* lengths
        const int64_t* first_slot
        const int32_t* slots
        int64_t* cis_by_chrom
        int64_t column[7]
        int64_t base, n_flank, reach
        Divisor bins
        Narrow narrow
        int64_t any_width, on_grid
        int64_t n_near

    # Set what follows from chromosome, start and end.
    void dexkit_set_bin(const Regions* regions, End* end) noexcept nogil
    # Whether an end is no bin of the grid.
    bint dexkit_off_grid(const Regions* regions, const End* end) noexcept nogil
    bint dexkit_lacks_room(
        const Regions* regions, const End* first, const End* second
    ) noexcept nogil
    # `slot1` is the place of the bin of the first end.
    int64_t dexkit_take(
        const Regions* regions,
        Sums* sums,
        int64_t* n_observed,
        const End* first,
        int64_t slot1,
        const End* second,
        double value,
        Near* near,
    ) noexcept nogil
