"""cluvault promote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.promotions import announce, print_plan, print_promotion, show_waiting, write_junit
from cluvault.cli.render import complain, print_json, say
from cluvault.errors import GuardRefused, UsageError
from cluvault.ops.promote import promote
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.promotion_report import PromotionRefused, PromotionReport
from cluvault.ops.sources import read_file
from cluvault.plan.reviewed_plan import plan_to_bytes, read_plan

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion_plan import PlannedPromotion


@click.command("promote", cls=Command)
@click.argument("project", required=False, default="", metavar="[PROJECT]")
@click.option("--route", default="", metavar="NAME", help="The configured route.")
@click.option("--reference", metavar="REF", help="A snapshot of the source; by default one is taken now.")
@click.option("--apply", is_flag=True, help="Promote. Without it the plan is shown and nothing is changed.")
@click.option("--save-plan", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write the plan.")
@click.option("--plan-file", metavar="FILE", help="Apply exactly this plan; refused when anything has moved since.")
@click.option("--resume", metavar="PROMOTION", help="Go on with a promotion: after an approval, or a crash.")
@click.option("--accept-drift", is_flag=True, help="Replace what was edited at the target directly.")
@click.option("--allow-loss", is_flag=True, help="Go on where the target's api-version lacks what the model needs.")
@click.option("--wait", "patience", type=click.FloatRange(min=0), default=0.0, metavar="SECONDS",
              help="Wait for another worker on the same project.")  # fmt: skip
@click.option("--requested-by", default="", metavar="NAME", help="Who asks for it, if it is not you.")
@click.option("--wait-for-approval", is_flag=True, help="Of a flow: wait until the form in Prefect is answered.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Write the gate's verdict for a build server.")  # fmt: skip
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    project: str,
    route: str,
    reference: str | None,
    apply: bool,
    save_plan: Path | None,
    plan_file: str | None,
    resume: str | None,
    accept_drift: bool,
    allow_loss: bool,
    patience: float,
    requested_by: str,
    wait_for_approval: bool,
    junit: Path | None,
    by_flow: bool | None,
) -> int:
    """Bring PROJECT to the next environment; it is proven there by the gate before it serves, and undone if it fails.

    PROJECT is its name at the source of the route. Exit code 4 means that the gate, a guard or a person refused.
    """
    _check_one_way(project=project, route=route, plan_file=plan_file, resume=resume)
    plan = read_plan(read_file(plan_file), source=plan_file) if plan_file is not None else None
    options = options_of(
        PromoteOptions,
        project=project,
        route=route,
        reference=reference,
        plan=plan,
        resume=resume,
        apply=apply,
        accept_drift=accept_drift,
        allow_loss=allow_loss,
        patience=patience,
        requested_by=requested_by,
        wait_for_approval=wait_for_approval,
    )

    async def directly(workspace: Workspace) -> PromotionReport:
        if wait_for_approval:
            message = "only a flow can wait for Prefect's form"
            raise UsageError(message, mend="add --flow, or approve with `cluvault approve`")
        quiet = invocation.json
        return await promote(
            workspace,
            options,
            on_plan=_ignore if quiet else _show_plan,
            on_step=announce(quiet=quiet),
            on_wait=show_waiting(quiet=quiet),
        )

    try:
        report = invocation.act("promote", options, directly, by_flow=by_flow if apply or resume else False)
    except PromotionRefused as err:  # of the flow, which has shown its plan as an artifact
        report = err.report
    if save_plan is not None:
        save_plan.write_bytes(plan_to_bytes(report.plan))
    write_junit(junit, report)
    if invocation.json:
        print_json(report.to_json())
    else:
        _show(report, save_plan=save_plan)
    return _end(report)


def _check_one_way(*, project: str, route: str, plan_file: str | None, resume: str | None) -> None:
    """Refuse combinations that would say two things."""
    ways = [bool(project), plan_file is not None, resume is not None]
    if sum(ways) != 1 or bool(project) != bool(route):
        raise UsageError(
            "say what to promote in one way",
            mend="PROJECT --route NAME, --plan-file FILE, or --resume PROMOTION",
        )


def _ignore(_planned: PlannedPromotion) -> None:
    """Programs read the report."""


def _show_plan(planned: PlannedPromotion) -> None:
    print_plan(planned)


def _show(report: PromotionReport, *, save_plan: Path | None) -> None:
    if report.promotion is not None:
        print_promotion(report)
        return
    if report.state == "nothing-to-do":
        say("nothing to do: the target holds this content, and the model that was promoted with it serves")
    elif not report.plan.refusals:
        say("nothing was changed; add --apply to carry the plan out")
    if save_plan is not None:
        say(f"the plan is in {save_plan}; apply exactly it: cluvault promote --plan-file {save_plan} --apply")


def _end(report: PromotionReport) -> int:
    if report.exit_code == GuardRefused.exit_code:
        complain(f"{report.plan.sentence}: refused: {report.why or '; '.join(report.plan.refusals)}")
    return report.exit_code
