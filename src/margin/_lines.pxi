# Lines: sorted, netted, cut into runs, and added up by run, leaf, pool and currency.
# Sums run in the order of the lines, from 0.0. Where a line does not count, 0.0 is added instead: a branch would be a guess
# for every line, and a sum that starts from 0.0 is not changed by it.

cdef enum:
    FEW = 64  # lines that are placed by counting; more are merged from runs of so many


cdef void _counted(const int32_t *major, int64_t n, int64_t *start, int64_t n_major, int64_t *order) noexcept nogil:
    """Counting sort: count each major, add up to offsets, then place every line behind those of its major before it."""
    cdef int64_t i, m
    cdef bint falls = False
    for i in range(1, n):
        falls |= major[i] < major[i - 1]
    if not falls:  # in order already; counting would wait at each line for the count of the line before
        m = 0
        start[0] = 0
        for i in range(n):
            order[i] = i
            while m < major[i]:
                m += 1
                start[m] = i
        for m in range(m + 1, n_major + 1):
            start[m] = n
        return
    for m in range(n_major + 1):
        start[m] = 0
    for i in range(n):
        start[major[i] + 1] += 1
    for m in range(n_major):
        start[m + 1] += start[m]
    for i in range(n):
        order[start[major[i]]] = i
        start[major[i]] += 1
    for m in range(n_major, 0, -1):  # start now holds the ends
        start[m] = start[m - 1]
    start[0] = 0


cdef void _placed(int64_t *order, int64_t n, const int32_t *minor) noexcept nogil:
    """Stable sort of at most `FEW` lines by minor."""
    cdef int32_t[FEW] key, place
    cdef int64_t[FEW] line
    cdef int64_t i
    for i in range(n):
        line[i] = order[i]
        key[i] = minor[line[i]]
    _chosen.sorted_places(n, key, place)
    for i in range(n):
        order[place[i]] = line[i]


cdef void _sorted(int64_t *order, int64_t n, const int32_t *minor, int64_t *scratch) noexcept nogil:
    """Stable sort of a segment by minor: placing in runs, then merging them."""
    cdef int64_t i, j, k, begin, middle, end, width = FEW
    cdef int64_t *source = order
    cdef int64_t *target = scratch
    cdef bint first
    begin = 0
    while begin < n:
        _placed(order + begin, min(width, n - begin), minor)
        begin += width
    while width < n:
        begin = 0
        while begin < n:
            middle, end = min(begin + width, n), min(begin + 2 * width, n)
            i, j, k = begin, middle, begin
            while i < middle and j < end:
                first = minor[source[i]] <= minor[source[j]]
                target[k] = source[i] if first else source[j]
                i += first
                j += not first
                k += 1
            memcpy(target + k, source + i, (middle - i) * sizeof(int64_t))
            memcpy(target + k + middle - i, source + j, (end - j) * sizeof(int64_t))
            begin = end
        source, target = target, source
        width *= 2
    if source != order:
        memcpy(order, source, n * sizeof(int64_t))


cdef _sort_segments(const int64_t[::1] start, int64_t[::1] order, const int32_t[::1] minor):
    """Stable sort of each segment of the order by minor."""
    cdef int64_t m, length, longest = 0
    for m in range(start.shape[0] - 1):
        longest = max(longest, start[m + 1] - start[m])
    cdef int64_t[::1] scratch = np.empty(longest if longest > FEW else 1, np.int64)
    with nogil:
        for m in range(start.shape[0] - 1):
            length = start[m + 1] - start[m]
            if length > 1:
                _sorted(&order[start[m]], length, &minor[0], &scratch[0])


def group(major, minor, n_major):  # IN, IN
    """Stable order of lines by (major, minor), and where each major begins in it."""
    dtypes(major=(major, "i4", 1))
    check_count("n_major", n_major)
    if minor is not None:
        dtypes(minor=(minor, "i4", 1))
        check_length("minor", minor, len(major))
    _check_codes("major", major, n_major)
    cdef int64_t n = len(major), m = n_major
    start_array, order_array = np.zeros(m + 1, np.int64), np.empty(n, np.int64)
    if n == 0:
        return start_array, order_array
    cdef const int32_t[::1] majors = major
    cdef int64_t[::1] start = start_array  # OUT
    cdef int64_t[::1] order = order_array  # OUT
    with nogil:
        _counted(&majors[0], n, &start[0], m, &order[0])
    if minor is not None:
        _sort_segments(start, order, minor)
    return start_array, order_array


def bounds(code, n_codes):  # IN
    """Where each code begins and the last ends, where codes do not fall; None where they do."""
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    _check_codes("code", code, n_codes)
    cdef const int32_t[::1] codes = code
    cdef int64_t n = len(code), count = n_codes, i, c = 0
    cdef bint falls = False
    with nogil:
        for i in range(1, n):
            falls |= codes[i] < codes[i - 1]
    if falls:
        return None
    start_array = np.zeros(count + 1, np.int64)
    cdef int64_t[::1] start = start_array  # OUT
    with nogil:
        for i in range(n):
            while c < codes[i]:
                c += 1
                start[c] = i
        for c in range(c + 1, count + 1):
            start[c] = n
    return start_array


def occurring(code, n_codes):  # IN
    """Which codes there are, shape (n_codes,)."""
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    _check_codes("code", code, n_codes)
    cdef const int32_t[::1] codes = code
    cdef int64_t i
    found = np.zeros(n_codes, np.bool_)
    cdef uint8_t[::1] out = found.view(np.uint8)  # OUT
    with nogil:
        for i in range(codes.shape[0]):
            out[codes[i]] = 1
    return found


cdef void _arranged(
    const int32_t *code, int64_t n, int64_t *head, const void *source, void *target, int64_t size
) noexcept nogil:
    """Move every entry behind those of its code before it; head holds where the next one of each code goes."""
    cdef int64_t i
    if size == 8:
        for i in range(n):
            (<uint64_t *>target)[head[code[i]]] = (<const uint64_t *>source)[i]
            head[code[i]] += 1
    elif size == 4:
        for i in range(n):
            (<uint32_t *>target)[head[code[i]]] = (<const uint32_t *>source)[i]
            head[code[i]] += 1
    else:
        for i in range(n):
            (<uint8_t *>target)[head[code[i]]] = (<const uint8_t *>source)[i]
            head[code[i]] += 1


def arranged(code, n_codes, columns):  # IN, IN
    """Columns (of 1, 4 or 8 bytes an entry) in the order of their codes, of equal ones in the order given.

    Returns where each code begins and the last ends, and the columns. Quick where codes are few enough that the next place of
    each stays in the cache.
    """
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    check_columns(columns, len(code))
    _check_codes("code", code, n_codes)
    cdef int64_t n = len(code), count = n_codes, i, size
    start_array = np.zeros(count + 1, np.int64)
    results = tuple([np.empty_like(column) for column in columns])
    if n == 0:
        return start_array, results
    cdef const int32_t[::1] codes = code
    cdef int64_t[::1] start = start_array, head  # OUT
    cdef const uint8_t[::1] given
    cdef uint8_t[::1] placed
    with nogil:
        for i in range(n):
            start[codes[i] + 1] += 1
        for i in range(count):
            start[i + 1] += start[i]
    for column, result in zip(columns, results):
        given, placed, size, head = column.view(np.uint8), result.view(np.uint8), column.itemsize, start_array.copy()
        with nogil:
            _arranged(&codes[0], n, &head[0], &given[0], &placed[0], size)
    return start_array, results


def net(pool, code, quantity, rank, n_pools, traced=False):  # IN x 4
    """Lines sorted by (pool, rank of their code), quantities of the same pool and code added up; ranks do not repeat.

    Returns pool, code and quantity of each line; if traced also the order of the given lines and where each line begins in it.
    """
    dtypes(pool=(pool, "i4", 1), code=(code, "i4", 1), quantity=(quantity, "f8", 1), rank=(rank, "i4", 1))
    check_count("n_pools", n_pools)
    check_length("code", code, len(pool))
    check_length("quantity", quantity, len(pool))
    _check_codes("pool", pool, n_pools)
    _check_codes("code", code, len(rank))
    cdef int64_t n = len(pool), n_groups = n_pools, p, k, at, m = 0
    pools, codes, quantities = np.empty(n, np.int32), np.empty(n, np.int32), np.empty(n)
    order_array, start_array = np.empty(n, np.int64), np.zeros(n + 1 if traced else 1, np.int64)
    if n:
        m = _net(pool, code, quantity, rank, n_groups, pools, codes, quantities, order_array, start_array)
    lines = pools[:m], codes[:m], quantities[:m]
    return (*lines, order_array, start_array[: m + 1]) if traced else lines


cdef int64_t _net(
    const int32_t[::1] pool, const int32_t[::1] code, const double[::1] quantity, const int32_t[::1] rank, int64_t n_pools,
    int32_t[::1] out_pool, int32_t[::1] out_code, double[::1] out_quantity, int64_t[::1] order, int64_t[::1] start,  # OUT x 5
) except -1:
    cdef int64_t n = pool.shape[0], p, k, at, m = 0
    cdef int32_t last
    cdef bint traced = start.shape[0] > 1
    cdef int64_t[::1] bounds = np.empty(n_pools + 1, np.int64)
    cdef int32_t[::1] minor = np.empty(n, np.int32)
    with nogil:
        for k in range(n):
            minor[k] = rank[code[k]]
        _counted(&pool[0], n, &bounds[0], n_pools, &order[0])
    _sort_segments(bounds, order, minor)
    with nogil:
        for p in range(n_pools):
            last = -1
            for k in range(bounds[p], bounds[p + 1]):
                at = order[k]
                if code[at] == last:
                    out_quantity[m - 1] += quantity[at]
                    continue
                last = code[at]
                out_pool[m], out_code[m], out_quantity[m] = <int32_t>p, last, 0.0 + quantity[at]
                if traced:
                    start[m] = k
                m += 1
        if traced:
            start[m] = n
    return m


def runs(pool, row, code):  # IN x 3
    """Runs of consecutive lines of the same pool and the same code of their row.

    Returns where each run begins (and the last ends), its pool and its code.
    """
    dtypes(pool=(pool, "i4", 1), row=(row, "i4", 1), code=(code, "i4", 1))
    check_length("row", row, len(pool))
    _check_codes("row", row, len(code))
    cdef int64_t n = len(pool), i, m = 0
    start_array, pools, codes = np.zeros(n + 1, np.int64), np.empty(n, np.int32), np.empty(n, np.int32)
    if n == 0:
        return start_array, pools, codes
    cdef const int32_t[::1] owner = pool, rows = row, of_row = code
    cdef int64_t[::1] start = start_array  # OUT
    cdef int32_t[::1] out_pool = pools, out_code = codes  # OUT, OUT
    cdef int32_t c, p, last_code = ~of_row[rows[0]], last_pool = owner[0]
    with nogil:
        for i in range(n):
            p, c = owner[i], of_row[rows[i]]
            start[m], out_pool[m], out_code[m] = i, p, c  # the next line writes over it where this one begins no run
            m += (p != last_pool) | (c != last_code)
            last_pool, last_code = p, c
        start[m] = n
    return start_array[: m + 1], pools[:m], codes[:m]


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
            if at < 0 or at >= width:  # a column is asked for where its row occurs
                bad = i
                break
            at = at * height + codes[i]
            for k in range(count):  # together, as each waits for what was added to its cell just before
                out[k * size + at] += given[k][i]
    free(given)
    if bad >= 0:
        at = rows[bad]
        raise ValueError(f"column[{at}] is {columns[at]}; expected 0 <= column[{at}] < {n_columns}")
    return tuple(total.T for total in sums)


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
