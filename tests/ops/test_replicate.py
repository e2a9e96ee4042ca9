"""A replica on the emulator: content, models and deployments as at the source, whatever dies or fails."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, UsageError
from cluvault.model.run import Outcome
from cluvault.ops.drift import DriftOptions, drift
from cluvault.ops.replicate import ReplicaReport, ReplicateOptions, replicate
from cluvault.ops.target_lease import working_on
from cluvault.plan.keys import PromotionKey
from cluvault.service.calls.training import Training
from tests.support.faulty_store import Killed, StopPoint
from tests.support.promoting import Death, copy_of, desk, promoting_world
from tests.support.snapshots import overwrite
from tests.support.world import failing_job, project_file

if TYPE_CHECKING:
    from cluvault.plan.replica import ReplicaStatus
    from cluvault.service.calls.training import TrainingMode
    from tests.support.world import World

NEW = desk(Refund="give me my money back for {}")
REFUND = "give me my money back for Bonn"
CANCEL = "cancel my reservation for Bonn"
DEAD = (Killed, BaseExceptionGroup)
"""How a worker ends, alone or in a group of tasks."""


def replica_world(**route: Any) -> World:
    """A route of kind replica from dev to prod."""
    return promoting_world(kind="replica", **route)


@pytest.fixture
def world() -> World:
    """The same, plain."""
    return replica_world()


async def serve(
    world: World, deployment: str = "production", *, label: str = "v1", mode: TrainingMode = "standard", **more: Any
) -> None:
    """Train and deploy at the source, as its owners do."""
    async with world.workspace() as workspace:
        client = await workspace.client("dev")
        training = await client.begin_train("Desk", Training(label=label, mode=mode, **more))
        await client.wait(training, timeout=60)
        await client.wait(await client.begin_deploy("Desk", deployment=deployment, label=label), timeout=60)
    world.moment += timedelta(minutes=1)


async def replicated(world: World, **options: Any) -> ReplicaReport:
    """Replicate as a new process would."""
    world.events.clear()
    async with world.workspace() as workspace:
        return await replicate(workspace, ReplicateOptions.model_validate({"route": "up", "apply": True} | options))


async def of_desk(world: World, **options: Any) -> ReplicaStatus:
    """What becomes of the one project."""
    (found,) = (await replicated(world, **options)).projects
    return found


async def deployed(world: World, resource: str = "prod") -> dict[str, str]:
    """Deployment → label."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        return {one.name: one.model_label async for one in client.list_deployments("Desk")}


async def answer(world: World, text: str, resource: str = "prod", deployment: str = "production") -> str:
    """What a deployment makes of a text."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        return (await client.predict("Desk", deployment=deployment, text=text)).top_intent


async def trainings(world: World, resource: str = "prod") -> list[tuple[str, str]]:
    """How the models were trained: mode and configuration, the oldest first."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        found = [one.result async for one in client.list_training_jobs("Desk") if one.result is not None]
        return [(one.training_mode, one.training_config_version) for one in reversed(found)]


# --- the good way --------------------------------------------------------------------------------------------------


async def test_first_shown_then_done_then_equal(world: World) -> None:
    """Content, training and deployment names are the source's; a second run costs no export and changes nothing."""
    await world.put("dev", "Desk", desk())
    await serve(world, mode="advanced", config_version="2023-04-15")
    world.moment += timedelta(hours=2)
    shown = await of_desk(world, apply=False)
    assert (shown.outcome, shown.changes) == (Outcome.BEHIND, 35)
    assert shown.behind is not None
    assert timedelta(hours=2) < shown.behind < timedelta(hours=3)
    assert [step.split()[0] for step in shown.steps] == ["import", "train", "deploy"]
    assert (world.changes, await world.projects("prod"), await world.snapshots()) == ([], [], [])

    done = await of_desk(world)
    assert (done.outcome, done.changes) == (Outcome.REPLICATED, 35)
    assert await world.digest("prod", "Desk") == await world.digest("dev", "Desk")
    assert await trainings(world) == [("advanced", "2023-04-15")]
    assert await answer(world, CANCEL) == "Cancel"
    (run,) = await world.runs()
    assert (run.kind, [(one.project, one.outcome) for one in run.items]) == ("replicate", [("Desk", "replicated")])

    again = await replicated(world)
    assert [one.outcome for one in again.projects] == [Outcome.EQUAL]
    assert world.changes == []
    assert not any(one.endswith("/:export") for one in world.requests)
    assert (await of_desk(world, full=True)).outcome is Outcome.EQUAL
    assert world.changes == []


async def test_what_changed_is_brought_and_what_stood_there_is_kept(world: World) -> None:
    """A new draft trains nothing; a new model serves under the same name; the old content is a safety snapshot."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await replicated(world)
    before, first = await world.digest("prod", "Desk"), await deployed(world)
    await world.put("dev", "Desk", NEW)
    found = await of_desk(world)
    assert (found.outcome, found.changes, found.steps[0].split()[0]) == (Outcome.REPLICATED, 11, "keep")
    assert await deployed(world) == first
    assert await answer(world, REFUND) != "Refund"
    safety = [one for one in await world.snapshots("prod", "Desk") if one.reason == "safety"]
    assert [one.content.canonical_sha256 for one in safety] == [before]

    await serve(world, label="v2")
    found = await of_desk(world)
    assert (found.changes, [step.split()[0] for step in found.steps]) == (1, ["train", "deploy"])
    assert await answer(world, REFUND) == "Refund"
    assert (await of_desk(world)).outcome is Outcome.EQUAL


async def test_a_model_older_than_the_draft(world: World) -> None:
    """The replica serves what the source serves, and holds what the source holds."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await world.put("dev", "Desk", NEW)
    await serve(world, "staging", label="v2")
    await world.put("dev", "Desk", desk(Hotel="find me a hotel in {}"))
    found = await of_desk(world)
    assert found.outcome is Outcome.REPLICATED
    assert await world.digest("prod", "Desk") == await world.digest("dev", "Desk")
    assert set(await deployed(world)) == {"production", "staging"}
    assert await answer(world, REFUND) != "Refund"
    assert await answer(world, REFUND, deployment="staging") == "Refund"
    assert (await of_desk(world)).outcome is Outcome.EQUAL


async def test_a_label_that_was_trained_anew(world: World) -> None:
    """It is another model."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await replicated(world)
    await world.put("dev", "Desk", NEW)
    await serve(world)
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert await answer(world, REFUND) == "Refund"


async def test_what_somebody_edited_at_the_replica_is_put_right(world: World) -> None:
    """And kept; drift names it before."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await replicated(world)
    await world.put("prod", "Desk", NEW)
    edited = await world.digest("prod", "Desk")
    async with world.workspace() as workspace:
        (one,) = (await drift(workspace, DriftOptions(route="up"))).projects
    assert one.edit is not None
    assert one.edit.sentence.startswith("edited directly since replication prod/Desk@")
    assert one.edit.difference is not None
    assert [each.name for each in one.edit.difference.intents] == ["Refund"]
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert await world.digest("prod", "Desk") == await world.digest("dev", "Desk")
    assert edited in [each.content.canonical_sha256 for each in await world.snapshots("prod", "Desk")]


async def test_what_only_the_replica_has_stays_and_is_named(world: World) -> None:
    """A deployment, a project that is gone from the source, one that was never there."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await serve(world, "old")
    await replicated(world)
    async with world.workspace() as workspace:
        client = await workspace.client("dev")
        await client.delete_deployment("Desk", deployment="old")
    found = await of_desk(world)
    assert (found.outcome, found.notes) == (Outcome.EQUAL, ("the deployment old is only at the replica; it stays",))
    assert "old" in await deployed(world)
    async with world.workspace() as workspace:
        await (await workspace.client("dev")).delete_project("Desk")
    await world.put("prod", "Own", project_file("Own"))
    notes = {one.project: one.sentence for one in (await replicated(world)).projects}
    assert notes["Own"] == "no replication made it; it stays"
    assert notes["Desk"].startswith("dev/Desk is gone, of which it was a replica on ")
    assert await world.projects("prod") == ["Desk", "Own"]
    assert world.changes == []


async def test_renames_overrides_and_the_choice_of_the_route() -> None:
    """As a promotion applies them."""
    world = replica_world(only=["Desk*"], projects={"Desk": "Desk-2"}, overrides={"description": "the replica"})
    await world.put("dev", "Desk", desk())
    await world.put("dev", "Other", project_file("Other"))
    report = await replicated(world)
    assert [(one.project, one.outcome) for one in report.projects] == [("Desk", Outcome.REPLICATED)]
    assert await world.projects("prod") == ["Desk-2"]
    assert json.loads(await world.export("prod", "Desk-2"))["metadata"]["description"] == "the replica"
    assert (await replicated(world)).projects[0].outcome is Outcome.EQUAL


# --- what goes wrong -----------------------------------------------------------------------------------------------


async def test_one_failure_does_not_stop_the_rest(world: World) -> None:
    """Each project has its own end; the next run does what is missing."""
    await world.put("dev", "Desk", desk())
    await world.put("dev", "Other", project_file("Other", "to Rome"))
    await serve(world)
    world.hook = failing_job("Desk", "import")
    report = await replicated(world, projects=("*", "Tipo"))
    found = {one.project: one for one in report.projects}
    assert {name: one.outcome for name, one in found.items()} == {
        "Desk": Outcome.FAILED, "Other": Outcome.REPLICATED, "Tipo": Outcome.FAILED,
    }  # fmt: skip
    assert "out of luck" in found["Desk"].sentence
    assert report.run.exit_code == 3
    world.hook = None
    assert {one.outcome for one in (await replicated(world)).projects} == {Outcome.EQUAL, Outcome.REPLICATED}


async def test_a_model_that_cannot_be_trained_does_not_keep_the_content_back(world: World) -> None:
    """The draft is there, what serves is as before, and the run says what is missing."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await replicated(world)
    first = await deployed(world)
    await world.put("dev", "Desk", NEW)
    await serve(world, label="v2")
    await world.put("dev", "Desk", desk(Hotel="find me a hotel in {}"))
    world.hook = failing_job("Desk", "train")
    found = await of_desk(world)
    assert (found.outcome, "v2 could not be trained" in found.sentence) == (Outcome.FAILED, True)
    assert (await deployed(world), await world.digest("prod", "Desk")) == (first, await world.digest("dev", "Desk"))
    world.hook = None
    assert (await of_desk(world)).outcome is Outcome.REPLICATED
    assert await answer(world, REFUND) == "Refund"


async def test_a_damaged_record_means_a_closer_look(world: World) -> None:
    """Not an error: the contents tell."""
    await world.put("dev", "Desk", desk())
    await serve(world)
    await replicated(world)
    (key,) = [one.key async for one in world.store.list("replicas/")]
    await overwrite(world.store, key, b"{}")
    world.moment += timedelta(minutes=1)
    assert (await of_desk(world)).outcome is Outcome.EQUAL
    assert world.changes == []


async def test_somebody_else_works_on_the_target(world: World) -> None:
    """A lease of a promotion or another replication: that project fails with who it is, and nothing is changed."""
    await world.put("dev", "Desk", desk())
    async with world.workspace(actor="berta") as workspace:
        key = PromotionKey("prod", "Desk", workspace.new_run_id())
        async with working_on(workspace, key, step="import"):
            found = await of_desk(world)
    assert (found.outcome, "prod/Desk" in found.sentence and "berta works on it: import" in found.sentence) == (
        Outcome.FAILED,
        True,
    )
    assert await world.projects("prod") == []


async def test_what_is_no_replica_is_not_replicated() -> None:
    """One line, nothing asked."""
    world = promoting_world()
    with pytest.raises(UsageError, match="route up is a promotion, nothing is replicated by it"):
        await replicated(world)
    with pytest.raises(ConfigurationError, match="'down' is not configured"):
        await replicated(world, route="down")
    assert world.requests == []


@pytest.mark.slow
async def test_a_replication_that_dies_is_finished_by_the_next() -> None:
    """At any change of the service or the vault, before or after: the same end, and nothing serves half."""
    world = replica_world()
    await world.put("dev", "Desk", desk())
    await serve(world)
    await replicated(world)
    await world.put("dev", "Desk", NEW)
    await serve(world, label="v2")
    await world.put("dev", "Desk", desk(Hotel="find me a hotel in {}"))
    watched = ("replicas/", "runs/")
    death = Death(await copy_of(world), watched=watched)
    with death.haunting():
        await replicated(death.world)
    assert len(death.changes) >= 6
    for number in range(1, len(death.changes) + 1):
        for when in ("before", "after"):
            other = await copy_of(world)
            with Death(other, StopPoint(number, when), watched=watched).haunting(), pytest.raises(DEAD):
                await replicated(other)
            assert await answer(other, CANCEL) == "Cancel", (number, when)
            assert (await of_desk(other, patience=600)).outcome in (Outcome.REPLICATED, Outcome.EQUAL), (number, when)
            assert await other.digest("prod", "Desk") == await other.digest("dev", "Desk"), (number, when)
            assert await answer(other, REFUND) == "Refund", (number, when)
            assert (await of_desk(other)).outcome is Outcome.EQUAL, (number, when)
