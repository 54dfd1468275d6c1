/* The tail of a vector of weighted scenarios: value-at-risk, expected shortfall, worst loss.
 *
 * One pass keeps the fewest worst scenarios that outweigh the tail in a heap with the mildest on top, which is the
 * value-at-risk in the end. Nearly every scenario is milder than its top, so a block is asked as a whole first. A guess from mean
 * and deviation stands in for the top until the heap is full; where it was too strict the pass is made again without, so that
 * it decides about time only. Few scenarios enter when the heavy ones come first.
 */
#ifndef MARGIN_TAIL_H
#define MARGIN_TAIL_H

#include "kernels.h"

#include <math.h>

#define ASKED 8 /* scenarios asked at once; a vector is padded to a multiple of it */

/* A scenario in the heap. */
typedef struct {
    double profit;
    int64_t s;
} outcome;

/* Whether a loses less than b; of equals the later one counts as the milder. No branch: it would be a guess each time. */
KERNEL_INLINE int milder(outcome a, outcome b)
{
    return (a.profit > b.profit) | ((a.profit == b.profit) & (a.s > b.s));
}

/* Put x in the place of the root of a heap of n outcomes, the mildest on top. */
static void sink(outcome *heap, int64_t n, outcome x)
{
    int64_t at = 0;
    for (int64_t child = 1; child < n; child = 2 * at + 1) {
        const int64_t last = child + 1 < n ? child + 1 : child;
        child += milder(heap[last], heap[child]);
        if (!milder(heap[child], x))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = x;
}

/* Put x into a heap of n outcomes. */
static void rise(outcome *heap, int64_t n, outcome x)
{
    int64_t at = n;
    for (; at > 0 && milder(x, heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = x;
}

/* The heap of the tail: its size, or -1 - s for the first scenario s that is nan. edge is the guess, nan for none. */
static int64_t gather(int64_t n_scenarios, const double *profit, const double *weight, double limit, double edge,
                      outcome *heap)
{
    int64_t count = 0;
    double held = 0.0;
    const int guessed = edge == edge;
    for (int64_t block = 0; block < n_scenarios; block += ASKED) {
        int any = 0;
        for (int k = 0; k < ASKED; ++k)
            any |= !(profit[block + k] >= edge);
        if (!any)
            continue;
        for (int64_t s = block; s < n_scenarios && s < block + ASKED; ++s) {
            if (profit[s] != profit[s])
                return -1 - s;
            if (weight[s] == 0.0 || profit[s] >= edge)
                continue;
            const int full = held > limit;
            held += weight[s];
            if (full && held - weight[heap[0].s] > limit) { /* s is worse than the mildest, which leaves */
                held -= weight[heap[0].s];
                sink(heap, count, (outcome){profit[s], s});
            } else {
                rise(heap, count++, (outcome){profit[s], s});
            }
            while (count > 1 && held - weight[heap[0].s] > limit) {
                held -= weight[heap[0].s];
                --count;
                sink(heap, count, heap[count]);
            }
            if (held > limit)
                edge = heap[0].profit;
        }
    }
    return guessed && !(held > limit) ? gather(n_scenarios, profit, weight, limit, NAN, heap) : count;
}

/* Mean less some deviations of a vector; sums in lanes, rounded as they come. */
static double guess(int64_t n_scenarios, const double *restrict profit, double deviations)
{
    double sum[ASKED] = {0.0}, squares[ASKED] = {0.0}, mean = 0.0, square = 0.0;
    const int64_t n = n_scenarios - n_scenarios % ASKED;
    for (int64_t block = 0; block < n; block += ASKED)
        for (int k = 0; k < ASKED; ++k) {
            sum[k] += profit[block + k];
            squares[k] += profit[block + k] * profit[block + k];
        }
    for (int k = 0; k < ASKED; ++k) {
        mean += sum[k] / (double)n;
        square += squares[k] / (double)n;
    }
    return mean - deviations * sqrt(square - mean * mean); /* nan where that means nothing: no guess */
}

static void tail(int64_t n_scenarios, const double *restrict profit, const double *restrict weight, double mass,
                 double limit, double deviations, void *scratch, double *restrict losses, int32_t *restrict scenarios)
{
    outcome *const heap = scratch;
    int64_t count = gather(n_scenarios, profit, weight, limit, guess(n_scenarios, profit, deviations), heap);
    int64_t s = count < 0 ? -1 - count : heap[0].s;
    const double edge = profit[s];
    double excess = 0.0;
    scenarios[0] = (int32_t)s;
    while (count > 0) { /* from the mildest to the worst */
        s = heap[0].s;
        --count;
        sink(heap, count, heap[count]);
        if (profit[s] < edge)
            excess += weight[s] * (edge - profit[s]);
    }
    scenarios[1] = (int32_t)s;
    losses[0] = 0.0 - edge;
    losses[1] = excess / mass - edge;
    losses[2] = 0.0 - profit[s];
}

#endif
