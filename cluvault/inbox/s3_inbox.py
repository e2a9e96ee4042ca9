"""An inbox in a bucket: every request names the content it means by its ETag.

A removal is conditional (`If-Match`). Stores that ignore the condition are asked just before it what stands there; in
the moment between, a new object could be lost. Where that matters, let the bucket keep versions.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from cluvault.errors import ObjectNotFound, ObjectTooLarge
from cluvault.plan.inbox import Standing
from cluvault.vault.s3 import is_taken
from cluvault.vault.s3_store import S3Store
from cluvault.vault.store import check_key

if TYPE_CHECKING:
    from cluvault.vault.s3 import S3Client


class S3Inbox(S3Store):
    """Objects of one bucket below a prefix."""

    async def look(self, key: str) -> Standing:
        """What S3 says of the newest version."""
        place = self._prefix + check_key(key)
        head = await self._call(key, lambda client: client.head_object(Bucket=self._bucket, Key=place))
        return Standing(key, head["ContentLength"], head["LastModified"], head["ETag"], head.get("VersionId", ""))

    async def read(self, standing: Standing, *, limit: int) -> bytes:
        """The body, checked by boto3 against the checksum that was stored with it, if one was."""
        if standing.size > limit:
            raise ObjectTooLarge(f"{self.url}/{standing.key}: has {standing.size} bytes, at most {limit} are read")
        place = self._prefix + check_key(standing.key)

        def get(client: S3Client) -> bytes:
            try:
                answer = client.get_object(
                    Bucket=self._bucket, Key=place, IfMatch=standing.etag, ChecksumMode="ENABLED"
                )
            except Exception as err:
                if is_taken(err):
                    raise ObjectNotFound("") from None  # `_call` says which
                raise
            with closing(answer["Body"]) as body:
                return body.read()

        return await self._call(standing.key, get)

    async def copy(self, standing: Standing, key: str) -> None:
        """A copy inside the bucket; up to 5 GB, as S3 allows in one request."""
        arguments: dict[str, Any] = {
            "Bucket": self._bucket,
            "Key": self._prefix + check_key(key),
            "CopySource": {"Bucket": self._bucket, "Key": self._prefix + check_key(standing.key)},
            "CopySourceIfMatch": standing.etag,
        }
        source = arguments["CopySource"]

        def copy(client: S3Client) -> None:
            if client.head_object(**source)["ETag"] != standing.etag:
                raise ObjectNotFound("")
            try:
                client.copy_object(**arguments)
            except Exception as err:
                if is_taken(err):
                    raise ObjectNotFound("") from None
                raise

        await self._call(standing.key, copy)

    async def remove(self, standing: Standing) -> bool:
        """A deletion under a condition, after a look."""
        place = self._prefix + check_key(standing.key)

        def delete(client: S3Client) -> bool:
            if client.head_object(Bucket=self._bucket, Key=place)["ETag"] != standing.etag:
                return False
            try:
                client.delete_object(Bucket=self._bucket, Key=place, IfMatch=standing.etag)
            except Exception as err:
                if is_taken(err):
                    return False
                raise
            return True

        try:
            return await self._call(standing.key, delete)
        except ObjectNotFound:
            return True
