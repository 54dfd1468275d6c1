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

/* options of a grid that are prepared together, and cells that are laid out side by side: multiples of every vector's lanes */
#define TOGETHER MARGIN_TOGETHER
#define TILE 256
#define LANES 8
#define FEW_VOLS 8

/* What the price depends on: the intrinsic value of the option in the money or below it, lo, y / s, and s. */
typedef struct {
    double gain, lo, centre, deviation;
} terms;

typedef struct {
    double price, e1, density, mills1, mills2;
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

KERNEL_INLINE terms terms_of(double forward, double strike, double centre, double deviation, double sign)
{
    const double smaller = forward < strike ? forward : strike;
    const terms result = {sign * (forward - strike), smaller <= 0.0 ? 0.0 : smaller, centre, deviation};
    return result;
}

KERNEL_INLINE valuation value_option(terms option)
{
    valuation result;
    const double e1 = fma(0.5, option.deviation, option.centre);
    const double e2 = fma(-0.5, option.deviation, option.centre);
    const double z1 = fabs(e1) > TAIL_END ? TAIL_END : fabs(e1);
    const double z2 = -e2 > TAIL_END ? TAIL_END : -e2;

    /* one division for the reciprocals of both */
    const double a = z1 + TAIL_SHIFT, b = z2 + TAIL_SHIFT;
    const double both = 1.0 / (a * b);
    const double reciprocal1 = both * b, reciprocal2 = both * a;
    result.mills1 = reciprocal1 * tail_polynomial(fma(TAIL_SLOPE, reciprocal1, TAIL_OFFSET));
    result.mills2 = reciprocal2 * tail_polynomial(fma(TAIL_SLOPE, reciprocal2, TAIL_OFFSET));
    result.density = exp_negative(-0.5 * e1 * e1);
    result.e1 = e1;

    const double difference = (e1 > 0.0 ? -result.mills1 : result.mills1) - result.mills2;
    const double unit_value = fma(result.density, difference, e1 > 0.0 ? 1.0 : 0.0);
    const double time_value = unit_value < 0.0 ? 0.0 : unit_value;
    result.price = fma(option.lo, time_value, option.gain <= 0.0 ? 0.0 : option.gain);
    return result;
}

/* ratio is lo / hi. N(-|d1|): d1 is e1 if the call is out of the money, otherwise -e2. */
KERNEL_INLINE double delta_of(terms option, valuation value, double forward, double strike, double ratio, double sign)
{
    const double tail = forward > strike ? value.density * ratio * value.mills2 : value.density * value.mills1;
    const double d1_sign = ((forward > strike) | (value.e1 > 0.0)) ? 1.0 : -1.0;
    const double smooth = sign * (d1_sign == sign ? 1.0 - tail : tail), gain = option.gain;
    const double step = gain < 0.0 ? 0.0 : gain > 0.0 ? sign : gain == 0.0 ? 0.5 * sign : gain;
    const int settled =
        (option.deviation == 0.0) | ((option.lo == 0.0) & (option.deviation == option.deviation));
    return settled ? step : smooth;
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
        const terms option = terms_of(f, k, log_positive(ratio) * inverse_of(deviation), deviation, sign[i]);
        const valuation value = value_option(option);
        price[i] = value.price;
        delta[i] = delta_of(option, value, f, k, ratio, sign[i]);
    }
}

/* Cells of the grid side by side, so that a vector is full whatever the number of scenarios. */
typedef struct {
    double gain[TILE], lo[TILE], centre[TILE], deviation[TILE], price[TILE];
} tile;

static void price_tile(tile *restrict cells, int used, double *restrict price)
{
    const int rounded = (used + LANES - 1) / LANES * LANES;
    for (int c = 0; c < rounded; ++c) {
        const terms option = {cells->gain[c], cells->lo[c], cells->centre[c], cells->deviation[c]};
        cells->price[c] = value_option(option).price;
    }
    memcpy(price, cells->price, (size_t)used * sizeof *price);
}

/* The value of each scenario's vol. Of a few vols all are tried, as few processors gather quickly. */
KERNEL_INLINE void spread(int n_scenarios, int64_t n_vols, const double *restrict of_vol,
                          const int32_t *restrict vol_index, double *restrict value)
{
    if (n_vols > FEW_VOLS) {
        for (int s = 0; s < n_scenarios; ++s)
            value[s] = of_vol[vol_index[s] * TOGETHER];
        return;
    }
    for (int s = 0; s < n_scenarios; ++s)
        value[s] = of_vol[0];
    for (int32_t v = 1; v < n_vols; ++v) {
        const double one = of_vol[v * TOGETHER];
        for (int s = 0; s < n_scenarios; ++s)
            value[s] = vol_index[s] == v ? one : value[s];
    }
}

/* Scenarios of one option. Deviations and their inverses stand TOGETHER apart; -|y| is the logarithm of lo / hi. */
KERNEL_INLINE void lay_out(int n_scenarios, int64_t n_vols, double forward, double strike, double sign, double moneyness,
                           const double *restrict growth, const double *restrict log_growth,
                           const double *restrict deviation, const double *restrict inverse,
                           const int32_t *restrict vol_index, double *restrict gain, double *restrict lo,
                           double *restrict centre, double *restrict width)
{
    spread(n_scenarios, n_vols, deviation, vol_index, width);
    spread(n_scenarios, n_vols, inverse, vol_index, centre);
    for (int s = 0; s < n_scenarios; ++s) {
        const double depth = -fabs(moneyness + log_growth[s]);
        const terms option = terms_of(forward * growth[s], strike, depth * centre[s], width[s], sign);
        gain[s] = option.gain;
        lo[s] = option.lo;
        centre[s] = option.centre;
    }
}

static void black76_grid(int64_t n, int64_t n_units, int64_t n_scenarios, int64_t n_vols, const double *restrict forward,
                         const double *restrict strike, const double *restrict years, const double *restrict sign,
                         const double *restrict vols, const int32_t *restrict unit, const double *restrict move,
                         const int32_t *restrict vol_index, double *restrict growth, double *restrict log_growth,
                         double *restrict deviation, double *restrict inverse, double *restrict price)
{
    tile cells;
    double moneyness[TOGETHER];
    int used = 0;
    memset(&cells, 0, sizeof cells);
    for (int64_t m = 0; m < n_units * n_scenarios; ++m) {
        growth[m] = 1.0 + move[m];
        log_growth[m] = log_positive(growth[m]);
    }
    for (int64_t i = 0; i < n; ++i) {
        const int64_t one = i % TOGETHER, coming = n - i < TOGETHER ? n - i : TOGETHER;
        if (one == 0) {
            for (int64_t j = 0; j < coming; ++j)
                moneyness[j] = log_positive(forward[i + j] / (strike[i + j] <= 0.0 ? 1.0 : strike[i + j]));
            for (int64_t v = 0; v < n_vols; ++v)
                for (int64_t j = 0; j < coming; ++j) {
                    const double width = deviation_of(years[i + j], vols[(i + j) * n_vols + v]);
                    deviation[v * TOGETHER + j] = width;
                    inverse[v * TOGETHER + j] = inverse_of(width);
                }
        }
        for (int64_t begin = 0, end; begin < n_scenarios; begin = end) {
            end = n_scenarios - begin < TILE ? n_scenarios : begin + TILE;
            const int count = (int)(end - begin);
            if (used + count > TILE) {
                price_tile(&cells, used, price);
                price += used;
                used = 0;
            }
            const int64_t first = unit[i] * n_scenarios + begin;
            lay_out(count, n_vols, forward[i], strike[i], sign[i], moneyness[one], growth + first, log_growth + first,
                    deviation + one, inverse + one, vol_index + begin, cells.gain + used, cells.lo + used,
                    cells.centre + used, cells.deviation + used);
            used += count;
        }
    }
    price_tile(&cells, used, price);
}

#endif
