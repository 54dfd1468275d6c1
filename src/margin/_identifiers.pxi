# Identifiers to dense codes, in order of first occurrence.

@cython.auto_pickle(False)
cdef class Numbering:
    """Codes of byte strings in order of first occurrence, over as many pieces of a column as come, one after the other."""

    cdef table t
    cdef object _entries, _first, _ends, _arena  # what t points into
    cdef int64_t _seen
    cdef bint _busy

    def __cinit__(self):
        self._first, self._ends, self._arena = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(1, np.uint8)
        self._resize(1 << 10)
        self._keep(0)

    def __len__(self):
        return self.t.count

    cdef int64_t _limit(self):
        """Most codes in the table: five eighths full."""
        return <int64_t>((self.t.mask + 1) // 8 * 5)

    cdef _resize(self, uint64_t size):
        """A table of so many entries, a power of 2, two in a cache line; numpy asks for large pages where it is large."""
        cdef entry *old = self.t.entries
        cdef uint64_t old_size = self.t.mask + 1 if old != NULL else 0
        kept = self._entries
        cdef double[:, ::1] entries = aligned_table(size // 2, 2 * sizeof(entry) // 8)
        cdef int64_t[::1] first = np.empty(size // 8 * 5, np.int64), ends = np.empty(size // 8 * 5, np.int64)
        self._entries = entries.base
        self.t.entries, self.t.mask = <entry *>&entries[0, 0], size - 1
        with nogil:
            _rehashed(old, old_size, &self.t)
        first.base[: self.t.count] = self._first[: self.t.count]
        ends.base[: self.t.count] = self._ends[: self.t.count]
        self._first, self._ends = first.base, ends.base
        self.t.first, self.t.ends = &first[0], &ends[0]

    cdef _keep(self, int64_t size):
        """Room for so many more bytes of strings."""
        cdef int64_t used = self.t.ends[self.t.count - 1] if self.t.count else 0
        cdef uint8_t[::1] arena = self._arena
        if used + size > arena.shape[0]:
            arena = np.empty(max(used + size, 2 * arena.shape[0]), np.uint8)
            arena.base[:used] = self._arena[:used]
            self._arena = arena.base
        self.t.arena = &arena[0]

    cdef int64_t _room(self, const keys *k, int64_t begin, int64_t n):
        """Room for the keys from `begin`; returns where it ends, should all of them be new.

        A table that fills grows to what is needed if the keys to come are as often new as those before, at most `LEAP` times.
        """
        cdef int64_t left = min(n - begin, self._limit() // 8), seen = self._seen + begin
        cdef uint64_t size = self.t.mask + 1, most = LEAP * size
        cdef double expected = self.t.count * (1.0 + <double>(n - begin) / max(seen, 1))
        if self._limit() - self.t.count < left:
            size *= 2
            while size < most and size // 8 * 5 < expected:
                size *= 2
            self._resize(size)
        cdef int64_t end = min(n, begin + self._limit() - self.t.count)
        if k.data != NULL:
            self._keep(_offset(k, end) - _offset(k, begin))
        return end

    cdef _add(self, keys k, int64_t n, bint enter, codes):
        """Codes of n keys; those that are not there enter, or have -1."""
        dtypes(codes=(codes, "i4", 1))
        check_length("codes", codes, n)
        if n == 0:
            return
        cdef int32_t[::1] c = codes  # OUT
        cdef int64_t begin = 0, end
        self._alone()
        try:
            while begin < n:
                end = self._room(&k, begin, n) if enter else n
                with nogil:
                    _numbered(&self.t, &k, begin, end, self._seen, enter, &c[0])
                begin = end
            self._seen += n if enter else 0
        finally:
            self._busy = False

    cdef _alone(self):
        if self._busy:
            raise RuntimeError("a Numbering takes one piece at a time; another thread is adding to it")
        self._busy = True

    def add_bytes(self, data, offsets, codes):  # IN, IN, OUT
        """Codes of byte strings; those that are new get the next ones."""
        self._add(_strings("offsets", data, offsets), len(offsets) - 1, True, codes)

    def add_dictionary(self, index, data, offsets, codes):  # IN, IN, IN, OUT
        """Codes of byte strings that are given by their places among others; those that do not occur are not numbered."""
        dtypes(index=(index, "i4", 1), codes=(codes, "i4", 1))
        check_length("codes", codes, len(index))
        cdef keys k = _strings("offsets", data, offsets)
        cdef int64_t m = len(offsets) - 1, n = len(index)
        _check_codes("index", index, m)
        if n == 0:
            return
        cdef const int32_t[::1] places = index
        cdef int32_t[::1] number = np.full(m, -1, np.int32), c = codes  # scratch, OUT
        self._alone()
        try:
            while self._limit() - self.t.count < m:
                self._resize(2 * (self.t.mask + 1))
            self._keep(_offset(&k, m) - _offset(&k, 0))
            with nogil:
                _numbered_through(&self.t, &k, &places[0], n, self._seen, &number[0], &c[0])
            self._seen += n
        finally:
            self._busy = False

    def first(self):
        """Position, among all strings added, at which each code came first."""
        return self._first[: self.t.count].copy()

    def vocabulary(self):
        """Bytes and offsets of the distinct strings."""
        ends = np.zeros(self.t.count + 1, np.int64)
        ends[1:] = self._ends[: self.t.count]
        return self._arena[: ends[self.t.count]].copy(), ends


cdef inline int64_t _offset(const keys *k, int64_t i) noexcept nogil:
    return k.short_offsets[i] if k.short_offsets != NULL else k.offsets[i]


cdef keys _strings(str name, data, offsets) except *:
    """Strings whose offsets, of four or eight bytes each, are checked."""
    cdef keys k
    dtypes(data=(data, "u1", 1))
    cdef const uint8_t[::1] text = data
    cdef const int32_t[::1] short_offsets
    cdef const int64_t[::1] long_offsets
    k.data = &text[0] if text.shape[0] else <const uint8_t *>b""
    k.short_offsets, k.offsets, k.values = NULL, NULL, NULL
    if getattr(offsets, "dtype", None) == np.int32:
        dtypes(**{name: (offsets, "i4", 1)})
        short_offsets = offsets
        _check_start[int32_t](name, short_offsets, text.shape[0])
        k.short_offsets = &short_offsets[0]
    else:
        dtypes(**{name: (offsets, "i8", 1)})
        long_offsets = offsets
        _check_start[int64_t](name, long_offsets, text.shape[0])
        k.offsets = &long_offsets[0]
    return k


cdef keys _integers(const int64_t[::1] values) noexcept:
    cdef keys k
    k.data, k.short_offsets, k.offsets = NULL, NULL, NULL
    k.values = &values[0]
    return k


# Integers that lie close together need no hash: a table over their range holds code + 1 (0: not seen)

cdef enum:
    SPREAD = 4  # a table may have so many places for each integer


cdef bint _close(const int64_t *values, int64_t n, int64_t *low, uint64_t *places) noexcept nogil:
    """Whether the integers span at most `SPREAD` times their number; the least of them and how many places they span."""
    cdef int64_t i, least = values[0], most = values[0]
    for i in range(n):
        least = min(least, values[i])
        most = max(most, values[i])
    low[0] = least
    places[0] = <uint64_t>most - <uint64_t>least + 1  # 0 where it is all of them
    return places[0] != 0 and places[0] <= <uint64_t>(SPREAD * n)


cdef int64_t _number_close(
    const int64_t *values, int64_t n, int64_t low, uint64_t places, int32_t *codes, int64_t *first
) noexcept nogil:
    """As `_number`, by a table over the range."""
    cdef int32_t *seen = <int32_t *>malloc(places * sizeof(int32_t))
    cdef int64_t i, at, count = 0
    if seen == NULL:
        return -1
    memset(seen, 0, places * sizeof(int32_t))
    for i in range(n):
        at = values[i] - low
        if seen[at] == 0:
            first[count] = i
            count += 1
            seen[at] = <int32_t>count
        codes[i] = seen[at] - 1
    free(seen)
    return count


cdef _looked_up(Numbering known, int64_t m, keys k, int64_t n):
    """Position of each of n keys among the m that are known, the first of equal ones; -1 where it is missing."""
    codes = np.empty(n, np.int32)
    known._add(k, n, False, codes)
    return codes if len(known) == m else np.append(known.first(), -1).astype(np.int32)[codes]


def encode_bytes(data, offsets):  # IN, IN
    """Number distinct byte strings in order of first occurrence; returns the codes and each code's first position."""
    cdef Numbering numbering = Numbering()
    codes = np.empty(max(0, len(offsets) - 1), np.int32)
    numbering.add_bytes(data, offsets, codes)
    return codes, numbering.first()


def encode_int64(values):  # IN
    """Number distinct integers in order of first occurrence; returns the codes and each code's first position."""
    dtypes(values=(values, "i8", 1))
    cdef int64_t n = len(values), count = -1, low = 0
    cdef uint64_t places = 0
    if n == 0:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    cdef keys k = _integers(values)
    cdef Numbering numbering
    codes = np.empty(n, np.int32)
    if not _close(k.values, n, &low, &places):
        numbering = Numbering()
        numbering._add(k, n, True, codes)
        return codes, numbering.first()
    first = np.empty(n, np.int64)
    cdef int32_t[::1] c = codes
    cdef int64_t[::1] f = first
    with nogil:
        count = _number_close(k.values, n, low, places, &c[0], &f[0])
    if count < 0:
        raise MemoryError(f"no memory to encode {n} identifiers")
    return codes, first[:count].copy()


def lookup_bytes(vocabulary_data, vocabulary_offsets, data, offsets):  # IN, IN, IN, IN
    """Position of each byte string in a vocabulary, the first if it is there twice, -1 if it is missing."""
    cdef Numbering known = Numbering()
    cdef int64_t m = len(vocabulary_offsets) - 1, n = len(offsets) - 1
    known._add(_strings("vocabulary_offsets", vocabulary_data, vocabulary_offsets), m, True, np.empty(max(0, m), np.int32))
    return _looked_up(known, m, _strings("offsets", data, offsets), n)


def lookup_int64(vocabulary, values):  # IN, IN
    """Position of each integer in a vocabulary, the first if it is there twice, -1 if it is missing."""
    dtypes(vocabulary=(vocabulary, "i8", 1), values=(values, "i8", 1))
    if len(values) == 0 or len(vocabulary) == 0:
        return np.full(len(values), -1, np.int32)
    cdef Numbering known = Numbering()
    known._add(_integers(vocabulary), len(vocabulary), True, np.empty(len(vocabulary), np.int32))
    return _looked_up(known, len(vocabulary), _integers(values), len(values))


cdef void _copied(
    const uint8_t *data, const int64_t *begin, const int64_t *at, int64_t n, const int64_t *offsets, uint8_t *out
) noexcept nogil:
    """Strings one after the other, each from where it begins."""
    cdef int64_t i
    for i in range(n):
        memcpy(out + offsets[i], data + begin[at[i]], <size_t>(offsets[i + 1] - offsets[i]))


def take_bytes(data, offsets, at):  # IN, IN, IN
    """Bytes and offsets of the strings at some positions."""
    dtypes(data=(data, "u1", 1), offsets=(offsets, "i8", 1), at=(at, "i8", 1))
    cdef keys k = _strings("offsets", data, offsets)
    cdef int64_t n = len(at), count = len(offsets) - 1, i
    cdef const int64_t[::1] places = at
    taken_offsets = np.zeros(n + 1, np.int64)
    cdef int64_t[::1] ends = taken_offsets  # OUT
    for i in range(n):
        if places[i] < 0 or places[i] >= count:
            raise ValueError(f"at[{i}] is {places[i]}; expected 0 <= at[{i}] < {count}")
        ends[i + 1] = ends[i] + k.offsets[places[i] + 1] - k.offsets[places[i]]
    taken = np.empty(ends[n], np.uint8)
    cdef uint8_t[::1] out = taken  # OUT
    if ends[n]:
        with nogil:
            _copied(k.data, k.offsets, &places[0], n, &ends[0], &out[0])
    return taken, taken_offsets
