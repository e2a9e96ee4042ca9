"""status: what it asks of whom, what it makes of the answers; what is an alarm: tests/plan/test_status.py."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import ValidationError

from cluvault.errors import ConfigurationError, NotAVault
from cluvault.ops.drift import DriftOptions, drift
from cluvault.ops.status import StatusAlarm, StatusOptions, alarms_to_tell, status
from cluvault.plan.history import key_of
from cluvault.settings import Settings, StatusSettings
from tests.support.snapshots import overwrite
from tests.support.world import Send, World, new_world, project_file

if TYPE_CHECKING:
    from cluvault.plan.status import Row, Status


@pytest.fixture
async def kept(world: World) -> World:
    """Mail and Travel are in dev, both backed up just now; prod is empty."""
    for name in ("Mail", "Travel"):
        await world.put("dev", name, project_file(name, *(f"text {number}" for number in range(20))))
    await world.backup()
    world.events.clear()
    return world


def row_of(found: Status, project: str) -> Row:
    """The row of a project."""
    return next(row for row in found.rows if row.project == project)


def kinds(found: Status) -> list[str]:
    """What it alarms about."""
    return [alarm.kind.value for alarm in found.alarms]


def objectives(world: World, **values: Any) -> None:
    """Configure the status."""
    world.settings = world.settings.model_copy(update={"status": StatusSettings.model_validate(values)})


async def test_it_lists_and_reads_manifests_and_nothing_else(kept: World) -> None:
    """No export, no call for a single project, no content, nothing written."""
    found = await kept.status()
    assert (found.summary, found.exit_code) == ("2 ok: all fine", 0)
    assert all(event in ("GET dev", "GET prod") or "training-config-versions" in event for event in kept.requests)
    assert not any("config.json" in event or event.startswith(("put_new", "delete")) for event in kept.events)
    assert [(one.name, one.projects) for one in found.resources] == [("dev", 2), ("prod", 0)]
    assert [run.kind for run in found.runs] == ["backup"]


async def test_offline_asks_no_resource(kept: World) -> None:
    """The vault alone tells of freshness, size, drills and what the last backup missed."""
    found = await kept.status(offline=True)
    assert (kept.requests, found.exit_code, len(found.rows)) == ([], 0, 2)
    assert (found.rows[0].edited, found.resources[0].projects) == (None, None)
    kept.moment += timedelta(hours=27)
    assert kinds(await kept.status(offline=True)) == ["stale", "stale"]


async def test_without_a_vault(world: World) -> None:
    """Every project was never backed up; offline there is nothing to look at."""
    await world.put("dev", "Mail")
    world.age("dev", "Mail", days=3)
    assert kinds(await world.status()) == ["never-backed-up"]
    with pytest.raises(NotAVault):
        await world.status(offline=True)


async def test_edits_and_losses(kept: World) -> None:
    """An edit is known from the list; what a later backup found less of, from the manifests."""
    kept.moment += timedelta(hours=25)
    await kept.put("dev", "Mail", project_file("Mail", "only this"))
    found = await kept.status()
    assert (row_of(found, "Mail").edited, row_of(found, "Travel").edited) == (True, False)
    await kept.backup()
    found = await kept.status()
    assert kinds(found) == ["size-drop"]
    assert (row_of(found, "Mail").snapshots, row_of(found, "Mail").drop) == (2, 0.95)


async def test_a_project_that_somebody_deleted(kept: World) -> None:
    """Known at once; its way back is in the alarm, and goes."""
    async with kept.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Mail")
    (alarm,) = (await kept.status()).alarms
    _, _, reference, _, resource = alarm.mend.split("`")[1].split()
    await kept.restore(reference, resource)
    assert kinds(await kept.status()) == []


async def test_a_restore_drill_is_a_measured_recovery_time(kept: World) -> None:
    """Its record says how long it took."""
    await kept.verify(drill="prod")
    found = await kept.status()
    drill = row_of(found, "Mail").drill
    assert drill is not None
    assert drill.item.seconds is not None
    assert (kinds(found), [run.kind for run in found.runs]) == ([], ["backup", "drill", "verify"])


async def test_drift_of_the_last_drift_run(kept: World) -> None:
    """A note at the target; the source is told nothing."""
    await kept.put("prod", "Mail", project_file("Mail", "another text"))
    await kept.put("prod", "Travel", project_file("Travel", *(f"text {number}" for number in range(20))))
    async with kept.workspace() as workspace:
        await drift(workspace, DriftOptions(source="dev", target="prod"))
    found = await kept.status()
    notes = {(row.resource, row.project): [note for note in row.notes if "drift" in note] for row in found.rows}
    (note,) = notes["prod", "Mail"]
    assert "utterances: " in note
    assert [place for place, told in notes.items() if told] == [("prod", "Mail")]


async def test_damage_that_verify_found(kept: World) -> None:
    """Exit code 5, until it is mended; a manifest that is none needs no verification to be found."""
    mail, travel = await kept.snapshots()
    await overwrite(kept.store, mail.content.key, b"damaged")
    await kept.verify(read_data=True)
    found = await kept.status()
    assert (found.exit_code, kinds(found)) == (5, ["damaged", "never-backed-up"])
    await overwrite(kept.store, key_of(travel).manifest, b"{}")
    assert [alarm.project for alarm in (await kept.status()).alarms if alarm.kind == "damaged"] == ["Mail", "Travel"]


async def test_a_resource_that_does_not_answer(kept: World) -> None:
    """An alarm with exit code 3; the other resource is looked at all the same."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.startswith("/dev/"):
            raise httpx.ConnectError("nobody there")
        return await send(request)

    kept.hook = hook
    found = await kept.status()
    assert (found.exit_code, kinds(found), len(found.rows)) == (3, ["unreachable"], 2)
    assert found.resources[1].projects == 0
    assert str(StatusAlarm(found)).startswith("status: resource dev does not answer: ")


@pytest.fixture
async def trained(kept: World) -> World:
    """Mail and Travel have a model each; Mail's serves."""
    for project in ("Mail", "Travel"):
        kept.emulator.add_model("dev", project, "v1")
    kept.emulator.add_deployment("dev", "Mail", "production", model_label="v1")
    return kept


async def test_last_days_cost_one_call_for_a_resource(trained: World) -> None:
    """Models and their training configurations are in the manifest; when these end, the resource says once."""
    trained.moment += timedelta(hours=1)
    await trained.put("dev", "Mail", project_file("Mail", *(f"other {number}" for number in range(20))))
    await trained.backup()
    trained.events.clear()
    found = await trained.status()
    assert sum("training-config-versions" in event for event in trained.requests) >= 1
    assert not any("models" in event or "deployments" in event for event in trained.requests)
    expiry = row_of(found, "Mail").next_expiry
    assert expiry is not None
    assert (expiry.what, expiry.name, row_of(found, "Mail").models) == ("model", "v1", 1)
    assert row_of(found, "Travel").models == 1  # as of its last snapshot, which was taken for it


async def test_details_on_request(trained: World) -> None:
    """Two lists for each project, for a bounded number of them; the rest is a note."""
    found = await trained.status(deep=True)
    assert [row_of(found, name).models for name in ("Mail", "Travel")] == [1, 1]
    assert "GET dev/Mail/deployments" in trained.requests
    assert (found.notes, found.exit_code) == ((), 0)
    objectives(trained, **{"expiry-days": 3650})
    assert kinds(await trained.status(deep=True)) == ["model-expiry", "deployment-expiry", "model-expiry"]
    trained.events.clear()
    found = await trained.status(deep=True, deep_most=1)
    assert "GET dev/Travel/models" not in trained.requests
    assert found.notes == ("dev: 1 projects were not asked for their models and deployments",)


async def test_alarms_that_can_wait(trained: World) -> None:
    """Whoever is told each hour is told of what is urgent only; the alarm names the first of what counts."""
    objectives(trained, **{"expiry-days": 3650, "freshness-hours": 0.0001})
    found = await trained.status(deep=True)
    assert {one["kind"]: one["urgent"] for one in found.to_json()["alarms"]} == {
        "stale": True, "model-expiry": False, "deployment-expiry": False,
    }  # fmt: skip
    assert len(alarms_to_tell(found, urgent_only=True)) < len(alarms_to_tell(found, urgent_only=False)) == 5
    assert "(and 1 more)" in str(StatusAlarm(found, urgent_only=True))
    assert "(and 4 more)" in str(StatusAlarm(found))


async def test_details_that_do_not_come(trained: World) -> None:
    """They are notes: of one project, of a kind of project."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith(("/Mail/models", "training-config-versions")):
            return httpx.Response(403, json={"error": {"code": "Forbidden", "message": "not for you"}})
        return await send(request)

    trained.hook = hook
    found = await trained.status(deep=True)
    assert [note.partition(":")[0] for note in found.notes] == [
        "Mail", "last days of models of Conversation projects are not known",
    ]  # fmt: skip
    assert found.exit_code == 0


async def test_run_records_are_read_as_far_back_as_asked(kept: World) -> None:
    """What was before says nothing, and costs nothing."""
    kept.moment += timedelta(days=3)
    objectives(kept, **{"history-days": 2})
    kept.events.clear()
    found = await kept.status()
    assert (found.runs, sum(event.startswith("get runs/") for event in kept.events) <= 8) == ((), True)


async def test_some_resources_only(kept: World) -> None:
    """And resources of the vault that nobody configured are told."""
    found = await kept.status(resources=("prod",))
    assert ([one.name for one in found.resources], found.rows) == (["prod"], ())
    one = kept.settings.model_copy(update={"resources": {"prod": kept.settings.resources["prod"]}})
    kept.settings = one
    assert (await kept.status()).notes == ("the vault has snapshots of resources that are not configured: dev",)


async def test_what_cannot_be_asked(world: World) -> None:
    """An unknown resource, none at all, details of what is not asked."""
    with pytest.raises(ConfigurationError, match="'nowhere' is not configured"):
        await world.status(resources=("nowhere",))
    with pytest.raises(ValidationError, match="offline does not ask"):
        StatusOptions(offline=True, deep=True)
    empty = new_world(Settings(), world.emulator.config)
    async with empty.workspace() as workspace:
        with pytest.raises(ConfigurationError, match="there is no status"):
            await status(workspace, StatusOptions())
