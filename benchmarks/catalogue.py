"""A catalogue of 100,000 snapshots: time, requests and memory of listing, streaming and looking one up.

    uv run python benchmarks/catalogue.py [SNAPSHOTS] [memory|folder|s3]...

200 projects, each with SNAPSHOTS / 200 snapshots of which every tenth has content of its own (the content objects are
empty: nothing here reads them). The objects are written past the vault, and past fsync. `s3` is moto in a process of
its own, which answers about as many requests a second as it can, and not as a bucket would; what counts there is the
number of requests, and what the local cache saves of them. Memory is the most that Python held at once beyond what it
held before, by tracemalloc, measured in a second pass because it slows everything down. Prints a table.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cluvault.cli.demo.services import free_port
from cluvault.model.manifest import Content, Counts, Manifest, Reason, Tool, new_snapshot_id
from cluvault.plan.keys import ROOT_KEY, SnapshotKey
from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator

    from cluvault.model.object_info import ObjectInfo
    from cluvault.vault.store import ObjectStore

PROJECTS = 200
START = datetime(2025, 1, 1, tzinfo=UTC)
IDENTITY = b'{"format": 1, "vaultId": "0123456789abcdef0123456789abcdef"}\n'


@dataclass
class CountingStore:
    """Passes everything on to a store and counts what is asked of it; a listing counts its pages of 1,000."""

    inner: ObjectStore
    calls: Counter[str] = field(default_factory=Counter[str])

    @property
    def url(self) -> str:
        """That of the store."""
        return self.inner.url

    async def get(self, key: str) -> bytes:
        """Count one."""
        self.calls["get"] += 1
        return await self.inner.get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        """Count one."""
        self.calls["put"] += 1
        await self.inner.put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Count one for each thousand."""
        number = 0
        async for found in self.inner.list(prefix):
            if number % 1000 == 0:
                self.calls["list"] += 1
            number += 1
            yield found

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """Count likewise."""
        number = 0
        async for found in self.inner.folders(prefix):
            if number % 1000 == 0:
                self.calls["list"] += 1
            number += 1
            yield found

    async def delete(self, key: str) -> None:
        """Count one."""
        self.calls["delete"] += 1
        await self.inner.delete(key)

    async def aclose(self) -> None:
        """Close the store."""
        await self.inner.aclose()


def objects(snapshots: int) -> Iterator[tuple[str, bytes]]:
    """The vault, object by object."""
    yield ROOT_KEY, IDENTITY
    for project in range(PROJECTS):
        name, content = f"Project {project:03}", ""
        for number in range(snapshots // PROJECTS):
            moment = START + timedelta(hours=12 * number, seconds=project)
            key = SnapshotKey("prod", name, new_snapshot_id(moment, f"{number:08x}"))
            if number % 10 == 0:
                content = key.content
                yield content, b""
            yield key.manifest, manifest(key, content, moment)


def manifest(key: SnapshotKey, content: str, moment: datetime) -> bytes:
    """A manifest as a backup writes it."""
    digest = f"{abs(hash(content)):064x}"[:64]
    return Manifest(
        snapshot_id=key.snapshot_id,
        vault_id="0123456789abcdef0123456789abcdef",
        resource=key.resource,
        endpoint="https://contoso.cognitiveservices.azure.com",
        project=key.project,
        captured_at=moment,
        reason=Reason.SCHEDULED,
        api_version="2025-11-15-preview",
        project_last_modified=moment,
        content=Content(
            key=content, sha256=digest, bytes=0, encoding="gzip", raw_sha256=digest, raw_bytes=1_000_000,
            canonical_sha256=digest,
        ),
        counts=Counts(intents=12, entities=8, utterances=900),
        tool=Tool(name="cluvault", version="0.1.0"),
    ).to_bytes()  # fmt: skip


# --- the stores ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def memory(snapshots: int) -> AsyncGenerator[ObjectStore]:
    """No store at all: what remains is our own work."""
    store = MemoryStore()
    for key, body in objects(snapshots):
        await store.put_new(key, body)
    yield store


@asynccontextmanager
async def folder(snapshots: int) -> AsyncGenerator[ObjectStore]:
    """A folder of this machine."""
    with tempfile.TemporaryDirectory() as name:
        write_files(Path(name), snapshots)
        yield FolderStore(Path(name))


def write_files(root: Path, snapshots: int) -> None:
    """The vault as files."""
    for key, body in objects(snapshots):
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)


@asynccontextmanager
async def s3(snapshots: int) -> AsyncGenerator[ObjectStore]:
    """A bucket of moto's."""
    from cluvault.vault.s3_store import S3Store  # noqa: PLC0415  # only here

    with _moto(snapshots):
        store = S3Store("bench", "vault", connections=16)
        try:
            yield store
        finally:
            await store.aclose()


_MOTO = """
import sys, boto3
from benchmarks.catalogue import objects
from moto.server import ThreadedMotoServer
from moto.s3.models import s3_backends
server = ThreadedMotoServer("127.0.0.1", int(sys.argv[1]), verbose=False)
server.start()
client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{sys.argv[1]}")
client.create_bucket(Bucket="bench")
backend = s3_backends["123456789012"]["aws"]
for key, body in objects(int(sys.argv[2])):
    backend.put_object("bench", "vault/" + key, body)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def _moto(snapshots: int) -> Generator[None]:
    port = free_port()
    os.environ |= {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "bench", "NO_PROXY": "127.0.0.1",
        "AWS_SECRET_ACCESS_KEY": "bench", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    process = subprocess.Popen(  # noqa: S603  # this interpreter, our arguments
        [sys.executable, "-c", _MOTO, str(port), str(snapshots)],
        cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            raise SystemExit("moto does not start")
        yield
    finally:
        process.kill()
        process.communicate()


# --- what is measured ----------------------------------------------------------------------------------------------


async def list_keys(vault: Vault) -> int:
    """Which snapshots there are."""
    return sum([1 async for _ in vault.keys()])  # noqa: SIM118  # a vault is no mapping


async def stream(vault: Vault) -> int:
    """Every manifest, in order, each forgotten when the next batch comes."""
    return sum([len(batch) async for batch in vault.batches()])


async def as_of(vault: Vault) -> int:
    """One project a year and a month after the beginning, or at the end."""
    found = await vault.latest("prod", "Project 100", as_of=START + timedelta(days=200))
    assert found is not None
    return 1


async def measure(
    name: str, store: ObjectStore, work: Callable[[Vault], Awaitable[int]], *, cache: Path | None = None
) -> None:
    """Run twice, for time and for memory, each like a new process; print one line."""
    counting = CountingStore(store)
    vault = await Vault.open(counting, cache_folder=cache)
    began = time.perf_counter()
    number = await work(vault)
    seconds = time.perf_counter() - began
    vault.close()
    tracemalloc.start()
    try:
        vault = await Vault.open(store, cache_folder=cache)
        await work(vault)
        vault.close()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    lists, gets = counting.calls["list"], counting.calls["get"] - 1
    print(f"{name:34} {number:8,} {seconds:8.2f} s {lists:8,} {gets:8,} {peak:8.1f} MB", flush=True)


async def main(snapshots: int, kinds: list[str]) -> None:
    """Fill each store, measure, print."""
    print(f"{'':34} {'found':>8} {'time':>10} {'lists':>8} {'gets':>8} {'memory':>11}")
    for kind in kinds:
        async with {"memory": memory, "folder": folder, "s3": s3}[kind](snapshots) as store:
            await measure(f"{kind}: keys", store, list_keys)
            await measure(f"{kind}: snapshots", store, stream)
            with tempfile.TemporaryDirectory() as place:
                cache = Path(place)
                began = time.perf_counter()
                vault = await Vault.open(store, cache_folder=cache)
                await stream(vault)
                vault.close()
                cold = time.perf_counter() - began
                await measure(f"{kind}: snapshots, warm cache", store, stream, cache=cache)
                size = sum(entry.stat().st_size for entry in os.scandir(place)) / 1e6
            await measure(f"{kind}: one project as of a day", store, as_of)
            print(f"{kind}: the first with the cache took {cold:.2f} s; the cache has {size:.0f} MB", flush=True)


if __name__ == "__main__":
    chosen = [argument for argument in sys.argv[1:] if not argument.isdigit()]
    number_of = [int(argument) for argument in sys.argv[1:] if argument.isdigit()]
    asyncio.run(main(number_of[0] if number_of else 100_000, chosen or ["memory", "folder"]))
