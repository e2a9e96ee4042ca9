"""verify: how much is read, what a moving vault looks like, what is recorded. Damage: test_verify_damage.py."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import NotAVault, SnapshotNotFound, StoreUnavailable, UsageError
from cluvault.ops.verify import VerifyFailed, VerifyOptions, look
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.verify import FindingKind
from tests.support.damage import DAMAGES, Kept, keep
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import make_capture, overwrite

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.model.manifest import Manifest
    from cluvault.ops.examine import ProjectCheck
    from tests.support.world import World


@pytest.fixture
async def kept(world: World) -> Kept:
    """Four snapshots of two projects; two of them share a content."""
    return await keep(world)


def contents_read(world: World) -> list[str]:
    """The contents that were read from the vault."""
    return sorted(event.removeprefix("get ") for event in world.events if event.endswith("config.json.gz"))


# --- how much is read ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kept")
async def test_names_and_sizes_are_known_without_a_content(world: World) -> None:
    """Every manifest is read, no content; each project is told as it is done; the summary says what was not."""
    world.events.clear()
    seen: list[ProjectCheck] = []
    async with world.workspace() as workspace:
        report = await look(workspace, VerifyOptions(), on_checked=seen.append)
    assert contents_read(world) == []
    assert sum(event.endswith("manifest.json") for event in world.events) == 4
    assert sorted(one.project for one in seen) == ["Other", "Travel"]
    expected = "4 snapshots, 3 contents, names and sizes checked, contents not read: 0 missing, 0 damaged"
    assert (report.summary, report.exit_code, report.findings) == (expected, 0, ())


async def test_a_content_that_is_shared_is_read_once(world: World, kept: Kept) -> None:
    """With --read-data each content is read, none twice; their size is told."""
    world.events.clear()
    report = await world.verify(read_data=True)
    contents = {one.content.key: one.content.bytes for one in kept}
    assert contents_read(world) == sorted(contents)
    assert report.to_json()["bytesRead"] == sum(contents.values())
    assert report.summary == "4 snapshots, 3 contents, every byte read: 0 missing, 0 damaged"


async def test_only_what_is_named(world: World, kept: Kept) -> None:
    """References mean the snapshots that a restore would take, two of them may be of one project; no note is given."""
    await DAMAGES["extra object at the root"].deed(world.store, kept)
    await world.store.put_new(SnapshotKey("dev", "Travel", "20261101T020000Z-000b2c3d").content, b"left")
    world.events.clear()
    report = await world.verify(references=("dev/Travel", kept.old.reference), read_data=True)
    assert contents_read(world) == sorted({kept.old.content.key, kept.tagged.content.key})
    assert (report.to_json()["snapshots"], report.findings) == (2, ())
    assert [one.kind for one in (await world.verify()).findings] == [FindingKind.UNREFERENCED, FindingKind.FOREIGN]


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize("reference, error", [("dev/Travel@2020-01-01", SnapshotNotFound), ("./x.json", UsageError)])
async def test_what_names_no_snapshot(world: World, reference: str, error: type[Exception]) -> None:
    """It is an error, whatever else was named."""
    with pytest.raises(error, match="is not in"):
        await world.verify(references=("dev/Travel", reference))


async def test_a_place_without_a_vault(world: World) -> None:
    """Nothing to verify is not the same as everything is well."""
    with pytest.raises(NotAVault):
        await world.verify()


# --- what a manifest and bytes can be, beside what damage does -----------------------------------------------------


async def test_a_canonical_digest_that_does_not_fit(world: World, kept: Kept) -> None:
    """The bytes are those of the manifest, their meaning is not: a backup would call other content unchanged."""
    key, digest = key_of(kept.old).manifest, kept.old.content.canonical_sha256
    await overwrite(world.store, key, (await world.store.get(key)).replace(digest.encode(), b"0" * 64))
    (finding,) = (await world.verify(read_data=True)).findings
    assert finding.problem == f"canonical digest is {digest}, the manifest says {'0' * 64}"
    assert (finding.kind, finding.key) == (FindingKind.DAMAGED, kept.old.content.key)


async def test_bytes_that_are_no_project_file(world: World, kept: Kept) -> None:
    """Whole and as they were given, but of no use to anybody."""
    vault = await world.vault()
    manifest = await vault.commits.store(
        make_capture(b"{}"), snapshot_id="20261101T020000Z-000b2c3d", parent=None, reuse_content=False
    )
    (finding,) = (await world.verify(read_data=True)).findings
    assert "not a CLU project file" in finding.problem
    assert (finding.key, finding.snapshots) == (manifest.content.key, (key_of(manifest),))
    assert kept.old.content.key != finding.key


async def test_two_manifests_that_disagree_about_a_content(world: World, kept: Kept) -> None:
    """Only the snapshot whose manifest does not fit the bytes is called damaged, and its good neighbour is not."""
    key = key_of(kept.tagged).manifest
    document = json.loads(await world.store.get(key))
    document["content"]["sha256"] = "0" * 64
    await overwrite(world.store, key, json.dumps(document).encode())
    (finding,) = (await world.verify(read_data=True)).findings
    assert (finding.key, finding.snapshots) == (kept.new.content.key, (key_of(kept.tagged),))


# --- a vault that moves --------------------------------------------------------------------------------------------


class Moving(FaultyStore):
    """Something happens just before a key is read for the first time."""

    def __init__(self, world: World, key: str, happens: Callable[[World], Awaitable[None]]) -> None:
        super().__init__(world.store)
        self._world, self._key, self._happens = world, key, happens
        self.times = 0

    async def get(self, key: str) -> bytes:
        if key == self._key:
            self.times += 1
            if self.times == 1:
                await self._happens(self._world)
        return await super().get(key)


async def remove(world: World, *manifests: Manifest) -> None:
    """As a prune and its grace period would."""
    for one in manifests:
        await world.store.delete(key_of(one).manifest)
        await world.store.delete(one.content.key)


async def verified_while(world: World, key: str, happens: Callable[[World], Awaitable[None]]) -> tuple[str, ...]:
    """The kinds of findings of a verification during which something happens."""
    store = Moving(world, key, happens)
    world.store = store
    report = await world.verify(read_data=True)
    assert store.times
    assert report.exit_code == 0
    return tuple(one.kind for one in report.findings)


async def test_what_is_pruned_before_its_manifest_is_read(world: World, kept: Kept) -> None:
    """Listed, then gone: it is left out; its content is there until the grace period is over."""
    gone = key_of(kept.old).manifest
    assert await verified_while(world, gone, lambda world: world.store.delete(gone)) == ("unreferenced",)


async def test_what_is_pruned_before_its_content_is_read(world: World, kept: Kept) -> None:
    """The manifest was read, then all of it went: no damage."""
    assert await verified_while(world, kept.old.content.key, lambda world: remove(world, kept.old)) == ()


async def test_a_content_of_which_one_snapshot_is_pruned(world: World, kept: Kept) -> None:
    """The other snapshot that needs it answers for it: that one is damaged, not pruned."""

    async def happens(world: World) -> None:
        await remove(world, kept.new)

    world.store = Moving(world, kept.new.content.key, happens)
    (finding,) = (await world.verify(read_data=True)).findings
    assert finding.kind is FindingKind.MISSING
    assert finding.key == kept.tagged.content.key


async def test_a_content_that_a_prune_takes_and_puts_back(world: World, kept: Kept) -> None:
    """For a moment it is not there; the second look, at the end of the project, finds it."""
    body = await world.store.get(kept.old.content.key)
    looks = 0

    class Pruning(FaultyStore):
        async def get(self, key: str) -> bytes:
            nonlocal looks
            if key == kept.old.content.key:
                looks += 1
                await (self.delete(key) if looks == 1 else self.put_new(key, body))
            return await super().get(key)

    world.store = Pruning(world.store)
    assert (await world.verify(read_data=True)).findings == ()
    assert looks == 2


@pytest.mark.usefixtures("kept")
async def test_a_backup_that_is_between_content_and_manifest(world: World) -> None:
    """A content without a manifest is a note and no damage."""
    await world.store.put_new(SnapshotKey("dev", "Newest", "20261101T020000Z-000b2c3d").content, b"just written")
    report = await world.verify(read_data=True)
    assert [one.kind for one in report.findings] == [FindingKind.UNREFERENCED]
    assert report.exit_code == 0
    assert report.summary.endswith("0 missing, 0 damaged, 1 unreferenced")


@pytest.mark.usefixtures("kept")
async def test_a_store_that_cannot_be_reached_is_no_damage(world: World) -> None:
    """The error of the store ends the verification: nothing was judged."""

    class Away(FaultyStore):
        async def get(self, key: str) -> bytes:
            if key.endswith(".gz"):
                raise StoreUnavailable("the cable")
            return await super().get(key)

    world.store = Away(world.store)
    with pytest.raises(StoreUnavailable, match="the cable"):
        await world.verify(read_data=True)


# --- the record ----------------------------------------------------------------------------------------------------


async def test_every_verification_is_recorded(world: World, kept: Kept) -> None:
    """Also one that finds nothing, and with what it looked at; findings are items, harmless ones are counted."""
    await world.verify()
    await DAMAGES["truncated"].deed(world.store, kept)
    for name in ("extra object at the root", "extra object in a project"):
        await DAMAGES[name].deed(world.store, kept)
    report = await world.verify(read_data=True)
    clean, found = [run for run in await world.runs() if run.kind == "verify"]
    assert (clean.items, clean.options) == ((), {"references": [], "readData": False})
    assert found.options["readData"] is True
    damaged, foreign = found.items
    assert (damaged.project, damaged.snapshot_id, damaged.outcome) == ("Travel", kept.new.snapshot_id, "damaged")
    assert "and 1 more snapshots" in (damaged.detail or "")
    assert (foreign.outcome, foreign.detail) == ("foreign", "2 objects")
    assert "is damaged: expected stored size" in str(VerifyFailed(report))


async def test_a_newer_format_is_told_and_the_rest_is_judged(world: World, kept: Kept) -> None:
    """Whoever reads too new a manifest is told to upgrade; exit code 2 unless something is damaged."""
    await DAMAGES["manifest of a newer format"].deed(world.store, kept)
    report = await world.verify()
    assert report.exit_code == 2
    assert "upgrade cluvault" in str(VerifyFailed(report))
    await DAMAGES["missing content"].deed(world.store, kept)
    assert (await world.verify()).exit_code == 5
