"""URLs of objects: `s3://bucket/key` and `az://account/container/path`, optionally with `?versionId=…` at the end.

What follows the bucket or container is the object's key, letter by letter, as in the AWS CLI: nothing is decoded. A key
may hold any letter, and those of a vault hold `%`, because the vault encodes the names of projects.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from cluvault.errors import UsageError
from cluvault.model.names import shorten

_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_ACCOUNT: Final = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER: Final = re.compile(r"\$root|\$web|\$logs|[a-z0-9](?:-?[a-z0-9]){2,62}")
_VERSION: Final = re.compile(r"\?versionid=([A-Za-z0-9._:~+=-]+)\Z", re.IGNORECASE)
_SIGNED: Final = re.compile(r"[?&](?:sig|signature|x-amz-signature|x-amz-security-token)=", re.IGNORECASE)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LONGEST_KEY: Final = 1024  # bytes in S3, letters in Blob
_FORMS: Final = {"s3": "s3://BUCKET/KEY", "az": "az://ACCOUNT/CONTAINER/PATH"}


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object in a bucket; the newest version when none is named."""

    bucket: str
    key: str
    version: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}" + (f"?versionId={self.version}" if self.version else "")


@dataclass(frozen=True, slots=True)
class BlobObject:
    """A blob in a container of a storage account; the newest version when none is named."""

    account: str
    container: str
    key: str
    version: str = ""

    def __str__(self) -> str:
        place = f"az://{self.account}/{self.container}/{self.key}"
        return place + (f"?versionid={self.version}" if self.version else "")


ObjectUrl = S3Object | BlobObject


def parse_object_url(text: str) -> ObjectUrl:
    """Read the URL of one object. Printing the result gives a URL that means the same.

    Raises:
        UsageError: it names no object, or holds a signature: a URL appears in plans, records and logs.
    """
    return _parse(text, text)


def parse_place_url(text: str) -> ObjectUrl:
    """Read the URL of a place that holds objects: a bucket or container, maybe with a prefix, which is then the `key`.

    Raises:
        UsageError: it is none, or holds a signature.
    """
    bare = text.rstrip("/")
    with_object = _parse(text, f"{bare}/-")
    prefix = with_object.key.removesuffix("-").rstrip("/")
    if _VERSION.search(bare):
        raise _refusal(text, "names a version")
    if "" in prefix.split("/")[1:] or prefix.startswith("/"):
        raise _refusal(text, "has an empty part")
    return replace(with_object, key=prefix)


def _parse(text: str, whole: str) -> ObjectUrl:
    """Read `whole`; messages show `text`."""
    scheme, _, rest = whole.partition("://")
    if scheme not in _FORMS:
        raise UsageError(f"{_shown(text)!r} is no URL of an object", mend=f"write {' or '.join(_FORMS.values())}")
    if _SIGNED.search(rest):
        raise UsageError(
            f"{_shown(text)!r} carries a signature, which would be shown wherever the URL is",
            mend="leave it out and put it into the environment, e.g. AZURE_STORAGE_SAS_TOKEN",
        )
    if _UNPRINTABLE.search(rest):
        raise _refusal(text, "has a control character or a byte that is no text")
    found = _VERSION.search(rest)
    version = found[1] if found else ""
    body = rest[: found.start()] if found else rest
    return _read_s3(text, body, version) if scheme == "s3" else _read_blob(text, body, version)


def _read_s3(text: str, body: str, version: str) -> S3Object:
    bucket, _, key = body.partition("/")
    if _BUCKET.fullmatch(bucket) is None:
        raise _refusal(text, "names no bucket")
    return S3Object(bucket, _checked_key(text, key, length=len(key.encode())), version)


def _read_blob(text: str, body: str, version: str) -> BlobObject:
    account, _, place = body.partition("/")
    container, _, key = place.partition("/")
    if _ACCOUNT.fullmatch(account) is None:
        raise _refusal(text, "names no storage account")
    if _CONTAINER.fullmatch(container) is None:
        raise _refusal(text, "names no container")
    return BlobObject(account, container, _checked_key(text, key, length=len(key)), version)


def _checked_key(text: str, key: str, *, length: int) -> str:
    if not key:
        raise _refusal(text, "names no object")
    if length > _LONGEST_KEY:
        raise _refusal(text, f"has a longer key than any store takes ({length}, at most {_LONGEST_KEY})")
    if any(segment in (".", "..") for segment in key.split("/")):
        raise _refusal(text, "has a dot segment, which is removed on the way to the store")
    return key


def _refusal(text: str, problem: str) -> UsageError:
    form = _FORMS[text.partition("://")[0]]
    return UsageError(f"{_shown(text)!r} {problem}", mend=f"write {form}")


def _shown(text: str) -> str:
    """The part of a refused URL that can hold neither a password nor a signature."""
    scheme, separator, rest = text.partition("?")[0].partition("://")
    shown = rest.rpartition("@")[2] if "@" in rest.partition("/")[0] else rest
    return shorten(f"{scheme}{separator}{shown}")
