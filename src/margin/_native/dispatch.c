/* Which of the compiled kernel tables this machine can run. Compiled for the base instruction set. */
#include "kernels.h"

extern const margin_kernels margin_kernels_base;
#ifdef MARGIN_X86_LEVELS
extern const margin_kernels margin_kernels_v3;
extern const margin_kernels margin_kernels_v4;
#endif

/* Every feature of a level counts: the compiler may use any of them. gcc 12 knows the levels by name. */
#if defined(MARGIN_X86_LEVELS) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define HAS_V3 __builtin_cpu_supports("x86-64-v3")
#define HAS_V4 __builtin_cpu_supports("x86-64-v4")
#elif defined(MARGIN_X86_LEVELS)
#define HAS_V3                                                                                                         \
    (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&                \
     __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt"))
#define HAS_V4                                                                                                         \
    (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&   \
     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
#endif

int margin_available(const margin_kernels **tables)
{
    int n = 0;
    tables[n++] = &margin_kernels_base;
#ifdef MARGIN_X86_LEVELS
    __builtin_cpu_init();
    if (HAS_V3) {
        tables[n++] = &margin_kernels_v3;
        if (HAS_V4)
            tables[n++] = &margin_kernels_v4;
    }
#endif
    return n;
}
