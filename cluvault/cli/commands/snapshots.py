"""cluvault snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_table, say
from cluvault.cli.text import clean, size, when
from cluvault.ops.catalogue import list_snapshots

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.errors import VaultError
    from cluvault.model.manifest import Manifest


@click.command("snapshots", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.pass_obj
def command(invocation: Invocation, *, place: str | None) -> int:
    """List the snapshots of the vault, of a resource or of a project, oldest first."""
    faults: list[VaultError] = []
    manifests = invocation.work(
        lambda workspace: list_snapshots(workspace, place, on_fault=lambda _key, error: faults.append(error))
    )
    if invocation.json:
        print_json([one.model_dump(mode="json", by_alias=True) for one in manifests])
    else:
        _show(manifests, place)
    for fault in faults:
        click.echo(f"cluvault: {clean(str(fault))}", err=True)
    return max((fault.exit_code for fault in faults), default=0)


def _show(manifests: Sequence[Manifest], place: str | None) -> None:
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
        return
    headings = ("project", "snapshot", "captured", "reason", "intents / entities / utterances", "size", "digest")
    print_table(headings, rows)
