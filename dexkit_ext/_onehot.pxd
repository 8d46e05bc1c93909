"""One row of one-hot columns: by table, or as vectors on processors that have them."""

from libc.stdint cimport uint8_t

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>

    #if defined(__x86_64__) && defined(__GNUC__)
    #include <immintrin.h>
    /* Eight codes to 32 bytes: 1 shifted to byte 0, 1, 2 or 3 of four; code 4 shifts it out. */
    __attribute__((target("avx2")))
    static Py_ssize_t dexkit_hot_bytes_avx2(
        const uint8_t *codes, Py_ssize_t n, uint8_t *out, int stream)
    {
        const __m256i one = _mm256_set1_epi32(1);
        Py_ssize_t i;
        for (i = 0; i + 7 < n; i += 8) {
            __m256i wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(codes + i)));
            __m256i hot = _mm256_sllv_epi32(one, _mm256_slli_epi32(wide, 3));
            if (stream)
                _mm256_stream_si256((__m256i *)(out + 4 * i), hot);
            else
                _mm256_storeu_si256((__m256i *)(out + 4 * i), hot);
        }
        return i;
    }
    static Py_ssize_t dexkit_hot_bytes(
        const uint8_t *codes, Py_ssize_t n, uint8_t *out, int stream)
    {
        if (!__builtin_cpu_supports("avx2"))
            return 0;
        return stream && (uintptr_t)out % 32 == 0 ? dexkit_hot_bytes_avx2(codes, n, out, 1)
                                                  : dexkit_hot_bytes_avx2(codes, n, out, 0);
    }
    /* Stores past the caches: a large output is not read back from them anyway, and its lines need
       not be fetched before they are overwritten. */
    static Py_ssize_t dexkit_hot_floats(
        const uint8_t *codes, Py_ssize_t n, const uint8_t *table, uint8_t *out, int stream)
    {
        Py_ssize_t i;
        if (!stream || (uintptr_t)out % 16 != 0)
            return 0;
        for (i = 0; i < n; i++)
            _mm_stream_si128((__m128i *)(out + 16 * i),
                             _mm_loadu_si128((const __m128i *)(table + 16 * codes[i])));
        return i;
    }
    static void dexkit_end_stream(void) { _mm_sfence(); }
    #else
    static Py_ssize_t dexkit_hot_bytes(
        const uint8_t *codes, Py_ssize_t n, uint8_t *out, int stream) { return 0; }
    static Py_ssize_t dexkit_hot_floats(
        const uint8_t *codes, Py_ssize_t n, const uint8_t *table, uint8_t *out, int stream)
    { return 0; }
    static void dexkit_end_stream(void) { }
    #endif

    /* Constant sizes let the compiler turn each copy into one load and one store, and bytes make
       no demand on the alignment of a memory-mapped output. */
    static inline void dexkit_one_hot(
        const uint8_t *codes, Py_ssize_t n, const uint8_t *table, Py_ssize_t width, uint8_t *out,
        int stream)
    {
        Py_ssize_t i;
        if (width == 4) {
            /* The codes before the first whole vector of an output that can be aligned. */
            Py_ssize_t head = (uintptr_t)out % 4 == 0 ? (Py_ssize_t)(-(uintptr_t)out % 32 / 4) : 0;
            if (head > n)
                head = n;
            for (i = 0; i < head; i++)
                memcpy(out + 4 * i, table + 4 * codes[i], 4);
            i += dexkit_hot_bytes(codes + i, n - i, out + 4 * i, stream);
            for (; i < n; i++)
                memcpy(out + 4 * i, table + 4 * codes[i], 4);
        } else {
            i = dexkit_hot_floats(codes, n, table, out, stream);
            for (; i < n; i++)
                memcpy(out + 16 * i, table + 16 * codes[i], 16);
        }
        if (stream)
            dexkit_end_stream();
    }
    """
    void dexkit_one_hot(
        const uint8_t* codes,
        Py_ssize_t n,
        const uint8_t* table,
        Py_ssize_t width,
        uint8_t* out,
        bint stream,
    ) noexcept nogil
