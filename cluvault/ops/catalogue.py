"""Reading the vault and the resources: projects, snapshots, one snapshot, its bytes."""

from __future__ import annotations

from collections import defaultdict
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import UsageError
from cluvault.model.names import check_project_name, check_resource_name
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.plan.history import key_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence
    from datetime import datetime

    from cluvault.errors import VaultError
    from cluvault.model.json_text import JsonObject
    from cluvault.model.manifest import Manifest
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import SnapshotKey
    from cluvault.service.models import Project
    from cluvault.vault.holds import PlacedHold
    from cluvault.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class ListedProject:
    """A project of a resource and its latest snapshot, if the vault has one."""

    project: Project
    last_snapshot: str | None

    def to_json(self) -> JsonObject:
        """For programs."""
        one = self.project
        return {
            "project": one.name,
            "kind": one.kind,
            "language": one.language,
            "multilingual": one.multilingual,
            "lastModified": _text(one.last_modified_at),
            "lastTrained": _text(one.last_trained_at),
            "lastDeployed": _text(one.last_deployed_at),
            "lastSnapshot": self.last_snapshot,
        }


async def list_projects(workspace: Workspace, resource: str) -> Sequence[ListedProject]:
    """The projects of a resource by name; a vault that does not exist yet has no snapshots."""
    client = await workspace.client(resource)
    latest = await _latest_ids(workspace, resource)
    projects = [project async for project in client.list_projects()]
    return [ListedProject(one, latest.get(one.name)) for one in sorted(projects, key=lambda one: one.name)]


@dataclass(frozen=True, slots=True)
class ListedSnapshot:
    """A snapshot, who holds it, and when a backup first missed its project in the resource; None when it is there.

    Attributes:
        deployment: Of whose model the content, its counts and its version are, when the reference says so.
    """

    manifest: Manifest
    holds: tuple[PlacedHold, ...] = ()
    gone_since: datetime | None = None
    deployment: str | None = None

    def to_json(self) -> JsonObject:
        """Its manifest, and what the vault knows besides."""
        return {
            **self.manifest.model_dump(mode="json", by_alias=True),
            "holds": [hold_to_json(one) for one in self.holds],
            "projectGoneSince": _text(self.gone_since),
            **({} if self.deployment is None else {"deployment": self.deployment}),
        }


async def list_snapshots(
    workspace: Workspace, place: str | None, *, on_fault: Callable[[SnapshotKey, VaultError], None] | None = None
) -> AsyncGenerator[list[ListedSnapshot]]:
    """The snapshots of the vault, of a resource, or of a project (`RESOURCE[/PROJECT]`), by project and time.

    They come in batches of one project each; only a few of those are in memory. `on_fault` is told of each manifest
    that cannot be used; without it the first one is raised.

    Raises:
        UsageError: the place cannot be one.
    """
    resource, project = place_of(place)
    vault = await workspace.vault()
    holds = await _holds(vault, resource, project)
    gone = await vault.runs.vanished_from(await vault.resources() if resource is None else [resource])
    async with aclosing(vault.batches(resource=resource, project=project, on_fault=on_fault)) as batches:
        async for batch in batches:
            since = gone.get(batch[0].resource, {}).get(batch[0].project)
            yield [ListedSnapshot(one, tuple(holds.get(key_of(one), ())), since) for one in batch]


async def show_snapshot(workspace: Workspace, reference: str) -> ListedSnapshot:
    """The snapshot that a reference names, with its holds. Raises what `find_snapshot` does."""
    manifest = await find_snapshot(workspace, reference)
    vault = await workspace.vault()
    gone = await vault.runs.vanished(manifest.resource)
    holds = await vault.holds.of_snapshot(key_of(manifest))
    deployment = snapshot_reference(reference).deployment
    return ListedSnapshot(manifest, tuple(holds), gone.get(manifest.project), deployment)


def hold_to_json(one: PlacedHold) -> JsonObject:
    """A hold for programs."""
    return {
        "holdId": one.key.hold_id,
        "heldAt": one.hold.held_at.isoformat(),
        "by": one.hold.by,
        "reason": one.hold.reason,
    }


async def _holds(vault: Vault, resource: str | None, project: str | None) -> dict[SnapshotKey, list[PlacedHold]]:
    held: defaultdict[SnapshotKey, list[PlacedHold]] = defaultdict(list)
    async for one in vault.holds.list(resource, project):
        held[one.key.snapshot].append(one)
    return held


async def find_snapshot(workspace: Workspace, reference: str) -> Manifest:
    """The manifest of the snapshot that a reference names.

    Raises:
        UsageError: the reference names no snapshot.
        SnapshotNotFound: no snapshot fits.
    """
    parsed = snapshot_reference(reference)
    vault = await workspace.vault()
    return await vault.resolve(parsed)


def snapshot_reference(text: str) -> SnapshotReference:
    """Read a reference that means a snapshot. Raises UsageError for any other."""
    parsed = parse_reference(text)
    if not isinstance(parsed, SnapshotReference):
        raise UsageError(f"{text!r} is not in the vault", mend="write RESOURCE/PROJECT or RESOURCE/PROJECT@ID")
    return parsed


async def _latest_ids(workspace: Workspace, resource: str) -> dict[str, str]:
    if not await workspace.has_vault():
        return {}
    vault = await workspace.vault()
    return {key.project: key.snapshot_id async for key in vault.keys(resource=resource)}


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def place_of(place: str | None) -> tuple[str | None, str | None]:
    """Resource and project of `RESOURCE[/PROJECT]`. Raises UsageError."""
    if place is None:
        return None, None
    resource, slash, project = place.partition("/")
    return check_resource_name(resource), check_project_name(project) if slash else None
