/* Multiply images with the weights of a network's first layer, pixels that are not black alone.

   A digit inks a fifth of its image, and a black pixel adds nothing. An image's inked pixels are
   found as bits of a word; then each adds its row of weights, times the pixel, to the sums. These
   stay in registers for a panel of units, and the weights of a block of pixels in the first cache
   while many images use them. */

#include <string.h>

#include "kernels.h"

#if defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 }; /* SSE2 and NEON */
#endif

enum { SUMS = 8, PANEL = SUMS * LANES }; /* SUMS: registers of sums; with them others are left */
enum { BLOCK = 56, IMAGES = 64 }; /* pixels, and images: of 128 units 28 KB of weights, 32 of sums */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* Return the units of a panel. */
EXPORTED int panel_units(void) { return PANEL; }

/* Return a bit for each of BLOCK pixels, which says whether it is inked. */
static inline uint64_t inked(const uint8_t *pixels)
{
    const uint64_t low = 0x7f7f7f7f7f7f7f7f, ones = 0x0101010101010101;
    uint64_t bits = 0;
    for (int place = 0; place < BLOCK; place += 8) {
        uint64_t word;
        memcpy(&word, pixels + place, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        word = ((((word & low) + low) | word) >> 7) & ones; /* 1 in each byte that is not 0 */
        bits |= (word * 0x0102040810204080 >> 56) << place; /* the product gathers them */
    }
    return bits;
}

/* Add the weights of some pixels to the sums of an image. */
static void add_block(const uint8_t *pixels, const float *weights, size_t units, float *sums)
{
    uint8_t places[BLOCK];
    float values[BLOCK];
    int count = 0;
    for (uint64_t bits = inked(pixels); bits; bits &= bits - 1) {
        places[count] = (uint8_t)__builtin_ctzll(bits);
        values[count] = pixels[places[count]];
        count++;
    }
    if (count == 0) return; /* as in the image's margin */
    for (size_t unit = 0; unit < units; unit += PANEL) {
        const float *panel = weights + unit * PIXELS;
        lanes *to = (lanes *)(sums + unit), sum[SUMS];
        for (int k = 0; k < SUMS; k++) sum[k] = to[k];
        for (int i = 0; i < count; i++) {
            const lanes *row = (const lanes *)(panel + (size_t)places[i] * PANEL);
            const lanes value = values[i] - (lanes){0};
            for (int k = 0; k < SUMS; k++) sum[k] += value * row[k];
        }
        for (int k = 0; k < SUMS; k++) to[k] = sum[k];
    }
}

/* See `PixelProduct` in dense.py. */
EXPORTED void multiply_pixels(const uint8_t *images, size_t count, const float *weights,
                              const float *bias, size_t units, float *sums)
{
    for (size_t first = 0; first < count; first += IMAGES) {
        const size_t end = count - first < IMAGES ? count : first + IMAGES;
        for (size_t i = first; i < end; i++)
            memcpy(sums + i * units, bias, units * sizeof(float));
        for (size_t block = 0; block < PIXELS; block += BLOCK)
            for (size_t i = first; i < end; i++)
                add_block(images + i * PIXELS + block, weights + block * PANEL, units,
                          sums + i * units);
    }
}
