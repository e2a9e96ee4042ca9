"""backup: export every chosen project and store what changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from cluvault.errors import (
    CluvaultError,
    ConfigurationError,
    InvalidProjectFile,
    JobError,
    JobTimedOut,
    NotFound,
    UnexpectedAnswer,
)
from cluvault.model.manifest import Reason, id_moment
from cluvault.model.run import Outcome, RunItem, Seen
from cluvault.ops.capture import (
    capture_models,
    captures_environment,
    fetch_capture,
    finish_export,
    list_models,
    store_if_changed,
)
from cluvault.ops.fanout import at_once, failed_item, for_each, ignore, try_each
from cluvault.ops.report import Report, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.chain import due_promotions
from cluvault.plan.deployed import deployed_models, is_listed_alike, lacking, warnings_of
from cluvault.plan.incremental import Need, Times, Trust, decide, seen_of
from cluvault.plan.resumption import TAKEN_UP_WITHIN, can_be_taken_up, newest_exports
from cluvault.vault.standing import standing_snapshots

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.model.started import StartedExport
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.capture import Capture

_LOOKS_AT_ONCE: Final = 16


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


@dataclass(frozen=True, slots=True, order=True)
class ProjectTask:
    """One project to back up.

    Attributes:
        times: What the service listed.
        need: What there is to do; `plan/incremental.py` decides.
        models: How many exports of deployed models are known to be needed: POST calls beside the project's own.
        exported_at: When its content was last exported, where that needs no export now.
        left: An export of it that an earlier run has started and left.
    """

    resource: str
    project: str
    times: Times = field(default=Times(None), compare=False)
    need: Need = field(default=Need.EXPORT, compare=False)
    exported_at: datetime | None = field(default=None, compare=False)
    left: StartedExport | None = field(default=None, compare=False)
    models: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class BackupPlan:
    """The projects to back up.

    Attributes:
        projects: Those that are looked at.
        unchanged: Those of which no time has moved since their newest snapshot.
        problems: What could not be listed or found.
        vanished: Projects of which the vault has snapshots and that are gone from their resource.
    """

    resources: tuple[str, ...]
    projects: tuple[ProjectTask, ...]
    problems: tuple[RunItem, ...]
    vanished: tuple[RunItem, ...] = ()
    unchanged: tuple[RunItem, ...] = ()

    @property
    def known(self) -> tuple[RunItem, ...]:
        """What the run says without looking at a project."""
        return (*self.problems, *self.vanished, *self.unchanged)

    @property
    def sentence(self) -> str:
        """The plan in one line, with its exports: each is a POST call of the resource's budget."""
        exports = sum(one.need is Need.EXPORT for one in self.projects)
        models = sum(one.models for one in self.projects)
        looks = len(self.projects) - exports
        said = [f"{exports} projects to export", f"{looks} to look at", f"{len(self.unchanged)} unchanged"]
        if models:
            said.insert(1, f"at least {models} deployed models to export")
        return ", ".join(said)


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
    _chosen_resources(workspace, options)
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
    report = await run(finish_run, workspace, "backup", started_at, plan.resources, [*plan.known, *recorded, *items])
    await workspace.exports.forget(report.items)
    workspace.announce(due_promotions(items, workspace.settings.routes, run_id=report.run_id))
    return report


async def plan_backup(workspace: Workspace, options: BackupOptions) -> BackupPlan:
    """List the projects that the options choose; a resource that cannot be listed is a problem, not the end."""
    resources = _chosen_resources(workspace, options)
    vault = await workspace.vault(create=True)
    kept = {resource: await vault.projects(resource) for resource in resources}  # before what is new is listed
    listed_at = workspace.now()
    listings = await asyncio.gather(*(_list(workspace, resource) for resource in resources))
    problems = [found for found in listings if isinstance(found, RunItem)]
    listed = [target for found in listings if not isinstance(found, RunItem) for target in found]
    chosen = [target for target in listed if any(fnmatchcase(target.project, glob) for glob in options.projects)]
    if not problems:
        problems = _unmatched(resources, options.projects, listed)
    vanished = [
        item
        for resource, found in zip(resources, listings, strict=True)
        if not isinstance(found, RunItem)
        for item in await _vanished(workspace, resource, set(kept[resource]) - {target.project for target in found})
    ]
    to_do, unchanged = await _sorted_by_need(workspace, sorted(chosen), options, listed_at=listed_at)
    to_do = await _with_what_was_left(workspace, to_do, listed_at=listed_at)
    return BackupPlan(resources, tuple(to_do), tuple(problems), tuple(vanished), tuple(unchanged))


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
    item = _item(workspace, manifest, Outcome.STORED if is_new else Outcome.UNCHANGED, seen, capture.pending)
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
        return _item(workspace, latest, Outcome.UNCHANGED, seen)
    capture = await capture_models(
        workspace, latest, found, reason=options.reason, tags=options.tags, last_modified=target.times.modified
    )
    return None if capture is None else await _stored(workspace, capture, seen)


async def _sorted_by_need(
    workspace: Workspace, chosen: Sequence[ProjectTask], options: BackupOptions, *, listed_at: datetime
) -> tuple[list[ProjectTask], list[RunItem]]:
    """The projects that there is something to do for, and items for the others."""
    settings = workspace.settings.backup
    trust = Trust(
        settle=timedelta(seconds=settings.settle_seconds),
        at_most=timedelta(days=settings.full_days),
        models=timedelta(hours=settings.models_hours),
    )
    if options.full or not trust.at_most:
        return list(chosen), []
    with_models = {name for name in {one.resource for one in chosen} if captures_environment(workspace, name)}
    vault = await workspace.vault()
    seen = await vault.runs.last_seen(since=listed_at - trust.at_most)

    standing = {
        resource: await standing_snapshots(vault, resource, [one.project for one in chosen if one.resource == resource])
        for resource in sorted({one.resource for one in chosen})
    }
    to_do: list[ProjectTask] = []
    unchanged: list[RunItem] = []
    for target in chosen:
        latest = standing[target.resource].get(target.project)
        endpoint = workspace.settings.resource(target.resource).endpoint
        decision = decide(
            target.times,
            latest,
            seen_of(seen, latest),
            endpoint=endpoint,
            trust=trust,
            now=listed_at,
            environment=target.resource in with_models,
        )
        if latest is not None and target.resource in with_models:
            target = replace(target, models=len(lacking(latest)))  # noqa: PLW2901  # the same project, better known
        if decision.seen is None or latest is None or not set(options.tags) <= set(latest.tags):
            to_do.append(target)
        elif decision.need is Need.MODELS:
            to_do.append(replace(target, need=Need.MODELS, exported_at=decision.seen.exported_at))
        else:
            item = _item(workspace, latest, Outcome.UNCHANGED, decision.seen)
            unchanged.append(item.model_copy(update={"detail": f"{item.detail}; {decision.why}"}))
    return to_do, unchanged


async def _with_what_was_left(
    workspace: Workspace, to_do: list[ProjectTask], *, listed_at: datetime
) -> list[ProjectTask]:
    """The projects with the exports of them that earlier runs have started and left, where those can be taken up."""
    left: dict[tuple[str, str], StartedExport] = {}
    for resource in sorted({one.resource for one in to_do if one.need is Need.EXPORT}):
        records, endpoint = await workspace.exports.found(resource), workspace.settings.resource(resource).endpoint
        left |= {(resource, project): one for project, one in newest_exports(records, endpoint=endpoint).items()}
    if not left:
        return to_do
    vault = await workspace.vault()
    seen = await vault.runs.last_seen(since=listed_at - TAKEN_UP_WITHIN)

    async def with_left(target: ProjectTask) -> ProjectTask:
        place = target.resource, target.project
        if target.need is not Need.EXPORT or (export := left.get(place)) is None:
            return target
        latest = (await standing_snapshots(vault, target.resource, [target.project])).get(target.project)
        before = seen[place].seen if place in seen else None
        is_good = can_be_taken_up(export, target.times, seen=before, latest=latest, now=listed_at)
        return replace(target, left=export) if is_good else target

    return await at_once(to_do, with_left, concurrency=_LOOKS_AT_ONCE)


def _seen(times: Times, *, exported_at: datetime, models_at: datetime) -> Seen:
    return Seen(
        modified=times.modified,
        trained=times.trained,
        deployed=times.deployed,
        exported_at=exported_at,
        models_at=models_at,
    )


def _item(
    workspace: Workspace, manifest: Manifest, outcome: Outcome, seen: Seen, pending: tuple[str, ...] = ()
) -> RunItem:
    counts = manifest.counts
    detail = f"{counts.intents} intents, {counts.entities} entities, {counts.utterances} utterances"
    warnings: tuple[str, ...] = ()
    if captures_environment(workspace, manifest.resource):
        served = deployed_models(manifest.models, manifest.deployments)
        detail += f", {sum(one.trained_on is not None for one in served)} of {len(served)} deployed models"
        warnings = warnings_of(manifest, pending)
    return RunItem(
        resource=manifest.resource,
        project=manifest.project,
        outcome=outcome,
        snapshot_id=manifest.snapshot_id,
        detail="; ".join((detail, *warnings)),
        digest=manifest.content.canonical_sha256,
        counts=counts,
        seen=seen,
        warnings=warnings,
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


def in_turns(targets: Sequence[ProjectTask]) -> list[ProjectTask]:
    """The targets so that resources take turns, for each has limits of its own."""
    queues: dict[str, list[ProjectTask]] = {}
    for target in targets:
        queues.setdefault(target.resource, []).append(target)
    return [target for row in zip_longest(*queues.values()) for target in row if target is not None]


def _chosen_resources(workspace: Workspace, options: BackupOptions) -> tuple[str, ...]:
    resources = tuple(dict.fromkeys(options.resources or workspace.settings.resources))
    if not resources:
        raise ConfigurationError("no resource is configured, so there is nothing to back up", mend="add one")
    for resource in resources:
        workspace.settings.resource(resource)
    return resources


async def _list(workspace: Workspace, resource: str) -> list[ProjectTask] | RunItem:
    try:
        client = await workspace.client(resource)
        return [
            ProjectTask(resource, one.name, Times(one.last_modified_at, one.last_trained_at, one.last_deployed_at))
            async for one in client.list_projects()
        ]
    except CluvaultError as err:
        return failed_item(resource, "", err)


async def _vanished(workspace: Workspace, resource: str, projects: Collection[str]) -> list[RunItem]:
    """An item for each project that is in the vault and no longer in its resource, as long as it has snapshots."""
    if not projects:
        return []
    vault = await workspace.vault()
    missed = await vault.runs.vanished(resource)
    items: list[RunItem] = []
    for project in sorted(projects):
        ids = [key.snapshot_id async for key in vault.keys(resource=resource, project=project)]
        since = missed.get(project)
        if ids:
            now = workspace.now()
            if since is None or any(since < id_moment(one) <= now for one in ids):  # it was there once more
                since = now
            detail = f"gone from {resource} since {since:%Y-%m-%d}; the vault has snapshots of it: {len(ids)}"
            item = RunItem(resource=resource, project=project, outcome=Outcome.VANISHED, snapshot_id=ids[-1])
            items.append(item.model_copy(update={"since": since, "detail": detail}))
    return items


def _unmatched(resources: Sequence[str], globs: Sequence[str], listed: Sequence[ProjectTask]) -> list[RunItem]:
    """A name or glob that fits no project is most likely a typing error: a backup does not skip it quietly."""
    where = ", ".join(resources)
    return [
        RunItem(
            resource=resources[0] if len(resources) == 1 else "",
            project=glob,
            outcome=Outcome.FAILED,
            detail=f"no project of {where} is named {glob!r}; `cluvault projects` lists them",
        )
        for glob in globs
        if glob != "*" and not any(fnmatchcase(target.project, glob) for target in listed)
    ]
