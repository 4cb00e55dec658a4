/* Decode many PNG images like MNIST's at once.

   Like MNIST's means 28x28 pixels of 8-bit grey, not interlaced, with one IDAT chunk and no chunk
   other than IHDR, IDAT and IEND. All other images, and damaged ones, are left to Pillow, which
   also says what is wrong. So this decoder is strict, and need not be complete.

   Sources of the formats: PNG (W3C Recommendation, third edition), zlib (RFC 1950), DEFLATE
   (RFC 1951). */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

enum {
    LINE = 1 + SIDE, /* bytes of a line before compression: its filter type, then its pixels */
    LINES = SIDE * LINE,
    LITERALS = 286,  /* symbols of the code for literals and lengths */
    DISTANCES = 30,  /* of the code for distances */
    CODE_LENGTHS = 19,
    END_OF_BLOCK = 256,
    MAX_CODE_BITS = 15,
    MAX_LENGTH_BITS = 7, /* of the code for code lengths */
    NOT_A_CODE = -1
};

static const uint8_t FRONT[] = {
    0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', /* the signature */
    0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 0, 0, 0, 0, /* 8 bits, grey */
    0x57, 0x66, 0x80, 0x48 /* the chunk's CRC */
};
static const uint8_t END[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

/* What follows the compressed data in a file: the CRC of its chunk, and the last chunk. So many
   bytes more than it has can be read. */
enum { BEHIND = 4 + sizeof END };

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

/* A table decodes one Huffman code: under each number whose low bits are a code, first bit lowest,
   stands `symbol << 4 | bits`; 0 where there is none. As much of a table is filled as its longest
   code has values. */
typedef struct {
    uint16_t *entries;
    int bits; /* of its longest code */
} Table;

/* Room for the tables, kept from image to image. */
typedef struct {
    uint8_t lines[LINES]; /* an image before its filters are undone */
    uint16_t literals[1 << MAX_CODE_BITS];
    uint16_t distances[1 << MAX_CODE_BITS];
    uint16_t code_lengths[1 << MAX_LENGTH_BITS];
    uint16_t fixed_literals[1 << 9];
    uint16_t fixed_distances[1 << 5];
} Room;

/* Where the compressed data is read: its next bits, the next one lowest, and how many there are.
   Above them may be bits that come again with the next refill. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end; /* of the compressed data */
    uint64_t bits;
    int held;
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
   many are missing, which would often be mispredicted. */
static inline bool refill(Stream *stream)
{
    if (stream->at > stream->end + BEHIND - 8) return false;
    stream->bits |= load(stream->at) << stream->held;
    stream->at += (63 - stream->held) >> 3;
    stream->held |= 56;
    return true;
}

static inline unsigned take(Stream *stream, int count)
{
    unsigned value = stream->bits & ((1u << count) - 1);
    stream->bits >>= count;
    stream->held -= count;
    return value;
}

/* Take a code; return its entry. */
static inline unsigned take_code(Stream *stream, Table table)
{
    unsigned entry = table.entries[stream->bits & ((1u << table.bits) - 1)];
    stream->bits >>= entry & 15;
    stream->held -= entry & 15;
    return entry;
}

static unsigned reversed(unsigned code, int bits)
{
    unsigned result = 0;
    for (int i = 0; i < bits; i++) result |= (code >> i & 1) << (bits - 1 - i);
    return result;
}

/* Fill the table of a canonical Huffman code (section 3.2.2), given each symbol's length in bits,
   0 for none; return the longest, or `NOT_A_CODE` if no code has these lengths. One code of one
   bit, or none, is a code, as in DEFLATE for distances. */
static int fill(uint16_t *table, const uint8_t *lengths, int symbols)
{
    unsigned ends[MAX_CODE_BITS + 1] = {0};
    uint16_t sorted[LITERALS + 2];
    for (int i = 0; i < symbols; i++) ends[lengths[i]]++;
    int free = 1, longest = 0;
    unsigned codes = 0;
    for (int bits = 1; bits <= MAX_CODE_BITS; bits++) {
        unsigned count = ends[bits];
        free = 2 * free - (int)count;
        if (free < 0) return NOT_A_CODE;
        if (count) longest = bits;
        ends[bits] = codes;
        codes += count;
    }
    for (int i = 0; i < symbols; i++)
        if (lengths[i]) sorted[ends[lengths[i]]++] = i;
    if (free > 0) {
        if (codes > 1 || longest > 1) return NOT_A_CODE;
        table[0] = codes ? sorted[0] << 4 | 1 : 0;
        table[1] = 0;
        return 1;
    }
    unsigned code = 0, rank = 0;
    size_t size = 1;
    for (int bits = 1; bits <= longest; bits++) {
        memcpy(table + size, table, size * sizeof *table);
        size *= 2;
        /* A code comes with its first bit first, so that it stands reversed in the index. */
        for (code *= 2; rank < ends[bits]; code++, rank++)
            table[reversed(code, bits)] = sorted[rank] << 4 | bits;
    }
    return longest;
}

/* Read the codes of a dynamic block (section 3.2.7) into their tables; return whether they are
   sound. */
static bool read_codes(Stream *stream, Room *room, Table *literals, Table *distances)
{
    if (!refill(stream)) return false;
    int literal_count = take(stream, 5) + 257, distance_count = take(stream, 5) + 1;
    int count = take(stream, 4) + 4, all = literal_count + distance_count;
    if (literal_count > LITERALS || distance_count > DISTANCES) return false;
    uint8_t of_lengths[CODE_LENGTHS] = {0};
    for (int i = 0; i < count; i++) {
        if (!refill(stream)) return false;
        of_lengths[CODE_ORDER[i]] = take(stream, 3);
    }
    Table codes = {room->code_lengths, fill(room->code_lengths, of_lengths, CODE_LENGTHS)};
    if (codes.bits < 0) return false;
    uint8_t lengths[LITERALS + DISTANCES];
    for (int i = 0; i < all;) {
        if (!refill(stream)) return false;
        unsigned entry = take_code(stream, codes), symbol = entry >> 4;
        if (!entry) return false;
        if (symbol < 16) {
            lengths[i++] = symbol;
            continue;
        }
        int times = symbol == 16   ? 3 + (int)take(stream, 2)
                    : symbol == 17 ? 3 + (int)take(stream, 3)
                                   : 11 + (int)take(stream, 7);
        if (i + times > all || (symbol == 16 && i == 0)) return false;
        memset(lengths + i, symbol == 16 ? lengths[i - 1] : 0, times);
        i += times;
    }
    if (!lengths[END_OF_BLOCK]) return false;
    literals->entries = room->literals;
    literals->bits = fill(room->literals, lengths, literal_count);
    distances->entries = room->distances;
    distances->bits = fill(room->distances, lengths + literal_count, distance_count);
    return literals->bits > 0 && distances->bits > 0;
}

/* Decompress a block after its codes (section 3.2.3) to `lines`, from `filled` on; return how much
   of it is filled then, or -1 if the data is wrong. */
static int inflate_block(Stream *stream, uint8_t *lines, int filled, Table literals, Table distances)
{
    while (refill(stream)) { /* enough for the longest pair: 48 bits */
        unsigned entry = take_code(stream, literals), symbol = entry >> 4;
        if (symbol < END_OF_BLOCK) {
            if (!entry || filled == LINES) return -1;
            lines[filled++] = symbol;
            continue;
        }
        if (symbol == END_OF_BLOCK) return filled;
        symbol -= END_OF_BLOCK + 1;
        if (symbol >= sizeof LENGTH_BITS) return -1;
        int length = LENGTH_BASE[symbol] + take(stream, LENGTH_BITS[symbol]);
        entry = take_code(stream, distances);
        symbol = entry >> 4;
        if (!entry || symbol >= sizeof DISTANCE_BITS) return -1;
        int distance = DISTANCE_BASE[symbol] + take(stream, DISTANCE_BITS[symbol]);
        if (distance > filled || filled + length > LINES) return -1;
        uint8_t *to = lines + filled;
        if (distance == 1)
            memset(to, to[-1], length);
        else
            for (int i = 0; i < length; i++) to[i] = to[i - distance]; /* they may overlap */
        filled += length;
    }
    return -1;
}

/* Copy a stored block (section 3.2.4) to `lines`; return as `inflate_block` does. */
static int copy_block(Stream *stream, uint8_t *lines, int filled)
{
    stream->at -= stream->held >> 3; /* whole bytes that are held are read again */
    stream->bits = stream->held = 0;
    if (stream->at + 4 > stream->end) return -1;
    int size = stream->at[0] | stream->at[1] << 8, inverse = stream->at[2] | stream->at[3] << 8;
    stream->at += 4;
    if ((size ^ inverse) != 0xFFFF || size > stream->end - stream->at || filled + size > LINES)
        return -1;
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

/* Decompress a zlib stream to `room->lines`; return whether it is sound and just fills them. */
static bool inflate(const uint8_t *at, const uint8_t *end, Room *room)
{
    unsigned method = at[0], flags = at[1];
    if ((method & 15) != 8 || method >> 4 > 7 || (method << 8 | flags) % 31 || flags & 32)
        return false;
    Stream stream = {at + 2, end, 0, 0};
    int filled = 0;
    for (bool last = false; !last;) {
        if (!refill(&stream)) return false;
        last = take(&stream, 1);
        unsigned kind = take(&stream, 2);
        Table literals = {room->fixed_literals, 9}, distances = {room->fixed_distances, 5};
        if (kind == 0)
            filled = copy_block(&stream, room->lines, filled);
        else if (kind == 3 || (kind == 2 && !read_codes(&stream, room, &literals, &distances)))
            return false;
        else
            filled = inflate_block(&stream, room->lines, filled, literals, distances);
        if (filled < 0) return false;
    }
    at = stream.at - (stream.held >> 3);
    return filled == LINES && at + 4 == end && checksum_fits(at, room->lines);
}

static inline int absolute(int value) { return value < 0 ? -value : value; }

/* Undo the filters of lines (PNG, section 9); return whether all are known. */
static bool unfilter(const uint8_t *lines, uint8_t *image)
{
    static const uint8_t black[SIDE];
    const uint8_t *above = black;
    for (int y = 0; y < SIDE; y++, above = image, image += SIDE) {
        const uint8_t *line = lines + y * LINE + 1;
        int left = 0, above_left = 0;
        switch (line[-1]) {
        case 0:
            memcpy(image, line, SIDE);
            break;
        case 1:
            for (int x = 0; x < SIDE; x++) image[x] = left = (left + line[x]) & 255;
            break;
        case 2:
            for (int x = 0; x < SIDE; x++) image[x] = line[x] + above[x];
            break;
        case 3:
            for (int x = 0; x < SIDE; x++) image[x] = left = (line[x] + ((left + above[x]) >> 1)) & 255;
            break;
        case 4:
            for (int x = 0; x < SIDE; x++) {
                int up = above[x];
                int by_left = absolute(up - above_left), by_up = absolute(left - above_left);
                int by_both = absolute(left + up - 2 * above_left);
                int predicted = by_left <= by_up && by_left <= by_both ? left
                                : by_up <= by_both                     ? up
                                                                       : above_left;
                image[x] = left = (line[x] + predicted) & 255;
                above_left = up;
            }
            break;
        default:
            return false;
        }
    }
    return true;
}

static bool decode(const uint8_t *file, size_t size, uint8_t *image, Room *room)
{
    const size_t around = sizeof FRONT + 4 + 4 + 4 + sizeof END; /* with the chunk's size, type, CRC */
    if (size < around + 8 || size >= around + (1 << 24) || memcmp(file, FRONT, sizeof FRONT))
        return false;
    const uint8_t *chunk = file + sizeof FRONT, *data = chunk + 8;
    size_t stored = (size_t)chunk[0] << 24 | chunk[1] << 16 | chunk[2] << 8 | chunk[3];
    /* Like Pillow this does not look at the data's CRC: its checksum tells as much. */
    return stored == size - around && !memcmp(chunk + 4, "IDAT", 4) &&
           !memcmp(file + size - sizeof END, END, sizeof END) &&
           inflate(data, data + stored, room) && unfilter(room->lines, image);
}

/* Section 3.2.6: the lengths of the fixed codes. */
static void fill_fixed(Room *room)
{
    uint8_t lengths[288];
    memset(lengths, 8, sizeof lengths);
    memset(lengths + 144, 9, 112);
    memset(lengths + 256, 7, 24);
    fill(room->fixed_literals, lengths, 288);
    memset(lengths, 5, 32);
    fill(room->fixed_distances, lengths, 32);
}

/* See `decode_pngs` in png.py. Return 0, or -1 where there is no memory. */
EXPORTED int decode_pngs(const uint8_t *data, const int32_t *bounds, const uint8_t *wanted,
                         size_t count, uint8_t *images, uint8_t *decoded)
{
    Room *room = malloc(sizeof *room);
    if (!room) return -1;
    fill_fixed(room);
    for (size_t i = 0; i < count; i++)
        decoded[i] = wanted[i] && decode(data + bounds[i], bounds[i + 1] - bounds[i],
                                         images + i * PIXELS, room);
    free(room);
    return 0;
}
