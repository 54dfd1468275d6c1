# Sums of lines and of values, by segment, leaf, code and cell.
#
# They run in the order of the lines, from 0.0. Where a line does not count, 0.0 is added instead: a branch would be a guess for
# every line, and a sum that starts from 0.0 is not changed by it.

# A loop for each segment would guess wrong where it ends. So lines are walked in one loop, and each tells by how many segments
# it is further than the line before.

cdef _steps(const int64_t[::1] start):
    """Segments that begin at each line, shape (n_lines + 1,)."""
    cdef int64_t g
    steps = np.zeros(start[start.shape[0] - 1] + 1, np.int32)
    cdef int32_t[::1] out = steps
    with nogil:
        for g in range(start.shape[0] - 1):
            out[start[g]] += 1
    return steps


def segment_sum(start, values):  # IN, IN
    """Sum of each segment's values, left to right."""
    dtypes(start=(start, "i8", 1), values=(values, "f8", 1))
    _check_start[int64_t]("start", start, len(values))
    cdef const int64_t[::1] bounds = start
    cdef const double[::1] numbers = values
    cdef const int32_t[::1] step = _steps(start)
    cdef int64_t n = bounds.shape[0] - 1, g = -1, line
    sums = np.zeros(n)
    cdef double[::1] out = sums  # OUT
    with nogil:
        for line in range(bounds[0], bounds[n]):
            g += step[line]
            out[g] += numbers[line]
    return sums


cdef _check_side(side):
    if side not in {-1, 0, 1, 2}:
        raise ValueError(f"side is {side}; expected 0 (net), 1 (long), -1 (short) or 2 (gross)")


cdef inline double _counted_amount(double amount, int side) noexcept nogil:
    """An amount where it is on the side that counts, else 0."""
    if side == 2:
        return fabs(amount)
    if side == 1:
        return where(not amount <= 0, amount)
    if side == -1:
        return where(not amount >= 0, amount)
    return amount


cdef inline double _counted_product(double quantity, double factor, int side) noexcept nogil:
    """A product where the quantity is on the side that counts, whatever the factor is where it is not."""
    if side == 2:
        return fabs(quantity) * factor
    if side == 1:
        return where(not quantity <= 0, quantity * factor)
    if side == -1:
        return where(not quantity >= 0, quantity * factor)
    return quantity * factor


def line_sums(start, row, quantity, coefficient, side):  # IN, IN, IN, IN
    """Sum of quantity times the row's coefficient over each segment; side 1 longs only, -1 shorts only, 2 gross."""
    dtypes(start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1))
    _check_side(side)
    _check_lines(start, row, quantity, len(coefficient))
    sums = np.zeros(len(start) - 1)
    _add_lines(start, _steps(start), row, quantity, coefficient, side, sums)
    return sums


cdef _add_lines(
    const int64_t[::1] start, const int32_t[::1] step, const int32_t[::1] row, const double[::1] quantity,
    const double[::1] coefficient, int side, double[::1] sums,  # OUT
):
    cdef int64_t g = -1, line
    with nogil:
        for line in range(start[0], start[start.shape[0] - 1]):
            g += step[line]
            sums[g] += _counted_product(quantity[line], coefficient[row[line]], side)


def split_sums(start, row, quantity, coefficient, column, n_columns):  # IN x 5
    """Sums of quantity times the row's coefficient over each segment, split by side and row, shape (n_columns, n_segments).

    A quantity that is not negative counts in column[row, 0], a negative one in column[row, 1].
    """
    dtypes(
        start=(start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1),
        column=(column, "i4", 2),
    )
    check_count("n_columns", n_columns)
    check_length("column", column, len(coefficient))
    if column.shape[1] != 2:
        raise ValueError(f"column has {column.shape[1]} sides; expected 2")
    _check_lines(start, row, quantity, len(coefficient))
    _check_codes("column", column.reshape(-1), n_columns)
    cdef int64_t n = len(start) - 1, g = -1, line
    sums = np.zeros((n_columns, n))
    if sums.size == 0:
        return sums
    cdef const int64_t[::1] bounds = start
    cdef const int32_t[::1] rows = row, step = _steps(start), columns = column.reshape(-1)
    cdef const double[::1] held = quantity, factor = coefficient
    cdef double[::1] out = sums.reshape(-1)  # OUT
    cdef int32_t r
    with nogil:
        for line in range(bounds[0], bounds[n]):
            g += step[line]
            r = rows[line]
            out[columns[2 * <int64_t>r + (held[line] < 0)] * n + g] += held[line] * factor[r]
    return sums


def leaf_sums(start, leaf_start, row, quantity, coefficient, side):  # IN x 5
    """Sum over each segment's leaves of the leaf's line sum: side 1 where it is above 0, -1 where below, 2 without its sign.

    Leaves are segments too; where a segment begins, a leaf does.
    """
    dtypes(
        start=(start, "i8", 1), leaf_start=(leaf_start, "i8", 1), row=(row, "i4", 1), quantity=(quantity, "f8", 1),
        coefficient=(coefficient, "f8", 1),
    )
    _check_side(side)
    _check_start[int64_t]("start", start, len(row))
    _check_lines(leaf_start, row, quantity, len(coefficient))
    cdef const int64_t[::1] bounds = start, leaves = leaf_start
    cdef const int32_t[::1] rows = row, step = _steps(start)
    cdef const double[::1] held = quantity, factor = coefficient
    cdef int64_t n = bounds.shape[0] - 1, n_leaves = leaves.shape[0] - 1, g = -1, e = 0, line, first
    cdef int which = side
    cdef double net
    sums = np.zeros(n)
    cdef double[::1] out = sums  # OUT
    with nogil:
        while e < n_leaves and leaves[e] < bounds[0]:
            e += 1
        while e < n_leaves and leaves[e] < bounds[n]:
            first = leaves[e]
            net = 0.0
            for line in range(first, leaves[e + 1]):
                net += held[line] * factor[rows[line]]
            if first < leaves[e + 1]:
                g += step[first]
                if g < 0:
                    break
                out[g] += _counted_amount(net, which)
            e += 1
        while g + 1 < n and bounds[g + 1] == bounds[n]:  # segments without lines at the end
            g += 1
    if g + 1 < n:
        _refuse_cut(bounds, leaves)
    return sums


cdef _refuse_cut(const int64_t[::1] start, const int64_t[::1] leaf_start):
    """Name the first segment that does not begin where a leaf with lines does."""
    cdef int64_t g, e = 0, n = leaf_start.shape[0] - 1
    for g in range(start.shape[0] - 1):
        while e < n and (leaf_start[e] < start[g] or leaf_start[e] == leaf_start[e + 1]):
            e += 1
        if start[g] < start[start.shape[0] - 1] and (e == n or leaf_start[e] != start[g]):
            raise ValueError(f"start[{g}] is {start[g]}; expected a line at which a leaf begins")


def code_sums(code, values, n_codes):  # IN, IN
    """Sum of the values of each code."""
    dtypes(code=(code, "i4", 1), values=(values, "f8", 1))
    check_count("n_codes", n_codes)
    check_length("values", values, len(code))
    _check_codes("code", code, n_codes)
    cdef const int32_t[::1] codes = code
    cdef const double[::1] numbers = values
    cdef int64_t i
    sums = np.zeros(n_codes)
    cdef double[::1] out = sums  # OUT
    with nogil:
        for i in range(codes.shape[0]):
            out[codes[i]] += numbers[i]
    return sums


def peaks(code, values, n_codes):  # IN, IN
    """Where the largest value of each code stands, of equals the first, a nan before all; -1 where a code has none."""
    dtypes(code=(code, "i4", 1), values=(values, "f8", 1))
    check_count("n_codes", n_codes)
    check_length("values", values, len(code))
    _check_codes("code", code, n_codes)
    cdef const int32_t[::1] codes = code
    cdef const double[::1] numbers = values
    cdef int64_t i, at
    found = np.full(n_codes, -1, np.int64)
    cdef int64_t[::1] out = found  # OUT
    with nogil:
        for i in range(codes.shape[0]):
            at = out[codes[i]]
            if at < 0 or (not numbers[i] <= numbers[at] and numbers[at] == numbers[at]):
                out[codes[i]] = i
    return found


def cell_sums(code, row, column, values, n_codes, n_columns):  # IN x 4
    """Sums of several values of each code by the column of their row, each (n_codes, n_columns), column after column."""
    dtypes(code=(code, "i4", 1), row=(row, "i4", 1), column=(column, "i4", 1))
    check_count("n_codes", n_codes)
    check_count("n_columns", n_columns)
    check_length("row", row, len(code))
    for v, array in enumerate(values):
        dtypes(**{f"values[{v}]": (array, "f8", 1)})
        check_length(f"values[{v}]", array, len(code))
    _check_codes("code", code, n_codes)
    _check_codes("row", row, len(column))
    sums = np.zeros((len(values), n_columns, n_codes))
    if len(code) == 0:
        return tuple(total.T for total in sums)
    cdef const int32_t[::1] codes = code, rows = row, columns = column
    cdef const double[::1] numbers
    cdef double[::1] out = sums.reshape(-1)  # OUT
    cdef int64_t i, k, at, height = n_codes, width = n_columns, size = height * width, bad = -1, count = len(values)
    cdef const double **given = <const double **>malloc((count + 1) * sizeof(void *))
    if given == NULL:
        raise MemoryError
    for k in range(count):
        numbers = values[k]
        given[k] = &numbers[0]
    with nogil:
        for i in range(codes.shape[0]):
            at = columns[rows[i]]
            if at < 0 or at >= width:
                bad = i
                break
            at = at * height + codes[i]
            for k in range(count):  # together, as each waits for what was added to its cell just before
                out[k * size + at] += given[k][i]
    free(given)
    if bad >= 0:
        _refuse_column(rows[bad], columns[rows[bad]], width)
    return tuple(total.T for total in sums)


def cell_products(code, row, column, quantity, coefficient, n_codes, n_columns):  # IN x 5
    """Sums of quantity times the row's coefficient, of each code by the column of the row: as `cell_sums` of `products`."""
    dtypes(
        code=(code, "i4", 1), row=(row, "i4", 1), column=(column, "i4", 1), quantity=(quantity, "f8", 1),
        coefficient=(coefficient, "f8", 1),
    )
    check_count("n_codes", n_codes)
    check_count("n_columns", n_columns)
    check_length("row", row, len(code))
    check_length("quantity", quantity, len(code))
    check_length("coefficient", coefficient, len(column))
    _check_codes("code", code, n_codes)
    _check_codes("row", row, len(column))
    sums = np.zeros((n_columns, n_codes))
    cdef const int32_t[::1] codes = code, rows = row, columns = column
    cdef const double[::1] held = quantity, factor = coefficient
    cdef double[::1] out = sums.reshape(-1)  # OUT
    cdef int64_t i, at, height = n_codes, width = n_columns, bad = -1
    with nogil:
        for i in range(codes.shape[0]):
            at = columns[rows[i]]
            if at < 0 or at >= width:
                bad = i
                break
            out[at * height + codes[i]] += held[i] * factor[rows[i]]
    if bad >= 0:
        _refuse_column(rows[bad], columns[rows[bad]], width)
    return sums.T


cdef _refuse_column(int64_t row, int64_t column, int64_t n_columns):
    """A column is asked for where its row occurs."""
    raise ValueError(f"column[{row}] is {column}; expected 0 <= column[{row}] < {n_columns}")


def products(row, quantity, coefficient):  # IN x 3
    """Quantity times the row's coefficient of each line."""
    dtypes(row=(row, "i4", 1), quantity=(quantity, "f8", 1), coefficient=(coefficient, "f8", 1))
    check_length("quantity", quantity, len(row))
    _check_codes("row", row, len(coefficient))
    cdef const int32_t[::1] rows = row
    cdef const double[::1] held = quantity, factor = coefficient
    cdef int64_t i
    results = np.empty(len(row))
    cdef double[::1] out = results  # OUT
    with nogil:
        for i in range(rows.shape[0]):
            out[i] = held[i] * factor[rows[i]]
    return results


def profits(row, quantity, entry, size, price, reciprocal, inverse):  # IN x 7
    """P&L of each line since its entry price: ``size * quantity`` times the change of the price.

    Of an inverse row times the change of one over the price, with the opposite sign: ``1 / entry - reciprocal``.
    """
    dtypes(
        row=(row, "i4", 1), quantity=(quantity, "f8", 1), entry=(entry, "f8", 1), size=(size, "f8", 1),
        price=(price, "f8", 1), reciprocal=(reciprocal, "f8", 1), inverse=(inverse, "?", 1),
    )
    check_length("quantity", quantity, len(row))
    check_length("entry", entry, len(row))
    for name, column in (("price", price), ("reciprocal", reciprocal), ("inverse", inverse)):
        check_length(name, column, len(size))
    _check_codes("row", row, len(size))
    cdef const int32_t[::1] rows = row
    cdef const double[::1] held = quantity, entries = entry, sizes = size, prices = price, reciprocals = reciprocal
    cdef const uint8_t[::1] inverses = inverse.view(np.uint8)
    cdef int64_t i
    cdef int32_t r
    cdef double change
    results = np.empty(len(row))
    cdef double[::1] out = results  # OUT
    with nogil:
        for i in range(rows.shape[0]):
            r = rows[i]
            change = where(inverses[r], 1.0 / entries[i] - reciprocals[r]) + where(not inverses[r], prices[r] - entries[i])
            out[i] = sizes[r] * held[i] * change
    return results
