"""What `cluvault restore --environment` shows: the plan, each step as it begins, and how the new models score."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.cli.losses import show_losses
from cluvault.cli.promotions import show_waiting
from cluvault.cli.render import print_json, print_lines, say
from cluvault.ops.environment import preview_environment, restore_environment
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.plan.diff_report import diff_lines

if TYPE_CHECKING:
    from cluvault.cli.invocation import Invocation
    from cluvault.ops.environment import EnvironmentReport
    from cluvault.ops.restore import RestoreOptions
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.environment import EnvironmentPlan, EnvironmentStep


def restore_environment_by(
    invocation: Invocation, options: RestoreOptions, *, dry_run: bool, by_flow: bool | None
) -> int:
    """Rebuild an environment, or show what that would do; the exit code."""
    if dry_run:
        plan = invocation.work(lambda workspace: preview_environment(workspace, options))
        if invocation.json:
            print_json(plan.to_json())
        else:
            _show_plan(plan)
            for refusal in plan.refusals:
                say(f"  refused: {refusal}", style="bold red")
            say("dry run: nothing was changed")
        return plan.refusals[0].exit_code if plan.refusals else 0

    async def directly(workspace: Workspace) -> EnvironmentReport:
        quiet = invocation.json
        return await restore_environment(
            workspace,
            options,
            on_plan=_keep_quiet if quiet else _show_plan,
            on_step=_keep_quiet if quiet else _show_step,
            on_wait=show_waiting(quiet=quiet),
        )

    try:
        report = invocation.act("restore", options, directly, by_flow=by_flow)
    except NotWhatWasMeant as err:
        if not invocation.json:
            print_lines(diff_lines(err.difference, limit=50))
        raise
    if invocation.json:
        print_json(report.to_json())
    else:
        _show_report(report)
    return 0


def _show_plan(plan: EnvironmentPlan) -> None:
    say(f"plan: {plan.sentence}")
    for number, step in enumerate(plan.steps, 1):
        say(f"  {number}. {step.sentence}")
    for note in plan.notes:
        say(f"  note: {note}", style="dim")
    show_losses(plan.losses)


def _show_step(step: EnvironmentStep) -> None:
    say(f"{step.kind.value}: {step.sentence}", style="dim")


def _show_report(report: EnvironmentReport) -> None:
    for warning in report.warnings:
        say(f"warning: {warning}", style="yellow")
    for scored in report.scores:
        say(f"trained {scored.sentence}")
    if report.plan.steps:
        names = ", ".join(f"{name} serves {label}" for name, label in report.plan.deployments.items())
        say(f"restored {report.plan.where} from {report.plan.snapshot}: {names}; the draft means the same")
    if report.safety:
        say(f"what stood there before: {report.safety}")


def _keep_quiet(_shown: EnvironmentPlan | EnvironmentStep) -> None:
    """Programs read the report."""
