"""cluvault report."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click

from cluvault.cli.invocation import Command, Invocation, options_of
from cluvault.cli.render import complain, print_json, say
from cluvault.cli.text import size
from cluvault.errors import PartialFailure, UsageError
from cluvault.ops.fleet_report import ReportOptions, fleet_report


@click.command("report", cls=Command)
@click.argument("resources", nargs=-1, metavar="[RESOURCE]...")
@click.option(
    "-o", "--output", default="report.html", show_default=True, metavar="FILE", help="The page; - is standard output."
)
@click.option("--offline", is_flag=True, help="Only read the vault; ask no resource anything.")
@click.option("--deep", is_flag=True, help="Also ask for models and deployments: two calls for each project.")
@click.option("--changes", "most_changes", type=int, default=25, show_default=True, help="Compare so many projects.")
@click.pass_obj
def command(
    invocation: Invocation, *, resources: tuple[str, ...], output: str, offline: bool, deep: bool, most_changes: int
) -> int:
    """Write one page for people: state, history, runs, promotions and changes of all projects.

    It needs no network and no other file. Exit code: 0, or 3 when a resource did not answer; alarms are in the page.
    """
    from cluvault.cli.report_page import render_report  # noqa: PLC0415  # `--help` starts without a template engine

    options = options_of(ReportOptions, resources=resources, offline=offline, deep=deep, most_changes=most_changes)
    to_file = None if output == "-" else _checked(Path(output))
    report = invocation.work(lambda workspace: fleet_report(workspace, options))
    page = render_report(report).encode()
    if to_file is None:
        sys.stdout.write(page.decode())
    else:
        _write(to_file, page)
        if invocation.json:
            print_json({"file": output, "bytes": len(page), "summary": report.status.summary})
        else:
            say(f"{output}: {size(len(page))}; {report.status.summary}")
    silent = [one for one in report.status.resources if one.problem]
    if silent:
        complain(f"report: resource {silent[0].name} did not answer: {silent[0].problem}")
        return PartialFailure.exit_code
    return 0


def _checked(path: Path) -> Path:
    """Where to write.

    Raises:
        UsageError: it is no place for a file.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file; nothing was written", mend="name a file for the page, or - for none")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; nothing was written", mend="make it, or name another")
    return path


def _write(path: Path, body: bytes) -> None:
    """Write a file whole or not at all; whoever has the old one open keeps it."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with unfinished.open("xb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
