/* What libFuzzer calls (`make fuzz-coverage`): an input is the zlib stream of an image. */

#include <stdlib.h>
#include <string.h>

#include "inflate.h"

int decode_pngs(const uint8_t *data, const int32_t *bounds, const uint8_t *wanted, size_t count,
                uint8_t *images, uint8_t *decoded);

/* All before the stream but for its size, and all behind it; the CRCs in between are not read. */
static const uint8_t FRONT[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0W\x66\x80H";
static const uint8_t BACK[] = "\0\0\0\0\0\0\0\0IEND\xae\x42\x60\x82";
enum { BEFORE = sizeof FRONT - 1, AROUND = BEFORE + 8 + sizeof BACK - 1, MAX_SIZE = 1 << 14 };

/* Write the Adler-32 of what the stream decompresses to where it has its own, which no mutation
   would find. The lines are there even where the checksum is wrong. */
static void correct_checksum(uint8_t *stream, size_t size)
{
    static Inflater inflater;
    static bool prepared;
    if (!prepared) prepare_inflater(&inflater);
    prepared = true;
    uint8_t lines[ROOM] = {0};
    inflate(&inflater, stream, stream + size, lines);
    uint32_t low = 1, high = 0;
    for (int i = 0; i < LINES; i++) {
        low = (low + lines[i]) % 65521;
        high = (high + low) % 65521;
    }
    uint8_t *checksum = stream + size - 4;
    checksum[0] = high >> 8;
    checksum[1] = high;
    checksum[2] = low >> 8;
    checksum[3] = low;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    if (size > MAX_SIZE) return -1; /* not kept */
    /* A file of just its size, so that each byte read beyond it is seen. */
    uint8_t *file = malloc(AROUND + size), image[PIXELS], decoded;
    uint8_t *stream = file + BEFORE + 8;
    const uint8_t head[] = {0, 0, size >> 8, size, 'I', 'D', 'A', 'T'}, wanted = 1;
    const int32_t bounds[] = {0, (int32_t)(AROUND + size)};
    memcpy(file, FRONT, BEFORE);
    memcpy(file + BEFORE, head, sizeof head);
    memcpy(stream, input, size);
    memcpy(stream + size, BACK, sizeof BACK - 1);
    if (size >= 8) correct_checksum(stream, size);
    decode_pngs(file, bounds, &wanted, 1, image, &decoded);
    free(file);
    return 0;
}
