"""The stores under test. A new kind of store joins here, and runs the whole conformance suite."""

from __future__ import annotations

import errno
import os
from itertools import count
from typing import TYPE_CHECKING

import pytest

from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluvault.vault.store import ObjectStore

KINDS = ("memory", "folder", "folder without hard links")


@pytest.fixture(params=KINDS)
def new_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], ObjectStore]:
    """Makes as many empty stores of one kind as a test wants."""
    if request.param == "memory":
        return MemoryStore
    if request.param == "folder without hard links":
        monkeypatch.setattr(os, "link", refuse_to_link)
    numbers = count()
    return lambda: FolderStore(tmp_path / f"store-{next(numbers)}")


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
