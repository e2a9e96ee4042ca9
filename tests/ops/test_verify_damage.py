"""Each kind of damage: its class, key, affected snapshots and exit code; and nobody is given what is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import CluvaultError, SnapshotNotFound
from cluvault.ops.sources import fetch_source
from cluvault.plan.history import key_of
from cluvault.vault.folder import FolderStore
from cluvault.vault.opening import open_store
from tests.support.damage import DAMAGES, Expected, Kept, keep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cluvault.plan.verify import Finding
    from tests.support.objects import Objects
    from tests.support.world import World


@pytest.fixture(params=["memory", "folder"])
def stored(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> World:
    """The world with a vault of each local kind."""
    if request.param == "folder":
        world.store = FolderStore(tmp_path / "vault")
    return world


def as_expected(findings: Sequence[Finding]) -> set[tuple[str, str, tuple[str, ...]]]:
    """Findings without their sentences."""
    return {(one.kind, one.key, tuple(key.reference for key in one.snapshots)) for one in findings}


def of(expected: Sequence[Expected]) -> set[tuple[str, str, tuple[str, ...]]]:
    """The same of what is expected."""
    return {(one.kind, one.key, tuple(manifest.reference for manifest in one.snapshots)) for one in expected}


async def assert_named_and_refused(world: World, kept: Kept, name: str) -> None:
    """Damage the vault; verify, read and restore."""
    damage = DAMAGES[name]
    await damage.deed(world.store, kept)
    expected = damage.found(kept)
    affected = {one.reference for each in expected for one in each.snapshots}
    report = await world.verify(read_data=True)
    assert as_expected(report.findings) == of(expected)
    assert report.exit_code == damage.exit_code
    assert report.run is not None
    assert {item.outcome for item in report.run.items} == {each.kind for each in expected}
    if not damage.needs_data:
        report = await world.verify()
        assert as_expected(report.findings) == of(expected)
        assert report.exit_code == damage.exit_code
    await assert_refused(world, kept, affected, damage.refusal)


async def assert_refused(world: World, kept: Kept, affected: set[str], refusal: type[Exception]) -> None:
    """What is affected cannot be read or restored, and nothing is imported; all else can be read."""
    listed = {key.reference async for key in (await world.vault()).keys()}  # noqa: SIM118
    for manifest in kept:
        async with world.workspace() as workspace:
            if manifest.reference in affected or manifest.reference not in listed:
                with pytest.raises(refusal):
                    await fetch_source(workspace, manifest.reference)
                with pytest.raises(refusal):
                    await world.restore(manifest.reference, "prod")
            else:
                assert (await fetch_source(workspace, manifest.reference)).manifest == manifest
    assert await world.projects("prod") == []


@pytest.mark.parametrize("name", DAMAGES)
async def test_damage_is_told_apart_and_never_passed_on(stored: World, name: str) -> None:
    """In memory and in a folder."""
    await assert_named_and_refused(stored, await keep(stored), name)


@pytest.mark.parametrize("name", ["flipped bit", "missing content", "extra object at the root"])
async def test_damage_in_a_bucket_or_container(world: World, objects: Objects, name: str) -> None:
    """On S3 and Blob, over real sockets."""
    world.store = open_store(objects.url("vault"))
    try:
        await assert_named_and_refused(world, await keep(world), name)
    finally:
        await world.store.aclose()


@pytest.mark.parametrize("name", [name for name, damage in DAMAGES.items() if damage.exit_code])
async def test_a_named_snapshot_is_judged_for_itself(world: World, name: str) -> None:
    """Who names an affected snapshot hears of its damage, who names another one does not."""
    kept = await keep(world)
    await DAMAGES[name].deed(world.store, kept)
    affected = [one for each in DAMAGES[name].found(kept) for one in each.snapshots]
    for manifest in kept:
        report = await world.verify(references=(manifest.reference,), read_data=True)
        assert report.exit_code == (DAMAGES[name].exit_code if manifest in affected else 0)


async def test_the_latest_that_cannot_be_told(world: World) -> None:
    """A reference without an id whose project has an unreadable newest manifest: that manifest is the finding."""
    kept = await keep(world)
    await world.store.delete(key_of(kept.tagged).manifest)
    await world.store.put_new(key_of(kept.tagged).manifest, b"{}")
    (finding,) = (await world.verify(references=("dev/Travel",))).findings
    assert finding.snapshots == (key_of(kept.tagged),)
    with pytest.raises(CluvaultError):
        await world.restore("dev/Travel", "prod")
    with pytest.raises(SnapshotNotFound):
        await world.verify(references=("dev/Travel@2020-01-01",))
