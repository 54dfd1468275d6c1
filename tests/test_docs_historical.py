"""The example in docs/historical.md runs as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[1] / "docs" / "historical.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed():
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    for component in ("expected_shortfall", "stressed", "buffer", "floor"):
        assert component in result.stdout
    assert "Account A-1 under historical" in result.stdout
