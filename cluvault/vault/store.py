"""The contract of an object store: five verbs, each with a promise. Every store passes tests/vault/test_stores.py."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from cluvault.errors import InvalidKey
from cluvault.model.names import shorten

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.model.object_info import ObjectInfo

MAX_KEY_BYTES: Final = 1024  # S3's limit, the smallest of all stores
PROBE_KEY: Final = ".probe"
_RESERVED: Final = (".tmp", PROBE_KEY, "lost+found")  # unfinished writes of folders; `conditions.py`; ext4's own
_DOTS: Final = ("", ".", "..")
_UNUSABLE: Final = re.compile(r"[\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")  # undecodable file names; what XML lacks


class ObjectStore(Protocol):
    """Whole objects under slash-separated keys that satisfy `check_key`.

    Every verb may raise StoreUnavailable (may pass), StorageDenied, or StorageFull (on writing); those that take a
    key raise InvalidKey for one that no object can have.
    """

    @property
    def url(self) -> str:
        """Where the store is, for messages; never holds a credential."""
        ...

    async def get(self, key: str) -> bytes:
        """The whole body. Raises ObjectNotFound."""
        ...

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a body that is complete and durable, or absent. Raises ObjectExists and leaves the first body."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Complete objects whose key starts with `prefix`, sorted by key (by code point, `-` before `/`)."""
        ...

    def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """What is directly below `prefix`, which is empty or ends with a slash: each folder's prefix once, sorted."""
        ...

    async def delete(self, key: str) -> None:
        """Remove an object; already gone is success. Raises ObjectLocked for one that the store keeps immutable."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


def key_fault(key: str) -> str | None:
    """Why no object can have this key, or None: the same rules for every store, so that vaults can be copied."""
    segments = key.split("/")
    if any(segment in _DOTS for segment in segments):
        return "has an empty or dot segment"
    if segments[0] in _RESERVED:
        return f"starts with {segments[0]}, which is reserved"
    if _UNUSABLE.search(key):
        return "has a backslash, a control character or a byte that is no text"
    return f"is longer than {MAX_KEY_BYTES} bytes" if len(key.encode()) > MAX_KEY_BYTES else None


def check_key(key: str) -> str:
    """Return `key`, or raise InvalidKey: keys come from manifests too, and a manifest may come from anybody."""
    if fault := key_fault(key):
        raise InvalidKey(f"key {shorten(key)!r} {fault}", mend="no object of a vault is named so")
    return key
