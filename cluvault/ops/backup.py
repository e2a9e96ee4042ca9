"""backup: export every chosen project and store what changed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cluvault.errors import (
    InvalidProjectFile,
    JobError,
    JobTimedOut,
    NotFound,
    SnapshotNotFound,
    UnexpectedAnswer,
    VaultError,
)
from cluvault.model.manifest import Reason
from cluvault.model.run import Outcome, RunItem, Seen
from cluvault.ops.backup_planning import (
    BackupPlan,
    ProjectTask,
    backed_up_item,
    chosen_resources,
    in_turns,
    plan_backup,
)
from cluvault.ops.capture import (
    capture_models,
    captures_environment,
    fetch_capture,
    finish_export,
    list_models,
    store_if_changed,
)
from cluvault.ops.fanout import failed_item, for_each, ignore, try_each
from cluvault.ops.report import Report, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.chain import due_promotions
from cluvault.plan.deployed import is_listed_alike, lacking
from cluvault.plan.incremental import Need, Times
from cluvault.plan.keys import SnapshotKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from cluvault.ops.workspace import Workspace
    from cluvault.plan.capture import Capture


def _plain_tag(tag: str) -> str:
    if "," in tag or tag != tag.strip():
        raise ValueError("a tag has no comma and no space around it: keep-tag could not name it")
    return tag


class BackupOptions(BaseModel):
    """What to back up."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resources: tuple[str, ...] = Field(default=(), description="Configured resources; none means all.")
    projects: tuple[str, ...] = Field(default=("*",), description="Project names or globs, case-sensitive.")
    reason: Reason = Field(default=Reason.MANUAL, description="Why the snapshots are taken.")
    tags: tuple[Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_plain_tag)], ...] = Field(
        default=(), max_length=16, description="Tags that the snapshots get."
    )
    concurrency: Annotated[int, Field(ge=1, le=256)] | None = Field(
        default=None, description="Exports at once at a resource; the configuration's value by default."
    )
    full: bool = Field(default=False, description="Export every project, also where nothing seems to have changed.")


async def backup(
    workspace: Workspace,
    options: BackupOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[BackupPlan], None] = lambda _plan: None,
    on_done: Callable[[RunItem], None] = ignore,
) -> Report:
    """Back up the chosen projects; a failure of one is an item of the report.

    Raises:
        ConfigurationError: a resource is not configured, or none is.
        VaultError: the vault cannot be opened or the run record cannot be written.
    """
    started_at = workspace.now()
    chosen_resources(workspace, options)
    await workspace.vault(create=True)  # a vault that cannot be opened is known before anything is exported
    plan = await run(plan_backup, workspace, options)
    on_plan(plan)
    looked_at = [one for one in plan.projects if one.need is Need.MODELS]
    recorded = await run(record_models, workspace, looked_at, options) if looked_at else []
    for item in recorded:
        on_done(item)
    done = {(item.resource, item.project) for item in recorded}
    items = await for_each(
        in_turns([one for one in plan.projects if (one.resource, one.project) not in done]),
        lambda target: run(export_backup, workspace, target, options),
        concurrency=_projects_at_once(workspace, options, plan.resources),
        name=lambda target: (target.resource, target.project),
        on_done=on_done,
    )
    items.sort(key=lambda item: (item.resource, item.project))
    if workspace.vault_came_back:
        recorded, items = await _that_are_there(workspace, recorded), await _that_are_there(workspace, items)
    run_id = workspace.new_run_id()
    try:
        report = await run(
            finish_run, workspace, "backup", started_at, plan.resources, [*plan.known, *recorded, *items]
        )
        run_id = report.run_id
    finally:  # what was stored is there, and the next run will not call it new
        workspace.announce(due_promotions(items, workspace.settings.routes, run_id=run_id))
    await workspace.exports.forget(report.items)
    return report


async def _that_are_there(workspace: Workspace, items: Sequence[RunItem]) -> list[RunItem]:
    """The items, failed where a snapshot that was stored is gone again.

    A store that keeps what it acknowledges loses nothing by being away. Some do when they are restarted, and nobody
    would notice until the next backup.
    """
    vault = await workspace.vault()
    gone: set[tuple[str, str]] = set()
    try:
        stored = {one.resource for one in items if one.outcome == Outcome.STORED}
        there = {(resource, key.snapshot_id) for resource in stored async for key in vault.keys(resource=resource)}
        for one in items:
            if one.outcome == Outcome.STORED and one.snapshot_id and (one.resource, one.snapshot_id) not in there:
                try:  # a listing is believed only when the object itself is not there, either
                    await vault.manifest_bytes(SnapshotKey(one.resource, one.project, one.snapshot_id))
                except SnapshotNotFound:
                    gone.add((one.resource, one.project))
    except VaultError:  # whatever that is, the next backup and verify tell
        return list(items)
    lost = "was stored and is gone: the vault's store went away and came back without it; the next backup stores it"
    return [
        RunItem(resource=one.resource, project=one.project, outcome=Outcome.FAILED, detail=lost)
        if (one.resource, one.project) in gone
        else one
        for one in items
    ]


async def export_backup(workspace: Workspace, target: ProjectTask, options: BackupOptions) -> RunItem:
    """Export one project and store it if it changed; the snapshot is read back before this says so.

    An export that an earlier run or try has started is taken up. When nothing good comes of it, a new one is started.
    The service works on many exports at once, of which nothing is here yet; only few files are in memory at once.
    """
    try:
        return await _export_and_store(workspace, target, options)
    except (NotFound, JobError, UnexpectedAnswer, InvalidProjectFile) as err:
        if isinstance(err, JobTimedOut) or not workspace.exports.drop_taken_up(target.resource, target.project):
            raise
    return await _export_and_store(workspace, replace(target, left=None), options)


async def _export_and_store(workspace: Workspace, target: ProjectTask, options: BackupOptions) -> RunItem:
    resource, project, modified = target.resource, target.project, target.times.modified
    export = partial(workspace.exports.export, resource, project, modified=modified, left=target.left)
    async with workspace.places(_exports_at_once(workspace, options, resource), of=resource):
        done = await finish_export(workspace, resource, project, last_modified=modified, export=export)
    async with workspace.places(_files_at_once(workspace, options), of="files"):
        capture = await fetch_capture(workspace, done, reason=options.reason, tags=options.tags, retry=options.full)
        began = capture.captured_at
        item = await _stored(workspace, capture, _seen(target.times, exported_at=began, models_at=began))
    if target.left is None or began != target.left.started_at:
        return item
    detail = f"{item.detail}; took up the export that was started at {began:%Y-%m-%d %H:%M:%S} UTC"
    return item.model_copy(update={"taken_up": began, "detail": detail})


async def _stored(workspace: Workspace, capture: Capture, seen: Seen) -> RunItem:
    """Store a capture if it changed; the item, also of what could not be captured."""
    manifest, is_new = await store_if_changed(workspace, capture)
    item = backed_up_item(workspace, manifest, Outcome.STORED if is_new else Outcome.UNCHANGED, seen, capture.pending)
    if capture.exports:
        detail = f"{item.detail}; exported what {', '.join(one.label for one in capture.exports)} was trained on"
        return item.model_copy(update={"detail": detail})
    return item


async def record_models(workspace: Workspace, targets: Sequence[ProjectTask], options: BackupOptions) -> list[RunItem]:
    """See what models and deployments there are of projects whose content did not change; record what changed.

    One step for all, because it is two calls for each. A project that has to be exported all the same has no item.
    """

    async def one(target: ProjectTask) -> RunItem | None:
        return await _record_models(workspace, target, options)

    found = await try_each(
        targets,
        one,
        concurrency=_files_at_once(workspace, options),
        failed=lambda target, err: failed_item(target.resource, target.project, err),
        on_done=lambda _item: None,
    )
    return [item for item in found if item is not None]


async def _record_models(workspace: Workspace, target: ProjectTask, options: BackupOptions) -> RunItem | None:
    """See what models and deployments there are, and store a snapshot of the same content if they changed.

    None when that cannot be done without an export.
    """
    vault = await workspace.vault()
    latest = await vault.latest(target.resource, target.project)
    if latest is None or target.exported_at is None:
        return None
    models_at = workspace.now()
    found = await list_models(workspace, target.resource, target.project)
    seen = _seen(target.times, exported_at=target.exported_at, models_at=models_at)
    complete = not captures_environment(workspace, target.resource) or not lacking(latest)
    if complete and is_listed_alike(latest, found.records, found.deployments):
        return backed_up_item(workspace, latest, Outcome.UNCHANGED, seen)
    capture = await capture_models(
        workspace, latest, found, reason=options.reason, tags=options.tags, last_modified=target.times.modified
    )
    return None if capture is None else await _stored(workspace, capture, seen)


def _seen(times: Times, *, exported_at: datetime, models_at: datetime) -> Seen:
    return Seen(
        modified=times.modified,
        trained=times.trained,
        deployed=times.deployed,
        exported_at=exported_at,
        models_at=models_at,
    )


def _exports_at_once(workspace: Workspace, options: BackupOptions, resource: str) -> int:
    settings = workspace.settings
    return options.concurrency or settings.backup.exports_at_once(settings.resource(resource).limits)


def _files_at_once(workspace: Workspace, options: BackupOptions) -> int:
    """Half wait for the service, half for the vault."""
    return 2 * (options.concurrency or workspace.settings.backup.files_at_once)


def _projects_at_once(workspace: Workspace, options: BackupOptions, resources: Sequence[str]) -> int:
    under_way = sum(_exports_at_once(workspace, options, resource) for resource in resources)
    return under_way + _files_at_once(workspace, options)
