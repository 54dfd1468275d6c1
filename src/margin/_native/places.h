/* Where each of a few keys stands when they are sorted: how many others come before it.
 *
 * Counting takes n * n comparisons, but no branch: below some dozens of keys that is quicker than any sort, which guesses wrong
 * at every other comparison. Keys are counted for 16 of them at once, one in each lane.
 */
#ifndef MARGIN_PLACES_H
#define MARGIN_PLACES_H

#include "kernels.h"

#define PLACED 16 /* keys placed at once; both arrays are padded to a multiple of it */

#if defined(__GNUC__) && defined(__AVX512F__)
#define KEY_LANES 16
#elif defined(__GNUC__) && defined(__AVX2__)
#define KEY_LANES 8
#elif defined(__GNUC__)
#define KEY_LANES 4
#endif

#ifdef KEY_LANES
typedef int32_t keys __attribute__((vector_size(KEY_LANES * 4), aligned(4), may_alias));

#define EACH_VECTOR _Pragma("GCC unroll 4") for (int v = 0; v < PLACED / KEY_LANES; ++v)

static void sorted_places(int64_t n, const int32_t *restrict key, int32_t *restrict place)
{
    keys lane[PLACED / KEY_LANES];
    for (int k = 0; k < PLACED; ++k)
        ((int32_t *)lane)[k] = k;
    for (int64_t first = 0; first < n; first += PLACED) {
        keys own[PLACED / KEY_LANES], before[PLACED / KEY_LANES];
        const int64_t last = n - first < PLACED ? n : first + PLACED;
        EACH_VECTOR
        {
            own[v] = ((const keys *)(key + first))[v];
            before[v] = (keys){0};
        }
        for (int64_t other = 0; other < first; ++other) /* of equal keys those come first that are first */
            EACH_VECTOR before[v] -= key[other] <= own[v];
        for (int64_t other = first; other < last; ++other)
            EACH_VECTOR before[v] -= (key[other] < own[v]) | ((key[other] == own[v]) & ((int32_t)(other - first) < lane[v]));
        for (int64_t other = last; other < n; ++other)
            EACH_VECTOR before[v] -= key[other] < own[v];
        EACH_VECTOR ((keys *)(place + first))[v] = before[v];
    }
}
#else
static void sorted_places(int64_t n, const int32_t *restrict key, int32_t *restrict place)
{
    for (int64_t i = 0; i < n; ++i) {
        int32_t before = 0;
        for (int64_t other = 0; other < n; ++other)
            before += (key[other] < key[i]) | ((key[other] == key[i]) & (other < i));
        place[i] = before;
    }
}
#endif

#endif
