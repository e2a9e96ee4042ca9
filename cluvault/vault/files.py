"""Files that are whole or absent, private, and still there after a power cut; for POSIX file systems."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from stat import S_ISREG
from typing import TYPE_CHECKING, Final

from cluvault.errors import InvalidKey, NotAVault, StorageDenied, StorageFull, StoreUnavailable, VaultError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED: Final = {errno.EACCES, errno.EPERM, errno.EROFS}
_NO_HARD_LINKS: Final = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}


@contextmanager
def translated(path: Path) -> Generator[None]:
    """Turn what the operating system says into errors of the vault, each naming the path."""
    try:
        yield
    except OSError as err:
        raise _translate(err, path) from err


def read_regular(path: Path) -> bytes:
    """The bytes of a file that is neither a link nor a device; waits for no pipe."""
    with open(path, "rb", opener=_open_no_link) as file:  # Path.open takes no opener
        if not S_ISREG(os.fstat(file.fileno()).st_mode):
            raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path))
        return file.read()


def write_durably(path: Path, body: bytes) -> None:
    """Write a new file that only its owner may read; its bytes, but not yet its name, survive a power cut."""
    with open(path, "xb", opener=_open_private) as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def move_new(source: Path, target: Path, *, lock: Path) -> None:
    """Give a file its final name in one step; `source` may remain as a second name.

    A hard link never replaces. Where there are none (FAT, some network shares) a rename does, so writers take
    `lock`, which the operating system releases when its holder dies: safe among the processes of one machine.

    Raises:
        FileExistsError: the name is taken; nothing was changed.
    """
    try:
        os.link(source, target)
    except OSError as err:
        if err.errno not in _NO_HARD_LINKS:
            raise
        _rename_new(source, target, lock=lock)


def make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; the new ones, outermost first."""
    missing: list[Path] = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        _make_folder(new)
    return missing[::-1]


def remove_empty(folder: Path, *, below: Path) -> None:
    """Remove a folder and those above it as far as they are empty."""
    while folder != below:
        try:
            folder.rmdir()
        except OSError as err:
            if err.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return
        folder = folder.parent


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder)) from None


def _rename_new(source: Path, target: Path, *, lock: Path) -> None:
    with open(lock, "ab", opener=_open_private) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _translate(err: OSError, path: Path) -> VaultError:
    said = (err.strerror or str(err)).lower()
    if err.errno in _FULL:
        return StorageFull(f"{path}: cannot be stored: {said}", mend="make room; nothing half-written is left")
    if err.errno in _DENIED:
        return StorageDenied(f"{path}: {said}", mend="let this user read and write the vault's folder")
    if err.errno == errno.ELOOP:
        return link_refused(path)
    if err.errno == errno.ENOTDIR:
        return NotAVault(f"{path}: a file is in the way where the vault has a folder", mend="name another folder")
    if err.errno == errno.ENAMETOOLONG:
        return InvalidKey(f"{path}: {said}", mend="use shorter names")
    return StoreUnavailable(f"{path}: {said}")


def link_refused(path: Path) -> StorageDenied:
    """The error for a way through a symbolic link, which could lead anywhere."""
    return StorageDenied(
        f"{path}: a symbolic link is on the way, and links inside a vault are not followed",
        mend="put the folder itself there, or mount it",
    )
