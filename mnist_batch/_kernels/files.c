/* Ask for the states of many files, and read small ones at once. */

#define _GNU_SOURCE /* O_PATH */

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernels.h"

enum {
    MAX_BYTES = 65536, /* a file of this size or above is left to whoever calls */
    LONGEST = 4096     /* bytes of a path: PATH_MAX of Linux, more than others take */
};

#ifndef O_PATH
#define O_PATH O_RDONLY
#endif
#ifdef __APPLE__
#define st_mtim st_mtimespec
#endif

/* A list of paths, one after the other without an end between them; `bounds` has one more. */
struct paths {
    const char *bytes;
    const int64_t *bounds;
    size_t count;
};

/* The folder of some paths, opened: the system finds a file in it in less time than by its path. */
struct folder {
    const char *name; /* with the `/` at its end; NULL before the first */
    size_t length;
    int descriptor; /* -1 where it is not open */
};

static const struct folder NONE = {NULL, 0, -1};

static void leave(struct folder *folder)
{
    if (folder->descriptor >= 0) close(folder->descriptor);
    *folder = NONE;
}

static size_t folder_length(const char *path, size_t length)
{
    while (length && path[length - 1] != '/') length--;
    return length;
}

static bool lies_in(const char *path, size_t length, const char *name, size_t folder)
{
    return length > folder && folder_length(path, length) == folder && !memcmp(path, name, folder);
}

/* Copy the name of a file into `name`, with a 0 behind it, and return the folder where it lies.

   That is the descriptor of the open folder, with a name in it, or AT_FDCWD with the whole path. A
   path that cannot be one leaves an empty name, which no file has. */
static int located(struct folder *folder, const struct paths *paths, size_t i, char *name)
{
    const char *path = paths->bytes + paths->bounds[i];
    size_t length = paths->bounds[i + 1] - paths->bounds[i];
    name[0] = 0;
    if (length >= LONGEST || memchr(path, 0, length)) return AT_FDCWD;
    if (!folder->name || !lies_in(path, length, folder->name, folder->length)) {
        leave(folder);
        size_t above = folder_length(path, length);
        /* To open it pays from the second file on. */
        if (above && above < length && i + 1 < paths->count &&
            lies_in(path + length, paths->bounds[i + 2] - paths->bounds[i + 1], path, above)) {
            memcpy(name, path, above);
            name[above] = 0;
            folder->name = path;
            folder->length = above;
            folder->descriptor = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
    }
    size_t skipped = folder->descriptor >= 0 ? folder->length : 0;
    memcpy(name, path + skipped, length - skipped);
    name[length - skipped] = 0;
    return skipped ? folder->descriptor : AT_FDCWD;
}

/* See `read_files` in files.py. */
EXPORTED size_t read_files(const char *bytes, const int64_t *path_bounds, size_t count, int flags,
                           uint8_t *data, size_t size, int32_t *bounds)
{
    const struct paths paths = {bytes, path_bounds, count};
    struct folder folder = NONE;
    char name[LONGEST];
    size_t at = 0, i = 0;
    bounds[0] = 0;
    for (; i < count && size - at >= MAX_BYTES; i++) {
        int where = located(&folder, &paths, i, name);
        int descriptor = openat(where, name, flags);
        if (descriptor >= 0) {
            ssize_t got = read(descriptor, data + at, MAX_BYTES);
            close(descriptor);
            if (0 < got && got < MAX_BYTES) at += got;
        }
        bounds[i + 1] = at;
    }
    leave(&folder);
    return i;
}

/* See `file_states` in files.py. */
EXPORTED void file_states(const char *bytes, const int64_t *path_bounds, size_t count,
                          int64_t *states)
{
    const struct paths paths = {bytes, path_bounds, count};
    struct folder folder = NONE;
    char name[LONGEST];
    for (size_t i = 0; i < count; i++, states += 4) {
        struct stat status;
        int where = located(&folder, &paths, i, name);
        if (fstatat(where, name, &status, 0)) {
            for (int k = 0; k < 4; k++) states[k] = -1;
            continue;
        }
        states[0] = status.st_size;
        states[1] = status.st_mtim.tv_sec;
        states[2] = status.st_mtim.tv_nsec;
        states[3] = status.st_ino;
    }
    leave(&folder);
}
