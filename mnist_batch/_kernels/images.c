/* Check images for MNIST's form, and sum their pixels. */

#include <math.h>
#include <stdbool.h>

#include "kernels.h"

static bool is_formed(const uint8_t *image, int box, int centre, double slack)
{
    uint16_t columns[SIDE] = {0}; /* at most 28 * 255 */
    int64_t mass = 0, down = 0, across = 0;
    int first = SIDE, last = -1;
    for (int row = 0; row < SIDE; row++, image += SIDE) {
        uint32_t line = 0;
        for (int column = 0; column < SIDE; column++) line += image[column];
        if (!line) continue;
        for (int column = 0; column < SIDE; column++) columns[column] += image[column];
        if (first > row) first = row;
        last = row;
        mass += line;
        down += row * (int64_t)line;
    }
    if (mass == 0 || last - first + 1 > box) return false;
    first = SIDE;
    for (int column = 0; column < SIDE; column++) {
        if (!columns[column]) continue;
        if (first > column) first = column;
        last = column;
        across += column * (int64_t)columns[column];
    }
    return last - first + 1 <= box && fabs((double)(down - centre * mass)) <= slack * mass &&
           fabs((double)(across - centre * mass)) <= slack * mass;
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
