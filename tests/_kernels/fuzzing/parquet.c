/* What libFuzzer calls (`make fuzz-coverage`): an input is a byte that says how many row groups and
   columns are asked for, and then both a footer and the file that it stands for. */

#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels.h"

int find_chunks(const uint8_t *footer, size_t size, const int64_t *places, size_t columns,
                int64_t *chunks, size_t groups, size_t kept);
int check_pages(int descriptor, const int64_t *chunks, size_t count, int64_t most, int64_t *found);

enum { MAX_PAGE_BYTES = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static int descriptor;
    if (!descriptor) descriptor = memfd_create("pages", 0);
    if (size == 0) return -1; /* not kept */
    size_t groups = 1 + (input[0] & 3), columns = 1 + (input[0] >> 2 & 3), kept = (columns + 1) / 2;
    input++;
    size--;
    /* Each in memory of just its size, so that each byte read or written beyond it is seen. */
    uint8_t *footer = malloc(size ? size : 1);
    int64_t *places = malloc(columns * sizeof *places);
    int64_t *chunks = calloc(groups * kept * 6, sizeof *chunks);
    int64_t *found = calloc(groups * kept * 4, sizeof *found);
    if (size) memcpy(footer, input, size);
    for (size_t column = 0; column < columns; column++)
        places[column] = column % 2 ? -1 : (int64_t)column / 2;
    if (ftruncate(descriptor, 0) || pwrite(descriptor, footer, size, 0) != (ssize_t)size) abort();
    find_chunks(footer, size, places, columns, chunks, groups, kept);
    check_pages(descriptor, chunks, groups * kept, MAX_PAGE_BYTES, found);
    /* Few footers lead to a page: one that all of the input is. */
    const int64_t whole[6] = {0, 100, (int64_t)size, 0, 0, 0};
    check_pages(descriptor, whole, 1, MAX_PAGE_BYTES, found);
    free(footer);
    free(places);
    free(chunks);
    free(found);
    return 0;
}
