"""cluvault verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.render import complain, print_json, print_report, print_table, progress, say
from cluvault.ops.verify import VerifyFailed, VerifyOptions, VerifyReport, verify

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.ops.examine import Survey
    from cluvault.ops.workspace import Workspace

_FEW = 3


@click.command("verify", cls=Command)
@click.argument("references", nargs=-1, metavar="[REF]...")
@click.option("--read-data", is_flag=True, help="Read every byte; without it names and sizes are compared.")
@click.option(
    "--drill",
    default="",
    metavar="RESOURCE",
    help="Restore each REF (default: the latest snapshot of each project) there into a scratch project, export it "
    "again, compare, delete it.",
)
@click.option(
    "--environment", is_flag=True, help="With --drill: rebuild what was deployed, too: train, deploy, compare scores."
)
@click.option("--repair", is_flag=True, help="Put what is damaged or missing back where the same bytes are known.")
@click.option("--from", "source", default="", metavar="URL", help="With --repair: a second copy of the vault.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    references: tuple[str, ...],
    read_data: bool,
    drill: str,
    environment: bool,
    repair: bool,
    source: str,
    by_flow: bool | None,
) -> int:
    """Compare the named snapshots, or the whole vault, with what their manifests say.

    Damage (exit code 5) is a content that is missing or not what it was, or a manifest of no use. A content without a
    manifest and an object that no vault writes are notes.
    """
    options = options_of(
        VerifyOptions,
        references=references,
        read_data=read_data,
        drill=drill,
        environment=environment,
        repair=repair,
        source=source,
    )

    async def directly(workspace: Workspace) -> VerifyReport:
        with progress("verify") as (start, advance):

            def show(survey: Survey) -> None:
                drills = (len(references) or len(survey.projects)) if drill else 0
                start(len(survey.projects) + drills)

            return await verify(workspace, options, on_survey=show, on_checked=advance, on_drilled=advance)

    try:
        report = invocation.act("verify", options, directly, by_flow=by_flow)
    except VerifyFailed as err:  # of the flow
        report = err.report
    if invocation.json:
        print_json(report.to_json())
    else:
        _show(report)
    if report.exit_code:
        complain(str(VerifyFailed(report)))
    return report.exit_code


def _show(report: VerifyReport) -> None:
    if report.findings:
        print_table(("finding", "key", "snapshots", "problem"), _rows(report), styled=True)
    if report.repairs:
        rows = ((one.outcome.value, one.key, one.detail) for one in report.repairs)
        print_table(("repair", "key", "detail"), rows, styled=True)
    say(report.summary, style="red" if report.exit_code else "green")
    if report.unrecorded:
        say(f"no record of this was written: {report.unrecorded}", style="yellow")
    if report.drill is not None:
        print_report(report.drill)


def _rows(report: VerifyReport) -> Iterator[tuple[str, str, str, str]]:
    for one in report.findings:
        named = [key.reference for key in one.snapshots[:_FEW]]
        if len(one.snapshots) > _FEW:
            named.append(f"and {len(one.snapshots) - _FEW} more")
        yield one.kind.value, one.key, ", ".join(named) or "-", one.problem
