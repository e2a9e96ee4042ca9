"""Promotions among people: others deploy, delete, train and edit while one is under way."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.emulator.state import Change
from cluvault.errors import CluvaultError, GuardRefused, LeaseLost, ProbeFailed, StoreUnavailable, UsageError
from cluvault.model.promotion import Abandoned, DataRestored, Measured, StagingRestored, SwappedBack
from cluvault.ops.promote import promote
from cluvault.ops.promotion_course import turn_round
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.promotion_report import PromotionReport
from cluvault.ops.promotion_steps import prove, safety_of
from cluvault.ops.promotion_work import meant_by
from cluvault.ops.rollback import RollbackOptions, rollback
from cluvault.plan.promotion import Promotion, Step
from tests.support.faulty_store import FaultyStore, Killed, raising
from tests.support.promoting import (
    Death,
    StopPoint,
    answer,
    decided,
    desk,
    history,
    promoted,
    promoting_world,
    served,
)
from tests.support.world import once_before

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.emulator.records import Project
    from tests.support.world import Send, World

GOOD = desk(Refund="give me my money back for {}")


async def ready(**route: Any) -> World:
    """A world in which `desk()` is promoted, and `GOOD` is to follow."""
    world = promoting_world(**route)
    await world.put("dev", "Desk", desk())
    assert (await promoted(world)).state == "promoted"
    await world.put("dev", "Desk", GOOD)
    return world


async def promoted_while(world: World, step: Step, deed: Callable[[], None], **options: Any) -> PromotionReport:
    """Promote, and have somebody do something just before a step."""
    left = [deed]

    def at_step(_promotion: Promotion, now: Step) -> None:
        if now is step and left:
            left.pop()()

    async with world.workspace() as workspace:
        known = {"project": "Desk", "route": "up", "apply": True}
        return await promote(workspace, PromoteOptions.model_validate(known | options), on_step=at_step)


async def last(world: World) -> Promotion:
    """The newest promotion to prod."""
    return (await (await world.vault()).promotions.of_project("prod", "Desk"))[-1]


def desk_of(world: World) -> Project:
    """The target, as the emulator has it."""
    return world.emulator.project("prod", "Desk")


def set_deployments(world: World, **labels: str | None) -> None:
    """Make deployments of the target serve other models; None deletes one."""
    for name, label in labels.items():
        if label is not None:
            world.emulator.add_deployment("prod", "Desk", name, model_label=label)
        else:
            kept = tuple(one for one in desk_of(world).deployments if one.name != name)
            world.emulator.commit({"prod": Change(projects=(replace(desk_of(world), deployments=kept),))})


# --- before anything is changed ------------------------------------------------------------------------------------


async def test_a_target_that_moves_just_after_the_plan_is_not_replaced() -> None:
    """Its content, or what it serves: the promotion is abandoned, and nothing was changed."""
    world = await ready()
    before = await world.digest("prod", "Desk"), await served(world)
    content = world.emulator.project("dev", "Desk").content
    original = desk_of(world)

    def edit() -> None:
        world.emulator.commit({"prod": Change(projects=(replace(original, content=content),))})

    with pytest.raises(GuardRefused, match="was changed since the plan was made"):
        await promoted_while(world, Step.SAFETY, edit)
    world.emulator.commit({"prod": Change(projects=(original,))})
    with pytest.raises(GuardRefused, match="serves another model than when"):
        await promoted_while(world, Step.SAFETY, lambda: set_deployments(world, production=None))
    world.emulator.commit({"prod": Change(projects=(original,))})
    assert (await world.digest("prod", "Desk"), await served(world)) == before
    assert [steps[-1] for steps in await history(world)] == ["promoted", "abandoned", "abandoned"]


async def test_a_promotion_that_died_early_does_not_block_the_next() -> None:
    """It had changed nothing; it is abandoned. One that has, blocks."""
    world = await ready()
    death = Death(world, StopPoint(2, "after"), watched=("promotions/",))
    with death.haunting(), pytest.raises(Killed):
        await promoted(world)
    assert (await promoted(world, patience=600)).state == "promoted"
    assert [steps[-1] for steps in await history(world)] == ["promoted", "abandoned", "promoted"]
    await world.put("dev", "Desk", desk())
    death = Death(world, StopPoint(4, "after"), watched=("promotions/",))
    with death.haunting(), pytest.raises(Killed):
        await promoted(world, patience=600)
    with pytest.raises(GuardRefused, match="is under way"):
        await promoted(world, patience=600)


async def test_a_replica_is_not_promoted() -> None:
    """Its route has no gate."""
    world = promoting_world(kind="replica")
    with pytest.raises(UsageError, match="route up is a replica"):
        await promoted(world)


# --- training ------------------------------------------------------------------------------------------------------


async def test_the_oldest_free_model_makes_room() -> None:
    """At ten models; never one that serves."""
    world = await ready(train={"split": "manual"})
    for number in range(9):
        then = world.moment - timedelta(days=number + 1)
        world.emulator.add_model("prod", "Desk", f"old-{number}", trained_at=then)
    report = await promoted(world)
    assert report.state == "promoted"
    labels = {one.label for one in desk_of(world).models}
    assert len(labels) == 10
    assert "old-8" not in labels
    assert any("old-8 is deleted first" in warning for warning in report.plan.warnings)


async def test_no_model_is_deleted_that_serves() -> None:
    """Somebody has deployed all of them since the plan: it is undone."""
    world = await ready()
    for number in range(9):
        world.emulator.add_model("prod", "Desk", f"old-{number}", trained_at=world.moment)

    def deploy_all() -> None:
        for number in range(9):
            world.emulator.add_deployment("prod", "Desk", f"d{number}", model_label=f"old-{number}")

    with pytest.raises(GuardRefused, match="each is deployed"):
        await promoted_while(world, Step.TRAIN, deploy_all)
    assert (await last(world)).state == "rolled-back"


def slow_training(world: World, *, polls: int) -> None:
    """Trainings end only after so many polls: each poll moves the time."""
    world.emulator.training_duration = timedelta(minutes=polls)

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if "/train/jobs/" in request.url.path:
            world.moment += timedelta(minutes=1)
        return await send(request)

    world.hook = hook


async def dead_while_training() -> World:
    """A world whose worker died just after it had started a training."""
    world = await ready()
    world.emulator.training_duration = timedelta(hours=1)
    counting = Death(world, StopPoint(7, "after"), watched=("promotions/",))
    with counting.haunting(), pytest.raises(Killed):
        await promoted(world)
    assert counting.changes[-1] == "POST Desk/:train"
    return world


async def test_a_running_training_is_waited_for() -> None:
    """The next worker does not start another."""
    world = await dead_while_training()
    slow_training(world, polls=60)
    world.events.clear()
    assert (await promoted(world, resume=str((await last(world)).key))).state == "promoted"
    assert not [event for event in world.changes if event.endswith("/:train")]


async def test_a_running_training_is_cancelled_by_who_undoes_it() -> None:
    """Else the service would admit no import."""
    world = await dead_while_training()
    before = (await served(world))[0]
    slow_training(world, polls=60)
    async with world.workspace() as workspace:
        await rollback(workspace, RollbackOptions(project="Desk", route="up", apply=True, patience=600))
    assert any(event.endswith("/:cancel") for event in world.changes)
    assert (await served(world))[0] == before
    assert (await last(world)).state == "rolled-back"


# --- slots ---------------------------------------------------------------------------------------------------------


async def test_who_deploys_to_staging_while_a_promotion_waits_is_respected() -> None:
    """The swap would bring another model into production: it is undone, and theirs stays in staging."""
    world = promoting_world(gate={"approval": True})
    for data in (desk(), GOOD):
        former = (await served(world))[0]
        await world.put("dev", "Desk", data)
        await promoted(world)
        key = str((await last(world)).key)
        await decided(world, key)
        if former is None:
            assert (await promoted(world, resume=key)).state == "promoted"
    world.emulator.add_model("prod", "Desk", "theirs")
    set_deployments(world, staging="theirs")
    with pytest.raises(GuardRefused, match="somebody deployed something else"):
        await promoted(world, resume=key)
    assert await served(world) == (former, "theirs")
    restored = (await last(world)).find(StagingRestored)
    assert restored is not None
    assert restored.notes == ("staging serves theirs, which somebody else deployed; it stays",)


async def test_production_that_answers_otherwise_fails_the_probe() -> None:
    """Really asked; the former model serves in the end."""
    world = await ready()
    former = (await served(world))[0]
    assert former is not None
    with pytest.raises(ProbeFailed, match="does not answer as staged"):
        await promoted_while(world, Step.PROBE, lambda: set_deployments(world, production=former))
    assert (await served(world))[0] == former
    assert await answer(world, "give me my money back for Bonn") != "Refund"


@pytest.mark.parametrize("label", [None, "theirs"])
async def test_what_somebody_else_did_to_production_stays(label: str | None) -> None:
    """Deleted, or deployed: it is noted, and the content is put back."""
    world = await ready()
    before = await world.digest("prod", "Desk")
    world.emulator.add_model("prod", "Desk", "theirs")
    with pytest.raises(ProbeFailed):
        await promoted_while(world, Step.PROBE, lambda: set_deployments(world, production=label))
    assert (await served(world))[0] == label
    assert await world.digest("prod", "Desk") == before
    back = (await last(world)).find(SwappedBack)
    assert back is not None
    assert "somebody else" in back.notes[0]


async def test_a_model_that_staging_no_longer_can_have_is_noted() -> None:
    """It was deleted meanwhile; staging keeps what it has."""
    world = await ready()
    await promoted(world)
    former = (await served(world))[1]
    models = tuple(one for one in desk_of(world).models if one.label != former)
    await world.put("dev", "Desk", desk(mislabelled=1))

    def delete() -> None:
        world.emulator.commit({"prod": Change(projects=(replace(desk_of(world), models=models),))})
        set_deployments(world, production=None)

    world.emulator.add_model("prod", "Desk", "theirs")
    with pytest.raises(ProbeFailed):
        await promoted_while(world, Step.PROBE, delete)
    restored = (await last(world)).find(StagingRestored)
    assert restored is not None
    assert restored.notes == (f"staging served {former}, which no longer exists; it keeps {(await served(world))[1]}",)


async def test_a_first_production_deployment_is_taken_away_again() -> None:
    """There was a project, and nothing served."""
    world = promoting_world()
    await world.put("dev", "Desk", GOOD)
    await world.put("prod", "Desk", desk())
    with pytest.raises(ProbeFailed):
        await promoted_while(world, Step.PROBE, lambda: _break_probe(world))
    assert await served(world) == (None, None)
    assert (await last(world)).state == "rolled-back"


def _break_probe(world: World) -> None:
    """Predictions of production answer something else from now on."""

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        found = await send(request)
        if not request.url.path.endswith(":analyze-conversations") or b'"production"' not in await request.aread():
            return found
        return httpx.Response(200, content=(await found.aread()).replace(b'"topIntent":"', b'"topIntent":"Not'))

    world.hook = hook


async def test_nothing_is_compared_with_what_stopped_to_serve() -> None:
    """Somebody deleted production while it was measured: a note instead of figures."""
    world = await ready(gate={"max-regression": 0.1})
    with pytest.raises(GuardRefused, match="somebody deployed"):
        await promoted_while(world, Step.MEASURE, lambda: set_deployments(world, production=None))
    measured = (await last(world)).find(Measured)
    assert measured is not None
    assert measured.paired is None
    assert measured.notes[0].startswith("the two models could not be compared")


async def test_a_serving_model_without_evaluation_is_compared_all_the_same() -> None:
    """With a note: it may know the answers by heart."""
    world = await ready(gate={"max-regression": 0.5})

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/evaluation/result") and former in request.url.path:
            error = {"error": {"code": "NotFound", "message": "There is no evaluation."}}
            return httpx.Response(404, json=error)
        return await send(request)

    former = (await served(world))[0] or ""
    world.hook = hook
    assert (await promoted(world)).state == "promoted"
    measured = (await last(world)).find(Measured)
    assert measured is not None
    assert measured.notes == (f"{former} has no evaluation: it may have been trained on what it is compared on",)
    assert measured.paired


# --- the way back --------------------------------------------------------------------------------------------------


async def test_a_project_that_somebody_deleted_is_brought_back() -> None:
    """The data; a deployment without its model cannot be."""
    world = await ready()
    before = await world.digest("prod", "Desk")

    def delete() -> None:
        world.emulator.commit({"prod": Change(removed_projects=("Desk",))})

    with pytest.raises(CluvaultError):
        await promoted_while(world, Step.TRAIN, delete)
    assert await world.digest("prod", "Desk") == before
    assert (await last(world)).state == "rolled-back"


async def test_a_new_project_that_somebody_deleted_stays_deleted() -> None:
    """As it was before."""
    world = promoting_world()
    await world.put("dev", "Desk", desk())

    def delete() -> None:
        world.emulator.commit({"prod": Change(removed_projects=("Desk",))})

    with pytest.raises(CluvaultError, match="as it was before"):
        await promoted_while(world, Step.TRAIN, delete)
    restored = (await last(world)).find(DataRestored)
    assert restored is not None
    assert (restored.digest, restored.kept) == (None, None)


async def test_a_safety_snapshot_under_another_name_is_restored_under_the_projects() -> None:
    """The service exports what was imported, an old name included."""
    world = promoting_world(gate={"intents": {"Nowhere": 0.9}})
    await world.put("dev", "Desk", desk())
    await world.put("prod", "Desk", desk("Desk-of-old"))
    before = await world.digest("prod", "Desk")
    assert (await promoted(world)).state == "rolled-back"
    assert await world.digest("prod", "Desk") == before


async def test_a_vault_that_goes_down_leaves_a_promotion_to_resume() -> None:
    """What failed is raised, with how to go on."""
    world = await ready()
    store = world.store

    def down() -> None:
        world_store.go_down()

    class Falling(FaultyStore):
        def go_down(self) -> None:
            self._is_down = True

    world_store = Falling(store, fault=raising(StoreUnavailable("the vault is down")))
    world.store = world_store
    with pytest.raises(StoreUnavailable, match="cluvault promote --resume prod/Desk@"):
        await promoted_while(world, Step.TRAIN, down)
    world.store = store
    assert (await promoted(world, resume=str((await last(world)).key))).state == "promoted"


async def test_a_way_back_that_fails_can_be_resumed() -> None:
    """An import that fails on the way back as well."""
    world = await ready()
    before = await world.digest("prod", "Desk")

    async def hook(request: httpx.Request, send: Send) -> httpx.Response:
        if request.url.path.endswith("/Desk/:import") and "/prod/" in request.url.path:
            return httpx.Response(400, json={"error": {"code": "InvalidRequest", "message": "no imports today"}})
        return await send(request)

    def stop_imports() -> None:
        world.hook = hook

    def break_training() -> None:
        stop_imports()
        world.emulator.commit({"prod": Change(projects=(replace(desk_of(world), models=()),))})

    with pytest.raises(CluvaultError, match=r"no imports today.*--resume"):
        await promoted_while(world, Step.EVALUATE, lambda: (break_training(), set_deployments(world, staging=None))[0])
    world.hook = None
    report = await promoted(world, resume=str((await last(world)).key))
    assert report.state == "rolled-back"
    assert await world.digest("prod", "Desk") == before


async def test_what_cannot_be_brought_back_is_not_undone_by_hand() -> None:
    """The former model was deleted: nothing is changed, and the message says what there is instead."""
    world = await ready()
    former = (await served(world))[0]
    await promoted(world)
    models = tuple(one for one in desk_of(world).models if one.label != former)
    world.emulator.commit({"prod": Change(projects=(replace(desk_of(world), models=models),))})
    before = await world.digest("prod", "Desk"), await served(world)
    async with world.workspace() as workspace:
        with pytest.raises(GuardRefused, match="no longer exists; restore prod/Desk@"):
            await rollback(workspace, RollbackOptions(project="Desk", route="up", apply=True))
    assert (await world.digest("prod", "Desk"), await served(world)) == before


async def test_a_first_production_deployment_is_undone_by_hand() -> None:
    """There was a project, and nothing served."""
    world = promoting_world()
    await world.put("dev", "Desk", GOOD)
    await world.put("prod", "Desk", desk())
    before = await world.digest("prod", "Desk")
    await promoted(world)
    async with world.workspace() as workspace:
        report = await rollback(workspace, RollbackOptions(project="Desk", route="up", apply=True))
    assert report.plan.steps[0] == "delete the deployment production, which was not there before"
    assert (await world.digest("prod", "Desk"), await served(world)) == (before, (None, None))


async def test_promotions_are_undone_newest_first() -> None:
    """By whatever route they came."""
    world = await ready()
    values = world.settings.model_dump(by_alias=True)
    values["routes"]["other"] = {"source": "test", "target": "prod"}
    world.settings = type(world.settings).model_validate(values)
    await world.put("test", "Desk", GOOD)
    assert (await promoted(world, route="other")).state == "promoted"
    async with world.workspace() as workspace:
        with pytest.raises(GuardRefused, match="came later, by other"):
            await rollback(workspace, RollbackOptions(project="Desk", route="up"))


# --- steps by themselves -------------------------------------------------------------------------------------------


async def test_a_step_outside_of_a_lease_writes_nothing() -> None:
    """Nobody may write who is not known to be alone."""
    world = await ready()
    promotion = await last(world)
    async with world.workspace() as workspace:
        with pytest.raises(LeaseLost, match="not run under a lease"):
            await prove(workspace, promotion)
        with pytest.raises(LeaseLost, match="not run under a lease"):
            await turn_round(workspace, promotion, Step.TRAIN, "failed", "x")


async def test_records_that_lack_what_they_need_are_refused() -> None:
    """A promotion without safety record has nothing to go back to; a plan of another snapshot is not imported."""
    world = await ready()
    promotion = await last(world)
    with pytest.raises(GuardRefused, match="no record of what was before"):
        safety_of(Promotion(promotion.key, promotion.records[:1]))
    first = promotion.records[0]
    facts = first.facts.model_copy(update={"plan": promotion.plan.model_copy(update={"meant_digest": "00" * 32})})
    forged = Promotion(promotion.key, (first.model_copy(update={"facts": facts}), *promotion.records[1:]))
    async with world.workspace() as workspace:
        with pytest.raises(GuardRefused, match="is not what the plan was made of"):
            await meant_by(workspace, forged)


async def test_a_report_is_about_something() -> None:
    """About a plan or about a promotion."""
    with pytest.raises(ValueError, match="about a plan"):
        _ = PromotionReport(None, None).plan


async def test_an_odd_fault_is_undone_as_well() -> None:
    """Not only what is foreseen."""
    world = await ready()
    before = await world.digest("prod", "Desk")

    async def explode() -> None:
        raise ZeroDivisionError("odd")

    world.hook = once_before("/projects/Desk/:train", explode)
    with pytest.raises(ZeroDivisionError):
        await promoted(world)
    assert await world.digest("prod", "Desk") == before
    assert (await last(world)).find(Abandoned) is None


async def test_no_promotion_of_this_name() -> None:
    """Named by what is no promotion's name."""
    world = await ready()
    for name in ("prod/Desk", "./x", "prod/Desk@2026-11-01"):
        with pytest.raises(UsageError, match="names no promotion"):
            await promoted(world, resume=name)
