/* Explicit vectors where the compiler has them: the widest of the instruction set, and what a minimum needs of them.
 *
 * gcc does not see a minimum, nor a mask of bits, in comparisons and selects of its own vectors: these few are intrinsics.
 */
#ifndef MARGIN_VECTORS_H
#define MARGIN_VECTORS_H

#include "kernels.h"

#if defined(__GNUC__) && defined(__AVX512F__)
#define VECTOR_LANES 8
#elif defined(__GNUC__) && defined(__AVX__)
#define VECTOR_LANES 4
#elif defined(__GNUC__)
#define VECTOR_LANES 2
#else
#define VECTOR_LANES 1
#endif

#if defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 20")
#else
#define UNROLLED
#endif

#if VECTOR_LANES == 1
typedef double vector;
typedef double lanes;
#else
typedef double vector __attribute__((vector_size(VECTOR_LANES * 8), aligned(8), may_alias));
typedef double lanes __attribute__((vector_size(VECTOR_LANES * 8)));
typedef int64_t places __attribute__((vector_size(VECTOR_LANES * 8)));

/* smaller: lane by lane, the first where neither is. flags: one for each lane, | joins them, bits_of_flags are bits 0 and on.
 * turned: lanes moved so that log2(lanes) steps of it bring each together with every other. */
#if VECTOR_LANES == 8
#include <immintrin.h>
typedef __mmask8 flags;
#define TURNS 3
KERNEL_INLINE lanes smaller(lanes a, lanes b) { return (lanes)_mm512_min_pd((__m512d)b, (__m512d)a); }
KERNEL_INLINE flags equal(lanes a, lanes b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_EQ_OQ); }
KERNEL_INLINE flags unordered(lanes a, lanes b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_UNORD_Q); }
KERNEL_INLINE uint64_t bits_of_flags(flags f) { return f; }
KERNEL_INLINE lanes turned(lanes v, int step)
{
    const __m512d w = (__m512d)v;
    return (lanes)(step == 0   ? _mm512_shuffle_f64x2(w, w, 0x4e)
                   : step == 1 ? _mm512_shuffle_f64x2(w, w, 0xb1)
                               : _mm512_permute_pd(w, 0x55));
}
#elif VECTOR_LANES == 4
#include <immintrin.h>
typedef places flags;
#define TURNS 2
KERNEL_INLINE lanes smaller(lanes a, lanes b) { return (lanes)_mm256_min_pd((__m256d)b, (__m256d)a); }
KERNEL_INLINE flags equal(lanes a, lanes b) { return (flags)(a == b); }
KERNEL_INLINE flags unordered(lanes a, lanes b) { return (flags)_mm256_cmp_pd((__m256d)a, (__m256d)b, _CMP_UNORD_Q); }
KERNEL_INLINE uint64_t bits_of_flags(flags f) { return (uint64_t)_mm256_movemask_pd((__m256d)f); }
KERNEL_INLINE lanes turned(lanes v, int step)
{
    const __m256d w = (__m256d)v;
    return (lanes)(step == 0 ? _mm256_permute2f128_pd(w, w, 1) : _mm256_permute_pd(w, 5));
}
#elif defined(__SSE2__)
#include <emmintrin.h>
typedef places flags;
#define TURNS 1
KERNEL_INLINE lanes smaller(lanes a, lanes b) { return (lanes)_mm_min_pd((__m128d)b, (__m128d)a); }
KERNEL_INLINE flags equal(lanes a, lanes b) { return (flags)(a == b); }
KERNEL_INLINE flags unordered(lanes a, lanes b) { return (flags)_mm_cmpunord_pd((__m128d)a, (__m128d)b); }
KERNEL_INLINE uint64_t bits_of_flags(flags f) { return (uint64_t)_mm_movemask_pd((__m128d)f); }
KERNEL_INLINE lanes turned(lanes v, int step) { return (void)step, (lanes)_mm_shuffle_pd((__m128d)v, (__m128d)v, 1); }
#else
typedef places flags;
#define TURNS 1
KERNEL_INLINE lanes smaller(lanes a, lanes b)
{
    const places less = b < a;
    return (lanes)((less & (places)b) | (~less & (places)a));
}
KERNEL_INLINE flags equal(lanes a, lanes b) { return (flags)(a == b); }
KERNEL_INLINE flags unordered(lanes a, lanes b) { return (flags)(a != a) | (flags)(b != b); }
KERNEL_INLINE uint64_t bits_of_flags(flags f) { return ((uint64_t)f[0] & 1) | ((uint64_t)f[1] & 2); }
KERNEL_INLINE lanes turned(lanes v, int step) { return (void)step, (lanes){v[1], v[0]}; }
#endif

/* The lowest lane in every lane. Halves against each other, so that nothing is guessed and the steps are few. */
KERNEL_INLINE lanes least(lanes v)
{
    UNROLLED
    for (int step = 0; step < TURNS; ++step)
        v = smaller(v, turned(v, step));
    return v;
}

#endif
#endif
