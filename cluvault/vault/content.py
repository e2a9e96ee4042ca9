"""A snapshot's bytes, packed for the store and proved on the way back; performs no I/O of its own."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cluvault.errors import ContentMissing, DamagedSnapshot, InvalidProjectFile
from cluvault.model.compression import compress, decompress
from cluvault.model.manifest import Content
from cluvault.model.names import shorten
from cluvault.plan.history import names_own_content
from cluvault.vault.sealing import BrokenSeal, Sealing, keyed

if TYPE_CHECKING:
    from pydantic import SecretBytes

    from cluvault.model.manifest import Manifest, Seal
    from cluvault.plan.keys import SnapshotKey

_LARGEST: Final = 1 << 30  # whatever a manifest claims
_MEND: Final = "this snapshot cannot be used; restore another, or try `cluvault verify --repair`"


PLAIN: Final = Sealing()
"""What opens nothing and leaves new content as it is."""


def pack(
    raw: bytes, *, key: SnapshotKey, canonical_sha256: str, sealing: Sealing = PLAIN, part: int = 0
) -> tuple[Content, bytes]:
    """Describe and compress the bytes of a project file, and encrypt them if so configured.

    Equal bytes give equal results, unless they are encrypted: then no two results are equal. `part` is which of the
    snapshot's own contents it is, as `SnapshotKey.content_of` counts them.
    """
    stored, seal, digest_key = compress(raw), None, None
    if (new := sealing.new_seal()) is not None:
        seal, digest_key = new
        stored = sealing.seal(stored)
    content = Content(
        key=key.content_of(part, is_sealed=seal is not None),
        sha256=_digest(stored),
        bytes=len(stored),
        encoding="gzip" if seal is None else "gzip+age",
        raw_sha256=_told(_digest(raw), digest_key),
        raw_bytes=len(raw),
        canonical_sha256=_told(canonical_sha256, digest_key),
        seal=seal,
    )
    return content, stored


def _told(digest: str, key: SecretBytes | None) -> str:
    return digest if key is None else keyed(key, digest)


def unpack(stored: bytes, content: Content, *, reference: str, sealing: Sealing = PLAIN) -> bytes:
    """The bytes that the service gave, if every size and digest is what the manifest says.

    Raises:
        DamagedSnapshot: what is not, with `reference`.
        SnapshotSealed: they are encrypted, and no identity at hand opens them.
    """
    check_stored(stored, content, reference=reference)
    packed = stored if content.seal is None else _opened(stored, content, content.seal, sealing, reference=reference)
    raw = _decode(packed, content, reference=reference)
    _check(content, "raw size", expected=content.raw_bytes, found=len(raw), reference=reference)
    found = recorded(content, _digest(raw), sealing=sealing, reference=reference)
    _check(content, "raw sha256", expected=content.raw_sha256, found=found, reference=reference)
    return raw


def _opened(stored: bytes, content: Content, seal: Seal, sealing: Sealing, *, reference: str) -> bytes:
    try:
        return sealing.open(stored, seal, reference=reference)
    except BrokenSeal as err:
        raise damaged(content, str(err), reference=reference) from err


def recorded(content: Content, digest: str, *, sealing: Sealing, reference: str) -> str:
    """What the manifest of this content would say of a digest of plain content. Raises what `unpack` does."""
    try:
        return sealing.recorded(content, digest, reference=reference)
    except BrokenSeal as err:
        raise damaged(content, str(err), reference=reference) from err


def check_stored(stored: bytes, content: Content, *, reference: str) -> None:
    """Hold bytes, as they are stored, to the manifest.

    Raises:
        DamagedSnapshot: size or digest is another one.
    """
    _check(content, "stored size", expected=content.bytes, found=len(stored), reference=reference)
    _check(content, "stored sha256", expected=content.sha256, found=_digest(stored), reference=reference)


def _check(content: Content, what: str, *, expected: object, found: object, reference: str) -> None:
    if expected != found:
        raise damaged(content, f"expected {what} {expected}, found {found}", reference=reference)


def check_content_key(manifest: Manifest) -> None:
    """Hold a manifest to content of its own project.

    Raises:
        DamagedSnapshot: it names something else.
    """
    if not names_own_content(manifest):
        raise damaged(manifest.content, "is no content of this project", reference=manifest.reference)


def damaged(content: Content, problem: str, *, reference: str) -> DamagedSnapshot:
    """The error that names a snapshot, its content and what is wrong with it."""
    return DamagedSnapshot(_sentence(content, problem, reference), mend=_MEND)


def content_missing(content: Content, *, reference: str) -> ContentMissing:
    """The error for content that is not there."""
    return ContentMissing(_sentence(content, "is missing", reference), mend=_MEND)


def subject(content: Content, *, reference: str) -> str:
    """How an error about a content begins."""
    return f"{reference}: content {shorten(content.key, 200)!r}: "


def _sentence(content: Content, problem: str, reference: str) -> str:
    return subject(content, reference=reference) + problem


def _decode(stored: bytes, content: Content, *, reference: str) -> bytes:
    if content.encoding == "identity":
        return stored
    try:
        # One byte more than there should be: enough to notice, too little for a bomb.
        return decompress(stored, source="the stored bytes", limit=min(content.raw_bytes + 1, _LARGEST))
    except InvalidProjectFile as err:
        raise damaged(content, str(err), reference=reference) from err


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()
