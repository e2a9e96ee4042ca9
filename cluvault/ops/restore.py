"""restore: import a project file, prove what came of it; what stood there is kept first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from cluvault.model.reference import parse_target
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.imports import import_and_prove, import_body, record_import
from cluvault.ops.sources import Source, fetch_source
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.restore import IfExists, RestorePlan
from cluvault.plan.restore import plan_restore as decide
from cluvault.plan.upgrade import upgrade_project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace


class RestoreOptions(BaseModel):
    """What to restore, and where to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str = Field(
        description="prod/EmailApp, prod/EmailApp@2026-11-01, live:dev/EmailApp, a path, s3://… or az://…"
    )
    to: str = Field(description="RESOURCE or RESOURCE/PROJECT.")
    if_exists: IfExists = Field(
        default=IfExists.FAIL, description="When the project exists: fail, replace (kept first), or rename."
    )


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A restore that was proven: the target means what the source means."""

    plan: RestorePlan
    digest: str
    safety: str
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    record_key: str

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "resource": self.plan.resource,
            "project": self.plan.project,
            "source": self.plan.source,
            "replaced": self.plan.replaces,
            "safetySnapshot": self.safety or None,
            "digest": self.digest,
            "changes": list(self.changes),
            "notes": list(self.plan.notes),
            "warnings": list(self.warnings),
            "record": self.record_key,
        }


async def restore(
    workspace: Workspace,
    options: RestoreOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[RestorePlan], None] = lambda _plan: None,
) -> RestoreReport:
    """Restore a project file to a resource.

    Raises:
        ProjectExists: the target exists and `if_exists` is fail; nothing was changed.
        NotWhatWasMeant: the service holds something else than the file; the safety snapshot is named.
        NotAVault: there is no place for the safety snapshot and the record; nothing was changed.
    """
    started_at = workspace.now()
    source = await run(fetch_source, workspace, options.reference)
    plan = await run(plan_restore, workspace, source, options)
    on_plan(plan)
    body = import_body(source.data, project=plan.project, source=source.label)
    await workspace.vault(create=True)  # a vault that cannot be opened is known before anything is imported
    outcome = await import_and_prove(
        workspace,
        plan.resource,
        plan.project,
        body,
        replaces=plan.replaces,
        api_version=plan.api_version,
        run=run,
    )
    item = RunItem(
        resource=plan.resource,
        project=plan.project,
        outcome=Outcome.RESTORED,
        snapshot_id=source.manifest.snapshot_id if source.manifest else None,
        detail=f"from {source.label}",
    )
    record_key = await record_import(workspace, "restore", started_at, item, outcome, run=run)
    return RestoreReport(plan, outcome.digest, outcome.safety, body.changes, outcome.warnings, record_key)


async def plan_restore(workspace: Workspace, source: Source, options: RestoreOptions) -> RestorePlan:
    """Look at the target and decide; changes nothing."""
    target = parse_target(options.to)
    client = await workspace.client(target.resource)
    existing = {project.name: project.kind async for project in client.list_projects()}
    upgraded = upgrade_project_file(source.read(), source=source.label)
    answered = not source.api_version or await client.answers_version(source.api_version)
    return decide(
        source=source.label,
        kind=upgraded.file.metadata["projectKind"],
        resource=target.resource,
        wanted=target.project or source.project,
        existing=existing,
        if_exists=options.if_exists,
        now=workspace.now(),
        api_version=source.api_version if answered else await client.transfer_version(),
        notes=upgraded.changes if answered else (*upgraded.changes, _other_version(source, target.resource)),
    )


def _other_version(source: Source, resource: str) -> str:
    return f"{resource} does not answer api-version {source.api_version}, which exported {source.label}"
