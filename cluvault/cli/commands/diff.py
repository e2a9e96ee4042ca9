"""cluvault diff."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_lines, say
from cluvault.cli.text import clean_lines
from cluvault.ops.sources import fetch_source
from cluvault.plan.canonical import canonical_form
from cluvault.plan.diff import ProjectDiff, diff_forms
from cluvault.plan.diff_report import diff_lines, diff_to_json, diff_to_markdown, summary

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("diff", cls=Command)
@click.argument("before", metavar="REF")
@click.argument("after", metavar="REF")
@click.option("--markdown", is_flag=True, help="Print Markdown.")
@click.option(
    "--limit", type=click.IntRange(min=0), default=100, show_default=True, help="Lines shown of each section."
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 when they differ.")
@click.pass_obj
def command(invocation: Invocation, *, before: str, after: str, markdown: bool, limit: int, exit_code: bool) -> int:
    """Show what the second project file says and the first does not, and the other way round."""

    async def compare(workspace: Workspace) -> ProjectDiff:
        old = canonical_form((await fetch_source(workspace, before)).read())  # one tree in memory at a time
        return diff_forms(old, canonical_form((await fetch_source(workspace, after)).read()))

    difference = invocation.work(compare)
    if invocation.json:
        print_json(diff_to_json(difference))
    elif markdown:
        click.echo(clean_lines(diff_to_markdown(difference, title=f"{before} → {after}", limit=limit)), nl=False)
    else:
        print_lines(diff_lines(difference, limit=limit))
        say(summary(difference))
    return 1 if exit_code and difference else 0
