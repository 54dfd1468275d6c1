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

#define MOVED_TOGETHER 1024 /* rows whose blocks and places are told once for all columns */

/* Places are counted from the start of the line in which the target begins. size is a constant at every call. */
KERNEL_INLINE void move_entries(int size, int n, const int32_t *restrict block, const int64_t *restrict place,
                                const int64_t *restrict start, const char *restrict source, char *restrict target,
                                char *restrict lines)
{
    const int64_t room = MARGIN_LINE / size, before = (int64_t)((uintptr_t)target % MARGIN_LINE) / size;
    char *const first_line = target - before * size;
    for (int i = 0; i < n; ++i) {
        const int64_t end = place[i] + before + 1;
        char *const line = lines + (int64_t)block[i] * MARGIN_LINE;
        memcpy(line + (end - 1) % room * size, source + i * size, (size_t)size);
        if (end % room)
            continue;
        const int64_t own = start[block[i]] + before;
        if (end - room >= own)
            write_line(first_line + (end - room) * size, line);
        else
            memcpy(first_line + own * size, line + own % room * size, (size_t)((end - own) * size));
    }
}

/* What is left in the line of each block. */
static void move_rest(int64_t size, int64_t n_blocks, const int64_t *restrict start, const int64_t *restrict head,
                      char *restrict target, const char *restrict lines)
{
    const int64_t room = MARGIN_LINE / size, before = (int64_t)((uintptr_t)target % MARGIN_LINE) / size;
    char *const first_line = target - before * size;
    for (int64_t b = 0; b < n_blocks; ++b) {
        const int64_t end = head[b] + before, own = start[b] + before;
        const int64_t begin = end - end % room > own ? end - end % room : own;
        memcpy(first_line + begin * size, lines + b * MARGIN_LINE + begin % room * size, (size_t)((end - begin) * size));
    }
}

static void moved(int64_t n, const int32_t *restrict code, double share, int64_t n_blocks, const int64_t *restrict start,
                  int64_t n_columns, const int64_t *restrict size, const void *const *restrict source,
                  void *const *restrict target, int64_t *restrict head, void *restrict lines)
{
    int32_t block[MOVED_TOGETHER];
    int64_t place[MOVED_TOGETHER];
    memcpy(head, start, (size_t)n_blocks * sizeof *head);
    for (int64_t first = 0; first < n; first += MOVED_TOGETHER) {
        const int rows = n - first < MOVED_TOGETHER ? (int)(n - first) : MOVED_TOGETHER;
        for (int i = 0; i < rows; ++i)
            block[i] = (int32_t)(code[first + i] * share);
        for (int i = 0; i < rows; ++i)
            place[i] = head[block[i]]++;
        for (int64_t c = 0; c < n_columns; ++c) {
            const char *const from = (const char *)source[c] + first * size[c];
            char *const gathered = (char *)lines + c * n_blocks * MARGIN_LINE;
            if (size[c] == 8)
                move_entries(8, rows, block, place, start, from, target[c], gathered);
            else if (size[c] == 4)
                move_entries(4, rows, block, place, start, from, target[c], gathered);
            else
                move_entries(1, rows, block, place, start, from, target[c], gathered);
        }
    }
    for (int64_t c = 0; c < n_columns; ++c)
        move_rest(size[c], n_blocks, start, head, target[c], (char *)lines + c * n_blocks * MARGIN_LINE);
    lines_written();
}

#endif
