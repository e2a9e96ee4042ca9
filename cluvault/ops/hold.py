"""hold: keep a snapshot from every prune until somebody releases it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import UsageError
from cluvault.model.hold import LONGEST_REASON, Hold, Release
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.ops.catalogue import find_snapshot, place_of
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import HoldKey
    from cluvault.vault.holds import PlacedHold


async def hold_snapshot(workspace: Workspace, reference: str, *, reason: str) -> HoldKey:
    """Hold the snapshot that a reference names; when this returns, no prune removes it.

    Raises:
        UsageError: the reference names no snapshot, or the reason is none or too long.
        SnapshotNotFound: no snapshot fits, or it was pruned just now.
    """
    if not reason.strip():
        raise UsageError("a hold needs a reason", mend="whoever meets it later will want to know")
    if len(reason.strip()) > LONGEST_REASON:
        raise UsageError(f"the reason has {len(reason.strip())} characters", mend=f"use at most {LONGEST_REASON}")
    manifest = await find_snapshot(workspace, reference)
    vault = await workspace.vault()
    hold = Hold(reason=_text(reason), by=_text(workspace.actor), held_at=workspace.now())
    return await vault.holds.place(key_of(manifest), hold, hold_id=workspace.new_run_id())


async def release_snapshot(workspace: Workspace, reference: str, *, reason: str = "") -> Sequence[PlacedHold]:
    """Release every hold on a snapshot and return them; one that is named by its id may be damaged, or gone by now.

    Raises:
        UsageError: nobody holds it.
    """
    parsed = parse_reference(reference)
    if isinstance(parsed, SnapshotReference) and parsed.snapshot_id is not None:
        key = SnapshotKey(parsed.resource, parsed.project, parsed.snapshot_id)
    else:
        key = key_of(await find_snapshot(workspace, reference))
    vault = await workspace.vault()
    placed = await vault.holds.of_snapshot(key)
    if not placed:
        raise UsageError(f"{key.reference} is not held", mend="`cluvault hold` lists what is")
    for one in placed:
        release = Release(reason=_text(reason), by=_text(workspace.actor), released_at=workspace.now())
        await vault.holds.release(one.key, release)
    return placed


def _text(argument: str) -> str:
    """An argument as text that any store can hold: bytes of a terminal that are no text become question marks."""
    return argument.encode(errors="replace").decode()


async def list_holds(workspace: Workspace, place: str | None = None) -> Sequence[PlacedHold]:
    """The holds of the vault, of a resource or of a project, by snapshot."""
    resource, project = place_of(place)
    vault = await workspace.vault()
    return [one async for one in vault.holds.list(resource, project) if resource in (None, one.key.snapshot.resource)]
