# A stored sum that gets one more line. Part of _core.pyx.

from libc.math cimport INFINITY


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
    cdef double *relief_of
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
    after = <double *> malloc(2 * width * sizeof(double))
    if after == NULL:
        raise MemoryError
    relief_of = after + width
    with nogil:
        for s in range(count):
            after[s] = before[s] + q * pnl[r, s]
            relief_of[s] = relieved[u, s]
        for s in range(count, width):  # whatever stands in the padding, it is not the lowest
            after[s], relief_of[s] = 0.0, INFINITY
        lowest = _chosen.lowest(count, after, relief_of, &scenario)
        free(after)
    return (0.0 if lowest >= 0 else -lowest), scenario
