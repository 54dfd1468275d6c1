# The hash table of identifiers: open addressing, linear probing.
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
