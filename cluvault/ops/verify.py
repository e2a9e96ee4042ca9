"""verify: read every chosen snapshot back and compare it with its manifest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import CluvaultError, DamagedSnapshot
from cluvault.model.project_file import read_project_file
from cluvault.ops.catalogue import find_snapshot
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.keys import SnapshotKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluvault.ops.workspace import Workspace

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Checked:
    """One snapshot and what is wrong with it; nothing when `damage` is None."""

    reference: str
    damage: str | None


async def verify(
    workspace: Workspace, references: Sequence[str] = (), *, on_done: Callable[[Checked], None] = lambda _one: None
) -> list[Checked]:
    """Check the named snapshots, or all: stored and raw SHA-256, size, gzip, parse, canonical digest."""
    keys = await _keys(workspace, references)
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(key: SnapshotKey) -> Checked:
        async with places:
            checked = Checked(f"{key.resource}/{key.project}@{key.snapshot_id}", await _damage(workspace, key))
        on_done(checked)
        return checked

    return list(await asyncio.gather(*map(one, keys)))


async def _keys(workspace: Workspace, references: Sequence[str]) -> list[SnapshotKey]:
    vault = await workspace.vault()
    if not references:
        return [key async for key in vault.keys()]  # noqa: SIM118  # a vault is no mapping
    found = [await find_snapshot(workspace, reference) for reference in references]
    return [SnapshotKey(one.resource, one.project, one.snapshot_id) for one in found]


async def _damage(workspace: Workspace, key: SnapshotKey) -> str | None:
    vault = await workspace.vault()
    try:
        manifest = await vault.manifest(key)
        data = await vault.read(manifest)
        digest = canonical_digest(await asyncio.to_thread(read_project_file, data, source=manifest.reference))
    except DamagedSnapshot as err:
        return str(err)
    except CluvaultError as err:
        return f"{key.manifest}: {err}"
    if digest != manifest.content.canonical_sha256:
        return (
            f"{manifest.reference}: canonical digest is {digest}, the manifest says {manifest.content.canonical_sha256}"
        )
    return None
