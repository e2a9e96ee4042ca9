"""restore --environment: what was deployed is deployed again, whatever dies on the way; nothing of others is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest

from cluvault.errors import Conflict, GuardRefused, JobFailed, ProjectExists, RoundTripMismatch, UsageError
from cluvault.model.manifest import Reason
from cluvault.model.run import Outcome
from cluvault.ops.environment import EnvironmentReport, preview_environment, restore_environment
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.restore import RestoreOptions
from cluvault.plan.restore import IfExists
from cluvault.service.calls.training import Training
from tests.support.faulty_store import Killed, StopPoint
from tests.support.promoting import Death, copy_of
from tests.support.serving import DRAFT, NEW, OLD, capturing_world, deploy, serve_two, served, train
from tests.support.world import failing_job, once_before, project_file

if TYPE_CHECKING:
    import httpx

    from cluvault.plan.environment import EnvironmentPlan
    from tests.support.world import Hook, Send, World

REFUND = "give me my money back for Bonn"


@pytest.fixture
async def world() -> World:
    """A backup of an environment: `production` of v1, `staging` of v2, a draft that is further on."""
    return await backed_up_world()


async def backed_up_world() -> World:
    """The same for whoever needs several."""
    world = capturing_world()
    await serve_two(world)
    await world.backup(resources=("dev",))
    world.events.clear()
    return world


def options_of(to: str = "prod", **options: Any) -> RestoreOptions:
    """Options of a rebuilding."""
    return RestoreOptions.model_validate({"reference": "dev/Desk", "to": to, "environment": True} | options)


async def rebuild(world: World, to: str = "prod", **options: Any) -> EnvironmentReport:
    """Rebuild as a new process would."""
    world.events.clear()
    async with world.workspace() as workspace:
        return await restore_environment(workspace, options_of(to, **options))


async def preview(world: World, to: str = "prod", **options: Any) -> EnvironmentPlan:
    """What a rebuilding would do."""
    world.events.clear()
    async with world.workspace() as workspace:
        return await preview_environment(workspace, options_of(to, **options))


async def answer(world: World, text: str, deployment: str, resource: str = "prod") -> str:
    """What a deployment makes of a text."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        return (await client.predict("Desk", deployment=deployment, text=text)).top_intent


async def trainings(world: World, resource: str = "prod") -> dict[str, tuple[str, str]]:
    """Label → mode and configuration of each training."""
    async with world.workspace() as workspace:
        client = await workspace.client(resource)
        found = [one.result async for one in client.list_training_jobs("Desk") if one.result is not None]
        return {one.model_label: (one.training_mode, one.training_config_version) for one in found}


def passing(world: World) -> Hook:
    """A hook: a second passes with each request."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        world.moment += timedelta(seconds=1)
        return await send(request)

    return hook


def kinds(plan: EnvironmentPlan) -> list[str]:
    """What the steps do, in order."""
    return [one.kind.value for one in plan.steps]


# --- the good way ---------------------------------------------------------------------------------------------------


async def test_an_environment_is_rebuilt_elsewhere(world: World) -> None:
    """Every deployment under its name, each model trained as it was on what it was, and the draft at the end."""
    plan = await preview(world)
    assert world.changes == []
    assert kinds(plan) == ["keep", "import", "train", "import", "train", "deploy", "deploy", "import"]
    report = await rebuild(world)
    assert await served(world, "prod") == {"staging": "v2", "production": "v1"}
    assert list(await served(world, "prod")) == list(await served(world, "dev"))  # listed in the same order
    assert await trainings(world) == {"v1": ("standard", "2023-04-15"), "v2": ("advanced", "2022-09-01")}
    assert await world.digest("prod", "Desk") == await world.digest("dev", "Desk")
    assert await answer(world, REFUND, "staging") == "Refund"
    assert await answer(world, REFUND, "production") != "Refund"
    assert [(one.label, one.is_compared, one.changes) for one in report.scores] == [("v2", True, ()), ("v1", True, ())]
    assert (report.safety, report.warnings[:1]) == ("", [])
    run = (await world.runs())[-1]
    assert (run.kind, run.items[0].outcome) == ("restore", Outcome.RESTORED)


async def test_again_there_is_nothing_to_do(world: World) -> None:
    """Nothing is changed, though the project exists."""
    await rebuild(world)
    report = await rebuild(world)
    assert report.plan.steps == ()
    assert "nothing to do" in report.plan.sentence
    assert world.changes == []


async def test_only_what_is_missing_is_done(world: World) -> None:
    """A deployment that was moved, a draft that was edited: no training."""
    await rebuild(world)
    await deploy(world, "production", "v2", resource="prod")
    await world.put("prod", "Desk", NEW)
    report = await rebuild(world, if_exists=IfExists.REPLACE)
    assert kinds(report.plan) == ["keep", "deploy", "import"]
    assert await served(world, "prod") == {"staging": "v2", "production": "v1"}
    (safety,) = await world.snapshots("prod")
    assert (safety.reference, safety.reason) == (report.safety, Reason.SAFETY)


async def test_where_it_was_with_what_stood_there_kept(world: World) -> None:
    """In place of another environment; the safety snapshot holds that, and restores it."""
    before = await world.digest("dev", "Desk")
    first = (await world.snapshots("dev", "Desk"))[-1]
    await train(world, "v1", DRAFT)
    await deploy(world, "production", "v1")
    await world.put("dev", "Desk", OLD)
    reference = first.reference
    with pytest.raises(ProjectExists, match="--if-exists replace"):
        await rebuild(world, "", reference=reference)
    assert world.changes == []
    report = await rebuild(world, "", reference=reference, if_exists=IfExists.REPLACE)
    assert await answer(world, "find me a hotel in Bonn", "production", "dev") != "Hotel"
    assert await world.digest("dev", "Desk") == before
    assert not report.warnings
    await rebuild(world, "", reference=report.safety, if_exists=IfExists.REPLACE)
    assert await answer(world, "find me a hotel in Bonn", "production", "dev") == "Hotel"


async def test_what_the_target_does_not_offer_is_noted(world: World) -> None:
    """Its configuration is gone, or the mode was never known: it is trained all the same, and said."""
    world.emulator.add_model("dev", "Desk", "v3")
    await deploy(world, "canary", "v3")
    world.moment += timedelta(days=1)
    await world.backup(resources=("dev",))
    plan = await preview(world)
    assert [note for note in plan.notes if "v3" in note] == [
        "how v3 was trained is not recorded; it is trained in standard mode"
    ]


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_a_project_of_others_is_left_alone(world: World) -> None:
    """By its content, its models, or its deployments; whatever of ours it looks like."""
    await rebuild(world)
    await train(world, "theirs", DRAFT, resource="prod")
    await deploy(world, "production", "v2", resource="prod")
    with pytest.raises(ProjectExists):
        await rebuild(world)
    assert world.changes == []


async def test_a_model_that_others_serve_is_not_trained_anew(world: World) -> None:
    """The snapshot knows nothing of their deployment."""
    await train(world, "v1", NEW, resource="prod")
    await deploy(world, "theirs", "v1", resource="prod")
    with pytest.raises(GuardRefused, match=r"v1 would be trained anew, and theirs serves it"):
        await rebuild(world, if_exists=IfExists.REPLACE)
    assert world.changes == []


async def test_limits_are_seen_before_anything_is_changed(world: World) -> None:
    """Ten models and ten deployments a project."""
    await world.put("prod", "Desk", OLD)
    for number in range(9):
        world.emulator.add_model("prod", "Desk", f"m{number}")
        world.emulator.add_deployment("prod", "Desk", f"d{number}", model_label=f"m{number}")
    plan = await preview(world, if_exists=IfExists.REPLACE)
    assert [str(one).partition(",")[0] for one in plan.refusals] == [
        "prod/Desk would have 11 models",
        "prod/Desk would have 11 deployments",
    ]
    with pytest.raises(GuardRefused):
        await rebuild(world, if_exists=IfExists.REPLACE)
    assert world.changes == []


@pytest.mark.parametrize(
    "reference, problem",
    [
        ("live:dev/Desk", "holds no environment: only a snapshot does"),
        ("dev/Desk#production", "holds no environment: only a snapshot does"),
        ("dev/Mail", "nothing that a deployment served is captured in it"),
    ],
)
async def test_what_is_no_environment(world: World, reference: str, problem: str) -> None:
    """Is said, with what would be one."""
    await world.put("dev", "Mail")
    await world.backup(resources=("dev",), projects=("Mail",))
    with pytest.raises(UsageError, match=problem):
        await rebuild(world, reference=reference)
    assert world.changes == []


async def test_a_part_is_rebuilt_with_leave_only(world: World) -> None:
    """What the service refused at the backup is named."""
    world.emulator.add_model("dev", "Desk", "v3", has_snapshot=False)
    await deploy(world, "canary", "v3")
    world.moment += timedelta(days=1)
    await world.backup(resources=("dev",))
    with pytest.raises(GuardRefused, match=r"does not hold what canary served"):
        await rebuild(world)
    await rebuild(world, allow_loss=True)
    assert set(await served(world, "prod")) == {"production", "staging"}


async def test_a_project_of_another_kind(world: World) -> None:
    """And one that is not to be replaced but renamed."""
    await world.put("prod", "Desk", project_file("Desk", kind="Orchestration"))
    plan = await preview(world, if_exists=IfExists.RENAME)
    assert [type(one) for one in plan.refusals] == [UsageError, UsageError, ProjectExists]
    with pytest.raises(UsageError):
        await rebuild(world, if_exists=IfExists.REPLACE)


# --- what goes wrong ------------------------------------------------------------------------------------------------


async def test_a_training_that_fails_leaves_what_serves(world: World) -> None:
    """The error names the safety snapshot, the record says it, and the same command goes on."""
    await train(world, "v1", NEW, resource="prod")
    await deploy(world, "production", "v1", resource="prod")
    world.hook = failing_job("Desk", "train")
    with pytest.raises(JobFailed, match=r"the same command goes on from here; what stood there is kept as prod/Desk@"):
        await rebuild(world, if_exists=IfExists.REPLACE)
    assert await served(world, "prod") == {"production": "v1"}
    assert (await world.runs())[-1].items[0].outcome == Outcome.FAILED
    world.hook = None
    await rebuild(world, if_exists=IfExists.REPLACE)
    assert await answer(world, REFUND, "production") != "Refund"


async def test_somebody_who_edits_meanwhile(world: World) -> None:
    """A model of other content is noticed, and not deployed."""

    async def edit() -> None:
        hook, world.hook = world.hook, None
        await world.put("prod", "Desk", DRAFT)
        world.hook = hook

    world.hook = once_before("/Desk/:train", edit)
    with pytest.raises(RoundTripMismatch, match=r"was changed by somebody before v\d was trained"):
        await rebuild(world)
    assert await served(world, "prod") == {}
    world.hook = once_before("/Desk/:export", edit)
    with pytest.raises((Conflict, ProjectExists)):
        await rebuild(world)


async def test_a_training_under_way_is_waited_for(world: World) -> None:
    """It admits no other job, and may be that of whoever was killed: then its model is not trained a second time."""
    await world.put("prod", "Desk", OLD)
    world.emulator.config = replace(world.emulator.config, training_seconds=30)
    async with world.workspace() as workspace:
        training = Training(label="v1", config_version="2023-04-15")
        await (await workspace.client("prod")).begin_train("Desk", training)
    world.hook = passing(world)
    report = await rebuild(world)
    assert [step.subject for step in report.plan.steps if step.kind.value == "train"] == ["v2"]
    assert await served(world, "prod") == {"staging": "v2", "production": "v1"}


async def test_what_other_versions_and_other_hands_do(world: World) -> None:
    """A resource that lacks the api-version; an import that is not what was meant: named, with the way back."""
    prod = world.settings.resource("prod").model_copy(update={"api_version": "2023-04-01"})
    world.settings = world.settings.model_copy(update={"resources": {**world.settings.resources, "prod": prod}})
    (await preview(world)).to_json()

    async def edit() -> None:
        world.hook = None
        await world.put("prod", "Desk", DRAFT)

    world.hook = once_before("/Desk/:export", edit)
    with pytest.raises(NotWhatWasMeant, match="the same command goes on from here"):
        await rebuild(world)


async def test_a_model_that_could_not_be_tested(world: World) -> None:
    """There was nothing to test with, then or now: that is said in place of scores."""
    await train(world, "v3", project_file("Desk", "one"), division="manual")
    await deploy(world, "canary", "v3")
    world.moment += timedelta(days=1)
    await world.backup(resources=("dev",))
    report = await rebuild(world)
    assert {one.label: one.is_compared for one in report.scores} == {"v1": True, "v2": True, "v3": False}
    assert "v3: no scores to compare" in [one.sentence for one in report.scores]


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_second_call_goes_on_wherever_the_first_was_killed(moment: Literal["before", "after"]) -> None:
    """Before or after each change of service and vault: no model is trained twice, all is there at the end."""
    world = await backed_up_world()
    with (whole := Death(await copy_of(world), watched=("snapshots/",))).haunting():
        await rebuild(whole.world)
    trained = sum(":train" in change for change in whole.changes)
    assert trained == 2  # v1 and v2
    for number in range(1, len(whole.changes) + 1):
        other = await copy_of(world)
        with (
            pytest.raises((Killed, BaseExceptionGroup)),
            (death := Death(other, StopPoint(number, moment), watched=("snapshots/",))).haunting(),
        ):
            await rebuild(other)
        with (second := Death(other, watched=("snapshots/",))).haunting():
            await rebuild(other)
        assert await served(other, "prod") == {"staging": "v2", "production": "v1"}
        assert await other.digest("prod", "Desk") == await other.digest("dev", "Desk")
        done = [one for one in death.changes[: number if moment == "after" else number - 1] if ":train" in one]
        assert len(done) + sum(":train" in one for one in second.changes) == trained
