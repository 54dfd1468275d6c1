"""The package built anew into a folder, by another compiler or with other flags."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def built(folder, *, replace=("", ""), **environment):
    """Build the sources into `folder`, with one text of setup.py replaced by another; returns what lets a process import it."""
    kept_out = shutil.ignore_patterns("_core*.so", "_core.c", "__pycache__")
    shutil.copytree(ROOT / "src" / "margin", folder / "margin", ignore=kept_out)
    script = (ROOT / "setup.py").read_text(encoding="utf-8")
    assert replace[0] in script
    (folder / "setup_here.py").write_text(script.replace(*replace) if replace[0] else script, encoding="utf-8")
    command = [sys.executable, str(folder / "setup_here.py"), "build_ext"]
    command += ["--build-lib", str(folder), "--build-temp", str(folder / "temp")]
    subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, check=True)
    assert list((folder / "margin").glob("_core*.so"))
    return {"PYTHONPATH": str(folder), "MARGIN_IMPL": "core"}
