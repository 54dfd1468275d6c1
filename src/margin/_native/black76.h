/* Black-76, one option or one cell of a grid at a time; the loops over them vectorise.
 *
 * In words. Let lo and hi be the smaller and the larger of forward and strike, y = log(lo / hi) <= 0 and s = vol sqrt(years).
 * The out-of-the-money option, call or put, is worth
 *
 *     lo N(e1) - hi N(e2)    with e1 = y / s + s / 2,  e2 = y / s - s / 2 <= 0,
 *
 * and the other one is worth the intrinsic value more. Write N(-z) = exp(-z^2 / 2) M(z), the Mills ratio M by one polynomial.
 * As hi exp(-e2^2 / 2) = lo exp(-e1^2 / 2), one exponential E = exp(-e1^2 / 2) serves both:
 *
 *     lo E (M(-e1) - M(-e2))           if e1 <= 0
 *     lo (1 - E (M(e1) + M(-e2)))      otherwise.
 *
 * Every error is thus relative to lo, and an error of y has no first-order effect that 1 / s could magnify.
 *
 * Limits. s below SMALLEST becomes 0 with a large finite inverse: E, or else the difference of the M, is then 0, which leaves
 * the intrinsic value. lo <= 0 becomes 0. No argument but nan yields nan, and nan is not lost.
 */
#ifndef MARGIN_BLACK76_H
#define MARGIN_BLACK76_H

#include "elementary.h"

#define SMALLEST 1e-16
#define LARGEST_INVERSE 1e300

/* cells of a grid that are laid out side by side before they are priced; a multiple of every vector's lanes */
#define TILE 256
#define LANES 8

typedef struct {
    double price;
    double delta;
} valuation;

/* vol sqrt(years), 0 where nothing can happen any more */
KERNEL_INLINE double deviation_of(double years, double vol)
{
    const double deviation = (vol <= 0.0 ? 0.0 : vol) * sqrt(years <= 0.0 ? 0.0 : years);
    return ((years <= 0.0) | (vol <= 0.0) | (deviation < SMALLEST)) ? 0.0 : deviation;
}

KERNEL_INLINE double inverse_of(double deviation)
{
    return deviation == 0.0 ? LARGEST_INVERSE : 1.0 / deviation;
}

/* ratio is lo / hi (for the delta), depth its logarithm y, inverse 1 / deviation */
KERNEL_INLINE valuation value_option(double forward, double strike, double ratio, double depth, double deviation,
                                     double inverse, double sign)
{
    const double centre = depth * inverse;
    const double e1 = fma(0.5, deviation, centre);
    const double e2 = fma(-0.5, deviation, centre);
    const double z1 = fabs(e1) > TAIL_END ? TAIL_END : fabs(e1);
    const double z2 = -e2 > TAIL_END ? TAIL_END : -e2;

    /* one division for the reciprocals of both */
    const double a = z1 + TAIL_SHIFT, b = z2 + TAIL_SHIFT;
    const double both = 1.0 / (a * b);
    const double reciprocal1 = both * b, reciprocal2 = both * a;
    const double mills1 = reciprocal1 * tail_polynomial(fma(TAIL_SLOPE, reciprocal1, TAIL_OFFSET));
    const double mills2 = reciprocal2 * tail_polynomial(fma(TAIL_SLOPE, reciprocal2, TAIL_OFFSET));
    const double density = exp_negative(-0.5 * e1 * e1);

    const double gain = sign * (forward - strike);
    const double smaller = forward < strike ? forward : strike;
    const double lo = smaller <= 0.0 ? 0.0 : smaller;
    const double difference = (e1 > 0.0 ? -mills1 : mills1) - mills2;
    const double unit_value = fma(density, difference, e1 > 0.0 ? 1.0 : 0.0);
    const double time_value = unit_value < 0.0 ? 0.0 : unit_value;

    /* N(-|d1|): d1 is e1 if the call is out of the money, otherwise -e2 */
    const double tail = forward > strike ? density * ratio * mills2 : density * mills1;
    const double d1_sign = ((forward > strike) | (e1 > 0.0)) ? 1.0 : -1.0;
    const double smooth = sign * (d1_sign == sign ? 1.0 - tail : tail);
    const double step = gain < 0.0 ? 0.0 : gain > 0.0 ? sign : gain == 0.0 ? 0.5 * sign : gain;
    const int settled = (deviation == 0.0) | ((lo == 0.0) & (deviation == deviation));

    valuation result;
    result.price = fma(lo, time_value, gain <= 0.0 ? 0.0 : gain);
    result.delta = settled ? step : smooth;
    return result;
}

static void black76(int64_t n, const double *restrict forward, const double *restrict strike, const double *restrict years,
                    const double *restrict vol, const double *restrict sign, double *restrict price,
                    double *restrict delta)
{
    for (int64_t i = 0; i < n; ++i) {
        const double f = forward[i], k = strike[i];
        const double lo = f < k ? f : k, hi = f < k ? k : f;
        const double ratio = (lo <= 0.0 ? 0.0 : lo) / (hi <= 0.0 ? 1.0 : hi);
        const double deviation = deviation_of(years[i], vol[i]);
        const valuation value =
            value_option(f, k, ratio, log_positive(ratio), deviation, inverse_of(deviation), sign[i]);
        price[i] = value.price;
        delta[i] = value.delta;
    }
}

/* Cells of the grid side by side, so that a vector is full whatever the number of scenarios. */
typedef struct {
    double forward[TILE], strike[TILE], depth[TILE], deviation[TILE], inverse[TILE], sign[TILE], price[TILE];
} tile;

static void price_tile(tile *restrict cells, int used, double *restrict price)
{
    const int rounded = (used + LANES - 1) / LANES * LANES;
    for (int c = 0; c < rounded; ++c)
        cells->price[c] = value_option(cells->forward[c], cells->strike[c], 0.0, cells->depth[c], cells->deviation[c],
                                       cells->inverse[c], cells->sign[c])
                              .price;
    memcpy(price, cells->price, (size_t)used * sizeof *price);
}

static void black76_grid(int64_t n, int64_t n_units, int64_t n_scenarios, int64_t n_vols, const double *restrict forward,
                         const double *restrict strike, const double *restrict years, const double *restrict sign,
                         const double *restrict vols, const int32_t *restrict unit, const double *restrict move,
                         const int32_t *restrict vol_index, double *restrict growth, double *restrict log_growth,
                         double *restrict deviation, double *restrict inverse, double *restrict price)
{
    tile cells;
    int used = 0;
    memset(&cells, 0, sizeof cells);
    for (int64_t m = 0; m < n_units * n_scenarios; ++m) {
        growth[m] = 1.0 + move[m];
        log_growth[m] = log_positive(growth[m]);
    }
    for (int64_t i = 0; i < n; ++i) {
        const double f = forward[i], k = strike[i];
        const double moneyness = log_positive(f / (k <= 0.0 ? 1.0 : k));
        for (int64_t v = 0; v < n_vols; ++v) {
            deviation[v] = deviation_of(years[i], vols[i * n_vols + v]);
            inverse[v] = inverse_of(deviation[v]);
        }
        for (int64_t begin = 0, end; begin < n_scenarios; begin = end) {
            end = n_scenarios - begin < TILE ? n_scenarios : begin + TILE;
            const int count = (int)(end - begin);
            if (used + count > TILE) {
                price_tile(&cells, used, price);
                price += used;
                used = 0;
            }
            const double *const grow = growth + unit[i] * n_scenarios + begin;
            const double *const log_grow = log_growth + unit[i] * n_scenarios + begin;
            for (int s = 0; s < count; ++s) {
                const int32_t v = vol_index[begin + s];
                cells.forward[used + s] = f * grow[s];
                cells.strike[used + s] = k;
                cells.depth[used + s] = -fabs(moneyness + log_grow[s]);
                cells.deviation[used + s] = deviation[v];
                cells.inverse[used + s] = inverse[v];
                cells.sign[used + s] = sign[i];
            }
            used += count;
        }
    }
    price_tile(&cells, used, price);
}

#endif
