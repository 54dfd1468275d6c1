"""The table of ratios that `make bench` ends with."""

from __future__ import annotations

import platform

import pytest

from margin import config

RATIOS = pytest.StashKey[list[tuple[str, str, float, float, float]]]()
NOTES = pytest.StashKey[list[str]]()


def pytest_configure(config):
    config.stash[RATIOS], config.stash[NOTES] = [], []


@pytest.fixture
def note(request, benchmark):
    """Keep a line for the end of the output: what has no peer."""
    benchmark.pedantic(lambda: None)
    return request.config.stash[NOTES].append


@pytest.fixture
def beside(request, benchmark):
    """Time a job with pytest-benchmark and its peer by turns, as machines slow down; return the ratio of their best times."""
    from statistics import median
    from time import perf_counter

    def measure(job, peer, *, name, rounds=7):
        times = []

        def timed_peer():
            started = perf_counter()
            peer()
            times.append(perf_counter() - started)

        benchmark.group = name
        benchmark.pedantic(job, setup=timed_peer, rounds=rounds, warmup_rounds=1)
        ours = benchmark.stats.stats.data if benchmark.stats else [float("nan")]
        turns = [theirs / own for theirs, own in zip(times[-len(ours) :], ours, strict=True)]
        request.config.stash[RATIOS].append((name, peer.__doc__, min(ours), min(times), median(turns)))
        return min(times) / min(ours)

    return measure


def pytest_terminal_summary(terminalreporter, config: pytest.Config):
    rows, notes = config.stash[RATIOS], config.stash[NOTES]
    if not rows and not notes:
        return
    terminalreporter.section("ratios of the best times in this run, and the median of the ratios turn by turn")
    for name, peer, ours, theirs, turns in rows:
        times = f"{name:<72} {1e3 * ours:8.1f} ms   {peer:<42} {1e3 * theirs:8.1f} ms"
        terminalreporter.write_line(f"{times}   {theirs / ours:5.2f}x   {turns:5.2f}x")
    for line in notes:
        terminalreporter.write_line(line)
    about = _kernels()
    terminalreporter.write_line(f"{about}, {platform.machine()}, Python {platform.python_version()}, one thread each unless said")


def _kernels():
    return f"margin {config().version}, {config().implementation} {config().isa}"
