/* The kernel of the context codec. docs/format/context.md is its specification; reference.py is the same in Python.
 *
 * Everything is integer arithmetic of stated width, so every machine decodes the same. Streams may be anybody's: every
 * read is bounded, and what is not well-formed ends with MALFORMED.
 *
 * Model.level chooses the instructions, at run time: 0 the compiler's own, 1 AVX2, 2 AVX-512 (F, BW, VL, DQ, VBMI). All
 * levels read and write the same stream.
 */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define X86 1
#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi,bmi,bmi2,popcnt")))
#endif

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

enum { PROB_BITS = 12, PROB = 1 << PROB_BITS, LOW = 1 << 16, MAX_LANES = 64, NO_ESCAPE = 256 };
enum { LEVELS = 32, SCALES = 64, ROW = 2 * SCALES, CELLS = LEVELS * ROW, MAX_TABLES = 64, MAX_SHIFT = 24 };
enum { CHUNK = 4096, MAX_RAW = CHUNK * MAX_SHIFT / 8, PAD = 64 };
enum { MALFORMED = -1, NO_ROOM = -2 };

/* What is the same for all blocks of a tensor, and where a block begins in it. */
typedef struct {
    int32_t width;       /* bits of an element: 8, 16 or 32 */
    int32_t is_float;    /* sign and magnitude; otherwise two's complement */
    int32_t class_shift; /* of a float's magnitude; what is left is its exponent */
    int32_t is_delta;    /* against a base; otherwise all elements are of cell 0 */
    int32_t top_class;   /* the class of level 0 */
    int32_t escape;      /* the symbol that stands for it and all above, or NO_ESCAPE */
    int32_t lanes;       /* 1 to 64 */
    int32_t level;       /* of instructions */
    uint64_t columns;    /* elements of a row, or 0: no scales */
    uint64_t column;     /* of the block's first element */
    const uint16_t *cells;        /* [level][row's scale + column's scale]: table | raw low bits << 8; one more */
    const uint8_t *row_scales;    /* of the block's rows */
    const uint8_t *column_scales; /* of all columns */
    const uint32_t *tables;       /* PROB each: symbol | (frequency - 1) << 8 | (slot - first slot) << 20 */
} Model;

/* A block's parts. `raw` is bits, the lowest first. */
typedef struct {
    uint32_t states[MAX_LANES];
    uint8_t *words, *raw, *escaped;
    uint64_t words_size, raw_size, escaped_size; /* bytes; when encoding, first the room and then what was written */
} Parts;

/* How a table codes a symbol; see put(). */
typedef struct {
    uint64_t reciprocal;
    uint32_t frequency, first;
} Coding;

/* From this state on there is no room for a symbol of that frequency: a word goes out first. */
#define IS_FULL(x, frequency) ((x) >> (32 - PROB_BITS) >= (frequency))

static inline uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t get32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t get64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }

/* What vectors gain on, and the compiler finds by itself, is compiled once for each level. */
#define EACH_WIDTH(MACRO, L, TARGET) MACRO(uint8_t, 8, L, TARGET) MACRO(uint16_t, 16, L, TARGET) MACRO(uint32_t, 32, L, TARGET)
#ifdef X86
#define EACH_LEVEL(MACRO) EACH_WIDTH(MACRO, 0, ) EACH_WIDTH(MACRO, 1, AVX2) EACH_WIDTH(MACRO, 2, AVX512)
#define AT_LEVEL(FUNCTION, ...) (m->level >= 2 ? FUNCTION##_2(__VA_ARGS__) : m->level == 1 ? FUNCTION##_1(__VA_ARGS__) : FUNCTION##_0(__VA_ARGS__))
#else
#define EACH_LEVEL(MACRO) EACH_WIDTH(MACRO, 0, )
#define AT_LEVEL(FUNCTION, ...) FUNCTION##_0(__VA_ARGS__)
#endif

/* ---- Elements ---- */

static inline uint32_t bit_length(uint32_t v) {
#if defined(__GNUC__)
    return v ? 32 - (uint32_t)__builtin_clz(v) : 0;
#else
    uint32_t n = 0;
    for (; v; v >>= 1) n++;
    return n;
#endif
}

static inline uint32_t class_of(uint32_t u, int width, int is_float, int shift) {
    uint32_t top = 1u << (width - 1);
    if (is_float) return (u & (top - 1)) >> shift;
    return bit_length(u & top ? ~u & (top | (top - 1)) : u);
}

/* ordered: floats as integers in the floats' order, across binades and across zero. */
#define ELEMENTS(T, W) \
static inline T ordered_##W(T u, int is_float) { \
    T sign = (T)(0 - (u >> (W - 1))); \
    return is_float ? (T)(u ^ (sign | (T)((T)1 << (W - 1)))) : u; \
} \
static inline T unordered_##W(T m, int is_float) { \
    T sign = (T)((m >> (W - 1)) - 1); \
    return is_float ? (T)(m ^ (sign | (T)((T)1 << (W - 1)))) : m; \
} \
static inline T zigzag_##W(T d) { return (T)((T)(d << 1) ^ (T)(0 - (d >> (W - 1)))); } \
static inline T unzigzag_##W(T v) { return (T)((v >> 1) ^ (T)(0 - (v & 1))); } \
static inline T turned_##W(T u, int is_float) { return is_float ? (T)((T)(u << 1) | (u >> (W - 1))) : u; } \
static inline T unturned_##W(T v, int is_float) { return is_float ? (T)((v >> 1) | (T)(v << (W - 1))) : v; }
ELEMENTS(uint8_t, 8)
ELEMENTS(uint16_t, 16)
ELEMENTS(uint32_t, 32)

/* ---- Cells: the place of each element in Model.cells, from the base alone ---- */

#define PLACES(T, W, L, TARGET) \
TARGET static void places_##W##_##L(const T *base, size_t n, uint64_t at, const Model *m, uint16_t *place) { \
    int top = m->top_class, is_float = m->is_float, class_shift = m->class_shift; \
    for (size_t i = 0; i < n; i++) { \
        int level = top - (int)class_of(base[i], W, is_float, class_shift); \
        place[i] = (uint16_t)((level < 0 ? 0 : level >= LEVELS ? LEVELS - 1 : level) * ROW); \
    } \
    if (m->columns) for (size_t i = 0; i < n;) { \
        uint64_t row = (at + i) / m->columns, column = (at + i) % m->columns; \
        size_t left = m->columns - column < n - i ? (size_t)(m->columns - column) : n - i; \
        const uint8_t *scales = m->column_scales + column; \
        uint16_t of_row = m->row_scales[row]; \
        for (size_t k = 0; k < left; k++) place[i + k] = (uint16_t)(place[i + k] + of_row + scales[k]); \
        i += left; \
    } \
} \
TARGET static void contexts_##W##_##L(const T *base, size_t n, uint64_t at, const Model *m, uint8_t *table, uint8_t *shift) { \
    uint16_t place[CHUNK]; \
    places_##W##_##L(base, n, at, m, place); \
    for (size_t i = 0; i < n; i++) { \
        uint16_t cell = m->cells[place[i]]; \
        table[i] = (uint8_t)cell; \
        shift[i] = (uint8_t)(cell >> 8); \
    } \
}
EACH_LEVEL(PLACES)

#ifdef X86
/* A class of 16 or 32 bits as a level, for floats. */
#define LEVEL16(U) _mm512_min_epu16(_mm512_subs_epu16(top, _mm512_srl_epi16(_mm512_and_si512(U, mask), by)), last)
AVX512 static inline __m256i levels512_16(const uint16_t *base, const Model *m) {
    const __m512i top = _mm512_set1_epi16((short)m->top_class), mask = _mm512_set1_epi16(0x7FFF);
    const __m512i last = _mm512_set1_epi16(LEVELS - 1);
    const __m128i by = _mm_cvtsi32_si128(m->class_shift);
    return _mm512_cvtepi16_epi8(LEVEL16(_mm512_loadu_si512(base)));
}
AVX512 static inline __m256i levels512_32(const uint32_t *base, const Model *m) {
    const __m512i top = _mm512_set1_epi32(m->top_class), mask = _mm512_set1_epi32(0x7FFFFFFF);
    const __m512i last = _mm512_set1_epi32(LEVELS - 1), zero = _mm512_setzero_si512();
    const __m128i by = _mm_cvtsi32_si128(m->class_shift);
    __m128i half[2];
    for (int q = 0; q < 2; q++) {
        __m512i u = _mm512_srl_epi32(_mm512_and_si512(_mm512_loadu_si512(base + 16 * q), mask), by);
        half[q] = _mm512_cvtepi32_epi8(_mm512_min_epi32(_mm512_max_epi32(_mm512_sub_epi32(top, u), zero), last));
    }
    return _mm256_set_m128i(half[1], half[0]);
}
#define CONTEXTS512(T, W) \
AVX512 static size_t contexts512_##W(const T *base, size_t n, uint64_t at, const Model *m, uint8_t *table, uint8_t *shift) { \
    size_t i = 0; \
    if (!m->is_float) return 0; \
    if (!m->columns) { \
        uint8_t of[2][64] = {{0}}; \
        for (int l = 0; l < LEVELS; l++) { of[0][l] = (uint8_t)m->cells[l * ROW]; of[1][l] = (uint8_t)(m->cells[l * ROW] >> 8); } \
        const __m512i tables = _mm512_loadu_si512(of[0]), shifts = _mm512_loadu_si512(of[1]); \
        for (; i + 32 <= n; i += 32) { \
            __m512i level = _mm512_castsi256_si512(levels512_##W(base + i, m)); \
            _mm256_storeu_si256((__m256i *)(table + i), _mm512_castsi512_si256(_mm512_permutexvar_epi8(level, tables))); \
            _mm256_storeu_si256((__m256i *)(shift + i), _mm512_castsi512_si256(_mm512_permutexvar_epi8(level, shifts))); \
        } \
        return i; \
    } \
    while (i + 32 <= n) { \
        uint64_t row = (at + i) / m->columns, column = (at + i) % m->columns; \
        size_t stop = m->columns - column < n - i ? i + (size_t)(m->columns - column) : n; \
        const uint8_t *scales = m->column_scales + column; \
        if (i + 32 > stop) { /* the rest of a row, and of the next one as far as one load goes */ \
            contexts_##W##_2(base + i, stop - i, at + i, m, table + i, shift + i); \
            i = stop; \
            continue; \
        } \
        const __m512i of_row = _mm512_set1_epi32(m->row_scales[row]); \
        for (; i + 32 <= stop; i += 32, scales += 32) { \
            __m256i level = levels512_##W(base + i, m); \
            for (int q = 0; q < 2; q++) { \
                __m512i l = _mm512_cvtepu8_epi32(q ? _mm256_extracti128_si256(level, 1) : _mm256_castsi256_si128(level)); \
                __m512i s = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(scales + 16 * q))); \
                __m512i x = _mm512_add_epi32(_mm512_add_epi32(_mm512_slli_epi32(l, 7), of_row), s); \
                __m512i cell = _mm512_i32gather_epi32(x, (const void *)m->cells, 2); \
                _mm_storeu_si128((__m128i *)(table + i + 16 * q), _mm512_cvtepi32_epi8(cell)); \
                _mm_storeu_si128((__m128i *)(shift + i + 16 * q), _mm512_cvtepi32_epi8(_mm512_srli_epi32(cell, 8))); \
            } \
        } \
    } \
    return i; \
}
CONTEXTS512(uint16_t, 16)
CONTEXTS512(uint32_t, 32)

/* The lowest byte of each of eight. */
AVX2 static inline void store_lowest(uint8_t *to, __m256i v) {
    const __m128i lowest = _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    __m128i lo = _mm_shuffle_epi8(_mm256_castsi256_si128(v), lowest), hi = _mm_shuffle_epi8(_mm256_extracti128_si256(v, 1), lowest);
    _mm_storel_epi64((__m128i *)to, _mm_unpacklo_epi32(lo, hi));
}
#define CONTEXTS256(T, W, LOAD) \
AVX2 static size_t contexts256_##W(const T *base, size_t n, uint64_t at, const Model *m, uint8_t *table, uint8_t *shift) { \
    const __m256i top = _mm256_set1_epi32(m->top_class), mask = _mm256_set1_epi32((int)(0x7FFFFFFFu >> (32 - W))); \
    const __m256i last = _mm256_set1_epi32(LEVELS - 1), zero = _mm256_setzero_si256(); \
    const __m128i by = _mm_cvtsi32_si128(m->class_shift); \
    size_t i = 0; \
    if (!m->is_float) return 0; \
    while (i + 8 <= n) { \
        uint64_t row = m->columns ? (at + i) / m->columns : 0, column = m->columns ? (at + i) % m->columns : 0; \
        size_t stop = m->columns && m->columns - column < n - i ? i + (size_t)(m->columns - column) : n; \
        const uint8_t *scales = m->columns ? m->column_scales + column : NULL; \
        if (i + 8 > stop) { /* the rest of a row */ \
            contexts_##W##_1(base + i, stop - i, at + i, m, table + i, shift + i); \
            i = stop; \
            continue; \
        } \
        const __m256i of_row = _mm256_set1_epi32(m->columns ? m->row_scales[row] : 0); \
        for (; i + 8 <= stop; i += 8) { \
            __m256i level = _mm256_sub_epi32(top, _mm256_srl_epi32(_mm256_and_si256(LOAD, mask), by)); \
            level = _mm256_min_epi32(_mm256_max_epi32(level, zero), last); \
            __m256i x = _mm256_add_epi32(_mm256_slli_epi32(level, 7), of_row); \
            if (scales) { \
                x = _mm256_add_epi32(x, _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)scales))); \
                scales += 8; \
            } \
            __m256i cell = _mm256_i32gather_epi32((const int *)(const void *)m->cells, x, 2); \
            store_lowest(table + i, cell); \
            store_lowest(shift + i, _mm256_srli_epi32(cell, 8)); \
        } \
    } \
    return i; \
}
CONTEXTS256(uint16_t, 16, _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(base + i))))
CONTEXTS256(uint32_t, 32, _mm256_loadu_si256((const __m256i *)(base + i)))
#define FIRST_CONTEXTS(W) (m->level >= 2 ? contexts512_##W(base, n, at, m, table, shift) \
    : m->level == 1 ? contexts256_##W(base, n, at, m, table, shift) : 0)
#else
#define FIRST_CONTEXTS(W) 0
#endif
#define CONTEXTS(T, W, FIRST) \
static void contexts_##W(const T *base, size_t n, uint64_t at, const Model *m, uint8_t *table, uint8_t *shift) { \
    size_t done = FIRST; \
    AT_LEVEL(contexts_##W, base + done, n - done, at + done, m, table + done, shift + done); \
}
CONTEXTS(uint8_t, 8, 0)
CONTEXTS(uint16_t, 16, FIRST_CONTEXTS(16))
CONTEXTS(uint32_t, 32, FIRST_CONTEXTS(32))

/* ---- Symbols: interleaved rANS (J. Duda, arXiv:1311.2540; F. Giesen, arXiv:1402.3392) ----
 *
 * Symbol i belongs to lane i % lanes. States are in [2^16, 2^32); one that falls below takes a word of 16 bits, the
 * lanes of a step in order. */

typedef struct {
    const uint8_t *at, *end;
} Words;

static int symbols_plain(uint32_t *x, size_t lanes, const uint8_t *table, uint8_t *restrict out, size_t n, const uint32_t *tables, Words *w) {
    for (size_t i = 0; i < n; i += lanes) {
        size_t count = n - i < lanes ? n - i : lanes;
        int is_near = (size_t)(w->end - w->at) < 2 * count + 2;
        const uint8_t *at = w->at;
        for (size_t l = 0; l < count; l++) {
            uint32_t e = tables[(uint32_t)table[i + l] << PROB_BITS | (x[l] & (PROB - 1))];
            uint32_t s = ((e >> 8 & 0xFFF) + 1) * (x[l] >> PROB_BITS) + (e >> 20), is_low = s < LOW;
            out[i + l] = (uint8_t)e;
            if (is_near) {
                if (is_low && w->end - at < 2) return MALFORMED;
                x[l] = is_low ? s << 16 | get16(at) : s;
            } else x[l] = s ^ ((s ^ (s << 16 | get16(at))) & (0 - is_low)); /* a branch could not be foretold */
            at += 2 * is_low;
        }
        w->at = at;
    }
    return 0;
}

#ifdef X86
AVX512 static int symbols512(uint32_t *x, size_t lanes, const uint8_t *table, uint8_t *out, size_t n, const uint32_t *tables, Words *w) {
    size_t i = 0;
    if (lanes == 64) {
        const __m512i slot = _mm512_set1_epi32(PROB - 1), one = _mm512_set1_epi32(1), low = _mm512_set1_epi32(LOW);
        const uint8_t *at = w->at;
        __m512i a[4];
        for (int v = 0; v < 4; v++) a[v] = _mm512_loadu_si512(x + 16 * v);
        for (; i + 64 <= n && w->end - at >= 128; i += 64) {
            __m512i e[4];
            for (int v = 0; v < 4; v++) {
                __m512i t = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(table + i + 16 * v)));
                e[v] = _mm512_i32gather_epi32(_mm512_or_si512(_mm512_slli_epi32(t, PROB_BITS), _mm512_and_si512(a[v], slot)), tables, 4);
            }
            for (int v = 0; v < 4; v++) {
                _mm_storeu_si128((__m128i *)(out + i + 16 * v), _mm512_cvtepi32_epi8(e[v]));
                __m512i f = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(e[v], 8), slot), one);
                __m512i s = _mm512_add_epi32(_mm512_mullo_epi32(f, _mm512_srli_epi32(a[v], PROB_BITS)), _mm512_srli_epi32(e[v], 20));
                __mmask16 is_low = _mm512_cmplt_epu32_mask(s, low);
                __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)at));
                a[v] = _mm512_mask_or_epi32(s, is_low, _mm512_slli_epi32(s, 16), _mm512_maskz_expand_epi32(is_low, words));
                at += 2 * __builtin_popcount(is_low);
            }
        }
        for (int v = 0; v < 4; v++) _mm512_storeu_si512(x + 16 * v, a[v]);
        w->at = at;
    }
    return symbols_plain(x, lanes, table + i, out + i, n - i, tables, w);
}

/* For each set of lanes that take a word, which word each lane takes. */
#define PICK(m, l) ((m) >> (l) & 1 ? __builtin_popcount((m) & ((1 << (l)) - 1)) : 0)
AVX2 static inline __m256i picked(int is_low) {
    /* one nibble a lane, from the bits that are set: deposited, then spread to 32 bits */
    uint64_t spread = _pdep_u64((uint64_t)is_low, 0x0101010101010101u) * 0xFF;
    uint64_t which = _pdep_u64(0x0706050403020100u, spread);
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)which));
}
AVX2 static int symbols256(uint32_t *x, size_t lanes, const uint8_t *table, uint8_t *out, size_t n, const uint32_t *tables, Words *w) {
    size_t i = 0;
    if (lanes == 64) {
        const __m256i slot = _mm256_set1_epi32(PROB - 1), one = _mm256_set1_epi32(1), zero = _mm256_setzero_si256();
        const uint8_t *at = w->at;
        __m256i a[8];
        for (int v = 0; v < 8; v++) a[v] = _mm256_loadu_si256((const __m256i *)(x + 8 * v));
        for (; i + 64 <= n && w->end - at >= 144; i += 64) {
            for (int v = 0; v < 8; v++) {
                __m256i t = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(table + i + 8 * v)));
                __m256i e = _mm256_i32gather_epi32((const int *)tables, _mm256_or_si256(_mm256_slli_epi32(t, PROB_BITS), _mm256_and_si256(a[v], slot)), 4);
                store_lowest(out + i + 8 * v, e);
                __m256i f = _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(e, 8), slot), one);
                __m256i s = _mm256_add_epi32(_mm256_mullo_epi32(f, _mm256_srli_epi32(a[v], PROB_BITS)), _mm256_srli_epi32(e, 20));
                __m256i is = _mm256_cmpeq_epi32(_mm256_srli_epi32(s, 16), zero);
                int is_low = _mm256_movemask_ps(_mm256_castsi256_ps(is));
                __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)at));
                words = _mm256_permutevar8x32_epi32(words, picked(is_low));
                a[v] = _mm256_blendv_epi8(s, _mm256_or_si256(_mm256_slli_epi32(s, 16), words), is);
                at += 2 * __builtin_popcount((unsigned)is_low);
            }
        }
        for (int v = 0; v < 8; v++) _mm256_storeu_si256((__m256i *)(x + 8 * v), a[v]);
        w->at = at;
    }
    return symbols_plain(x, lanes, table + i, out + i, n - i, tables, w);
}
#endif

/* ---- Joining: elements from symbols, raw bits and the base ---- */

#define JOIN(T, W) \
static void join_##W(const T *base, T *out, const uint8_t *symbol, const uint8_t *shift, size_t n, int is_float, const uint8_t *raw, uint64_t *bits) { \
    T token[256]; /* first these, one by one, then elements, many at once */ \
    uint64_t at = *bits; \
    while (n) { \
        size_t count = n < 256 ? n : 256; \
        for (size_t i = 0; i < count; i++) { \
            uint32_t s = shift[i]; \
            uint64_t low = get64(raw + (at >> 3)) >> (at & 7) & (((uint64_t)1 << s) - 1); \
            at += s; \
            token[i] = (T)((uint64_t)symbol[i] << s | low); \
        } \
        if (is_float) for (size_t i = 0; i < count; i++) out[i] = unordered_##W((T)(ordered_##W(base[i], 1) + unzigzag_##W(token[i])), 1); \
        else for (size_t i = 0; i < count; i++) out[i] = (T)(base[i] + unzigzag_##W(token[i])); \
        base += count, out += count, symbol += count, shift += count, n -= count; \
    } \
    *bits = at; \
} \
static void join_plain_##W(T *out, const uint8_t *symbol, uint32_t s, size_t n, int is_float, const uint8_t *raw, uint64_t *bits) { \
    const uint8_t *p = raw + (*bits >> 3); /* all shifts are whole bytes, so this is where they begin */ \
    if (s == 0) for (size_t i = 0; i < n; i++) out[i] = unturned_##W((T)symbol[i], is_float); \
    else if (s == 8) for (size_t i = 0; i < n; i++) out[i] = unturned_##W((T)((uint32_t)symbol[i] << 8 | p[i]), is_float); \
    else for (size_t i = 0; i < n; i++) out[i] = unturned_##W((T)((uint32_t)symbol[i] << 24 | (get32(p + 3 * i) & 0xFFFFFF)), is_float); \
    *bits += (uint64_t)s * n; \
} \
/* What was joined with the escape in place of a larger token, mended. */ \
static int escapes_##W(const T *base, T *out, const uint8_t *symbol, const uint8_t *shift, size_t n, const Model *m, const uint8_t **escaped, const uint8_t *end) { \
    const uint8_t *p = symbol, *stop = symbol + n; \
    while (p < stop && (p = memchr(p, m->escape, (size_t)(stop - p))) != NULL) { \
        size_t i = (size_t)(p++ - symbol); \
        T more; \
        if (end - *escaped < (ptrdiff_t)sizeof more) return MALFORMED; \
        memcpy(&more, *escaped, sizeof more); \
        *escaped += sizeof more; \
        T from = ordered_##W(base[i], m->is_float), v = zigzag_##W((T)(ordered_##W(out[i], m->is_float) - from)); \
        v = (T)(v + (T)((uint64_t)more << shift[i])); \
        out[i] = unordered_##W((T)(from + unzigzag_##W(v)), m->is_float); \
    } \
    return 0; \
}
JOIN(uint8_t, 8)
JOIN(uint16_t, 16)
JOIN(uint32_t, 32)

#ifdef X86
AVX512 static inline __m512i sums_before(__m512i v, uint32_t *total) {
    const __m512i zero = _mm512_setzero_si512();
    __m512i s = _mm512_add_epi32(v, _mm512_alignr_epi32(v, zero, 15));
    s = _mm512_add_epi32(s, _mm512_alignr_epi32(s, zero, 14));
    s = _mm512_add_epi32(s, _mm512_alignr_epi32(s, zero, 12));
    s = _mm512_add_epi32(s, _mm512_alignr_epi32(s, zero, 8));
    *total = (uint32_t)_mm512_cvtsi512_si32(_mm512_alignr_epi32(s, s, 15));
    return _mm512_sub_epi32(s, v);
}
#define JOIN512(T, W, LOAD, STORE) \
AVX512 static size_t join512_##W(const T *base, T *out, const uint8_t *symbol, const uint8_t *shift, size_t n, int is_float, const uint8_t *raw, uint64_t *bits) { \
    const __m512i one = _mm512_set1_epi32(1), seven = _mm512_set1_epi32(7), zero = _mm512_setzero_si512(); \
    const __m512i top = _mm512_set1_epi32((int)(1u << (W - 1))), all = _mm512_set1_epi32((int)(0xFFFFFFFFu >> (32 - W))); \
    uint64_t at = *bits; \
    size_t i = 0; \
    for (; i + 16 <= n; i += 16) { \
        __m512i v = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(symbol + i))); \
        __m128i some = _mm_loadu_si128((const __m128i *)(shift + i)); \
        if (!_mm_testz_si128(some, some)) { \
            uint32_t total; \
            __m512i s = _mm512_cvtepu8_epi32(some); \
            __m512i p = _mm512_add_epi32(sums_before(s, &total), _mm512_set1_epi32((int)(at & 7))); \
            __m512i low = _mm512_i32gather_epi32(_mm512_srli_epi32(p, 3), (const void *)(raw + (at >> 3)), 1); \
            low = _mm512_srlv_epi32(low, _mm512_and_si512(p, seven)); \
            low = _mm512_and_si512(low, _mm512_sub_epi32(_mm512_sllv_epi32(one, s), one)); \
            v = _mm512_or_si512(_mm512_sllv_epi32(v, s), low); \
            at += total; \
        } \
        __m512i d = _mm512_xor_si512(_mm512_srli_epi32(_mm512_and_si512(v, all), 1), _mm512_sub_epi32(zero, _mm512_and_si512(v, one))); \
        __m512i u = LOAD; \
        if (is_float) { \
            u = _mm512_xor_si512(u, _mm512_mask_blend_epi32(_mm512_test_epi32_mask(u, top), top, all)); \
            u = _mm512_add_epi32(u, d); \
            u = _mm512_xor_si512(u, _mm512_mask_blend_epi32(_mm512_test_epi32_mask(u, top), all, top)); \
        } else u = _mm512_add_epi32(u, d); \
        STORE; \
    } \
    *bits = at; \
    return i; \
}
JOIN512(uint16_t, 16, _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(base + i))), _mm256_storeu_si256((__m256i *)(out + i), _mm512_cvtepi32_epi16(u)))
JOIN512(uint32_t, 32, _mm512_loadu_si512(base + i), _mm512_storeu_si512(out + i, u))

#define JOIN256(T, W, LOAD, STORE) \
AVX2 static size_t join256_##W(const T *base, T *out, const uint8_t *symbol, const uint8_t *shift, size_t n, int is_float, const uint8_t *raw, uint64_t *bits) { \
    const __m256i one = _mm256_set1_epi32(1), seven = _mm256_set1_epi32(7), zero = _mm256_setzero_si256(); \
    const __m256i top = _mm256_set1_epi32((int)(1u << (W - 1))), all = _mm256_set1_epi32((int)(0xFFFFFFFFu >> (32 - W))); \
    uint64_t at = *bits; \
    size_t i = 0; \
    for (; i + 8 <= n; i += 8) { \
        __m256i v = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(symbol + i))); \
        uint64_t some = get64(shift + i); \
        if (some) { \
            uint64_t sums = some * 0x0101010101010101u; /* of each byte and those before it: at most 192 */ \
            __m256i s = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)some)); \
            __m256i p = _mm256_sub_epi32(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)sums)), s); \
            p = _mm256_add_epi32(p, _mm256_set1_epi32((int)(at & 7))); \
            __m256i low = _mm256_i32gather_epi32((const int *)(const void *)(raw + (at >> 3)), _mm256_srli_epi32(p, 3), 1); \
            low = _mm256_srlv_epi32(low, _mm256_and_si256(p, seven)); \
            low = _mm256_and_si256(low, _mm256_sub_epi32(_mm256_sllv_epi32(one, s), one)); \
            v = _mm256_or_si256(_mm256_sllv_epi32(v, s), low); \
            at += sums >> 56; \
        } \
        __m256i d = _mm256_xor_si256(_mm256_srli_epi32(_mm256_and_si256(v, all), 1), _mm256_sub_epi32(zero, _mm256_and_si256(v, one))); \
        __m256i u = LOAD; \
        if (is_float) { \
            u = _mm256_xor_si256(u, _mm256_blendv_epi8(all, top, _mm256_cmpeq_epi32(_mm256_and_si256(u, top), zero))); \
            u = _mm256_add_epi32(u, d); \
            u = _mm256_xor_si256(u, _mm256_blendv_epi8(top, all, _mm256_cmpeq_epi32(_mm256_and_si256(u, top), zero))); \
        } else u = _mm256_add_epi32(u, d); \
        STORE; \
    } \
    *bits = at; \
    return i; \
}
JOIN256(uint16_t, 16, _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(base + i))), \
    _mm_storeu_si128((__m128i *)(out + i), _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(_mm256_and_si256(u, all), zero), 0xD8))))
JOIN256(uint32_t, 32, _mm256_loadu_si256((const __m256i *)(base + i)), _mm256_storeu_si256((__m256i *)(out + i), u))
#endif

/* ---- A block ---- */

/* Raw bits with room behind them for what a chunk may read: near their end, a copy that zeros follow. */
typedef struct {
    const uint8_t *raw;
    uint64_t bits, limit;
    uint8_t tail[2 * MAX_RAW + 2 * PAD];
    int is_tail;
} Bits;

static int refill(Bits *b) {
    if (b->bits > b->limit) return MALFORMED;
    if (!b->is_tail && b->limit - b->bits < 8 * (uint64_t)(MAX_RAW + PAD)) {
        uint64_t from = b->bits >> 3, left = (b->limit >> 3) - from;
        memcpy(b->tail, b->raw + from, (size_t)left);
        memset(b->tail + left, 0, sizeof b->tail - (size_t)left);
        b->raw = b->tail;
        b->bits &= 7;
        b->limit = 8 * left;
        b->is_tail = 1;
    }
    return 0;
}

#ifdef X86
#define JOIN_FAST(W) (m->level >= 2 ? join512_##W(from, to, symbol, shift, count, m->is_float, b.raw, &b.bits) \
    : m->level == 1 ? join256_##W(from, to, symbol, shift, count, m->is_float, b.raw, &b.bits) : 0)
#else
#define JOIN_FAST(W) 0
#endif

static int symbols(const Model *m, uint32_t *x, const uint8_t *table, uint8_t *out, size_t n, Words *w) {
#ifdef X86
    if (m->level >= 2) return symbols512(x, (size_t)m->lanes, table, out, n, m->tables, w);
    if (m->level == 1) return symbols256(x, (size_t)m->lanes, table, out, n, m->tables, w);
#endif
    return symbols_plain(x, (size_t)m->lanes, table, out, n, m->tables, w);
}

#define DECODE(T, W, JOIN_FIRST) \
static int decode_##W(const T *base, T *out, size_t n, const Model *m, const Parts *p) { \
    uint8_t table[CHUNK], symbol[CHUNK], shift[CHUNK]; \
    uint32_t x[MAX_LANES]; \
    Words w = {p->words, p->words + p->words_size}; \
    Bits b = {.raw = p->raw, .bits = 0, .limit = 8 * p->raw_size, .is_tail = 0}; \
    const uint8_t *escaped = p->escaped, *end = p->escaped + p->escaped_size; \
    memcpy(x, p->states, sizeof x); \
    for (int l = 0; l < m->lanes; l++) if (x[l] < LOW) return MALFORMED; \
    if (!m->is_delta) memset(table, 0, sizeof table); \
    for (size_t i = 0; i < n; i += CHUNK) { \
        size_t count = n - i < CHUNK ? n - i : CHUNK; \
        T *to = out + i; \
        if (refill(&b)) return MALFORMED; \
        if (!m->is_delta) { \
            if (symbols(m, x, table, symbol, count, &w)) return MALFORMED; \
            join_plain_##W(to, symbol, m->cells[0] >> 8, count, m->is_float, b.raw, &b.bits); \
            continue; \
        } \
        const T *from = base + i; \
        contexts_##W(from, count, m->column + i, m, table, shift); \
        if (symbols(m, x, table, symbol, count, &w)) return MALFORMED; \
        size_t done = JOIN_FIRST; \
        join_##W(from + done, to + done, symbol + done, shift + done, count - done, m->is_float, b.raw, &b.bits); \
        if (m->escape != NO_ESCAPE && escapes_##W(from, to, symbol, shift, count, m, &escaped, end)) return MALFORMED; \
    } \
    for (int l = 0; l < m->lanes; l++) if (x[l] != LOW) return MALFORMED; \
    if (w.at != w.end || escaped != end || b.bits > b.limit || b.limit - b.bits >= 8) return MALFORMED; \
    return b.bits & 7 && b.raw[b.bits >> 3] >> (b.bits & 7) ? MALFORMED : 0; \
}
DECODE(uint8_t, 8, 0)
DECODE(uint16_t, 16, JOIN_FAST(16))
DECODE(uint32_t, 32, JOIN_FAST(32))

/* Decode n elements. 0, or MALFORMED if the parts are not those of such a block. */
EXPORT int tukar_decode(const void *base, void *out, uint64_t n, const Model *m, const Parts *p) {
    switch (m->width) {
    case 8: return decode_8(base, out, (size_t)n, m, p);
    case 16: return decode_16(base, out, (size_t)n, m, p);
    default: return decode_32(base, out, (size_t)n, m, p);
    }
}

/* ---- Encoding ---- */

/* The state before a symbol that leads to this state. The quotient is exact: reciprocal is 2^64 / frequency, rounded up,
 * and the state has 32 bits (R. Alverson, Integer division using reciprocals, 1991). For frequency 1 it is 2^64 - 1, and
 * `first` makes up for it. */
static inline uint32_t put(uint32_t x, const Coding *c) {
#if defined(__SIZEOF_INT128__)
    uint32_t quotient = (uint32_t)((unsigned __int128)c->reciprocal * x >> 64);
#else
    uint64_t high = (c->reciprocal >> 32) * x, low = (c->reciprocal & 0xFFFFFFFF) * x;
    uint32_t quotient = (uint32_t)((high + (low >> 32)) >> 32);
#endif
    return x + c->first + quotient * (PROB - c->frequency);
}

/* Bits that are written, the lowest first. There is room for what is appended, and 8 bytes more. */
typedef struct {
    uint8_t *at;
    uint64_t bits;
    uint32_t filled; /* below 64 */
} Raw;

static inline void append(Raw *r, uint64_t v, uint32_t n) { /* at most 60 */
    r->bits |= v << r->filled;
    r->filled += n;
    if (r->filled >= 64) {
        memcpy(r->at, &r->bits, sizeof r->bits);
        r->at += 8;
        r->filled -= 64;
        r->bits = v >> (n - r->filled);
    }
}

#define TOKENS(T, W, L, TARGET) \
TARGET static void tokens_##W##_##L(const T *base, const T *values, size_t n, const Model *m, T *v) { \
    int is_float = m->is_float; \
    if (m->is_delta) for (size_t i = 0; i < n; i++) v[i] = zigzag_##W((T)(ordered_##W(values[i], is_float) - ordered_##W(base[i], is_float))); \
    else for (size_t i = 0; i < n; i++) v[i] = turned_##W(values[i], is_float); \
}
EACH_LEVEL(TOKENS)

/* Split tokens into symbols, raw bits and what is escaped. */
#define SPLIT(T, W) \
static void split_##W(const T *v, const uint8_t *shift, size_t n, uint32_t escape, uint8_t *symbol, Raw *raw, uint8_t **escaped) { \
    for (size_t i = 0; i < n; i++) { \
        if (i + 8 <= n && !get64(shift + i)) { /* light fine-tunes: no raw bits, and mostly no escapes */ \
            T most = 0; \
            for (int k = 0; k < 8; k++) { most = v[i + k] > most ? v[i + k] : most; symbol[i + k] = (uint8_t)v[i + k]; } \
            if (most < escape) { i += 7; continue; } \
        } \
        uint32_t s = shift[i]; \
        uint64_t token = (uint64_t)v[i] >> s; \
        append(raw, v[i] & (((uint64_t)1 << s) - 1), s); \
        if (token >= escape) { \
            T more = (T)(token - escape); \
            memcpy(*escaped, &more, sizeof more); \
            *escaped += sizeof more; \
            token = escape; \
        } \
        symbol[i] = (uint8_t)token; \
    } \
}
SPLIT(uint8_t, 8)
SPLIT(uint16_t, 16)
SPLIT(uint32_t, 32)

#ifdef X86
#define SPLIT512(T, W, LOAD) \
AVX512 static size_t split512_##W(const T *v, const uint8_t *shift, size_t n, uint32_t escape, uint8_t *symbol, Raw *raw, uint8_t **escaped) { \
    const __m512i most = _mm512_set1_epi32((int)escape), low_half = _mm512_set1_epi64(0xFFFFFFFF); \
    size_t i = 0; \
    for (; i + 16 <= n; i += 16) { \
        __m512i token = LOAD; \
        __m128i some = _mm_loadu_si128((const __m128i *)(shift + i)); \
        if (!_mm_testz_si128(some, some)) { \
            uint64_t bits[8], sizes[8]; \
            __m512i s = _mm512_cvtepu8_epi32(some), low = token; \
            token = _mm512_srlv_epi32(token, s); \
            low = _mm512_sub_epi32(low, _mm512_sllv_epi32(token, s)); \
            __m512i size = _mm512_and_si512(s, low_half); \
            __m512i two = _mm512_or_si512(_mm512_and_si512(low, low_half), _mm512_sllv_epi64(_mm512_srli_epi64(low, 32), size)); \
            size = _mm512_add_epi64(size, _mm512_srli_epi64(s, 32)); \
            if (W == 16) { /* four of them have 60 bits at most; two of 32 bits 48 */ \
                two = _mm512_or_si512(two, _mm512_sllv_epi64(_mm512_unpackhi_epi64(two, two), size)); \
                size = _mm512_add_epi64(size, _mm512_unpackhi_epi64(size, size)); \
            } \
            _mm512_storeu_si512(bits, two); \
            _mm512_storeu_si512(sizes, size); \
            for (int q = 0; q < 8; q += W == 16 ? 2 : 1) append(raw, bits[q], (uint32_t)sizes[q]); \
        } \
        __mmask16 large = _mm512_cmpge_epu32_mask(token, most); \
        _mm_storeu_si128((__m128i *)(symbol + i), _mm512_cvtepi32_epi8(_mm512_min_epu32(token, most))); \
        for (; large; large &= (__mmask16)(large - 1)) { \
            size_t k = i + (size_t)__builtin_ctz(large); \
            T more = (T)((v[k] >> shift[k]) - escape); \
            memcpy(*escaped, &more, sizeof more); \
            *escaped += sizeof more; \
        } \
    } \
    return i; \
}
SPLIT512(uint16_t, 16, _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(v + i))))
SPLIT512(uint32_t, 32, _mm512_loadu_si512(v + i))
#define FIRST_SPLIT(W) (m->level >= 2 ? split512_##W(v, shift, count, escape, symbol + i, &raw, &escaped) : 0)
#else
#define FIRST_SPLIT(W) 0
#endif

/* The words of the symbols before `n`, a multiple of `lanes` or the end, written backwards from `w`; returns where they begin,
 * or NULL without room. A symbol without a frequency sets is_bad. */
static uint8_t *words_plain(uint32_t *x, size_t lanes, const uint8_t *table, const uint8_t *symbol, size_t n, size_t stop, const Coding *codings,
                            uint8_t *w, const uint8_t *begin, int *is_bad) {
    for (size_t i = (n + lanes - 1) / lanes * lanes; i > stop;) {
        i -= lanes;
        size_t count = n - i < lanes ? n - i : lanes;
        if ((size_t)(w - begin) < 2 * count + 2) return NULL;
        for (size_t l = count; l-- > 0;) {
            const Coding *c = codings + ((uint32_t)table[i + l] << 8 | symbol[i + l]);
            uint32_t s = x[l], is_full = IS_FULL(s, c->frequency);
            *is_bad |= !c->frequency;
            w[-1] = (uint8_t)(s >> 8);
            w[-2] = (uint8_t)s;
            w -= 2 * is_full;
            x[l] = put(is_full ? s >> 16 : s, c);
        }
    }
    return w;
}

#ifdef X86
/* As words_plain, for 64 lanes and whole steps. A quotient is below 2^20, so a single-precision division misses it by one at
 * most. */
AVX512 static uint8_t *words512(uint32_t *x, const uint8_t *table, const uint8_t *symbol, size_t n, const Coding *codings, uint8_t *w, const uint8_t *begin, int *is_bad) {
    const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi32(1), prob = _mm512_set1_epi32(PROB);
    const uint8_t *frequencies = (const uint8_t *)codings + offsetof(Coding, frequency), *firsts = (const uint8_t *)codings + offsetof(Coding, first);
    __mmask16 bad = 0;
    __m512i a[4];
    for (int v = 0; v < 4; v++) a[v] = _mm512_loadu_si512(x + 16 * v);
    for (size_t i = n; i > 0;) {
        i -= 64;
        if (w - begin < 2 * 64 + 2) return NULL;
        for (int v = 3; v >= 0; v--) {
            __m512i t = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(table + i + 16 * v)));
            __m512i y = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(symbol + i + 16 * v)));
            __m512i place = _mm512_slli_epi32(_mm512_or_si512(_mm512_slli_epi32(t, 8), y), 1);
            __m512i f = _mm512_i32gather_epi32(place, frequencies, 8), first = _mm512_i32gather_epi32(place, firsts, 8);
            __mmask16 alone = _mm512_cmpeq_epi32_mask(f, one);
            bad |= _mm512_cmpeq_epi32_mask(f, zero);
            first = _mm512_mask_sub_epi32(first, alone, first, _mm512_set1_epi32(PROB - 1)); /* see put() */
            __mmask16 full = _mm512_cmpge_epu32_mask(_mm512_srli_epi32(a[v], 32 - PROB_BITS), f);
            uint32_t count = (uint32_t)__builtin_popcount(full);
            w -= 2 * count;
            _mm256_mask_storeu_epi16(w, (__mmask16)((1u << count) - 1), _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, a[v])));
            __m512i s = _mm512_mask_srli_epi32(a[v], full, a[v], 16);
            __m512i q = _mm512_cvttps_epi32(_mm512_div_ps(_mm512_cvtepu32_ps(s), _mm512_cvtepi32_ps(f)));
            __m512i r = _mm512_sub_epi32(s, _mm512_mullo_epi32(q, f));
            q = _mm512_mask_sub_epi32(q, _mm512_cmplt_epi32_mask(r, zero), q, one);
            q = _mm512_mask_add_epi32(q, _mm512_cmpge_epi32_mask(r, f), q, one);
            a[v] = _mm512_add_epi32(_mm512_add_epi32(s, first), _mm512_mullo_epi32(q, _mm512_sub_epi32(prob, f)));
        }
    }
    for (int v = 0; v < 4; v++) _mm512_storeu_si512(x + 16 * v, a[v]);
    *is_bad |= bad;
    return w;
}

/* A state of 32 bits without a sign, rounded once. */
AVX2 static inline __m256 as_floats(__m256i s) {
    __m256 high = _mm256_cvtepi32_ps(_mm256_srli_epi32(s, 16)), low = _mm256_cvtepi32_ps(_mm256_and_si256(s, _mm256_set1_epi32(0xFFFF)));
    return _mm256_add_ps(_mm256_mul_ps(high, _mm256_set1_ps(65536)), low);
}
AVX2 static uint8_t *words256(uint32_t *x, const uint8_t *table, const uint8_t *symbol, size_t n, const Coding *codings, uint8_t *w, const uint8_t *begin, int *is_bad) {
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi32(1), prob = _mm256_set1_epi32(PROB);
    const int *frequencies = (const int *)(const void *)((const uint8_t *)codings + offsetof(Coding, frequency));
    const int *firsts = (const int *)(const void *)((const uint8_t *)codings + offsetof(Coding, first));
    __m256i bad = zero, a[8];
    for (int v = 0; v < 8; v++) a[v] = _mm256_loadu_si256((const __m256i *)(x + 8 * v));
    for (size_t i = n; i > 0;) {
        i -= 64;
        if (w - begin < 2 * 64 + 16) return NULL;
        for (int v = 7; v >= 0; v--) {
            __m256i t = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(table + i + 8 * v)));
            __m256i y = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(symbol + i + 8 * v)));
            __m256i place = _mm256_slli_epi32(_mm256_or_si256(_mm256_slli_epi32(t, 8), y), 1);
            __m256i f = _mm256_i32gather_epi32(frequencies, place, 8), first = _mm256_i32gather_epi32(firsts, place, 8);
            __m256i alone = _mm256_cmpeq_epi32(f, one);
            bad = _mm256_or_si256(bad, _mm256_cmpeq_epi32(f, zero));
            first = _mm256_sub_epi32(first, _mm256_and_si256(alone, _mm256_set1_epi32(PROB - 1))); /* see put() */
            __m256i is_room = _mm256_cmpgt_epi32(f, _mm256_srli_epi32(a[v], 32 - PROB_BITS));
            uint32_t full = ~(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(is_room)) & 0xFF, count = (uint32_t)__builtin_popcount(full);
            /* The words of the full ones go to the upper end of a vector, whose lower end is written over by what comes next. */
            uint64_t which = _pext_u64(0x0706050403020100u, _pdep_u64(full, 0x0101010101010101u) * 0xFF) << ((64 - 8 * count) & 63);
            __m128i from = _mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)which));
            from = _mm_add_epi16(_mm_mullo_epi16(from, _mm_set1_epi16(0x0202)), _mm_set1_epi16(0x0100));
            __m256i lowest = _mm256_and_si256(a[v], _mm256_set1_epi32(0xFFFF));
            __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(lowest), _mm256_extracti128_si256(lowest, 1));
            _mm_storeu_si128((__m128i *)(w - 16), _mm_shuffle_epi8(words, from));
            w -= 2 * count;
            __m256i s = _mm256_blendv_epi8(_mm256_srli_epi32(a[v], 16), a[v], is_room);
            __m256i q = _mm256_cvttps_epi32(_mm256_div_ps(as_floats(s), _mm256_cvtepi32_ps(f)));
            __m256i r = _mm256_sub_epi32(s, _mm256_mullo_epi32(q, f));
            q = _mm256_add_epi32(q, _mm256_cmpgt_epi32(zero, r));
            q = _mm256_sub_epi32(q, _mm256_cmpgt_epi32(r, _mm256_sub_epi32(f, one)));
            a[v] = _mm256_add_epi32(_mm256_add_epi32(s, first), _mm256_mullo_epi32(q, _mm256_sub_epi32(prob, f)));
        }
    }
    for (int v = 0; v < 8; v++) _mm256_storeu_si256((__m256i *)(x + 8 * v), a[v]);
    *is_bad |= _mm256_movemask_epi8(bad);
    return w;
}
#endif

static int words(const Model *m, const uint8_t *table, const uint8_t *symbol, size_t n, const Coding *codings, Parts *p) {
    size_t lanes = (size_t)m->lanes, whole = 0;
    uint8_t *w = p->words + p->words_size;
    int is_bad = 0;
#ifdef X86
    if (m->level >= 1 && lanes == 64) whole = n / 64 * 64;
#endif
    for (size_t l = 0; l < MAX_LANES; l++) p->states[l] = LOW;
    w = words_plain(p->states, lanes, table, symbol, n, whole, codings, w, p->words, &is_bad);
#ifdef X86
    if (w && whole) w = (m->level >= 2 ? words512 : words256)(p->states, table, symbol, whole, codings, w, p->words, &is_bad);
#endif
    if (!w) return NO_ROOM;
    if (is_bad) return MALFORMED;
    p->words_size = (uint64_t)(p->words + p->words_size - w);
    memmove(p->words, w, (size_t)p->words_size);
    return 0;
}

#define ENCODE(T, W, SPLIT_FIRST) \
static int encode_##W(const T *base, const T *values, size_t n, const Model *m, const Coding *codings, Parts *p, uint8_t *table, uint8_t *symbol) { \
    T v[CHUNK]; \
    uint8_t shift[CHUNK], *escaped = p->escaped; \
    uint32_t escape = (uint32_t)m->escape; \
    Raw raw = {p->raw, 0, 0}; \
    if (!m->is_delta) { \
        memset(table, 0, n); \
        memset(shift, m->cells[0] >> 8, sizeof shift); \
    } \
    for (size_t i = 0; i < n; i += CHUNK) { \
        size_t count = n - i < CHUNK ? n - i : CHUNK; \
        if (p->raw_size - (uint64_t)(raw.at - p->raw) < MAX_RAW + 16) return NO_ROOM; \
        if (p->escaped_size - (uint64_t)(escaped - p->escaped) < CHUNK * sizeof(T)) return NO_ROOM; \
        AT_LEVEL(tokens_##W, m->is_delta ? base + i : NULL, values + i, count, m, v); \
        if (m->is_delta) contexts_##W(base + i, count, m->column + i, m, table + i, shift); \
        size_t done = SPLIT_FIRST; \
        split_##W(v + done, shift + done, count - done, escape, symbol + i + done, &raw, &escaped); \
    } \
    memcpy(raw.at, &raw.bits, sizeof raw.bits); \
    p->raw_size = (uint64_t)(raw.at - p->raw) + (raw.filled + 7) / 8; \
    p->escaped_size = (uint64_t)(escaped - p->escaped); \
    return words(m, table, symbol, n, codings, p); \
}
ENCODE(uint8_t, 8, 0)
ENCODE(uint16_t, 16, FIRST_SPLIT(16))
ENCODE(uint32_t, 32, FIRST_SPLIT(32))

/* Encode n elements. 0; NO_ROOM if the parts have too little; MALFORMED if a symbol has no frequency. `scratch` has 2 n
 * bytes. `codings` are 256 a table. */
EXPORT int tukar_encode(const void *base, const void *values, uint64_t n, const Model *m, const Coding *codings, Parts *p, uint8_t *scratch) {
    switch (m->width) {
    case 8: return encode_8(base, values, (size_t)n, m, codings, p, scratch, scratch + n);
    case 16: return encode_16(base, values, (size_t)n, m, codings, p, scratch, scratch + n);
    default: return encode_32(base, values, (size_t)n, m, codings, p, scratch, scratch + n);
    }
}

/* The raw bits of the elements at these places. */
static void shifts_0(const uint16_t *place, size_t n, const Model *m, uint16_t *shift) {
    for (size_t i = 0; i < n; i++) shift[i] = m->cells[place[i]] >> 8;
}
#ifdef X86
AVX2 static void shifts_1(const uint16_t *place, size_t n, const Model *m, uint16_t *shift) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i x = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(place + i)));
        __m256i cell = _mm256_i32gather_epi32((const int *)(const void *)m->cells, x, 2);
        cell = _mm256_and_si256(_mm256_srli_epi32(cell, 8), _mm256_set1_epi32(0xFF));
        _mm_storeu_si128((__m128i *)(shift + i), _mm_packus_epi32(_mm256_castsi256_si128(cell), _mm256_extracti128_si256(cell, 1)));
    }
    shifts_0(place + i, n - i, m, shift + i);
}
AVX512 static void shifts_2(const uint16_t *place, size_t n, const Model *m, uint16_t *shift) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(place + i)));
        __m512i cell = _mm512_i32gather_epi32(x, (const void *)m->cells, 2);
        cell = _mm512_and_si512(_mm512_srli_epi32(cell, 8), _mm512_set1_epi32(0xFF));
        _mm256_storeu_si256((__m256i *)(shift + i), _mm512_cvtepi32_epi16(cell));
    }
    shifts_0(place + i, n - i, m, shift + i);
}
#endif

/* What encoding is fitted to. */
#define MEASURE(T, W, L, TARGET) \
TARGET static void measure_##W##_##L(const T *base, const T *values, size_t n, const Model *m, double *rows, float *columns) { \
    uint32_t most = m->is_float ? 4u << m->class_shift : 0x7FFFFFFFu; /* beyond some binades the difference says little */ \
    int levels = m->is_float ? LEVELS - 1 : 0; \
    T v[CHUNK]; \
    uint16_t place[CHUNK] = {0}; \
    uint32_t ulp[CHUNK]; \
    int32_t steps[CHUNK]; \
    float of_level[CHUNK], change[CHUNK]; \
    Model flat = *m; \
    flat.columns = 0; \
    for (size_t i = 0; i < n; i += CHUNK) { \
        size_t count = n - i < CHUNK ? n - i : CHUNK; \
        tokens_##W##_##L(base + i, values + i, count, m, v); \
        places_##W##_##L(base + i, count, 0, &flat, place); \
        for (size_t k = 0; k < count; k++) ulp[k] = (127u - (uint32_t)(place[k] / ROW & levels)) << 23; \
        memcpy(of_level, ulp, sizeof ulp); \
        for (size_t k = 0; k < count; k++) { \
            uint32_t d = ((uint32_t)v[k] >> 1) + (v[k] & 1); \
            steps[k] = (int32_t)(d < most ? d : most); \
        } \
        for (size_t k = 0; k < count; k++) change[k] = (float)steps[k] * of_level[k]; \
        for (size_t k = 0; k < count;) { \
            uint64_t row = (m->column + i + k) / m->columns, column = (m->column + i + k) % m->columns; \
            size_t left = m->columns - column < count - k ? (size_t)(m->columns - column) : count - k; \
            float sums[16] = {0}; \
            for (size_t q = 0; q < left; q++) columns[column + q] += change[k + q]; \
            for (; left >= 16; left -= 16, k += 16) for (int q = 0; q < 16; q++) sums[q] += change[k + q]; \
            for (; left; left--, k++) sums[0] += change[k]; \
            for (int q = 0; q < 16; q++) rows[row] += sums[q]; \
        } \
    } \
} \
TARGET static void count_##W##_##L(const T *base, const T *values, size_t n, const Model *m, uint32_t scales, uint32_t *histogram) { \
    T v[CHUNK]; \
    uint16_t place[CHUNK] = {0}, shift[CHUNK]; \
    uint32_t cell[CHUNK]; \
    uint32_t escape = (uint32_t)m->escape; \
    for (size_t i = 0; i < n; i += CHUNK) { \
        size_t count = n - i < CHUNK ? n - i : CHUNK; \
        tokens_##W##_##L(m->is_delta ? base + i : NULL, values + i, count, m, v); \
        if (m->is_delta) places_##W##_##L(base + i, count, m->column + i, m, place); \
        shifts_##L(place, count, m, shift); \
        for (size_t k = 0; k < count; k++) { \
            uint32_t token = (uint32_t)v[k] >> shift[k]; \
            cell[k] = (place[k] / ROW * scales + place[k] % ROW) << 8 | (token < escape ? token : escape); \
        } \
        for (size_t k = 0; k < count; k++) histogram[cell[k]]++; \
    } \
}
EACH_LEVEL(MEASURE)

/* Add up how far the elements are from their base, in units of the ulp of level 0, by row and by column. */
EXPORT void tukar_measure(const void *base, const void *values, uint64_t n, const Model *m, double *rows, float *columns) {
    switch (m->width) {
    case 8: AT_LEVEL(measure_8, base, values, (size_t)n, m, rows, columns); break;
    case 16: AT_LEVEL(measure_16, base, values, (size_t)n, m, rows, columns); break;
    default: AT_LEVEL(measure_32, base, values, (size_t)n, m, rows, columns);
    }
}

/* Count how often each place has each symbol: histogram[(level * scales + scale) << 8 | symbol], where `scales` is more
 * than any sum of scales. Of the cells only the raw bits matter. */
EXPORT void tukar_count(const void *base, const void *values, uint64_t n, const Model *m, uint32_t scales, uint32_t *histogram) {
    switch (m->width) {
    case 8: AT_LEVEL(count_8, base, values, (size_t)n, m, scales, histogram); break;
    case 16: AT_LEVEL(count_16, base, values, (size_t)n, m, scales, histogram); break;
    default: AT_LEVEL(count_32, base, values, (size_t)n, m, scales, histogram);
    }
}

/* About the bits that a table takes in the meta, and those of what it codes. */
static double cost_of(const uint32_t *h) {
    uint64_t total = 0;
    double sum = 0, table = 20;
    for (int s = 0; s < 256; s++) if (h[s]) {
        total += h[s];
        if (h[s] > 1) sum += h[s] * log2(h[s]);
        table += 5;
    }
    return total ? (double)total * log2((double)total) - sum + table : 0;
}

/* ---- What is the same for all blocks, from an object's meta ---- */

typedef struct {
    const uint8_t *at, *end;
    uint64_t bits;
    uint32_t filled;
    int is_bad;
} Reader;

static uint32_t read_bits(Reader *r, uint32_t n) { /* at most 24 */
    while (r->filled < n) {
        if (r->at == r->end) { r->is_bad = 1; return 0; }
        r->bits |= (uint64_t)*r->at++ << r->filled;
        r->filled += 8;
    }
    uint32_t v = (uint32_t)(r->bits & ((1u << n) - 1));
    r->bits >>= n;
    r->filled -= n;
    return v;
}

/* What fills the last byte before something that begins with one of its own. */
static void skip_fill(Reader *r) {
    if (r->bits) r->is_bad = 1;
    r->bits = 0, r->filled = 0;
}

/* Exponential Golomb code of the first order. */
static uint32_t read_number(Reader *r) {
    uint32_t ones = 0;
    while (!r->is_bad && read_bits(r, 1)) if (++ones > 10) { r->is_bad = 1; return 0; }
    return (((1u << ones) - 1) << 1) + read_bits(r, ones + 1);
}

/* Steps of frequencies: 0 to 15 one by one, then eight in each octave. */
static inline uint32_t frequency_of(uint32_t step) { return step < 16 ? step : (8 + (step & 7)) << ((step >> 3) - 1); }

static void read_table(Reader *r, uint32_t *table) {
    uint32_t count = read_bits(r, 8) + 1, steps[256], first_most = 0, total = 0, slot = 0;
    for (uint32_t s = 0; s < count; s++) {
        int like = s > 1 ? (int)steps[s - 2] : s ? (int)steps[0] : 32;
        uint32_t v = read_number(r);
        int step = like + ((v & 1) ? -(int)((v + 1) >> 1) : (int)(v >> 1));
        if (r->is_bad || step < 0 || step > 80) { r->is_bad = 1; return; }
        steps[s] = (uint32_t)step;
        if (steps[s] > steps[first_most]) first_most = s;
    }
    for (uint32_t s = 0; s < count; s++) if (s != first_most) total += frequency_of(steps[s]);
    if (total >= PROB) { r->is_bad = 1; return; }
    for (uint32_t s = 0; s < count; s++) {
        uint32_t f = s == first_most ? PROB - total : frequency_of(steps[s]);
        for (uint32_t k = 0; k < f; k++) table[slot++] = s | (f - 1) << 8 | k << 20;
    }
}

/* Symbols of one lane and one table, as scales are coded: a state, and words to the end. */
EXPORT int tukar_read_scales(const uint8_t *data, uint64_t size, const uint32_t *table, uint8_t *out, uint64_t n) {
    uint8_t zeros[CHUNK] = {0};
    if (size < 4) return MALFORMED;
    uint32_t x = get32(data);
    Words w = {data + 4, data + size};
    if (x < LOW) return MALFORMED;
    for (uint64_t i = 0; i < n; i += CHUNK)
        if (symbols_plain(&x, 1, zeros, out + i, (size_t)(n - i < CHUNK ? n - i : CHUNK), table, &w)) return MALFORMED;
    for (uint64_t i = 0; i < n; i++) if (out[i] >= SCALES) return MALFORMED;
    return x == LOW && w.at == w.end ? 0 : MALFORMED;
}

/* Read what follows a meta's header: how cells are laid out, `count` tables, and where there are columns the table of row
 * scales, that of column scales, and the scales of the columns. 0, or MALFORMED. */
EXPORT int tukar_open(const uint8_t *data, uint64_t size, const int32_t *header, uint64_t columns, uint16_t *cells, uint32_t *tables,
                      uint32_t *row_table, uint8_t *column_scales) {
    int count = header[0], levels = header[1], first = header[2], last = header[3], offset = header[4], most = header[5];
    Reader r = {data, data + size, 0, 0, 0};
    uint32_t width = bit_length((uint32_t)count - 1);
    for (int level = 0; level < levels; level++)
        for (int scale = first; scale <= last; scale++) {
            uint16_t *cell = cells + level * ROW + scale;
            if (scale > first && !read_bits(&r, 1)) *cell = cell[-1] & 0xFF;
            else *cell = (uint16_t)read_bits(&r, width);
            if (*cell >= count) r.is_bad = 1;
            if (r.is_bad) return MALFORMED;
        }
    for (int level = 0; level < LEVELS; level++)
        for (int scale = 0; scale < ROW; scale++) {
            int l = level < levels ? level : levels - 1, s = scale < first ? first : scale > last ? last : scale;
            int shift = scale + 2 * level + offset;
            shift = shift < 0 ? 0 : shift / 2;
            cells[level * ROW + scale] = (uint16_t)((cells[l * ROW + s] & 0xFF) | (shift < most ? shift : most) << 8);
        }
    for (int t = 0; t < count && !r.is_bad; t++) read_table(&r, tables + (size_t)t * PROB);
    if (columns && !r.is_bad) {
        uint32_t column_table[PROB];
        skip_fill(&r);
        read_table(&r, row_table);
        skip_fill(&r);
        if (!r.is_bad) read_table(&r, column_table);
        skip_fill(&r);
        if (!r.is_bad) return tukar_read_scales(r.at, (uint64_t)(r.end - r.at), column_table, column_scales, columns);
    }
    skip_fill(&r);
    return r.is_bad || r.at != r.end ? MALFORMED : 0;
}

/* ---- The same, written ---- */

typedef struct {
    uint8_t *at, *end;
    uint64_t bits;
    uint32_t filled;
} Writer;

static void write_bits(Writer *w, uint32_t v, uint32_t n) { /* at most 24; what does not fit is dropped */
    w->bits |= (uint64_t)v << w->filled;
    w->filled += n;
    for (; w->filled >= 8; w->filled -= 8, w->bits >>= 8) if (w->at < w->end) *w->at++ = (uint8_t)w->bits;
}

static void write_number(Writer *w, uint32_t v) {
    uint32_t ones = 0;
    while (v >= ((1u << (ones + 1)) - 1) << 1) ones++;
    write_bits(w, (1u << ones) - 1, ones + 1);
    write_bits(w, v - (((1u << ones) - 1) << 1), ones + 1);
}

static void write_end(Writer *w) { if (w->filled) write_bits(w, 0, 8 - w->filled); }

static inline uint32_t step_of(double f) { /* the nearest */
    uint32_t step = 80;
    if (f < 16) { step = (uint32_t)(f + 0.5); return step; }
    for (uint32_t octave = 0; octave < 9; octave++) if (f < (double)(16 << (octave + 1)) - (double)(1 << octave)) {
        step = 8 * (octave + 2) + (uint32_t)((f - (16 << octave)) / (2 << octave) + 0.5);
        break;
    }
    return step;
}

/* Frequencies for a histogram, as steps: none that occurs has none, and they add up to PROB with what is left for the
 * most frequent. Returns how many steps there are. */
static uint32_t fit_table(const uint32_t *h, uint32_t *steps, uint32_t *frequencies) {
    double total = 0;
    uint32_t count = 1, most = 0;
    for (uint32_t s = 0; s < 256; s++) if (h[s]) { total += h[s]; count = s + 1; }
    memset(frequencies, 0, 256 * sizeof *frequencies);
    if (!total) { steps[0] = 80; frequencies[0] = PROB; return 1; }
    for (double scale = PROB / total;; scale *= 0.98) {
        uint32_t others = 0;
        most = 0;
        for (uint32_t s = 0; s < count; s++) {
            steps[s] = h[s] ? step_of(h[s] * scale) : 0;
            if (h[s] && !steps[s]) steps[s] = 1;
            if (steps[s] > steps[most]) most = s;
        }
        for (uint32_t s = 0; s < count; s++) if (s != most) others += frequencies[s] = frequency_of(steps[s]);
        frequencies[most] = others < PROB ? PROB - others : 0;
        if (frequencies[most] * 10.0 >= 9.0 * h[most] * PROB / total) break;
        if (others < PROB / 2) break; /* as near as steps come */
    }
    return count;
}

static void write_table(Writer *w, const uint32_t *steps, uint32_t count) {
    write_bits(w, count - 1, 8);
    for (uint32_t s = 0; s < count; s++) {
        int more = (int)steps[s] - (int)(s > 1 ? steps[s - 2] : s ? steps[0] : 32);
        write_number(w, more < 0 ? (uint32_t)(-2 * more - 1) : (uint32_t)(2 * more));
    }
}

static void write_codings(const uint32_t *frequencies, Coding *codings) {
    uint32_t first = 0;
    for (int s = 0; s < 256; s++) {
        uint32_t f = frequencies[s];
        Coding *c = codings + s;
        c->frequency = f;
        c->reciprocal = f > 1 ? 0xFFFFFFFFFFFFFFFFu / f + 1 : 0xFFFFFFFFFFFFFFFFu;
        c->first = f == 1 ? first + PROB - 1 : first;
        first += f;
    }
}

/* Group histograms, which lie in an order in which neighbours are alike, into groups of neighbours: at most `most`, fewer
 * where that takes fewer bits. Adds those of a group up at the place of its first. Returns how many groups there are;
 * next[i] is where the group that begins at i ends. */
static int group(uint32_t *histograms, int n, int most, double *costs, double *gains, int *next) {
    uint32_t both[256];
    int alive = n;
#define JOINED(a, b) for (int s = 0; s < 256; s++) both[s] = histograms[256 * (a) + s] + histograms[256 * (b) + s]
    for (int i = 0; i < n; i++) { costs[i] = cost_of(histograms + 256 * i); next[i] = i + 1; }
    for (int i = 0; i + 1 < n; i++) { JOINED(i, i + 1); gains[i] = costs[i] + costs[i + 1] - cost_of(both); }
    while (alive > 1) {
        int best = 0, before = -1, last = -1;
        for (int i = 0; next[i] < n; last = i, i = next[i]) if (!i || gains[i] > gains[best]) { best = i; before = last; }
        if (gains[best] <= 0 && alive <= most) break;
        JOINED(best, next[best]);
        memcpy(histograms + 256 * best, both, sizeof both);
        costs[best] = cost_of(both);
        next[best] = next[next[best]];
        if (next[best] < n) { JOINED(best, next[best]); gains[best] = costs[best] + costs[next[best]] - cost_of(both); }
        if (before >= 0) { JOINED(before, best); gains[before] = costs[before] + costs[best] - cost_of(both); }
        alive--;
    }
#undef JOINED
    return alive;
}

typedef struct {
    double mean;
    int place;
} Occupied;

static void sort_by_mean(Occupied *a, int n) { /* shell sort: some thousand at most */
    for (int gap = n / 2; gap > 0; gap /= 2)
        for (int i = gap; i < n; i++) {
            Occupied one = a[i];
            int k = i;
            for (; k >= gap && (a[k - gap].mean > one.mean || (a[k - gap].mean == one.mean && a[k - gap].place > one.place)); k -= gap) a[k] = a[k - gap];
            a[k] = one;
        }
}

/* The most places that tables are fitted to: of more, neighbours in the order of their means are taken together. */
enum { MAX_OCCUPIED = 512 };

/* Choose tables for a histogram by place, and write them. `header` gets, in this order: how many tables, levels, the
 * first and the last scale. `work` has (MAX_OCCUPIED + 1) * 256 elements. Returns the bytes of `meta`, or NO_ROOM. */
EXPORT int64_t tukar_plan(const uint32_t *histogram, int scales, int most, int32_t *header, uint8_t *meta, uint64_t room, Coding *codings, uint32_t *work) {
    Occupied occupied[CELLS];
    int16_t label[CELLS];
    double costs[MAX_OCCUPIED], gains[MAX_OCCUPIED];
    int next[MAX_OCCUPIED], n = 0, levels = 1, first = ROW, last = 0;
    for (int place = 0; place < LEVELS * scales; place++) {
        const uint32_t *h = histogram + 256 * place;
        uint64_t sum = 0, total = 0;
        for (uint32_t s = 0; s < 256; s++) { total += h[s]; sum += (uint64_t)s * h[s]; }
        label[place] = -1;
        if (!total) continue;
        occupied[n++] = (Occupied){(double)sum / (double)total, place};
        levels = place / scales + 1;
        if (place % scales < first) first = place % scales;
        if (place % scales > last) last = place % scales;
    }
    if (!n) { occupied[n++] = (Occupied){0, 0}; first = last = 0; }
    sort_by_mean(occupied, n);
    int bins = n < MAX_OCCUPIED ? n : MAX_OCCUPIED;
    memset(work, 0, (size_t)bins * 256 * sizeof *work);
    for (int i = 0; i < n; i++)
        for (int s = 0; s < 256; s++) work[256 * (int)((int64_t)i * bins / n) + s] += histogram[256 * occupied[i].place + s];
    int count = group(work, bins, most, costs, gains, next);
    for (int i = 0, g = 0, stop = next[0]; i < n; i++) {
        int bin = (int)((int64_t)i * bins / n);
        if (bin >= stop) { g++; stop = next[stop]; }
        label[occupied[i].place] = (int16_t)g;
    }
    Writer w = {meta, meta + room, 0, 0};
    uint32_t width = bit_length((uint32_t)count - 1);
    for (int level = 0; level < levels; level++) {
        int here = -1;
        for (int scale = first; here < 0 && scale <= last; scale++) here = label[level * scales + scale];
        if (here < 0) here = 0;
        for (int scale = first, before = -1; scale <= last; scale++, before = here) {
            if (label[level * scales + scale] >= 0) here = label[level * scales + scale];
            if (scale > first) write_bits(&w, here != before, 1);
            if (here != before) write_bits(&w, (uint32_t)here, width);
        }
    }
    for (int i = 0, g = 0; i < bins; i = next[i], g++) {
        uint32_t steps[256], frequencies[256];
        write_table(&w, steps, fit_table(work + 256 * i, steps, frequencies));
        write_codings(frequencies, codings + 256 * g);
    }
    header[0] = count, header[1] = levels, header[2] = first, header[3] = last;
    write_end(&w);
    return w.at < w.end ? w.at - meta : NO_ROOM;
}

/* One table for bytes, as the scales have. Returns the bytes of `meta`, or NO_ROOM. */
EXPORT int64_t tukar_plan_scales(const uint8_t *scales, uint64_t n, uint8_t *meta, uint64_t room, Coding *codings) {
    uint32_t histogram[256] = {0}, steps[256], frequencies[256];
    for (uint64_t i = 0; i < n; i++) histogram[scales[i]]++;
    Writer w = {meta, meta + room, 0, 0};
    write_table(&w, steps, fit_table(histogram, steps, frequencies));
    write_codings(frequencies, codings);
    write_end(&w);
    return w.at < w.end ? w.at - meta : NO_ROOM;
}

/* Returns the bytes that were written, or NO_ROOM. */
EXPORT int64_t tukar_write_scales(const uint8_t *scales, uint64_t n, const Coding *codings, uint8_t *out, uint64_t room) {
    uint32_t x = LOW;
    uint8_t *w = out + room;
    for (uint64_t i = n; i-- > 0;) {
        const Coding *c = codings + scales[i];
        if (w - out < 8) return NO_ROOM;
        if (IS_FULL(x, c->frequency)) {
            *--w = (uint8_t)(x >> 8);
            *--w = (uint8_t)x;
            x >>= 16;
        }
        x = put(x, c);
    }
    for (int k = 24; k >= 0; k -= 8) *--w = (uint8_t)(x >> k);
    memmove(out, w, (size_t)(out + room - w));
    return out + room - w;
}

/* The instructions that this processor has: the highest level that works here. */
EXPORT int tukar_level(void) {
#ifdef X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2")) return 1;
#endif
    return 0;
}
