"""The choice of implementation and instruction set, and what importing must not do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builds import ROOT, built

from margin import _core

FIXED = Path(__file__).with_name("fixed_result.py")
PUBLISHED = {
    "aggregation": "765bd77b3e9be0aa74d0ca601720014b8d4ed848975ecdec05a274b12dba494d",
    "pricing": "d82d0af235136c97024f7aa80818d9d7297af78bb913b81a4b1867599ec7a37c",
}
"""As docs/performance.md states them; whoever changes a sum or a polynomial on purpose publishes new ones."""


def digests(*kinds, **environment):
    """SHA-256 of the fixed result in a process of its own."""
    command = [sys.executable, str(FIXED), *kinds]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout.split()


def run(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("isa", _core.isas())
def test_the_published_result_on_every_instruction_set(isa):
    assert digests(MARGIN_ISA=isa, MARGIN_IMPL="core") == list(PUBLISHED.values())


def test_the_twin_gives_the_published_result():
    assert digests("aggregation", MARGIN_IMPL="python") == [PUBLISHED["aggregation"]]


def test_the_result_is_published():
    page = ROOT / "docs" / "performance.md"
    if not page.exists():
        pytest.skip("the documents are not here")
    assert all(digest in page.read_text(encoding="utf-8") for digest in PUBLISHED.values())


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("clang"), reason="no clang: apt-get install clang")
def test_another_compiler_gives_the_published_result(tmp_path):
    environment = built(tmp_path, CC="clang", LDSHARED="clang -shared")
    for isa in _core.isas():
        assert digests(**environment, MARGIN_ISA=isa) == list(PUBLISHED.values())


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
