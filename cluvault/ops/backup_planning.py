"""Planning a backup: which projects there are, which of them have to be exported, and what earlier runs have left."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError
from cluvault.model.manifest import id_moment
from cluvault.model.names import is_scratch
from cluvault.model.run import Outcome, RunItem, Seen
from cluvault.ops.capture import captures_environment
from cluvault.ops.fanout import at_once, failed_item
from cluvault.plan.deployed import deployed_models, lacking, warnings_of
from cluvault.plan.incremental import Need, Times, Trust, decide, seen_of
from cluvault.plan.pace import Rate
from cluvault.plan.replica import spoken
from cluvault.plan.resumption import TAKEN_UP_WITHIN, can_be_taken_up, newest_exports
from cluvault.vault.standing import standing_snapshots

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.model.started import StartedExport
    from cluvault.ops.backup import BackupOptions
    from cluvault.ops.workspace import Workspace

_LOOKS_AT_ONCE: Final = 16
_WORTH_A_WORD: Final = 60.0


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
        least_seconds: What the exports take at least, by the calls a minute that the resources allow.
    """

    resources: tuple[str, ...]
    projects: tuple[ProjectTask, ...]
    problems: tuple[RunItem, ...]
    vanished: tuple[RunItem, ...] = ()
    unchanged: tuple[RunItem, ...] = ()
    least_seconds: float = 0.0

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
        if self.estimate:
            said.append(self.estimate)
        return ", ".join(said)

    @property
    def estimate(self) -> str:
        """How long it takes at least, where the limits make that worth a word; else empty."""
        if self.least_seconds < _WORTH_A_WORD:
            return ""
        return f"at least {spoken(timedelta(seconds=self.least_seconds))} by the calls a minute that are allowed"


async def plan_backup(workspace: Workspace, options: BackupOptions) -> BackupPlan:
    """List the projects that the options choose; a resource that cannot be listed is a problem, not the end."""
    resources = chosen_resources(workspace, options)
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
    return BackupPlan(
        resources,
        tuple(to_do),
        tuple(problems),
        tuple(vanished),
        tuple(unchanged),
        max((_least_seconds(workspace, resource, to_do) for resource in resources), default=0.0),
    )


def _least_seconds(workspace: Workspace, resource: str, to_do: Sequence[ProjectTask]) -> float:
    limits = workspace.settings.resource(resource).limits
    if limits == "off":
        return 0.0
    here = [one for one in to_do if one.resource == resource]
    exports = sum(one.need is Need.EXPORT and one.left is None for one in here)
    return Rate(limits.post, limits.window).least_seconds(exports + sum(one.models for one in here))


def chosen_resources(workspace: Workspace, options: BackupOptions) -> tuple[str, ...]:
    """The resources that the options mean.

    Raises:
        ConfigurationError: one is not configured, or none is.
    """
    return workspace.settings.chosen_resources(options.resources, so="there is nothing to back up")


async def _list(workspace: Workspace, resource: str) -> list[ProjectTask] | RunItem:
    try:
        client = await workspace.client(resource)
        return [
            ProjectTask(resource, one.name, Times(one.last_modified_at, one.last_trained_at, one.last_deployed_at))
            async for one in client.list_projects()
            if not is_scratch(one.name)
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
            item = backed_up_item(workspace, latest, Outcome.UNCHANGED, decision.seen)
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


def backed_up_item(
    workspace: Workspace, manifest: Manifest, outcome: Outcome, seen: Seen, pending: tuple[str, ...] = ()
) -> RunItem:
    """The item of a project of which the vault has this snapshot."""
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


def in_turns(targets: Sequence[ProjectTask]) -> list[ProjectTask]:
    """The targets so that resources take turns, for each has limits of its own."""
    queues: dict[str, list[ProjectTask]] = {}
    for target in targets:
        queues.setdefault(target.resource, []).append(target)
    return [target for row in zip_longest(*queues.values()) for target in row if target is not None]
