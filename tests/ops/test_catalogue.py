"""Reading: projects with their last snapshot, snapshots of a place, one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import ConfigurationError, NotAVault, SnapshotNotFound, UsageError, VaultTooNew
from cluvault.ops.catalogue import find_snapshot, list_projects, list_snapshots, show_snapshot
from cluvault.ops.hold import hold_snapshot
from tests.support.snapshots import overwrite
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject


async def listing(world: World, resource: str = "dev") -> list[JsonObject]:
    """The projects as programs see them."""
    async with world.workspace() as workspace:
        return [one.to_json() for one in await list_projects(workspace, resource)]


async def test_projects_by_name_with_their_last_snapshot(world: World) -> None:
    """A project without a snapshot says so."""
    await world.put("dev", "Beta")
    await world.backup()
    await world.put("dev", "Beta", project_file("Beta", "changed"))
    await world.backup()
    await world.put("dev", "Alpha")
    alpha, beta = await listing(world)
    assert (alpha["project"], alpha["lastSnapshot"]) == ("Alpha", None)
    assert (beta["project"], beta["lastSnapshot"]) == ("Beta", (await world.snapshots())[-1].snapshot_id)
    assert (beta["kind"], beta["language"], beta["multilingual"]) == ("Conversation", "en-us", False)
    assert str(beta["lastModified"]).startswith("20")
    assert (beta["lastTrained"], beta["lastDeployed"]) == (None, None)


async def test_without_a_vault_there_are_no_snapshots(world: World) -> None:
    """Looking makes no vault, and other files in its place are no reason to fail."""
    await world.put("dev", "Alpha")
    assert [one["lastSnapshot"] for one in await listing(world)] == [None]
    await world.store.put_new("holiday.jpg", b"")
    assert [one["lastSnapshot"] for one in await listing(world)] == [None]
    assert [found.key async for found in world.store.list()] == ["holiday.jpg"]


@pytest.mark.parametrize("body, error", [(b"{", NotAVault), (b'{"format": 2}', VaultTooNew)])
async def test_a_vault_that_cannot_be_read_is_not_taken_for_none(
    world: World, body: bytes, error: type[Exception]
) -> None:
    """Nobody is told `never` of projects that have snapshots."""
    await world.backup()
    await overwrite(world.store, "cluvault.json", body)
    with pytest.raises(error):
        await listing(world)


async def test_an_unknown_resource(world: World) -> None:
    """The message names those that there are."""
    with pytest.raises(ConfigurationError, match="configured: dev, prod"):
        await listing(world, "qa")


@pytest.mark.parametrize(
    "place, expected",
    [
        (None, ["dev/Alpha", "dev/Beta", "prod/Alpha"]),
        ("dev", ["dev/Alpha", "dev/Beta"]),
        ("dev/Beta", ["dev/Beta"]),
        ("dev/Bet", []),
        ("qa", []),
    ],
)
async def test_snapshots_of_a_place(world: World, place: str | None, expected: list[str]) -> None:
    """All, of a resource, of a project; a resource that is no longer configured has snapshots all the same."""
    for resource, project in (("dev", "Alpha"), ("dev", "Beta"), ("prod", "Alpha")):
        await world.put(resource, project)
    await world.backup()
    async with world.workspace() as workspace:
        batches = [batch async for batch in list_snapshots(workspace, place)]
    found = [one.manifest for batch in batches for one in batch]
    assert [f"{one.resource}/{one.project}" for one in found] == expected


@pytest.mark.parametrize("place", ["dev/..", "dev/a/b", "../x", "dev/", ""])
async def test_a_place_that_cannot_be(world: World, place: str) -> None:
    """Exit code 2 before the vault is opened."""
    with pytest.raises(UsageError):
        async with world.workspace() as workspace:
            await anext(list_snapshots(workspace, place))
    assert world.events == []


async def test_holds_and_tombstones_are_told(world: World) -> None:
    """Of each snapshot who holds it, and since when its project is gone from the resource."""
    for project in ("Alpha", "Beta"):
        await world.put("dev", project)
    await world.backup()
    async with world.workspace() as workspace:
        await hold_snapshot(workspace, "dev/Alpha", reason="audit")
        client = await workspace.client("dev")
        await client.delete_project("Beta")
    before = world.moment
    await world.backup(resources=("dev",))
    async with world.workspace() as workspace:
        (alpha,), (beta,) = [batch async for batch in list_snapshots(workspace, None)]
        assert await show_snapshot(workspace, "dev/Alpha") == alpha
        assert await show_snapshot(workspace, "dev/Beta") == beta
    assert ([one.hold.reason for one in alpha.holds], alpha.gone_since) == (["audit"], None)
    assert beta.holds == ()
    assert beta.gone_since is not None
    assert before < beta.gone_since < world.moment
    assert alpha.to_json()["holds"] == [
        {
            "holdId": alpha.holds[0].key.hold_id,
            "heldAt": alpha.holds[0].hold.held_at.isoformat(),
            "by": alpha.holds[0].hold.by,
            "reason": "audit",
        }
    ]
    assert beta.to_json()["projectGoneSince"] == beta.gone_since.isoformat()


async def test_one_snapshot(world: World) -> None:
    """By reference; a path or a live project is none."""
    await world.put("dev", "Alpha")
    await world.backup()
    [manifest] = await world.snapshots()
    async with world.workspace() as workspace:
        assert await find_snapshot(workspace, "dev/Alpha") == manifest
        assert await find_snapshot(workspace, manifest.reference) == manifest
        for reference in ("live:dev/Alpha", "./x.json", "s3://bucket/x.json"):
            with pytest.raises(UsageError, match="is not in the vault"):
                await find_snapshot(workspace, reference)
        with pytest.raises(SnapshotNotFound):
            await find_snapshot(workspace, "dev/Alpha@2020-01-01")
