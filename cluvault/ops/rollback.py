"""rollback: undo the last promotion to a project by hand, or end one that is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import GuardRefused
from cluvault.model.promotion import Promoted, RollbackBegun, Safety, SwapBegun
from cluvault.ops.promotion_course import carry_on
from cluvault.ops.promotion_report import PromotionReport
from cluvault.ops.promotion_work import note, slots_of
from cluvault.ops.steps import Runner, run_directly
from cluvault.ops.target_lease import working_on

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion, Step


class RollbackOptions(BaseModel):
    """Which promotion to undo."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field(description="The project's name at the source.")
    route: str = Field(description="The route by which it was promoted.")
    apply: bool = Field(default=False, description="Without it the plan is shown and nothing is changed.")
    reason: str = Field(default="", max_length=500, description="Why, for the history.")
    patience: float = Field(default=0.0, ge=0, description="Seconds to wait for another worker on the same project.")


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """What undoing a promotion does."""

    promotion: Promotion
    steps: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        key = self.promotion.key
        return f"undo promotion {key.promotion_id} of {key.resource}/{key.project}"

    def to_json(self) -> JsonObject:
        """The plan for programs."""
        return {"promotion": str(self.promotion.key), "state": self.promotion.state, "steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """The plan, and what was done of it; `done` is None when nothing was."""

    plan: RollbackPlan
    done: PromotionReport | None

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {"plan": self.plan.to_json(), "done": None if self.done is None else self.done.to_json()}


async def rollback(
    workspace: Workspace,
    options: RollbackOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[RollbackPlan], None] = lambda _plan: None,
    on_step: Callable[[Promotion, Step], None] = lambda _promotion, _step: None,
) -> RollbackReport:
    """Show what would be undone; with `apply` undo it: production, staging, then the data, proven.

    Raises:
        GuardRefused: there is nothing to undo, or it cannot be undone; nothing was changed.
        LeaseHeld: somebody works on the project.
    """
    plan = await run(plan_rollback, workspace, options)
    on_plan(plan)
    if not options.apply:
        return RollbackReport(plan, None)
    key = plan.promotion.key
    async with working_on(workspace, key, step="rollback", patience=options.patience):
        promotion = (await plan_rollback(workspace, options)).promotion  # under the lease it stays what it is
        if not promotion.is_undoing:
            promotion = await run(begin_undoing, workspace, promotion, options.reason)
        return RollbackReport(
            plan, PromotionReport(None, await carry_on(workspace, promotion, run=run, on_step=on_step))
        )


async def begin_undoing(workspace: Workspace, promotion: Promotion, reason: str) -> Promotion:
    """Write that the promotion is undone by hand."""
    return await note(workspace, promotion, RollbackBegun(cause="by-hand", why=reason or "by hand"))


async def plan_rollback(workspace: Workspace, options: RollbackOptions) -> RollbackPlan:
    """Find the last promotion that changed the project, and see that it can be undone.

    Raises:
        GuardRefused: there is none, it was undone, or what it would bring back is gone.
    """
    route = workspace.settings.route(options.route)
    project = route.target_project(options.project)
    vault = await workspace.vault()
    promotions = await vault.promotions.of_project(route.target, project)
    changed = [one for one in promotions if not one.is_harmless and one.plan.route == options.route]
    where = f"{route.target}/{project}"
    if not changed or (changed[-1].has_ended and not changed[-1].is_promoted):
        raise GuardRefused(f"there is no promotion of {where} by {options.route} that stands", mend="see promotions")
    newest = [one for one in promotions if not one.is_harmless][-1]
    if newest.key != changed[-1].key:
        raise GuardRefused(f"{newest.key} came later, by {newest.plan.route}", mend="undo that one first")
    return RollbackPlan(newest, tuple(await _steps(workspace, newest)))


async def _steps(workspace: Workspace, promotion: Promotion) -> list[str]:
    safety, where = promotion.find(Safety), f"{promotion.key.resource}/{promotion.key.project}"
    if promotion.has(Promoted):
        await _check_serving(workspace, promotion, where)
    if safety is None or safety.snapshot is None:
        return [f"keep {where} in a snapshot", f"delete {where}, which was not there before"]
    steps = await _way_back(workspace, promotion, safety) if promotion.has(SwapBegun) else []
    return [*steps, f"import {safety.snapshot} into {where} and prove it by exporting it again"]


async def _check_serving(workspace: Workspace, promotion: Promotion, where: str) -> None:
    production = promotion.plan.settings.deploy.production
    serving = (await slots_of(workspace, promotion)).production
    if serving != promotion.model_label:
        message = f"{production} of {where} serves {serving or 'nothing'}, not what {promotion.key} promoted"
        raise GuardRefused(message, mend="somebody else has deployed since; promote what is right")


async def _way_back(workspace: Workspace, promotion: Promotion, safety: Safety) -> list[str]:
    """How production comes back to the former model.

    Raises:
        GuardRefused: that model was deleted. The data alone is not put back: what serves would not be what is there.
    """
    production = promotion.plan.settings.deploy.production
    if safety.production is None:
        return [f"delete the deployment {production}, which was not there before"]
    client = await workspace.client(promotion.key.resource)
    if not await client.model_exists(promotion.key.project, label=safety.production):
        message = f"the model {safety.production}, which served before {promotion.key}, no longer exists"
        raise GuardRefused(message, mend=f"restore {safety.snapshot} and train it, or promote an earlier snapshot")
    return [f"deploy {safety.production} to {production} again"]
