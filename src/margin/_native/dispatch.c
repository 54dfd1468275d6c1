/* Which of the compiled kernel tables this machine can run. Compiled for the base instruction set. */
#include "kernels.h"

extern const margin_kernels margin_kernels_base;
#ifdef MARGIN_X86_LEVELS
extern const margin_kernels margin_kernels_v3;
extern const margin_kernels margin_kernels_v4;
#endif

int margin_available(const margin_kernels **tables)
{
    int n = 0;
    tables[n++] = &margin_kernels_base;
#ifdef MARGIN_X86_LEVELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
        __builtin_cpu_supports("bmi2")) {
        tables[n++] = &margin_kernels_v3;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            tables[n++] = &margin_kernels_v4;
    }
#endif
    return n;
}
