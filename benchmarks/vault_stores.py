"""Storing and verifying snapshots in memory, a folder, moto's S3 and Azurite, beside bare calls of the clouds' clients.

    uv run python benchmarks/vault_stores.py [KIND]...          memory, folder, s3, az; all by default

`store` is `Vault.store`: pack, write, read back and prove the content, then write and read back the manifest. `verify`
is `Vault.read`: every size and digest. 200 snapshots of 220 kB and 20 of 2 MB, each of a project of its own, with 1 and
with 16 in flight. `bare` is a loop of the client's own calls with the same bytes and as many in flight: for a store
put and get of both objects, as the promise costs these four requests whoever makes them; for a verify one get. `put
only` compares with a loop that writes contents alone, and proves nothing. MB are those of the project files; requests
are the calls of a store and a verify, each of which is one HTTP request. The kinds of work take turns in slices, so
that all see the same load; the servers run in processes of their own.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from azure.storage.blob.aio import BlobServiceClient
from boto3 import Session
from botocore.config import Config

from cluvault.model.manifest import new_snapshot_id
from cluvault.plan.history import key_of
from cluvault.vault.blob_store import BlobStore
from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore
from cluvault.vault.s3_store import S3Store
from cluvault.vault.vault import Vault
from tests.support.azurite import azurite_running
from tests.support.faulty_store import FaultyStore
from tests.support.s3_server import S3Server
from tests.support.snapshots import make_capture

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable, Sequence

    from cluvault.model.manifest import Manifest
    from cluvault.plan.capture import Capture
    from cluvault.vault.store import ObjectStore

SIZES: Final = {"220 kB": (220_000, 200), "2 MB": (2_000_000, 20)}
IN_FLIGHT: Final = (1, 16)
AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
SAMPLE: Final = Path(__file__).parents[1] / "tests" / "samples" / "emailapp-demo.json"
SERVE: Final = """\
import sys
from tests.support.s3_server import s3_server_running
with s3_server_running() as server:
    print(server.endpoint, flush=True)
    sys.stdin.read()
"""


class Bare(Protocol):
    """The client's own calls."""

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        ...

    async def get(self, key: str) -> bytes:
        """Read one."""
        ...


class BareS3:
    """boto3, in as many threads as are in flight."""

    def __init__(self, server: S3Server, bucket: str, in_flight: int) -> None:
        session: Any = Session(region_name="us-east-1")
        config = Config(max_pool_connections=in_flight)
        self._client = session.client("s3", endpoint_url=server.endpoint, config=config)
        self._threads, self._bucket = ThreadPoolExecutor(in_flight), bucket

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        await self._run(lambda: self._client.put_object(Bucket=self._bucket, Key=key, Body=body))

    async def get(self, key: str) -> bytes:
        """Read one."""

        def read() -> bytes:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

        return await self._run(read)

    async def _run(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


class BareBlob:
    """azure-storage-blob."""

    def __init__(self, service: BlobServiceClient, container: str) -> None:
        self._container = service.get_container_client(container)

    async def put(self, key: str, body: bytes) -> None:
        """Write a blob."""
        await self._container.get_blob_client(key).upload_blob(body)

    async def get(self, key: str) -> bytes:
        """Read one."""
        stream = await self._container.get_blob_client(key).download_blob()
        return await stream.readall()


@dataclass(frozen=True)
class Place:
    """An empty store, and the bare calls to the same server."""

    store: ObjectStore
    bare: Bare | None


@contextmanager
def s3_in_a_process() -> Generator[S3Server]:
    """The S3 server in a process of its own, where it does not take this one's time."""
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(  # noqa: S603  # this interpreter, our text
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        server = S3Server(process.stdout.readline().strip())
        os.environ |= server.environment
        yield server
        process.stdin.close()


Opening = Callable[[int], Awaitable[Place]]
"""Opens an empty store for so many requests at once."""


@asynccontextmanager
async def memory_places() -> AsyncGenerator[Opening]:
    """Stores in memory."""

    async def new(_: int) -> Place:
        return Place(MemoryStore(), None)

    yield new


@asynccontextmanager
async def folder_places() -> AsyncGenerator[Opening]:
    """Temporary folders."""
    with tempfile.TemporaryDirectory() as root:

        async def new(_: int) -> Place:
            return Place(FolderStore(tempfile.mkdtemp(dir=root)), None)

        yield new


@asynccontextmanager
async def s3_places() -> AsyncGenerator[Opening]:
    """Buckets of moto's."""
    with s3_in_a_process() as server:

        async def new(in_flight: int) -> Place:
            bucket = server.new_bucket()
            return Place(S3Store(bucket, "vault", connections=in_flight), BareS3(server, bucket, in_flight))

        yield new


@asynccontextmanager
async def az_places() -> AsyncGenerator[Opening]:
    """Containers of Azurite's."""
    with azurite_running() as azurite:
        environment = {"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string}
        async with BlobServiceClient.from_connection_string(azurite.connection_string) as service:

            async def new(in_flight: int) -> Place:
                name = azurite.new_container()
                store = BlobStore(azurite.account, name, "vault", environment=environment, connections=in_flight)
                return Place(store, BareBlob(service, name))

            yield new


PLACES: Final = {"memory": memory_places, "folder": folder_places, "s3": s3_places, "az": az_places}


def captures(size: int, number: int) -> list[Capture]:
    """Project files of about that size, each another one."""
    utterances = json.loads(SAMPLE.read_bytes())["assets"]["utterances"]
    chance = random.Random(1)  # noqa: S311  # the same on every run
    made: list[Capture] = []
    for index in range(number):
        lines, length = list[str](), 0
        while length < size:
            lines.append(json.dumps(chance.choice(utterances) | {"dataset": f"{chance.random():.3f}"}, indent=4))
            length += len(lines[-1])
        raw = "[" + ",\n".join(lines) + "]"
        made.append(make_capture(raw.encode(), project=f"Project{index:03}", captured_at=AT))
    return made


async def timed(work: Iterable[Callable[[], Awaitable[object]]], *, in_flight: int) -> float:
    """Seconds until everything is done, so much of it at once."""
    left = iter(work)

    async def worker() -> None:
        for one in left:
            await one()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(in_flight)))
    return time.perf_counter() - began


class Measurement:
    """Seconds and calls of each kind of work, summed over slices in which the kinds take turns."""

    def __init__(self, place: Place, vault: Vault, *, in_flight: int) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._place, self._vault, self._in_flight = place, vault, in_flight
        self._manifests: list[Manifest] = []

    async def slice(self, made: Sequence[Capture]) -> None:
        """Store and verify some, and do the same with bare calls."""
        self._manifests.clear()
        await self._time("store", (lambda one=one: self._store(one) for one in made))
        await self._time("verify", (lambda one=one: self._vault.read(one) for one in self._manifests))
        if self._place.bare is not None:
            await self._slice_bare(self._place.bare)

    async def _slice_bare(self, bare: Bare) -> None:
        bodies = [(one.content.key, await self._place.store.get(one.content.key)) for one in self._manifests]
        pairs = zip(bodies, self._manifests, strict=True)
        await self._time("same", (lambda one=one: self._same(bare, *one) for one in pairs))
        await self._time("put", (lambda one=one: bare.put(f"put/{one[0]}", one[1]) for one in bodies))
        await self._time("get", (lambda one=one: bare.get(f"put/{one[0]}") for one in bodies))

    async def _time(self, kind: str, work: Iterable[Callable[[], Awaitable[object]]]) -> None:
        self.seconds[kind] += await timed(work, in_flight=self._in_flight)

    async def _store(self, capture: Capture) -> None:
        snapshot_id = new_snapshot_id(capture.captured_at, "0a1b2c3d")
        stored = await self._vault.commits.store(capture, snapshot_id=snapshot_id, parent=None, reuse_content=True)
        self._manifests.append(stored)

    @staticmethod
    async def _same(bare: Bare, content: tuple[str, bytes], manifest: Manifest) -> None:
        for key, body in (content, (key_of(manifest).manifest, manifest.to_bytes())):
            await bare.put(f"same/{key}", body)
            assert await bare.get(f"same/{key}") == body


async def measure(place: Place, made: Sequence[Capture], *, in_flight: int) -> str:
    """The cells of a line; the first slice warms up and does not count."""
    counting = FaultyStore(place.store)
    vault = await Vault.open(counting, create=True)
    step = max(in_flight, len(made) // 10)
    await Measurement(place, vault, in_flight=in_flight).slice([replace(one, resource="warm") for one in made[:step]])
    counting.calls.clear()
    measured = Measurement(place, vault, in_flight=in_flight)
    for start in range(0, len(made), step):
        await measured.slice(made[start : start + step])
    await place.store.aclose()
    megabytes, took = sum(len(one.raw) for one in made) / 1e6, measured.seconds
    calls = len(counting.calls) / len(made)
    cells = [
        f"{kind} {len(made) / took[kind]:6.1f}/s {megabytes / took[kind]:6.1f} MB/s" for kind in ("store", "verify")
    ]
    if place.bare is not None:
        ratios = took["store"] / took["same"], took["store"] / took["put"], took["verify"] / took["get"]
        cells.append("store {:4.2f} x bare, {:4.1f} x put only; verify {:4.2f} x bare".format(*ratios))
    return "   ".join([f"{calls:3.1f} requests", *cells])


async def main(kinds: Sequence[str]) -> None:
    """Print one table."""
    for kind in kinds:
        async with PLACES[kind]() as new:
            for size, (raw_bytes, number) in SIZES.items():
                made = captures(raw_bytes, number)
                for in_flight in IN_FLIGHT:
                    cells = await measure(await new(in_flight), made, in_flight=in_flight)
                    print(f"{kind:7}{size:>7}{in_flight:4}  {cells}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:] or list(PLACES)))
