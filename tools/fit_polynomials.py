"""Fit the polynomials of the Black-76 kernel and write ``src/margin/_native/polynomials.h``.

Each is the Chebyshev interpolant at 60 digits, turned into powers and rounded to float64. It is evaluated as even plus odd
part, two chains of fused multiply-adds that run side by side. Needs mpmath. Run again only to change an interval or a degree:

    python tools/fit_polynomials.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpmath import cos, erfc, exp, log, mp, mpf, pi, sqrt

if TYPE_CHECKING:
    from collections.abc import Callable

mp.dps = 60
TARGET = Path(__file__).parents[1] / "src" / "margin" / "_native" / "polynomials.h"

TAIL_END = mpf(39)  # the density is 0 in float64 beyond 38.6
TAIL_SHIFT = mpf(5)

Number = Any  # mpmath.mpf, which is untyped


def chebyshev(function: Callable[[Number], Number], low: Number, high: Number, degree: int) -> tuple[list[Number], Number]:
    """Coefficients of powers of the argument scaled to [-1, 1], and the largest error found between the nodes."""
    count = degree + 1
    angles = [(2 * k + 1) * pi / (2 * count) for k in range(count)]
    middle, half = (low + high) / 2, (high - low) / 2
    values = [function(middle + half * cos(angle)) for angle in angles]
    series = [2 * sum(v * cos(j * a) for v, a in zip(values, angles, strict=True)) / count for j in range(count)]
    series[0] /= 2
    powers = [mpf(0)] * count
    before, current = [mpf(1)], [mpf(0), mpf(1)]
    for j, coefficient in enumerate(series):
        term = before if j == 0 else current
        powers = [p + coefficient * (term[k] if k < len(term) else 0) for k, p in enumerate(powers)]
        if j:
            following = [mpf(0), *(2 * c for c in current)]
            before, current = current, [c - (before[k] if k < len(before) else 0) for k, c in enumerate(following)]
    probes = [mpf(k) / 500 - 1 for k in range(1001)]
    error = max(abs(sum(c * t**k for k, c in enumerate(powers)) / function(middle + half * t) - 1) for t in probes)
    return powers, error


def unscaled(powers: list[Number], half: Number) -> list[Number]:
    """Coefficients by powers of the argument itself, for an interval [-half, half]."""
    return [c / half**k for k, c in enumerate(powers)]


def function(name: str, comment: str, coefficients: list[Number]) -> str:
    """C source of one polynomial."""
    lines = [
        f"/* {comment} */",
        f"KERNEL_INLINE double {name}(double x)",
        "{",
        "    const double y = x * x;",
        f"    double even = {float(coefficients[::2][-1]).hex()};",
        f"    double odd = {float(coefficients[1::2][-1]).hex()};",
    ]
    lines += [f"    even = fma(even, y, {float(c).hex()});" for c in reversed(coefficients[::2][:-1])]
    lines += [f"    odd = fma(odd, y, {float(c).hex()});" for c in reversed(coefficients[1::2][:-1])]
    lines += ["    return fma(odd, x, even);", "}"]
    return "\n".join(lines)


def main() -> None:
    """Fit, and write the header."""
    near, far = 1 / TAIL_SHIFT, 1 / (TAIL_END + TAIL_SHIFT)
    slope, offset = 2 / (near - far), -(near + far) / (near - far)

    def tail(reciprocal: Number) -> Number:
        z = 1 / reciprocal - TAIL_SHIFT
        return exp(z * z / 2) * erfc(z / sqrt(2)) / 2 * (z + TAIL_SHIFT)

    tail_powers, tail_error = chebyshev(tail, far, near, 21)
    half = log(2) / 2 * (1 + mpf(2) ** -40)
    exp_powers, exp_error = chebyshev(exp, -half, half, 11)
    end = ((sqrt(2) - 1) / (sqrt(2) + 1)) ** 2 * (1 + mpf(2) ** -40)

    def atanh(y: Number) -> Number:
        x = sqrt(y)
        return (log((1 + x) / (1 - x)) - 2 * x) / (x * y) if y else mpf(2) / 3

    def centred(y: Number) -> Number:
        return atanh(y + end / 2)

    log_powers, log_error = chebyshev(centred, -end / 2, end / 2, 7)

    TARGET.write_text(
        "\n\n".join(
            [
                "/* Written by tools/fit_polynomials.py; the errors are relative and before rounding. */",
                "#ifndef MARGIN_POLYNOMIALS_H\n#define MARGIN_POLYNOMIALS_H",
                (f"#define TAIL_SHIFT {float(TAIL_SHIFT).hex()}\n#define TAIL_END {float(TAIL_END).hex()}\n"
                f"#define TAIL_SLOPE {float(slope).hex()}\n#define TAIL_OFFSET {float(offset).hex()}\n"
                f"#define LOG_CENTRE {float(end / 2).hex()}"),
                function(
                    "tail_polynomial",
                    "N(-z) exp(z^2 / 2) (z + TAIL_SHIFT) for 0 <= z <= TAIL_END,\n   "
                    f"of x = TAIL_SLOPE / (z + TAIL_SHIFT) + TAIL_OFFSET; {float(tail_error):.1e}",
                    tail_powers,
                ),
                function(
                    "exp_polynomial", f"exp(x) for |x| <= log(2) / 2; {float(exp_error):.1e}", unscaled(exp_powers, half)
                ),
                function(
                    "log_polynomial",
                    "(log((1 + f) / (1 - f)) - 2 f) / f^3 of x = f^2 - LOG_CENTRE, "
                    f"f <= 3 - sqrt(8); {float(log_error):.1e}",
                    unscaled(log_powers, end / 2),
                ),
                "#endif\n",
            ]
        )
    )
    print(TARGET.read_text())


if __name__ == "__main__":
    main()
