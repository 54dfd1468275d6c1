# Identifiers to dense codes: open addressing, linear probing, at most half full.
# A slot holds code + 1 (0: empty) and 32 bits of the hash, so that most comparisons end there. Keys come in batches: all
# hashes first, each asking for its slot, so that the slots arrive from memory together and not one after the other.

cdef enum:
    BATCH = 32


cdef struct keys:
    const uint8_t *data      # strings, or NULL
    const int64_t *offsets
    const int64_t *values    # integers, or NULL


cdef struct slots:
    uint64_t *slot
    uint64_t mask


cdef inline uint64_t _mixed(uint64_t x) noexcept nogil:
    # The finaliser of splitmix64: every input bit reaches every output bit.
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    return x ^ (x >> 31)


cdef inline uint64_t _hash(const keys *k, int64_t i) noexcept nogil:
    cdef uint64_t h, word
    cdef int64_t length, at
    if k.values != NULL:
        return _mixed(<uint64_t>k.values[i])
    at, length = k.offsets[i], k.offsets[i + 1] - k.offsets[i]
    h = <uint64_t>length * <uint64_t>0x9E3779B97F4A7C15
    while length >= 8:
        memcpy(&word, k.data + at, 8)
        h = _mixed(h ^ word)
        at += 8
        length -= 8
    if length > 0:
        word = 0
        memcpy(&word, k.data + at, <size_t>length)
        h = _mixed(h ^ word)
    return h


cdef inline bint _same(const keys *a, int64_t i, const keys *b, int64_t j) noexcept nogil:
    cdef int64_t length
    if a.values != NULL:
        return a.values[i] == b.values[j]
    length = a.offsets[i + 1] - a.offsets[i]
    return length == b.offsets[j + 1] - b.offsets[j] and memcmp(
        a.data + a.offsets[i], b.data + b.offsets[j], <size_t>length) == 0


cdef inline int32_t _find(
    const slots *s, uint64_t h, const keys *known, const int64_t *first, const keys *k, int64_t i, uint64_t *where
) noexcept nogil:
    """Code of key i, or -1 and the free slot for it; first[code] is the position in `known` that has it."""
    cdef uint64_t at = h & s.mask, found
    cdef int32_t code
    while s.slot[at] != 0:
        found = s.slot[at]
        code = <int32_t>(<uint32_t>found) - 1
        if (found >> 32) == (h >> 32) and _same(known, first[code], k, i):
            return code
        at = (at + 1) & s.mask
    where[0] = at
    return -1


cdef bint _empty(slots *s, uint64_t size) noexcept nogil:
    """Make an empty table of `size` slots (a power of 2) in place of the old one; False when memory is short."""
    free(s.slot)
    s.slot = <uint64_t *>malloc(size * sizeof(uint64_t))
    if s.slot == NULL:
        return False
    memset(s.slot, 0, size * sizeof(uint64_t))
    s.mask = size - 1
    return True


cdef inline void _hash_batch(const slots *s, const keys *k, int64_t begin, int64_t end, uint64_t *hashes) noexcept nogil:
    """Hashes of keys begin .. end - 1, their slots on the way."""
    cdef int64_t i
    for i in range(begin, end):
        hashes[i - begin] = _hash(k, i)
        prefetch(&s.slot[hashes[i - begin] & s.mask])


cdef void _insert(slots *s, uint64_t h, int64_t code) noexcept nogil:
    """Put a code that is not there yet into the first free slot."""
    cdef uint64_t where = h & s.mask
    while s.slot[where] != 0:
        where = (where + 1) & s.mask
    s.slot[where] = ((h >> 32) << 32) | <uint64_t>(code + 1)


cdef bint _grow(slots *s, const keys *k, const int64_t *first, int64_t count) noexcept nogil:
    """Four times the slots, the same codes."""
    cdef int64_t j
    if not _empty(s, 4 * (s.mask + 1)):
        return False
    for j in range(count):
        _insert(s, _hash(k, first[j]), j)
    return True


cdef int64_t _number(const keys *k, int64_t n, int32_t *codes, int64_t *first) noexcept nogil:
    """Codes of n keys in order of first occurrence; returns how many are distinct, -1 when memory is short."""
    cdef slots s
    cdef uint64_t hashes[BATCH]
    cdef int64_t i, begin = 0, end, count = 0
    cdef uint64_t h, where = 0
    cdef int32_t code
    s.slot = NULL
    if not _empty(&s, 1 << 10):
        return -1
    while begin < n:
        end = min(begin + BATCH, n)
        if <uint64_t>(2 * (count + BATCH)) > s.mask and not _grow(&s, k, first, count):
            return -1
        _hash_batch(&s, k, begin, end, hashes)
        for i in range(begin, end):
            h = hashes[i - begin]
            code = _find(&s, h, k, first, k, i, &where)
            if code < 0:
                code = <int32_t>count
                first[count] = i
                s.slot[where] = ((h >> 32) << 32) | <uint64_t>(count + 1)
                count += 1
            codes[i] = code
        begin = end
    free(s.slot)
    return count


cdef int64_t _look_up(
    const keys *vocabulary, int64_t m, const keys *k, int64_t n, int64_t *first, int32_t *codes
) noexcept nogil:
    """Position of each key in the vocabulary, -1 where missing; 0, or -1 when memory is short. `first` is scratch."""
    cdef slots s
    cdef uint64_t hashes[BATCH]
    cdef int64_t i, begin = 0, end
    cdef uint64_t h, where = 0, size = 1 << 10
    while size < <uint64_t>(2 * m):
        size *= 2
    s.slot = NULL
    if not _empty(&s, size):
        return -1
    for i in range(m):
        first[i] = i
        h = _hash(vocabulary, i)
        if _find(&s, h, vocabulary, first, vocabulary, i, &where) < 0:
            s.slot[where] = ((h >> 32) << 32) | <uint64_t>(i + 1)
    while begin < n:
        end = min(begin + BATCH, n)
        _hash_batch(&s, k, begin, end, hashes)
        for i in range(begin, end):
            codes[i] = _find(&s, hashes[i - begin], vocabulary, first, k, i, &where)
        begin = end
    free(s.slot)
    return 0


cdef keys _strings(str name, const uint8_t[::1] data, const int64_t[::1] offsets) except *:
    cdef keys k
    _check_start(name, offsets, data.shape[0])
    k.data = &data[0] if data.shape[0] else <const uint8_t *>b""
    k.offsets = &offsets[0]
    k.values = NULL
    return k


cdef keys _integers(const int64_t[::1] values) noexcept:
    cdef keys k
    k.data, k.offsets = NULL, NULL
    k.values = &values[0]
    return k


cdef _encoded(keys k, int64_t n):
    codes, first = np.empty(n, np.int32), np.empty(n, np.int64)
    cdef int32_t[::1] c = codes
    cdef int64_t[::1] f = first
    cdef int64_t count = 0
    if n:
        with nogil:
            count = _number(&k, n, &c[0], &f[0])
    if count < 0:
        raise MemoryError(f"no memory to encode {n} identifiers")
    return codes, first[:count].copy()


cdef _looked_up(keys vocabulary, int64_t m, keys k, int64_t n):
    codes = np.full(n, -1, np.int32)
    scratch = np.empty(m, np.int64)
    cdef int32_t[::1] c = codes
    cdef int64_t[::1] f = scratch
    cdef int64_t status = 0
    if n and m:
        with nogil:
            status = _look_up(&vocabulary, m, &k, n, &f[0], &c[0])
    if status < 0:
        raise MemoryError(f"no memory to look up {n} identifiers among {m}")
    return codes


def encode_bytes(data, offsets):  # IN, IN
    """Number distinct byte strings in order of first occurrence; returns the codes and each code's first position."""
    dtypes(data=(data, "u1", 1), offsets=(offsets, "i8", 1))
    return _encoded(_strings("offsets", data, offsets), len(offsets) - 1)


def encode_int64(values):  # IN
    """Number distinct integers in order of first occurrence; returns the codes and each code's first position."""
    dtypes(values=(values, "i8", 1))
    if len(values) == 0:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    return _encoded(_integers(values), len(values))


def lookup_bytes(vocabulary_data, vocabulary_offsets, data, offsets):  # IN, IN, IN, IN
    """Position of each byte string in a vocabulary, the first if it is there twice, -1 if it is missing."""
    dtypes(
        vocabulary_data=(vocabulary_data, "u1", 1),
        vocabulary_offsets=(vocabulary_offsets, "i8", 1),
        data=(data, "u1", 1),
        offsets=(offsets, "i8", 1),
    )
    vocabulary = _strings("vocabulary_offsets", vocabulary_data, vocabulary_offsets)
    return _looked_up(vocabulary, len(vocabulary_offsets) - 1, _strings("offsets", data, offsets), len(offsets) - 1)


def lookup_int64(vocabulary, values):  # IN, IN
    """Position of each integer in a vocabulary, the first if it is there twice, -1 if it is missing."""
    dtypes(vocabulary=(vocabulary, "i8", 1), values=(values, "i8", 1))
    if len(values) == 0 or len(vocabulary) == 0:
        return np.full(len(values), -1, np.int32)
    return _looked_up(_integers(vocabulary), len(vocabulary), _integers(values), len(values))


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
