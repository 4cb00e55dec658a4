/* What the kernels share. They are called through ctypes, from the module beside each. */

#ifndef KERNELS_H
#define KERNELS_H

#include <stddef.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

/* To be raised with what an exported function takes or gives, here and in library.py: it does not
   call a library of another version. */
enum { KERNELS_VERSION = 1 };

enum { SIDE = 28, PIXELS = SIDE * SIDE }; /* of an image, as `mnist_batch.mnist` has them */

#endif
