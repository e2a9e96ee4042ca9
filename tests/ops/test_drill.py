"""verify --drill: a snapshot is restored for a while; nothing that was there is touched, nothing is left behind."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from cluvault.errors import ConfigurationError, SnapshotNotFound
from cluvault.model.names import SCRATCH_PREFIX
from cluvault.ops.drill import drill_snapshot
from cluvault.ops.verify import VerifyFailed
from tests.support.damage import DAMAGES, Kept, keep
from tests.support.snapshots import make_capture
from tests.support.world import failing_job

if TYPE_CHECKING:
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
