"""Manifests that were read once, kept on this machine: a listing of a vault in a cloud need not fetch them again.

What exists, the store's listing says, never the cache; and a manifest is believed only while size and time of writing
are those of the listing. Bytes from here pass the same checks as those of the store. A cache that cannot be read or
written is none: nothing depends on it, and it may be deleted at any time.
"""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cluvault.model.object_info import ObjectInfo

T = TypeVar("T")

_WAIT_SECONDS: Final = 1.0
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS manifests (key TEXT PRIMARY KEY, size INTEGER, modified TEXT, packed BLOB)
"""


def cache_folder(environment: Mapping[str, str]) -> Path | None:
    """The folder of this user's caches that is cluvault's; None where there is no home."""
    named = environment.get("XDG_CACHE_HOME", "")
    try:
        base = Path(named) if named.startswith("/") else Path(environment.get("HOME") or Path.home()) / ".cache"
    except RuntimeError:
        return None
    return base / "cluvault"


class ManifestCache:
    """The cache of one vault, in one SQLite file; several processes and threads may use it at once.

    Args:
        folder: Where the files of all vaults lie.
        vault_id: Whose manifests these are.
    """

    def __init__(self, folder: Path, vault_id: str) -> None:
        self.path = folder / f"manifests-v1-{sha256(vault_id.encode()).hexdigest()[:32]}.sqlite3"
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        self._is_off = False

    def find(self, objects: Sequence[ObjectInfo], *, after: str) -> dict[str, bytes]:
        """The bodies, by key, of those manifests that are here as the listing says they are.

        Args:
            objects: What the store lists behind the key `after`, sorted; what is here and not among it is dropped.
            after: Where this part of the listing begins.
        """
        listed = {one.key: one for one in objects}

        def look(connection: sqlite3.Connection) -> dict[str, bytes]:
            found: dict[str, bytes] = {}
            gone: list[tuple[str]] = []
            for key, size, modified, packed in connection.execute(
                "SELECT key, size, modified, packed FROM manifests WHERE key > ? AND key <= ?",
                (after, objects[-1].key),
            ):
                one = listed.get(key)
                is_same = one is not None and (size, modified) == (one.size, one.modified.isoformat())
                body = _unpacked(packed, size) if is_same else None
                if body is None:
                    gone.append((key,))
                else:
                    found[key] = body
            if gone:
                with connection:
                    connection.executemany("DELETE FROM manifests WHERE key = ?", gone)
            return found

        return self._use(look, {}) if objects else {}

    def keep(self, bodies: Collection[tuple[ObjectInfo, bytes]]) -> None:
        """Take in manifests that were read from the store."""
        rows = [
            (one.key, len(body), one.modified.isoformat(), zlib.compress(body, 1))
            for one, body in bodies
            if one.size == len(body)
        ]

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO manifests VALUES (?, ?, ?, ?)", rows)

        if rows:
            self._use(write, None)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._disconnect()

    def _use(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """What `work` gives; or, once anything went wrong with the file, `otherwise`."""
        import sqlite3  # noqa: PLC0415  # most commands start without

        with self._lock:
            if self._is_off:
                return otherwise
            try:
                if self._connection is None:
                    self._connection = self._connect()
                return work(self._connection)
            except (sqlite3.Error, OSError) as err:
                self._is_off = True
                self._disconnect()
                if not isinstance(err, sqlite3.OperationalError | OSError):  # damaged; not merely busy or full
                    self._throw_away()
                return otherwise

    def _connect(self) -> sqlite3.Connection:
        import sqlite3  # noqa: PLC0415

        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))  # names of projects are in it
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = OFF")  # what a power cut damages is thrown away
            connection.execute(_TABLE)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _throw_away(self) -> None:
        for path in (self.path, self.path.with_name(f"{self.path.name}-journal")):
            with suppress(OSError):
                path.unlink()


def _unpacked(packed: object, size: int) -> bytes | None:
    """What was kept, if it is whole: zlib has a checksum of its own."""
    if not isinstance(packed, bytes):
        return None
    reading = zlib.decompressobj()
    try:
        body = reading.decompress(packed, size + 1)
    except zlib.error:
        return None
    return body if len(body) == size and reading.eof else None
