"""The compiled micro-kernels hold wide instructions; they would not if an optimisation flag were lost.

Times on shared machines gate nothing: this counts instructions of the object instead.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from margin import _core

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "src" / "margin" / "_native"
WIDE = {"v3": "ymm", "v4": "zmm"}
LEAST = {"ymm": {"price_tile": 40, "combine": 40}, "zmm": {"price_tile": 40, "combine": 20}}
"""Fewest packed operations of a kernel: fused multiply-adds in pricing; products and sums apart in aggregation."""

pytestmark = pytest.mark.skipif(
    not shutil.which("objdump") or "v3" not in _core.isas(), reason="needs objdump and an x86-64 build"
)


def packed(path: Path, register: str) -> dict[str, int]:
    """Packed arithmetic instructions on a register width by function, the most of all functions of a name."""
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], capture_output=True, text=True, check=True).stdout
    operation = re.compile(rf"\t(vfm?n?m?add\d+pd|vmulpd|vaddpd).*%{register}")
    counts: dict[str, int] = {}
    for body in re.split(r"\n\n", text):
        head = re.match(r"[0-9a-f]+ <([^>.]+)[^>]*>:", body)
        if head:
            counts[head[1]] = max(counts.get(head[1], 0), len(operation.findall(body)))
    return counts


def settings() -> tuple[list[str], dict[str, list[str]]]:
    """Flags of the build, read off setup.py."""
    found = {}
    for node in ast.parse((ROOT / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id in {"FLAGS", "LEVELS"}:
            found[node.targets[0].id] = ast.literal_eval(node.value)
    return found["FLAGS"], found["LEVELS"]


def compiled(flags: list[str], level: str, folder: Path) -> Path:
    """The micro-kernels of one level under given flags."""
    path = folder / f"{level}.o"
    command = ["cc", "-c", "-fPIC", f"-DKERNEL_ISA={level}", *flags, *settings()[1][level], str(NATIVE / "kernels.c")]
    subprocess.run([*command, "-o", str(path)], check=True)
    return path


def enough(path: Path, register: str) -> bool:
    counts = packed(path, register)
    return all(counts.get(name, 0) >= least for name, least in LEAST[register].items())


def calls(path: Path) -> set[str]:
    """What an object needs from libraries, of the mathematical functions."""
    text = subprocess.run(["nm", "-u", path], capture_output=True, text=True, check=True).stdout
    return set(text.split()) & {"sqrt", "fma", "exp", "log", "fabs"}


@pytest.mark.parametrize("level", WIDE)
def test_the_built_kernels_are_vectorised(level):
    assert enough(Path(_core.__file__), WIDE[level])


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a compiler")
@pytest.mark.parametrize("level", WIDE)
def test_so_are_those_compiled_with_the_flags_of_the_build(level, tmp_path):
    path = compiled(settings()[0], level, tmp_path)
    assert enough(path, WIDE[level])
    assert not calls(path)


@pytest.mark.skipif(not shutil.which("cc"), reason="needs a compiler")
@pytest.mark.parametrize("lost", settings()[0])
def test_a_lost_flag_is_seen(lost, tmp_path):
    path = compiled([flag for flag in settings()[0] if flag != lost], "v3", tmp_path)
    assert calls(path) or not enough(path, "ymm"), f"nothing changes without {lost}"
