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
KERNEL_INLINE void sum_strip(int columns, int64_t n_lines, const int32_t *restrict row, const double *restrict quantity,
                             const double *restrict table, int64_t width, lanes *restrict total)
{
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
}

KERNEL_INLINE void combine_strip(int columns, int64_t n_lines, const int32_t *restrict row,
                                 const double *restrict quantity, const double *restrict table, int64_t width,
                                 double *restrict out)
{
    lanes total[STRIP / VECTOR_LANES];
    sum_strip(columns, n_lines, row, quantity, table, width, total);
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

#if VECTOR_LANES > 1 && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define LOWEST_BY_LANES
#endif
#endif

#ifdef LOWEST_BY_LANES
typedef int64_t places __attribute__((vector_size(VECTOR_LANES * 8)));

/* Of each lane the lowest value so far and the first scenario that has it, as a double, for which every level has a minimum. */
typedef struct {
    lanes value, scenario;
} lowest_lanes;

KERNEL_INLINE lanes where(places condition, lanes yes, lanes no)
{
    return (lanes)((condition & (places)yes) | (~condition & (places)no));
}

KERNEL_INLINE lanes lane_numbers(void)
{
    lanes numbers;
    for (int k = 0; k < VECTOR_LANES; ++k)
        numbers[k] = k;
    return numbers;
}

KERNEL_INLINE lowest_lanes lowest_start(void)
{
    return (lowest_lanes){(lanes){0} + INFINITY, (lanes){0} + INFINITY};
}

/* Scenarios s and on, one in each lane. Those beyond the last count as infinite, and a nan as minus infinity. */
KERNEL_INLINE lowest_lanes lower(lowest_lanes lowest, lanes sum, int64_t s, int64_t n_scenarios)
{
    const lanes scenario = lane_numbers() + (double)s;
    lanes value = where(sum == sum, sum, (lanes){0} - INFINITY);
    value = where(scenario < (double)n_scenarios, value, (lanes){0} + INFINITY);
    const places less = value < lowest.value;
    return (lowest_lanes){where(less, value, lowest.value), where(less, scenario, lowest.scenario)};
}

/* The lowest lane in every lane: halves against each other, so that nothing is guessed and the steps are few. */
KERNEL_INLINE lanes least(lanes v)
{
    lanes other;
#if VECTOR_LANES == 8
    other = __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
    v = where(other < v, other, v);
    other = __builtin_shufflevector(v, v, 2, 3, 0, 1, 6, 7, 4, 5);
    v = where(other < v, other, v);
    other = __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6);
#elif VECTOR_LANES == 4
    other = __builtin_shufflevector(v, v, 2, 3, 0, 1);
    v = where(other < v, other, v);
    other = __builtin_shufflevector(v, v, 1, 0, 3, 2);
#else
    other = __builtin_shufflevector(v, v, 1, 0);
#endif
    return where(other < v, other, v);
}

/* Returns whether the answer stands: minus infinity may have been a nan, infinity has no scenario. */
KERNEL_INLINE int lowest_end(lowest_lanes lowest, double *restrict value, int32_t *restrict scenario)
{
    const lanes found = least(lowest.value);
    const lanes first = least(where(lowest.value == found, lowest.scenario, (lanes){0} + INFINITY));
    *value = found[0];
    if (!(found[0] > -INFINITY && found[0] < INFINITY))
        return 0;
    *scenario = (int32_t)first[0];
    return 1;
}

/* Both arrays may be read up to the padded width. */
static double lowest(int64_t n_scenarios, const double *restrict profit, const double *restrict relief,
                     int32_t *restrict scenario)
{
    lowest_lanes lanewise = lowest_start();
    double value;
    for (int64_t s = 0; s < n_scenarios; s += VECTOR_LANES)
        lanewise = lower(lanewise, *(const vector *)(profit + s) + *(const vector *)(relief + s), s, n_scenarios);
    return lowest_end(lanewise, &value, scenario) ? value : lowest_plain(n_scenarios, profit, relief, scenario);
}

/* The sums go from the registers into the minimum; to memory only where lowest_plain must see them. */
KERNEL_INLINE double lowest_strip(int columns, int64_t n_lines, const int32_t *restrict row,
                                  const double *restrict quantity, const double *restrict table, int64_t n_scenarios,
                                  const double *restrict relief, double *restrict total, int32_t *restrict scenario)
{
    lanes sum[STRIP / VECTOR_LANES];
    lowest_lanes lanewise = lowest_start();
    double value;
    sum_strip(columns, n_lines, row, quantity, table, columns, sum);
    UNROLLED
    for (int k = 0; k < columns / VECTOR_LANES; ++k)
        lanewise = lower(lanewise, sum[k] + ((const vector *)relief)[k], k * VECTOR_LANES, n_scenarios);
    if (lowest_end(lanewise, &value, scenario))
        return value;
    UNROLLED
    for (int k = 0; k < columns / VECTOR_LANES; ++k)
        ((vector *)total)[k] = sum[k];
    return lowest_plain(n_scenarios, total, relief, scenario);
}
#else
#define lowest lowest_plain
#endif

static double combine_lowest(int64_t n_lines, const int32_t *restrict row, const double *restrict quantity,
                             const double *restrict table, int64_t width, int64_t n_scenarios,
                             const double *restrict relief, double *restrict total, int32_t *restrict scenario)
{
#ifdef LOWEST_BY_LANES
    switch (width) {
    case 40:
        return lowest_strip(40, n_lines, row, quantity, table, n_scenarios, relief, total, scenario);
    case 32:
        return lowest_strip(32, n_lines, row, quantity, table, n_scenarios, relief, total, scenario);
    case 24:
        return lowest_strip(24, n_lines, row, quantity, table, n_scenarios, relief, total, scenario);
    case 16:
        return lowest_strip(16, n_lines, row, quantity, table, n_scenarios, relief, total, scenario);
    case 8:
        return lowest_strip(8, n_lines, row, quantity, table, n_scenarios, relief, total, scenario);
    default:
        break;
    }
#endif
    combine(n_lines, row, quantity, table, width, total);
    return lowest(n_scenarios, total, relief, scenario);
}

#endif
