"""Work on several threads, results in the order in which the work was given."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

S = TypeVar("S")
T = TypeVar("T")


def processors(threads: int) -> int:
    """So many threads; 0 takes all processors."""
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def give_way() -> None:
    """Let this thread run where the others leave a processor idle; only Linux knows the priority of a thread."""
    if sys.platform == "linux":
        with suppress(OSError):  # where it is not allowed, the thread takes its turns
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)


def in_order(work: Callable[[S], T], items: Sequence[S], threads: int) -> Iterator[T]:
    """Results of `work` in the order of `items`, computed on so many threads; 0 takes all processors."""
    count = processors(threads)
    if count == 1 or len(items) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(count) as executor:
        yield from executor.map(work, items)
