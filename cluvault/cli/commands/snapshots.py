"""cluvault snapshots."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import JsonArray, LongTable, say
from cluvault.cli.text import clean, size, when
from cluvault.ops.catalogue import ListedSnapshot, list_snapshots

if TYPE_CHECKING:
    from cluvault.errors import VaultError
    from cluvault.ops.workspace import Workspace

_HEADINGS = ("project", "snapshot", "captured", "reason", "intents / entities / utterances", "size", "digest", "notes")


@click.command("snapshots", cls=Command)
@click.argument("place", required=False, metavar="[RESOURCE[/PROJECT]]")
@click.pass_obj
def command(invocation: Invocation, *, place: str | None) -> int:
    """List the snapshots of the vault, of a resource or of a project, oldest first."""
    faults: list[VaultError] = []

    async def show(workspace: Workspace) -> bool:
        out, table = JsonArray(), LongTable(_HEADINGS)
        listing = list_snapshots(workspace, place, on_fault=lambda _key, error: faults.append(error))
        async with aclosing(listing):
            async for batch in listing:
                if invocation.json:
                    out.add(one.to_json() for one in batch)
                else:
                    table.add(_row(one) for one in batch)
        if invocation.json:
            out.end()
        else:
            table.end()
        return table.is_empty

    is_empty = invocation.work(show)
    if is_empty and not invocation.json:
        say("no snapshots" + (f" of {place}" if place else " in this vault") + "; `cluvault backup` takes some")
    for fault in faults:
        click.echo(f"cluvault: {clean(str(fault))}", err=True)
    return max((fault.exit_code for fault in faults), default=0)


def _row(found: ListedSnapshot) -> tuple[str, ...]:
    one = found.manifest
    return (
        f"{one.resource}/{one.project}",
        one.snapshot_id,
        when(one.captured_at),
        one.reason.value + (f" [{', '.join(one.tags)}]" if one.tags else ""),
        f"{one.counts.intents} / {one.counts.entities} / {one.counts.utterances}",
        size(one.content.raw_bytes),
        one.content.canonical_sha256[:12],
        _notes(found),
    )


def _notes(found: ListedSnapshot) -> str:
    notes = [f"held: {one.hold.reason}" for one in found.holds]
    if found.gone_since is not None:
        notes.append(f"gone since {found.gone_since:%Y-%m-%d}")
    return "; ".join(notes)
