/* Decompress what a PNG image like MNIST's holds. */

#ifndef INFLATE_H
#define INFLATE_H

#include <stdbool.h>

#include "kernels.h"

enum {
    LINE = 1 + SIDE, /* bytes of a line before compression: its filter type, then its pixels */
    LINES = SIDE * LINE,
    BEHIND = 16,        /* bytes behind the compressed data that have to be there to be read */
    ROOT_BITS = 10,     /* a code of so many bits is decoded by one look into a table */
    MAX_CODE_BITS = 15,
    LITERALS = 288,     /* symbols of the code for literals and lengths */
    DISTANCES = 32,     /* of the code for distances */
    CODE_LENGTHS = 19,  /* of the code for code lengths */
    ROOM = LINES + 3 + 258 + 32 /* what one turn of the loop may write beyond the lines */
};

/* A canonical Huffman code. */
typedef struct {
    uint32_t entries[1 << ROOT_BITS]; /* see inflate.c; by the next bits, the first one lowest */
    int bits;                         /* of an index into them */
    uint16_t counts[MAX_CODE_BITS + 1]; /* of codes, by their bits */
    uint16_t symbols[LITERALS];         /* in the order of their codes */
} Code;

/* What is kept from image to image. */
typedef struct {
    Code literals, distances, code_lengths, fixed_literals, fixed_distances;
    uint32_t literal_entries[LITERALS], distance_entries[DISTANCES], length_entries[CODE_LENGTHS];
    uint16_t reversed[1 << ROOT_BITS];
} Inflater;

/* Fill all that is the same for all images. */
void prepare_inflater(Inflater *inflater);

/* Decompress a zlib stream; return whether it is sound and just fills the lines. Of the stream 2
   bytes are there at least, and `BEHIND` bytes behind it; `lines` has `ROOM`. */
bool inflate(Inflater *inflater, const uint8_t *at, const uint8_t *end, uint8_t *lines);

#endif
