"""Planning a promotion: what is to be brought, what it would change at the target, and what speaks against it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import UsageError
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.model.promotion import PlannedSource, PromotionPlan
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.ops.capture import export_capture, store_if_changed
from cluvault.ops.sources import Source, fetch_source, read_file
from cluvault.ops.target_lease import holder_of
from cluvault.plan import promotion_plan as decide
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.golden import read_golden
from cluvault.plan.promotion_facts import ModelNow, Passed, TargetNow, meant_file, passed_of
from cluvault.plan.promotion_plan import PlannedPromotion
from cluvault.plan.reviewed_plan import check_still_holds

if TYPE_CHECKING:
    from cluvault.model.golden import GoldenUtterance
    from cluvault.ops.workspace import Workspace
    from cluvault.settings import RouteSettings


class PromoteOptions(BaseModel):
    """What to promote, by which route; or which plan to apply; or which promotion to go on with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field(default="", description="The project's name at the source.")
    route: str = Field(default="", description="A configured route.")
    reference: str | None = Field(
        default=None, description="A snapshot of the source, e.g. dev/EmailApp@2026-11-01; by default one is taken now."
    )
    plan: PromotionPlan | None = Field(default=None, description="A reviewed plan, applied exactly as it is.")
    resume: str | None = Field(
        default=None, description="A promotion that has not ended: its id, or TARGET/PROJECT@ID."
    )
    apply: bool = Field(default=False, description="Without it the plan is shown and nothing is changed.")
    accept_drift: bool = Field(default=False, description="Replace what was edited at the target directly.")
    allow_loss: bool = Field(default=False, description="Go on where the target's api-version lacks something.")
    patience: float = Field(default=0.0, ge=0, description="Seconds to wait for another worker on the same project.")
    requested_by: str = Field(
        default="",
        max_length=200,
        description="Who asks for it; by default who runs this. A run of a Prefect deployment has to be told.",
    )
    wait_for_approval: bool = Field(
        default=False,
        description="In a flow run without a Prefect deployment: stay, paused, until the form in Prefect is answered.",
    )


async def plan_promotion(workspace: Workspace, options: PromoteOptions) -> PlannedPromotion:
    """Look at source and target and decide; a snapshot of the source may be stored, nothing else is changed.

    Raises:
        UsageError: the reference names no snapshot of the route's source.
        GuardRefused: the reviewed plan does not hold any more.
        ProjectNotFound: there is no such project at the source.
    """
    await workspace.vault(create=True)
    if options.plan is None:
        return await _plan(workspace, options)
    reviewed = options.plan
    again = options.model_copy(
        update={
            "plan": None,
            "project": reviewed.source.project,
            "route": reviewed.route,
            "reference": reviewed.source.reference,
            "accept_drift": reviewed.accept_drift,
            "allow_loss": reviewed.allow_loss,
        }
    )
    now = await _plan(workspace, again)
    check_still_holds(reviewed, now.plan)
    decide.refuse_blocked(now.plan)
    return PlannedPromotion(reviewed, now.difference)


async def _plan(workspace: Workspace, options: PromoteOptions) -> PlannedPromotion:
    route = workspace.settings.route(options.route)
    if route.kind != "promotion":
        raise UsageError(
            f"route {options.route} is a {route.kind}, nothing is promoted by it", mend="use cluvault replicate"
        )
    source = await _source(workspace, route, options)
    project = route.target_project(source.project)
    client = await workspace.client(route.target)
    answered = bool(source.api_version) and await client.answers_version(source.api_version)
    version = source.api_version if answered else await client.transfer_version()
    meant = await asyncio.to_thread(
        lambda: meant_file(
            source.read(),
            route,
            project=project,
            api_version=version,
            exported_with=source.api_version,
            source=source.label,
        )
    )
    vault = await workspace.vault()
    earlier = await vault.promotions.of_project(route.target, project)
    passed = [one for promotion in earlier if (one := passed_of(promotion)) is not None]
    target = await _target(workspace, route, project, kind=meant.file.metadata["projectKind"])
    before = await _passed_before(workspace, route, source.project)
    under_way = [one for one in earlier if not one.has_ended and not one.is_harmless]
    turn = await holder_of(workspace, route.target, project) if under_way else None
    golden, now, by = await _golden(route), workspace.now(), workspace.actor
    return await asyncio.to_thread(
        lambda: decide.plan_promotion(
            route_name=options.route,
            route=route,
            source=_planned_source(source, digest=canonical_digest(source.read())),
            meant=meant,
            target=target,
            api_version=version,
            golden=golden,
            last=max(passed, key=lambda one: one.at, default=None),
            before=before,
            under_way=under_way,
            worker="" if turn is None else turn.sentence(now),
            accept_drift=options.accept_drift,
            allow_loss=options.allow_loss,
            now=now,
            by=by,
        )
    )


async def _source(workspace: Workspace, route: RouteSettings, options: PromoteOptions) -> Source:
    """A snapshot of the source: the one that is named, or one taken now."""
    if options.reference is None:
        capture = await export_capture(workspace, route.source, options.project, reason=Reason.MANUAL)
        manifest, _ = await store_if_changed(workspace, capture)
        return await fetch_source(workspace, manifest.reference)
    parsed = parse_reference(options.reference)
    if not isinstance(parsed, SnapshotReference) or parsed.resource != route.source:
        message = f"{options.reference!r} names no snapshot of {route.source}, where the route begins"
        raise UsageError(message, mend=f"write {route.source}/PROJECT or {route.source}/PROJECT@ID")
    if options.project not in ("", parsed.project):
        raise UsageError(f"{options.reference!r} is no snapshot of {options.project}", mend="name one project")
    return await fetch_source(workspace, options.reference)


def _planned_source(source: Source, *, digest: str) -> PlannedSource:
    manifest = source.manifest
    if manifest is None:
        raise UsageError(f"{source.label} is no snapshot", mend="back it up first")
    return PlannedSource(
        reference=source.label,  # of one deployment, when that is what is promoted
        resource=manifest.resource,
        project=manifest.project,
        digest=digest,  # the manifest of a sealed snapshot tells another
        api_version=manifest.api_version,
    )


async def _target(workspace: Workspace, route: RouteSettings, project: str, *, kind: str) -> TargetNow:
    client = await workspace.client(route.target)
    offered = {one.name: one.models_expire_on async for one in client.list_training_config_versions(kind=kind)}
    if not await client.project_exists(project):
        return TargetNow(kind=None, file=None, models=(), deployments={}, config_versions=offered)
    exported = await client.export_project(project, timeout=workspace.settings.backup.job_timeout)
    file = await asyncio.to_thread(
        lambda: read_project_file(exported.data, source=f"export of {route.target}/{project}")
    )
    return TargetNow(
        kind=(await client.get_project(project)).kind,
        file=file,
        models=tuple([ModelNow(one.label, one.last_trained_at) async for one in client.list_models(project)]),
        deployments={one.name: one.model_label async for one in client.list_deployments(project)},
        config_versions=offered,
    )


async def _passed_before(workspace: Workspace, route: RouteSettings, project: str) -> list[Passed]:
    """What passed the route that comes before: where it leads to, the project is called as that route says."""
    if route.after is None:
        return []
    earlier = workspace.settings.route(route.after)
    there = project if earlier.target == route.source else earlier.target_project(project)
    vault = await workspace.vault()
    promotions = await vault.promotions.of_project(earlier.target, there)
    return [one for promotion in promotions if (one := passed_of(promotion)) is not None]


async def _golden(route: RouteSettings) -> tuple[GoldenUtterance, ...] | None:
    path = route.gate.golden
    if path is None:
        return None
    return read_golden(await asyncio.to_thread(read_file, str(path)), source=str(path))
