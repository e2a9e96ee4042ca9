"""Standard output that outlives its readers: what a command does and its exit code do not depend on who listens."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD_OUTPUT: Final = 1


class _Output(io.FileIO):
    """A file that leads nowhere once something could not be written to it."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write; what nobody reads any more is let go.

        Raises:
            OSError: the disk is full or the like. It is told once; Python would try again at its end, with noise.
        """
        try:
            return super().write(data)
        except BrokenPipeError:
            self._lead_nowhere()
            return super().write(data)
        except OSError:
            self._lead_nowhere()
            raise

    def _lead_nowhere(self) -> None:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # a device
            os.dup2(nowhere.fileno(), self.fileno())


def outlive_readers() -> None:
    """From now on `cluvault … | head -1` ends as it would without `head`, a restore under way included."""
    given = sys.stdout
    if given is None:  # closed by whoever started the process
        return
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(_STANDARD_OUTPUT, "w", closefd=False)),
        encoding=given.encoding,
        errors=given.errors,
        line_buffering=given.isatty(),
    )
