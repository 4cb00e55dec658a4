/* Check images for MNIST's form, and sum their pixels. */

#include <math.h>
#include <stdbool.h>

#include "kernels.h"

/* Return how many places there are from the first bit that is set to the last one. */
static int extent(uint32_t places)
{
    return places ? 32 - __builtin_clz(places) - __builtin_ctz(places) : 0;
}

/* Without branches by row or column, which depend on the image and would be mispredicted. */
static bool is_formed(const uint8_t *image, int box, int centre, double slack)
{
    uint16_t columns[SIDE] = {0}; /* at most 28 * 255 */
    uint32_t mass = 0, down = 0, across = 0, inked_rows = 0, inked_columns = 0;
    for (int row = 0; row < SIDE; row++, image += SIDE) {
        uint32_t line = 0;
        for (int column = 0; column < SIDE; column++) line += image[column];
        for (int column = 0; column < SIDE; column++) columns[column] += image[column];
        mass += line;
        down += row * line;
        inked_rows |= (uint32_t)(line > 0) << row;
    }
    for (int column = 0; column < SIDE; column++) {
        across += column * columns[column];
        inked_columns |= (uint32_t)(columns[column] > 0) << column;
    }
    double middle = (double)centre * mass, most = slack * mass;
    return mass && extent(inked_rows) <= box && extent(inked_columns) <= box &&
           fabs(down - middle) <= most && fabs(across - middle) <= most;
}

/* See `check_form` in images.py. */
EXPORTED void check_form(const uint8_t *images, size_t count, int box, int centre, double slack,
                         uint8_t *formed)
{
    for (size_t i = 0; i < count; i++)
        formed[i] = is_formed(images + i * PIXELS, box, centre, slack);
}

/* See `sum_pixels` in images.py. */
EXPORTED void sum_pixels(const uint8_t *images, size_t count, uint32_t *sums)
{
    for (size_t i = 0; i < count; i++, images += PIXELS) {
        uint32_t total = 0;
        for (int place = 0; place < PIXELS; place++) total += images[place];
        sums[i] = total;
    }
}
