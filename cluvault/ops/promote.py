"""promote: bring a project to the next environment, prove it there before it serves, and undo it when it fails.

The records in the vault are all that a promotion is: each step reads them, acts, and adds one. So any process can take
a promotion over at any step, whatever became of the one before; the lease sees to it that only one does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import GuardRefused
from cluvault.model.promotion import Abandoned, PromotionPlan
from cluvault.model.promotion import Planned as PlannedFacts
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.ops.promotion_course import carry_on
from cluvault.ops.promotion_planning import PromoteOptions, plan_promotion
from cluvault.ops.promotion_report import PromotionReport
from cluvault.ops.promotion_work import announced, note
from cluvault.ops.promotions import find_promotion
from cluvault.ops.steps import Runner, run_directly
from cluvault.ops.target_lease import hold, working_on
from cluvault.plan import promotion_plan as decide
from cluvault.plan.keys import PromotionKey
from cluvault.plan.promotion import Promotion, Step, next_step

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion_plan import PlannedPromotion
    from cluvault.vault.leases import Turn


async def promote(
    workspace: Workspace,
    options: PromoteOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[PlannedPromotion], None] = lambda _planned: None,
    on_step: Callable[[Promotion, Step], None] = lambda _promotion, _step: None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> PromotionReport:
    """Plan a promotion, and with `apply` carry it out as far as it goes without a person.

    A refusal by the gate or by a person is the report's; what fails is undone and then raised.

    Raises:
        GuardRefused: the plan is refused, or has been overtaken; nothing was changed.
        LeaseHeld: somebody else works on the target project.
        LeaseLost: somebody else has taken the promotion over.
        CluvaultError: a step failed. The target is as before, or the message says how to go on.
    """
    if options.resume is not None:
        key = await find_promotion(workspace, options.resume)
        return await resume(
            workspace, key, patience=options.patience or None, run=run, on_step=on_step, on_wait=on_wait
        )
    if (own := await _begun_here(workspace, options)) is not None:
        return await resume(workspace, own.key, run=run, on_step=on_step, on_wait=on_wait)
    planned = await run(plan_promotion, workspace, options)
    on_plan(planned)
    if not options.apply or planned.plan.nothing_to_do:
        return PromotionReport(planned, None)
    decide.refuse_blocked(planned.plan)
    by = _requester(workspace, options, planned.plan)
    target = planned.plan.target
    key = PromotionKey(target.resource, target.project, workspace.new_run_id())
    async with working_on(workspace, key, step="plan", patience=options.patience, on_wait=on_wait):
        promotion = await run(begin_promotion, workspace, planned.plan, key, by)
        return PromotionReport(planned, await carry_on(workspace, promotion, run=run, on_step=on_step))


async def resume(
    workspace: Workspace,
    key: PromotionKey,
    *,
    patience: float | None = None,
    run: Runner = run_directly,
    on_step: Callable[[Promotion, Step], None] = lambda _promotion, _step: None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> PromotionReport:
    """Go on with a promotion where it stands, forwards or back; nothing happens when a person has to act first.

    Without `patience` it waits for as long as it takes to see that another worker is dead.

    Raises what `promote` does.
    """
    vault = await workspace.vault()
    promotion = await announced(workspace, await vault.promotions.load(key))  # who died before telling it has not
    if next_step(promotion, now=workspace.now()) in (None, Step.WAIT):
        return PromotionReport(None, promotion)
    patience = 2 * workspace.settings.promotions.lease_seconds if patience is None else patience
    async with working_on(workspace, key, step="resume", patience=patience, on_wait=on_wait):
        promotion = await vault.promotions.load(key)
        return PromotionReport(None, await carry_on(workspace, promotion, run=run, on_step=on_step))


def _requester(workspace: Workspace, options: PromoteOptions, plan: PromotionPlan) -> str:
    """Who asks. What a deployment starts runs under the worker's name, which is nobody's."""
    if options.requested_by.strip():
        return options.requested_by.strip()
    if workspace.is_unattended and plan.settings.gate.second_person:
        message = f"{plan.route} wants a second person, and the run of a deployment does not know the first"
        raise GuardRefused(message, mend="set requested_by in the run's options")
    return workspace.actor


async def _begun_here(workspace: Workspace, options: PromoteOptions) -> Promotion | None:
    """The promotion that this flow run began when it ran before: until it was suspended, or died.

    One that was abandoned has changed nothing; the run may begin another.
    """
    if workspace.flow_run is None or not await workspace.has_vault():
        return None
    place = _target_place(workspace, options)
    there = await (await workspace.vault()).promotions.of_project(*place)
    own = [one for one in there if one.flow_run == workspace.flow_run and not one.has(Abandoned)]
    return own[-1] if own else None


def _target_place(workspace: Workspace, options: PromoteOptions) -> tuple[str, str]:
    if options.plan is not None:
        return options.plan.target.resource, options.plan.target.project
    project = options.project
    if not project and options.reference is not None:
        parsed = parse_reference(options.reference)
        project = parsed.project if isinstance(parsed, SnapshotReference) else ""
    route = workspace.settings.route(options.route)
    return route.target, route.target_project(project)


async def begin_promotion(workspace: Workspace, plan: PromotionPlan, key: PromotionKey, by: str) -> Promotion:
    """Write the first record. Earlier promotions that died before they changed anything are abandoned.

    Raises:
        GuardRefused: another promotion to the project is under way.
    """
    vault = await workspace.vault()
    for other in await vault.promotions.of_project(key.resource, key.project):
        if other.has_ended:
            continue
        if not other.is_harmless:
            raise _under_way(other)
        await note(workspace, other, Abandoned(why=f"it had changed nothing when {key.promotion_id} began"))
    lease = await hold(workspace, key, "planned")
    facts = PlannedFacts(plan=plan, flow_run=workspace.flow_run)
    begun = await vault.promotions.begin(key, facts, at=workspace.now(), by=by, holder=lease.holder)
    return await announced(workspace, begun)


def _under_way(other: Promotion) -> GuardRefused:
    where = f"{other.key.resource}/{other.key.project}"
    mend = f"cluvault promote --resume {other.key}, or cluvault rollback"
    return GuardRefused(f"promotion {other.key.promotion_id} to {where} is under way: {other.state}", mend=mend)
