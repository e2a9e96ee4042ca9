"""cluvault hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_table, say
from cluvault.errors import UsageError
from cluvault.ops.catalogue import hold_to_json
from cluvault.ops.hold import hold_snapshot, list_holds, release_snapshot

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject
    from cluvault.vault.holds import PlacedHold


@click.command("hold", cls=Command)
@click.argument("reference", required=False, metavar="[REF]")
@click.option("--reason", default="", metavar="TEXT", help="Why; needed to hold, welcome to release.")
@click.option("--release", is_flag=True, help="Release every hold on the snapshot.")
@click.pass_obj
def command(invocation: Invocation, *, reference: str | None, reason: str, release: bool) -> int:
    """Keep the snapshot REF from every prune until it is released; without REF list what is held."""
    if reference is None:
        if release or reason:
            raise UsageError("no snapshot is named", mend="cluvault hold RESOURCE/PROJECT@ID --reason TEXT")
        held = invocation.work(list_holds)
        return _show(invocation, [_row(one) for one in held])
    if release:
        freed = invocation.work(lambda workspace: release_snapshot(workspace, reference, reason=reason))
        if invocation.json:
            print_json([_row(one) for one in freed])
        else:
            say(f"released {freed[0].key.snapshot.reference}: {len(freed)} hold{'' if len(freed) == 1 else 's'}")
        return 0
    key = invocation.work(lambda workspace: hold_snapshot(workspace, reference, reason=reason))
    if invocation.json:
        print_json({"snapshot": key.snapshot.reference, "holdId": key.hold_id, "reason": reason.strip()})
    else:
        say(f"held {key.snapshot.reference}; undo: cluvault hold {key.snapshot.reference} --release")
    return 0


def _row(one: PlacedHold) -> JsonObject:
    return {"snapshot": one.key.snapshot.reference, **hold_to_json(one)}


def _show(invocation: Invocation, rows: list[JsonObject]) -> int:
    if invocation.json:
        print_json(rows)
    elif rows:
        columns = ("snapshot", "heldAt", "by", "reason")
        print_table(("snapshot", "held since", "by", "reason"), [[str(row[name]) for name in columns] for row in rows])
    else:
        say("nothing is held")
    return 0
