"""cluvault cleanup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import finish, print_json, print_report, print_table, progress, say
from cluvault.cli.runs import show_run
from cluvault.errors import GuardRefused
from cluvault.ops.cleanup import CleanupOptions, CleanupReport, cleanup
from cluvault.ops.report import RunFailed

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.cleanup import CleanupPlan


@click.command("cleanup", cls=Command)
@click.argument("resource")
@click.option("--rule", "rules", multiple=True, metavar="NAME", help="Only these configured rules; may be repeated.")
@click.option(
    "--all", "everything", is_flag=True, help="Retire the whole resource: every project that is not protected."
)
@click.option("--apply", is_flag=True, help="Delete. Without it the plan is shown and nothing happens.")
@click.option("--max-deletions", type=int, help="The most projects that may go in one run.")
@click.option("--max-share", type=float, help="The largest share of all projects that may go, 0 to 1.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    resource: str,
    rules: tuple[str, ...],
    everything: bool,
    apply: bool,
    max_deletions: int | None,
    max_share: float | None,
    by_flow: bool | None,
) -> int:
    """Delete stale projects: planned, guarded, each kept in the vault first. Undo with `cluvault restore`."""
    options = options_of(
        CleanupOptions,
        resource=resource,
        rules=rules,
        everything=everything,
        apply=apply,
        max_deletions=max_deletions,
        max_share=max_share,
    )
    plans: list[CleanupPlan] = []

    async def directly(workspace: Workspace) -> CleanupReport:
        with progress("cleanup") as (start, advance):

            def planned(plan: CleanupPlan) -> None:
                plans.append(plan)
                start(len(plan.deletions))

            return await cleanup(workspace, options, on_plan=planned, on_done=advance)

    try:
        report = invocation.act("cleanup", options, directly, by_flow=by_flow)
    except GuardRefused:
        for plan in plans:
            _show_refused(invocation, resource, plan)
        raise
    except RunFailed as err:  # of the flow, which has shown its plan as an artifact
        return show_run(invocation, err.report, around={"resource": resource, "plan": None})
    if invocation.json:
        print_json(report.to_json())
    else:
        _show(report)
    return finish(report.run) if report.run is not None else 0


def _show(report: CleanupReport) -> None:
    _show_rows(report.plan)
    if report.run is not None:
        print_report(report.run)
    elif report.plan.deletions:
        say("nothing was deleted; add --apply to carry the plan out")
    else:
        say("nothing to delete")


def _show_refused(invocation: Invocation, resource: str, plan: CleanupPlan) -> None:
    if invocation.json:
        print_json({"resource": resource, "plan": plan.to_dict(), "run": None})
    else:
        _show_rows(plan)


def _show_rows(plan: CleanupPlan) -> None:
    rows = [("delete", one.project, one.rule, "; ".join(one.reasons)) for one in plan.deletions]
    rows += [("keep", one.project, "", one.reason) for one in plan.kept]
    print_table(("plan", "project", "rule", "reason"), rows, styled=True)
