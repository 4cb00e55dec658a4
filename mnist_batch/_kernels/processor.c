/* What the processor can do, and which version of the kernels these are. */

#include "kernels.h"

EXPORTED int kernels_version(void) { return KERNELS_VERSION; }

#if defined(__x86_64__)
#include <cpuid.h>

/* Tell whether it has AVX2, FMA and BMI2, and the system keeps the registers of AVX (Intel's manual,
   volume 1, section 14.7.1). By hand, as not every compiler brings `__builtin_cpu_supports`. */
EXPORTED int has_avx2(void)
{
    unsigned a, b, c, d, low, high;
    const unsigned first = 1u << 12 | 1u << 27 | 1u << 28; /* FMA, XSAVE and AVX */
    const unsigned avx2 = 1u << 5, bmi = 1u << 3, bmi2 = 1u << 8;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & first) != first) return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
    return (b & avx2) && (b & bmi) && (b & bmi2);
}
#else
EXPORTED int has_avx2(void) { return 0; }
#endif
