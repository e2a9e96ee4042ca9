"""Exports that a killed backup has started are taken up by the next one: nothing is started twice, nothing is old."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.errors import StorageDenied, StoreUnavailable
from cluvault.model.project_file import read_project_file
from cluvault.model.run import Outcome
from cluvault.model.started import StartedExport, StartedExports
from cluvault.ops.backup import BackupOptions, export_backup
from cluvault.ops.backup_planning import plan_backup
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.keys import JOBS, jobs_key
from cluvault.vault.memory import MemoryStore
from tests.support.faulty_store import Killed
from tests.support.world import project_file

if TYPE_CHECKING:
    from cluvault.ops.report import Report
    from tests.support.world import Send, World

NAMES = ("Alpha", "Beta", "Gamma")


@pytest.fixture
async def filled(world: World) -> World:
    """Three projects, modified an hour ago."""
    for name in NAMES:
        await world.put("dev", name, project_file(name, f"to {name}"))
    world.moment += timedelta(hours=1)
    world.events.clear()
    return world


async def die_before(world: World, end: str, **options: Any) -> None:
    """A backup of `dev` whose process is gone when it sends the first request whose method and path end so."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if f"{request.method} {request.url.path}".endswith(end) or end in request.url.path:
            raise Killed
        return await send(request)

    world.hook = hook
    with pytest.raises(BaseException):  # noqa: B017, PT011  # whatever a group of killed tasks is
        await world.backup(resources=("dev",), **options)
    world.hook = None
    world.events.clear()
    world.moment += timedelta(minutes=5)


async def again(world: World, **options: Any) -> Report:
    """The next backup."""
    return await world.backup(resources=("dev",), **options)


def exports(world: World) -> list[str]:
    """The exports that were started."""
    return [event for event in world.requests if event.endswith("/:export")]


async def records(world: World) -> list[str]:
    """The keys of records of started exports."""
    return [one.key async for one in world.store.list(JOBS)]


@pytest.mark.parametrize("full", [False, True])
async def test_what_was_started_is_taken_up(filled: World, *, full: bool) -> None:
    """No export is started anew; the snapshots are right; the record says what was taken up; nothing is left over."""
    await die_before(filled, "/export/jobs/", full=full)
    assert await records(filled)
    report = await again(filled, full=full)
    assert exports(filled) == []
    assert [one.outcome for one in report.items] == [Outcome.STORED] * 3
    assert all(one.taken_up is not None and "took up the export" in (one.detail or "") for one in report.items)
    assert report.summary == "3 stored; 3 exports taken up from an earlier run"
    assert (await filled.runs())[-1].items == report.items
    assert {one.project: one.content.canonical_sha256 for one in await filled.snapshots()} == {
        name: canonical_digest(read_project_file(project_file(name, f"to {name}"))) for name in NAMES
    }
    assert await records(filled) == []


async def test_what_changed_meanwhile_is_exported_anew(filled: World) -> None:
    """By the time that the service lists."""
    await die_before(filled, "/export/jobs/")
    await filled.put("dev", "Beta", project_file("Beta", "changed"))
    report = await again(filled)
    assert exports(filled) == ["POST dev/Beta/:export"]
    assert [one.taken_up is not None for one in report.items] == [True, False, True]
    assert await filled.digest("dev", "Beta") in {one.content.canonical_sha256 for one in await filled.snapshots()}


async def test_a_run_that_ended_leaves_nothing_to_take_up(filled: World) -> None:
    """A second full pass sees what is there now, also if no time has moved, and also if its records could not go."""
    await again(filled, full=True)
    assert await records(filled) == []
    filled.moment += timedelta(minutes=5)
    filled.events.clear()
    assert {one.taken_up for one in (await again(filled, full=True)).items} == {None}
    assert len(exports(filled)) == 3


async def test_what_was_stored_before_the_kill_is_not_stored_twice(filled: World) -> None:
    """Killed while it wrote the run record: all snapshots are there."""

    class Dying(MemoryStore):
        async def put_new(self, key: str, body: bytes) -> None:
            if key.startswith("runs/") and self.dies:
                raise Killed
            await super().put_new(key, body)

        dies = True

    filled.store = store = Dying(now=lambda: filled.moment)
    with pytest.raises(Killed):
        await again(filled, full=True)
    store.dies = False
    filled.events.clear()
    report = await again(filled, full=True)
    assert exports(filled) == []
    assert [one.outcome for one in report.items] == [Outcome.UNCHANGED] * 3
    assert len(await filled.snapshots()) == 3


async def test_results_that_are_gone_are_exported_anew(filled: World) -> None:
    """The job is unknown, or it failed: the project is exported as if nothing had been."""
    await die_before(filled, "/export/jobs/")

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if "/Alpha/export/jobs/" in request.url.path and not exports(filled):
            return httpx.Response(404, json={"error": {"code": "OperationNotFound", "message": "no such job"}})
        if "/Beta/export/jobs/" in request.url.path and "POST dev/Beta/:export" not in filled.events:
            return httpx.Response(200, json={"jobId": "x", "status": "failed", "errors": []})
        return await send(request)

    filled.hook = hook
    report = await again(filled)
    assert sorted(exports(filled)) == ["POST dev/Alpha/:export", "POST dev/Beta/:export"]
    assert [one.outcome for one in report.items] == [Outcome.STORED] * 3
    assert report.summary.endswith("1 export taken up from an earlier run")


async def forge(world: World, *, endpoint: str = "http://127.0.0.1:9/dev", **changed: Any) -> None:
    """A record of an export, as anybody who may write into the vault could put it there."""
    async with world.workspace() as workspace:
        await workspace.vault(create=True)
        client = await workspace.client("dev")
        job = await client.begin_export("Alpha")
        modified = (await client.get_project("Alpha")).last_modified_at
        started_at = workspace.now()
    one = {"project": "Alpha", "job_id": job.job_id, "api_version": job.api_version, "started_at": started_at}
    record = StartedExports(
        endpoint=endpoint, exports=(StartedExport.model_validate({**one, "modified": modified, **changed}),)
    )
    await world.store.put_new(jobs_key("dev", "20261101T020000Z-00000001", 1), record.model_dump_json().encode())
    world.events.clear()


async def test_a_record_is_believed_only_as_far_as_it_can_be_checked(filled: World) -> None:
    """Another project's job, another endpoint's, an old one: all is exported anew."""
    await forge(filled)
    assert "POST dev/Alpha/:export" not in (await _requests(filled))


async def _requests(world: World) -> list[str]:
    await again(world)
    return world.requests


@pytest.mark.parametrize(
    "forged",
    [
        {"project": "Beta"},
        {"endpoint": "https://evil.example.com"},
        {"started_at": "2026-11-01T00:00:00Z"},
        {"started_at": "2027-11-01T00:00:00Z"},
        {"modified": "2026-11-01T00:00:00Z"},
    ],
)
async def test_forged_records_start_nothing_and_lead_nowhere(filled: World, forged: dict[str, Any]) -> None:
    """Every project is exported anew, and no request goes anywhere else."""
    await forge(filled, **forged)
    report = await again(filled)
    assert len(exports(filled)) == 3
    assert [one.outcome for one in report.items] == [Outcome.STORED] * 3
    assert report.summary == "3 stored"


@pytest.mark.parametrize(
    "body", [b"{", b'{"format": 2}', b'{"format": 1, "endpoint": "x", "exports": [{"jobId": "../x"}]}']
)
async def test_malformed_records_are_passed_over(filled: World, body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """A line says so; a verify calls none of them foreign."""
    await filled.backup(resources=("dev",), projects=("Alpha",))
    await filled.store.put_new(jobs_key("dev", "20261101T020000Z-00000001", 1), body)
    await filled.store.put_new(f"{JOBS}dev/notes.txt", b"a person's")
    report = await again(filled)
    assert report.exit_code == 0
    assert "is exported anew" in caplog.text
    assert [one.key for one in (await filled.verify()).findings] == [f"{JOBS}dev/notes.txt"]


async def test_a_result_of_another_project_is_not_believed(filled: World) -> None:
    """Whatever the service gives for the job: the file says whose it is."""
    await forge(filled)

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if request.url.path.endswith("/result") and not exports(filled):
            return httpx.Response(200, content=project_file("Other", "foreign"))
        return answer

    filled.hook = hook
    report = await again(filled, projects=("Alpha",))
    assert exports(filled) == ["POST dev/Alpha/:export"]
    assert report.summary == "1 stored"


async def test_a_step_that_is_repeated_takes_up_its_own_export(filled: World) -> None:
    """Prefect repeats a step whose storing or waiting failed: the job is not started again."""
    async with filled.workspace() as workspace:
        plan = await plan_backup(workspace, BackupOptions(resources=("dev",)))

        async def hook(request: httpx.Request, send: Send) -> httpx.Response:
            if "/export/jobs/" in request.url.path:
                raise httpx.ConnectError("away")
            return await send(request)

        filled.hook = hook
        with pytest.raises(Exception, match="away"):
            await export_backup(workspace, plan.projects[0], BackupOptions())
        filled.hook = None
        item = await export_backup(workspace, plan.projects[0], BackupOptions())
    assert item.outcome == Outcome.STORED
    assert exports(filled) == ["POST dev/Alpha/:export"]


async def test_a_job_that_takes_too_long_is_left_to_the_next_run(filled: World) -> None:
    """It failed, the record stays, and the next run waits for the same job."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if "/Alpha/export/jobs/" in request.url.path:
            return httpx.Response(200, json={"jobId": "x", "status": "running"})
        return await send(request)

    filled.configure("backup", job_timeout=0.05)
    filled.hook = hook
    for _ in range(2):
        report = await again(filled)
        assert [one.project for one in report.failed] == ["Alpha"]
    assert await records(filled)
    filled.hook = None
    report = await again(filled)
    assert exports(filled).count("POST dev/Alpha/:export") == 1
    assert report.exit_code == 0
    assert await records(filled) == []


async def test_a_store_that_cannot_list_or_write_them_costs_no_backup(
    filled: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Then a killed run would be started anew, which a line says."""

    class Weak(MemoryStore):
        async def put_new(self, key: str, body: bytes) -> None:
            if key.startswith(JOBS):
                raise StoreUnavailable("no writing there")
            await super().put_new(key, body)

        def list(self, prefix: str = "") -> Any:
            if prefix.startswith(JOBS):
                raise StoreUnavailable("no listing there")
            return super().list(prefix)

    filled.store = Weak(now=lambda: filled.moment)
    assert (await again(filled)).exit_code == 0
    assert "would start them anew" in caplog.text
    assert "are not looked for" in caplog.text


class Leaving(MemoryStore):
    """A store that is away from its nth write on, for so long by everybody's steady clock."""

    def __init__(self, world: World, *, write: int, seconds: float) -> None:
        super().__init__(now=lambda: world.moment)
        self._world = world
        self._writes = write
        self._seconds = seconds
        self._back_at: float | None = None

    async def get(self, key: str) -> bytes:
        self._answer()
        return await super().get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        self._writes -= key.startswith("snapshots/")
        if self._writes == 0 and self._back_at is None:
            self._back_at = self._world.seconds + self._seconds
        self._answer()
        await super().put_new(key, body)

    def _answer(self) -> None:
        if self._back_at is not None and self._world.seconds < self._back_at:
            raise StoreUnavailable("memory: the store is away")


@pytest.mark.parametrize("write", [1, 2, 4, 6])
async def test_a_store_that_is_away_for_a_minute_costs_a_minute(filled: World, write: int) -> None:
    """Whenever it goes: the run ends complete, with one snapshot of each project and one export."""
    filled.store = Leaving(filled, write=write, seconds=60)
    report = await again(filled)
    assert report.summary == "3 stored"
    assert len(await filled.snapshots()) == len(exports(filled)) == 3
    assert set(await filled.damage()) == {one.reference for one in await filled.snapshots()}


async def test_a_store_that_stays_away_is_given_up_and_names_are_named(filled: World) -> None:
    """After two minutes for all of them together; the next run completes, and no snapshot is there twice."""
    filled.store = store = Leaving(filled, write=3, seconds=100_000)
    with pytest.raises(StoreUnavailable) as caught:
        await again(filled)
    assert "failed: dev/" in str(caught.value)
    assert filled.seconds <= 300
    filled.seconds += 100_000
    filled.events.clear()
    report = await again(filled)
    assert report.exit_code == 0
    assert exports(filled) == []
    assert len(await filled.snapshots()) == 3
    assert store.url


async def test_whoever_may_not_delete_backs_up_all_the_same(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vault that its writers cannot empty is worth having; what is done with stays there and says nothing."""

    async def refuse(_key: str) -> None:
        raise StorageDenied("no right to delete")

    monkeypatch.setattr(filled.store, "delete", refuse)
    await die_before(filled, "/export/jobs/")
    for summary in ("3 stored; 3 exports taken up from an earlier run", "3 unchanged"):
        report = await again(filled, full=True)
        assert (report.summary, report.exit_code) == (summary, 0)
        filled.moment += timedelta(hours=1)
    assert await records(filled)
    assert (await filled.verify()).exit_code == 0
