"""hold: a snapshot stays until somebody releases it; bad input is one line, and nothing is written."""

from __future__ import annotations

import pytest

from cluvault.errors import NotAVault, SnapshotNotFound, UsageError
from cluvault.model.hold import LONGEST_REASON
from cluvault.ops.hold import hold_snapshot, list_holds, release_snapshot
from cluvault.ops.workspace import Workspace
from cluvault.plan.history import key_of
from tests.support.snapshots import everything, overwrite
from tests.support.world import World, project_file


@pytest.fixture
async def kept(world: World) -> World:
    """Two snapshots of dev/Travel, one of prod/Hotels; only the newest is to stay."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.put("prod", "Hotels", project_file("Hotels", "a room"))
    await world.backup()
    await world.put("dev", "Travel", project_file("Travel", "to Oslo"))
    await world.backup()
    world.configure("vault", retention={"keep-last": 1})
    return world


async def holds(world: World, place: str | None = None) -> list[tuple[str, str]]:
    """Snapshot and reason of all holds."""
    async with world.workspace() as workspace:
        return [(one.key.snapshot.reference, one.hold.reason) for one in await list_holds(workspace, place)]


async def test_a_held_snapshot_stays_until_it_is_released(kept: World) -> None:
    """The plan says who holds it, since when and why."""
    old, _ = await kept.snapshots("dev")
    key = await kept.hold(old.reference, "audit of 2026")
    assert key.snapshot == key_of(old)
    report = await kept.prune(apply=True)
    assert report.run is None
    reasons = next(one.reasons for one in report.plans[0].verdicts if one.candidate.key == key_of(old))
    assert reasons[-1].endswith("since 2026-11-22: audit of 2026")
    [released] = await kept.release(old.reference)
    assert released.key == key
    report = await kept.prune(apply=True)
    assert report.run is not None
    assert report.run.summary == "1 removed"


async def test_who_holds_is_known(kept: World) -> None:
    """CLUVAULT_ACTOR names who acts, in hold and release."""
    async with Workspace(
        kept.settings,
        environment={"CLUVAULT_ACTOR": "ada"},
        open_vault_store=lambda _url: kept.store,
        now=kept.now,
    ) as workspace:
        key = await hold_snapshot(workspace, "prod/Hotels", reason=" audit ")
        [placed] = await list_holds(workspace)
        await release_snapshot(workspace, "prod/Hotels", reason="over")
    assert (placed.hold.by, placed.hold.reason) == ("ada", "audit")
    assert b'"by": "ada"' in await kept.store.get(str(key.release))
    assert b'"reason": "over"' in await kept.store.get(str(key.release))


async def test_the_holds_of_a_place(kept: World) -> None:
    """Of the vault, a resource, a project."""
    old, new = await kept.snapshots("dev")
    await kept.hold(old.reference, "one")
    await kept.hold("dev/Travel", "two")
    await kept.hold("prod/Hotels", "three")
    assert [reason for _, reason in await holds(kept)] == ["one", "two", "three"]
    assert await holds(kept, "dev") == [(old.reference, "one"), (new.reference, "two")]
    assert [reason for _, reason in await holds(kept, "prod/Hotels")] == ["three"]
    assert await holds(kept, "dev/Hotels") == []


async def test_releasing_what_is_damaged_or_gone(kept: World) -> None:
    """Named by its id it can be let go of, whatever became of it."""
    old, new = await kept.snapshots("dev")
    await kept.hold(old.reference)
    await kept.hold(new.reference)
    await kept.store.delete(key_of(old).manifest)
    await overwrite(kept.store, key_of(new).manifest, b"{")
    await kept.release(old.reference)
    await kept.release(new.reference)
    assert await holds(kept) == []


@pytest.mark.parametrize("reason", ["", "  ", "x" * (LONGEST_REASON + 1)])
async def test_a_reason_is_needed(kept: World, reason: str) -> None:
    """And fits into a line; nothing is written."""
    before = await everything(kept.store)
    with pytest.raises(UsageError, match="reason") as caught:
        await kept.hold("dev/Travel", reason)
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (2, False)
    assert await everything(kept.store) == before


async def test_a_reason_that_is_no_text(kept: World) -> None:
    """Bytes of a terminal that are no UTF-8 are shown as question marks, in the hold and in its release."""
    await kept.hold("dev/Travel", "caf\udce9")
    assert [reason for _, reason in await holds(kept)] == ["caf?"]
    async with kept.workspace() as workspace:
        await release_snapshot(workspace, "dev/Travel", reason="\udce9")


@pytest.mark.parametrize("reference", ["live:dev/Travel", "./file.json", "s3://bucket/key", "dev"])
async def test_what_is_not_in_the_vault_cannot_be_held(kept: World, reference: str) -> None:
    """Neither held nor released."""
    before = await everything(kept.store)
    with pytest.raises(UsageError):
        await kept.hold(reference)
    with pytest.raises(UsageError):
        await kept.release(reference)
    assert await everything(kept.store) == before


async def test_what_is_not_there_cannot_be_held(kept: World) -> None:
    """The error names the nearest; what is not held cannot be released."""
    with pytest.raises(SnapshotNotFound, match="the nearest: "):
        await kept.hold("dev/Travel@20000101T000000Z-00000000")
    with pytest.raises(SnapshotNotFound):
        await kept.release("dev/Nothing")
    old, new = await kept.snapshots("dev")
    with pytest.raises(UsageError, match=f"^{new.reference} is not held; `cluvault hold` lists what is$"):
        await kept.release("dev/Travel")
    with pytest.raises(UsageError, match=f"^{old.reference} is not held"):
        await kept.release(old.reference)


async def test_without_a_vault(world: World) -> None:
    """Nothing is made."""
    with pytest.raises(NotAVault):
        await world.hold("dev/Travel")
    with pytest.raises(NotAVault):
        await holds(world)
    assert await everything(world.store) == {}
