"""What docs/analysis.md names exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

DOC = (Path(__file__).parents[1] / "docs" / "analysis.md").read_text(encoding="utf-8")


def test_functions_of_the_table_exist():
    rows = [line.split("|")[2] for line in DOC.splitlines() if re.match(r"\| .*\| `\w+\.", line)]
    assert len(rows) >= 10
    for cell in rows:
        module = None
        for name in re.findall(r"`([\w.]+)`", cell):
            home, _, function = name.rpartition(".")
            module = importlib.import_module(f"margin.analysis.{home}") if home else module
            assert hasattr(module, function), name


def test_the_example_imports():
    code = re.search(r"```python\n(.*?)\n\n", DOC, re.DOTALL).group(1)
    exec(code, {})
