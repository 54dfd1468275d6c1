# Identifiers to dense codes: open addressing, linear probing.
#
# An entry holds what tells its identifier from all others: of up to 16 bytes the first eight and the last eight, which may
# overlap, and the length; of longer ones the first eight, a hash, and the whole string in the arena. So most look-ups touch
# one line of memory. Keys come in batches: all hashes first, each asking for its entry, so that the entries arrive from memory
# together and not one after the other.

cdef enum:
    BATCH = 32
    INLINE = 16  # bytes that an entry holds itself
    LEAP = 16  # times that a table grows at most at once


cdef struct keys:
    const uint8_t *data      # strings, or NULL
    const int32_t *short_offsets  # one of the two
    const int64_t *offsets
    const int64_t *values    # integers, or NULL


cdef struct key:
    const uint8_t *text
    uint64_t first
    uint64_t last
    uint64_t hash
    int64_t length


cdef struct entry:
    uint64_t first
    uint64_t last
    int64_t length
    int64_t place  # code + 1; 0 where the entry is free


cdef inline uint64_t _mixed(uint64_t x) noexcept nogil:
    # The finaliser of splitmix64: every input bit reaches every output bit.
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    return x ^ (x >> 31)


cdef inline uint64_t _word(const uint8_t *text, int64_t length) noexcept nogil:
    """The first eight bytes; of fewer a number that, with the length, tells them apart."""
    cdef uint64_t word
    cdef uint32_t low, high
    if length >= 8:
        memcpy(&word, text, 8)
        return word
    if length >= 4:
        memcpy(&low, text, 4)
        memcpy(&high, text + length - 4, 4)
        return <uint64_t>low | <uint64_t>high << 32
    if length > 0:
        return <uint64_t>text[0] | <uint64_t>text[length // 2] << 8 | <uint64_t>text[length - 1] << 16
    return 0


cdef uint64_t _hash_long(const uint8_t *text, int64_t length) noexcept nogil:
    cdef uint64_t h = 0
    while length >= 8:
        h = _mixed(h ^ _word(text, 8))
        text += 8
        length -= 8
    return _mixed(h ^ _word(text, length))


cdef inline uint64_t _hash(uint64_t first, uint64_t last, int64_t length) noexcept nogil:
    return _mixed(first ^ _mixed(last + <uint64_t>length * <uint64_t>0x9E3779B97F4A7C15))


cdef inline void _read_key(const keys *k, int64_t i, key *out) noexcept nogil:
    cdef int64_t begin
    if k.values != NULL:
        out.text, out.first, out.last, out.length = NULL, <uint64_t>k.values[i], 0, 8
    else:
        if k.short_offsets != NULL:
            begin, out.length = k.short_offsets[i], k.short_offsets[i + 1] - k.short_offsets[i]
        else:
            begin, out.length = k.offsets[i], k.offsets[i + 1] - k.offsets[i]
        out.text = k.data + begin
        out.first = _word(out.text, out.length)
        if out.length > INLINE:
            out.last = _hash_long(out.text, out.length)
        else:
            out.last = _word(out.text + out.length - 8, 8) if out.length >= 8 else 0
    out.hash = _hash(out.first, out.last, out.length)


cdef struct table:
    entry *entries
    uint64_t mask
    int64_t count
    int64_t *first        # position among all keys at which each code came first
    uint8_t *arena        # strings by code, one after the other
    int64_t *ends         # where each ends


cdef inline bint _is(const table *t, const entry *e, const key *k) noexcept nogil:
    if e.first != k.first or e.last != k.last or e.length != k.length:
        return False
    return k.length <= INLINE or memcmp(t.arena + t.ends[e.place - 1] - k.length, k.text, <size_t>k.length) == 0


cdef inline void _enter(table *t, uint64_t at, const key *k, int64_t position) noexcept nogil:
    """A new code for a key, in the free entry found for it."""
    cdef entry *e = &t.entries[at]
    cdef int64_t end = t.ends[t.count - 1] if t.count else 0
    t.first[t.count] = position
    t.ends[t.count] = end
    if k.text != NULL:
        memcpy(t.arena + end, k.text, <size_t>k.length)
        t.ends[t.count] += k.length
    t.count += 1
    e.first, e.last, e.length, e.place = k.first, k.last, k.length, t.count


cdef inline uint64_t _seek(const table *t, const key *k) noexcept nogil:
    """Where a key stands, or the free entry for it."""
    cdef uint64_t at = k.hash & t.mask
    while t.entries[at].place != 0 and not _is(t, &t.entries[at], k):
        at = (at + 1) & t.mask
    return at


cdef void _rehashed(const entry *old, uint64_t size, table *t) noexcept nogil:
    """The entries of a smaller table, which are distinct."""
    cdef uint64_t i, at
    for i in range(size):
        if old[i].place != 0:
            at = _hash(old[i].first, old[i].last, old[i].length) & t.mask
            while t.entries[at].place != 0:
                at = (at + 1) & t.mask
            t.entries[at] = old[i]


cdef void _numbered(
    table *t, const keys *k, int64_t begin, int64_t end, int64_t before, bint enter, int32_t *codes
) noexcept nogil:
    """Codes of keys begin .. end - 1; a key that is not there enters, or gets -1."""
    cdef key batch[BATCH]
    cdef key *one
    cdef int64_t i, stop
    cdef uint64_t at
    while begin < end:
        stop = min(begin + BATCH, end)
        for i in range(begin, stop):
            one = &batch[i - begin]
            _read_key(k, i, one)
            prefetch(&t.entries[one.hash & t.mask])
        for i in range(begin, stop):
            one = &batch[i - begin]
            at = _seek(t, one)
            if t.entries[at].place == 0 and enter:
                _enter(t, at, one, before + i)
            codes[i] = <int32_t>(t.entries[at].place - 1)
        begin = stop


cdef void _numbered_through(
    table *t, const keys *k, const int32_t *index, int64_t n, int64_t before, int32_t *number, int32_t *codes
) noexcept nogil:
    """Codes of the keys at index[0 .. n - 1]; number is scratch for the code of each key, -1 until it occurs."""
    cdef int64_t i
    cdef uint64_t at
    cdef key one
    for i in range(n):
        if number[index[i]] < 0:
            _read_key(k, index[i], &one)
            at = _seek(t, &one)
            if t.entries[at].place == 0:
                _enter(t, at, &one, before + i)
            number[index[i]] = <int32_t>(t.entries[at].place - 1)
        codes[i] = number[index[i]]


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
