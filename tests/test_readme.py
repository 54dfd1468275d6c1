"""The README's example runs as printed, and its commands exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_first_example_runs_as_printed():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    assert len(code.strip().splitlines()) <= 11
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert "Assessment of 1 accounts" in result.stdout
    assert "Account A-1 under deribit cross_portfolio" in result.stdout


def test_the_commands_exist():
    from margin.cli.app import COMMANDS

    named = set(re.findall(r"margin-engine ([a-z-]+)", README))
    assert named <= {command.name for command in COMMANDS}
