"""copy: bring the snapshots of the vault to another one that lacks them, proved on both sides, byte for byte.

The target becomes a vault of its own: holds and the records of runs, promotions, intakes and replications come along,
so that it knows what is held, what vanished and what a promotion needs; its retention is its own. Leases stay: they say
who works here and now. A copy only adds; it can be killed at any moment, and the next one goes on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import (
    CluvaultError,
    DamagedSnapshot,
    ObjectExists,
    SnapshotNotFound,
    UsageError,
    VaultError,
    VaultTooNew,
)
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.fanout import at_once, failed_item, ignore, together
from cluvault.ops.prune import PruneOptions, projects_of_vault, rules_of
from cluvault.ops.report import Report, counted, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.copy import ProjectCopy, is_complete, may_be_hollow, plan_copy
from cluvault.plan.history import History, key_of
from cluvault.plan.keys import INTAKES, PROMOTIONS, REPLICAS, RUNS, holds_prefix
from cluvault.plan.protection import promised_by
from cluvault.vault.content import check_stored
from cluvault.vault.records import check_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.ops.prune import VaultProject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.history import ProjectObjects
    from cluvault.plan.keys import PromotionKey, SnapshotKey
    from cluvault.vault.vault import Vault

_PROJECTS_AT_ONCE: Final = 4
_CONTENTS_AT_ONCE: Final = 16
"""So many contents are in memory, of all projects together."""


class CopyOptions(BaseModel):
    """What is copied, and where to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: str = Field(min_length=1, description="The other vault: a name of vault.copies, or a URL.")
    places: tuple[str, ...] = Field(default=(), description="RESOURCE or RESOURCE/PROJECT; none means the whole vault.")


@dataclass(slots=True)
class Copied:
    """What was done of one project.

    Attributes:
        snapshots: Those that are in the target now and were not before.
        contents: The contents that were brought: key → size.
        problems: An item for each snapshot that was not brought.
    """

    snapshots: list[SnapshotKey] = field(default_factory=list["SnapshotKey"])
    contents: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[RunItem] = field(default_factory=list[RunItem])


async def copy(
    workspace: Workspace,
    options: CopyOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[Sequence[VaultProject]], None] = lambda _projects: None,
    on_done: Callable[[RunItem], None] = ignore,
) -> Report:
    """Bring to the target what it lacks; a project that fails is an item of the report.

    Raises:
        ConfigurationError: there is no such vault, or its retention says nothing.
        NotAVault: there is no vault here, or the target holds other things.
        UsageError: the target is the vault itself.
    """
    started_at = workspace.now()
    projects = await run(list_copy, workspace, options)
    on_plan(projects)
    items = [*await run(copy_records, workspace, options)]

    async def one(project: VaultProject) -> Sequence[RunItem]:
        try:
            done: Sequence[RunItem] = await run(copy_project, workspace, project, options)
        except CluvaultError as err:
            done = [failed_item(project.resource, project.project, err)]
        on_done(done[0])
        return done

    for done in await at_once(projects, one, concurrency=_PROJECTS_AT_ONCE):
        items += done
    return await run(finish_copy, workspace, started_at, items, options)


async def list_copy(workspace: Workspace, options: CopyOptions) -> list[VaultProject]:
    """The projects to look at; the target is a vault when this returns."""
    other = workspace.beside(options.to)
    if other.settings.vault.url == workspace.settings.vault.url:
        raise UsageError(f"{options.to} is the vault that is copied", mend="name another one with --to")
    if other.settings.vault.retention:
        rules_of(other, PruneOptions())
    source, _ = await _vaults(workspace, options)
    return await projects_of_vault(source, options.places)


async def copy_records(workspace: Workspace, options: CopyOptions) -> list[RunItem]:
    """Bring the records that are no single snapshot's.

    Of runs: from them the target knows which projects vanished. Of promotions: which snapshots are needed to undo one.
    Of intakes: which objects of an inbox were imported. Of replications: what the last one left.
    """
    source, target = await _vaults(workspace, options)
    faults: list[VaultError] = []
    for prefix in (RUNS, REPLICAS):
        faults += await target.copy_records(source, prefix, check=check_record)
    for prefix in (PROMOTIONS, INTAKES):
        faults += await target.copy_series(source, prefix)
    return [_failure("", "", None, fault) for fault in faults]


async def copy_project(workspace: Workspace, project: VaultProject, options: CopyOptions) -> list[RunItem]:
    """Bring one project's holds, and its snapshots that the target lacks and would keep."""
    resource, name = project.resource, project.project
    source, target = await _vaults(workspace, options)
    # Holds first: a prune of the target that meets a held snapshot as it arrives must know that it is held.
    await target.copy_records(source, holds_prefix(resource, name), check=lambda _key, _body: None)
    here, there = await together(source.objects_of(resource, name), target.objects_of(resource, name))
    if is_complete(here, there):
        return [_summary(project, Copied(), ProjectCopy())]
    plan = await _plan(workspace, project, options, here, there)
    done = Copied()

    async def bring(keys: Sequence[SnapshotKey]) -> None:
        async with workspace.places(_CONTENTS_AT_ONCE):
            await _bring(source, target, keys, done)

    await at_once(plan.groups, bring, concurrency=_CONTENTS_AT_ONCE)
    unreadable = [
        _item(project, Outcome.DAMAGED, fault, key.snapshot_id) for key, fault in (plan.unreadable or {}).items()
    ]
    return [_summary(project, done, plan), *unreadable, *done.problems]


async def finish_copy(
    workspace: Workspace, started_at: datetime, items: Sequence[RunItem], options: CopyOptions
) -> Report:
    """Write the record into the target, which is what the run changed; the source may be one that nobody writes to."""
    resources = sorted({item.resource for item in items if item.resource})
    return await finish_run(workspace.beside(options.to), "copy", started_at, resources, items)


async def _vaults(workspace: Workspace, options: CopyOptions) -> tuple[Vault, Vault]:
    source = await workspace.vault()
    return source, await workspace.beside(options.to).vault(create=True)


async def _plan(
    workspace: Workspace, project: VaultProject, options: CopyOptions, here: ProjectObjects, there: ProjectObjects
) -> ProjectCopy:
    resource, name = project.resource, project.project
    source, target = await _vaults(workspace, options)
    other = workspace.beside(options.to)
    rules = rules_of(other, PruneOptions()) if other.settings.vault.retention else None
    if rules is None and not may_be_hollow(here, there):  # then only what is missing needs a look
        lacking = {key: one for key, one in here.manifests.items() if key not in there.manifests}
        old = await source.history_of(resource, name, replace(here, manifests=lacking))
        new = History(resource, name, contents=there.contents)
    else:
        old, new = await together(source.history_of(resource, name, here), target.history_of(resource, name, there))
    return plan_copy(
        old,
        new,
        rules=rules,
        holds=await target.holds.of_project(resource, name),
        records=await target.removal.records(resource, name),
        gone_since=project.gone_since,
        now=workspace.now(),
        promised=promised_by(await target.promotions.all(on_fault=_left_to_verify)),
    )


def _left_to_verify(_key: PromotionKey, _fault: VaultError) -> None:
    """A copy goes by the promotions that it can read; `verify` names the others."""


async def _bring(source: Vault, target: Vault, keys: Sequence[SnapshotKey], done: Copied) -> None:
    """Bring snapshots of one project content, with their other contents; what is pruned or damaged stays away."""
    snapshots: list[tuple[Manifest, bytes]] = []
    bodies: dict[str, bytes] = {}
    for key in keys:
        try:
            manifest, written = await source.manifest_bytes(key)
            for view in manifest.views:
                await _read(source, view, bodies)
        except (SnapshotNotFound, DamagedSnapshot, VaultTooNew) as err:
            done.problems.append(_failure(key.resource, key.project, key.snapshot_id, err))
        else:
            snapshots.append((manifest, written))
    if not snapshots:
        return
    try:
        await target.commits.adopt(snapshots, bodies[snapshots[0][0].content.key], others=bodies)
    except (DamagedSnapshot, ObjectExists, SnapshotNotFound) as err:
        done.problems += [_failure(one.resource, one.project, one.snapshot_id, err) for one, _ in snapshots]
        return
    done.snapshots += [key_of(one) for one, _ in snapshots]
    done.contents |= {one.key: one.bytes for manifest, _ in snapshots for one in manifest.contents}


async def _read(source: Vault, view: Manifest, bodies: dict[str, bytes]) -> None:
    """Have a snapshot's content among these; what is there already is held to this manifest, too."""
    if view.content.key in bodies:
        await asyncio.to_thread(check_stored, bodies[view.content.key], view.content, reference=view.reference)
    else:
        bodies[view.content.key] = await source.read_stored(view)


def _failure(resource: str, project: str, snapshot_id: str | None, err: VaultError) -> RunItem:
    """The item of something that was not brought: damaged here or there, gone, or not to be understood."""
    outcome, detail = Outcome.FAILED, str(err)
    if isinstance(err, SnapshotNotFound):
        outcome, detail = Outcome.SKIPPED, "was pruned while it was being copied"
    elif isinstance(err, ObjectExists):
        outcome, detail = Outcome.DAMAGED, f"{err}; the two vaults have different bytes there: verify both"
    elif err.exit_code == DamagedSnapshot.exit_code:
        outcome = Outcome.DAMAGED
    return RunItem(resource=resource, project=project, outcome=outcome, snapshot_id=snapshot_id, detail=detail)


def _item(project: VaultProject, outcome: Outcome, detail: str, snapshot_id: str | None) -> RunItem:
    return RunItem(
        resource=project.resource, project=project.project, outcome=outcome, snapshot_id=snapshot_id, detail=detail
    )


def _summary(project: VaultProject, done: Copied, plan: ProjectCopy) -> RunItem:
    unwanted = f"; {len(plan.unwanted)} that the target does not keep stay here" if plan.unwanted else ""
    if not done.snapshots:
        return _item(project, Outcome.UNCHANGED, f"nothing new{unwanted}", None)
    newest = max(done.snapshots).snapshot_id
    snapshots, contents = counted(len(done.snapshots), "snapshot"), counted(len(done.contents), "content")
    detail = f"{snapshots}, {contents} of {sum(done.contents.values())} bytes{unwanted}"
    return _item(project, Outcome.COPIED, detail, newest)
