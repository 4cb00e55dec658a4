/* Find the columns of a Parquet file in its footer, and follow the headers of their pages.

   The formats are those of Apache Parquet's `parquet.thrift` and of Thrift's compact protocol. The
   same in Python, for where there is no compiler, is plain_parquet.py. */

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernels.h"

/* What is filled, as parquet.py has it. */
enum { CODEC, VALUES, STORED_BYTES, DATA_PAGE, DICTIONARY_PAGE, NULLS, OF_CHUNK };
enum { AT, SEEN_VALUES, VALUE_BYTES, STATE, OF_PAGES };
enum { SOUND, DAMAGED, TOO_LARGE, MISCOUNTED };

/* Types of Thrift. Of a boolean field the type is the value. */
enum { STOP, TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, TEXT, LIST, SET, MAP, STRUCT };

enum {
    MAX_DEPTH = 16,       /* of structs and lists in one another; those of a footer are six deep */
    USUAL_BYTES = 4096,   /* read of a file at first: headers of several small pages */
    MAX_HEADER_BYTES = 1 << 20 /* it may hold the least and the greatest value of its page */
};
static const int64_t MAX_NUMBER = (int64_t)1 << 60; /* so that sums do not overflow */

/* Where bytes are read. Behind the last one comes 0, which ends numbers and structs, and
   `sound` is false from then on. */
typedef struct {
    const uint8_t *at;
    const uint8_t *end;
    bool sound;
} Reader;

static void fail(Reader *reader)
{
    reader->sound = false;
    reader->at = reader->end;
}

static unsigned read_byte(Reader *reader)
{
    if (reader->at < reader->end) return *reader->at++;
    fail(reader);
    return 0;
}

static void skip_bytes(Reader *reader, uint64_t count)
{
    if (count <= (uint64_t)(reader->end - reader->at))
        reader->at += count;
    else
        fail(reader);
}

/* Read a number stored in sevens of bits, the lowest first; no more than nine of them, which is
   more than any size has. */
static uint64_t read_varint(Reader *reader)
{
    uint64_t number = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        unsigned byte = read_byte(reader);
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) break;
    }
    return number;
}

/* Read a number that is a count or a place; -1 for one that is neither. It is stored zigzag: twice
   itself, and odd below 0. */
static int64_t read_size(Reader *reader)
{
    uint64_t number = read_varint(reader);
    return number & 1 || number > (uint64_t)MAX_NUMBER ? -1 : (int64_t)(number >> 1);
}

/* Go to the next field of a struct; return its type, and `STOP` at the end.

   Fields stand in the order of their numbers, as all writers put them: of one that is there twice,
   or with another type, Arrow would take another one than is read here. */
static int next_field(Reader *reader, int64_t *number)
{
    unsigned head = read_byte(reader);
    if (head == 0) return STOP;
    if (head >> 4) {
        *number += head >> 4;
        return head & 15;
    }
    int64_t before = *number;
    *number = read_size(reader);
    if (*number <= before) fail(reader);
    return reader->sound ? (int)(head & 15) : STOP;
}

/* Read how many values a list has, and their type. */
static uint64_t read_list(Reader *reader, int *kind)
{
    unsigned head = read_byte(reader);
    *kind = head & 15;
    return head >> 4 == 15 ? read_varint(reader) : head >> 4;
}

static void skip(Reader *reader, int kind, int depth);

/* Skip the fields of a struct that follow the one of a number. */
static void skip_fields(Reader *reader, int64_t number, int depth)
{
    for (int kind; (kind = next_field(reader, &number)) != STOP;)
        if (kind > FALSE) skip(reader, kind, depth);
}

/* Skip a value, `depth` being how many lists and structs it is in. */
static void skip(Reader *reader, int kind, int depth)
{
    switch (kind) {
    case STOP:
    case TRUE:
    case FALSE:
    case BYTE:
        read_byte(reader);
        break;
    case I16:
    case I32:
    case I64:
        while (read_byte(reader) > 127);
        break;
    case DOUBLE:
        skip_bytes(reader, 8);
        break;
    case TEXT:
        skip_bytes(reader, read_varint(reader));
        break;
    case LIST:
    case SET:
    case STRUCT:
        if (depth == MAX_DEPTH) {
            fail(reader);
        } else if (kind == STRUCT) {
            skip_fields(reader, 0, depth + 1);
        } else {
            uint64_t count = read_list(reader, &kind);
            for (; count && reader->sound; count--) skip(reader, kind, depth + 1);
        }
        break;
    default: /* a map, of which there are none */
        fail(reader);
    }
}

static void skip_field(Reader *reader, int kind)
{
    if (kind > FALSE) skip(reader, kind, 0);
}

/* Go to the field of a number in a struct, which has to be there and of that type. */
static bool find_field(Reader *reader, int64_t wanted, int wanted_kind)
{
    int64_t number = 0;
    int kind;
    while ((kind = next_field(reader, &number)) != STOP && number != wanted)
        skip_field(reader, kind);
    if (kind != wanted_kind) fail(reader);
    return reader->sound;
}

/* Go to the list of structs that is the field of a number; return whether it has so many. */
static bool find_list(Reader *reader, int64_t wanted, size_t size)
{
    int kind;
    return find_field(reader, wanted, LIST) && read_list(reader, &kind) == size && kind == STRUCT;
}

/* Return where a number of ColumnMetaData goes, -1 for those that are skipped. */
static int place_of(int64_t field)
{
    switch (field) {
    case 4: return CODEC;
    case 5: return VALUES;
    case 7: return STORED_BYTES;
    case 9: return DATA_PAGE;
    case 11: return DICTIONARY_PAGE;
    default: return -1;
    }
}

static void read_statistics(Reader *reader, int64_t *chunk)
{
    int64_t number = 0;
    for (int kind; (kind = next_field(reader, &number)) != STOP;) {
        if (number == 3 && kind == I64)
            chunk[NULLS] = read_size(reader);
        else
            skip_field(reader, kind);
    }
}

/* Read a ColumnChunk, of which field 3 is ColumnMetaData. */
static void read_column(Reader *reader, int64_t *chunk)
{
    if (!find_field(reader, 3, STRUCT)) return;
    int64_t number = 0;
    for (int kind; (kind = next_field(reader, &number)) != STOP;) {
        int place = place_of(number);
        if (place >= 0) {
            if (kind != (place == CODEC ? I32 : I64)) fail(reader);
            chunk[place] = read_size(reader);
        } else if (number == 12 && kind == STRUCT) {
            read_statistics(reader, chunk);
        } else {
            skip_field(reader, kind);
        }
    }
    skip_fields(reader, 3, 0);
}

/* See `find_chunks` in parquet.py: `chunks` has `groups` times `kept` of them. */
EXPORTED int find_chunks(const uint8_t *footer, size_t size, const int64_t *places, size_t columns,
                         int64_t *chunks, size_t groups, size_t kept)
{
    Reader reader = {footer, footer + size, true};
    if (!find_list(&reader, 4, groups)) return false;
    for (size_t group = 0; group < groups; group++, chunks += kept * OF_CHUNK) {
        if (!find_list(&reader, 1, columns)) return false;
        for (size_t column = 0; column < columns && reader.sound; column++) {
            if (places[column] >= 0)
                read_column(&reader, chunks + places[column] * OF_CHUNK);
            else
                skip(&reader, STRUCT, 0);
        }
        skip_fields(&reader, 1, 0);
    }
    skip_fields(&reader, 4, 0);
    return reader.sound;
}

/* What the header of a page says. */
typedef struct {
    int64_t length; /* of the header; -1 where there is none */
    int64_t kind;
    int64_t size;
    int64_t stored;
    int64_t values;
    int64_t encoding;
} Header;

enum { DATA, INDEX, DICTIONARY, DATA_V2 }; /* kinds of pages */

/* Read what the header of one kind of page says. */
static void read_details(Reader *reader, int64_t encoding_field, Header *header)
{
    int64_t number = 0;
    for (int kind; (kind = next_field(reader, &number)) != STOP;) {
        if (number != 1 && number != encoding_field) {
            skip_field(reader, kind);
            continue;
        }
        if (kind != I32) fail(reader);
        *(number == 1 ? &header->values : &header->encoding) = read_size(reader);
    }
}

/* Read a PageHeader. Nobody writes an index page, and Arrow would skip one in silence. */
static Header read_header(const uint8_t *at, const uint8_t *end)
{
    Reader reader = {at, end, true};
    Header header = {-1, -1, -1, -1, -1, -1};
    int64_t number = 0, details = -1;
    for (int kind; (kind = next_field(&reader, &number)) != STOP;) {
        if (number <= 3) {
            if (kind != I32) fail(&reader);
            *(number == 1 ? &header.kind : number == 2 ? &header.size : &header.stored) =
                read_size(&reader);
        } else if (number == 5 || number == 7 || number == 8) {
            if (kind != STRUCT) fail(&reader);
            details = number - 5;
            read_details(&reader, number == 8 ? 4 : 2, &header);
        } else {
            skip_field(&reader, kind);
        }
    }
    if (reader.sound && details >= 0 && details == header.kind) header.length = reader.at - at;
    return header;
}

/* Bytes of a file that were read. */
typedef struct {
    int64_t begin; /* where in the file */
    int64_t size;
    uint8_t bytes[USUAL_BYTES];
    uint8_t *more; /* room for a longer header; NULL before there is one */
    int descriptor;
} Window;

/* Read bytes of a file, and set how many, which are fewer only at its end. Return 0, or the number of
   an error. */
static int read_at(int descriptor, uint8_t *bytes, int64_t size, int64_t at, int64_t *done)
{
    for (*done = 0; *done < size;) {
        ssize_t got = pread(descriptor, bytes + *done, size - *done, at + *done);
        if (got == 0) break;
        if (got > 0)
            *done += got;
        else if (errno != EINTR)
            return errno;
    }
    return 0;
}

/* Read the header of the page at a byte of the file, before another; return 0, or the number of an
   error. */
static int read_header_at(Window *window, int64_t at, int64_t end, Header *header)
{
    int64_t skipped = at - window->begin;
    header->length = -1;
    /* Small pages stand so close that headers of several are read at once. */
    if (0 <= skipped && skipped < window->size)
        *header = read_header(window->bytes + skipped, window->bytes + window->size);
    if (header->length < 0) {
        window->begin = at;
        int error = read_at(window->descriptor, window->bytes, USUAL_BYTES, at, &window->size);
        if (error) return error;
        *header = read_header(window->bytes, window->bytes + window->size);
    }
    if (header->length < 0 && window->size == USUAL_BYTES && end - at > USUAL_BYTES) {
        if (!window->more) window->more = malloc(MAX_HEADER_BYTES);
        if (!window->more) return ENOMEM;
        int64_t size;
        int error = read_at(window->descriptor, window->more, MAX_HEADER_BYTES, at, &size);
        if (error) return error;
        *header = read_header(window->more, window->more + size);
    }
    if (header->length > end - at) header->length = -1;
    return 0;
}

static bool is_sound(const Header *header, int64_t room)
{
    return header->length >= 0 && header->size >= 0 && header->stored >= 0 &&
           header->values >= (header->kind != DICTIONARY) && header->stored <= room - header->length;
}

/* Follow the pages of a column chunk; return 0, or the number of an error. */
static int follow_pages(Window *window, const int64_t *chunk, int64_t most, int64_t *found)
{
    int64_t at = chunk[DATA_PAGE], dictionary = chunk[DICTIONARY_PAGE];
    if (0 < dictionary && dictionary < at) at = dictionary;
    int64_t end = at + chunk[STORED_BYTES], seen = 0, value_bytes = 1;
    int state = SOUND;
    while (state == SOUND && seen < chunk[VALUES]) {
        Header header = {.length = -1};
        int error = 0 <= at && at < end ? read_header_at(window, at, end, &header) : 0;
        if (error) return error;
        if (at == end) {
            state = MISCOUNTED;
        } else if (!is_sound(&header, end - at)) {
            state = DAMAGED;
        } else if (header.size > most) {
            state = TOO_LARGE;
        } else {
            int64_t size = header.size;
            if (header.kind != DICTIONARY) {
                seen += header.values;
                /* Values of DELTA_BYTE_ARRAY share prefixes: each may be as long as all of them. */
                if (header.encoding != 7) size /= header.values;
            }
            if (value_bytes < size) value_bytes = size;
            at += header.length + header.stored;
        }
    }
    if (state == SOUND && seen != chunk[VALUES]) state = MISCOUNTED;
    found[AT] = at;
    found[SEEN_VALUES] = seen;
    found[VALUE_BYTES] = value_bytes;
    found[STATE] = state;
    return 0;
}

/* See `check_pages` in parquet.py. Return 0, or the number of an error. */
EXPORTED int check_pages(int descriptor, const int64_t *chunks, size_t count, int64_t most,
                         int64_t *found)
{
    Window window = {.begin = 0, .size = 0, .more = NULL, .descriptor = descriptor};
    int error = 0;
    for (; !error && count; count--, chunks += OF_CHUNK, found += OF_PAGES)
        error = follow_pages(&window, chunks, most, found);
    free(window.more);
    return error;
}
