"""verify: every byte of every snapshot is read; damage is named, and what cannot be judged is not called damage."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import NotAVault, SnapshotNotFound, StoreUnavailable, UsageError, VaultTooNew
from cluvault.ops.verify import Checked, verify
from cluvault.plan.keys import SnapshotKey
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import make_capture, overwrite
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.manifest import Manifest


@pytest.fixture
async def kept(world: World) -> World:
    """Two snapshots of dev/Travel with content of their own, and one of dev/Other."""
    await world.put("dev", "Other")
    await world.put("dev", "Travel", project_file("Travel", "old"))
    await world.backup(resources=("dev",))
    await world.put("dev", "Travel", project_file("Travel", "new"))
    await world.backup(resources=("dev",))
    return world


async def test_good_snapshots(kept: World) -> None:
    """All are looked at, each is told as it is done, nothing is wrong with any."""
    seen: list[Checked] = []
    async with kept.workspace() as workspace:
        checked = await verify(workspace, on_done=seen.append)
    assert [one.reference for one in checked] == [one.reference for one in await kept.snapshots()]
    assert {one.damage for one in checked} == {None}
    assert sorted(one.reference for one in seen) == sorted(one.reference for one in checked)


def flip(body: bytes) -> bytes:
    """The same with one bit turned in the middle."""
    return bytes([*body[: len(body) // 2], body[len(body) // 2] ^ 1, *body[len(body) // 2 + 1 :]])


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit": flip,
    "truncated": lambda body: body[:-1],
    "empty": lambda _: b"",
    "grown": lambda body: body + b"\0",
    "other bytes, well packed": lambda _: gzip.compress(b"{}"),
}


@pytest.mark.parametrize("name", DAMAGES)
async def test_damaged_content_is_named(kept: World, name: str) -> None:
    """Only the snapshot whose content is damaged is called so."""
    *_, travel = await kept.snapshots()
    await overwrite(kept.store, travel.content.key, DAMAGES[name](await kept.store.get(travel.content.key)))
    damage = await kept.damage()
    assert travel.content.key in (damage.pop(travel.reference) or "")
    assert damage == dict.fromkeys(damage)
    assert len(damage) == 2


async def test_missing_content_is_damage(kept: World) -> None:
    """A manifest whose content is gone."""
    travel = (await kept.snapshots())[-1]
    await kept.store.delete(travel.content.key)
    assert "is missing" in ((await kept.damage(travel.reference))[travel.reference] or "")


async def change_manifest(world: World, manifest: Manifest, change: Callable[[bytes], bytes]) -> None:
    """Change a manifest in the store."""
    key = SnapshotKey(manifest.resource, manifest.project, manifest.snapshot_id).manifest
    await overwrite(world.store, key, change(await world.store.get(key)))


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"\xff"])
async def test_a_manifest_that_is_none(kept: World, body: bytes) -> None:
    """It is listed, so it is looked at, and named by its place."""
    travel = (await kept.snapshots())[-1]
    await change_manifest(kept, travel, lambda _: body)
    damage = await kept.damage()
    assert travel.snapshot_id in (damage.pop(travel.reference) or "")
    assert damage == dict.fromkeys(damage)


async def test_a_canonical_digest_that_does_not_fit(kept: World) -> None:
    """The bytes are those of the manifest, their meaning is not: a backup would call other content unchanged."""
    travel = (await kept.snapshots())[-1]
    digest = travel.content.canonical_sha256
    await change_manifest(kept, travel, lambda body: body.replace(digest.encode(), b"0" * 64))
    assert await kept.damage(travel.reference) == {
        travel.reference: f"{travel.reference}: canonical digest is {digest}, the manifest says {'0' * 64}"
    }


async def test_bytes_that_are_no_project_file(kept: World) -> None:
    """Whole and as they were given, but of no use to anybody."""
    manifest = await (await kept.vault()).store(
        make_capture(b"{}"),
        snapshot_id="20261101T020000Z-0a1b2c3d",
        parent=None,
        reuse_content=False,
    )
    assert "not a CLU project file" in ((await kept.damage(manifest.reference))[manifest.reference] or "")


async def test_only_what_is_named(kept: World) -> None:
    """A reference means the snapshot that a restore would take."""
    assert list(await kept.damage("dev/Travel")) == [(await kept.snapshots())[-1].reference]


@pytest.mark.parametrize("reference, error", [("dev/Travel@2020-01-01", SnapshotNotFound), ("./x.json", UsageError)])
async def test_what_names_no_snapshot(kept: World, reference: str, error: type[Exception]) -> None:
    """It is an error, whatever else was named."""
    with pytest.raises(error, match="is not in"):
        await kept.damage("dev/Travel", reference)


async def test_a_place_without_a_vault(world: World) -> None:
    """Nothing to verify is not the same as everything is well."""
    with pytest.raises(NotAVault):
        await world.damage()


async def test_what_is_pruned_meanwhile_is_no_damage(kept: World) -> None:
    """Listed, then gone: it is left out."""
    travel = (await kept.snapshots())[-1]
    pruned = SnapshotKey("dev", "Travel", travel.snapshot_id).manifest

    class Pruned(FaultyStore):
        async def get(self, key: str) -> bytes:
            if key == pruned:
                await self.delete(key)
            return await super().get(key)

    kept.store = Pruned(kept.store)
    damage = await kept.damage()
    assert len(damage) == 2
    assert damage == dict.fromkeys(damage)


async def test_a_store_that_cannot_be_reached_is_no_damage(kept: World) -> None:
    """The error of the store ends the verification: nothing was judged."""

    class Away(FaultyStore):
        async def get(self, key: str) -> bytes:
            if key.endswith(".gz"):
                raise StoreUnavailable("the cable")
            return await super().get(key)

    kept.store = Away(kept.store)
    with pytest.raises(StoreUnavailable, match="the cable"):
        await kept.damage()


async def test_a_newer_format_is_no_damage(kept: World) -> None:
    """Whoever reads too new a manifest is told to upgrade."""
    travel = (await kept.snapshots())[-1]
    await change_manifest(kept, travel, lambda body: json.dumps(json.loads(body) | {"format": 2}).encode())
    with pytest.raises(VaultTooNew, match="upgrade cluvault"):
        await kept.damage()
