"""cluvault projects."""

from __future__ import annotations

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_table, say
from cluvault.cli.text import when
from cluvault.ops.catalogue import list_projects


@click.command("projects", cls=Command)
@click.argument("resource")
@click.pass_obj
def command(invocation: Invocation, *, resource: str) -> int:
    """List the projects of a resource with language, kind, times and last snapshot."""
    found = invocation.work(lambda workspace: list_projects(workspace, resource))
    if invocation.json:
        print_json([one.to_json() for one in found])
        return 0
    rows = [
        (
            one.project.name,
            one.project.kind,
            one.project.language + (" +" if one.project.multilingual else ""),
            when(one.project.last_modified_at),
            when(one.project.last_trained_at),
            when(one.project.last_deployed_at),
            one.last_snapshot or "never",
        )
        for one in found
    ]
    if not rows:
        say(f"{resource} has no projects")
        return 0
    print_table(("project", "kind", "language", "modified", "trained", "deployed", "last snapshot"), rows)
    return 0
