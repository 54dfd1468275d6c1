/* The micro-kernels: loops over arrays that gain from wide vectors, compiled once per instruction set.
 *
 * kernels.c is compiled as base, v3 and v4 (the x86-64 levels with AVX2 and AVX-512) and yields one table of functions each;
 * dispatch.c, compiled for the base, knows which of them this machine can run. Nothing here checks its arguments: _core.pyx
 * has. All flags keep IEEE semantics and contraction is off, so that every instruction set returns the same bits: pricing
 * writes its fused multiply-adds out, aggregation has none and so agrees with scipy.sparse.
 */
#ifndef MARGIN_KERNELS_H
#define MARGIN_KERNELS_H

#include <stdint.h>
#include <string.h>

#if defined(_MSC_VER)
#define KERNEL_INLINE static __forceinline
#define restrict __restrict
#elif defined(__GNUC__)
#define KERNEL_INLINE static inline __attribute__((always_inline, unused))
#else
#define KERNEL_INLINE static inline
#endif

#if defined(__GNUC__)
#define MARGIN_PREFETCH(address) __builtin_prefetch(address)
#else
#define MARGIN_PREFETCH(address) ((void)(address))
#endif

KERNEL_INLINE uint64_t bits_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

KERNEL_INLINE double double_of(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The value where a condition holds, else 0.0, without a branch. */
KERNEL_INLINE double margin_where(int condition, double value)
{
    return double_of(bits_of(value) & ((uint64_t)0 - (uint64_t)(condition != 0)));
}

#define MARGIN_CHUNK 256
#define MARGIN_TOGETHER 32
#define MARGIN_LINE 64 /* bytes of a cache line */
#define MARGIN_SHORTLIST_BYTES 384

typedef struct {
    const char *isa;

    /* Price and delta of n options. */
    void (*black76)(int64_t n, const double *forward, const double *strike, const double *years, const double *vol,
                    const double *sign, double *price, double *delta);

    /* Price of n options under n_scenarios each.
     * growth and log_growth [unit, scenario] are scratch for 1 + move and its logarithm; deviation and inverse
     * [vol, MARGIN_TOGETHER] for those of so many options. */
    void (*black76_grid)(int64_t n, int64_t n_units, int64_t n_scenarios, int64_t n_vols, const double *forward,
                         const double *strike, const double *years, const double *sign, const double *vols,
                         const int32_t *unit, const double *move, const int32_t *vol_index, double *growth,
                         double *log_growth, double *deviation, double *inverse, double *price);

    /* total[s] = sum over the lines of quantity * table[row, s], in line order from 0.0; width is a multiple of 8. */
    void (*combine)(int64_t n_lines, const int32_t *row, const double *quantity, const double *table, int64_t width,
                    double *total);

    /* total[s] += value[s] * (value[s] >= 0 ? gain : loss) - base, minus its absolute value where absolute[s] is not 0. */
    void (*fold)(int64_t n_scenarios, const double *value, double base, double gain, double loss, const double *absolute,
                 double *total);

    /* Lowest of profit[s] + relief[s] and the first s that has it; nan if there is one. relief is infinite in the padding. */
    double (*lowest)(int64_t n_scenarios, const double *profit, const double *relief, int32_t *scenario);

    /* Worst loss of each group of lines and its scenario, -1 if it has none. relief [unit] is infinite in the padding; total
     * is scratch of the padded width. */
    void (*stress)(int64_t n_groups, const int64_t *start, const int32_t *unit, const int32_t *row, const double *quantity,
                   const double *table, int64_t width, int64_t n_scenarios, const double *relief, double *total,
                   double *worst, int32_t *scenario);

    /* The same of up to MARGIN_CHUNK groups, where a row whose coefficient is not 0 is the coefficient times pattern [unit].
     * lists are MARGIN_SHORTLIST_BYTES for each unit, zeroed before the first call; keep and which hold an item for each line
     * of these groups and one more. */
    void (*stress_structured)(int64_t n_groups, const int64_t *start, const int32_t *unit, const int32_t *row,
                              const double *quantity, const double *table, const double *coefficient,
                              const double *pattern, const double *relief, int64_t width, int64_t n_scenarios,
                              void *lists, int64_t *keep, int32_t *which, double *total, double *worst,
                              int32_t *scenario);

    /* Value-at-risk, expected shortfall and worst loss of weighted scenarios, and the scenarios of the first and the last.
     * mass is the weight of the tail, limit the most weight that counts as inside it, deviations those of a normal loss there, a
     * guess; scratch has 16 bytes for each scenario. */
    void (*tail)(int64_t n_scenarios, const double *profit, const double *weight, double mass, double limit, double deviations,
                 void *scratch, double *losses, int32_t *scenarios);

    /* Place of each key when they are sorted, of equal ones in the order given; arrays are padded to a multiple of 16. */
    void (*sorted_places)(int64_t n, const int32_t *key, int32_t *place);

    /* Entries of 1, 4 or 8 bytes in the order of their blocks, the whole parts of code * share, within a block in the order
     * given; start says where each block begins. head [block] and lines [block, MARGIN_LINE bytes, on cache lines] are
     * scratch. */
    void (*moved)(int64_t n, const int32_t *code, double share, int64_t n_blocks, const int64_t *start, int64_t n_columns,
                  const int64_t *size, const void *const *source, void *const *target, int64_t *head, void *lines);
} margin_kernels;

/* The tables this machine can run, the widest last, and their number. */
int margin_available(const margin_kernels **tables);

#endif
