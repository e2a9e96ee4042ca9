"""restore --environment: rebuild what was deployed: import, train, deploy under the same names, then the draft.

Each step looks at what is there before it acts. Nothing is recorded of the way: who is killed and begins again finds
the models that were trained on the same content, the deployments that serve them, and does what is missing. One worker
at a time works on the target, under the lease that promotions and replications take, too.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError, VaultError
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.environment_planning import place_of_environment, plan_environment
from cluvault.ops.environment_steps import STEP, Scored, settle_trainings, take_step
from cluvault.ops.report import add_mend, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.ops.target_lease import refuse_under_way, working_on
from cluvault.plan.keys import PromotionKey
from cluvault.plan.losses import refuse_without_leave

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.restore import RestoreOptions
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.environment import EnvironmentPlan, EnvironmentStep
    from cluvault.vault.leases import Turn

_LEAVE: Final = "--dry-run lists all that would be lost; add --allow-loss to accept it"


@dataclass(slots=True)
class EnvironmentReport:
    """A rebuilding that came to its end.

    Attributes:
        safety: The safety snapshot of what stood there.
        warnings: What the service or the safety snapshot warns of.
        scores: Of each model that was trained.
    """

    plan: EnvironmentPlan
    safety: str = ""
    warnings: list[str] = field(default_factory=list[str])
    scores: list[Scored] = field(default_factory=list[Scored])
    record_key: str = ""

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return self.plan.to_json() | {
            "safetySnapshot": self.safety or None,
            "warnings": list(self.warnings),
            "scores": [
                {"label": one.label, "compared": one.is_compared, "changes": list(one.changes)} for one in self.scores
            ],
            "record": self.record_key,
        }


async def preview_environment(workspace: Workspace, options: RestoreOptions) -> EnvironmentPlan:
    """What a rebuilding would do; changes nothing."""
    return (await plan_environment(workspace, options)).plan


async def restore_environment(
    workspace: Workspace,
    options: RestoreOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[EnvironmentPlan], None] = lambda _plan: None,
    on_step: Callable[[EnvironmentStep], None] = lambda _step: None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> EnvironmentReport:
    """Rebuild an environment, or go on with a rebuilding that was killed; what is there already is left.

    Raises:
        UsageError: the reference names no snapshot with an environment, or the target cannot be one.
        ProjectExists: the target exists, holds other things, and `if_exists` is fail; nothing was changed.
        GuardRefused: a limit, a promotion, a deployment of others or a loss is in the way; nothing was changed.
        LeaseHeld: somebody else works on the target.
        CluvaultError: a step failed; what was done stays, and the same call goes on.
    """
    started_at = workspace.now()
    _, resource, project = place_of_environment(options)
    workspace.settings.resource(resource)
    key = PromotionKey(resource, project, workspace.new_run_id())
    patience = 2 * workspace.settings.promotions.lease_seconds  # who was killed just now holds the lease for so long
    async with working_on(workspace, key, step=STEP, patience=patience, on_wait=on_wait):
        await refuse_under_way(workspace, resource, project)
        await run(settle_trainings, workspace, resource, project)
        rebuilding = await run(plan_environment, workspace, options, key)
        plan = rebuilding.plan
        on_plan(plan)
        refuse(plan, options)
        report = EnvironmentReport(plan)
        try:
            for step in plan.steps:
                on_step(step)
                done = await run(take_step, workspace, rebuilding, step)
                report.safety = done.safety or report.safety
                report.warnings += done.warnings
                report.scores += [done.scored] if done.scored is not None else []
        except CluvaultError as err:
            _tell_way_back(err, report.safety)
            item = _item(plan, Outcome.FAILED, str(err))
            with suppress(VaultError):  # the step's own error says more
                await run(finish_run, workspace, "restore", started_at, [resource], [item])
            raise
    names = ", ".join(plan.deployments)
    item = _item(plan, Outcome.RESTORED, f"environment from {plan.snapshot}: {names}; {len(plan.steps)} steps")
    report.record_key = (await run(finish_run, workspace, "restore", started_at, [resource], [item])).record_key
    return report


def refuse(plan: EnvironmentPlan, options: RestoreOptions) -> None:
    """Raise the first reason for which a plan is not carried out."""
    if plan.refusals:
        raise plan.refusals[0]
    if plan.steps and not options.allow_loss:
        refuse_without_leave(plan.losses, what=plan.sentence, mend=_LEAVE)


def _tell_way_back(err: CluvaultError, safety: str) -> None:
    add_mend(err, "the same command goes on from here" + (f"; what stood there is kept as {safety}" if safety else ""))


def _item(plan: EnvironmentPlan, outcome: Outcome, detail: str) -> RunItem:
    snapshot_id = plan.snapshot.rpartition("@")[2]
    return RunItem(
        resource=plan.resource, project=plan.project, outcome=outcome, snapshot_id=snapshot_id, detail=detail
    )
