"""drift: where two resources differ, project by project; nothing of them is changed.

What the vault knows is not exported: a snapshot stands for a live project as long as that has not been modified since.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluvault.errors import CluvaultError, UsageError
from cluvault.model.names import is_scratch
from cluvault.model.promotion import RolledBack, Safety
from cluvault.model.replica import ReplicaRecord
from cluvault.model.run import Outcome
from cluvault.ops.contents import file_of, present_content, with_data
from cluvault.ops.fanout import sentence_of, together, try_each
from cluvault.ops.promotion_work import meant_by
from cluvault.ops.report import Report, RunFailed, finish_run
from cluvault.ops.sources import fetch_source
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.diff import ProjectDiff, diff_project_files
from cluvault.plan.drift import (
    DirectEdit,
    Left,
    Pair,
    ProjectDrift,
    Side,
    drift_events,
    drift_item,
    is_edited,
    pair_projects,
    who_is_ahead,
)
from cluvault.plan.keys import ReplicaKey
from cluvault.plan.overrides import apply_overrides
from cluvault.plan.promotion_facts import meant_file, passed_of
from cluvault.settings import OverrideSettings, RouteSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from cluvault.model.event import Event
    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_file import ProjectFile
    from cluvault.ops.contents import Present
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.promotion import Promotion
    from cluvault.plan.promotion_facts import Meant


class DriftOptions(BaseModel):
    """What to compare: two resources, or the two ends of a route, which knows renames and overrides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(default="", description="A configured resource.")
    target: str = Field(default="", description="The resource that is to be like it.")
    route: str = Field(default="", description="Instead of both: a configured route.")
    projects: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=("*",), min_length=1, description="Project names or globs, by the name at the source; case-sensitive."
    )
    full: bool = Field(default=False, description="Export every project, whatever the vault holds.")

    @model_validator(mode="after")
    def _one_way(self) -> DriftOptions:
        if bool(self.route) == bool(self.source or self.target) or bool(self.source) != bool(self.target):
            raise ValueError("say what to compare in one way: source and target, or a route")
        return self


@dataclass(frozen=True, slots=True)
class DriftPlan:
    """What is compared.

    Attributes:
        route: With its renames and overrides; without any for two resources.
        route_name: Empty for two resources.
        pairs: The projects.
        modified: When each was last changed, by resource and project, as the listings said.
        problems: What cannot be compared, and why.
    """

    route: RouteSettings
    route_name: str
    pairs: tuple[Pair, ...]
    modified: Mapping[tuple[str, str], datetime | None]
    problems: tuple[ProjectDrift, ...]

    def at_source(self, pair: Pair) -> datetime | None:
        """When a project was last changed at the source."""
        return self.modified.get((self.route.source, pair.source or ""))

    def at_target(self, pair: Pair) -> datetime | None:
        """The same at the target."""
        return self.modified.get((self.route.target, pair.target or ""))


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was found.

    Attributes:
        run: As a run; its record lies in the vault, if there is one.
    """

    source: str
    target: str
    route: str
    projects: tuple[ProjectDrift, ...]
    run: Report

    @property
    def drifting(self) -> tuple[ProjectDrift, ...]:
        """The projects that are not the same at both ends."""
        return tuple(one for one in self.projects if one.drifts)

    @property
    def events(self) -> tuple[Event, ...]:
        """What the world is told."""
        run_id = self.run.run_id
        return drift_events(self.projects, run_id=run_id, source=self.source, target=self.target, route=self.route)

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "source": self.source,
            "target": self.target,
            "route": self.route or None,
            "summary": self.run.summary,
            "record": self.run.record_key or None,
            "projects": [one.to_json() for one in self.projects],
        }


class DriftIncomplete(RunFailed):
    """Some projects could not be compared; the report has what was found of the others."""

    def __init__(self, drift: DriftReport) -> None:
        super().__init__(drift.run)
        self.drift = drift


async def drift(
    workspace: Workspace,
    options: DriftOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[DriftPlan], None] = lambda _plan: None,
    on_done: Callable[[ProjectDrift], None] = lambda _drift: None,
) -> DriftReport:
    """Compare; a project that cannot be compared is an item of the report.

    Raises:
        ConfigurationError: a resource or the route is not configured.
        UsageError: the two resources are one.
        ServiceError: a resource cannot be listed.
    """
    started_at = workspace.now()
    plan = await run(plan_drift, workspace, options)
    on_plan(plan)
    found = await try_each(
        plan.pairs,
        lambda pair: run(compare_project, workspace, plan, pair, full=options.full),
        concurrency=2 * workspace.settings.backup.files_at_once,  # half wait for the service, half for the vault
        failed=lambda pair, err: ProjectDrift(pair, Outcome.FAILED, notes=(sentence_of(err),)),
        on_done=on_done,
    )
    projects = (*plan.problems, *found)
    resources = (plan.route.source, plan.route.target)
    items = [drift_item(one, resource=plan.route.target) for one in projects]
    if await workspace.has_vault():
        report = await run(finish_run, workspace, "drift", started_at, resources, items, options=_asked(plan, options))
    else:
        report = Report("drift", workspace.new_run_id(), tuple(items), "")
    found_drift = DriftReport(*resources, plan.route_name, projects, report)
    workspace.announce(found_drift.events)
    return found_drift


def _asked(plan: DriftPlan, options: DriftOptions) -> JsonObject:
    return {"route": plan.route_name or None, "projects": list(options.projects)}


async def plan_drift(workspace: Workspace, options: DriftOptions) -> DriftPlan:
    """List both ends and put their projects side by side."""
    route = _route(workspace, options)
    here, there = await together(_listed(workspace, route.source), _listed(workspace, route.target))
    found = pair_projects(here, there, renames=route.projects, globs=options.projects, only=route.only)
    problems = [
        (name, f"{route.target_project(name)!r} is what another project of {route.source} is called in {route.target}")
        for name in found.clashes
    ]
    problems += [
        (glob, f"no project of {route.source} or {route.target} is named {glob!r}; `cluvault projects` lists them")
        for glob in found.unmatched
    ]
    return DriftPlan(
        route=route,
        route_name=options.route,
        pairs=found.pairs,
        modified={(route.source, name): at for name, at in here.items()}
        | {(route.target, name): at for name, at in there.items()},
        problems=tuple(ProjectDrift(Pair(name, None), Outcome.FAILED, notes=(why,)) for name, why in problems),
    )


def _route(workspace: Workspace, options: DriftOptions) -> RouteSettings:
    if options.route:
        return workspace.settings.route(options.route)
    for resource in (options.source, options.target):
        workspace.settings.resource(resource)
    if options.source == options.target:
        raise UsageError(f"{options.source} has no drift from itself", mend="name two resources")
    return RouteSettings(source=options.source, target=options.target)


async def _listed(workspace: Workspace, resource: str) -> dict[str, datetime | None]:
    client = await workspace.client(resource)
    return {
        project.name: project.last_modified_at
        async for project in client.list_projects()
        if not is_scratch(project.name)
    }


# --- one project ---------------------------------------------------------------------------------------------------


async def compare_project(workspace: Workspace, plan: DriftPlan, pair: Pair, *, full: bool = False) -> ProjectDrift:
    """Compare one project: what the route makes of the source with what the target holds."""
    route = plan.route
    last, left_by = await _last(workspace, route, pair)
    source, target = Side(None, plan.at_source(pair)), Side(None, plan.at_target(pair))
    if pair.source is None:
        return ProjectDrift(pair, Outcome.ONLY_IN_TARGET, "target", source, target, last=last)
    if pair.target is None:
        return _only_in_source(pair, source, target, last)
    here, there = await together(
        present_content(workspace, route.source, pair.source, modified_at=source.modified_at, full=full),
        present_content(workspace, route.target, pair.target, modified_at=target.modified_at, full=full),
    )
    difference, digest, notes = ProjectDiff(), here.digest, tuple[str, ...]()
    if here.digest != there.digest or route.overrides != OverrideSettings():
        here, there = await together(with_data(workspace, here), with_data(workspace, there))
        difference, digest, notes = await _compare(workspace, route, here, there)
    source, target = Side(digest, source.modified_at), Side(there.digest, target.modified_at)
    edit = None
    if is_edited(digest, there.digest, last) and last is not None:
        edit = await _direct_edit(workspace, last, left_by, there)
    return ProjectDrift(
        pair=pair,
        outcome=Outcome.DIFFERS if difference else Outcome.EQUAL,
        ahead=who_is_ahead(source, target, last),
        source=source,
        target=target,
        difference=difference,
        edit=edit,
        last=last,
        exported=here.was_exported + there.was_exported,
        notes=notes,
    )


def _only_in_source(pair: Pair, source: Side, target: Side, last: Left | None) -> ProjectDrift:
    deleted = last is not None and last.digest is not None
    edit = DirectEdit(last) if deleted and last is not None else None
    return ProjectDrift(pair, Outcome.ONLY_IN_SOURCE, "source", source, target, edit=edit, last=last)


async def _compare(
    workspace: Workspace, route: RouteSettings, here: Present, there: Present
) -> tuple[ProjectDiff, str, tuple[str, ...]]:
    """The difference that a promotion would make, the digest of what it would leave, and what it could not bring."""
    async with workspace.room.of(len(here.data or b"") + len(there.data or b"")):
        meant = await _meant(workspace, route, here, project=there.project)
        losses = tuple(f"the target's api-version lacks {loss.pointer}: {loss.sentence}" for loss in meant.losses)
        if meant.digest == there.digest:
            return ProjectDiff(), meant.digest, losses
        return await asyncio.to_thread(lambda: diff_project_files(file_of(there), meant.file)), meant.digest, losses


async def _meant(workspace: Workspace, route: RouteSettings, here: Present, *, project: str) -> Meant:
    client = await workspace.client(route.target)
    version = here.api_version
    if not await client.answers_version(version):
        version = await client.transfer_version()
    return await asyncio.to_thread(
        lambda: meant_file(
            file_of(here),
            route,
            project=project,
            api_version=version,
            exported_with=here.api_version,
            source=here.label,
        )
    )


# --- what the last promotion left ----------------------------------------------------------------------------------


async def _last(
    workspace: Workspace, route: RouteSettings, pair: Pair
) -> tuple[Left | None, Promotion | ReplicaRecord | None]:
    """What the last promotion or replication left at the target, and that."""
    if not await workspace.has_vault():
        return None, None
    vault = await workspace.vault()
    project = pair.target or route.target_project(pair.source or "")
    found: list[tuple[Left, Promotion | ReplicaRecord]] = [
        (Left(one.reference, one.digest, one.at), promotion)
        for promotion in await vault.promotions.of_project(route.target, project)
        if (one := passed_of(promotion)) is not None
    ]
    replica = await vault.replicas.last(route.target, project)
    if replica is not None:
        key = ReplicaKey(replica.resource, replica.project, replica.replica_id)
        found.append((Left(key.reference, replica.digest, replica.at, "replication"), replica))
    return max(found, key=lambda one: one[0].at, default=(None, None))


async def _direct_edit(
    workspace: Workspace, last: Left, left_by: Promotion | ReplicaRecord | None, there: Present
) -> DirectEdit:
    """What was edited since then, as far as the vault still holds what was there then."""
    try:
        if left_by is None or last.digest is None:
            return DirectEdit(last, unknown="the project was not there then")
        there = await with_data(workspace, there)
        before = await _content_left(workspace, left_by)
        difference = await asyncio.to_thread(lambda: diff_project_files(before, file_of(there)))
    except CluvaultError as err:
        return DirectEdit(last, unknown=err.message)
    return DirectEdit(last, difference)


async def _content_left(workspace: Workspace, left_by: Promotion | ReplicaRecord) -> ProjectFile:
    """What the target held at the end: the new content, or the former one when a promotion was undone."""
    if isinstance(left_by, ReplicaRecord):
        source = await fetch_source(workspace, left_by.snapshot)
        route = workspace.settings.route(left_by.route)
        return await asyncio.to_thread(lambda: apply_overrides(source.read(), route.overrides))
    safety = left_by.find(Safety)
    if not left_by.has(RolledBack) or safety is None or safety.snapshot is None:
        return (await meant_by(workspace, left_by)).file
    source = await fetch_source(workspace, safety.snapshot)
    return await asyncio.to_thread(source.read)
