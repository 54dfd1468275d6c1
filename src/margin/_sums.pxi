# Sums in which lines net one way only, and sums that are stored and get one more line. Part of _core.pyx.


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


def stress_after(total, row, quantity, table, relief, unit, n_scenarios):  # IN, number, number, IN, IN, number, number
    """Worst loss of a group whose P&L is `total` after one more line, and the scenario that gives it, as `stress` counts them.

    `total`, `table` and `relief` are padded alike.
    """
    dtypes(total=(total, "f8", 1), table=(table, "f8", 2), relief=(relief, "f8", 2))
    cdef const double[::1] before = total
    cdef const double[:, ::1] pnl = table, relieved = relief
    cdef int64_t width = pnl.shape[1], count = n_scenarios, s, r = row, u = unit
    cdef double q = quantity, lowest
    cdef double *after
    cdef int32_t scenario = -1
    if width % 8 or not 0 <= count <= width:
        raise ValueError(
            f"table has {width} columns for {n_scenarios} scenarios; expected a multiple of 8, at least as many"
        )
    check_length("total", total, width)
    if relieved.shape[1] != width:
        raise ValueError(f"relief has {relieved.shape[1]} columns; expected {width}, as many as table")
    if not 0 <= r < pnl.shape[0]:
        raise ValueError(f"row is {row}; expected 0 <= row < {pnl.shape[0]}")
    if not 0 <= u < relieved.shape[0]:
        raise ValueError(f"unit is {unit}; expected 0 <= unit < {relieved.shape[0]}")
    if count == 0:
        return 0.0, -1
    after = <double *> malloc(width * sizeof(double))
    if after == NULL:
        raise MemoryError
    with nogil:
        for s in range(width):
            after[s] = before[s] + q * pnl[r, s]
        lowest = _chosen.lowest(count, after, &relieved[u, 0], &scenario)
        free(after)
    return (0.0 if lowest >= 0 else -lowest), scenario
