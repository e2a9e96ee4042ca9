"""What a cloud store's refusals mean here: one sentence each, the same for S3 and Blob. Performs no I/O.

The stores' own texts are not quoted: they repeat what was signed, and a client's may repeat the address with its
signature. Their codes and request ids say as much to a person and to the provider's support.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cluvault.errors import ConfigurationError, ObjectNotFound, StorageDenied, StoreUnavailable, VaultError
from cluvault.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Collection

_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The codes of one kind of store, and the mend for each situation.

    Attributes:
        no_object: Codes for an object that does not exist.
        no_container: Codes for a bucket, container or account that does not exist.
        denied: Codes for an identity that is unknown or may not, whatever their status.
        archived: Codes for an object that lies in a tier which cannot be read at once.
        other_key: Codes for an object that is encrypted with another key than the one that was sent, if one was.
        container: What this store calls a bucket.
        sign_in: How to give another identity, or more rights to it.
    """

    no_object: Collection[str]
    no_container: Collection[str]
    denied: Collection[str]
    archived: Collection[str]
    other_key: Collection[str]
    container: str
    sign_in: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A store's answer that is no success."""

    status: int
    code: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        said = " ".join(part for part in (str(self.status), self.code) if part)
        return f"{said}, request {self.request_id}" if self.request_id else said


def refused(url: str, refusal: Refusal, words: Vocabulary) -> VaultError:
    """The error for a refusal."""
    code, status = refusal.code, refusal.status
    if code in words.no_container:
        return StorageDenied(
            f"{url}: there is no such {words.container} ({refusal})",
            mend=f"check the name of the {words.container}, and the endpoint if one is set",
        )
    if code in words.no_object or status == HTTPStatus.NOT_FOUND:
        return ObjectNotFound(f"{url}: no such object ({refusal})", mend="check the key, letter by letter")
    if code in words.archived:
        return StorageDenied(
            f"{url}: the object lies in an archive tier ({refusal})", mend="bring it back to a tier that can be read"
        )
    if code in words.other_key:
        return StorageDenied(
            f"{url}: the object is encrypted with another key of the customer's than the one that is sent ({refusal})",
            mend="a vault has one vault.az.customer-key, or none, from its beginning on",
        )
    if code in words.denied or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return StorageDenied(f"{url}: access is refused ({refusal})", mend=words.sign_in)
    if status == HTTPStatus.NOT_IMPLEMENTED:
        return VaultError(f"{url}: the store does not know this request ({refusal})", mend="upgrade the store")
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnavailable(f"{url}: the store fails ({refusal})", mend="try again later")
    return VaultError(f"{url}: the store refuses the request ({refusal})", mend="check the endpoint and the region")


def unreachable(url: str, *, endpoint: str, reason: str) -> StoreUnavailable:
    """The error for a connection that does not come about."""
    return StoreUnavailable(
        f"{url}: {origin(endpoint)} cannot be reached ({reason})", mend="check the network and the endpoint"
    )


def broken_off(url: str, *, reason: str) -> StoreUnavailable:
    """The error for an answer that ended early, or is not what its checksum says."""
    return StoreUnavailable(f"{url}: the answer broke off or arrived damaged ({reason})", mend="try again")


def in_clear(url: str, *, endpoint: str, secret: str) -> ConfigurationError:
    """The error for a secret that would travel in clear; a signature made with a key shows nothing of the key."""
    return ConfigurationError(
        f"{url}: {secret} would travel in clear to {origin(endpoint)}; nothing was sent",
        mend="use an https endpoint, or an account key",
    )


def origin(endpoint: str) -> str:
    """Scheme, host and port: all of an endpoint that may be shown."""
    try:
        parts = urlsplit(endpoint)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return "the endpoint"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}" if host else "the endpoint"


def travels_in_clear(endpoint: str) -> bool:
    """Whether what is sent to an endpoint can be read on the way."""
    parts = urlsplit(endpoint)
    return parts.scheme != "https" and not is_loopback(parts.hostname or "")
