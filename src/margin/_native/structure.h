/* Worst losses where most rows are a coefficient times a pattern that their unit shares (delta-one instruments).
 *
 * Groups are taken some hundreds at a time, in three passes, because a branch per line, or per group between the two kinds,
 * would be a guess and cost more than the line. The first adds up coefficients and lists the lines of general rows, in one
 * loop over the lines. The second answers the groups that have none in closed form. The third sums rows for the others.
 *
 * The closed form. Under scenario s a group with coefficient c has c * pattern[s] + relief[s], rounded after the product and
 * after the sum. Rounding never turns an order around: where pattern and relief of s are both at most those of t, s is at
 * most t for every c > 0, after rounding too. So only scenarios that no other one undercuts can be the worst, usually one or
 * two, and at most SHORTLIST of them are evaluated. For c < 0 the same holds of -pattern.
 *
 * The first of equal scenarios is the answer, so an earlier s silently replaces t, but a later s only where it is strictly
 * below t after rounding. The four roundings move the difference c * gap by less than 2^-51 (c * size + relief), so with a
 * margin of 8 a gap that exceeds 2^-48 size is enough for c from `smallest` on. Groups outside of that, a sum of 0 or nan
 * among them, and units with more scenarios on the list or numbers beyond 2^100 take the third pass.
 */
#ifndef MARGIN_STRUCTURE_H
#define MARGIN_STRUCTURE_H

#include "scenarios.h"

#include <string.h>

#define SHORTLIST 8
#define LARGEST_NUMBER 0x1p100
#define LARGEST_SUM 0x1p900

/* Inlined into one another the passes would run out of registers. */
#if defined(__GNUC__)
#define APART __attribute__((noinline))
#else
#define APART
#endif

/* The scenarios of one unit that can be the worst, for coefficients above and below 0, in their order. */
typedef struct {
    double pattern[2][SHORTLIST], relief[2][SHORTLIST]; /* relief is infinite behind the last */
    double smallest[2];                                 /* of |c|; infinite where there is no list */
    int32_t scenario[2][SHORTLIST], length[2];
    int32_t made;
    int32_t unused[9]; /* a whole number of cache lines */
} shortlist;

typedef char shortlist_fits[sizeof(shortlist) == MARGIN_SHORTLIST_BYTES ? 1 : -1];

/* From which |c| on s, the later one, is strictly below t; infinite if never. */
KERNEL_INLINE double strict_from(double pattern_s, double relief_s, double pattern_t, double relief_t)
{
    const double size = fmax(fabs(pattern_s), fabs(pattern_t)), extra = fmax(fabs(relief_s), fabs(relief_t));
    const double gap = pattern_t - pattern_s - 0x1p-48 * size;
    return gap > 0.0 && relief_s <= relief_t ? (0x1p-48 * extra + 0x1p-900) / gap : INFINITY;
}

static void list_side(int64_t n_scenarios, const double *pattern, const double *relief, int negative, shortlist *list)
{
    const double sign = negative ? -1.0 : 1.0;
    double smallest = 0x1p-900;
    int n = 0;
    int32_t *const kept = list->scenario[negative];
    list->smallest[negative] = INFINITY;
    for (int64_t s = 0; s < n_scenarios; ++s) {
        const double p = sign * pattern[s], r = relief[s];
        int undercut = 0, left = 0;
        if (!(fabs(p) <= LARGEST_NUMBER && fabs(r) <= LARGEST_NUMBER))
            return;
        for (int k = 0; k < n; ++k)
            undercut |= sign * pattern[kept[k]] <= p && relief[kept[k]] <= r;
        if (undercut)
            continue;
        for (int k = 0; k < n; ++k) {
            const double from = strict_from(p, r, sign * pattern[kept[k]], relief[kept[k]]);
            if (from < LARGEST_SUM)
                smallest = fmax(smallest, from);
            else
                kept[left++] = kept[k];
        }
        if (left == SHORTLIST)
            return;
        kept[left++] = (int32_t)s;
        n = left;
    }
    for (int k = 0; k < SHORTLIST; ++k) {
        list->pattern[negative][k] = k < n ? pattern[kept[k]] : 0.0;
        list->relief[negative][k] = k < n ? relief[kept[k]] : INFINITY;
    }
    list->smallest[negative] = smallest;
    list->length[negative] = n;
}

/* Of each group the sum of quantity times coefficient, and its general lines: which[general[g]] to which[general[g + 1] - 1],
 * all counted from start[0]. */
APART static void split(int64_t n_groups, const int64_t *restrict start, const int32_t *restrict row,
                        const double *restrict quantity, const double *restrict coefficient, double *restrict sum,
                        int32_t *restrict general, int32_t *restrict which)
{
    int32_t n = 0;
    general[0] = 0;
    for (int64_t g = 0; g < n_groups; ++g) {
        double total = 0.0;
        for (int64_t line = start[g]; line < start[g + 1]; ++line) {
            total += quantity[line] * coefficient[row[line]];
            which[n] = (int32_t)(line - start[0]);
            n += coefficient[row[line]] == 0.0;
        }
        sum[g] = total;
        general[g + 1] = n;
    }
}

#if VECTOR_LANES > 1
typedef double pair __attribute__((vector_size(16)));
typedef int64_t pair_bits __attribute__((vector_size(16)));

/* The first number where the mask is -1, 0.0 where it is 0. By the instruction for doubles, as an addition would wait for what
 * comes from one for integers. */
KERNEL_INLINE pair kept(pair value, int64_t mask)
{
    const pair_bits bits = {mask, 0};
#if defined(__SSE2__)
    return (pair)_mm_and_pd((__m128d)value, (__m128d)bits);
#else
    return (pair)((pair_bits)value & bits);
#endif
}

/* The same for groups of which none is empty, without a loop over the lines of each, whose end would be guessed: every line
 * stores what its group has so far, and a mask clears the sum behind the last one. */
APART static void split_flat(int64_t n_groups, const int64_t *restrict start, const int32_t *restrict row,
                             const double *restrict quantity, const double *restrict coefficient,
                             int64_t *restrict keep, double *restrict sum, int32_t *restrict general,
                             int32_t *restrict which)
{
    const int64_t first = start[0], n_lines = start[n_groups] - first;
    int64_t g = 0;
    int32_t n = 0;
    pair total = {0.0, 0.0};
    row += first;
    quantity += first;
    for (int64_t line = 0; line < n_lines; ++line)
        keep[line] = -1;
    for (int64_t k = 1; k <= n_groups; ++k)
        keep[start[k] - 1 - first] = 0;
    general[0] = 0;
    for (int64_t line = 0; line < n_lines; ++line) {
        const double factor = coefficient[row[line]];
        total += (pair){quantity[line] * factor, 0.0};
        which[n] = (int32_t)line;
        n += bits_of(factor) << 1 == 0; /* 0.0 or -0.0, without the detour of a comparison that knows nan */
        sum[g] = total[0];
        general[g + 1] = n;
        g += 1 + keep[line];
        total = kept(total, keep[line]);
    }
}
#endif

/* 1 below 0, by the sign: a flag of a comparison, put into part of a register, would wait for what was in it before. */
KERNEL_INLINE int is_negative(double x)
{
    return (int)(bits_of(x) >> 63);
}

/* Lowest value of a list and the first scenario that has it. */
KERNEL_INLINE double lowest_of(const shortlist *list, int negative, double c, int32_t *restrict scenario)
{
    const double *const moves = list->pattern[negative], *const extra = list->relief[negative];
    const int32_t *const listed = list->scenario[negative];
    if (list->length[negative] == 1) { /* so common that it is guessed well: without relief the lowest or the highest move */
        *scenario = listed[0];
        return c * moves[0] + extra[0];
    }
#if VECTOR_LANES > 1
    uint64_t bits = 1 << (SHORTLIST - 1); /* there is always a first one; a nan has none */
    lanes value[SHORTLIST / VECTOR_LANES], found = (lanes){0} + INFINITY;
    UNROLLED
    for (int k = 0; k < SHORTLIST / VECTOR_LANES; ++k) {
        value[k] = c * ((const vector *)moves)[k] + ((const vector *)extra)[k];
        found = smaller(found, value[k]);
    }
    found = least(found);
    UNROLLED
    for (int k = 0; k < SHORTLIST / VECTOR_LANES; ++k)
        bits |= bits_of_flags(equal(value[k], found)) << (k * VECTOR_LANES);
    *scenario = listed[__builtin_ctzll(bits)];
    return found[0];
#else
    double low = INFINITY;
    for (int k = 0; k < SHORTLIST; ++k) {
        const double value = c * moves[k] + extra[k];
        *scenario = value < low ? listed[k] : *scenario;
        low = value < low ? value : low;
    }
    return low;
#endif
}

/* Every group by its unit's list; returns how many that does not answer, and which. */
APART static int64_t lowest_listed(int64_t n_groups, const double *restrict sum, const int32_t *restrict general,
                                   const int32_t *restrict unit,
                                   const double *restrict pattern, const double *restrict relief, int64_t width,
                                   int64_t n_scenarios, shortlist *restrict lists, double *restrict worst,
                                   int32_t *restrict scenario, int32_t *restrict left)
{
    int64_t n_left = 0;
    for (int32_t g = 0; g < n_groups; ++g) {
        const double c = sum[g], size = fabs(c);
        const int negative = is_negative(c);
        shortlist *const list = lists + unit[g];
        if (!list->made) {
            list_side(n_scenarios, pattern + unit[g] * width, relief + unit[g] * width, 0, list);
            list_side(n_scenarios, pattern + unit[g] * width, relief + unit[g] * width, 1, list);
            list->made = 1;
        }
        const double low = lowest_of(list, negative, c, &scenario[g]);
        worst[g] = low < 0.0 ? -low : 0.0;
        left[n_left] = g;
        n_left += !((general[g] == general[g + 1]) & (size >= list->smallest[negative]) & (size <= LARGEST_SUM));
    }
    return n_left;
}

/* At most MARGIN_CHUNK groups; keep and which are scratch for their lines and one more, lists [unit] is zeroed at first. */
static void stress_structured(int64_t n_groups, const int64_t *restrict start, const int32_t *restrict unit,
                              const int32_t *restrict row, const double *restrict quantity,
                              const double *restrict table, const double *restrict coefficient,
                              const double *restrict pattern, const double *restrict relief, int64_t width,
                              int64_t n_scenarios, void *restrict lists, int64_t *restrict keep,
                              int32_t *restrict which, double *restrict total, double *restrict worst,
                              int32_t *restrict scenario)
{
    double sum[MARGIN_CHUNK];
    int32_t general[MARGIN_CHUNK + 2], left[MARGIN_CHUNK + 1];
    int empty = VECTOR_LANES == 1;
    for (int64_t g = 0; g < n_groups; ++g)
        empty |= start[g] == start[g + 1];
    if (empty)
        split(n_groups, start, row, quantity, coefficient, sum, general, which);
#if VECTOR_LANES > 1
    else
        split_flat(n_groups, start, row, quantity, coefficient, keep, sum, general, which);
#endif
    const int64_t n_left =
        lowest_listed(n_groups, sum, general, unit, pattern, relief, width, n_scenarios, lists, worst, scenario, left);
    row += start[0];
    quantity += start[0];
    for (int64_t i = 0; i < n_left; ++i) {
        const int32_t g = left[i];
        const int64_t ahead = general[g + 1] + AHEAD <= general[n_groups] ? AHEAD : 0;
        const held_lines held = {general[g + 1] - general[g], ahead, which + general[g], row, quantity,
                                 pattern + unit[g] * width, sum[g]};
        const double low = lowest_held(held, table, width, n_scenarios, relief + unit[g] * width, total, &scenario[g]);
        worst[g] = low >= 0.0 ? 0.0 : -low;
        scenario[g] = start[g] == start[g + 1] ? -1 : scenario[g];
    }
}

#endif
