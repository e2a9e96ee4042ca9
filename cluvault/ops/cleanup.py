"""cleanup: delete stale projects, each only after a snapshot of its present content was stored and read back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import GuardRefused, ProjectNotFound, UsageError
from cluvault.model.manifest import Reason
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.capture import keep_present_content
from cluvault.ops.fanout import at_once, for_each, ignore
from cluvault.ops.report import Report, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.cleanup import DEFAULT_RULES, CleanupPlan, ProjectFacts, plan_cleanup

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.service.client import CluClient
    from cluvault.service.models import Project
    from cluvault.settings import CleanupRule


class CleanupOptions(BaseModel):
    """Which resource to clean, by which rules, and whether to act."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resource: str = Field(description="A configured resource.")
    rules: tuple[str, ...] = Field(default=(), description="Names of configured rules; none means all of them.")
    everything: bool = Field(default=False, description="Retire the resource: all projects, whatever the rules say.")
    apply: bool = Field(default=False, description="Without it the plan is shown and nothing is deleted.")
    max_deletions: Annotated[int, Field(ge=0)] | None = Field(
        default=None, description="The most projects one run may delete; the configuration's value by default."
    )
    max_share: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="The largest share of all projects; the configuration's value by default."
    )


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """The plan, and what was done of it; `run` is None when nothing was to be done."""

    resource: str
    plan: CleanupPlan
    run: Report | None

    def to_json(self) -> JsonObject:
        """The plan and what was done of it, for programs."""
        run = self.run.to_json() if self.run is not None else None
        return {"resource": self.resource, "plan": self.plan.to_dict(), "run": run}


async def cleanup(
    workspace: Workspace,
    options: CleanupOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[CleanupPlan], None] = lambda _plan: None,
    on_done: Callable[[RunItem], None] = ignore,
) -> CleanupReport:
    """Plan, and with `apply` carry the plan out.

    Raises:
        GuardRefused: the plan deletes more than one run may; nothing was deleted.
        NotAVault: there is no place for the snapshots; nothing was deleted.
    """
    started_at = workspace.now()
    rules = _chosen_rules(workspace, options)
    facts = await run(gather_facts, workspace, options.resource)
    plan = decide(workspace, facts, rules, options)
    on_plan(plan)
    if plan.refusal is not None:
        raise GuardRefused(f"clean-up of {options.resource}: {plan.refusal}")
    if not options.apply or not plan.deletions:
        return CleanupReport(options.resource, plan, None)
    await workspace.vault(create=True)
    planned = {fact.name: fact for fact in facts}
    items = await for_each(
        plan.deletions,
        lambda chosen: run(cleanup_delete, workspace, options.resource, planned[chosen.project]),
        concurrency=workspace.settings.backup.files_at_once,
        name=lambda chosen: (options.resource, chosen.project),
        on_done=on_done,
    )
    report = await run(finish_run, workspace, "cleanup", started_at, [options.resource], items)
    return CleanupReport(options.resource, plan, report)


def decide(
    workspace: Workspace,
    facts: tuple[ProjectFacts, ...],
    rules: Mapping[str, CleanupRule],
    options: CleanupOptions,
) -> CleanupPlan:
    """The pure plan, with the limits of the options or else of the configuration."""
    limits = workspace.settings.cleanup
    return plan_cleanup(
        facts,
        rules=rules,
        protect=limits.protect,
        now=workspace.now(),
        max_deletions=limits.max_deletions if options.max_deletions is None else options.max_deletions,
        max_share=limits.max_share if options.max_share is None else options.max_share,
        everything=options.everything,
    )


async def gather_facts(workspace: Workspace, resource: str) -> tuple[ProjectFacts, ...]:
    """What decides about each project: its times, models and service deployments, from their own lists."""
    client = await workspace.client(resource)

    async def one(project: Project) -> ProjectFacts | None:
        try:
            return await _facts(client, project, unknown=workspace.now())
        except ProjectNotFound:
            return None  # deleted since it was listed

    projects = [project async for project in client.list_projects()]
    found = await at_once(projects, one, concurrency=workspace.settings.backup.files_at_once)
    return tuple(facts for facts in found if facts is not None)


async def cleanup_delete(workspace: Workspace, resource: str, planned: ProjectFacts) -> RunItem:
    """Delete one project: snapshot, read back, look again, delete. Already gone is success.

    A project of which anything is not as `planned` any more (a change, a model, a service deployment) is kept.
    """
    client = await workspace.client(resource)
    item = RunItem(resource=resource, project=planned.name, outcome=Outcome.SKIPPED)
    try:
        kept = (await keep_present_content(workspace, resource, planned.name, reason=Reason.PRE_DELETE)).manifest
        present = await _facts(client, await client.get_project(planned.name), unknown=planned.last_modified)
    except ProjectNotFound:
        return item.model_copy(update={"detail": "is gone already"})
    item = item.model_copy(update={"snapshot_id": kept.snapshot_id})
    if present != planned:
        return item.model_copy(update={"detail": "was changed or deployed after the plan was made; not deleted"})
    await client.delete_project(planned.name, timeout=workspace.settings.backup.job_timeout)
    undo = f"undo: cluvault restore {kept.reference} --to {resource}"
    return item.model_copy(update={"outcome": Outcome.DELETED, "detail": undo})


async def _facts(client: CluClient, project: Project, *, unknown: datetime) -> ProjectFacts:
    """The facts of a project; `unknown` stands for a last change that the service does not tell."""
    models = [model.last_trained_at async for model in client.list_models(project.name)]
    deployments = [one.last_deployed_at async for one in client.list_deployments(project.name)]
    return ProjectFacts(
        name=project.name,
        last_modified=project.last_modified_at or unknown,
        created=project.created_at,
        last_trained=_newest([*models, project.last_trained_at]),
        last_deployed=_newest([*deployments, project.last_deployed_at]),
        deployments=len(deployments),
    )


def _newest(times: list[datetime | None]) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _chosen_rules(workspace: Workspace, options: CleanupOptions) -> Mapping[str, CleanupRule]:
    rules = workspace.settings.cleanup.rules or DEFAULT_RULES
    unknown = [name for name in options.rules if name not in rules]
    if unknown:
        raise UsageError(f"no clean-up rule is named {unknown[0]!r}", mend=f"choose from: {', '.join(sorted(rules))}")
    return {name: rule for name, rule in rules.items() if not options.rules or name in options.rules}
