"""The choice of implementation and instruction set, and what importing must not do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from margin import _core

DIGEST = """
import hashlib, numpy as np
from margin import kernels
random = np.random.default_rng(7)
n = 4000
forward, strike = random.uniform(1, 1e5, n), random.uniform(1, 1e5, n)
years, vol, sign = random.uniform(0, 2, n), random.uniform(0, 2, n), random.choice([-1.0, 1.0], n)
price, delta = kernels.black76(forward, strike, years, vol, sign)
move, index = random.uniform(-0.9, 5, (1, 33)), random.integers(0, 1, 33).astype(np.int32)
grid = kernels.black76_grid(forward, strike, years, sign, vol[:, None].copy(), np.zeros(n, np.int32), move, index)
table = kernels.aligned_table(n, 33)
table[:, :33] = grid
start = np.arange(0, 8 * n + 1, 8)
row, quantity = random.integers(0, n, 8 * n).astype(np.int32), random.normal(size=8 * n)
worst, scenario = kernels.stress(start, np.zeros(n, np.int32), row, quantity, table, kernels.aligned_table(1, 33), 33)
tail = kernels.tail(start, row, quantity, table, random.random(33), 0.9)
print(hashlib.sha256(b"".join(a.tobytes() for a in (price, delta, grid, worst, scenario, *tail))).hexdigest())
"""


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_same_bits_on_every_instruction_set():
    digests = {isa: run(DIGEST, MARGIN_ISA=isa).stdout.strip() for isa in _core.isas()}
    assert len(set(digests.values())) == 1, digests
    assert len(digests["base"]) == 64


def test_unknown_instruction_set_lists_those_there_are():
    result = run("import margin; margin.config()", MARGIN_ISA="v9")
    assert result.returncode != 0
    assert "MARGIN_ISA is 'v9'; available: base" in result.stderr


@pytest.mark.parametrize("implementation", ["core", "python"])
def test_forced_implementation(implementation):
    code = "import margin; print(margin.config().implementation)"
    assert run(code, MARGIN_IMPL=implementation).stdout.strip() == implementation


def test_unknown_implementation():
    assert "MARGIN_IMPL is 'fast'" in run("import margin; margin.config()", MARGIN_IMPL="fast").stderr


def test_import_leaves_denormals_and_error_state_alone():
    code = "import numpy as np; before = np.geterr(); import margin.kernels; print(5e-324 * 1.0 != 0, np.geterr() == before)"
    assert run(code).stdout.split() == ["True", "True"]


def test_whole_assessment_runs_on_the_twin():
    code = (
        "from margin import synthetic; from margin.venues import load; import pathlib, tempfile;"
        "x = synthetic.exchange(accounts=40, seed=3); p = pathlib.Path(tempfile.mkdtemp()) / 'p.toml'; p.write_text(x.params);"
        "r = load('deribit').regime('cross_portfolio', as_of='2026-02-15', params=[p],"
        " accept=('official', 'recorded', 'third_party', 'illustrative'));"
        "a = r.assess(x.book(), x.market()); print(*(f'{v:.9e}' for v in a.initial_margin))"
    )
    fast, slow = (run(code, MARGIN_IMPL=i) for i in ("core", "python"))
    assert not slow.stderr
    a, b = ([float(v) for v in r.stdout.split()] for r in (fast, slow))
    assert len(a) == 40
    assert a == pytest.approx(b, rel=1e-8)
