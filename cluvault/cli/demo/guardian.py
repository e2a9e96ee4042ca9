"""Runs a command until standard input closes: whatever ends the demo, kill -9 included, ends what it started.

The demo holds the other end of the pipe; the operating system closes it when the demo is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Final

_ENDED_WITHIN: Final = 10.0


def main() -> None:
    """`python -m cluvault.cli.demo.guardian COMMAND …`; its exit code is the command's."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603  # our own
    threading.Thread(target=_leave_with, args=[child], daemon=True).start()
    sys.stdin.buffer.read()
    _signal(child, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        child.wait(_ENDED_WITHIN)
    _signal(child, signal.SIGKILL)
    child.wait()


def _leave_with(child: subprocess.Popen[bytes]) -> None:
    code = child.wait()
    _signal(child, signal.SIGKILL)  # what it may have started and left behind
    os._exit(abs(code))


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)  # the group of the session that it leads


if __name__ == "__main__":
    main()
