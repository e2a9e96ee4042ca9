"""Storing and verifying N snapshots in a bucket and in a container, with more and more connections at once.

    uv run python benchmarks/connections.py [SNAPSHOTS] [LATENCY_MS]

The servers are moto and Azurite on loopback, which answer at once; so every request and answer passes through a relay
that holds it back, 20 ms by default, half on each way, as a region not far away would. Servers and relays are processes
of their own. Each row is the same work with another `vault.connections`; what counts
are the ratios within one run. Work is taken up four times as fast as there are connections, so that the store's own
bound is what bounds it. CPU time is that of this process: past the point where it is busy all the time, more
connections bring nothing.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cluvault.model.manifest import Counts, Reason, new_snapshot_id
from cluvault.ops.fanout import at_once
from cluvault.plan.capture import Capture
from cluvault.settings import VaultSettings
from cluvault.vault.opening import open_store
from cluvault.vault.vault import Vault

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.azurite import azurite_running
from tests.support.s3_server import S3Server
from tests.support.snapshots import START

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping

CONNECTIONS: Final = (1, 4, 8, 16, 32)
BODY: Final = 60_000
_ROOT: Final = Path(__file__).parents[1]
_LARGEST_READ: Final = 1 << 20
MOTO: Final = """
import sys
from tests.support.s3_server import s3_server_running
with s3_server_running() as server:
    print(server.endpoint, flush=True)
    sys.stdin.read()
"""


async def relay(target: str, pause: float) -> None:
    """Pass bytes on to a server after a pause, in both directions, until this process is ended."""
    parts = urlsplit(target)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(_LARGEST_READ):
                await asyncio.sleep(pause)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(parts.hostname, parts.port, limit=_LARGEST_READ)
        await asyncio.gather(pass_on(reader, there_writer), pass_on(there_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=_LARGEST_READ)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@contextmanager
def started(*arguments: str) -> Generator[str]:
    """The address that a process of this Python prints; it is ended with the block."""
    with subprocess.Popen(  # noqa: S603  # our own arguments
        [sys.executable, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=_ROOT,
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.terminate()


def captures(number: int) -> list[Capture]:
    """Snapshots of as many projects, whose content hardly shrinks."""
    made: list[Capture] = []
    for index in range(number):
        raw = b"".join(sha256(f"{index}/{part}".encode()).digest() for part in range(BODY // 32))
        made.append(
            Capture(
                resource="bench", endpoint="https://bench", project=f"P{index:04}", captured_at=START, raw=raw,
                canonical_sha256=sha256(raw).hexdigest(), counts=Counts(intents=1, entities=1, utterances=1),
                reason=Reason.MANUAL, api_version="2023-04-01",
            )
        )  # fmt: skip
    return made


async def measured(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - wall, time.process_time() - cpu


async def measure(url: str, environment: Mapping[str, str], work: list[Capture], connections: int) -> list[float]:
    """Store and verify everything; wall and CPU seconds of each."""
    settings = VaultSettings(url=url, connections=connections)
    store = open_store(url, settings=settings, environment=environment)
    try:
        vault = await Vault.open(store, create=True)

        async def put(capture: Capture) -> None:
            snapshot_id = new_snapshot_id(capture.captured_at, "00000000")
            await vault.commits.store(capture, snapshot_id=snapshot_id, parent=None, reuse_content=False)

        storing = await measured(lambda: at_once(work, put, concurrency=4 * connections))
        manifests = await vault.snapshots()
        assert len(manifests) == len(work)
        verifying = await measured(lambda: at_once(manifests, vault.read, concurrency=4 * connections))
        return [*storing, *verifying]
    finally:
        await store.aclose()


async def table(title: str, new_url: Callable[[], str], environment: Mapping[str, str], work: list[Capture]) -> None:
    """Measure with each number of connections, print a line for each."""
    print(f"{title}: {len(work)} snapshots of {BODY // 1000} KB")
    print("connections   store s   ratio   CPU s   verify s   ratio   CPU s")
    first: list[float] = []
    for connections in CONNECTIONS:
        row = await measure(new_url(), environment, work, connections)
        first = first or row
        print(
            f"{connections:11}   {row[0]:7.2f}   {first[0] / row[0]:5.2f}   {row[1]:5.2f}"
            f"   {row[2]:8.2f}   {first[2] / row[2]:5.2f}   {row[3]:5.2f}"
        )


async def main(snapshots: int, latency: float) -> None:
    """Start the servers, measure, print."""
    work = captures(snapshots)
    pause = str(latency / 2)
    with started("-c", MOTO) as origin, started(__file__, "relay", origin, pause) as address:
        server = S3Server(origin)
        os.environ |= server.environment | {"AWS_ENDPOINT_URL_S3": address, "NO_PROXY": "127.0.0.1"}
        await table("S3 (moto)", lambda: f"s3://{server.new_bucket()}/vault", {}, work)
    with azurite_running() as azurite, started(__file__, "relay", azurite.origin, pause) as address:
        text = azurite.connection_string.replace(azurite.origin, address)
        environment = {"AZURE_STORAGE_CONNECTION_STRING": text}
        await table("Blob (Azurite)", lambda: f"az://{azurite.account}/{azurite.new_container()}", environment, work)


if __name__ == "__main__":
    if sys.argv[1:2] == ["relay"]:
        asyncio.run(relay(sys.argv[2], float(sys.argv[3])))
    else:
        numbers = [int(text) for text in sys.argv[1:]]
        asyncio.run(main(numbers[0] if numbers else 100, (numbers[1] if len(numbers) > 1 else 20) / 1000))
