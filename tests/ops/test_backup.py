"""backup: everything that was chosen is stored and read back; what cannot be is named; nothing is skipped quietly."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import httpx
import pytest
from pydantic import ValidationError

from cluvault.emulator.state import Change
from cluvault.errors import ConfigurationError, NotAVault, StorageFull, StoreUnavailable
from cluvault.model.manifest import Reason
from cluvault.model.run import Outcome
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.backup_planning import BackupPlan, ProjectTask, in_turns
from cluvault.ops.report import RunFailed
from cluvault.ops.workspace import Workspace
from cluvault.plan.history import key_of
from cluvault.plan.keys import parse_manifest_key
from cluvault.settings import RouteSettings, Settings
from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import everything, overwrite
from tests.support.world import Send, World, failing_job, once_before, project_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from pathlib import Path

    from cluvault.model.object_info import ObjectInfo
    from cluvault.model.run import RunItem
    from cluvault.ops.report import Report

P = ParamSpec("P")
T = TypeVar("T")


@pytest.fixture
async def seeded(world: World) -> World:
    """Three projects in two resources."""
    await world.put("dev", "Alpha", project_file("Alpha", "one"))
    await world.put("dev", "Beta", project_file("Beta", "one", "two"))
    await world.put("prod", "Alpha", project_file("Alpha", "three"))
    return world


# --- what is backed up ---------------------------------------------------------------------------------------------


async def test_everything_is_stored_as_the_service_gave_it(seeded: World) -> None:
    """Without a choice every project of every resource gets a snapshot, byte for byte what the service exports."""
    report = await seeded.backup()
    assert [(one.resource, one.project, one.outcome) for one in report.items] == [
        ("dev", "Alpha", "stored"),
        ("dev", "Beta", "stored"),
        ("prod", "Alpha", "stored"),
    ]
    assert (report.exit_code, report.summary) == (0, "3 stored")
    vault = await seeded.vault()
    for manifest in await seeded.snapshots():
        assert await vault.read(manifest) == await seeded.export(manifest.resource, manifest.project)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"resources": ("prod",)}, ["prod/Alpha"]),
        ({"resources": ("dev", "dev")}, ["dev/Alpha", "dev/Beta"]),
        ({"projects": ("Alpha",)}, ["dev/Alpha", "prod/Alpha"]),
        ({"projects": ("B*", "?eta")}, ["dev/Beta"]),
        ({"resources": ("dev",), "projects": ("[AB]*",)}, ["dev/Alpha", "dev/Beta"]),
    ],
)
async def test_only_what_is_chosen(seeded: World, options: dict[str, Any], expected: list[str]) -> None:
    """Resources by name, projects by name or glob; what is named twice is backed up once."""
    report = await seeded.backup(**options)
    assert [f"{one.resource}/{one.project}" for one in report.items] == expected
    assert [f"{one.resource}/{one.project}" for one in await seeded.snapshots()] == expected


async def test_the_manifest_says_what_was_found(seeded: World) -> None:
    """Models and service deployments of the moment, counts, reason and tags are in the manifest."""
    seeded.emulator.add_model("prod", "Alpha", "v1")
    seeded.emulator.add_deployment("prod", "Alpha", "production", model_label="v1")
    await seeded.backup(resources=("prod",), reason=Reason.SCHEDULED, tags=("nightly",))
    [manifest] = await seeded.snapshots()
    assert (manifest.reason, manifest.tags) == (Reason.SCHEDULED, ("nightly",))
    assert [model.label for model in manifest.models] == ["v1"]
    assert [(one.name, one.model) for one in manifest.deployments] == [("production", "v1")]
    assert (manifest.counts.intents, manifest.counts.utterances) == (2, 1)
    assert manifest.api_version == "2025-11-15-preview"
    assert manifest.project_last_modified is not None


async def test_a_watcher_sees_plan_and_progress(seeded: World) -> None:
    """The plan comes first, then each project as it is done."""
    plans: list[BackupPlan] = []
    done: list[RunItem] = []
    async with seeded.workspace() as workspace:
        report = await backup(workspace, BackupOptions(), on_plan=plans.append, on_done=done.append)
    assert [len(plan.projects) for plan in plans] == [3]
    assert sorted(one.project for one in done) == sorted(one.project for one in report.items)


# --- again ---------------------------------------------------------------------------------------------------------


async def test_unchanged_content_stores_nothing_and_is_read_back(seeded: World) -> None:
    """A second run stores no snapshot, names the earlier one, and has read its bytes."""
    await seeded.backup()
    before = await seeded.snapshots()
    seeded.events.clear()
    report = await seeded.backup()
    assert {one.outcome for one in report.items} == {Outcome.UNCHANGED}
    assert [one.snapshot_id for one in report.items] == [one.snapshot_id for one in before]
    assert await seeded.snapshots() == before
    assert {f"get {one.content.key}" for one in before} <= set(seeded.events)


async def test_changed_content_is_stored_beside_the_old(seeded: World) -> None:
    """A change makes a snapshot whose parent is the one before; the old one stays."""
    await seeded.backup()
    await seeded.put("dev", "Alpha", project_file("Alpha", "changed"))
    report = await seeded.backup()
    assert report.summary == "1 stored, 2 unchanged"
    old, new = await seeded.snapshots("dev", "Alpha")
    assert new.parent == old.snapshot_id
    assert await seeded.damage() == dict.fromkeys([one.reference for one in await seeded.snapshots()])


@pytest.mark.parametrize("part", ["content", "manifest"])
@pytest.mark.parametrize("damage", [b"", b"other", None], ids=["empty", "other", "missing"])
async def test_a_damaged_snapshot_is_no_backup(world: World, part: str, damage: bytes | None) -> None:
    """When the latest snapshot cannot be read, unchanged content is stored again, whole."""
    await world.put("dev", "Alpha")
    await world.backup(projects=("Alpha",))
    [first] = await world.snapshots()
    folder = first.content.key.rpartition("/")[0]
    key = first.content.key if part == "content" else f"{folder}/manifest.json"
    await world.store.delete(key)
    if damage is not None:
        await world.store.put_new(key, damage)
    report = await world.backup(projects=("Alpha",))
    [item] = report.items
    assert item.outcome == Outcome.STORED
    assert await world.damage(f"dev/Alpha@{item.snapshot_id}") == {f"dev/Alpha@{item.snapshot_id}": None}
    [again] = (await world.backup(projects=("Alpha",))).items
    assert (again.outcome, again.snapshot_id) == (Outcome.UNCHANGED, item.snapshot_id)


async def test_a_tag_is_not_lost_on_unchanged_content(world: World) -> None:
    """Who asks for a tag gets a snapshot with it; the content is stored once all the same."""
    await world.put("dev", "Alpha")
    await world.backup(resources=("dev",))
    await world.backup(resources=("dev",), tags=("release",))
    await world.backup(resources=("dev",), tags=("release",))
    first, tagged = await world.snapshots()
    assert (tagged.tags, tagged.content) == (("release",), first.content)


# --- failures ------------------------------------------------------------------------------------------------------


async def test_one_failing_project_does_not_stop_the_others(seeded: World) -> None:
    """The project whose export job fails is named with the service's reason in report and record; exit code 3."""
    seeded.hook = failing_job("Beta", "export")
    report = await seeded.backup()
    [failed] = report.failed
    assert (failed.resource, failed.project, report.exit_code) == ("dev", "Beta", 3)
    assert "out of luck" in (failed.detail or "")
    assert [f"{one.resource}/{one.project}" for one in await seeded.snapshots()] == ["dev/Alpha", "prod/Alpha"]
    [record] = await seeded.runs()
    assert record.items == report.items
    assert str(RunFailed(report)) == f"backup: 1 failed, 2 stored; dev/Beta: {failed.detail}"


async def test_a_project_that_vanishes_is_named(seeded: World) -> None:
    """Deleted between listing and export: it could not be backed up, and somebody should know."""

    async def delete() -> None:
        async with seeded.workspace() as workspace:
            await (await workspace.client("dev")).delete_project("Beta")

    seeded.hook = once_before("/Beta/:export", delete)
    report = await seeded.backup()
    assert [(one.project, one.outcome) for one in report.items if one.resource == "dev"] == [
        ("Alpha", "stored"),
        ("Beta", "failed"),
    ]
    assert report.exit_code == 3


async def test_an_answer_that_is_no_project_file_is_not_stored(world: World) -> None:
    """What a proxy puts in the place of a project file becomes no snapshot."""
    await world.put("dev", "Alpha")

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        return httpx.Response(200, json={"a": 1}) if request.url.path.endswith("/result") else await send(request)

    world.hook = hook
    report = await world.backup()
    assert "export of dev/Alpha: not a CLU project file" in (report.items[0].detail or "")
    assert (await world.snapshots(), report.exit_code) == ([], 1)


async def test_an_unreachable_resource_does_not_stop_the_others(seeded: World) -> None:
    """Its failure is one item without a project, and names the resource."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.startswith("/prod/"):
            raise httpx.ConnectError("refused", request=request)
        return await send(request)

    seeded.hook = hook
    report = await seeded.backup(projects=("Alpha", "Nowhere"))
    assert [(one.resource, one.project, one.outcome) for one in report.items] == [
        ("prod", "", "failed"),
        ("dev", "Alpha", "stored"),
    ]
    assert report.exit_code == 3
    assert "no connection" in str(RunFailed(report))
    assert "\n" not in str(RunFailed(report))


async def test_a_wrong_key_is_told_and_does_not_stop_the_others(seeded: World) -> None:
    """The mend names where the key came from; the key itself is nowhere."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.startswith("/prod/"):
            request.headers["ocp-apim-subscription-key"] = "wrong-key-of-prod"
        return await send(request)

    seeded.hook = hook
    report = await seeded.backup()
    [failed] = report.failed
    assert (failed.resource, report.exit_code) == ("prod", 3)
    assert "check test" in (failed.detail or "")
    assert not any(b"wrong-key-of-prod" in body for body in (await everything(seeded.store)).values())


async def test_a_key_that_is_not_there(seeded: World) -> None:
    """A resource whose key cannot be found fails alone, before anything is asked of it."""
    async with Workspace(
        seeded.settings, environment={}, open_vault_store=lambda _url: seeded.store, now=seeded.now
    ) as workspace:
        report = await backup(workspace, BackupOptions(resources=("dev",)))
    assert report.exit_code == 1
    assert "KEY" in (report.items[0].detail or "")


async def test_an_unknown_resource_is_refused_before_anything_happens(seeded: World) -> None:
    """A typing error is exit code 2; no request is sent, and no vault made."""
    with pytest.raises(ConfigurationError, match="'pord' is not configured") as caught:
        await seeded.backup(resources=("dev", "pord"))
    assert caught.value.exit_code == 2
    assert seeded.events == []


async def test_no_resource_is_no_backup(world: World) -> None:
    """A configuration without resources is an error, not a run that does nothing well."""
    world.settings = Settings()
    with pytest.raises(ConfigurationError, match="no resource is configured"):
        await world.backup()
    assert world.events == []


async def test_a_name_that_fits_nothing_fails(seeded: World) -> None:
    """The others are backed up, the name is an item of its own."""
    report = await seeded.backup(resources=("dev",), projects=("Alpha", "Apha"))
    assert [(one.resource, one.project, one.outcome) for one in report.items] == [
        ("dev", "Apha", "failed"),
        ("dev", "Alpha", "stored"),
    ]
    assert "no project of dev is named 'Apha'" in (report.items[0].detail or "")
    assert report.exit_code == 3


async def test_a_name_that_fits_in_one_of_several_resources_is_enough(seeded: World) -> None:
    """Only what is found nowhere is called missing."""
    report = await seeded.backup(projects=("Beta", "Gamma"))
    assert [(one.resource, one.project) for one in report.failed] == [("", "Gamma")]
    assert "no project of dev, prod" in (report.failed[0].detail or "")


async def test_an_empty_resource_is_well_backed_up(world: World) -> None:
    """Nothing to do is done; the run is recorded."""
    report = await world.backup()
    assert (report.exit_code, report.summary) == (0, "nothing to do")
    assert [run.resources for run in await world.runs()] == [("dev", "prod")]


@pytest.mark.parametrize("tag", ["", "x" * 65, "a,b", " a", "a ", ","])
def test_a_tag_that_no_rule_could_name_is_refused(tag: str) -> None:
    """keep-tag has commas between tags and takes no space around them."""
    with pytest.raises(ValidationError):
        BackupOptions(tags=(tag,))
    assert BackupOptions(tags=("release candidate",)).tags == ("release candidate",)


# --- projects that are gone ----------------------------------------------------------------------------------------


async def delete(world: World, resource: str, project: str) -> None:
    """As somebody else would."""
    async with world.workspace() as workspace:
        await (await workspace.client(resource)).delete_project(project)
    world.moment += timedelta(hours=1)


def gone(report: Report) -> dict[str, datetime | None]:
    """What a backup says is gone, and since when."""
    return {f"{one.resource}/{one.project}": one.since for one in report.items if one.outcome == Outcome.VANISHED}


async def test_a_vanished_project_is_recorded(seeded: World) -> None:
    """With its last snapshot and since when; no failure, and the others are backed up."""
    await seeded.backup()
    [beta] = await seeded.snapshots("dev", "Beta")
    await delete(seeded, "dev", "Beta")
    before = seeded.moment
    report = await seeded.backup()
    [item] = [one for one in report.items if one.outcome == Outcome.VANISHED]
    assert (item.resource, item.project, item.snapshot_id) == ("dev", "Beta", beta.snapshot_id)
    assert item.since is not None
    assert before <= item.since <= seeded.moment
    assert item.detail == "gone from dev since 2026-11-22; the vault has snapshots of it: 1"
    assert (report.summary, report.exit_code) == ("2 unchanged, 1 vanished", 0)
    assert (await seeded.runs())[-1].items == report.items
    assert await seeded.snapshots("dev", "Beta") == [beta]


async def test_since_when_is_carried_on(seeded: World) -> None:
    """Every later backup says the same, also one of chosen projects and one that fails in part."""
    await seeded.backup()
    await delete(seeded, "dev", "Beta")
    first = gone(await seeded.backup())
    seeded.moment += timedelta(days=3)
    assert gone(await seeded.backup(resources=("prod",))) == {}
    assert gone(await seeded.backup(projects=("Alpha",))) == first
    seeded.hook = failing_job("Alpha", "export")
    report = await seeded.backup(resources=("dev",), full=True)
    assert (gone(report), report.exit_code) == (first, 1)


async def test_a_vanished_project_that_is_there_again(seeded: World) -> None:
    """Nothing is said of it; when it goes once more, its time begins anew."""
    await seeded.backup()
    await delete(seeded, "dev", "Beta")
    first = gone(await seeded.backup())
    await seeded.put("dev", "Beta", project_file("Beta", "again"))
    assert gone(await seeded.backup()) == {}
    await delete(seeded, "dev", "Beta")
    again = gone(await seeded.backup())
    assert list(again) == list(first)
    assert (again["dev/Beta"] or seeded.moment) > (first["dev/Beta"] or seeded.moment)


async def test_a_project_that_came_and_went_between_two_backups(seeded: World) -> None:
    """A snapshot from before its deletion shows that it was there: its time begins anew."""
    await seeded.backup()
    await delete(seeded, "dev", "Beta")
    first = gone(await seeded.backup())["dev/Beta"]
    seeded.moment += timedelta(days=3)
    await seeded.put("dev", "Beta", project_file("Beta", "again"))
    await seeded.cleanup(everything=True, max_deletions=9, max_share=1, apply=True)
    [since] = {moment for place, moment in gone(await seeded.backup()).items() if place == "dev/Beta"}
    assert first is not None
    assert since is not None
    assert since - first > timedelta(days=3)
    assert gone(await seeded.backup())["dev/Beta"] == since


async def test_a_resource_that_cannot_be_listed_says_nothing(seeded: World) -> None:
    """Its projects are not called gone, and what was known before is known after."""
    await seeded.backup()
    await delete(seeded, "dev", "Beta")
    first = gone(await seeded.backup())

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.startswith("/dev/"):
            raise httpx.ConnectError("refused", request=request)
        return await send(request)

    seeded.hook = hook
    assert gone(await seeded.backup()) == {}
    seeded.hook = None
    assert gone(await seeded.backup()) == first


async def test_a_project_without_snapshots_is_not_missed(seeded: World) -> None:
    """All of them were pruned: nobody needs to hear of it for ever."""
    await seeded.backup()
    [beta] = await seeded.snapshots("dev", "Beta")
    await delete(seeded, "dev", "Beta")
    await seeded.store.delete(key_of(beta).manifest)
    assert gone(await seeded.backup()) == {}


async def test_nothing_but_vanished_projects_is_no_partial_success(seeded: World) -> None:
    """When all that was tried failed, the run failed."""
    await seeded.backup(resources=("prod",))
    await delete(seeded, "prod", "Alpha")
    report = await seeded.backup(resources=("prod",), projects=("Alpha",))
    assert (report.summary, report.exit_code) == ("1 failed, 1 vanished", 1)


async def test_a_snapshot_that_is_pruned_while_it_is_compared(seeded: World) -> None:
    """It stands for nothing: another is stored."""
    await seeded.backup(resources=("prod",))
    [snapshot] = await seeded.snapshots("prod")
    everything_else = seeded.store

    class PrunedMeanwhile(FaultyStore):
        async def get(self, key: str) -> bytes:
            if key == snapshot.content.key:
                await everything_else.delete(key)
                await everything_else.delete(key_of(snapshot).manifest)
            return await super().get(key)

    seeded.store = PrunedMeanwhile(everything_else)
    assert (await seeded.backup(resources=("prod",))).summary == "1 stored"


# --- the vault -----------------------------------------------------------------------------------------------------


async def test_a_folder_that_is_no_vault_stays_as_it_is(seeded: World) -> None:
    """Exit code 2 before anything is exported."""
    await seeded.store.put_new("holiday.jpg", b"...")
    seeded.events.clear()
    with pytest.raises(NotAVault) as caught:
        await seeded.backup()
    assert caught.value.exit_code == 2
    assert seeded.requests == []
    assert list(await everything(seeded.store)) == ["holiday.jpg"]


class Full(MemoryStore):
    """A disk on which everything fits but what a test says."""

    def __init__(self, refused: Callable[[str], bool]) -> None:
        super().__init__()
        self.refused = refused

    async def put_new(self, key: str, body: bytes) -> None:
        """Store, or say that the disk is full."""
        if self.refused(key):
            raise StorageFull(f"{key}: cannot be stored: no space left on device", mend="make room")
        await super().put_new(key, body)


@pytest.mark.parametrize("end", ["config.json.gz", "manifest.json"])
async def test_a_full_disk(seeded: World, end: str) -> None:
    """Nothing is listed; one line says so, with exit code 1."""
    seeded.store = Full(lambda key: key.endswith(end) or key.startswith("runs/"))
    with pytest.raises(
        StorageFull,
        match=r"make room; only the record of this backup is missing, .* 3 failed; failed: dev/Alpha, .*, prod/Alpha$",
    ) as found:
        await seeded.backup()
    assert (found.value.exit_code, "\n" in str(found.value)) == (1, False)
    assert await seeded.snapshots() == []


async def test_a_disk_with_room_for_some(seeded: World) -> None:
    """What fits is stored, what does not is named."""
    seeded.store = Full(lambda key: "/Beta/" in key)
    report = await seeded.backup()
    assert (report.summary, report.exit_code) == ("1 failed, 2 stored", 3)
    assert "no space left" in (report.failed[0].detail or "")


async def test_no_room_for_the_record(seeded: World) -> None:
    """The error says that the snapshots themselves are stored."""
    seeded.store = Full(lambda key: key.startswith("runs/"))
    with pytest.raises(StorageFull, match="the backup itself ended: 3 stored"):
        await seeded.backup()
    assert len(await seeded.snapshots()) == 3


async def test_what_was_stored_is_announced_also_without_a_record(seeded: World) -> None:
    """The next backup calls it unchanged; so what follows from it would else never happen."""
    routes = {"up": RouteSettings(source="dev", target="prod", on_snapshot=True)}
    seeded.settings = seeded.settings.model_copy(update={"routes": routes})
    seeded.store = Full(lambda key: key.startswith("runs/"))
    async with seeded.workspace() as workspace:
        with pytest.raises(StorageFull):
            await backup(workspace, BackupOptions())
        told = Counter(one.event.name for one in workspace.announcements)
    assert told["cluvault.snapshot.created"] == 3
    assert told["cluvault.promotion.due"] == 2


class Leaving(MemoryStore):
    """A store that nobody reaches any more, once so many contents were given to it."""

    def __init__(self, contents: int) -> None:
        super().__init__()
        self.left = contents

    async def get(self, key: str) -> bytes:
        """Give, or be away."""
        self._answer()
        return await super().get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        """Likewise."""
        self.left -= key.endswith(".gz")
        self._answer()
        await super().put_new(key, body)

    def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Likewise."""
        self._answer()
        return super().list(prefix)

    def _answer(self) -> None:
        if self.left < 0:
            raise StoreUnavailable("the cable", mend="pull it out no more")


async def test_a_store_that_stays_away_ends_the_exports(world: World) -> None:
    """What cannot be stored is not asked for: no call is spent on it. The next run does it."""
    for number in range(12):
        await world.put("dev", f"P{number:02}", project_file(f"P{number:02}", f"to {number}"))
    world.configure("backup", concurrency=1)
    world.events.clear()
    world.store = store = Leaving(3)
    with pytest.raises(
        StoreUnavailable, match=r"only the record of this backup is missing.* \d+ failed, [23] stored"
    ) as found:
        await world.backup(resources=("dev",))
    assert (found.value.exit_code, "\n" in str(found.value)) == (1, False)
    begun = [event for event in world.requests if event.endswith("/:export")]
    assert len(begun) <= 7, begun
    store.left = 99
    assert (await world.backup(resources=("dev",))).exit_code == 0
    assert len(await world.snapshots()) == 12


class Forgetful(MemoryStore):
    """A store that goes away at its fifth manifest, and comes back without what it was given last before that."""

    def __init__(self) -> None:
        super().__init__()
        self.manifests: list[str] = []
        self.refusals = 3

    async def put_new(self, key: str, body: bytes) -> None:
        """Store, or be away for some calls."""
        if key.endswith("manifest.json") and len(self.manifests) == 4 and self.refusals:
            self.refusals -= 1
            for lost in self.manifests[2:]:
                await self.delete(lost)
                await self.delete(lost.replace("manifest.json", "config.json.gz"))
            raise StoreUnavailable("the server is restarted")
        await super().put_new(key, body)
        if key.endswith("manifest.json"):
            self.manifests.append(key)


async def test_what_a_restarted_store_forgot_is_told(world: World) -> None:
    """It has acknowledged two snapshots that it does not have; they are no success, and the next backup stores them."""
    for number in range(8):
        await world.put("dev", f"P{number}", project_file(f"P{number}", f"to {number}"))
    world.configure("backup", concurrency=1)
    world.store = Forgetful()
    report = await world.backup(resources=("dev",))
    assert report.summary == "2 failed, 6 stored"
    assert all("came back without it" in (one.detail or "") for one in report.failed)
    again = await world.backup(resources=("dev",))
    assert (again.exit_code, len(await world.snapshots())) == (0, 8)
    assert {one.project for one in again.items if one.outcome == Outcome.STORED} == {
        one.project for one in report.failed
    }


async def test_a_store_that_goes_away_is_a_failure_of_each_project(seeded: World) -> None:
    """An earlier snapshot that cannot be read just now is not called damaged, and nothing is stored twice."""
    await seeded.backup()
    before = await everything(seeded.store)

    class Away(MemoryStore):
        async def get(self, key: str) -> bytes:
            if key.endswith(".gz"):
                raise StoreUnavailable("the cable")
            return before[key]

    away = Away()
    for key, body in before.items():
        await away.put_new(key, body)
    seeded.store = away
    report = await seeded.backup()
    assert [one.outcome for one in report.items] == ["failed"] * 3
    assert any((one.detail or "").startswith("the cable; waited for it in vain") for one in report.items)


# --- names from the service ----------------------------------------------------------------------------------------

HOSTILE = ("😀", "x" * 100, "Ünï.cödé", "a b", "..x", "con\u202egz.nosj", "snapshots")
REFUSED = ("../x", "..", "a/b", "100%", "a?b", "a#b")


def give(world: World, name: str) -> None:
    """Put a project into the emulator under a name that the API would not take."""
    known = world.emulator.project("dev", "Alpha")
    named = replace(known, metadata=replace(known.metadata, name=name))
    world.emulator.commit({"dev": Change(projects=(named,))})


@pytest.mark.parametrize("name", HOSTILE)
async def test_any_name_that_a_url_can_hold_is_backed_up(world: World, tmp_path: Path, name: str) -> None:
    """A backup refuses nothing that the service holds, and the snapshot stays in its own folder."""
    world.store = FolderStore(tmp_path / "vault")
    await world.put("dev", "Alpha")
    give(world, name)
    report = await world.backup(resources=("dev",))
    assert report.exit_code == 0
    assert {one.project for one in await world.snapshots()} == {"Alpha", name}
    folders = {path.parent.parent.parent for path in tmp_path.rglob("*.gz")}  # noqa: ASYNC240  # nothing else runs
    assert folders == {tmp_path / "vault" / "snapshots" / "dev"}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_name_that_would_change_the_request_is_refused(world: World, name: str) -> None:
    """Nothing is asked for it, it is named as failed, and the other projects are backed up."""
    await world.put("dev", "Alpha")
    give(world, name)
    report = await world.backup(resources=("dev",))
    assert [one.project for one in report.failed] == [name]
    assert [one.project for one in await world.snapshots()] == ["Alpha"]
    keys = [parse_manifest_key(found.key) async for found in world.store.list("snapshots/")]
    assert {key.project for key in keys if key} == {"Alpha"}


# --- how it runs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency, configured, most", [(1, 8, 1), (3, 8, 3), (None, 2, 2), (50, 2, 6)])
async def test_no_more_exports_at_once_than_allowed(
    world: World, concurrency: int | None, configured: int, most: int
) -> None:
    """The option counts, else the configuration; all places are used. A place is free when the service is done."""
    for number in range(6):
        await world.put("dev", f"Project{number}")
    world.configure("backup", concurrency=configured)
    async with world.workspace() as workspace:
        report = await backup(workspace, BackupOptions(concurrency=concurrency))
    assert report.summary == "6 stored"
    open_exports = itertools.accumulate(
        event.endswith("/:export") - ("/export/jobs/" in event)
        for event in world.events
        if "export" in event and not event.endswith("/result")
    )
    assert max(open_exports) == most


def test_resources_take_turns() -> None:
    """Each resource has limits of its own, so none waits until another is through."""
    targets = [ProjectTask(resource, str(number)) for resource, number in (("a", 1), ("a", 2), ("a", 3), ("b", 1))]
    assert [f"{one.resource}{one.project}" for one in in_turns(targets)] == ["a1", "b1", "a2", "a3"]
    assert in_turns([]) == []


async def test_the_record_of_a_run(seeded: World) -> None:
    """When, what was asked for, every project and what became of it, by which version."""
    report = await seeded.backup()
    assert report.record_key == f"runs/2026-11-22/{report.run_id}.json"
    [record] = await seeded.runs()
    assert (record.run_id, record.kind, record.resources) == (report.run_id, "backup", ("dev", "prod"))
    assert record.started_at < record.ended_at
    assert record.tool.name == "cluvault"
    assert record.items[0].detail == "2 intents, 0 entities, 1 utterances"
    assert report.to_json() == {
        "kind": "backup",
        "runId": report.run_id,
        "summary": "3 stored",
        "record": report.record_key,
        "items": [one.model_dump(mode="json", by_alias=True) for one in record.items],
    }


async def test_a_report_of_several_failures_names_the_first_and_counts(seeded: World) -> None:
    """One line, whatever their number."""
    report = await seeded.backup(projects=("X", "Y", "Z"))
    assert str(RunFailed(report)).startswith("backup: 3 failed; X and 2 more: no project of dev, prod is named 'X'")


async def test_a_snapshot_of_a_newer_format_is_not_touched(world: World) -> None:
    """The project fails with the advice to upgrade; a newer vault is not written to by guess."""
    await world.put("dev", "Alpha")
    await world.backup(resources=("dev",))
    [found] = [key for key in await everything(world.store) if key.endswith("manifest.json")]
    await overwrite(world.store, found, b'{"format": 2}')
    report = await world.backup(resources=("dev",))
    assert "upgrade cluvault" in (report.items[0].detail or "")
