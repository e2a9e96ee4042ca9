"""The watcher: what changed since it was kept is announced once it is quiet, and nothing else is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import ConfigurationError
from cluvault.ops.watch import WatchOptions, watch
from tests.support.world import project_file

if TYPE_CHECKING:
    from cluvault.model.event import Event
    from cluvault.plan.watching import Watched
    from tests.support.world import World


async def look(world: World, *, minutes: float = 10, **options: object) -> tuple[Watched, list[Event]]:
    """Look once, as a new process, some minutes later."""
    world.moment += timedelta(minutes=minutes)
    async with world.workspace() as workspace:
        found = await watch(workspace, WatchOptions.model_validate(options))
        return found, [one.event for one in workspace.announcements]


def names(found: Watched) -> list[str]:
    """The projects that changed."""
    return [one.project for one in found.changed]


async def test_a_project_that_no_snapshot_holds(world: World) -> None:
    """Is announced by itself and with its resource; after a backup it is quiet."""
    await world.put("dev", "Travel")
    found, events = await look(world)
    assert names(found) == ["Travel"]
    assert [event.name for event in events] == ["cluvault.project.changed", "cluvault.resource.changed"]
    await world.backup()
    assert (await look(world))[1] == []


async def test_a_project_that_was_changed(world: World) -> None:
    """Waits until nobody works on it, then is announced; one list call a page is all that is asked."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.put("prod", "Travel", project_file("Travel", "to Rome"))
    await world.backup()
    world.moment += timedelta(hours=2)
    await world.put("dev", "Travel", project_file("Travel", "to Paris"))
    found, events = await look(world, minutes=5)
    assert (names(found), [one.project for one in found.waiting], events) == ([], ["Travel"], [])
    world.events.clear()
    found, _ = await look(world, minutes=6)
    assert [(one.resource, one.project) for one in found.changed] == [("dev", "Travel")]
    assert set(world.requests) == {"GET dev", "GET prod"}


async def test_a_resource_whose_backup_is_under_way(world: World) -> None:
    """Its changes are told, and no other backup of it is asked for; the next look asks."""
    await world.put("dev", "Travel")
    await world.put("prod", "Travel")
    async with world.workspace() as workspace:
        found = await watch(workspace, WatchOptions(quiet_minutes=0), busy=["dev", "elsewhere"])
        events = [one.event for one in workspace.announcements]
    assert found.busy == ("dev",)
    assert [event.subject for event in events] == [
        "cluvault.project.dev/Travel", "cluvault.project.prod/Travel", "cluvault.resource.prod",
    ]  # fmt: skip
    assert (await look(world))[1][-1].subject == "cluvault.resource.prod"
    assert (await look(world))[1][-2].subject == "cluvault.resource.dev"


async def test_a_change_that_changes_nothing(world: World) -> None:
    """A backup that found the content unchanged says so in its record: the watcher believes it."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.backup()
    world.moment += timedelta(hours=2)
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    assert names((await look(world))[0]) == ["Travel"]
    await world.backup()
    assert len(await world.snapshots()) == 1
    assert names((await look(world))[0]) == []


async def test_the_same_change_is_the_same_event(world: World) -> None:
    """As long as nobody has backed it up."""
    await world.put("dev", "Travel")
    first, second = (await look(world))[1], (await look(world))[1]
    assert first[0] == second[0]
    assert first[1] != second[1]


async def test_a_damaged_manifest(world: World) -> None:
    """Asks for a new snapshot."""
    await world.put("dev", "Travel")
    await world.backup()
    (manifest,) = await world.snapshots()
    key = f"snapshots/dev/Travel/{manifest.snapshot_id}/manifest.json"
    await world.store.delete(key)
    await world.store.put_new(key, b"{")
    assert names((await look(world))[0]) == ["Travel"]


async def test_what_is_watched(world: World) -> None:
    """All resources, or those that are named; with none there is nothing to watch."""
    await world.put("dev", "Travel")
    await world.put("prod", "Desk")
    assert names((await look(world, resources=("prod",)))[0]) == ["Desk"]
    world.settings = world.settings.model_copy(update={"resources": {}})
    with pytest.raises(ConfigurationError, match="nothing to watch"):
        await look(world)


async def test_a_backup_makes_promotions_due(world: World) -> None:
    """Of what it stored, on a route that says so."""
    from cluvault.ops.backup import BackupOptions, backup  # noqa: PLC0415  # only here
    from cluvault.settings import RouteSettings  # noqa: PLC0415

    route = RouteSettings(source="dev", target="prod", on_snapshot=True)
    world.settings = world.settings.model_copy(update={"routes": {"dev-to-prod": route}})
    await world.put("dev", "Travel")
    for expected in (1, 0):
        async with world.workspace() as workspace:
            await backup(workspace, BackupOptions())
            due = [one for one in workspace.announcements if one.event.name == "cluvault.promotion.due"]
        assert len(due) == expected
