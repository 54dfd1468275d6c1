"""The example in docs/binance.md runs as printed, and every test that the page names exists."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from margin.venues.binance import MODES

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "binance.md").read_text(encoding="utf-8")


def test_the_example_runs_as_printed():
    code = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert "BTCUSDT BOTH maintMargin 60.0 60.0" in result.stdout
    assert "USDT maintMargin 60.0 60.0" in result.stdout


def test_the_page_names_every_mode_and_its_tests():
    assert all(f"`{mode}`" in TEXT for mode in MODES)
    for file, name in re.findall(r"`(tests/\w+\.py)::(\w+)`", TEXT):
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
