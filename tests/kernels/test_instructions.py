"""Instructions that kernels take on fixed input: a gate that needs no quiet machine, unlike any time.

Counted by valgrind on the AVX2 path (it does not know AVX-512), checks of arguments included.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builds import built
from fixed_work import ELEMENTS

from margin import _core

WORK = Path(__file__).with_name("fixed_work.py")
MOST = {"stress": 68, "stress_structured": 76, "black76_grid": 70, "group": 86, "encode_bytes": 137}
"""Instructions for each element: a quarter above 54, 60, 56, 69 and 109 of gcc 12, for other compilers."""

pytestmark = pytest.mark.skipif(
    not shutil.which("valgrind") or "v3" not in _core.isas(), reason="no valgrind (apt-get install valgrind), or not x86-64"
)


def counted(folder, **environment):
    """Instructions for each element of every kernel."""
    out = folder / "callgrind.out"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable, str(WORK)]
    chosen = {**os.environ, **environment, "MARGIN_ISA": "v3", "MARGIN_IMPL": "core"}
    subprocess.run(command, env=chosen, capture_output=True, check=True)
    report = ["callgrind_annotate", "--inclusive=yes", "--threshold=100", str(out)]
    text = subprocess.run(report, capture_output=True, text=True, check=True).stdout
    totals = re.findall(r"([\d,]+) \([^)]*\)\s+\S*:__pyx_pw_6margin_5_core_\d+(\w+) ", text)
    return {name: int(total.replace(",", "")) / ELEMENTS[name] for total, name in totals if name in ELEMENTS}


def test_kernels_take_no_more_instructions_than_they_did(tmp_path):
    found = counted(tmp_path)
    assert set(found) == set(MOST)
    assert {name: count for name, count in found.items() if count > MOST[name]} == {}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cc"), reason="needs a compiler")
@pytest.mark.parametrize(
    ("flag", "instead", "seen"),
    [
        ('"-O3"', '"-O1"', {"black76_grid"}),  # the others spell their vectors out
        ('["-march=x86-64-v3"]', "[]", {"stress", "black76_grid"}),
    ],
)
def test_a_lost_flag_is_seen(tmp_path, flag, instead, seen):
    found = counted(tmp_path, **built(tmp_path, replace=(flag, instead)))
    assert seen <= {name for name, count in found.items() if count > MOST[name]}
