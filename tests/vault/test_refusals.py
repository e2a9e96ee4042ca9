"""What the refusals of cloud stores mean."""

from __future__ import annotations

import pytest

from cluvault.errors import ObjectNotFound, StorageDenied, StoreUnavailable, VaultError
from cluvault.vault import blob, s3
from cluvault.vault.refusals import Refusal, Vocabulary, origin, refused, travels_in_clear

URL = "s3://bucket/key"


@pytest.mark.parametrize(
    "words, status, code, kind, sentence",
    [
        (s3.WORDS, 404, "NoSuchKey", ObjectNotFound, "no such object (404 NoSuchKey, request r)"),
        (s3.WORDS, 404, "NoSuchVersion", ObjectNotFound, "no such object"),
        (s3.WORDS, 404, "", ObjectNotFound, "no such object (404, request r); check the key, letter by letter"),
        (s3.WORDS, 404, "NoSuchBucket", StorageDenied, "there is no such bucket"),
        (s3.WORDS, 403, "AccessDenied", StorageDenied, "access is refused (403 AccessDenied, request r); sign in as"),
        (s3.WORDS, 403, "InvalidObjectState", StorageDenied, "lies in an archive tier"),
        (s3.WORDS, 400, "ExpiredToken", StorageDenied, "access is refused"),
        (s3.WORDS, 503, "SlowDown", StoreUnavailable, "the store fails"),
        (s3.WORDS, 501, "NotImplemented", VaultError, "the store does not know this request (501 NotImplemented"),
        (s3.WORDS, 429, "", StoreUnavailable, "the store fails"),
        (s3.WORDS, 301, "PermanentRedirect", VaultError, "the store refuses the request (301"),
        (s3.WORDS, 400, "KeyTooLongError", VaultError, "check the endpoint and the region"),
        (blob.WORDS, 404, "BlobNotFound", ObjectNotFound, "no such object"),
        (blob.WORDS, 404, "ContainerNotFound", StorageDenied, "there is no such container"),
        (blob.WORDS, 409, "ContainerBeingDeleted", StorageDenied, "there is no such container"),
        (blob.WORDS, 401, "", StorageDenied, "access is refused (401, request r); give this identity the role"),
        (blob.WORDS, 403, "AuthorizationPermissionMismatch", StorageDenied, "access is refused"),
        (blob.WORDS, 409, "BlobArchived", StorageDenied, "lies in an archive tier"),
        (blob.WORDS, 409, "BlobUsesCustomerSpecifiedEncryption", StorageDenied, "encrypted with another key"),
        (blob.WORDS, 409, "BlobCustomerSpecifiedEncryptionMismatch", StorageDenied, "has one vault.az.customer-key"),
        (blob.WORDS, 408, "", StoreUnavailable, "the store fails"),
        (blob.WORDS, 500, "InternalError", StoreUnavailable, "the store fails"),
    ],
)
def test_each_refusal_has_its_error(
    words: Vocabulary, status: int, code: str, kind: type[VaultError], sentence: str
) -> None:
    """By the store's code where it has one for the situation, else by the status."""
    error = refused(URL, Refusal(status, code, "r"), words)
    assert type(error) is kind
    assert sentence in str(error)


def test_a_refusal_without_a_request_id() -> None:
    """What is not there is not shown."""
    assert str(Refusal(403)) == "403"


@pytest.mark.parametrize(
    "endpoint, shown, is_readable",
    [
        ("https://user:secret@host:9000/path?sig=x", "https://host:9000", False),
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000", False),
        ("http://[::1]:9000/", "http://[::1]:9000", False),
        ("http://minio", "http://minio", True),
        ("", "the endpoint", True),
    ],
)
def test_an_endpoint_is_shown_without_its_secrets(endpoint: str, shown: str, *, is_readable: bool) -> None:
    """Scheme, host and port; https and loopback can be read by nobody on the way."""
    assert origin(endpoint) == shown
    assert travels_in_clear(endpoint) is is_readable


def test_an_endpoint_that_cannot_be_read() -> None:
    """No message fails over it."""
    assert origin("http://[") == "the endpoint"
