"""The command `margin-engine`, also `python -m margin`. One command a file; this file only opens the door."""

from __future__ import annotations

import sys

from margin.errors import MissingExtraError


def main() -> None:
    """Run the command line with `sys.argv`; ends the process with one of the exit codes that ``--help`` lists."""
    try:
        import click  # noqa: F401
    except ImportError:
        print(f"margin-engine: {MissingExtraError('the command line', 'click')}", file=sys.stderr)
        sys.exit(2)
    try:
        from margin.cli.app import application
    except KeyboardInterrupt:
        sys.exit(130)
    application()
