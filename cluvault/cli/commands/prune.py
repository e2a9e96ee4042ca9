"""cluvault prune."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import complain, finish, print_json, print_report, print_table, progress, say
from cluvault.cli.runs import show_run
from cluvault.cli.text import size, when
from cluvault.ops.prune import PruneOptions, PruneReport, prune
from cluvault.ops.report import RunFailed
from cluvault.plan.prune import PUT_BACK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.ops.workspace import Workspace
    from cluvault.plan.prune import ProjectPrune


@click.command("prune", cls=Command)
@click.argument("places", nargs=-1, metavar="[RESOURCE[/PROJECT]]...")
@click.option("--apply", is_flag=True, help="Remove. Without it the plan is shown and nothing happens.")
@click.option("--drop-damaged", is_flag=True, help="Remove snapshots whose content is missing or cut short, too.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation, *, places: tuple[str, ...], apply: bool, drop_damaged: bool, by_flow: bool | None
) -> int:
    """Remove the snapshots that no rule of vault.retention keeps, each shown with its reasons.

    Contents that nothing refers to any more stay for a grace period (prune.grace-hours) and go in a later run.
    """
    options = options_of(PruneOptions, places=places, apply=apply, drop_damaged=drop_damaged)

    async def directly(workspace: Workspace) -> PruneReport:
        with progress("prune") as (start, advance):
            return await prune(
                workspace,
                options,
                on_plan=lambda plans: start(sum(len(plan.removed) for plan in plans)),
                on_done=advance,
            )

    try:
        report = invocation.act("prune", options, directly, by_flow=by_flow)
    except RunFailed as err:  # of the flow, which has shown its plan as an artifact
        return show_run(invocation, err.report, around={"projects": None, "damaged": None})
    if invocation.json:
        print_json(report.to_json())
    else:
        _show(report)
    if report.run is not None:
        return finish(report.run)
    for one in report.damaged:
        complain(one.detail or "")
    return report.exit_code


def _show(report: PruneReport) -> None:
    print_table(("plan", "snapshot", "captured", "reasons"), _rows(report.plans), styled=True)
    for sentence in _contents(report.plans):
        say(sentence)
    if report.run is not None:
        print_report(report.run)
    elif any(plan.has_work for plan in report.plans):
        say("nothing was removed; add --apply to carry the plan out")
    else:
        say("nothing to remove")


def _rows(plans: Sequence[ProjectPrune]) -> Iterator[tuple[str, str, str, str]]:
    for plan in plans:
        for verdict in plan.verdicts:
            one = verdict.candidate
            decision = "keep" if verdict.is_kept else "remove"
            yield decision, one.key.reference, when(one.captured_at), "; ".join(verdict.reasons) or "no rule keeps it"
        for key, problem in plan.unreadable.items():
            yield "keep", key.reference, "?", problem
        for key in plan.returning:
            yield "put back", key.reference, "?", PUT_BACK


def _contents(plans: Sequence[ProjectPrune]) -> Iterator[str]:
    expired, waiting = sum(len(plan.expired) for plan in plans), sum(len(plan.waiting) for plan in plans)
    if expired:
        yield f"{expired} contents that nothing refers to can go: {size(sum(plan.bytes_expired for plan in plans))}"
    if waiting:
        amount = size(sum(plan.bytes_waiting for plan in plans))
        yield f"{waiting} contents wait for their grace period before a later run removes them: {amount}"
