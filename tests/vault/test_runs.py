"""Run records: written once, read back by day."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedRecord, ObjectExists, VaultTooNew
from cluvault.model.manifest import Tool
from cluvault.model.run import Outcome, RunItem, RunRecord
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.snapshots import everything, moment

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore


@pytest.fixture
async def vault(store: ObjectStore) -> Vault:
    """A new vault in each kind of store."""
    return await Vault.open(store, create=True)


def make_run(run_id: str = "nimble-otter", *, seconds: float = 0) -> RunRecord:
    """A backup that stored one project and failed with another."""
    return RunRecord(
        run_id=run_id,
        kind="backup",
        started_at=moment(seconds),
        ended_at=moment(seconds + 10),
        tool=Tool(name="cluvault", version="0.1.0"),
        resources=("prod",),
        items=(
            RunItem(resource="prod", project="A", outcome=Outcome.STORED, snapshot_id="20261101T020000Z-000b2c3d"),
            RunItem(resource="prod", project="B", outcome=Outcome.FAILED, detail="the job ended `failed`"),
        ),
    )


async def test_a_run_is_recorded_under_its_day(vault: Vault) -> None:
    """The key tells day and run; what is read is what was recorded."""
    assert await vault.runs.add(make_run()) == "runs/2026-11-01/nimble-otter.json"
    assert [run async for run in vault.runs.all()] == [make_run()]


async def test_the_day_is_that_of_utc(vault: Vault) -> None:
    """Wherever the clock hangs."""
    tokyo = timezone(timedelta(hours=9))
    run = make_run().model_copy(update={"started_at": datetime(2026, 11, 2, 3, 0, tzinfo=tokyo)})
    assert await vault.runs.add(run) == "runs/2026-11-01/nimble-otter.json"


async def test_runs_come_by_day(vault: Vault, store: ObjectStore) -> None:
    """The oldest day first; other files among them are passed over."""
    runs = [make_run(f"run-{day}", seconds=day * 86400) for day in (3, 1, 2)]
    for run in runs:
        await vault.runs.add(run)
    await store.put_new("runs/README.txt", b"")
    assert [run.run_id async for run in vault.runs.all()] == ["run-1", "run-2", "run-3"]


async def test_recording_again_is_success(vault: Vault, store: ObjectStore) -> None:
    """A lost reply is no duplicate; another run under the same id is refused."""
    await vault.runs.add(make_run())
    before = await everything(store)
    await vault.runs.add(make_run())
    assert await everything(store) == before
    with pytest.raises(ObjectExists):
        await vault.runs.add(make_run(seconds=1))


@pytest.mark.parametrize("run_id", ["../../cluvault", "a/b", "..", "", "😀"])
async def test_no_run_leaves_its_folder(vault: Vault, run_id: str) -> None:
    """Prefect names runs, so names may be anything."""
    key = await vault.runs.add(make_run(run_id))
    assert key.startswith("runs/2026-11-01/")
    assert key.count("/") == 2
    assert [run.run_id async for run in vault.runs.all()] == [run_id]


async def test_a_record_that_cannot_be_understood(vault: Vault, store: ObjectStore) -> None:
    """Malformed ones are damage and newer ones are too new, each with its key."""
    await store.put_new("runs/2026-11-01/broken.json", b"{")
    with pytest.raises(DamagedRecord, match=r"runs/2026-11-01/broken\.json: not a run record"):
        assert [run async for run in vault.runs.all()]
    await store.delete("runs/2026-11-01/broken.json")
    await store.put_new("runs/2026-11-01/newer.json", b'{"format": 2}')
    with pytest.raises(VaultTooNew, match=r"newer\.json"):
        assert [run async for run in vault.runs.all()]


async def test_the_latest_runs_come_first(vault: Vault, store: ObjectStore) -> None:
    """By day and id; what cannot be understood, or goes meanwhile, is passed over; a newer format is not."""
    for day, run_id in ((1, "run-1"), (2, "run-2"), (2, "run-3"), (3, "run-0")):
        await vault.runs.add(make_run(run_id, seconds=day * 86400))
    await store.put_new("runs/2026-11-03/run-9.json", b"{")
    await store.put_new("runs/2026-11-03/README.txt", b"")
    await store.put_new("runs/README.txt", b"")
    assert [run.run_id async for run in vault.runs.newest_first()] == ["run-0", "run-3", "run-2", "run-1"]
    await store.put_new("runs/2026-11-01/newer.json", b'{"format": 2}')
    with pytest.raises(VaultTooNew, match=r"newer\.json"):
        assert [run async for run in vault.runs.newest_first()]


def missing(*projects: str, run_id: str, seconds: float, **changes: object) -> RunRecord:
    """A backup that missed these projects, the first of them since the beginning."""
    since = [moment(0), *[None] * len(projects)]
    items = [
        RunItem(resource="prod", project=project, outcome=Outcome.VANISHED, since=first)
        for project, first in zip(projects, since, strict=False)
    ]
    return make_run(run_id, seconds=seconds).model_copy(update={"items": tuple(items)} | changes)


async def test_what_has_vanished_is_known_from_the_latest_backup() -> None:
    """With the time when a backup first missed it; runs that did not see the resource say nothing."""
    vault = await Vault.open(MemoryStore(), create=True)
    assert await vault.runs.vanished("prod") == {}
    await vault.runs.add(missing("Old", run_id="a", seconds=0))
    await vault.runs.add(missing("A", "B", run_id="b", seconds=60))
    assert await vault.runs.vanished("prod") == {"A": moment(0), "B": moment(60)}
    assert await vault.runs.vanished("dev") == {}
    failed = RunItem(resource="prod", project="", outcome=Outcome.FAILED)
    for number, changes in enumerate(({"kind": "prune"}, {"resources": ("dev",)}, {"items": (failed,)})):
        await vault.runs.add(missing("C", run_id=f"c{number}", seconds=120, **changes))
    assert await vault.runs.vanished("prod") == {"A": moment(0), "B": moment(60)}
    await vault.runs.add(make_run("d", seconds=180))
    assert await vault.runs.vanished("prod") == {}
