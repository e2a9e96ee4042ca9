"""Bytes of a year of daily snapshots of a project of one megabyte, beside restic, gzip copies and plain copies.

    uv run python benchmarks/vault_series.py [DAYS]

Two series: an edit of one utterance in a hundred on each day, and the same edit on every tenth day only. Then what is
left of both after a retention of 14 daily, 8 weekly and 12 monthly snapshots (of the copies: the days that cluvault
keeps). cluvault's part goes through the operations that the commands call, against a store in memory that lives by the
benchmark's clock; the second prune, a day later, removes the contents behind the first. restic backs up the same
`config.json` once a day into a local repository, with its defaults; `--max-unused 0` lets it give back all it can.
Every byte of vault and repository counts: manifests and records, packs and indexes.

A day without a change is no snapshot of cluvault's, as an unchanged project is not stored again, and one of restic's:
in the second series the same rules reach further back with cluvault. One `restic backup` takes about a second, most of
it for the key, so that both series take a quarter of an hour; DAYS = 30 takes a minute.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cluvault.model.project_file import read_project_file
from cluvault.ops.capture import store_if_changed
from cluvault.ops.prune import PruneOptions, prune
from cluvault.ops.workspace import Workspace
from cluvault.plan.canonical import canonical_digest
from cluvault.settings import Settings
from cluvault.vault.memory import MemoryStore
from tests.support.snapshots import make_capture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.vault.store import ObjectStore

SAMPLE: Final = Path(__file__).parents[1] / "tests" / "samples" / "emailapp-demo.json"
SIZE: Final = 1_000_000
START: Final = datetime(2025, 11, 1, 2, 0, tzinfo=UTC)
KEEP: Final = {"daily": 14, "weekly": 8, "monthly": 12}
SETTINGS: Final = {
    "resources": {"prod": {"endpoint": "http://127.0.0.1:9/prod", "key": {"env": "KEY"}}},
    "vault": {"retention": {f"keep-{name}": number for name, number in KEEP.items()}},
}


class Project:
    """The sample, made as large as asked by utterances of its own words, each of them once; edits go on from there."""

    def __init__(self) -> None:
        self._document: dict[str, Any] = json.loads(SAMPLE.read_bytes())
        self._sources: list[dict[str, Any]] = list(self._document["assets"]["utterances"])
        self._words = " ".join(str(one["text"]) for one in self._sources).split()
        self._chance = random.Random(1)  # noqa: S311  # the same series on every run
        utterances = self._document["assets"]["utterances"]
        while len(self.raw()) < SIZE:
            utterances.extend(self._utterance() for _ in range(100))

    def _utterance(self) -> dict[str, Any]:
        """An utterance of the sample with other words behind it, so that what is labelled stays in its place."""
        source = self._chance.choice(self._sources)
        return source | {"text": " ".join([source["text"], *self._chance.choices(self._words, k=4)])}

    def edit(self) -> None:
        """Put new utterances in place of one in a hundred."""
        utterances = self._document["assets"]["utterances"]
        for place in self._chance.sample(range(len(utterances)), k=len(utterances) // 100):
            utterances[place] = self._utterance()

    def raw(self) -> bytes:
        """The project file, indented as the sample is."""
        return json.dumps(self._document, indent=4, ensure_ascii=False).encode()


def series(days: int, *, every: int) -> Iterator[tuple[datetime, bytes]]:
    """The project file of each day."""
    project = Project()
    for day in range(days):
        if day and day % every == 0:
            project.edit()
        yield START + timedelta(days=day), project.raw()


async def size_of(store: ObjectStore) -> int:
    """All bytes of a store."""
    return sum([one.size async for one in store.list()])


class Cluvault:
    """A vault in memory whose clock, and whose store's clock, show the day of the series."""

    def __init__(self) -> None:
        self.now = START
        self.store = MemoryStore(now=lambda: self.now)
        self.workspace = Workspace(
            Settings.model_validate(SETTINGS), open_vault_store=lambda _: self.store, now=lambda: self.now
        )

    async def back_up(self, day: datetime, raw: bytes) -> None:
        """A day's backup of what the service gave."""
        self.now = day
        digest = canonical_digest(read_project_file(raw))
        capture = make_capture(raw, captured_at=day, canonical_sha256=digest)
        await store_if_changed(self.workspace, capture)

    async def retain(self) -> list[datetime]:
        """Prune, prune again once the grace period is over, and tell which days are kept."""
        for _ in range(2):
            await prune(self.workspace, PruneOptions(apply=True))
            self.now += timedelta(days=1)
        vault = await self.workspace.vault()
        return [one.captured_at for one in await vault.snapshots()]


class Restic:
    """A repository of restic's in a folder; `program` is where restic is."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._file, self._repository = folder / "config.json", folder / "repository"
        self._run("init")

    def back_up(self, day: datetime, raw: bytes) -> None:
        """A day's backup of the file."""
        self._file.write_bytes(raw)
        self._run("backup", "--time", f"{day:%Y-%m-%d %H:%M:%S}", str(self._file))

    def retain(self) -> None:
        """Forget by the same policy, and give the space back."""
        policy = [text for name, number in KEEP.items() for text in (f"--keep-{name}", str(number))]
        self._run("forget", *policy, "--prune", "--max-unused", "0")

    def size(self) -> int:
        """All bytes of the repository."""
        return sum(path.stat().st_size for path in self._repository.rglob("*") if path.is_file())

    def _run(self, *arguments: str) -> None:
        environment = os.environ | {"TZ": "UTC", "RESTIC_PASSWORD": "benchmark"}
        places = ["--repo", str(self._repository), "--cache-dir", str(self._folder / "cache")]
        command = [self._program, "--quiet", *places, *arguments]
        subprocess.run(command, check=True, env=environment)  # noqa: S603  # our own arguments


async def measure(days: int, *, every: int) -> dict[str, list[int]]:
    """For each way of keeping the series: bytes of all of it, and after retention."""
    own, copies, packed = Cluvault(), dict[datetime, int](), dict[datetime, int]()
    for day, raw in series(days, every=every):
        await own.back_up(day, raw)
        copies[day], packed[day] = len(raw), len(gzip.compress(raw, compresslevel=6))
    whole = await size_of(own.store)
    kept = await own.retain()
    rows = {
        "plain copies": [sum(copies.values()), sum(copies[day] for day in kept)],
        "gzip copies": [sum(packed.values()), sum(packed[day] for day in kept)],
        "cluvault": [whole, await size_of(own.store)],
    }
    if program := shutil.which("restic"):
        with tempfile.TemporaryDirectory() as folder:
            restic = Restic(program, Path(folder))
            for day, raw in series(days, every=every):
                restic.back_up(day, raw)
            whole = restic.size()
            restic.retain()
            rows["restic"] = [whole, restic.size()]
    return rows


async def main(days: int) -> None:
    """Print one table a series."""
    if shutil.which("restic") is None:
        print("restic is not on PATH, so its row is missing (Debian: apt-get install restic)")
    print(f"{days} daily snapshots of {len(Project().raw()) / 1e6:.2f} MB; in MB, and with gzip copies = 1")
    for name, every in {"an edit of 1 % each day": 1, "an edit of 1 % every tenth day": 10}.items():
        rows = await measure(days, every=every)
        print(f"\n{name:32}{'all':>10}{'after retention':>23}")
        for row, sizes in rows.items():
            print(f"  {row:26}" + "".join(_cells(sizes, rows["gzip copies"])))


def _cells(sizes: Sequence[int], unit: Sequence[int]) -> Iterator[str]:
    for size, one in zip(sizes, unit, strict=True):
        yield f"{size / 1e6:10.2f} = {size / one:5.2f}  "


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 365))
