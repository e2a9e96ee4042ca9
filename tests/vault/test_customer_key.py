"""Blobs that Azure encrypts with a key of the customer's; Azurite ignores such keys, so the requests are looked at."""

from __future__ import annotations

import asyncio
import base64
import ssl
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import aiohttp.connector
import pytest
import trustme
from pydantic import SecretStr

from cluvault.errors import ConfigurationError
from cluvault.settings import VaultSettings
from cluvault.vault.opening import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cluvault.vault.store import ObjectStore

KEY = base64.b64encode(bytes(range(32))).decode()
ACCOUNT_KEY = base64.b64encode(b"the key of the account").decode()
TAKEN = b"HTTP/1.1 409 Taken\r\nx-ms-error-code: BlobAlreadyExists\r\nContent-Length: 0\r\n\r\n"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
WHOLE = b'HTTP/1.1 206 OK\r\nContent-Length: 2\r\nETag: "1"\r\nContent-Range: bytes 0-1/2\r\n\r\n{}'


@dataclass
class Storage:
    """Takes blobs and gives others; keeps the heads of all requests."""

    heads: list[str] = field(default_factory=list[str])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        writer.write(TAKEN if "/.probe" in head else CREATED if head.startswith("PUT") else WHOLE)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(context: ssl.SSLContext | None) -> AsyncGenerator[tuple[Storage, str]]:
    """A server on a free loopback port and its address."""
    storage = Storage()
    server = await asyncio.start_server(storage.serve, "127.0.0.1", 0, ssl=context)
    async with server:
        host = "localhost" if context is not None else "127.0.0.1"
        yield storage, f"{host}:{server.sockets[0].getsockname()[1]}"


def opened(environment: pytest.MonkeyPatch, endpoint: str, **values: str) -> ObjectStore:
    """A store whose configuration names a key."""
    environment.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", endpoint)
    environment.setenv("AZURE_STORAGE_KEY", ACCOUNT_KEY)
    environment.setenv("CUSTOMER_KEY", f" {KEY}\n")
    settings = VaultSettings.model_validate({"az": {"customer-key": values or {"env": "CUSTOMER_KEY"}}})
    return open_store("az://account/container", settings=settings, prefect_secret=lambda _: SecretStr(KEY))


@pytest.mark.parametrize("values", [{"env": "CUSTOMER_KEY"}, {"prefect-secret": "key"}])
async def test_the_key_goes_with_every_write_and_read(cloudless: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    """With its digest and the algorithm, as Azure wants them."""
    authority: Any = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    cloudless.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", client)
    async with serving(server) as (storage, address):
        store = opened(cloudless, f"https://{address}/account", **values)
        await store.put_new("a", b"{}")
        assert await store.get("a") == b"{}"
        await store.aclose()
    assert [head.split()[:2] for head in storage.heads] == [
        ["PUT", "/account/container/.probe"],
        ["PUT", "/account/container/a"],
        ["GET", "/account/container/a"],
    ]
    for head in storage.heads:
        lines = head.split("\r\n")
        assert f"x-ms-encryption-key: {KEY}" in lines
        assert f"x-ms-encryption-key-sha256: {base64.b64encode(sha256(bytes(range(32))).digest()).decode()}" in lines
        assert "x-ms-encryption-algorithm: AES256" in lines


async def test_the_key_never_travels_in_clear(cloudless: pytest.MonkeyPatch) -> None:
    """Not even to loopback, where Azure's library refuses it as well; nothing is sent."""
    async with serving(None) as (storage, address):
        store = opened(cloudless, f"http://{address}/account")
        for call in (store.put_new("a", b"{}"), store.get("a")):
            with pytest.raises(ConfigurationError, match=rf"customer-key would travel in clear to http://{address};"):
                await call
        await store.aclose()
    assert storage.heads == []


def test_a_key_that_is_not_there(cloudless: pytest.MonkeyPatch) -> None:
    """Told before anything is read: without it nothing of the vault can be."""
    with pytest.raises(ConfigurationError, match=r"variable NOT_SET, which should hold the vault's customer-provided"):
        opened(cloudless, "https://127.0.0.1:9/account", env="NOT_SET")


@pytest.mark.parametrize("value", ["n0 base64", base64.b64encode(b"short").decode()])
def test_a_key_that_is_none(cloudless: pytest.MonkeyPatch, value: str) -> None:
    """It is not quoted."""
    cloudless.setenv("OTHER", value)
    with pytest.raises(
        ConfigurationError, match=r"in environment variable OTHER .* is not 32 bytes in base64"
    ) as caught:
        opened(cloudless, "https://127.0.0.1:9/account", env="OTHER")
    assert value not in str(caught.value)
