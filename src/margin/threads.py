"""Work on several threads, results in the order in which the work was given."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

S = TypeVar("S")
T = TypeVar("T")


ROWS = 1 << 16
"""Rows that are worth starting a thread for."""


def processors(threads: int) -> int:
    """So many threads; 0 takes all processors."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def for_rows(threads: int, rows: int) -> int:
    """So many threads (0 takes all processors), but none for fewer than `ROWS` rows of a table."""
    return max(1, min(processors(threads), rows // ROWS))


def give_way() -> None:
    """Let this thread run behind the others, for a tenth of their share; only Linux knows the priority of a thread.

    Not less, as somebody may wait for it in the end, and it holds the GIL now and then.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # where it is not allowed, the thread takes its turns
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


@contextmanager
def in_order(work: Callable[[S], T], items: Sequence[S], threads: int) -> Iterator[Iterator[T]]:
    """Results of `work` in the order of `items`, as they come, computed on so many threads; 0 takes all processors.

    A context manager, as threads must be let go of by whoever uses them: a generator that fails to be used up is closed by the
    garbage collector, which may run while the lock is held that ending a thread takes. What has not begun when the block is
    left is dropped, what is under way is waited for.
    """
    count = processors(threads)
    if count == 1 or len(items) < 2:
        yield map(work, items)
        return
    with ThreadPoolExecutor(count) as executor:
        try:
            yield executor.map(work, items)
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


def each(work: Callable[[S], T], items: Sequence[S], threads: int) -> list[T]:
    """All results of `work`, as `in_order` gives them."""
    with in_order(work, items, threads) as results:
        return list(results)
