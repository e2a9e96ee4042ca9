"""One way for tests to put objects into S3 and Blob."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.support.s3_server import SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.azurite import Azurite
    from tests.support.s3_server import S3Server


class Objects(Protocol):
    """A bucket or container of its own."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead to it and sign in."""
        ...

    @property
    def secret(self) -> str:
        """What no message may tell."""
        ...

    def url(self, key: str) -> str:
        """The URL of an object, existing or not."""
        ...

    def put(self, key: str, body: bytes, *, encoding: str | None = None) -> str:
        """Store an object, over another if need be, maybe with a Content-Encoding, and return its URL."""
        ...


@dataclass
class S3Objects:
    """A bucket of moto's."""

    server: S3Server
    bucket: str
    secret: str = SECRET_KEY

    @property
    def environment(self) -> Mapping[str, str]:
        return self.server.environment

    def url(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    def put(self, key: str, body: bytes, *, encoding: str | None = None) -> str:
        headers = {} if encoding is None else {"ContentEncoding": encoding}
        self.server.client.put_object(Bucket=self.bucket, Key=key, Body=body, **headers)
        return self.url(key)


@dataclass
class BlobObjects:
    """A container of Azurite's."""

    azurite: Azurite
    container: str

    @property
    def environment(self) -> Mapping[str, str]:
        return {"AZURE_STORAGE_CONNECTION_STRING": self.azurite.connection_string}

    @property
    def secret(self) -> str:
        return self.azurite.key

    def url(self, key: str) -> str:
        return f"az://{self.azurite.account}/{self.container}/{key}"

    def put(self, key: str, body: bytes, *, encoding: str | None = None) -> str:
        from azure.storage.blob import ContentSettings  # noqa: PLC0415  # only tests of stores need it

        blob = self.azurite.service.get_blob_client(self.container, key)
        blob.upload_blob(body, overwrite=True, content_settings=ContentSettings(content_encoding=encoding))
        return self.url(key)
