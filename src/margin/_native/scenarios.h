/* Sums of table rows, and the lowest of a vector: the inner loops of a portfolio model.
 *
 * A compiler keeps a plain array of accumulators in memory, which costs a factor of 3. Here a strip of the row, up to 40
 * columns, is accumulated in registers: explicit vectors where the compiler has them, plain loops elsewhere. Products are
 * rounded before they are added (no fused multiply-add), as in scipy.sparse and in the Python twin.
 */
#ifndef MARGIN_SCENARIOS_H
#define MARGIN_SCENARIOS_H

#include "kernels.h"

#include <math.h>

#if defined(__GNUC__) && defined(__AVX512F__)
#define VECTOR_LANES 8
#elif defined(__GNUC__) && defined(__AVX__)
#define VECTOR_LANES 4
#elif defined(__GNUC__)
#define VECTOR_LANES 2
#else
#define VECTOR_LANES 1
#endif

#if VECTOR_LANES > 1
typedef double vector __attribute__((vector_size(VECTOR_LANES * 8), aligned(8), may_alias));
typedef double lanes __attribute__((vector_size(VECTOR_LANES * 8)));
#else
typedef double vector;
typedef double lanes;
#endif

#define STRIP 40

#if defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 20")
#else
#define UNROLLED
#endif

/* columns is a constant multiple of 8 at every call, so that the loops over it unroll and total stays in registers */
KERNEL_INLINE void combine_strip(int columns, int64_t n_lines, const int32_t *restrict row,
                                 const double *restrict quantity, const double *restrict table, int64_t width,
                                 double *restrict out)
{
    lanes total[STRIP / VECTOR_LANES];
    UNROLLED
    for (int k = 0; k < columns / VECTOR_LANES; ++k)
        total[k] = (lanes){0};
    for (int64_t line = 0; line < n_lines; ++line) {
        const vector *const values = (const vector *)(table + row[line] * width);
        const double held = quantity[line];
        UNROLLED
        for (int k = 0; k < columns / VECTOR_LANES; ++k)
            total[k] += held * values[k];
    }
    UNROLLED
    for (int k = 0; k < columns / VECTOR_LANES; ++k)
        ((vector *)out)[k] = total[k];
}

static void combine(int64_t n_lines, const int32_t *restrict row, const double *restrict quantity,
                    const double *restrict table, int64_t width, double *restrict out)
{
    int64_t column = 0;
    for (; width - column >= STRIP; column += STRIP)
        combine_strip(STRIP, n_lines, row, quantity, table + column, width, out + column);
    switch (width - column) {
    case 32:
        combine_strip(32, n_lines, row, quantity, table + column, width, out + column);
        break;
    case 24:
        combine_strip(24, n_lines, row, quantity, table + column, width, out + column);
        break;
    case 16:
        combine_strip(16, n_lines, row, quantity, table + column, width, out + column);
        break;
    case 8:
        combine_strip(8, n_lines, row, quantity, table + column, width, out + column);
        break;
    default:
        break;
    }
}

static void fold(int64_t n_scenarios, const double *restrict value, double base, double gain, double loss,
                 const double *restrict absolute, double *restrict total)
{
    for (int64_t s = 0; s < n_scenarios; ++s) {
        const double profit = value[s] * (value[s] >= 0.0 ? gain : loss) - base;
        total[s] += absolute[s] != 0.0 ? -fabs(profit) : profit;
    }
}

static double lowest_plain(int64_t n_scenarios, const double *restrict profit, const double *restrict relief,
                           int32_t *restrict scenario)
{
    double best = profit[0] + relief[0];
    int32_t where = 0;
    for (int64_t s = 1; s < n_scenarios; ++s) {
        const double value = profit[s] + relief[s];
        if (!(value >= best) && best == best) {
            best = value;
            where = (int32_t)s;
        }
    }
    *scenario = where;
    return best;
}

#if VECTOR_LANES > 1
typedef int64_t places __attribute__((vector_size(VECTOR_LANES * 8)));

/* Each lane keeps its lowest value and where it stood; both arrays may be read up to the padded width. Lanes beyond the last
 * scenario count as infinite. The lowest of the lanes is found without branches, which would be guessed wrong. */
static double lowest(int64_t n_scenarios, const double *restrict profit, const double *restrict relief,
                     int32_t *restrict scenario)
{
    lanes best;
    places where = {0}, is_nan = {0}, lane;
    for (int k = 0; k < VECTOR_LANES; ++k) {
        best[k] = INFINITY;
        lane[k] = k;
    }
    for (int64_t s = 0; s < n_scenarios; s += VECTOR_LANES) {
        const lanes sum = *(const vector *)(profit + s) + *(const vector *)(relief + s);
        const places outside = lane >= lane - lane + (n_scenarios - s);
        const lanes value = (lanes)((outside & (places)(lanes){0}) | (~outside & (places)sum));
        const places less = (value < best) & ~outside;
        best = (lanes)((less & (places)value) | (~less & (places)best));
        where = (less & (where - where + s)) | (~less & where);
        is_nan |= value != value;
    }
    int64_t any = 0;
    double least = INFINITY;
    for (int k = 0; k < VECTOR_LANES; ++k) {
        any |= is_nan[k];
        least = best[k] < least ? best[k] : least;
    }
    if (any)
        return lowest_plain(n_scenarios, profit, relief, scenario);
    int64_t first = INT64_MAX;
    for (int k = 0; k < VECTOR_LANES; ++k) {
        const int64_t place = best[k] == least ? where[k] + k : INT64_MAX;
        first = place < first ? place : first;
    }
    *scenario = (int32_t)first;
    return least;
}
#else
#define lowest lowest_plain
#endif

#endif
