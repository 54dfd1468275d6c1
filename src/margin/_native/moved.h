/* Entries moved behind those of their block before them.
 *
 * Blocks come in no order, so a plain store would first read the line that it goes to from memory, for each block a different
 * one. Here the entries of each block are gathered into a line of its own, in the first level of cache, and a full line is
 * written past the caches. Lines that two blocks share, at the ends of each, are written apart.
 */
#ifndef MARGIN_MOVED_H
#define MARGIN_MOVED_H

#include "kernels.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
KERNEL_INLINE void write_line(void *to, const void *line)
{
    for (int k = 0; k < MARGIN_LINE / 16; ++k)
        _mm_stream_si128((__m128i *)to + k, _mm_load_si128((const __m128i *)line + k));
}
KERNEL_INLINE void lines_written(void) { _mm_sfence(); }
#else
KERNEL_INLINE void write_line(void *to, const void *line) { memcpy(to, line, MARGIN_LINE); }
KERNEL_INLINE void lines_written(void) {}
#endif

/* Places are counted from the start of the line in which the target begins. size is a constant at every call. */
KERNEL_INLINE void move_entries(int size, int64_t n, const int32_t *restrict code, double share, int64_t n_blocks,
                                const int64_t *restrict start, const char *restrict source, char *restrict target,
                                int64_t *restrict head, char *restrict lines)
{
    const int64_t room = MARGIN_LINE / size, before = (int64_t)((uintptr_t)target % MARGIN_LINE) / size;
    char *const first_line = target - before * size;
    for (int64_t b = 0; b < n_blocks; ++b)
        head[b] = start[b] + before;
    for (int64_t i = 0; i < n; ++i) {
        const int64_t b = (int64_t)(code[i] * share), end = ++head[b], own = start[b] + before;
        char *const line = lines + b * MARGIN_LINE;
        memcpy(line + (end - 1) % room * size, source + i * size, (size_t)size);
        if (end % room)
            continue;
        if (end - room >= own)
            write_line(first_line + (end - room) * size, line);
        else
            memcpy(first_line + own * size, line + own % room * size, (size_t)((end - own) * size));
    }
    for (int64_t b = 0; b < n_blocks; ++b) {
        const int64_t end = head[b], own = start[b] + before, begin = end - end % room > own ? end - end % room : own;
        memcpy(first_line + begin * size, lines + b * MARGIN_LINE + begin % room * size, (size_t)((end - begin) * size));
    }
    lines_written();
}

static void moved(int64_t n, const int32_t *restrict code, double share, int64_t n_blocks, const int64_t *restrict start,
                  int64_t size, const void *restrict source, void *restrict target, int64_t *restrict head,
                  void *restrict lines)
{
    if (size == 8)
        move_entries(8, n, code, share, n_blocks, start, source, target, head, lines);
    else if (size == 4)
        move_entries(4, n, code, share, n_blocks, start, source, target, head, lines);
    else
        move_entries(1, n, code, share, n_blocks, start, source, target, head, lines);
}

#endif
