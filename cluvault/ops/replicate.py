"""replicate: keep a second resource equal to the first, for the day on which the first fails; nothing is deleted there.

Each project has its own lease, which excludes promotions to the same target, and its own end: one that fails does not
stop the rest. What has not changed since the last replication is not exported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import UsageError
from cluvault.model.run import Outcome
from cluvault.ops.drift import DriftOptions, plan_drift
from cluvault.ops.fanout import sentence_of, try_each
from cluvault.ops.replica_look import Ends, last_record, look_at_ends, look_closely
from cluvault.ops.replica_work import Work, settle_trainings
from cluvault.ops.report import Report, RunFailed, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.ops.target_lease import refuse_under_way, working_on
from cluvault.plan.keys import PromotionKey
from cluvault.plan.replica import ReplicaStatus, is_as_left, replica_item

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.replica_look import Look
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.drift import Pair
    from cluvault.settings import RouteSettings


class ReplicateOptions(BaseModel):
    """Which replica to bring up to date, or to look at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    route: str = Field(min_length=1, description='A configured route of kind "replica".')
    projects: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=("*",), min_length=1, description="Project names or globs, by the name at the source; case-sensitive."
    )
    apply: bool = Field(default=False, description="Without it the status is shown and nothing is changed.")
    full: bool = Field(default=False, description="Compare the contents also where nothing seems to have changed.")
    patience: float = Field(default=0.0, ge=0, description="Seconds to wait for another worker on the same project.")


@dataclass(frozen=True, slots=True)
class ReplicationPlan:
    """The projects of a replica.

    Attributes:
        problems: What cannot be replicated, and why.
    """

    route: RouteSettings
    route_name: str
    pairs: tuple[Pair, ...]
    problems: tuple[ReplicaStatus, ...]

    def ends(self, pair: Pair) -> Ends:
        """Where a project that the source has comes from and goes to."""
        source = pair.source or ""
        return Ends(self.route_name, self.route, source, self.route.target_project(source))


@dataclass(frozen=True, slots=True)
class ReplicaReport:
    """The replica's status.

    Attributes:
        run: As a run; its record lies in the vault when something was to be applied.
    """

    source: str
    target: str
    route: str
    applied: bool
    projects: tuple[ReplicaStatus, ...]
    run: Report

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "source": self.source,
            "target": self.target,
            "route": self.route,
            "applied": self.applied,
            "summary": self.run.summary,
            "record": self.run.record_key or None,
            "projects": [one.to_json() for one in self.projects],
        }


class ReplicationIncomplete(RunFailed):
    """Some projects of a replica failed; the report has what became of the others."""

    def __init__(self, replica: ReplicaReport) -> None:
        super().__init__(replica.run)
        self.replica = replica


async def replicate(
    workspace: Workspace,
    options: ReplicateOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[ReplicationPlan], None] = lambda _plan: None,
    on_done: Callable[[ReplicaStatus], None] = lambda _status: None,
) -> ReplicaReport:
    """Say how each project of a replica stands; with `apply` bring it up to date first.

    Raises:
        ConfigurationError: the route is not configured.
        UsageError: it is none of kind replica.
        ServiceError: a resource cannot be listed.
        VaultError: with `apply`: there is no place for safety snapshots and records.
    """
    started_at = workspace.now()
    if options.apply:
        await workspace.vault(create=True)
    plan = await run(plan_replication, workspace, options)
    on_plan(plan)

    async def one(pair: Pair) -> ReplicaStatus:
        if pair.source is None or not options.apply:
            return await run(check_replica, workspace, plan, pair, full=options.full)
        return await run(replicate_project, workspace, plan, pair, options)

    found = await try_each(
        plan.pairs,
        one,
        concurrency=workspace.settings.backup.files_at_once,
        failed=lambda pair, err: ReplicaStatus(pair, Outcome.FAILED, notes=(sentence_of(err),)),
        on_done=on_done,
    )
    projects = (*plan.problems, *found)
    resources = (plan.route.source, plan.route.target)
    items = [replica_item(status, resource=plan.route.target) for status in projects]
    if options.apply:
        asked = {"route": options.route, "projects": list(options.projects)}
        report = await run(finish_run, workspace, "replicate", started_at, resources, items, options=asked)
    else:
        report = Report("replicate", workspace.new_run_id(), tuple(items), "")
    return ReplicaReport(*resources, options.route, options.apply, projects, report)


async def plan_replication(workspace: Workspace, options: ReplicateOptions) -> ReplicationPlan:
    """List both ends and put their projects side by side.

    Raises:
        UsageError: the route is none of kind replica.
    """
    route = workspace.settings.route(options.route)
    if route.kind != "replica":
        message = f"route {options.route} is a {route.kind}, nothing is replicated by it"
        raise UsageError(message, mend='name a route of kind = "replica", or use cluvault promote')
    found = await plan_drift(workspace, DriftOptions(route=options.route, projects=options.projects))
    problems = tuple(ReplicaStatus(one.pair, Outcome.FAILED, notes=one.notes) for one in found.problems)
    return ReplicationPlan(route, options.route, found.pairs, problems)


async def check_replica(
    workspace: Workspace, plan: ReplicationPlan, pair: Pair, *, full: bool = False
) -> ReplicaStatus:
    """How a project of a replica stands; nothing is changed."""
    if pair.source is None:
        return await _leftover(workspace, plan, pair)
    ends = plan.ends(pair)
    facts, record = await look_at_ends(workspace, ends), await last_record(workspace, ends)
    if not full and is_as_left(facts, record):
        return ReplicaStatus(pair, Outcome.EQUAL, notes=record.notes if record else ())
    look = await look_closely(workspace, ends, facts, record, keep=False, full=full)
    return _standing(workspace, pair, look)


async def replicate_project(
    workspace: Workspace, plan: ReplicationPlan, pair: Pair, options: ReplicateOptions
) -> ReplicaStatus:
    """Bring one project of a replica up to date.

    Raises:
        LeaseHeld: somebody works on the target project.
        GuardRefused: a promotion to it is half done.
        CluvaultError: the content could not be brought; the next run goes on.
    """
    ends = plan.ends(pair)
    facts, record = await look_at_ends(workspace, ends), await last_record(workspace, ends)
    if not options.full and is_as_left(facts, record):
        return ReplicaStatus(pair, Outcome.EQUAL, notes=record.notes if record else ())
    key = PromotionKey(ends.route.target, ends.target, workspace.new_run_id())
    async with working_on(workspace, key, step="replicate", patience=options.patience):
        await refuse_under_way(workspace, ends.route.target, ends.target)
        await settle_trainings(workspace, ends)
        facts, record = await look_at_ends(workspace, ends), await last_record(workspace, ends)
        look = await look_closely(workspace, ends, facts, record, keep=True, full=options.full)
        work = Work(workspace, ends, key, look)
        await work.carry_out()
        if not work.problems:
            await work.note()
    before = _standing(workspace, pair, look)
    if work.problems:
        notes = (*work.problems, *look.plan.notes)
        return ReplicaStatus(pair, Outcome.FAILED, before.behind, before.changes, before.steps, notes)
    outcome = Outcome.EQUAL if look.plan.is_equal else Outcome.REPLICATED
    return ReplicaStatus(pair, outcome, before.behind, before.changes, before.steps, look.plan.notes)


def _standing(workspace: Workspace, pair: Pair, look: Look) -> ReplicaStatus:
    plan = look.plan
    if plan.is_equal:
        return ReplicaStatus(pair, Outcome.EQUAL, notes=plan.notes)
    behind: timedelta | None = None if plan.behind_since is None else workspace.now() - plan.behind_since
    notes = (*plan.problems, *plan.notes)
    return ReplicaStatus(pair, Outcome.BEHIND, behind, plan.changes, plan.steps, notes)


async def _leftover(workspace: Workspace, plan: ReplicationPlan, pair: Pair) -> ReplicaStatus:
    """A project that only the replica has: gone from the source, or somebody else's. It is never deleted."""
    target, project = plan.route.target, pair.target or ""
    record = await (await workspace.vault()).replicas.last(target, project) if await workspace.has_vault() else None
    if record is None:
        return ReplicaStatus(pair, Outcome.LEFTOVER, notes=("no replication made it; it stays",))
    gone = (
        f"{record.source_resource}/{record.source_project} is gone, of which it was a replica on {record.at:%Y-%m-%d}"
    )
    return ReplicaStatus(pair, Outcome.LEFTOVER, notes=(f"{gone}; it stays until you delete it",))
