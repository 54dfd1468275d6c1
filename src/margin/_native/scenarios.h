/* Sums of table rows, and the lowest of a vector: the inner loops of a portfolio model.
 *
 * A compiler keeps a plain array of accumulators in memory, which costs a factor of 3. Here a strip of the row, up to 40
 * columns, is accumulated in registers: explicit vectors where the compiler has them, plain loops elsewhere. Products are
 * rounded before they are added (no fused multiply-add), as in scipy.sparse and in the Python twin.
 */
#ifndef MARGIN_SCENARIOS_H
#define MARGIN_SCENARIOS_H

#include "vectors.h"

#include <math.h>

#define CACHE_LINE 8
#define STRIP 40
#define STRIP_VECTORS (STRIP / VECTOR_LANES)

#define AHEAD 12

/* The lines of a group, or those of them that `which` lists. Sums start from factor * pattern if there is one, else from 0.
 * The rows of lines that come `ahead` lines later are asked for, so that they are there when they are needed. */
typedef struct {
    int64_t n_lines, ahead;
    const int32_t *which, *row;
    const double *quantity, *pattern;
    double factor;
} held_lines;

/* columns is a constant multiple of 8 at every call, so that the loops over it unroll and total stays in registers */
KERNEL_INLINE void sum_strip(int columns, held_lines held, const double *restrict table, int64_t width,
                             lanes *restrict total)
{
    UNROLLED
    for (int k = 0; k < columns / VECTOR_LANES; ++k)
        if (held.pattern)
            total[k] = held.factor * ((const vector *)held.pattern)[k];
        else
            total[k] = (lanes){0};
    for (int64_t i = 0; i < held.n_lines; ++i) {
        const int64_t line = held.which ? held.which[i] : i;
        const vector *const values = (const vector *)(table + held.row[line] * width);
        const double quantity = held.quantity[line];
        const int64_t later = held.which ? held.which[i + held.ahead] : i + held.ahead;
        for (int k = 0; held.ahead && k < columns; k += CACHE_LINE)
            MARGIN_PREFETCH(table + held.row[later] * width + k);
        UNROLLED
        for (int k = 0; k < columns / VECTOR_LANES; ++k)
            total[k] += quantity * values[k];
    }
}

KERNEL_INLINE void combine_strip(int columns, held_lines held, const double *restrict table, int64_t width,
                                 double *restrict out)
{
    lanes total[STRIP_VECTORS];
    sum_strip(columns, held, table, width, total);
    UNROLLED
    for (int k = 0; k < columns / VECTOR_LANES; ++k)
        ((vector *)out)[k] = total[k];
}

KERNEL_INLINE void combine_held(held_lines held, const double *restrict table, int64_t width, double *restrict out)
{
    int64_t column = 0;
    for (; width - column >= STRIP; column += STRIP) {
        combine_strip(STRIP, held, table + column, width, out + column);
        held.pattern = held.pattern ? held.pattern + STRIP : held.pattern;
    }
    switch (width - column) {
    case 32:
        combine_strip(32, held, table + column, width, out + column);
        break;
    case 24:
        combine_strip(24, held, table + column, width, out + column);
        break;
    case 16:
        combine_strip(16, held, table + column, width, out + column);
        break;
    case 8:
        combine_strip(8, held, table + column, width, out + column);
        break;
    default:
        break;
    }
}

static void combine(int64_t n_lines, const int32_t *restrict row, const double *restrict quantity,
                    const double *restrict table, int64_t width, double *restrict out)
{
    combine_held((held_lines){n_lines, 0, 0, row, quantity, 0, 0.0}, table, width, out);
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

/* Vectors with a count of trailing zeros: the first scenario is the first bit that says "as low as the lowest". */
#if VECTOR_LANES > 1
#define LOWEST_BY_LANES

/* Both arrays are read up to the padded width, where relief is infinite. */
static double lowest(int64_t n_scenarios, const double *restrict profit, const double *restrict relief,
                     int32_t *restrict scenario)
{
    lanes found = (lanes){0} + INFINITY;
    flags nan = (flags){0};
    for (int64_t s = 0; s < n_scenarios; s += VECTOR_LANES) {
        const lanes value = *(const vector *)(profit + s) + *(const vector *)(relief + s);
        found = smaller(found, value);
        nan |= unordered(value, value);
    }
    if (bits_of_flags(nan))
        return lowest_plain(n_scenarios, profit, relief, scenario);
    found = least(found);
    for (int64_t s = 0;; s += VECTOR_LANES) {
        const uint64_t bits =
            bits_of_flags(equal(found, *(const vector *)(profit + s) + *(const vector *)(relief + s)));
        if (bits) {
            *scenario = (int32_t)s + __builtin_ctzll(bits);
            return found[0];
        }
    }
}

/* The sums go from the registers into the minimum; to memory only where a nan must be found. */
KERNEL_INLINE double lowest_strip(int columns, held_lines held, const double *restrict table, int64_t n_scenarios,
                                  const double *restrict relief, double *restrict total, int32_t *restrict scenario)
{
    const int n = columns / VECTOR_LANES;
    lanes sum[STRIP_VECTORS], value[STRIP_VECTORS];
    sum_strip(columns, held, table, columns, sum);
    UNROLLED
    for (int k = 0; k < n; ++k)
        value[k] = sum[k] + ((const vector *)relief)[k];
    lanes found = value[0];
    flags nan = unordered(value[0], value[n - 1]);
    UNROLLED
    for (int k = 1; k < n; ++k) {
        found = smaller(found, value[k]);
        if (k % 2 == 0)
            nan |= unordered(value[k - 1], value[k]);
    }
    found = least(found);
    uint64_t bits = 0;
    UNROLLED
    for (int k = 0; k < n; ++k)
        bits |= bits_of_flags(equal(value[k], found)) << (k * VECTOR_LANES);
    if (!bits_of_flags(nan)) {
        *scenario = (int32_t)__builtin_ctzll(bits);
        return found[0];
    }
    UNROLLED
    for (int k = 0; k < n; ++k)
        ((vector *)total)[k] = sum[k];
    return lowest_plain(n_scenarios, total, relief, scenario);
}
#else
#define lowest lowest_plain
#endif

KERNEL_INLINE double lowest_held(held_lines held, const double *restrict table, int64_t width, int64_t n_scenarios,
                                 const double *restrict relief, double *restrict total, int32_t *restrict scenario)
{
#ifdef LOWEST_BY_LANES
    switch (width) {
    case 40:
        return lowest_strip(40, held, table, n_scenarios, relief, total, scenario);
    case 32:
        return lowest_strip(32, held, table, n_scenarios, relief, total, scenario);
    case 24:
        return lowest_strip(24, held, table, n_scenarios, relief, total, scenario);
    case 16:
        return lowest_strip(16, held, table, n_scenarios, relief, total, scenario);
    case 8:
        return lowest_strip(8, held, table, n_scenarios, relief, total, scenario);
    default:
        break;
    }
#endif
    combine_held(held, table, width, total);
    return lowest(n_scenarios, total, relief, scenario);
}

static void stress(int64_t n_groups, const int64_t *restrict start, const int32_t *restrict unit,
                   const int32_t *restrict row, const double *restrict quantity, const double *restrict table,
                   int64_t width, int64_t n_scenarios, const double *restrict relief, double *restrict total,
                   double *restrict worst, int32_t *restrict scenario)
{
    for (int64_t g = 0; g < n_groups; ++g) {
        const int64_t begin = start[g], end = start[g + 1];
        const int64_t ahead = end + AHEAD <= start[n_groups] ? AHEAD : 0;
        const held_lines held = {end - begin, ahead, 0, row + begin, quantity + begin, 0, 0.0};
        const double low =
            lowest_held(held, table, width, n_scenarios, relief + unit[g] * width, total, &scenario[g]);
        worst[g] = low >= 0.0 ? 0.0 : -low;
        scenario[g] = end > begin ? scenario[g] : -1;
    }
}

#endif
