"""A store in an S3 bucket, and in what speaks like it: objects below a prefix, written once under a condition.

A write carries `If-None-Match: *` and a SHA-256 that the server checks, so that of two writers one wins, and what
arrives damaged is refused. The SHA-256 is a header, and also what the signature covers: left to itself, boto3 would put
it behind the body over https, in a form that MinIO, Ceph and others learned late and that some keep as content. boto3
blocks: each call runs in one of a bounded number of threads.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cluvault.errors import ObjectExists, ObjectLocked, ObjectNotFound, StorageUnsafe, StoreUnavailable
from cluvault.model.object_info import ObjectInfo
from cluvault.vault.conditions import ProbedStore
from cluvault.vault.s3 import connect, is_conflict, is_taken, is_unsupported, translated
from cluvault.vault.store import check_key, key_fault

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from cluvault.vault.s3 import S3Client

T = TypeVar("T")

_TRIES: Final = 3
"""Of one request; whoever waits for a store that is away asks again and again."""
_CONFLICTS: Final = 4
_CONFLICT_SECONDS: Final = 0.1
_LONGEST_KEY: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """How objects are written.

    Attributes:
        endpoint: For MinIO, Ceph, R2 and the like; empty for what boto3 finds.
        region: Empty for what boto3 finds.
        profile: A profile of ~/.aws; empty for what boto3 finds.
        encryption: `AES256`, `aws:kms` or `aws:kms:dsse`; empty for the bucket's own default.
        kms_key: The KMS key's id or ARN; empty for the account's default key.
        storage_class: Such as `STANDARD_IA`; empty for the store's default.
    """

    endpoint: str = ""
    region: str = ""
    profile: str = ""
    encryption: str = ""
    kms_key: str = ""
    storage_class: str = ""

    def for_writing(self) -> dict[str, str]:
        """The arguments of a write."""
        given = {
            "ServerSideEncryption": self.encryption,
            "SSEKMSKeyId": self.kms_key,
            "StorageClass": self.storage_class,
        }
        return {name: value for name, value in given.items() if value}


class S3Store(ProbedStore):
    """Objects of one bucket below a prefix; nothing is asked of the bucket before the first call.

    Args:
        bucket: The bucket, which exists.
        prefix: What every key starts with, without slashes at its ends; may be empty.
        options: How to connect and write.
        connections: Requests at once.
        environment: Where keys may be; what it does not say, boto3 finds by itself.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        options: S3Options | None = None,
        connections: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._options = options or S3Options()
        self._connections = connections
        self._environment = environment or {}
        self._opened: tuple[S3Client, ThreadPoolExecutor] | None = None

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`."""
        return f"s3://{self._bucket}/{self._prefix}".rstrip("/")

    async def get(self, key: str) -> bytes:
        """The whole body, checked by boto3 against the checksum that was stored with it."""
        place = self._prefix + check_key(key)

        def read(client: S3Client) -> bytes:
            with closing(client.get_object(Bucket=self._bucket, Key=place, ChecksumMode="ENABLED")["Body"]) as body:
                return body.read()

        return await self._call(key, read)

    async def _put_if_absent(self, key: str, body: bytes) -> None:
        arguments: dict[str, Any] = {
            "Bucket": self._bucket, "Key": self._prefix + key, "Body": body,
            "IfNoneMatch": "*",
            "ChecksumAlgorithm": "SHA256", "ChecksumSHA256": b64encode(sha256(body).digest()).decode(),
            **self._options.for_writing(),
        }  # fmt: skip

        def write(client: S3Client) -> bool:
            try:
                client.put_object(**arguments)
            except Exception as err:
                if is_taken(err):
                    raise ObjectExists(f"{self.url} holds an object {key} already") from None
                if is_conflict(err):
                    return False
                if is_unsupported(err):
                    raise self._unsupported() from None
                raise
            return True

        for attempt in range(_CONFLICTS):
            if await self._call(key, write):
                return
            await asyncio.sleep(_CONFLICT_SECONDS * 2**attempt)
        raise StoreUnavailable(f"{self.url}: somebody else keeps writing {key}", mend="try again")

    def _unsupported(self) -> StorageUnsafe:
        asked = ["If-None-Match", *self._options.for_writing()]
        return StorageUnsafe(
            f"{self.url}: this store does not know a part of what a write asks for ({', '.join(asked)}); "
            "nothing was stored",
            mend="upgrade it, or keep the vault in a store that has conditional writes",
        )

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Objects in the order of S3, which is that of the keys' UTF-8; one page in memory."""
        async for page in self._pages(prefix):
            for item in page.get("Contents", ()):
                key = item["Key"].removeprefix(self._prefix)
                if key_fault(key) is None:
                    yield ObjectInfo(key, item["Size"], item["LastModified"])

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """What S3 calls common prefixes."""
        async for page in self._pages(prefix, Delimiter="/"):
            for item in page.get("CommonPrefixes", ()):
                folder = item["Prefix"].removeprefix(self._prefix)
                if key_fault(folder.rstrip("/")) is None:
                    yield folder

    async def _pages(self, prefix: str, **more: str) -> AsyncIterator[dict[str, Any]]:
        arguments = {"Bucket": self._bucket, "Prefix": self._prefix + prefix, **more}
        while True:
            page = await self._call("", partial(_page, arguments=arguments))
            yield page
            if not page.get("IsTruncated"):
                return
            arguments["ContinuationToken"] = page["NextContinuationToken"]

    async def delete(self, key: str) -> None:
        """Remove an object; in a bucket with versions it is hidden, and its versions stay.

        Such a bucket hides a locked object as well, so the lock is looked at first: what may not go stays in sight.
        """
        place = self._prefix + check_key(key)

        def remove(client: S3Client) -> dict[str, Any]:
            known = client.head_object(Bucket=self._bucket, Key=place)
            if known.get("ObjectLockLegalHoldStatus") == "ON":
                raise ObjectLocked(f"{self.url}/{key} is under a legal hold")
            if (until := known.get("ObjectLockRetainUntilDate")) is not None and until > datetime.now(UTC):
                raise ObjectLocked(f"{self.url}/{key} is locked until {until:%Y-%m-%d %H:%M} UTC", until=until)
            return client.delete_object(Bucket=self._bucket, Key=place)

        try:
            await self._call(key, remove)
        except ObjectNotFound:
            return

    async def aclose(self) -> None:
        """Release connections and threads; the next call opens them again."""
        opened, self._opened = self._opened, None
        if opened is not None:
            client, threads = opened
            await asyncio.to_thread(threads.shutdown)
            client.close()

    async def _call(self, key: str, work: Callable[[S3Client], T]) -> T:
        """Do blocking work with the client in one of the store's threads."""
        if self._opened is None:
            opened = await asyncio.to_thread(self._open)
            if self._opened is None:
                self._opened = opened
            else:  # another call was quicker
                opened[0].close()
                opened[1].shutdown(wait=False)
        client, threads = self._opened
        url = f"{self.url}/{key}" if key else self.url

        def run() -> T:
            with translated(url, endpoint=client.meta.endpoint_url):
                return work(client)

        try:
            return await asyncio.get_running_loop().run_in_executor(threads, run)
        except ObjectNotFound:
            raise ObjectNotFound(f"{self.url} has no object {key}") from None

    def _open(self) -> tuple[S3Client, ThreadPoolExecutor]:
        client = connect(
            self.url,
            tries=_TRIES,
            connections=self._connections,
            endpoint=self._options.endpoint,
            region=self._options.region,
            profile=self._options.profile,
            environment=self._environment,
        )
        return client, ThreadPoolExecutor(self._connections, thread_name_prefix="cluvault-s3")


def _page(client: S3Client, *, arguments: dict[str, str]) -> dict[str, Any]:
    return client.list_objects_v2(**arguments)
