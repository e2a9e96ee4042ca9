"""verify --drill: a snapshot is restored for a while; nothing that was there is touched, nothing is left behind."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import ValidationError

from cluvault.errors import ConfigurationError, SnapshotNotFound
from cluvault.model.names import SCRATCH_PREFIX
from cluvault.ops.drift import DriftOptions
from cluvault.ops.drift import drift as compare_resources
from cluvault.ops.drill import drill_snapshot
from cluvault.ops.verify import VerifyFailed, VerifyOptions
from cluvault.ops.watch import WatchOptions, watch
from tests.support.damage import DAMAGES, Kept, keep
from tests.support.serving import capturing_world, serve_two
from tests.support.snapshots import make_capture
from tests.support.world import failing_job, project_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.world import Send, World


@pytest.fixture
async def kept(world: World) -> Kept:
    """Four snapshots of two projects of dev."""
    return await keep(world)


async def test_the_latest_of_each_project(world: World, kept: Kept) -> None:
    """Each is imported into a project of its own, exported, compared and deleted; seconds are told and recorded."""
    report = await world.verify(drill="prod")
    assert report.drill is not None
    assert report.exit_code == 0
    assert [(one.project, one.snapshot_id, one.outcome) for one in report.drill.items] == [
        ("Other", kept.other.snapshot_id, "proven"), ("Travel", kept.tagged.snapshot_id, "proven"),
    ]  # fmt: skip
    assert await world.projects("prod") == []
    assert await world.projects("dev") == ["Other", "Travel"]
    imported = {name for event in world.changes if (name := re.search(r"(cluvault-scratch-\S+)/:import", event))}
    assert len(imported) == 2
    *_, verification, drill = await world.runs()
    assert (verification.kind, drill.kind, drill.resources) == ("verify", "drill", ("prod",))
    assert all(item.seconds is not None and item.seconds >= 0 for item in drill.items)
    assert re.search(r"restored to prod as cluvault-scratch-\S+ .* in \d+\.\d s: it means the same",
                     drill.items[0].detail or "")  # fmt: skip
    assert report.to_json()["drill"]["summary"] == "2 proven"


async def test_chosen_snapshots(world: World, kept: Kept) -> None:
    """References limit the drill."""
    report = await world.verify(drill="dev", references=(kept.old.reference,))
    assert report.drill is not None
    assert [one.snapshot_id for one in report.drill.items] == [kept.old.snapshot_id]


@pytest.mark.usefixtures("kept")
async def test_a_resource_that_is_not_configured(world: World) -> None:
    """It is known before anything is read."""
    world.events.clear()
    with pytest.raises(ConfigurationError, match="'nowhere' is not configured"):
        await world.verify(drill="nowhere")
    assert world.events == []


@pytest.mark.parametrize("name", ["flipped bit", "missing content"])
async def test_a_damaged_snapshot(world: World, kept: Kept, name: str) -> None:
    """Exit code 5, nothing is imported of it; the other project is drilled."""
    await DAMAGES[name].deed(world.store, kept)
    report = await world.verify(drill="prod")
    assert report.drill is not None
    assert [one.outcome for one in report.drill.items] == ["proven", "damaged"]
    assert report.exit_code == 5
    assert sum(":import" in event for event in world.changes) == 1


async def test_bytes_that_are_no_project_file(world: World, kept: Kept) -> None:
    """The digests fit, and it is of no use: damaged, too."""
    capture = make_capture(b"{}", resource="dev", captured_at=kept.tagged.captured_at)
    manifest = await (await world.vault()).commits.store(
        capture, snapshot_id=f"{kept.tagged.snapshot_id[:16]}-ffffffff", parent=None, reuse_content=False
    )
    report = await world.verify(drill="prod", references=(manifest.reference,))
    assert report.exit_code == 5
    assert "not a CLU project file" in str(VerifyFailed(report))
    assert await world.projects("prod") == []


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("verb", ["import", "export"])
async def test_a_service_that_refuses(world: World, verb: str) -> None:
    """A failure of the drill (1, or 3 when others are proven), not damage; no project is left behind."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        name = next((part for part in request.url.path.split("/") if part.startswith(SCRATCH_PREFIX)), "")
        return await failing_job(name, verb)(request, send) if name else await send(request)

    world.hook = hook
    report = await world.verify(drill="prod", references=("dev/Travel",))
    assert report.exit_code == 1
    assert "out of luck" in str(VerifyFailed(report))
    assert await world.projects("prod") == []


@pytest.mark.usefixtures("kept")
async def test_a_service_that_keeps_something_else(world: World) -> None:
    """The round trip does not give the same meaning: the drill failed, and says where."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/:import"):
            request = httpx.Request(
                request.method,
                request.url,
                headers={name: text for name, text in request.headers.items() if name != "content-length"},
                content=request.content.replace(b"to Oslo", b"to Lima"),
            )
        return await send(request)

    world.hook = hook
    report = await world.verify(drill="prod", references=("dev/Travel",))
    assert report.exit_code == 1
    assert "differs from what was imported" in str(VerifyFailed(report))
    assert await world.projects("prod") == []


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("verb", ["", "import"])
async def test_a_scratch_project_that_cannot_be_deleted(world: World, verb: str) -> None:
    """It is a failure even when the snapshot was proven, and the mend names the project."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        name = next((part for part in request.url.path.split("/") if part.startswith(SCRATCH_PREFIX)), "")
        if request.method == "DELETE":
            return httpx.Response(403, json={"error": {"code": "Forbidden", "message": "not for you"}})
        return await failing_job(name, verb)(request, send) if name and verb else await send(request)

    world.hook = hook
    report = await world.verify(drill="prod", references=("dev/Travel",))
    assert report.exit_code == 1
    said = str(VerifyFailed(report))
    assert re.search(r"delete prod/cluvault-scratch-\S+ by hand", said)
    assert ("out of luck" in said) == bool(verb)


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("step", [":import", "jobs", ":export"])
async def test_a_drill_that_is_cancelled(world: World, step: str) -> None:
    """At whatever step: the import is waited for, then its project is deleted."""
    waiting, going_on = asyncio.Event(), asyncio.Event()

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        answer = await send(request)
        if SCRATCH_PREFIX in request.url.path and step in request.url.path and not waiting.is_set():
            waiting.set()
            await going_on.wait()
        return answer

    world.hook = hook
    async with world.workspace() as workspace:
        drill = asyncio.create_task(drill_snapshot(workspace, "prod", "dev/Travel"))
        await waiting.wait()
        drill.cancel()
        await asyncio.sleep(0)
        drill.cancel()  # as some do, at every await
        going_on.set()
        with pytest.raises(asyncio.CancelledError):
            await drill
    assert await world.projects("prod") == []


async def test_what_is_pruned_between_look_and_drill(world: World, kept: Kept) -> None:
    """There is nothing to drill, and it is said."""
    async with world.workspace() as workspace:
        with pytest.raises(SnapshotNotFound):
            await drill_snapshot(workspace, "prod", f"dev/Travel@{kept.tagged.snapshot_id[:-8]}ffffffff")


async def test_who_looks_during_a_drill(world: World) -> None:
    """A backup, a watcher, a look for drift: the project that a drill has made for a while is nobody's business."""
    await world.put("dev", "Travel")
    await world.put("dev", f"{SCRATCH_PREFIX}1")
    async with world.workspace() as workspace:
        found = await watch(workspace, WatchOptions(quiet_minutes=0))
        drift = await compare_resources(workspace, DriftOptions(source="dev", target="prod"))
    assert [one.project for one in found.changed] == ["Travel"]
    assert [one.project for one in drift.projects] == ["Travel"]
    assert [one.project for one in (await world.backup()).items] == ["Travel"]


# --- environments -----------------------------------------------------------------------------------------------


@pytest.fixture
async def serving() -> World:
    """A backup of dev, whose `production` and `staging` serve; and of a project that serves nothing."""
    world = capturing_world()
    await serve_two(world)
    await world.put("dev", "Plain", project_file("Plain"))
    await world.backup(resources=("dev",))
    return world


async def test_an_environment_is_rebuilt_for_a_while(serving: World) -> None:
    """Imported, trained, deployed under the same names, and deleted; what serves nothing is drilled as a draft."""
    report = await serving.verify(drill="prod", environment=True)
    assert report.drill is not None
    assert report.exit_code == 0, report.drill
    desk, plain = report.drill.items
    assert re.fullmatch(
        r"rebuilt in prod as cluvault-scratch-\S+ in \d+\.\d s: draft, .*production, staging.*; "
        r"v1: scores as recorded; v2: scores as recorded",
        desk.detail or "",
    ), desk.detail
    assert "restored to prod" in (plain.detail or "")
    assert sum("/:train" in one for one in serving.changes) == 2
    assert await serving.projects("prod") == []
    assert [one.kind for one in await serving.runs()][-1] == "drill"
    assert not [key async for key in _keys(serving, "leases/")]


async def test_an_environment_that_cannot_be_rebuilt(serving: World) -> None:
    """The drill fails with the step's words, and nothing is left behind."""

    async def fail(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/:train"):
            return httpx.Response(400, json={"error": {"code": "InvalidArgument", "message": "no training today"}})
        return await send(request)

    serving.hook = fail
    report = await serving.verify(drill="prod", environment=True, references=("dev/Desk",))
    assert report.drill is not None
    assert (report.drill.items[0].outcome, report.exit_code) == ("failed", 1)
    assert "no training today" in (report.drill.items[0].detail or "")
    assert await serving.projects("prod") == []


async def test_an_environment_without_a_drill() -> None:
    """Makes no sense, and is said."""
    with pytest.raises(ValidationError, match="an environment is rebuilt with --drill only"):
        VerifyOptions(environment=True)


async def _keys(world: World, prefix: str) -> AsyncIterator[str]:
    async for one in world.store.list(prefix):
        yield one.key
