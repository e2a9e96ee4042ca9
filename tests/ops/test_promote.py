"""Promotions on the emulator: the good one serves, the bad one is refused and undone, and two exclude each other."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import (
    GuardRefused,
    JobFailed,
    LeaseHeld,
    LeaseLost,
    ProbeFailed,
    ProjectExists,
    ProjectNotFound,
    RoundTripMismatch,
    UsageError,
)
from cluvault.model.promotion import DataRestored, Imported, RollbackBegun, Safety
from cluvault.ops import promotion_steps
from cluvault.ops.promote import promote
from cluvault.ops.promotion_planning import PromoteOptions, plan_promotion
from cluvault.ops.promotion_work import note
from cluvault.ops.rollback import RollbackOptions, RollbackReport, rollback
from cluvault.ops.target_lease import working_on
from cluvault.plan.promotion import Step
from cluvault.plan.reviewed_plan import plan_to_bytes, read_plan
from tests.support.promoting import (
    GOLDEN,
    answer,
    decided,
    desk,
    history,
    promoted,
    promoting_world,
    served,
)
from tests.support.world import failing_job, once_before

if TYPE_CHECKING:
    from pathlib import Path

    from cluvault.model.promotion import PromotionPlan
    from cluvault.plan.promotion import Promotion
    from tests.support.world import World

GATE = {"min-intent-f1": 0.8, "each-intent-f1": 0.7, "max-regression": 0.02, "max-regression-each": 0.1}
GOOD = desk(Refund="give me my money back for {}")
"""What `desk()` is promoted to: an intent more."""
REFUND = "give me my money back for Bonn"
CANCEL = "cancel my reservation for Bonn"
FORWARD = [
    "planned", "safety", "import-begun", "imported", "proved", "trained", "evaluated", "staged", "measured", "judged",
]  # fmt: skip
SWAP = ["swap-begun", "swapped", "probed", "promoted"]


@pytest.fixture
def world() -> World:
    """A route with a gate."""
    return promoting_world(gate=GATE)


async def serving(world: World) -> World:
    """The same world after a first promotion of `desk()`."""
    await world.put("dev", "Desk", desk())
    assert (await promoted(world)).state == "promoted"
    return world


async def plan_of(world: World, **options: object) -> PromotionPlan:
    """What would be done."""
    async with world.workspace() as workspace:
        values = {"project": "Desk", "route": "up"} | options
        return (await plan_promotion(workspace, PromoteOptions.model_validate(values))).plan


async def undone(world: World, *, apply: bool = True, actor: str = "anna") -> RollbackReport:
    """Roll the last promotion back by hand."""
    async with world.workspace(actor=actor) as workspace:
        return await rollback(workspace, RollbackOptions(project="Desk", route="up", apply=apply, reason="complaints"))


# --- the good way --------------------------------------------------------------------------------------------------


async def test_a_good_promotion_serves(world: World) -> None:
    """First a new project, then a better one: production gives new answers, staging has the former model."""
    await serving(world)
    first, _ = await served(world)
    assert await answer(world, CANCEL) == "Cancel"
    assert await answer(world, REFUND) != "Refund"
    await world.put("dev", "Desk", GOOD)
    report = await promoted(world)
    assert (report.state, report.exit_code) == ("promoted", 0)
    assert await answer(world, REFUND) == "Refund"
    assert await world.digest("prod", "Desk") == report.plan.meant_digest
    assert await served(world) == (report.promotion and report.promotion.model_label, first)
    assert await history(world) == [[*FORWARD, *SWAP]] * 2


async def test_what_is_promoted_already_is_left_alone(world: World) -> None:
    """Equal content whose model serves: nothing is changed, and nothing is recorded."""
    await serving(world)
    world.events.clear()
    assert (await promoted(world)).state == "nothing-to-do"
    assert world.changes == []
    assert len(await history(world)) == 1


async def test_without_apply_nothing_changes(world: World) -> None:
    """The plan says what would be done."""
    await world.put("dev", "Desk", desk())
    report = await promoted(world, apply=False)
    assert (report.state, report.promotion) == ("planned", None)
    assert world.changes == []
    assert await world.projects("prod") == []
    assert report.plan.difference == "a new project: 4 intents, 0 entities, 30 utterances"


async def test_overrides_and_names_of_the_target_are_promoted() -> None:
    """The target's own settings; a promotion does not call them drift."""
    overrides = {"description": "in production", "settings": {"confidenceThreshold": 0.3}}
    world = promoting_world(projects={"Desk-dev": "Desk"}, overrides=overrides)
    await world.put("dev", "Desk-dev", desk("Desk-dev"))
    assert (await promoted(world, "Desk-dev")).state == "promoted"
    metadata = json.loads(await world.export("prod", "Desk"))["metadata"]
    assert (metadata["projectName"], metadata["description"]) == ("Desk", "in production")
    assert metadata["settings"]["confidenceThreshold"] == 0.3
    assert (await promoted(world, "Desk-dev")).state == "nothing-to-do"


async def test_a_named_snapshot_is_promoted(world: World) -> None:
    """Not what the source has become since."""
    await world.put("dev", "Desk", desk())
    await world.backup(resources=("dev",))
    then = await world.digest("dev", "Desk")
    await world.put("dev", "Desk", GOOD)
    report = await promoted(world, reference="dev/Desk")
    assert report.plan.source.digest == then
    assert await world.digest("prod", "Desk") == then


@pytest.mark.parametrize(
    "reference, said",
    [
        ("prod/Desk", "names no snapshot of dev"),
        ("./Desk.json", "names no snapshot"),
        ("dev/Other", "is no snapshot of"),
    ],
)
async def test_only_snapshots_of_the_source_are_promoted(world: World, reference: str, said: str) -> None:
    """Anything else has not passed what the route says."""
    with pytest.raises(UsageError, match=said):
        await promoted(world, reference=reference)


# --- refused -------------------------------------------------------------------------------------------------------


async def test_a_mislabelled_intent_is_refused_and_undone(world: World) -> None:
    """The intent is named, the target's content and what it serves are as before."""
    await serving(world)
    before = await world.digest("prod", "Desk"), await served(world), await answer(world, CANCEL)
    await world.put("dev", "Desk", desk(mislabelled=5))
    report = await promoted(world)
    assert (report.state, report.exit_code) == ("rolled-back", 4)
    assert report.verdict is not None
    assert "Cancel" in {check.subject for check in report.verdict.refusals}
    assert "Cancel: f1" in report.why
    assert (await world.digest("prod", "Desk"), await served(world), await answer(world, CANCEL)) == before
    assert (await history(world))[1] == [
        *FORWARD[:7], "rollback-begun", "staging-restored", "data-restored", "rolled-back",
    ]  # fmt: skip


async def test_golden_utterances_are_asked_of_the_staged_model(tmp_path: Path) -> None:
    """A lost intent is noticed although the scores are perfect: the project's own test set no longer has it."""
    file = tmp_path / "golden.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in GOLDEN), "utf-8")
    world = await serving(promoting_world(gate={"golden": file}))
    before = await world.digest("prod", "Desk"), await served(world)
    file.unlink()
    file.write_text("\n".join(json.dumps(one) for one in GOLDEN), "utf-8")
    await world.put("dev", "Desk", desk(without=("Cancel",)))
    plan = await plan_of(world)
    assert "removes intent Cancel with its 10 utterances" in plan.blast_radius
    report = await promoted(world)
    assert report.state == "rolled-back"
    assert "2 of 3 answered as expected" in report.why
    assert (await world.digest("prod", "Desk"), await served(world)) == before
    assert (await history(world))[1] == [
        *FORWARD, "rollback-begun", "staging-restored", "data-restored", "rolled-back",
    ]  # fmt: skip


async def test_two_trainings_of_equal_data_pass() -> None:
    """With the strictest regression that there is."""
    world = await serving(promoting_world(gate={"max-regression": 0.0, "max-regression-each": 0.0}))
    await world.put("dev", "Desk", desk("Desk").replace(b'"entities": []', b'"entities": [{"category": "City"}]'))
    report = await promoted(world)
    assert report.state == "promoted"
    assert report.verdict is not None
    assert [check.name for check in report.verdict.checks].count("max-regression-each") == 3


async def test_a_refused_new_project_is_deleted_again() -> None:
    """It was not there before; what it held is in the vault."""
    world = promoting_world(gate={"intents": {"Nowhere": 0.9}})
    await world.put("dev", "Desk", desk())
    report = await promoted(world)
    assert (report.state, await world.projects("prod")) == ("rolled-back", [])
    restored = report.promotion and report.promotion.find(DataRestored)
    assert restored is not None
    assert restored.kept is not None
    assert await world.damage(restored.kept) == {restored.kept: None}


async def test_what_drifted_is_not_replaced_without_leave(world: World) -> None:
    """An edit made in production directly is named; --accept-drift replaces it, and keeps it."""
    await serving(world)
    await world.put("prod", "Desk", desk(Hotfix="fix {} now"))
    edited = await world.digest("prod", "Desk")
    await world.put("dev", "Desk", GOOD)
    with pytest.raises(
        GuardRefused, match=r"was changed directly since promotion .*`cluvault drift --route up --project Desk`"
    ):
        await promoted(world)
    assert await world.digest("prod", "Desk") == edited
    report = await promoted(world, accept_drift=True)
    assert report.state == "promoted"
    safety = report.promotion and report.promotion.find(Safety)
    assert safety is not None
    assert safety.digest == edited


async def test_a_stage_and_its_soak_time() -> None:
    """What has not passed the route before, or only just, is refused."""
    routes = {
        "first": {"source": "dev", "target": "test"},
        "up": {"source": "dev", "target": "prod", "after": "first", "soak-hours": 1},
    }
    world = promoting_world()
    values = world.settings.model_dump(by_alias=True) | {"routes": routes}
    world.settings = type(world.settings).model_validate(values)
    await world.put("dev", "Desk", desk())
    with pytest.raises(GuardRefused, match="has not passed first"):
        await promoted(world)
    assert (await promoted(world, route="first")).state == "promoted"
    with pytest.raises(GuardRefused, match="soaks until"):
        await promoted(world)
    world.moment += timedelta(hours=1)
    assert (await promoted(world)).state == "promoted"


# --- plan files ----------------------------------------------------------------------------------------------------


async def test_a_reviewed_plan_is_applied_exactly(world: World) -> None:
    """Also when the source has gone on since: the plan names a snapshot."""
    await world.put("dev", "Desk", desk())
    plan = read_plan(plan_to_bytes(await plan_of(world)), source="plan.json")
    await world.put("dev", "Desk", GOOD)
    report = await promoted(world, plan=plan)
    assert report.state == "promoted"
    assert await world.digest("prod", "Desk") == plan.meant_digest


async def test_a_plan_that_the_target_has_overtaken_is_refused(world: World) -> None:
    """Its digest has moved."""
    await world.put("dev", "Desk", desk())
    await world.put("prod", "Desk", desk(Other="something else {}"))
    plan = await plan_of(world)
    await world.put("prod", "Desk", GOOD)
    with pytest.raises(GuardRefused, match="the target's content has moved"):
        await promoted(world, plan=plan)
    assert world.changes == []


async def test_a_plan_whose_gate_was_edited_is_refused(world: World) -> None:
    """The route's configuration counts, not what a file says of it."""
    await world.put("dev", "Desk", desk())
    lax = plan_to_bytes(await plan_of(world)).replace(b'"min-intent-f1": 0.8', b'"min-intent-f1": 0.1')
    with pytest.raises(GuardRefused, match="configuration has moved"):
        await promoted(world, plan=read_plan(lax, source="plan.json"))


# --- approval ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def asking() -> World:
    """A promotion that waits for another person than anna."""
    world = promoting_world(gate={"approval": True, "second-person": True})
    await world.put("dev", "Desk", desk())
    report = await promoted(world)
    assert (report.state, report.exit_code) == ("awaiting-approval", 0)
    return world


async def waiting(world: World) -> str:
    """The promotion that waits."""
    return str((await (await world.vault()).promotions.all())[-1].key)


async def test_an_approved_promotion_goes_on(asking: World) -> None:
    """Somebody else approves, anybody resumes."""
    key = await waiting(asking)
    assert (await promoted(asking, resume=key)).state == "awaiting-approval"
    assert (await served(asking))[0] is None
    await decided(asking, key.partition("@")[2], note="looks good")
    assert (await promoted(asking, resume=key, actor="carla")).state == "promoted"
    assert await answer(asking, CANCEL) == "Cancel"
    assert (await history(asking))[0] == [*FORWARD, "approval-asked", "approved", *SWAP]


async def test_who_asked_cannot_approve(asking: World) -> None:
    """Not even under capital letters; but may withdraw."""
    key = await waiting(asking)
    with pytest.raises(GuardRefused, match="cannot approve"):
        await decided(asking, key, actor="Anna")
    await decided(asking, key, actor="anna", reject=True, note="changed my mind")
    report = await promoted(asking, resume=key)
    assert (report.state, report.exit_code) == ("rolled-back", 4)
    assert report.why == "rejected by anna: changed my mind"
    assert await asking.projects("prod") == []
    with pytest.raises(GuardRefused, match="can no longer be decided"):
        await decided(asking, key)


async def test_an_approval_has_a_deadline(asking: World) -> None:
    """After it nobody can approve, and whoever resumes it undoes it."""
    key = await waiting(asking)
    asking.moment += timedelta(hours=73)
    with pytest.raises(GuardRefused, match="nobody approved it"):
        await decided(asking, key)
    assert (await promoted(asking, resume=key)).why.startswith("nobody approved it until")


async def test_while_it_waits_no_other_begins(asking: World) -> None:
    """The lease is free, the target is not; and the promotion can be ended by hand."""
    await asking.put("dev", "Desk", GOOD)
    with pytest.raises(GuardRefused, match="under way"):
        await promoted(asking)
    assert (await undone(asking)).done is not None
    assert await asking.projects("prod") == []
    assert (await promoted(asking)).state == "awaiting-approval"


async def test_two_decide_at_once(asking: World) -> None:
    """One decision counts; the other is told."""
    key = await waiting(asking)
    results = await asyncio.gather(
        decided(asking, key), decided(asking, key, actor="carla", reject=True), return_exceptions=True
    )
    assert [type(one) for one in results if isinstance(one, BaseException)] in ([LeaseLost], [GuardRefused])
    assert len((await history(asking))[0]) == len(FORWARD) + 2


# --- failures ------------------------------------------------------------------------------------------------------


async def test_a_failed_training_is_undone(world: World) -> None:
    """The error is raised, and says that the target is as before."""
    await serving(world)
    before = await world.digest("prod", "Desk"), await served(world)
    await world.put("dev", "Desk", GOOD)
    world.hook = failing_job("Desk", "train")
    with pytest.raises(JobFailed, match="as it was before promotion"):
        await promoted(world)
    world.hook = None
    assert (await world.digest("prod", "Desk"), await served(world)) == before
    assert (await history(world))[1][-4:] == ["rollback-begun", "staging-restored", "data-restored", "rolled-back"]


async def test_a_failing_probe_swaps_back_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Production first, then the data."""
    await serving(world)
    before = await world.digest("prod", "Desk"), (await served(world))[0]
    await world.put("dev", "Desk", GOOD)

    async def wrong(*_: object) -> list[str]:
        return ["'x': Book, not Cancel"]

    monkeypatch.setattr(promotion_steps, "_wrong", wrong)
    with pytest.raises(ProbeFailed, match="as it was before"):
        await promoted(world)
    assert (await world.digest("prod", "Desk"), (await served(world))[0]) == before
    assert (await history(world))[1][-7:] == [
        "swap-begun", "swapped", "rollback-begun", "swapped-back", "staging-restored", "data-restored", "rolled-back",
    ]  # fmt: skip


async def test_a_cancelled_promotion_is_undone(world: World) -> None:
    """In the middle of it: as before, and the task ends cancelled."""
    await serving(world)
    before = await world.digest("prod", "Desk"), await served(world)
    await world.put("dev", "Desk", GOOD)
    task = asyncio.create_task(promoted(world))

    async def cancel() -> None:
        task.cancel()

    world.hook = once_before("POST /prod/language/authoring/analyze-conversations/projects/Desk/:train", cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await world.digest("prod", "Desk"), await served(world)) == before
    vault = await world.vault()
    begun = (await vault.promotions.of_project("prod", "Desk"))[1].find(RollbackBegun)
    assert begun is not None
    assert begun.cause == "cancelled"


async def test_a_failure_before_anything_changed_leaves_an_abandoned_promotion(world: World) -> None:
    """Somebody created the project just after the plan: it is theirs, and there is nothing to undo."""
    await world.put("dev", "Desk", desk())

    async def create() -> None:
        world.hook = None
        await world.put("prod", "Desk", GOOD)

    def at_step(_promotion: Promotion, step: Step) -> None:
        if step is Step.SAFETY:
            world.hook = once_before("/projects/Desk", create)

    async with world.workspace() as workspace:
        with pytest.raises(ProjectExists, match="prod/Desk was not changed"):
            await promote(workspace, PromoteOptions(project="Desk", route="up", apply=True), on_step=at_step)
    assert await history(world) == [["planned", "abandoned"]]
    assert (await promoted(world)).state == "promoted"


async def test_somebody_who_edits_while_it_trains_is_noticed(world: World) -> None:
    """The model would have been trained on something else; the edit is kept."""
    await serving(world)
    before = await world.digest("prod", "Desk")
    await world.put("dev", "Desk", GOOD)

    async def edit() -> None:
        async with world.workspace() as workspace:
            await (await workspace.client("prod")).import_project("Desk", desk(Edit="edit {}"))

    world.hook = once_before("POST /prod/language/authoring/analyze-conversations/projects/Desk/:train", edit)
    with pytest.raises(RoundTripMismatch, match="was changed by somebody"):
        await promoted(world)
    assert await world.digest("prod", "Desk") == before
    restored = (await (await world.vault()).promotions.of_project("prod", "Desk"))[1].find(DataRestored)
    assert restored is not None
    assert restored.kept is not None


async def test_a_project_that_is_not_there_cannot_be_promoted(world: World) -> None:
    """Said before anything is written."""
    with pytest.raises(ProjectNotFound):
        await promoted(world)
    assert await history(world) == []


# --- by hand -------------------------------------------------------------------------------------------------------


async def test_the_last_promotion_is_undone_by_hand(world: World) -> None:
    """Production gives the old answers again, the data are those of before, and the history tells both."""
    await serving(world)
    before = await world.digest("prod", "Desk"), (await served(world))[0]
    await world.put("dev", "Desk", GOOD)
    await promoted(world)
    shown = await undone(world, apply=False)
    assert (shown.done, len(shown.plan.steps)) == (None, 2)
    report = await undone(world, actor="berta")
    assert report.done is not None
    assert report.done.why == "complaints"
    assert (await world.digest("prod", "Desk"), (await served(world))[0]) == before
    assert await answer(world, REFUND) != "Refund"
    assert (await history(world))[1] == [
        *FORWARD, *SWAP, "rollback-begun", "swapped-back", "staging-restored", "data-restored", "rolled-back",
    ]  # fmt: skip
    with pytest.raises(GuardRefused, match="no promotion"):
        await undone(world)
    assert (await promoted(world)).state == "promoted"  # what was undone is not called drift


async def test_nothing_is_undone_when_somebody_else_deployed(world: World) -> None:
    """What serves is not what was promoted."""
    await serving(world)
    async with world.workspace() as workspace:
        await (await workspace.client("prod")).delete_deployment("Desk", deployment="production")
    with pytest.raises(GuardRefused, match="serves nothing"):
        await undone(world)


# --- two at once ---------------------------------------------------------------------------------------------------


async def test_two_at_once_exclude_each_other(world: World) -> None:
    """One is told who has the project, and at what; the other goes through."""
    await serving(world)
    await world.put("dev", "Desk", GOOD)
    results = await asyncio.gather(promoted(world), promoted(world, actor="berta"), return_exceptions=True)
    errors = [one for one in results if isinstance(one, BaseException)]
    assert len(errors) == 1
    assert isinstance(errors[0], LeaseHeld | GuardRefused)
    assert [steps[-1] for steps in await history(world) if steps[-1] != "abandoned"] == ["promoted", "promoted"]


async def test_a_worker_that_lost_its_lease_writes_nothing(world: World) -> None:
    """Somebody took over after its time to live: no record, no change of the service."""
    await world.put("dev", "Desk", desk())
    taken: list[str] = []

    async def take_over() -> None:
        world.seconds += 301
        vault = await world.vault()
        promotion = (await vault.promotions.of_project("prod", "Desk"))[0]
        async with world.workspace(actor="berta") as fast, working_on(fast, promotion.key, step="resume", patience=600):
            await note(fast, promotion, Imported())
        taken.append(promotion.last.facts.step)
        world.events.clear()

    world.hook = once_before("/projects/Desk/:import", take_over)
    with pytest.raises(LeaseLost, match="nothing more was changed"):
        await promoted(world)
    assert taken == ["import-begun"]
    assert world.changes == []  # but for the import, which was on its way
    assert [event for event in world.events if event.startswith("put_new")] == []


# --- what the world is told ----------------------------------------------------------------------------------------


async def test_each_step_that_matters_is_told() -> None:
    """Whoever resumes it tells the last step again, with the same id: the one before may have died in between."""
    asking = promoting_world(gate={"approval": True})
    await asking.put("dev", "Desk", desk())
    async with asking.workspace() as workspace:
        report = await promote(workspace, PromoteOptions(project="Desk", route="up", apply=True))
        first = list(workspace.announcements)
    assert [one.event.name for one in first] == ["cluvault.promotion.begun", "cluvault.promotion.awaiting-approval"]
    assert report.promotion is not None
    async with asking.workspace() as workspace:
        await promote(workspace, PromoteOptions(resume=str(report.promotion.key)))
        assert [one.id for one in workspace.announcements] == [first[1].id]
