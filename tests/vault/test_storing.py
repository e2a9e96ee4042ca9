"""Storing a snapshot: content first, manifest last, read back and proved; the same again after a fault completes it."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedSnapshot, ObjectExists, StoreUnavailable
from cluvault.model.manifest import DeploymentRecord, ModelRecord, Reason
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore, Killed, StopPoint, raising, stop_points
from tests.support.snapshots import everything, listed, make_capture, moment, overwrite, take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluvault.model.manifest import Manifest
    from cluvault.vault.store import ObjectStore

FIRST = SnapshotKey("prod", "EmailApp", "20261101T020000Z-000b2c3d")
SECOND = SnapshotKey("prod", "EmailApp", "20261101T020100Z-000b2c3d")


@pytest.fixture
async def vault(store: ObjectStore) -> Vault:
    """A new vault in each kind of store."""
    return await Vault.open(store, create=True, new_id=lambda: "the-id")


async def test_every_sample_comes_back_byte_for_byte(
    vault: Vault, sample: Callable[[str], bytes], sample_name: str
) -> None:
    """What the service gave is what is read, whatever is in it."""
    stored = await take(vault, make_capture(sample(sample_name)))
    assert await vault.read(stored) == sample(sample_name)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe no JSON", b"\x1f\x8b looks like gzip", b"x" * 5_000_000])
async def test_any_bytes_come_back(vault: Vault, raw: bytes) -> None:
    """The vault keeps bytes; whether they make sense is for others to say."""
    assert await vault.read(await take(vault, make_capture(raw))) == raw


@pytest.mark.parametrize("project", ["..", "a/b", "100%", "😀", "", "x" * 51, "a\\b", "%2E%2E", "a\0b"])
async def test_no_project_name_leaves_its_folder(vault: Vault, store: ObjectStore, project: str) -> None:
    """A project of any name is stored below its resource's folder, and found again under its name."""
    stored = await take(vault, make_capture(project=project))
    assert [key.project for key in await listed(vault, resource="prod")] == [project]
    assert await vault.latest("prod", project) == stored
    assert await vault.read(stored) == make_capture().raw
    keys = [found.key async for found in store.list("snapshots/")]
    assert all(key.startswith("snapshots/prod/") and key.count("/") == 4 for key in keys)


async def test_a_person_can_recover_a_project_with_gunzip(vault: Vault, store: ObjectStore) -> None:
    """The objects are where the format says, and plain."""
    await take(vault, make_capture(b'{"a": 1}'))
    objects = await everything(store)
    assert list(objects) == [
        "cluvault.json",
        "snapshots/prod/EmailApp/20261101T020000Z-000b2c3d/config.json.gz",
        "snapshots/prod/EmailApp/20261101T020000Z-000b2c3d/manifest.json",
    ]
    assert gzip.decompress(objects[FIRST.content]) == b'{"a": 1}'
    assert json.loads(objects[FIRST.manifest])["content"]["key"] == FIRST.content


async def test_the_manifest_says_what_was_captured(vault: Vault) -> None:
    """Everything that is known about the moment is read back from the store."""
    capture = make_capture(
        reason=Reason.SAFETY,
        tags=("before-release", "é"),
        project_last_modified=moment(-3600),
        models=(ModelRecord(label="v1", trained_at=moment(-60), evaluation={"f1": 0.1 + 0.2, "none": None}),),
        deployments=(DeploymentRecord(name="production", model="v1"),),
    )
    stored = await take(vault, capture)
    assert stored == await vault.manifest(FIRST)
    assert (stored.vault_id, stored.captured_at, stored.parent) == ("the-id", moment(0), None)
    assert (stored.reason, stored.tags) == (capture.reason, capture.tags)
    assert (stored.models, stored.deployments) == (capture.models, capture.deployments)
    assert stored.project_last_modified == moment(-3600)


async def test_what_json_cannot_hold_is_no_damage(vault: Vault) -> None:
    """An evaluation with NaN, which a manifest writes as null, does not make the reading back fail."""
    model = ModelRecord(label="v1", evaluation={"f1": float("nan")})
    stored = await take(vault, make_capture(models=(model,)))
    assert stored.models[0].evaluation == {"f1": None}


# --- content that is there already ---------------------------------------------------------------------------------


async def test_equal_content_is_stored_once(vault: Vault, store: ObjectStore) -> None:
    """A snapshot that means the same as its parent points to the parent's content and gives those bytes."""
    parent = await take(vault, make_capture(b"{ }", canonical_sha256="0" * 64))
    child = await take(vault, make_capture(b"{}", canonical_sha256="0" * 64), seconds=60, parent=parent)
    assert child.content == parent.content
    assert child.parent == parent.snapshot_id
    assert await vault.read(child) == b"{ }"
    assert SECOND.content not in await everything(store)


async def test_a_grandchild_points_to_the_content_itself(vault: Vault, store: ObjectStore) -> None:
    """Manifests never form a chain: the middle one may be pruned."""
    parent = await take(vault, make_capture())
    child = await take(vault, make_capture(), seconds=60, parent=parent)
    grandchild = await take(vault, make_capture(), seconds=120, parent=child)
    await store.delete(SECOND.manifest)
    assert grandchild.content.key == FIRST.content
    assert await vault.read(grandchild) == make_capture().raw


@pytest.mark.parametrize(
    "capture, reuse_content",
    [
        (make_capture(b"changed"), True),
        (make_capture(), False),
        (make_capture(project="Other"), True),
        (make_capture(resource="dev"), True),
    ],
    ids=["changed", "not asked to", "another project", "another resource"],
)
async def test_content_is_its_own_unless(vault: Vault, capture: object, reuse_content: bool) -> None:  # noqa: FBT001
    """Reuse needs to be asked for, the same project and the same meaning."""
    parent = await take(vault, make_capture())
    child = await take(vault, capture, seconds=60, parent=parent, reuse_content=reuse_content)  # type: ignore[arg-type]
    assert child.content.key.startswith(f"snapshots/{child.resource}/{child.project}/{child.snapshot_id}/")
    assert child.parent == parent.snapshot_id


@pytest.mark.parametrize("damage", [None, b"", b"other bytes"], ids=["missing", "empty", "other"])
async def test_damaged_content_is_not_pointed_to(vault: Vault, store: ObjectStore, damage: bytes | None) -> None:
    """When the parent's content cannot be read, the new snapshot gets its own, and heals the project's history."""
    parent = await take(vault, make_capture())
    await store.delete(FIRST.content)
    if damage is not None:
        await store.put_new(FIRST.content, damage)
    child = await take(vault, make_capture(), seconds=60, parent=parent)
    assert child.content.key == SECOND.content
    assert await vault.read(child) == make_capture().raw


class PrunedMeanwhile(FaultyStore):
    """Somebody removes the first snapshot's content just behind the second's manifest."""

    async def put_new(self, key: str, body: bytes) -> None:
        await super().put_new(key, body)
        if key == SECOND.manifest:
            await self.delete(FIRST.content)


async def test_content_that_vanishes_while_it_is_pointed_to(store: ObjectStore) -> None:
    """Whoever reuses content looks again after the manifest is written, and puts the content back."""
    vault = await Vault.open(PrunedMeanwhile(store), create=True)
    parent = await take(vault, make_capture())
    child = await take(vault, make_capture(), seconds=60, parent=parent)
    assert child.content.key == FIRST.content
    assert await vault.read(child) == make_capture().raw


async def test_a_late_manifest_is_not_written(store: ObjectStore) -> None:
    """What was seen an hour ago proves nothing: a prune may have removed it."""
    clock = iter([0.0, 0.0, 0.0, 0.0, 3601.0])
    await Vault.open(store, create=True)
    vault = Vault(store, "the-id", clock=lambda: next(clock, 0.0))
    await take(vault, make_capture())
    with pytest.raises(StoreUnavailable, match="took too long"):
        await take(vault, make_capture(), seconds=60)
    assert [key.snapshot_id for key in await listed(vault)] == [FIRST.snapshot_id]


# --- a store that lies ---------------------------------------------------------------------------------------------


class Corrupting(FaultyStore):
    """Keeps other bytes than it was given for one key."""

    def __init__(self, inner: ObjectStore, key: str, *, old: bytes, new: bytes) -> None:
        super().__init__(inner)
        self._key, self._old, self._new = key, old, new

    async def put_new(self, key: str, body: bytes) -> None:
        await super().put_new(key, body.replace(self._old, self._new) if key == self._key else body)


async def test_content_that_the_store_changed_is_never_listed(vault: Vault, store: ObjectStore) -> None:
    """Content is read back before the manifest is written."""
    corrupting = Corrupting(store, FIRST.content, old=b"\x1f", new=b"\x1e")
    with pytest.raises(DamagedSnapshot, match="expected stored sha256"):
        await take(Vault(corrupting, vault.vault_id), make_capture())
    assert await listed(vault) == []


async def test_a_manifest_that_the_store_changed_is_noticed(vault: Vault, store: ObjectStore) -> None:
    """What still reads as a manifest of this snapshot is not taken for the one that was written."""
    corrupting = Corrupting(store, FIRST.manifest, old=b"contoso", new=b"another")
    with pytest.raises(DamagedSnapshot, match="other bytes than it was given"):
        await take(Vault(corrupting, vault.vault_id), make_capture())


# --- again and again -----------------------------------------------------------------------------------------------


async def test_storing_again_is_success(vault: Vault, store: ObjectStore) -> None:
    """The same call, after a lost reply, gives the same manifest and changes nothing."""
    first = await take(vault, make_capture())
    before = await everything(store)
    assert await take(vault, make_capture()) == first
    assert await everything(store) == before


async def test_two_that_store_the_same_snapshot_at_once(vault: Vault) -> None:
    """Both succeed: each finds either nothing or what it would have written."""
    manifests = await asyncio.gather(*(take(vault, make_capture()) for _ in range(10)))
    assert len({manifest.to_bytes() for manifest in manifests}) == 1


async def test_an_id_is_given_once(vault: Vault) -> None:
    """Another content or another manifest under the same id is refused, and the first snapshot stays."""
    first = await take(vault, make_capture())
    with pytest.raises(ObjectExists):
        await take(vault, make_capture(b"other"))
    with pytest.raises(ObjectExists):
        await take(vault, make_capture(tags=("other",)))
    assert await vault.read(await vault.manifest(FIRST)) == make_capture().raw
    assert await vault.manifest(FIRST) == first


async def test_an_id_of_another_time_is_refused(vault: Vault) -> None:
    """The id says when; a caller that mixes two up is told before anything is listed."""
    with pytest.raises(ValueError, match="does not belong to"):
        await vault.commits.store(
            make_capture(captured_at=moment(1)), snapshot_id=FIRST.snapshot_id, parent=None, reuse_content=True
        )
    assert await listed(vault) == []


# --- interrupted ---------------------------------------------------------------------------------------------------


async def history(store: ObjectStore) -> list[Manifest]:
    """What a run of backups does: two snapshots with content of their own, one that shares."""
    vault = await Vault.open(store, create=True, new_id=lambda: "the-id")
    first = await take(vault, make_capture(b"first"))
    second = await take(vault, make_capture(b"second"), seconds=60, parent=first)
    third = await take(vault, make_capture(b"second"), seconds=120, parent=second)
    return [first, second, third]


async def assert_all_listed_are_whole(store: ObjectStore) -> None:
    """Promise 1, for whatever a killed run left."""
    vault = Vault(store, "the-id")
    for manifest in await vault.snapshots():
        expected = b"first" if manifest.snapshot_id == FIRST.snapshot_id else b"second"
        assert await vault.read(manifest) == expected


async def test_killed_at_any_store_operation(tmp_path: Path) -> None:
    """Before and after every operation: what is listed is whole, and the same run again completes."""
    counting = FaultyStore(MemoryStore())
    expected = await history(counting)
    assert len(counting.calls) > 12
    for number, point in enumerate(stop_points(counting.calls)):
        inner = FolderStore(tmp_path / str(number))
        with pytest.raises(Killed):
            await history(FaultyStore(inner, point=point))
        await assert_all_listed_are_whole(inner)
        assert await history(inner) == expected
        assert await Vault(inner, "the-id").snapshots() == expected


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_error_of_the_store_at_any_operation(when: str) -> None:
    """The error goes to the caller as it is; what is listed is whole; the same run again completes."""
    counting = FaultyStore(MemoryStore())
    expected = await history(counting)
    for operation in range(1, len(counting.calls) + 1):
        inner = MemoryStore()
        point = StopPoint(operation, "before" if when == "before" else "after")
        faulty = FaultyStore(inner, point=point, fault=raising(StoreUnavailable("the cable")), stays_down=False)
        if when == "before" or not counting.calls[operation - 1].startswith("list"):
            with pytest.raises(StoreUnavailable, match="the cable"):
                await history(faulty)
        await assert_all_listed_are_whole(inner)
        assert await history(faulty) == expected


async def test_a_parent_that_cannot_be_read_just_now_is_not_called_damaged() -> None:
    """An error that may pass is passed on; it is no reason to store the same content twice."""
    store = MemoryStore()
    vault = await Vault.open(store, create=True)
    parent = await take(vault, make_capture())
    faulty = FaultyStore(store, point=StopPoint(1, "before"), fault=raising(StoreUnavailable("the cable")))
    with pytest.raises(StoreUnavailable):
        await take(Vault(faulty, vault.vault_id), make_capture(), seconds=60, parent=parent)
    assert faulty.calls == [f"get {FIRST.content}"]


async def test_leftover_content_does_not_hinder(vault: Vault, store: ObjectStore) -> None:
    """Content without a manifest is no snapshot and in nobody's way."""
    await store.put_new(FIRST.content, b"left by a killed run")
    assert await listed(vault) == []
    stored = await take(vault, make_capture(), entropy="ffffffff")
    assert await vault.read(stored) == make_capture().raw
    await overwrite(store, FIRST.content, b"")
    assert await vault.read(stored) == make_capture().raw
