"""Commands whose result is the record of a run: carry it out, show it, end with its exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluvault.cli.render import finish, print_json, print_report, say
from cluvault.ops.report import RunFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pydantic import BaseModel

    from cluvault.cli.invocation import Invocation
    from cluvault.model.json_text import JsonObject
    from cluvault.ops.report import Report
    from cluvault.ops.workspace import Workspace


def report_of(
    invocation: Invocation,
    kind: str,
    options: BaseModel,
    directly: Callable[[Workspace], Coroutine[Any, Any, Report]],
    *,
    by_flow: bool | None,
) -> Report:
    """Carry out an operation, directly or as its flow, and take what failed of it for part of its report."""
    try:
        return invocation.act(kind, options, directly, by_flow=by_flow)
    except RunFailed as err:
        return err.report


def show_run(invocation: Invocation, report: Report, *, around: JsonObject | None = None, hint: str = "") -> int:
    """Print what became of each project, and give the exit code.

    Args:
        invocation: Whether that is for people or for programs.
        report: What became of them.
        around: What else programs are used to find beside it; then it is their member `run`.
        hint: A line more for people.
    """
    if invocation.json:
        print_json(report.to_json() if around is None else {**around, "run": report.to_json()})
    else:
        print_report(report)
        if hint:
            say(hint, style="dim")
    return finish(report)
