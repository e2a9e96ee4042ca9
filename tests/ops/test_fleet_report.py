"""report: what is gathered for the page, and what is left out in the open."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.ops.fleet_report import FleetReport, ReportOptions, fleet_report
from cluvault.plan.keys import PromotionKey
from tests.support.snapshots import overwrite
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from cluvault.vault.vault import Vault


async def report(world: World, **options: Any) -> FleetReport:
    """Gather it."""
    async with world.workspace() as workspace:
        return await fleet_report(workspace, ReportOptions(**options))


@pytest.fixture
async def changed(world: World) -> World:
    """Mail was changed after its first backup, then Travel; Same never."""
    for name in ("Mail", "Same", "Travel"):
        await world.put("dev", name, project_file(name, "one", "two"))
    await world.backup()
    for name in ("Mail", "Travel"):
        world.moment += timedelta(hours=1)
        await world.put("dev", name, project_file(name, "two", "three"))
        await world.backup()
    return world


async def test_changes_are_those_of_the_last_two_snapshots(changed: World) -> None:
    """The latest first; what means the same has none; nothing is asked of a resource but its lists."""
    changed.events.clear()
    found = await report(changed)
    assert [one.after.project for one in found.changes] == ["Travel", "Mail"]
    assert found.changes[0].summary == "utterances: 1 removed, 1 added"
    assert ("+", "[Book] three") in found.changes[0].lines
    assert (found.status.exit_code, found.notes) == (0, ())
    assert changed.changes == []
    assert not any(event.startswith("put_new") for event in changed.events)


async def test_what_is_left_out_is_said(changed: World) -> None:
    """Only some changes, and of each only some lines."""
    found = await report(changed, most_changes=1, most_lines=1)
    assert [one.after.project for one in found.changes] == ["Travel"]
    assert found.notes == ("the changes of 1 more projects are left out; `cluvault diff` shows them",)
    assert found.changes[0].lines[-1] == ("~", "… and 1 more")


async def test_a_snapshot_that_cannot_be_read(changed: World) -> None:
    """Is said in its place; the others are shown."""
    mail = (await changed.snapshots("dev", "Mail"))[-1]
    await overwrite(changed.store, mail.content.key, b"damaged")
    found = {one.after.project: one for one in (await report(changed)).changes}
    assert mail.reference in found["Mail"].problem
    assert found["Travel"].summary


async def test_a_file_that_is_too_large(changed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not compared."""
    monkeypatch.setattr("cluvault.ops.fleet_report._LARGEST", 10)
    assert {one.problem for one in (await report(changed)).changes} == {"too large to be compared here"}


async def test_without_a_vault(world: World) -> None:
    """There is a page all the same."""
    found = await report(world)
    assert (found.promotions, found.changes, found.vault_url) == ((), (), "./vault")


async def test_promotions_that_cannot_be_understood(changed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are notes; of very many the last ones are shown."""
    vault: Vault = await changed.vault()
    key = PromotionKey("prod", "Mail", "20261122T120000Z-00000000")
    await changed.store.put_new(key.record(0), b"{}")
    (note,) = (await report(changed, most_changes=1000)).notes
    assert key.record(0) in note
    assert vault.url
    monkeypatch.setattr("cluvault.ops.fleet_report._MOST_PROMOTIONS", -1)
    assert "1 older promotions are left out" in (await report(changed)).notes[-1]
