"""Commands and rendering."""

from __future__ import annotations

import gc
import sys
from typing import Final

_GARBAGE_THRESHOLD: Final = 150_000
"""More objects than any command's imports make: Entra's make 90,000."""


def main() -> None:
    """Entry point of the `cluvault` command.

    Importing makes many objects and hardly any garbage: the collector, left at its thresholds, would take a tenth of
    the start for nothing.
    """
    gc.set_threshold(_GARBAGE_THRESHOLD)
    from cluvault.cli.app import run  # noqa: PLC0415  # importing the package costs nothing
    from cluvault.cli.output import outlive_readers  # noqa: PLC0415  # as above

    outlive_readers()
    sys.exit(run(sys.argv[1:]))
