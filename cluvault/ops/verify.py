"""verify: read every chosen snapshot back and compare it with its manifest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import DamagedSnapshot, InvalidProjectFile, SnapshotNotFound
from cluvault.model.project_file import read_project_file
from cluvault.ops.catalogue import find_snapshot
from cluvault.ops.fanout import at_once
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.keys import SnapshotKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluvault.ops.workspace import Workspace
    from cluvault.vault.vault import Vault

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Checked:
    """One snapshot and what is wrong with it; nothing when `damage` is None."""

    reference: str
    damage: str | None


async def verify(
    workspace: Workspace, references: Sequence[str] = (), *, on_done: Callable[[Checked], None] = lambda _one: None
) -> list[Checked]:
    """Check the named snapshots, or all: stored and raw SHA-256, size, gzip, parse, canonical digest.

    What is pruned between the listing and the look is left out.

    Raises:
        StoreUnavailable, StorageDenied, VaultTooNew, SnapshotSealed: a snapshot cannot be judged; that is no damage.
    """
    vault = await workspace.vault()

    async def one(key: SnapshotKey) -> Checked | None:
        try:
            checked = Checked(key.reference, await _damage(vault, key))
        except SnapshotNotFound:
            return None
        on_done(checked)
        return checked

    found = await at_once(await _keys(workspace, references), one, concurrency=_AT_ONCE)
    return [checked for checked in found if checked is not None]


async def _keys(workspace: Workspace, references: Sequence[str]) -> list[SnapshotKey]:
    vault = await workspace.vault()
    if not references:
        return [key async for key in vault.keys()]  # noqa: SIM118  # a vault is no mapping
    found = [await find_snapshot(workspace, reference) for reference in references]
    return [SnapshotKey(one.resource, one.project, one.snapshot_id) for one in found]


async def _damage(vault: Vault, key: SnapshotKey) -> str | None:
    try:
        manifest = await vault.manifest(key)
        data = await vault.read(manifest)
        plain = await asyncio.to_thread(_digest, data, source=manifest.reference)
        digest = await vault.recorded(manifest, plain)
    except (DamagedSnapshot, InvalidProjectFile) as err:
        return str(err)
    if digest != manifest.content.canonical_sha256:
        return (
            f"{manifest.reference}: canonical digest is {digest}, the manifest says {manifest.content.canonical_sha256}"
        )
    return None


def _digest(data: bytes, *, source: str) -> str:
    return canonical_digest(read_project_file(data, source=source))
