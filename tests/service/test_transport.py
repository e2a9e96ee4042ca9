"""The transport over real sockets: what httpx does with connections that break, and what it must not do."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from cluvault.errors import UnexpectedAnswer, Unreachable
from cluvault.service.budget import Budget
from cluvault.service.client import CluClient
from cluvault.service.exchange import Answer, Call, NoAnswer
from cluvault.service.transport import Transport
from cluvault.settings import ResourceSettings
from tests.service.scripted import FakeTime, key_credential

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

BODY = b'{"projectName":"A","language":"en-us"}'
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
TORN = WHOLE[:-10]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + BODY[:16] + b"\r\n"
TO_THE_END = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + BODY[:20]
BAD_GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope"
NO_HTTP = b"220 mail.example.com ESMTP\r\n"


@dataclass
class RawServer:
    """Answers each connection with the next raw bytes, then closes it; None closes without reading."""

    replies: list[bytes | None]
    port: int = 0
    heads: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply is not None:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(reply)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(*replies: bytes | None) -> AsyncGenerator[RawServer]:
    """A raw server on a free loopback port."""
    raw = RawServer(list(replies))
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    raw.port = server.sockets[0].getsockname()[1]
    async with server:
        yield raw


def client_of(server: RawServer) -> CluClient:
    """A client over a real socket, with a fake clock for the waiting."""
    time = FakeTime()
    resource = ResourceSettings.model_validate(
        {"endpoint": server.url, "api-version": "2023-04-01", "key": {"env": "K"}}
    )
    return CluClient(resource, key_credential(), name="dev", budget=Budget("off"), clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize("broken", [None, b"", TORN, CHUNKED, TO_THE_END, BAD_GZIP, NO_HTTP])
async def test_a_read_survives_every_broken_connection(broken: bytes | None) -> None:
    """Reset before the answer, torn in its middle, no HTTP at all: the read is made again."""
    async with listening(broken, WHOLE) as server, client_of(server) as client:
        assert (await client.get_project("A")).name == "A"
        assert client.statistics.retries == 1


@pytest.mark.parametrize(
    "broken, kind",
    [
        (None, Unreachable),
        (TORN, Unreachable),
        (CHUNKED, Unreachable),
        (TO_THE_END, UnexpectedAnswer),
        (BAD_GZIP, Unreachable),
    ],
)
async def test_a_connection_that_keeps_breaking(broken: bytes | None, kind: type[Exception]) -> None:
    """After four tries the error names the place; half a body never passes for a whole one."""
    async with listening(broken) as server, client_of(server) as client:
        with pytest.raises(kind, match=r"dev/A: get project: .*tried 4 times"):
            await client.get_project("A")


async def test_an_import_after_which_the_connection_broke_is_sent_once() -> None:
    """The service has read the request and closed: nobody knows what became of it."""
    async with listening(b"") as server, client_of(server) as client:
        with pytest.raises(Unreachable, match="may have been processed"):
            await client.begin_import("A", b"{}")
        assert len(server.heads) == 1


async def test_nobody_listens() -> None:
    """A closed port is no connection, provably: even an import is tried again."""
    async with listening(WHOLE) as server:
        pass
    async with client_of(server) as client:
        with pytest.raises(Unreachable, match=r"dev/A: import: no connection: .*tried 4 times"):
            await client.begin_import("A", b"{}")


async def test_a_compressed_answer_is_unpacked() -> None:
    """Content-Length counts the packed bytes; that is no reason to call the answer torn."""
    packed = gzip.compress(BODY)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    async with listening(head + packed) as server, client_of(server) as client:
        assert (await client.get_project("A")).name == "A"


async def test_an_answer_that_is_too_large_is_given_up() -> None:
    """A stream without end does not fill the memory; a small one that unpacks to much counts unpacked."""
    bomb = gzip.compress(b"x" * 10_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    async with listening(head + bomb) as server:
        transport = Transport(server.url, max_bytes=100_000)
        outcome = await transport.send(Call("GET", server.url + "/x", "read"), {})
        await transport.aclose()
    assert outcome == NoAnswer("the answer is larger than 100000 bytes", too_large=True)


async def test_what_is_sent_and_what_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key and the product's name go out; a .netrc, a proxy of the environment and cookies play no part."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password my-netrc-password\n")
    async with listening(WHOLE) as proxy, listening(WHOLE.replace(b"OK\r\n", b"OK\r\nSet-Cookie: a=b\r\n")) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NETRC", str(netrc))
        async with client_of(server) as client:
            await client.get_project("A")
            await client.get_project("A")
    assert proxy.heads == []
    for head in server.heads:
        assert "Ocp-Apim-Subscription-Key: k3y-0f-c0nt0s0-dev\r\n" in head
        assert "User-Agent: cluvault/" in head
        assert "authorization" not in head.lower()


async def test_a_proxy_of_the_environment_serves_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """For https the environment's proxy is asked for a tunnel, which shows it no header of ours."""
    async with listening(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        for name in ("NO_PROXY", "no_proxy", "https_proxy"):
            monkeypatch.delenv(name, raising=False)
        transport = Transport("https://contoso.example.com")
        call = Call("GET", "https://contoso.example.com/x", "read")
        outcome = await transport.send(call, await key_credential().headers())
        await transport.aclose()
    assert outcome == NoAnswer("the proxy refuses the connection")
    assert proxy.heads[0].startswith("CONNECT contoso.example.com:443 ")
    assert "k3y" not in proxy.heads[0]


@pytest.mark.parametrize(
    "failure, reason, unprocessed",
    [
        (httpx.ConnectTimeout(""), "no connection in time", True),
        (httpx.PoolTimeout(""), "no connection in time", True),
        (httpx.ConnectError(""), "no connection: refused", True),
        (httpx.ReadTimeout(""), "no answer in time", False),
        (httpx.WriteTimeout(""), "no answer in time", False),
        (httpx.ReadError(""), "the connection broke (ReadError)", False),
        (
            httpx.LocalProtocolError("Illegal header value b'secret'"),
            "the connection broke (LocalProtocolError)",
            False,
        ),
    ],
)
async def test_every_failure_is_put_into_words(failure: httpx.RequestError, reason: str, *, unprocessed: bool) -> None:
    """Each failure of httpx says what happened and whether the service can have seen the request."""

    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    transport = Transport("https://a.example.com", http=httpx.MockTransport(fail))
    outcome = await transport.send(Call("GET", "https://a.example.com/x", "read"), {})
    await transport.aclose()
    assert outcome == NoAnswer(reason, unprocessed=unprocessed)


async def test_header_names_come_in_lower_case() -> None:
    """Header names are case-insensitive on the wire; their readers need not know."""

    def reply(_: httpx.Request) -> httpx.Response:
        return httpx.Response(202, headers={"Operation-Location": "here"})

    transport = Transport("https://a.example.com", http=httpx.MockTransport(reply))
    outcome = await transport.send(Call("POST", "https://a.example.com/x", "start"), {})
    await transport.aclose()
    assert isinstance(outcome, Answer)
    assert outcome.headers["operation-location"] == "here"


async def test_connections_are_used_again_and_not_kept_for_long() -> None:
    """One after the other they share a connection; of forty at once, some are kept, and closed when they have aged."""
    opened: set[tuple[str, int]] = set()
    open_now: set[tuple[str, int]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        opened.add(peer)
        open_now.add(peer)
        with contextlib.suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(0.05)
                writer.write(WHOLE)
        open_now.discard(peer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    clock = [0.0]
    async with server:
        transport = Transport(url, clock=lambda: clock[0])
        for _ in range(3):
            assert isinstance(await transport.send(Call("GET", url, "get"), {}), Answer)
        assert len(opened) == 1
        await asyncio.gather(*(transport.send(Call("GET", url, "get"), {}) for _ in range(40)))
        await asyncio.sleep(0.05)
        assert len(open_now) == 20
        clock[0] += 5
        for _ in range(20):
            await transport.send(Call("GET", url, "get"), {})
        await asyncio.sleep(0.05)
        assert len(open_now) <= 2
        await transport.aclose()
        await asyncio.sleep(0.05)
        assert not open_now
