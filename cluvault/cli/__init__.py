"""Commands and rendering."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `cluvault` command."""
    from cluvault.cli.app import run  # noqa: PLC0415  # importing the package costs nothing

    sys.exit(run(sys.argv[1:]))
