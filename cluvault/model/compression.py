"""Gzip in and out, for bytes of strangers."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from typing import Final

from cluvault.errors import InvalidProjectFile

_AGE: Final = b"age-encryption.org/v1\n"


def decompress(data: bytes, *, source: str, limit: int = 1 << 30) -> bytes:
    """Undo gzip when the bytes are gzip; other bytes come back as they are.

    Raises:
        InvalidProjectFile: encrypted, damaged gzip, or more than `limit` bytes come out of it.
    """
    if data.startswith(_AGE):
        raise InvalidProjectFile(f"{source}: is encrypted with age", mend="decrypt it: age -d -i KEY FILE | gunzip")
    if data[:2] != b"\x1f\x8b":
        return data
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = engine.decompress(data, limit + 1)
        if len(plain) > limit:
            raise InvalidProjectFile(f"{source}: decompresses to more than {limit} bytes; refused")
        if not engine.eof:
            raise InvalidProjectFile(f"{source}: the gzip data ends too early (truncated?)")
        if engine.unused_data:
            raise InvalidProjectFile(f"{source}: {len(engine.unused_data)} bytes follow the gzip data")
    except zlib.error as err:
        raise InvalidProjectFile(f"{source}: damaged gzip data: {err}") from err
    return plain


def compress(data: bytes) -> bytes:
    """Gzip without time and name, so that equal bytes stay equal."""
    return gzip.compress(data, compresslevel=6, mtime=0)


@dataclass(frozen=True, slots=True)
class Packed:
    """A large file that is needed now and then during an operation: a tenth of its bytes in memory in between."""

    packed: bytes
    size: int

    @classmethod
    def of(cls, data: bytes) -> Packed:
        """Pack it; quickly rather than well."""
        return cls(zlib.compress(data, level=1), len(data))

    def unpack(self) -> bytes:
        """The file, anew each time."""
        return zlib.decompress(self.packed, bufsize=max(1, self.size))  # at once in its place, with no second copy
