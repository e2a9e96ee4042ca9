"""cluvault snapshots."""

from __future__ import annotations

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_table, say
from cluvault.cli.text import size, when
from cluvault.ops.catalogue import list_snapshots


@click.command("snapshots", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.pass_obj
def command(invocation: Invocation, *, place: str | None) -> int:
    """List the snapshots of the vault, of a resource or of a project, oldest first."""
    manifests = invocation.work(lambda workspace: list_snapshots(workspace, place))
    if invocation.json:
        print_json([one.model_dump(mode="json", by_alias=True) for one in manifests])
        return 0
    rows = [
        (
            f"{one.resource}/{one.project}",
            one.snapshot_id,
            when(one.captured_at),
            one.reason.value + (f" [{', '.join(one.tags)}]" if one.tags else ""),
            f"{one.counts.intents} / {one.counts.entities} / {one.counts.utterances}",
            size(one.content.raw_bytes),
            one.content.canonical_sha256[:12],
        )
        for one in manifests
    ]
    if not rows:
        say("no snapshots" + (f" of {place}" if place else " in this vault") + "; `cluvault backup` takes some")
        return 0
    headings = ("project", "snapshot", "captured", "reason", "intents / entities / utterances", "size", "digest")
    print_table(headings, rows)
    return 0
