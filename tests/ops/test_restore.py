"""restore: any reference, proven by exporting it again; nothing is replaced before it is kept and read back."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.errors import (
    CluvaultError,
    ConfigurationError,
    Conflict,
    DamagedSnapshot,
    InvalidProjectFile,
    JobFailed,
    NotAVault,
    ProjectExists,
    ProjectNotFound,
    SnapshotNotFound,
    StorageFull,
    StoreUnavailable,
    UsageError,
    VaultTooNew,
)
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.diff_report import summary
from cluvault.vault.memory import MemoryStore
from tests.conftest import SAMPLES_FOLDER
from tests.support.faulty_store import FaultyStore, StopPoint, raising
from tests.support.snapshots import overwrite
from tests.support.world import Send, World, failing_job, once_before, project_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@pytest.fixture
async def kept(world: World) -> World:
    """dev/Travel in two snapshots: with `old`, and with `new`, which is what the service holds."""
    await world.put("dev", "Travel", project_file("Travel", "old"))
    await world.backup(resources=("dev",))
    await world.put("dev", "Travel", project_file("Travel", "new"))
    await world.backup(resources=("dev",))
    world.events.clear()
    return world


def texts(data: bytes) -> list[str]:
    """The utterances of a project file."""
    return [utterance["text"] for utterance in read_project_file(data).utterances]


# --- references ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reference, expected",
    [
        ("dev/Travel", "new"),
        ("snapshot:dev/Travel", "new"),
        ("dev/Travel@{first}", "old"),
        ("dev/Travel@{second}", "new"),
        ("dev/Travel@{between}", "old"),
        ("dev/Travel@2027-01-01", "new"),
        ("live:dev/Travel", "live"),
        ("{folder}/loose.json", "loose"),
        ("file://{folder}/loose.json", "loose"),
        ("{folder}/loose.json.gz", "loose"),
    ],
)
async def test_every_form_of_reference(kept: World, tmp_path: Path, reference: str, expected: str) -> None:
    """Latest, by id, as of an instant, live, a path, compressed or not: each brings what it names."""
    first, second = await kept.snapshots()
    await kept.put("dev", "Travel", project_file("Travel", "live"))
    loose = project_file("Travel", "loose")
    (tmp_path / "loose.json").write_bytes(loose)
    (tmp_path / "loose.json.gz").write_bytes(gzip.compress(loose))
    named = reference.format(
        first=first.snapshot_id, second=second.snapshot_id, between=first.captured_at.isoformat(), folder=tmp_path
    )
    report = await kept.restore(named, "prod")
    assert texts(await kept.export("prod", "Travel")) == [expected]
    assert (report.plan.replaces, report.safety, report.plan.project) == (False, "", "Travel")
    assert report.digest == await kept.digest("prod", "Travel")


@pytest.mark.parametrize(
    "reference, error, exit_code, message",
    [
        ("dev/Travel@20200101T000000Z-00000000", SnapshotNotFound, 1, "is not in memory:"),
        ("dev/Travle", SnapshotNotFound, 1, "dev has snapshots of 1 projects, e.g. Travel"),
        ("Travel", UsageError, 2, "names no project"),
        ("dev/../Travel", UsageError, 2, "no such file"),
        ("dev/..", UsageError, 2, "consists of dots only"),
        ("dev/a%2Fb", UsageError, 2, "contains '%'"),
        ("dev/😀", UsageError, 2, "contains '😀'"),
        ("dev/" + "x" * 51, UsageError, 2, "has 51 characters, the service allows 50"),
        ("live:dev/Nowhere", ProjectNotFound, 1, "Nowhere"),
        ("live:qa/Travel", ConfigurationError, 2, "resource 'qa' is not configured"),
        ("./missing.json", UsageError, 2, "no such file"),
        ("/", UsageError, 2, "is a directory"),
        ("~nobody-of-that-name/x.json", UsageError, 2, "home"),
        ("./a\0b.json", UsageError, 2, "null"),
    ],
)
async def test_a_reference_that_leads_nowhere(
    kept: World, reference: str, error: type[CluvaultError], exit_code: int, message: str
) -> None:
    """One line with the right exit code, and the target is not touched."""
    with pytest.raises(error, match=message.replace("(", r"\(")) as caught:
        await kept.restore(reference, "prod/Target")
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (exit_code, False)
    assert kept.changes == []


@pytest.mark.parametrize("to", ["qa", "prod/..", "prod/a/b", "prod/%41", "prod/" + "x" * 51, "prod/", "../prod", ""])
async def test_a_target_that_cannot_be(kept: World, to: str) -> None:
    """An unknown resource or a name that no project can have: exit code 2, nothing is changed."""
    with pytest.raises(CluvaultError) as caught:
        await kept.restore("dev/Travel", to)
    assert caught.value.exit_code == 2
    assert kept.changes == []


@pytest.mark.parametrize("content", [b"", b"<html>", b'{"luis_schema_version": "7.0.0"}', b"\x1f\x8btorn", b"[1]"])
async def test_a_file_that_is_no_project_file(world: World, tmp_path: Path, content: bytes) -> None:
    """It is refused with its path before the target is looked at."""
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(InvalidProjectFile, match=r"x\.json"):
        await world.restore(str(tmp_path / "x.json"), "prod/X")
    assert world.requests == []


async def test_a_file_without_a_name_needs_one(world: World, tmp_path: Path) -> None:
    """The name comes from the file, else from the user."""
    document = json.loads(project_file("x", "hello"))
    del document["metadata"]["projectName"]
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(UsageError, match=r"x\.json names no project; name one: --to RESOURCE/PROJECT"):
        await world.restore(str(tmp_path / "x.json"), "prod")
    await world.restore(str(tmp_path / "x.json"), "prod/Named")
    assert await world.projects("prod") == ["Named"]


# --- a target that exists ------------------------------------------------------------------------------------------


async def test_by_default_nothing_is_replaced(kept: World) -> None:
    """An existing target is an error that names the two ways on; nothing is asked to change."""
    with pytest.raises(ProjectExists, match=r"--if-exists replace .* or --if-exists rename") as caught:
        await kept.restore("dev/Travel", "dev")
    assert caught.value.exit_code == 1
    assert kept.changes == []
    assert await kept.runs() == [run for run in await kept.runs() if run.kind == "backup"]


async def test_replace_keeps_what_stands_there_first(kept: World) -> None:
    """The safety snapshot is stored, its manifest last, and read back before the import begins."""
    await kept.put("dev", "Travel", project_file("Travel", "precious"))
    report = await kept.restore("dev/Travel", "dev", "replace")
    [_, _, safety] = await kept.snapshots()
    assert (report.safety, safety.reason, report.plan.replaces) == (safety.reference, Reason.SAFETY, True)
    folder = safety.content.key.rpartition("/")[0]
    wanted = [
        "POST dev/Travel/:export",
        f"put_new {folder}/config.json.gz",
        f"get {folder}/config.json.gz",
        f"put_new {folder}/manifest.json",
        f"get {folder}/manifest.json",
        "POST dev/Travel/:import",
    ]
    assert [event for event in kept.events if event in wanted][:6] == wanted
    assert texts(await kept.export("dev", "Travel")) == ["new"]


async def test_a_safety_snapshot_is_the_way_back(kept: World) -> None:
    """Restoring it brings the old content again, digest for digest."""
    await kept.put("dev", "Travel", project_file("Travel", "precious"))
    before = await kept.digest("dev", "Travel")
    report = await kept.restore("dev/Travel@2027-01-01", "dev", "replace")
    assert await kept.digest("dev", "Travel") != before
    back = await kept.restore(report.safety, "dev", "replace")
    assert back.digest == await kept.digest("dev", "Travel") == before
    assert back.safety != report.safety


async def test_a_safety_snapshot_of_kept_content_shares_it(kept: World) -> None:
    """Even when the vault has the content, a snapshot says what stood there when; the bytes are stored once."""
    report = await kept.restore("dev/Travel", "dev", "replace")
    _, second, safety = await kept.snapshots()
    assert (report.safety, safety.content) == (safety.reference, second.content)


async def test_rename_leaves_the_other_alone(kept: World) -> None:
    """The copy gets a free name that says where it comes from."""
    for expected in ("Travel-restored-20261122", "Travel-restored-20261122-2"):
        report = await kept.restore("dev/Travel", "dev", "rename")
        assert (report.plan.project, report.plan.replaces, report.safety) == (expected, False, "")
    assert texts(await kept.export("dev", "Travel-restored-20261122")) == ["new"]
    assert json.loads(await kept.export("dev", report.plan.project))["metadata"]["projectName"] == report.plan.project


async def test_another_kind_is_refused(kept: World) -> None:
    """The service cannot change a kind; that is said before anything is kept or sent."""
    await kept.put("prod", "Travel", project_file("Travel", kind="Orchestration"))
    with pytest.raises(UsageError, match="prod/Travel is of kind Orchestration"):
        await kept.restore("dev/Travel", "prod", "replace")
    assert kept.changes == []
    assert not any(event.startswith("put_new") for event in kept.events)


# --- what must not be imported -------------------------------------------------------------------------------------


def flip(body: bytes) -> bytes:
    """The same with one bit turned in the middle."""
    return bytes([*body[: len(body) // 2], body[len(body) // 2] ^ 1, *body[len(body) // 2 + 1 :]])


def cut(body: bytes) -> bytes:
    """The same without its end."""
    return body[:-7]


@pytest.mark.parametrize("part", ["content", "manifest"])
@pytest.mark.parametrize("change", [flip, cut])
async def test_a_damaged_snapshot_is_never_imported(world: World, part: str, change: Callable[[bytes], bytes]) -> None:
    """Exit code 5, the snapshot is named, and no request can have changed the target."""
    await world.put("dev", "Travel")
    await world.backup(resources=("dev",))
    [manifest] = await world.snapshots()
    world.events.clear()
    content = manifest.content.key
    key = content if part == "content" else content.replace("config.json.gz", "manifest.json")
    await overwrite(world.store, key, change(await world.store.get(key)))
    with pytest.raises(DamagedSnapshot, match=manifest.snapshot_id) as caught:
        await world.restore("dev/Travel", "dev", "replace")
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (5, False)
    assert world.changes == []


async def test_missing_content_is_damage(kept: World) -> None:
    """A manifest without bytes is named as damaged."""
    first, _ = await kept.snapshots()
    await kept.store.delete(first.content.key)
    with pytest.raises(DamagedSnapshot, match="is missing"):
        await kept.restore(first.reference, "prod")
    assert kept.requests == []


@pytest.mark.parametrize(
    "key, body, error",
    [
        ("holiday.jpg", b"", NotAVault),
        ("cluvault.json", b'{"format": 2}', VaultTooNew),
        ("cluvault.json", b"", NotAVault),
    ],
)
async def test_a_place_that_is_no_vault(
    world: World, tmp_path: Path, key: str, body: bytes, error: type[CluvaultError]
) -> None:
    """A restore that could neither keep nor record changes nothing, though its file needs no vault."""
    await world.store.put_new(key, body)
    (tmp_path / "x.json").write_bytes(project_file("X"))
    with pytest.raises(error) as caught:
        await world.restore(str(tmp_path / "x.json"), "prod")
    assert caught.value.exit_code == 2
    assert world.changes == []


@pytest.mark.parametrize("error", [StorageFull("full"), StoreUnavailable("the cable")])
async def test_without_a_safety_snapshot_nothing_is_replaced(kept: World, error: CluvaultError) -> None:
    """Wherever storing or reading back fails, the target stays as it is."""
    kept.store = counting = FaultyStore(kept.store)
    await kept.restore("dev/Travel", "dev", "replace")
    safety_ends = next(n for n, call in enumerate(counting.calls) if call.startswith("put_new runs/"))
    writes = [n for n, call in enumerate(counting.calls[:safety_ends], 1) if call.startswith("put_new")]
    for operation in range(writes[0], safety_ends + 1):
        kept.events.clear()
        kept.store = FaultyStore(counting, point=StopPoint(operation, "before"), fault=raising(error))
        with pytest.raises(type(error)):
            await kept.restore("dev/Travel", "dev", "replace")
        assert kept.changes == []


async def test_a_target_that_changes_while_it_is_kept(kept: World) -> None:
    """What somebody does during the safety snapshot is not in it for certain: nothing is replaced."""

    async def change() -> None:
        kept.age("dev", "Travel", days=-1)

    kept.hook = once_before("/Travel/:export", change)
    with pytest.raises(Conflict, match="changed while its safety snapshot was taken; nothing was replaced") as caught:
        await kept.restore("dev/Travel@2026-11-22T12:00:10Z", "dev", "replace")
    assert caught.value.retryable
    assert kept.changes == []


async def test_a_target_that_somebody_creates_after_the_plan(kept: World) -> None:
    """The place was free when the plan was made; what stands there now is not overwritten."""

    async def create() -> None:
        kept.hook = None
        await kept.put("prod", "Travel", project_file("Travel", "theirs"))

    kept.hook = once_before("/projects/Travel", create)
    with pytest.raises(ProjectExists, match="created by somebody else meanwhile, nothing was changed"):
        await kept.restore("dev/Travel", "prod")
    assert texts(await kept.export("prod", "Travel")) == ["theirs"]


# --- what goes wrong after the safety snapshot ---------------------------------------------------------------------


async def test_a_failed_import_names_the_way_back(kept: World) -> None:
    """The error says where the content from before is; the run record has the same line."""
    kept.hook = failing_job("Travel", "import")
    with pytest.raises(JobFailed, match="out of luck") as caught:
        await kept.restore("dev/Travel", "dev", "replace")
    safety = (await kept.snapshots())[-1]
    assert f"the content from before is kept as {safety.reference}" in str(caught.value)
    [*_, record] = await kept.runs()
    assert (record.kind, record.items[0].outcome) == ("restore", "failed")
    assert safety.reference in (record.items[0].detail or "")


async def test_a_failed_import_keeps_its_own_advice(kept: World) -> None:
    """The way back is added to what the service's error advises."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/:import"):
            raise httpx.ReadTimeout("slow", request=request)
        return await send(request)

    kept.hook = hook
    with pytest.raises(CluvaultError, match=r"may have been processed all the same.*; the content from before is kept"):
        await kept.restore("dev/Travel", "dev", "replace")


async def test_a_failed_import_of_a_new_project_needs_no_way_back(strict_world: World, tmp_path: Path) -> None:
    """A file that the service refuses in its job: its own words, nothing created, the run recorded."""
    document = json.loads(project_file("X", "hello"))
    document["assets"]["utterances"][0]["intent"] = "Nowhere"
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(JobFailed, match="The intent `Nowhere` does not exist") as caught:
        await strict_world.restore(str(tmp_path / "x.json"), "prod")
    assert "kept as" not in str(caught.value)
    assert await strict_world.projects("prod") == []
    assert [run.items[0].outcome for run in await strict_world.runs()] == ["failed"]


async def test_no_room_for_the_record_hides_no_failure(kept: World) -> None:
    """When import and record both fail, the import's error is told."""
    kept.hook = failing_job("Travel", "import")
    kept.store = NoRecords(kept.store)
    with pytest.raises(JobFailed, match="kept as dev/Travel@"):
        await kept.restore("dev/Travel", "dev", "replace")


async def test_no_room_for_the_record_of_a_restore(kept: World) -> None:
    """The error says that the restore itself is done."""
    kept.store = NoRecords(kept.store)
    with pytest.raises(StorageFull, match="the restore itself ended: 1 restored"):
        await kept.restore("dev/Travel", "prod")
    assert texts(await kept.export("prod", "Travel")) == ["new"]


class NoRecords(FaultyStore):
    """A store without room for run records."""

    async def put_new(self, key: str, body: bytes) -> None:
        """Store, but for run records."""
        if key.startswith("runs/"):
            raise StorageFull(f"{key}: no space left")
        await super().put_new(key, body)


# --- the proof -----------------------------------------------------------------------------------------------------


def altering(change: Callable[[dict[str, Any]], None]) -> Callable[[httpx.Request, Send], Awaitable[httpx.Response]]:
    """A hook: the service gets another file than was sent."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if not request.url.path.endswith("/:import"):
            return await send(request)
        document = json.loads(request.content)
        change(document)
        return await send(httpx.Request("POST", request.url, headers=_without_length(request), json=document))

    return hook


def _without_length(request: httpx.Request) -> dict[str, str]:
    return {name: value for name, value in request.headers.items() if name != "content-length"}


async def test_a_service_that_holds_something_else_is_found_out(kept: World) -> None:
    """An accepted import that means something else is an error with the differences and the way back."""

    def lose(document: dict[str, Any]) -> None:
        del document["assets"]["utterances"][0]

    kept.hook = altering(lose)
    with pytest.raises(NotWhatWasMeant, match="dev/Travel differs from what was imported") as caught:
        await kept.restore("dev/Travel", "dev", "replace")
    assert summary(caught.value.difference) == "utterances: 1 removed"
    safety = (await kept.snapshots())[-1]
    assert f"kept as {safety.reference}" in str(caught.value)
    assert [run.items[0].outcome for run in await kept.runs()][-1] == "failed"


async def test_a_service_that_drops_what_it_does_not_know(kept: World, tmp_path: Path) -> None:
    """A lenient service accepts an unknown member and forgets it; the restore says so."""
    config = EmulatorConfig(resources=("dev", "prod"), first_poll_running=False, strict_members=False)
    kept.app = create_app(config)
    document = json.loads(project_file("X", "hello"))
    document["assets"]["intents"][1]["future"] = {"weight": 3}
    (tmp_path / "x.json").write_text(json.dumps(document))
    with pytest.raises(NotWhatWasMeant) as caught:
        await kept.restore(str(tmp_path / "x.json"), "prod")
    assert [change.name for change in caught.value.difference.intents] == ["Book"]
    assert "kept as" not in str(caught.value)


async def test_the_record_of_a_restore(kept: World) -> None:
    """Which snapshot went where; the same for programs."""
    report = await kept.restore("dev/Travel", "prod/Copy")
    [*_, record] = await kept.runs()
    [item] = record.items
    _, second = await kept.snapshots()
    assert (record.kind, record.resources, item.outcome) == ("restore", ("prod",), "restored")
    assert (item.project, item.snapshot_id, item.detail) == ("Copy", second.snapshot_id, f"from {second.reference}")
    assert report.to_json() == {
        "resource": "prod",
        "project": "Copy",
        "source": second.reference,
        "replaced": False,
        "safetySnapshot": None,
        "digest": second.content.canonical_sha256,
        "apiVersion": "2025-11-15-preview",
        "changes": [],
        "notes": [],
        "losses": [],
        "warnings": [],
        "record": report.record_key,
    }


# --- old files, other versions -------------------------------------------------------------------------------------


async def test_an_older_shape_is_upgraded_in_the_open(world: World) -> None:
    """Every change is listed in plan and report; the meaning stays."""
    path = SAMPLES_FOLDER / "clock-2021-preview.json"
    report = await world.restore(str(path), "prod")
    assert len(report.changes) > 3
    assert report.plan.notes == report.changes
    assert await world.digest("prod", report.plan.project) == canonical_digest(read_project_file(path.read_bytes()))


async def test_a_file_that_fits_is_sent_as_it_is(kept: World) -> None:
    """The service gets the bytes of the snapshot, not somebody's rendering of them; under another name it must not."""
    bodies: list[bytes] = []

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/:import"):
            bodies.append(request.content)
        return await send(request)

    kept.hook = hook
    await kept.restore("dev/Travel", "prod")
    await kept.restore("dev/Travel", "prod/Other")
    same, renamed = bodies
    assert same == await kept.export("dev", "Travel")
    assert json.loads(renamed) == json.loads(same) | {
        "metadata": json.loads(same)["metadata"] | {"projectName": "Other"}
    }


async def test_the_snapshot_decides_the_version(kept: World) -> None:
    """A restore imports and proves with the api-version that exported the snapshot."""
    versions: set[str] = set()

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.method == "POST":
            versions.add(request.url.params["api-version"])
        return await send(request)

    one = kept.settings.resources["dev"].model_copy(update={"api_version": "2023-04-01"})
    kept.settings = kept.settings.model_copy(update={"resources": {**kept.settings.resources, "dev": one}})
    await kept.put("dev", "Travel", project_file("Travel", "by an older version"))
    await kept.backup(resources=("dev",))
    kept.hook = hook
    report = await kept.restore("dev/Travel", "prod")
    assert (report.plan.api_version, versions) == ("2023-04-01", {"2023-04-01"})


async def test_a_version_that_the_target_does_not_answer(kept: World) -> None:
    """The newest that it does answer is taken, and the plan says so."""
    config = EmulatorConfig(
        resources=("dev", "prod"), first_poll_running=False, api_versions=("2023-04-01", "2025-11-01")
    )
    kept.app = create_app(config)
    report = await kept.restore("dev/Travel", "prod")
    assert report.plan.api_version == "2025-11-01"
    [note] = report.plan.notes
    assert note.startswith("prod does not answer api-version 2025-11-15-preview, which exported dev/Travel@")
    assert report.to_json()["notes"] == [note]


async def test_warnings_of_the_service_are_passed_on(strict_world: World, tmp_path: Path) -> None:
    """What the service minds but accepts is in the report."""
    document = json.loads(project_file("X", "hello"))
    document["assets"]["entities"] = [{"category": "City"}]
    document["assets"]["utterances"][0]["entities"] = [{"category": "City", "offset": 0, "length": 50}]
    (tmp_path / "x.json").write_text(json.dumps(document))
    report = await strict_world.restore(str(tmp_path / "x.json"), "prod")
    assert "runs past the end of its text" in report.warnings[0]


async def test_an_empty_vault_has_nothing_to_restore(world: World) -> None:
    """A snapshot is asked of a vault that does not exist yet: exit code 2, and none is made."""
    with pytest.raises(NotAVault, match="the first backup makes the vault"):
        await world.restore("dev/Travel", "prod")
    assert isinstance(world.store, MemoryStore)
    assert [found async for found in world.store.list()] == []
