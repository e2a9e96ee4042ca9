"""Drift on the emulator: what differs, who is ahead, what was edited directly, and how little that costs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, UsageError
from cluvault.model.run import Outcome
from cluvault.ops.drift import DriftOptions, DriftReport, drift
from cluvault.ops.rollback import RollbackOptions, rollback
from cluvault.plan.diff_report import summary
from tests.support.promoting import desk, promoted, promoting_world
from tests.support.snapshots import overwrite
from tests.support.world import failing_job, project_file

if TYPE_CHECKING:
    from cluvault.plan.drift import ProjectDrift
    from tests.support.world import World

EDITED = desk(Hotfix="fix {} now")


@pytest.fixture
def world() -> World:
    """Two resources and a route between them."""
    return promoting_world()


async def drifted(world: World, **options: Any) -> DriftReport:
    """Look, as a new process would."""
    if "route" not in options:
        options = {"source": "dev", "target": "prod"} | options
    world.events.clear()
    async with world.workspace() as workspace:
        return await drift(workspace, DriftOptions(**options))


async def of_desk(world: World, **options: Any) -> ProjectDrift:
    """What is found of the one project."""
    (found,) = (await drifted(world, **options)).projects
    return found


async def backed_up(world: World) -> None:
    """A backup a while after the last change."""
    world.moment += timedelta(minutes=5)
    await world.backup()


def exports(world: World) -> int:
    """How many exports were asked for."""
    return sum(one.endswith("/:export") for one in world.requests)


async def test_every_project_in_one_of_five_states(world: World) -> None:
    """Equal, different, at one end only, failed; one failure does not stop the rest, and nothing is changed."""
    for name in ("Equal", "Differs", "Here", "Broken"):
        await world.put("dev", name, project_file(name, "to Rome"))
    for name, text in (("Equal", "to Rome"), ("Differs", "to Paris"), ("There", "to Rome"), ("Broken", "to Oslo")):
        await world.put("prod", name, project_file(name, text))
    world.hook = failing_job("Broken", "export")
    report = await drifted(world)
    states = {one.project: one.outcome for one in report.projects}
    assert states == {
        "Equal": Outcome.EQUAL, "Differs": Outcome.DIFFERS, "Here": Outcome.ONLY_IN_SOURCE,
        "There": Outcome.ONLY_IN_TARGET, "Broken": Outcome.FAILED,
    }  # fmt: skip
    assert (report.run.exit_code, len(report.drifting), len(report.events)) == (3, 3, 3)
    assert world.changes == []
    assert report.run.record_key == ""
    broken = next(one for one in report.projects if one.project == "Broken")
    assert "out of luck" in broken.sentence
    assert exports(world) == 6


async def test_a_look_is_recorded_in_the_vault_if_there_is_one(world: World) -> None:
    """With what was found of each."""
    await world.put("dev", "Desk", desk())
    await world.put("prod", "Desk", EDITED)
    await backed_up(world)
    report = await drifted(world)
    run = next(one for one in await world.runs() if one.kind == "drift")
    assert report.run.record_key.endswith(f"{run.run_id}.json")
    assert [(one.resource, one.project, one.outcome) for one in run.items] == [("prod", "Desk", "differs")]
    assert run.resources == ("dev", "prod")


async def test_drift_of_an_unchanged_fleet_costs_list_calls_only(world: World) -> None:
    """The vault knows the rest; `full` exports all the same."""
    for name in ("A", "B"):
        await world.put("dev", name, project_file(name, "to Rome"))
        await world.put("prod", name, project_file(name, "to Rome" if name == "A" else "to Paris"))
    await backed_up(world)
    report = await drifted(world)
    assert [one.outcome for one in report.projects] == [Outcome.EQUAL, Outcome.DIFFERS]
    assert set(world.requests) == {"GET dev", "GET prod"}
    await drifted(world, full=True)
    assert exports(world) == 4
    world.moment += timedelta(minutes=5)
    await world.put("prod", "B", project_file("B", "to Rome"))
    report = await drifted(world)
    assert [one.outcome for one in report.projects] == [Outcome.EQUAL, Outcome.EQUAL]
    assert exports(world) == 1


async def test_a_damaged_snapshot_does_not_stand_for_a_live_project(world: World) -> None:
    """It is exported instead."""
    await world.put("dev", "Desk", desk())
    await world.put("prod", "Desk", EDITED)
    await backed_up(world)
    (there,) = await world.snapshots("prod")
    await overwrite(world.store, there.content.key, b"damaged")
    assert (await of_desk(world)).exported == 1
    (here,) = await world.snapshots("dev")
    await overwrite(world.store, f"{here.content.key.rpartition('/')[0]}/manifest.json", b"{}")
    found = await of_desk(world)
    assert (found.exported, found.outcome) == (2, Outcome.DIFFERS)


async def test_what_was_edited_directly_is_named_with_its_difference(world: World) -> None:
    """Since which promotion, and what; and who is ahead at each moment."""
    await world.put("dev", "Desk", desk())
    report = await promoted(world)
    found = await of_desk(world)
    assert (found.outcome, found.ahead, found.edit) == (Outcome.EQUAL, None, None)
    assert found.last is not None
    assert report.promotion is not None
    assert found.last.reference == str(report.promotion.key)

    await world.put("dev", "Desk", desk(Refund="give me my money back for {}"))
    found = await of_desk(world)
    assert (found.ahead, found.edit) == ("source", None)
    assert found.difference is not None
    assert summary(found.difference) == "intents: 1 added; utterances: 10 added"

    await world.put("prod", "Desk", EDITED)
    found = await of_desk(world)
    assert found.ahead == "both"
    assert found.edit is not None
    assert found.edit.difference is not None
    assert [one.name for one in found.edit.difference.intents] == ["Hotfix"]
    await world.put("dev", "Desk", desk())
    found = await of_desk(world)
    assert (found.ahead, found.edit is not None) == ("target", True)
    assert (await drifted(world)).events[0].payload["editedDirectly"] is True

    await world.put("dev", "Desk", EDITED)
    found = await of_desk(world)
    assert (found.outcome, found.edit) == (Outcome.EQUAL, None)  # the edit has come back


@pytest.mark.slow
async def test_an_edit_whose_before_is_pruned(world: World) -> None:
    """It is named all the same."""
    await world.put("dev", "Desk", desk())
    await promoted(world)
    await world.put("prod", "Desk", EDITED)
    for one in [found.key async for found in world.store.list("snapshots/")]:
        await world.store.delete(one)
    found = await of_desk(world)
    assert found.edit is not None
    assert "what was edited cannot be told: dev/Desk@" in found.edit.sentence


@pytest.mark.slow
async def test_after_a_rollback_the_former_content_is_what_was_left(world: World) -> None:
    """An edit is told from that; and what was not there before and is now."""
    await world.put("dev", "Desk", desk())
    await promoted(world)
    await world.put("dev", "Desk", desk(Refund="give me my money back for {}"))
    await promoted(world)
    await undone(world)
    assert (await of_desk(world)).edit is None
    await world.put("prod", "Desk", EDITED)
    edit = (await of_desk(world)).edit
    assert edit is not None
    assert edit.difference is not None
    assert [one.name for one in edit.difference.intents] == ["Hotfix"]


@pytest.mark.slow
async def test_what_was_not_there_before(world: World) -> None:
    """After the rollback of a first promotion the project should not be there."""
    await world.put("dev", "Desk", desk())
    await promoted(world)
    await undone(world)
    found = await of_desk(world)
    assert (found.outcome, found.edit) == (Outcome.ONLY_IN_SOURCE, None)
    await world.put("prod", "Desk", EDITED)
    edit = (await of_desk(world)).edit
    assert edit is not None
    assert edit.sentence.endswith("the project was not there then")


async def undone(world: World) -> None:
    """Roll back by hand."""
    async with world.workspace() as workspace:
        await rollback(workspace, RollbackOptions(project="Desk", route="up", apply=True))


async def test_a_promoted_project_that_was_deleted(world: World) -> None:
    """Only in the source, and deleted directly."""
    await world.put("dev", "Desk", desk())
    await promoted(world)
    async with world.workspace() as workspace:
        await (await workspace.client("prod")).delete_project("Desk")
    found = await of_desk(world, route="up")
    assert found.outcome is Outcome.ONLY_IN_SOURCE
    assert found.edit is not None
    assert found.edit.sentence.startswith("deleted directly since promotion prod/Desk@")


async def test_a_route_knows_renames_and_overrides() -> None:
    """They are no drift; what was overridden by hand is."""
    overrides = {"description": "in production", "settings": {"confidenceThreshold": 0.3}}
    world = promoting_world(projects={"Desk-dev": "Desk"}, overrides=overrides, only=["Desk*"])
    await world.put("dev", "Desk-dev", desk("Desk-dev"))
    await world.put("dev", "Other", project_file("Other"))
    world.moment += timedelta(minutes=1)
    assert (await promoted(world, "Desk-dev")).state == "promoted"
    await backed_up(world)
    found = await of_desk(world, route="up")
    assert (found.outcome, tuple(found.pair), found.exported) == (Outcome.EQUAL, ("Desk-dev", "Desk"), 0)
    changed = json.loads(await world.export("prod", "Desk"))
    changed["metadata"]["description"] = "by hand"
    await world.put("prod", "Desk", json.dumps(changed).encode())
    found = await of_desk(world, route="up", projects=("Desk-dev",))
    assert (found.ahead, found.edit is not None) == ("target", True)
    assert found.difference is not None
    assert [one.path for one in found.difference.settings] == ["description"]


async def test_names_that_do_not_fit() -> None:
    """A glob that fits nothing and a clash of names fail, each with why."""
    world = promoting_world(projects={"A-dev": "A"})
    for name in ("A", "A-dev"):
        await world.put("dev", name, project_file(name))
    report = await drifted(world, route="up", projects=("A*", "Tipo"))
    failed = {one.project: one.sentence for one in report.projects if one.outcome is Outcome.FAILED}
    assert set(failed) == {"A", "Tipo"}
    assert "'A' is what another project of dev is called in prod" in failed["A"]
    assert "no project of dev or prod is named 'Tipo'" in failed["Tipo"]


async def test_what_cannot_be_compared(world: World) -> None:
    """One line, before anything is asked."""
    with pytest.raises(UsageError, match="dev has no drift from itself"):
        await drifted(world, target="dev")
    with pytest.raises(ConfigurationError, match="'qa' is not configured"):
        await drifted(world, target="qa")
    with pytest.raises(ConfigurationError, match="'down' is not configured"):
        await drifted(world, route="down")
    for wrong in ({}, {"source": "dev"}, {"route": "up", "source": "dev", "target": "prod"}):
        with pytest.raises(ValueError, match="in one way"):
            DriftOptions.model_validate(wrong)
    assert world.requests == []
