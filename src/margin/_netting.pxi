# Sums in which lines net one way only. Part of _core.pyx.


def reduced_sums(start, row, quantity, option, other):  # IN x 5
    """Size of what each segment adds up to, where longs of `option` may only bring the sum of everything else nearer to zero.

    `option` and `other` are coefficients of the rows.
    """
    dtypes(
        start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), option=(option, "f8", 1),
        other=(other, "f8", 1),
    )
    check_length("other", other, len(option))
    _check_lines(start, row, quantity, len(option))
    cdef const int64_t[::1] bounds = start
    cdef const int32_t[::1] rows = row
    cdef const double[::1] held = quantity, options = option, others = other
    cdef int64_t n = bounds.shape[0] - 1, g, line
    cdef double longs, shorts, rest, q, together, lowest, highest
    sums = np.empty(n, np.float64)
    cdef double[::1] out = sums  # OUT
    with nogil:
        for g in range(n):
            longs = shorts = rest = 0.0
            for line in range(bounds[g], bounds[g + 1]):
                q = held[line]
                rest += q * others[rows[line]]
                if not q <= 0:  # a nan counts on both sides
                    longs += q * options[rows[line]]
                if not q >= 0:
                    shorts += q * options[rows[line]]
            rest += shorts
            together = longs + rest
            lowest, highest = rest if rest < 0 else 0.0, rest if rest > 0 else 0.0
            if together < lowest:
                together = lowest
            elif together > highest:
                together = highest
            out[g] = fabs(together)
    return sums
