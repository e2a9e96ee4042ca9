"""The stores under test. A new kind of store joins here, and runs the whole conformance suite."""

from __future__ import annotations

import errno
import os
from contextlib import AsyncExitStack
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from cluvault.vault.blob_store import BlobStore
from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore
from cluvault.vault.s3_store import S3Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cluvault.vault.store import ObjectStore
    from tests.support.azurite import Azurite
    from tests.support.s3_server import S3Server

KINDS = ("memory", "folder", "folder without hard links", "s3", "az")


@pytest.fixture(params=KINDS)
async def new_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[], ObjectStore]]:
    """Makes as many empty stores of one kind as a test wants; they are closed behind it."""
    if request.param == "folder without hard links":
        monkeypatch.setattr(os, "link", refuse_to_link)
    make = _MAKERS[request.param](request, tmp_path, monkeypatch)
    numbers = count()
    async with AsyncExitStack() as closing:

        def new() -> ObjectStore:
            store = make(next(numbers))
            closing.push_async_callback(store.aclose)
            return store

        yield new


def _memory(*_: object) -> Callable[[int], ObjectStore]:
    return lambda _: MemoryStore()


def _folder(_: object, tmp_path: Path, __: object) -> Callable[[int], ObjectStore]:
    return lambda number: FolderStore(tmp_path / f"store-{number}")


def _s3(request: pytest.FixtureRequest, _: object, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], ObjectStore]:
    """A bucket of moto's; each store lies below a prefix of its own."""
    server: S3Server = request.getfixturevalue("s3_server")
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = server.new_bucket()
    return lambda number: S3Store(bucket, f"vaults/{number}", connections=8)


def _az(request: pytest.FixtureRequest, *_: object) -> Callable[[int], ObjectStore]:
    """A container of Azurite's, likewise."""
    azurite: Azurite = request.getfixturevalue("azurite")
    environment = {"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string}
    container = azurite.new_container()
    return lambda number: BlobStore(
        azurite.account, container, f"vaults/{number}", environment=environment, connections=8
    )


_MAKERS: Final[dict[str, Callable[..., Callable[[int], ObjectStore]]]] = {
    "memory": _memory,
    "folder": _folder,
    "folder without hard links": _folder,
    "s3": _s3,
    "az": _az,
}


@pytest.fixture
def store(new_store: Callable[[], ObjectStore]) -> ObjectStore:
    """One empty store."""
    return new_store()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the store `FolderStore(folder)` of a test lies."""
    return tmp_path / "vault"


def refuse_to_link(_source: object, _target: object) -> None:
    """What FAT answers."""
    raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
