"""An object store in a folder.

A body is written to `<root>/.tmp/`, synced, then linked to its name. Whatever kills the process, a name leads to a
whole body or to nothing, and what is left in `.tmp` is never listed and removed a day later. Folders are private
(0700), files too (0600). No symbolic link below the root is followed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from cluvault.errors import ObjectExists, ObjectNotFound
from cluvault.model.object_info import ObjectInfo
from cluvault.vault.files import (
    link_refused,
    make_folders,
    move_new,
    read_regular,
    remove_empty,
    sync_folder,
    translated,
    write_durably,
)
from cluvault.vault.store import check_key, key_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

_ABSENT: Final = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG}
_STALE_SECONDS: Final = 24 * 3600
_ATTEMPTS: Final = 20
_BATCH: Final = 256


class FolderStore:
    """Objects as files below one folder, which the first write makes."""

    def __init__(self, path: Path | str) -> None:
        self._root = Path(path).resolve()
        self._unfinished = self._root / ".tmp"

    @property
    def url(self) -> str:
        """The folder as a file URL."""
        return self._root.as_uri()

    async def get(self, key: str) -> bytes:
        """The whole body."""
        return await asyncio.to_thread(self._get, check_key(key))

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a file that survives a power cut from the moment this returns."""
        await asyncio.to_thread(self._put_new, check_key(key), body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Files below the root, one folder a level in memory; links, pipes and unusable names are left out."""
        walk = self._walk(prefix)
        while batch := await asyncio.to_thread(lambda: tuple(islice(walk, _BATCH))):
            for found in batch:
                yield found

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """The folders in a folder; one that a crash left empty is among them."""
        for folder in await asyncio.to_thread(self._folders, prefix):
            yield folder

    async def delete(self, key: str) -> None:
        """Remove a file, and the folders that are empty without it."""
        await asyncio.to_thread(self._delete, check_key(key))

    async def aclose(self) -> None:
        """Nothing is held open between calls."""

    # --- what runs in threads --------------------------------------------------------------------------------------

    def _get(self, key: str) -> bytes:
        path = self._path(key)
        with translated(path):
            try:
                return read_regular(path)
            except OSError as err:
                if err.errno not in _ABSENT:
                    raise
                raise ObjectNotFound(f"{self.url} has no object {key}") from None

    def _put_new(self, key: str, body: bytes) -> None:
        path = self._path(key)
        with translated(path):
            for new in make_folders(self._unfinished):
                sync_folder(new.parent)
            self._remove_stale()
            with self._written(body) as unfinished:
                self._publish(unfinished, path)

    def _delete(self, key: str) -> None:
        path = self._path(key)
        with translated(path):
            try:
                path.unlink()
            except OSError as err:
                if err.errno not in _ABSENT:
                    raise
                return
            self._sync_way_to(path)
            remove_empty(path.parent, below=self._root)

    def _path(self, key: str) -> Path:
        """Where an object lies; no way to it leads through a symbolic link."""
        path = self._root / key
        _refuse_links(path.parent)
        return path

    # --- writing ---------------------------------------------------------------------------------------------------

    def _remove_stale(self) -> None:
        """Remove what killed processes left behind; no write takes a day."""
        oldest = time.time() - _STALE_SECONDS
        for file in self._unfinished.glob("*.new"):
            with suppress(FileNotFoundError):
                if file.lstat().st_mtime < oldest:
                    file.unlink()

    @contextmanager
    def _written(self, body: bytes) -> Generator[Path]:
        path = self._unfinished / f"{uuid4().hex}.new"
        try:
            write_durably(path, body)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def _publish(self, unfinished: Path, path: Path) -> None:
        try:
            self._move(unfinished, path)
        except FileExistsError:
            # Whoever wrote it may not have synced it yet, and our caller may take "exists" for "is safe".
            self._sync_way_to(path)
            raise ObjectExists(f"{path} exists already; nothing is overwritten") from None
        except OSError:
            remove_empty(path.parent, below=self._root)
            raise
        self._sync_way_to(path)

    def _move(self, unfinished: Path, path: Path) -> None:
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError):  # a delete found the new folder empty and removed it before we used it
                make_folders(path.parent)
                return move_new(unfinished, path, lock=self._unfinished / "lock")
        raise FileNotFoundError(errno.ENOENT, "its folder is removed as often as it is made", str(path))

    def _sync_way_to(self, path: Path) -> None:
        """Sync every folder down to an object: one above may be as new as the object, made by another process."""
        folder = path.parent
        while folder != self._root.parent:
            with suppress(FileNotFoundError):
                sync_folder(folder)
            folder = folder.parent

    # --- listing ---------------------------------------------------------------------------------------------------

    def _walk(self, prefix: str) -> Iterator[ObjectInfo]:
        folder, slash, start = prefix.rpartition("/")
        if slash and key_fault(folder):
            return
        _refuse_links(self._root / folder)
        yield from self._below(folder + slash, start)

    def _below(self, folder: str, start: str = "") -> Iterator[ObjectInfo]:
        for name, entry in self._entries(folder):
            key = folder + name
            if not name.startswith(start) or key_fault(folder + entry.name):
                continue
            if key.endswith("/"):
                yield from self._below(key)
            elif (found := _described(key, entry)) is not None:
                yield found

    def _folders(self, prefix: str) -> list[str]:
        if prefix and key_fault(prefix.rstrip("/")):
            return []
        _refuse_links(self._root / prefix)
        names = (name for name, _ in self._entries(prefix) if name.endswith("/"))
        return [prefix + name for name in names if not key_fault(prefix + name.rstrip("/"))]

    def _entries(self, folder: str) -> list[tuple[str, os.DirEntry[str]]]:
        """What is in a folder, in the order of whole keys: a folder sorts as its name with the slash."""
        path = self._root / folder
        with translated(path):
            try:
                with os.scandir(path) as found:
                    return sorted((e.name + "/" * e.is_dir(follow_symlinks=False), e) for e in found)
            except OSError as err:
                if err.errno not in _ABSENT or (err.errno == errno.ENOTDIR and not folder):
                    raise
                return []


def _refuse_links(folder: Path) -> None:
    if os.path.realpath(folder) != str(folder):
        raise link_refused(folder)


def _described(key: str, entry: os.DirEntry[str]) -> ObjectInfo | None:
    """A regular file; None for anything else, and for a file that is gone."""
    try:
        if not entry.is_file(follow_symlinks=False):
            return None
        status = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return ObjectInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
