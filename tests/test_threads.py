"""Work on several threads."""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from margin.threads import give_way, in_order, processors


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_the_order_of_the_work(threads):
    assert list(in_order(lambda k: k * k, range(50), threads)) == [k * k for k in range(50)]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_is_told_after_the_results_before_it(threads):
    results = in_order(lambda k: 6 // (3 - k), range(6), threads)
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_all_processors_are_at_least_one():
    assert processors(0) >= 1
    assert processors(5) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_only_the_thread_that_gives_way_does():
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with ThreadPoolExecutor(1, initializer=give_way) as background:
        there = background.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert there == 19
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
