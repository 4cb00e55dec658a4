/* Decode many PNG images like MNIST's at once.

   Like MNIST's means 28x28 pixels of 8-bit grey, not interlaced, with one IDAT chunk and no chunk
   other than IHDR, IDAT and IEND. All other images, and damaged ones, are left to Pillow, which
   also says what is wrong. So this decoder is strict, and need not be complete.

   Source of the format: PNG (W3C Recommendation, third edition). */

#include <string.h>

#include "inflate.h"

static const uint8_t FRONT[] = {
    0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', /* the signature */
    0, 0, 0, 13, 'I', 'H', 'D', 'R', 0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 0, 0, 0, 0, /* 8 bits, grey */
    0x57, 0x66, 0x80, 0x48 /* the chunk's CRC */
};
static const uint8_t END[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};

/* What follows the compressed data: the CRC of its chunk, and the last chunk. */
_Static_assert(4 + sizeof END >= BEHIND, "the inflater may read so far");

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
                /* The nearest to left + up - above_left, written so that little waits for `left`:
                   above_left if the sum lies clearly between left and up, else the end that is
                   nearer to it. Tried for all 2^24 neighbours; ties are as PNG has them. */
                int up = above[x], low = left < up ? left : up, high = left < up ? up : left;
                int turn = 3 * above_left - left - up;
                int predicted = turn <= low ? high : high <= turn ? low : above_left;
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

static bool decode(const uint8_t *file, size_t size, uint8_t *image, Inflater *inflater)
{
    const size_t around = sizeof FRONT + 4 + 4 + 4 + sizeof END; /* with the chunk's size, type, CRC */
    if (size < around + 8 || size >= around + (1 << 24) || memcmp(file, FRONT, sizeof FRONT))
        return false;
    const uint8_t *chunk = file + sizeof FRONT, *data = chunk + 8;
    size_t stored = (size_t)chunk[0] << 24 | chunk[1] << 16 | chunk[2] << 8 | chunk[3];
    uint8_t lines[ROOM];
    /* Like Pillow this does not look at the data's CRC: its checksum tells as much. */
    return stored == size - around && !memcmp(chunk + 4, "IDAT", 4) &&
           !memcmp(file + size - sizeof END, END, sizeof END) &&
           inflate(inflater, data, data + stored, lines) && unfilter(lines, image);
}

/* See `decode_pngs` in png.py. */
EXPORTED void decode_pngs(const uint8_t *data, const int32_t *bounds, const uint8_t *wanted,
                          size_t count, uint8_t *images, uint8_t *decoded)
{
    Inflater inflater;
    prepare_inflater(&inflater);
    for (size_t i = 0; i < count; i++)
        decoded[i] = wanted[i] && decode(data + bounds[i], bounds[i + 1] - bounds[i],
                                         images + i * PIXELS, &inflater);
}
