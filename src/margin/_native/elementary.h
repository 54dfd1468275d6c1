/* exp, log and the tail of the normal distribution as branch-free inline functions, which loops over them vectorise.
 * Own polynomials, because libm's are calls and its vector versions are neither everywhere nor value-safe. */
#ifndef MARGIN_ELEMENTARY_H
#define MARGIN_ELEMENTARY_H

#include <math.h>

#include "kernels.h"
#include "polynomials.h"

/* 2^52 + 2^51: added to a small number it leaves the nearest integer in the low bits. */
#define ROUNDING 0x1.8p52
#define LOG2_E 0x1.71547652b82fep0
/* log(2) in two parts; the upper has 20 zero bits at its end, so that its product with an exponent is exact. */
#define LN2_HIGH 0x1.62e42fefa0000p-1
#define LN2_LOW 0x1.cf79abc9e3b3ap-40

/* exp(x) for x <= 0: x = k log(2) + r, 2^k by the exponent bits. 0 below -708; nan stays nan. */
KERNEL_INLINE double exp_negative(double x)
{
    const double bounded = x < -708.0 ? -708.0 : x;
    const double shifted = fma(bounded, LOG2_E, ROUNDING);
    const double k = shifted - ROUNDING;
    const double r = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, bounded));
    const double power = double_of((bits_of(shifted) + 1023) << 52);
    const double result = exp_polynomial(r) * power;
    return x < -708.0 ? 0.0 : result;
}

/* log(x) for normal x > 0: x = 2^k m with m in [sqrt(1/2), sqrt(2)). 0 for x <= 0, finite for infinity; nan stays nan. */
KERNEL_INLINE double log_positive(double x)
{
    const uint64_t root_half = 0x3fe6a09e667f3bcdULL, one = 0x3ff0000000000000ULL;
    const uint64_t bits = bits_of(x <= 0.0 ? 1.0 : x);
    const uint64_t exponent = ((bits - root_half + one) >> 52) & 0x7ff;
    const double m = double_of(bits - (exponent << 52) + one);
    /* an unsigned integer below 2^52 becomes a double when it is put behind the exponent of 2^52 */
    const double k = double_of(exponent | 0x4330000000000000ULL) - (0x1p52 + 1023.0);
    const double f = (m - 1.0) / (m + 1.0);
    const double square = f * f;
    const double tail = fma(f * square, log_polynomial(square - LOG_CENTRE), k * LN2_LOW);
    const double result = fma(k, LN2_HIGH, fma(2.0, f, tail));
    return x == x ? result : x;
}

#endif
