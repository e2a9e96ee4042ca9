"""What operations tell the world, whether a flow runs them or the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, GuardRefused, NotAVault, ProjectExists
from cluvault.model.event import Event
from cluvault.ops.announcements import Announcements, announcing
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.cleanup import CleanupOptions, cleanup
from cluvault.ops.promote import promote
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.restore import RestoreOptions, restore
from cluvault.ops.verify import VerifyOptions, verify
from cluvault.settings import CleanupSettings, RouteSettings
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from cluvault.ops.workspace import Workspace


async def told_by(
    world: World, kind: str, options: BaseModel, operation: Callable[..., Awaitable[Any]], error: type[Exception]
) -> dict[str, Event]:
    """The events of an operation that an error ends, by name."""
    async with world.workspace() as workspace:
        with pytest.raises(error):
            async with announcing(workspace, kind, options):
                await operation(workspace, options)
        return {one.event.name: one.event for one in workspace.announcements}


async def test_follow_the_record(world: World) -> None:
    """A backup tells of each project and of itself, with the id and the key of its record."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    async with world.workspace() as workspace:
        report = await backup(workspace, BackupOptions(resources=("dev",)))
        created, done = [one.event for one in workspace.announcements]
    assert created.payload["reference"] == (await world.snapshots())[0].reference
    assert created.payload["digest"] == (await world.snapshots())[0].content.canonical_sha256
    assert done.payload["record"] == report.record_key
    assert created.payload["runId"] == done.payload["runId"] == report.run_id


async def test_an_error_is_told_and_raised(world: World) -> None:
    """What was to be changed is named, and why it was not."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.backup(resources=("dev",))
    options = RestoreOptions(reference="dev/Travel", to="dev/Travel")
    told = await told_by(world, "restore", options, restore, ProjectExists)
    assert told["cluvault.restore.failed"].subject == "cluvault.project.dev/Travel"
    assert told["cluvault.run.failed"].payload["detail"].startswith("dev/Travel exists")


async def test_a_refusal_is_told(world: World) -> None:
    """A clean-up that would delete too much."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    world.settings = world.settings.model_copy(update={"cleanup": CleanupSettings(max_deletions=0)})
    options = CleanupOptions(resource="dev", everything=True, apply=True)
    told = await told_by(world, "cleanup", options, cleanup, GuardRefused)
    assert told["cluvault.cleanup.refused"].subject == "cluvault.resource.dev"


async def test_a_refused_plan_of_a_promotion_is_told(world: World) -> None:
    """By the target that the route leads to."""
    route = RouteSettings.model_validate({"source": "dev", "target": "prod"})
    world.settings = world.settings.model_copy(update={"routes": {"up": route}})

    async def refuse(_workspace: Workspace, _options: PromoteOptions) -> None:
        raise GuardRefused("not today")

    told = await told_by(world, "promote", PromoteOptions(project="Travel", route="up"), refuse, GuardRefused)
    assert told["cluvault.promotion.refused"].subject == "cluvault.project.prod/Travel"
    unknown = await told_by(world, "promote", PromoteOptions(project="Travel", route="no"), promote, ConfigurationError)
    assert set(unknown) == {"cluvault.run.failed"}


async def test_what_nobody_expected_is_told_without_its_words(world: World) -> None:
    """They may quote anything."""

    async def stumble(_workspace: Workspace, _options: BackupOptions) -> None:
        raise RuntimeError("the key is 1234")

    told = await told_by(world, "backup", BackupOptions(), stumble, RuntimeError)
    assert told["cluvault.run.failed"].payload["detail"] == "unexpected RuntimeError"


async def test_nothing_is_told_of_what_went_well_without_a_record(world: World) -> None:
    """A plan that is only shown is nobody's business."""
    async with world.workspace() as workspace:
        async with announcing(workspace, "cleanup", CleanupOptions(resource="dev")):
            await cleanup(workspace, CleanupOptions(resource="dev"))
        assert not list(workspace.announcements)


async def test_damage_is_told_also_by_who_may_only_read(world: World) -> None:
    """There is no record then, and an alarm all the same."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.backup(resources=("dev",))
    await world.store.delete((await world.snapshots())[0].content.key)

    async def no_record(*_: object, **__: object) -> None:
        raise NotAVault("read only")

    async with world.workspace() as workspace:
        vault = await workspace.vault()
        vault.runs.add = no_record  # pyright: ignore[reportAttributeAccessIssue]
        await verify(workspace, VerifyOptions(read_data=True))
        told = {one.event.name: one.event for one in workspace.announcements}
    assert told["cluvault.vault.damaged"].payload["damaged"] == 1
    assert told["cluvault.run.failed"].payload["record"] is None


async def test_what_is_beside_tells_to_the_same_ears(world: World) -> None:
    """A copy writes its record into the other vault; the workspace knows of it."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.backup(resources=("dev",))
    async with world.workspace() as workspace:
        assert workspace.beside("s3://bucket/copy").announcements is workspace.announcements


async def test_the_same_is_told_once(world: World) -> None:
    """By run, name and subject; ids are the same in every process."""
    heard: list[str] = []
    announcements = Announcements(now=world.now, on_event=lambda one: heard.append(str(one.id)))
    one, other = (Event("cluvault.run.done", "cluvault.operation.backup", {"runId": run}) for run in "ab")
    announcements.add([one, one])
    announcements.add([one, other])
    assert len(heard) == len(set(heard)) == len(list(announcements)) == 2
    again = Announcements(now=world.now, on_event=lambda one: heard.append(str(one.id)))
    again.add([one])
    assert heard[2] == heard[0]
