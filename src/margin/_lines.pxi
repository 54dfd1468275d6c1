# Lines: sorted, netted, moved together and cut into runs.

cdef enum:
    FEW = 64  # lines that are placed by counting; more are merged from runs of so many
    PIECE = 1024  # codes that are looked at before it is asked whether that is enough


cdef bint _falls(const int32_t *code, int64_t n) noexcept nogil:
    """Whether a code is below the one before it."""
    cdef int64_t i, begin = 1
    cdef bint falls = False
    while begin < n and not falls:
        for i in range(begin, min(n, begin + PIECE)):  # no early exit from a piece, so that it vectorises
            falls |= code[i] < code[i - 1]
        begin += PIECE
    return falls


cdef void _begun(const int32_t *code, int64_t n, int64_t *start, int64_t n_codes) noexcept nogil:
    """Where each code begins and the last ends, of codes that do not fall."""
    cdef int64_t i, c = 0
    start[0] = 0
    for i in range(n):
        while c < code[i]:
            c += 1
            start[c] = i
    for c in range(c + 1, n_codes + 1):
        start[c] = n


# A line that is to be sorted is one number, its key above its place among the lines: numbers of equal keys are in the order given.

cdef enum:
    PLACE_BITS = 32

cdef int64_t NO_KEY = <int64_t>1 << PLACE_BITS  # beyond every key


cdef inline int64_t _keyed(const int32_t *code, const int32_t *key, int64_t line) noexcept nogil:
    """A line by the key of its code; by its own key where there are no codes, by its place where there are no keys."""
    if key == NULL:
        return line
    return <int64_t>(<uint64_t>(key[line] if code == NULL else key[code[line]]) << PLACE_BITS) | line


cdef inline int64_t _line(int64_t keyed) noexcept nogil:
    return keyed & ((<int64_t>1 << PLACE_BITS) - 1)


cdef void _counted(
    const int32_t *major, const int32_t *code, const int32_t *key, int64_t n, int64_t *start, int64_t n_major,
    uint32_t *head, int64_t *lines,
) noexcept nogil:
    """Counting sort: count each major, add up to offsets, then place every line behind those of its major before it.

    head is scratch, one for each major, half as wide as the offsets because it is all over the cache.
    """
    cdef int64_t i, m
    if not _falls(major, n):  # in order already; counting would wait at each line for the count of the line before
        _begun(major, n, start, n_major)
        for i in range(n):
            lines[i] = _keyed(code, key, i)
        return
    memset(head, 0, n_major * sizeof(uint32_t))
    for i in range(n):
        head[major[i]] += 1
    start[0] = 0
    for m in range(n_major):
        start[m + 1] = start[m] + head[m]
        head[m] = <uint32_t>start[m]
    for i in range(n):
        lines[head[major[i]]] = _keyed(code, key, i)
        head[major[i]] += 1


cdef void _placed(int64_t *lines, int64_t n) noexcept nogil:
    """Sort at most `FEW` lines by their keys."""
    cdef int32_t[FEW] key, place
    cdef int64_t[FEW] given
    cdef int64_t i
    for i in range(n):
        given[i] = lines[i]
        key[i] = <int32_t>(lines[i] >> PLACE_BITS)
    _chosen.sorted_places(n, key, place)
    for i in range(n):
        lines[place[i]] = given[i]


cdef void _sorted(int64_t *lines, int64_t n, int64_t *scratch) noexcept nogil:
    """Sort a segment by keys: placing in runs, then merging them."""
    cdef int64_t i, j, k, begin, middle, end, width = FEW
    cdef int64_t *source = lines
    cdef int64_t *target = scratch
    cdef bint first
    begin = 0
    while begin < n:
        _placed(lines + begin, min(width, n - begin))
        begin += width
    while width < n:
        begin = 0
        while begin < n:
            middle, end = min(begin + width, n), min(begin + 2 * width, n)
            i, j, k = begin, middle, begin
            while i < middle and j < end:
                first = source[i] < source[j]
                target[k] = source[i] if first else source[j]
                i += first
                j += not first
                k += 1
            memcpy(target + k, source + i, (middle - i) * sizeof(int64_t))
            memcpy(target + k + middle - i, source + j, (end - j) * sizeof(int64_t))
            begin = end
        source, target = target, source
        width *= 2
    if source != lines:
        memcpy(lines, source, n * sizeof(int64_t))


cdef _sort_segments(const int64_t[::1] start, int64_t[::1] lines):
    """Sort each segment of the lines by keys."""
    cdef int64_t m, length, longest = 0
    for m in range(start.shape[0] - 1):
        longest = max(longest, start[m + 1] - start[m])
    cdef int64_t[::1] scratch = np.empty(longest if longest > FEW else 1, np.int64)
    with nogil:
        for m in range(start.shape[0] - 1):
            length = start[m + 1] - start[m]
            if length > 1:
                _sorted(&lines[start[m]], length, &scratch[0])


def group(major, minor, n_major):  # IN, IN
    """Stable order of lines by (major, minor), and where each major begins in it."""
    dtypes(major=(major, "i4", 1))
    check_count("n_major", n_major)
    if minor is not None:
        dtypes(minor=(minor, "i4", 1))
        check_length("minor", minor, len(major))
    check_line_count(len(major))
    _check_codes("major", major, n_major)
    cdef int64_t n = len(major), m = n_major, i
    start_array, order_array = np.zeros(m + 1, np.int64), np.empty(n, np.int64)
    if n == 0:
        return start_array, order_array
    cdef const int32_t[::1] majors = major, minors = minor
    cdef const int32_t *key = NULL
    if minor is not None:
        key = &minors[0]
    cdef uint32_t[::1] head = np.empty(m, np.uint32)  # scratch
    cdef int64_t[::1] start = start_array, order = order_array  # OUT, OUT
    with nogil:
        _counted(&majors[0], NULL, key, n, &start[0], m, &head[0], &order[0])
    if minor is not None:
        _sort_segments(start, order)
        with nogil:
            for i in range(n):
                order[i] = _line(order[i])
    return start_array, order_array


def bounds(code, n_codes):  # IN
    """Where each code begins and the last ends, where codes do not fall; None where they do."""
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    start_array = np.zeros(n_codes + 1, np.int64)
    cdef int64_t n = len(code), count = n_codes
    if n == 0:
        return start_array
    cdef const int32_t[::1] codes = code
    cdef int64_t[::1] start = start_array  # OUT
    cdef bint falls
    with nogil:
        falls = _falls(&codes[0], n)
    if falls:
        return None
    _check_codes("code", code, n_codes)
    with nogil:
        _begun(&codes[0], n, &start[0], count)
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


def translated(code, number):  # IN, IN
    """The number of each code."""
    dtypes(code=(code, "i4", 1), number=(number, "i4", 1))
    _check_codes("code", code, len(number))
    cdef const int32_t[::1] codes = code, numbers = number
    cdef int64_t i
    results = np.empty(len(code), np.int32)
    cdef int32_t[::1] out = results  # OUT
    with nogil:
        for i in range(codes.shape[0]):
            out[i] = numbers[codes[i]]
    return results


cdef void _counted_by_block(const int32_t *code, int64_t n, double share, int64_t *number) noexcept nogil:
    """How many codes each block has."""
    cdef int64_t i
    for i in range(n):
        number[<int64_t>(code[i] * share)] += 1


cdef _move(const int32_t[::1] codes, double share, const int64_t[::1] start, columns, results):
    """Entries of columns to where their blocks begin in the results, and behind."""
    cdef int64_t n = codes.shape[0], count = start.shape[0], n_columns = len(columns)
    if n == 0 or n_columns == 0:
        return
    cdef int64_t[::1] size = np.array([column.itemsize for column in columns], np.int64), head = np.empty(count, np.int64)
    cdef size_t[::1] source = np.array([column.ctypes.data for column in columns], np.uintp)
    cdef size_t[::1] target = np.array([result.ctypes.data for result in results], np.uintp)
    cdef double[:, ::1] lines = aligned_table(n_columns * count, LINE // sizeof(double))
    with nogil:
        _chosen.moved(
            n, &codes[0], share, count, &start[0], n_columns, &size[0], <const void *const *>&source[0],
            <void *const *>&target[0], &head[0], &lines[0, 0],
        )


def arranged(code, n_codes, block, columns, threads=1):  # IN, IN
    """Columns (of 1, 4 or 8 bytes an entry) in the order of blocks of so many codes, within a block in the order given.

    Returns where each block begins and the last ends, and the columns. Quick where blocks are few enough that a line of each
    stays in the cache. So many threads take as many parts of the rows.
    """
    dtypes(code=(code, "i4", 1))
    check_count("n_codes", n_codes)
    check_block(block)
    check_threads(threads)
    check_columns(columns, len(code))
    cdef int64_t n = len(code), count = -(-n_codes // block), bound = n_codes, k
    cdef double share = np.nextafter(1.0 / block, 1.0)  # somewhat more than 1 / block, so that a whole quotient is not missed
    start, results = np.zeros(count + 1, np.int64), tuple([np.empty_like(column) for column in columns])
    if n == 0:
        return start, results
    parts = [slice(n * k // threads, n * (k + 1) // threads) for k in range(threads)]

    def number(part):
        cdef const int32_t[::1] codes = code[part]
        cdef int64_t m = codes.shape[0], at = -1
        counts = np.zeros(count, np.int64)
        cdef int64_t[::1] out = counts
        if m:
            with nogil:
                at = _outside(&codes[0], m, bound)
                if at < 0:
                    _counted_by_block(&codes[0], m, share, &out[0])
        if at >= 0:
            _check_codes("code", code, bound)  # tells the first of all
        return counts

    numbers = np.array(each(number, parts, threads))
    np.cumsum(numbers.sum(axis=0), out=start[1:])
    starts = start[:count] + np.cumsum(numbers, axis=0) - numbers

    def move(k):
        _move(code[parts[k]], share, starts[k], [column[parts[k]] for column in columns], results)

    each(move, range(threads), threads)
    return start, results


def net(pool, code, quantity, rank, n_pools, traced=False):  # IN x 4
    """Lines sorted by (pool, rank of their code), quantities of the same pool and code added up; ranks do not repeat.

    Returns pool, code and quantity of each line; if traced also the order of the given lines and where each line begins in it.
    """
    dtypes(pool=(pool, "i4", 1), code=(code, "i4", 1), quantity=(quantity, "f8", 1), rank=(rank, "i4", 1))
    check_count("n_pools", n_pools)
    check_length("code", code, len(pool))
    check_length("quantity", quantity, len(pool))
    check_line_count(len(pool))
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
    cdef int64_t n = pool.shape[0], k, m
    cdef bint traced = start.shape[0] > 1
    cdef int64_t[::1] bounds = np.empty(n_pools + 1, np.int64)
    cdef uint32_t[::1] head = np.empty(n_pools, np.uint32)
    with nogil:
        _counted(&pool[0], &code[0], &rank[0], n, &bounds[0], n_pools, &head[0], &order[0])
    _sort_segments(bounds, order)
    with nogil:
        m = _added_up(
            n_pools, &bounds[0], &order[0], &code[0], &quantity[0], &out_pool[0], &out_code[0], &out_quantity[0],
            &start[0] if traced else NULL,
        )
        if traced:
            for k in range(n):
                order[k] = _line(order[k])
    return m


cdef int64_t _added_up(
    int64_t n_pools, const int64_t *bounds, const int64_t *lines, const int32_t *code, const double *quantity,
    int32_t *out_pool, int32_t *out_code, double *out_quantity, int64_t *start,  # OUT x 4
) noexcept nogil:
    """Sorted lines with those of the same pool and key as one; how many, and where each begins unless start is NULL.

    Without a branch: every line is written over the one before it, or behind it.
    """
    cdef int64_t p, k, at, key, last, m = -1
    cdef double total = 0.0
    cdef bint new
    for p in range(n_pools):
        last = NO_KEY
        for k in range(bounds[p], bounds[p + 1]):
            at, key = _line(lines[k]), lines[k] >> PLACE_BITS
            new = key != last
            last = key
            m += new
            total = where(not new, total) + quantity[at]
            out_pool[m], out_code[m], out_quantity[m] = <int32_t>p, code[at], total
            if start != NULL and new:
                start[m] = k
    if start != NULL:
        start[m + 1] = bounds[n_pools]
    return m + 1


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
