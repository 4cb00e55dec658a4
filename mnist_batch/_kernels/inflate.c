/* Decompress zlib streams of known, small size.

   Sources of the formats: zlib (RFC 1950), DEFLATE (RFC 1951).

   Images like MNIST's have some 150 literals and 30 matches. Where a stream has codes of its own,
   reading them takes as long as all else, so it is done without branches that depend on the data,
   which would be mispredicted. */

#include <string.h>

#include "inflate.h"

enum { END_OF_BLOCK = 256 };

/* DEFLATE, section 3.2.5: what the symbols from 257 on, and those of distances, stand for: a base
   and so many bits to add. */
static const uint8_t LENGTH_BITS[] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                      2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t LENGTH_BASE[] = {3,  4,  5,  6,  7,  8,  9,  10, 11,  13,  15,  17,  19,  23, 27,
                                       31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t DISTANCE_BITS[] = {0, 0, 0, 0, 1, 1, 2, 2,  3,  3,  4,  4,  5,  5,  6,
                                        6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};
static const uint16_t DISTANCE_BASE[] = {1,   2,   3,   4,   5,   7,    9,    13,   17,   25,
                                         33,  49,  65,  97,  129, 193,  257,  385,  513,  769,
                                         1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
/* Section 3.2.7: the order in which the lengths of the code for code lengths come. */
static const uint8_t CODE_ORDER[] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

/* An entry says what a code stands for. Bits 0 to 5 are how many bits to take, those that are added
   to the base included, bits 8 to 11 how many of them are the code. */
#define ENTRY(value, added_bits) ((uint32_t)(value) << 16 | (added_bits))
#define WITH_CODE(entry, bits) ((entry) + ((uint32_t)(bits) << 8 | (bits)))
static const uint32_t LITERAL = 1u << 31,  /* bits 16 to 23 are the literal; else from 16 the base */
                      SPECIAL = 1u << 15,  /* no literal, length or distance, but: */
                      END = 1u << 14,      /* the end of the block */
                      LONG = 1u << 13,     /* the beginning of a code that is longer than the index */
                      NO_CODE = 1u << 15,  /* or else nothing */
                      AGAIN = 1u << 28;    /* code lengths: the last one again; else in bits 24 to 27 */

/* Where the compressed data is read: its next bits, the next one lowest. Above those that are held
   may be bits that come again with the next refill. */
typedef struct {
    const uint8_t *at;
    const uint8_t *last; /* from where a refill can be read at most */
    uint64_t bits;
    uint32_t held; /* how many, in the lowest 6 bits; those above say nothing */
} Stream;

static inline uint64_t load(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    value = __builtin_bswap64(value);
#endif
    return value;
}

/* Hold at least 56 bits; return whether there were so many. Without a branch that depends on how
   many are missing. */
static inline bool refill(Stream *stream)
{
    if (stream->at > stream->last) return false;
    stream->bits |= load(stream->at) << (stream->held & 63);
    stream->at += 7 - (stream->held >> 3 & 7);
    stream->held |= 56;
    return true;
}

static inline void skip(Stream *stream, uint32_t count)
{
    stream->bits >>= count & 63;
    stream->held -= count;
}

static inline unsigned take(Stream *stream, int count)
{
    unsigned value = stream->bits & ((1u << count) - 1);
    skip(stream, count);
    return value;
}

/* What is looked up by, apart from its code so that it is not loaded again after each write. */
typedef struct {
    const uint32_t *entries;
    uint64_t mask; /* of the bits that are an index */
} Table;

static inline Table table_of(const Code *code)
{
    return (Table){code->entries, (1ull << code->bits) - 1};
}

/* Return the entry of the next code, which stays in the stream. */
static inline uint32_t look(const Stream *stream, Table table)
{
    return table.entries[stream->bits & table.mask];
}

/* Take a code with the bits that are added to its base; return the sum. */
static inline uint32_t take_sum(Stream *stream, uint32_t entry)
{
    uint64_t all = stream->bits & ((1ull << (entry & 63)) - 1);
    skip(stream, entry);
    return (entry >> 16) + (uint32_t)(all >> (entry >> 8 & 15));
}

/* Return the entry of a code longer than `ROOT_BITS`. Codes of as many bits follow one another in
   the order of their symbols (section 3.2.2). */
static uint32_t look_long(const Stream *stream, const Code *code, const uint32_t *entries)
{
    unsigned next = 0, first = 0, rank = 0;
    for (int bits = 1; bits <= MAX_CODE_BITS; bits++) {
        unsigned count = code->counts[bits];
        next = next << 1 | (stream->bits >> (bits - 1) & 1);
        if (next - first < count) return WITH_CODE(entries[code->symbols[rank + next - first]], bits);
        rank += count;
        first = (first + count) << 1;
    }
    return NO_CODE;
}

/* List the symbols that have a length; return how many. */
static int list_used(const uint8_t *lengths, int count, uint16_t *used)
{
    int uses = 0;
    for (int i = 0; i < count; i++)
        if (lengths[i]) used[uses++] = i;
    return uses;
}

/* Fill a code, given each symbol's length in bits, the symbols that have one in ascending order,
   and what symbols stand for; return whether there is such a code. One code of one bit, or none, is
   one, as in DEFLATE for distances. */
static bool fill(Code *code, const uint8_t *lengths, const uint16_t *used, int uses,
                 const uint32_t *entries, const uint16_t *reversed)
{
    int ranks[MAX_CODE_BITS + 1];
    memset(code->counts, 0, sizeof code->counts);
    for (int i = 0; i < uses; i++) code->counts[lengths[used[i]]]++;
    int free = 1, longest = 0, rank = 0;
    for (int bits = 1; bits <= MAX_CODE_BITS; bits++) {
        free = 2 * free - code->counts[bits];
        if (free < 0) return false;
        if (code->counts[bits]) longest = bits;
        ranks[bits] = rank;
        rank += code->counts[bits];
    }
    for (int i = 0; i < uses; i++) code->symbols[ranks[lengths[used[i]]]++] = used[i];
    uint32_t *table = code->entries;
    if (free > 0) {
        if (uses > 1 || longest > 1) return false;
        table[0] = uses ? WITH_CODE(entries[used[0]], 1) : NO_CODE;
        table[1] = NO_CODE;
        code->bits = 1;
        return true;
    }
    code->bits = longest < ROOT_BITS ? longest : ROOT_BITS;
    unsigned next = 0;
    size_t size = 1;
    table[0] = SPECIAL | LONG;
    rank = 0;
    for (int bits = 1; bits <= code->bits; bits++, size *= 2) {
        memcpy(table + size, table, size * sizeof *table);
        /* A code comes with its first bit first, so that it stands reversed in the index. */
        for (next *= 2; rank < ranks[bits]; next++, rank++)
            table[reversed[next] >> (ROOT_BITS - bits)] = WITH_CODE(entries[code->symbols[rank]], bits);
    }
    return true;
}

/* Read the codes of a dynamic block (section 3.2.7); return whether they are sound. */
static bool read_codes(Stream *outer, Inflater *inflater)
{
    Stream stream = *outer;
    if (!refill(&stream)) return false;
    int literal_count = take(&stream, 5) + 257, distance_count = take(&stream, 5) + 1;
    int count = take(&stream, 4) + 4, all = literal_count + distance_count;
    if (literal_count > 286 || distance_count > 30) return false;
    uint8_t of_lengths[CODE_LENGTHS] = {0};
    for (int i = 0; i < count; i++) {
        if (!refill(&stream)) return false;
        of_lengths[CODE_ORDER[i]] = take(&stream, 3);
    }
    uint16_t used[LITERALS + DISTANCES + 8];
    int uses = list_used(of_lengths, CODE_LENGTHS, used);
    if (!fill(&inflater->code_lengths, of_lengths, used, uses, inflater->length_entries,
              inflater->reversed))
        return false;
    const Table table = table_of(&inflater->code_lengths);
    uint8_t lengths[LITERALS + DISTANCES + 138 + 16];
    unsigned length = 0;
    uses = 0;
    for (int i = 0; i < all;) {
        if (!refill(&stream)) return false;
        uint32_t entry = look(&stream, table);
        if (entry & SPECIAL || (i == 0 && entry & AGAIN)) return false;
        length = entry & AGAIN ? length : entry >> 24 & 15;
        int times = take_sum(&stream, entry) & 255;
        memset(lengths + i, length, 16); /* mostly enough, and without a loop */
        if (times > 16) memset(lengths + i, length, times);
        /* Eight are written, few of which count; only the length 0 comes more often at once.
           Unsigned: Python has code compiled with -fwrapv, and then signed numbers are no row. */
        uint16_t *next = used + uses;
        for (unsigned k = 0; k < 8; k++) next[k] = (uint16_t)i + k;
        uses += length ? times : 0;
        i += times;
        if (i > all) return false;
    }
    int literals = uses;
    while (literals > 0 && used[literals - 1] >= literal_count) used[--literals] -= literal_count;
    *outer = stream;
    return lengths[END_OF_BLOCK] &&
           fill(&inflater->literals, lengths, used, literals, inflater->literal_entries,
                inflater->reversed) &&
           fill(&inflater->distances, lengths + literal_count, used + literals, uses - literals,
                inflater->distance_entries, inflater->reversed);
}

/* Repeat what stands `distance` before; up to 31 bytes more than asked for are written. */
static inline void repeat(uint8_t *to, size_t distance, size_t length)
{
    const uint8_t *from = to - distance, *end = to + length;
    if (distance >= 16)
        do {
            memcpy(to, from, 16);
            memcpy(to + 16, from + 16, 16);
            to += 32;
            from += 32;
        } while (to < end);
    else if (distance == 1)
        do {
            memset(to, *from, 32);
            to += 32;
        } while (to < end);
    else if (distance >= 8)
        do {
            memcpy(to, from, 8);
            to += 8;
            from += 8;
        } while (to < end);
    else
        while (to < end) *to++ = *from++;
}

/* Decompress a block after its codes (section 3.2.3) to `lines`, from `filled` on; return how much
   of it is filled then, which may be too much, or -1 if the data is wrong. */
static int inflate_block(Stream *outer, const Inflater *inflater, const Code *literals,
                         const Code *distances, uint8_t *lines, int filled)
{
    Stream stream = *outer;
    const Table of_literals = table_of(literals), of_distances = table_of(distances);
    uint8_t *to = lines + filled;
    while (to <= lines + LINES && refill(&stream)) {
        uint32_t entry = look(&stream, of_literals);
        if (entry & LITERAL) {
            *to++ = entry >> 16;
            skip(&stream, entry);
            entry = look(&stream, of_literals);
            if (entry & LITERAL) {
                *to++ = entry >> 16;
                skip(&stream, entry);
                entry = look(&stream, of_literals);
                if (entry & LITERAL) {
                    *to++ = entry >> 16;
                    skip(&stream, entry);
                    continue;
                }
            }
        }
        if (entry & SPECIAL) {
            if (entry & LONG) entry = look_long(&stream, literals, inflater->literal_entries);
            if (entry & LITERAL) {
                *to++ = entry >> 16;
                skip(&stream, entry);
                continue;
            }
            if (entry & END) {
                skip(&stream, entry);
                *outer = stream;
                return to - lines;
            }
            if (entry & SPECIAL) return -1;
        }
        size_t length = take_sum(&stream, entry);
        if (!refill(&stream)) return -1;
        entry = look(&stream, of_distances);
        if (entry & SPECIAL) {
            if (entry & LONG) entry = look_long(&stream, distances, inflater->distance_entries);
            if (entry & SPECIAL) return -1;
        }
        size_t distance = take_sum(&stream, entry);
        if (distance > (size_t)(to - lines)) return -1;
        repeat(to, distance, length);
        to += length;
    }
    return -1;
}

/* Copy a stored block (section 3.2.4) to `lines`; return as `inflate_block` does. */
static int copy_block(Stream *stream, const uint8_t *end, uint8_t *lines, int filled)
{
    stream->at -= stream->held >> 3 & 7; /* whole bytes that are held are read again */
    stream->bits = stream->held = 0;
    if (stream->at + 4 > end) return -1;
    int size = stream->at[0] | stream->at[1] << 8, inverse = stream->at[2] | stream->at[3] << 8;
    stream->at += 4;
    if ((size ^ inverse) != 0xFFFF || size > end - stream->at || filled + size > LINES) return -1;
    memcpy(lines + filled, stream->at, size);
    stream->at += size;
    return filled + size;
}

/* Tell whether the Adler-32 checksum (RFC 1950, section 8.2) at `at` is that of the lines. Each of
   its two sums is taken at once, so that the loop is vectorized; of 812 bytes neither overflows. */
static bool checksum_fits(const uint8_t *at, const uint8_t *lines)
{
    uint32_t total = 0, weighted = 0;
    for (int i = 0; i < LINES; i++) {
        total += lines[i];
        weighted += lines[i] * (uint32_t)(LINES - i);
    }
    uint32_t low = (1 + total) % 65521, high = (LINES + weighted) % 65521;
    return (uint32_t)(at[0] << 8 | at[1]) == high && (uint32_t)(at[2] << 8 | at[3]) == low;
}

bool inflate(Inflater *inflater, const uint8_t *at, const uint8_t *end, uint8_t *lines)
{
    unsigned method = at[0], flags = at[1];
    if ((method & 15) != 8 || method >> 4 > 7 || (method << 8 | flags) % 31 || flags & 32)
        return false;
    Stream stream = {at + 2, end + BEHIND - sizeof stream.bits, 0, 0};
    int filled = 0;
    for (bool last = false; !last;) {
        if (!refill(&stream)) return false;
        last = take(&stream, 1);
        switch (take(&stream, 2)) {
        case 0:
            filled = copy_block(&stream, end, lines, filled);
            break;
        case 1:
            filled = inflate_block(&stream, inflater, &inflater->fixed_literals,
                                   &inflater->fixed_distances, lines, filled);
            break;
        case 2:
            if (!read_codes(&stream, inflater)) return false;
            filled = inflate_block(&stream, inflater, &inflater->literals, &inflater->distances,
                                   lines, filled);
            break;
        default:
            return false;
        }
        if (filled < 0) return false;
    }
    at = stream.at - (stream.held >> 3 & 7);
    return filled == LINES && at + 4 == end && checksum_fits(at, lines);
}

void prepare_inflater(Inflater *inflater)
{
    for (unsigned i = 0; i < LITERALS; i++)
        inflater->literal_entries[i] = i < END_OF_BLOCK    ? LITERAL | ENTRY(i, 0)
                                       : i == END_OF_BLOCK ? SPECIAL | END
                                       : i < 286 ? ENTRY(LENGTH_BASE[i - 257], LENGTH_BITS[i - 257])
                                                 : NO_CODE;
    for (unsigned i = 0; i < DISTANCES; i++)
        inflater->distance_entries[i] =
            i < 30 ? ENTRY(DISTANCE_BASE[i], DISTANCE_BITS[i]) : NO_CODE;
    for (unsigned i = 0; i < 16; i++) inflater->length_entries[i] = i << 24 | ENTRY(1, 0);
    inflater->length_entries[16] = AGAIN | ENTRY(3, 2);
    inflater->length_entries[17] = ENTRY(3, 3);
    inflater->length_entries[18] = ENTRY(11, 7);
    inflater->reversed[0] = 0;
    for (unsigned i = 1; i < 1 << ROOT_BITS; i++)
        inflater->reversed[i] = inflater->reversed[i >> 1] >> 1 | (i & 1) << (ROOT_BITS - 1);
    /* Section 3.2.6: the lengths of the fixed codes. */
    uint8_t lengths[LITERALS];
    uint16_t used[LITERALS];
    memset(lengths, 8, sizeof lengths);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    fill(&inflater->fixed_literals, lengths, used, list_used(lengths, LITERALS, used),
         inflater->literal_entries, inflater->reversed);
    memset(lengths, 5, DISTANCES);
    fill(&inflater->fixed_distances, lengths, used, list_used(lengths, DISTANCES, used),
         inflater->distance_entries, inflater->reversed);
}
