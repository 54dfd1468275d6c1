"""Work on several threads."""

from __future__ import annotations

import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from margin import Book, columns
from margin.errors import DataError
from margin.io import parquet
from margin.params import STATUSES
from margin.threads import ROWS, each, for_rows, give_way, in_order, processors
from margin.venues import load

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_the_order_of_the_work(threads):
    assert each(lambda k: k * k, range(50), threads) == [k * k for k in range(50)]


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_error_is_told_after_the_results_before_it(threads):
    with in_order(lambda k: 6 // (3 - k), range(6), threads) as results:
        assert [next(results) for _ in range(3)] == [2, 3, 6]
        with pytest.raises(ZeroDivisionError):
            next(results)


def test_whoever_stops_early_leaves_no_thread_and_no_work():
    before, done = threading.active_count(), []

    def work(k):
        done.append(k)
        time.sleep(0.01)
        return k

    with pytest.raises(KeyError) as kept, in_order(work, range(1000), 2) as results:
        raise KeyError(next(results))
    assert threading.active_count() == before, "left to the garbage collector"
    assert len(done) < 100
    assert kept.value.args == (0,)


def test_a_table_that_is_wrong_leaves_no_thread(monkeypatch):
    monkeypatch.setattr(columns, "LONG", 0)
    before = threading.active_count()
    wrong = {"account": ["a"], "instrument": ["x"], "quantity": [float("inf")]}
    with pytest.raises(DataError) as kept:
        columns.read("positions", wrong)
    assert threading.active_count() == before, "left to the garbage collector"
    assert kept.value.column == "quantity"


def test_a_column_that_is_not_read_to_its_end_waits_for_no_thread(tmp_path, monkeypatch):
    """Left to the garbage collector it may be closed by a thread that holds the lock which ending another one takes."""
    table, path = pa.table({"currency": ["A", "B", "C"], "usd": [1.0, 2.0, 3.0]}), tmp_path / "currencies.parquet"
    pq.write_table(table, path, row_group_size=1)
    column = parquet.read_tables(tmp_path)["currencies"]["usd"]
    read, free = parquet.FileColumn._row_group, threading.Event()
    monkeypatch.setattr(parquet.FileColumn, "_row_group", lambda self, k: (k == 0 or free.wait(60)) and read(self, k))
    chunks = column.iterchunks()
    assert next(chunks).to_pylist() == [1.0]
    closing = threading.Thread(target=chunks.close)
    closing.start()
    closing.join(30)
    assert not closing.is_alive()
    free.set()


def test_no_thread_is_started_for_a_small_book(market, monkeypatch):
    book = Book.of(positions={"account": ["b", "a", "b"], "instrument": ["BTC-PERPETUAL"] * 3, "quantity": [1.0, 2.0, 3.0]})
    regime = load("deribit").regime("segregated_standard", as_of="2026-02-15", accept=STATUSES)
    monkeypatch.setattr(threading.Thread, "start", lambda self: pytest.fail("a thread was started"))
    assert len(regime.assess(book, market, threads=4)) == 2


def test_all_processors_are_at_least_one():
    assert processors(0) >= 1
    assert processors(5) == 5


def test_threads_have_rows_enough():
    assert [for_rows(3, rows) for rows in (0, ROWS, 2 * ROWS - 1, 2 * ROWS, 9 * ROWS)] == [1, 1, 1, 2, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="threads have no priority of their own")
def test_only_the_thread_that_gives_way_does():
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    with ThreadPoolExecutor(1, initializer=give_way) as background:
        there = background.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
    assert there == 10
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
