"""A process that writes to a folder store, for tests of what several processes, kill -9 and full disks do to it.

python folder_writer.py race FOLDER COUNT NAME [--no-links]   puts NAME under 0..COUNT-1, prints the keys it won
python folder_writer.py killed FOLDER [--no-links]            puts the same object in FOLDER/1, FOLDER/2, …; the nth
                                                              writer is killed at its nth call of the system
python folder_writer.py fill FOLDER SIZE [LIMIT]              puts SIZE bytes, with files limited to LIMIT bytes
python folder_writer.py stranger FOLDER                       reads, writes and lists as a user without any right
"""

# ruff: noqa: T201  # the lines it prints are its results

from __future__ import annotations

import asyncio
import errno
import os
import resource
import signal
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluvault.errors import ObjectExists, VaultError
from cluvault.vault.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Coroutine

KEY = "snapshots/prod/EmailApp/config.json.gz"
BODY = b"body" * 5000
_WATCHED = ("open", "os.mkdir", "os.link", "os.rename", "os.remove", "os.scandir")
_NOBODY = 65534


def race(folder: str, number: str, name: str) -> None:
    """Put the same keys as another process at the same time, once both are ready."""
    store = FolderStore(folder)
    print("ready", flush=True)
    sys.stdin.readline()

    async def put(key: str) -> bool:
        try:
            await store.put_new(key, name.encode())
        except ObjectExists:
            return False
        return True

    async def put_all() -> list[str]:
        return [key for key in map(str, range(int(number))) if await put(key)]

    print(*asyncio.run(put_all()))


def killed(folder: str) -> None:
    """Kill one writer after another, each one call later, until one lives to the end."""
    for number in count(1):
        child = os.fork()
        if child == 0:
            _kill_at(number)
            asyncio.run(FolderStore(Path(folder) / str(number)).put_new(KEY, BODY))
            os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            print(number)
            return


def _kill_at(number: int) -> None:
    calls = count(1)

    def hook(event: str, _arguments: object) -> None:
        if event in _WATCHED and next(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def fill(folder: str, size: str, limit: str = "") -> None:
    """Put a body that may not fit."""
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), unlimited[1]))
    _report(FolderStore(folder).put_new(KEY, b"x" * int(size)))
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)  # whatever Python writes on leaving is not meant


def stranger(folder: str) -> None:
    """Try every verb without rights."""
    store = FolderStore(folder)
    asyncio.run(asyncio.to_thread(int))  # afterwards Python's own files may be out of reach
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(_NOBODY)

    async def list_all() -> None:
        print(*[found.key async for found in store.list()])

    _report(store.get(KEY))
    _report(store.put_new("other", b"body"))
    _report(store.delete(KEY))
    _report(list_all())
    if is_root:
        os.seteuid(0)


def _report(call: Coroutine[Any, Any, bytes | None]) -> None:
    """Do something and print what came of it."""
    try:
        asyncio.run(call)
    except VaultError as err:
        print(f"{type(err).__name__}: {err}")
    else:
        print("done")


def _refuse_to_link(_source: object, _target: object) -> None:
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[2:] if argument != "--no-links"]
    if len(arguments) < len(sys.argv) - 2:
        os.link = _refuse_to_link
    {"race": race, "killed": killed, "fill": fill, "stranger": stranger}[sys.argv[1]](*arguments)
