"""Objects that a store keeps immutable: they are not deleted, and it is said until when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ObjectLocked
from cluvault.vault.s3_store import S3Store

if TYPE_CHECKING:
    from tests.support.s3_server import S3Server


@pytest.fixture
async def locking(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> tuple[S3Store, Any, str]:
    """A store in a bucket with object lock, a client beside it, and the bucket's name."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"locking-{next(s3_server.numbers)}"
    s3_server.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    return S3Store(bucket, connections=2), s3_server.client, bucket


async def test_a_retained_object(locking: tuple[S3Store, Any, str]) -> None:
    """It stays, visible, and the error says until when; one whose time is over goes."""
    store, client, bucket = locking
    until = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    await store.put_new("a", b"body")
    client.put_object_retention(Bucket=bucket, Key="a", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
    with pytest.raises(ObjectLocked, match=f"{bucket}/a is locked until {until:%Y-%m-%d %H:%M} UTC") as caught:
        await store.delete("a")
    assert caught.value.until == until
    assert await store.get("a") == b"body"
    await store.put_new("b", b"body")
    await store.delete("b")
    assert [found.key async for found in store.list()] == ["a"]
    await store.aclose()


async def test_a_legal_hold(locking: tuple[S3Store, Any, str]) -> None:
    """There is no end to name."""
    store, client, bucket = locking
    await store.put_new("a", b"body")
    client.put_object_legal_hold(Bucket=bucket, Key="a", LegalHold={"Status": "ON"})
    with pytest.raises(ObjectLocked, match="under a legal hold") as caught:
        await store.delete("a")
    assert caught.value.until is None
    client.put_object_legal_hold(Bucket=bucket, Key="a", LegalHold={"Status": "OFF"})
    await store.delete("a")
    assert [found.key async for found in store.list()] == []
    await store.aclose()
