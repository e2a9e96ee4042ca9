"""Memory that is done with goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from cluvault.memory import give_back_large_blocks

def pages():
    return int(Path("/proc/self/statm").read_text().split()[1])

if sys.argv[1:] == ["back"]:
    give_back_large_blocks()
first = b"x" * (4 << 20)
del first  # now glibc takes such blocks for nothing special
before, blocks, pins = pages(), [], []
for _ in range(20):
    blocks.append(b"x" * (2 << 20))
    pins.append(bytearray(2000))
del blocks
print(pages() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it is glibc's way to keep it")
def test_large_blocks_go_back() -> None:
    """Also those between which something small lies; without it most of them stay."""

    def left(*arguments: str) -> int:
        command = [sys.executable, "-c", PROGRAM, *arguments]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603

    assert left("back") * 10 < left()
