"""restore: import a project file, prove what came of it; what stood there is kept first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from cluvault.model.compression import Packed
from cluvault.model.reference import parse_target
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.imports import Body, import_and_prove, import_body, prove_round_trip, record_import
from cluvault.ops.sources import Source, fetch_source
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.losses import refuse_without_leave
from cluvault.plan.luis import migrate_luis_app
from cluvault.plan.restore import IfExists, RestorePlan
from cluvault.plan.restore import plan_restore as decide
from cluvault.plan.vocabulary import CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.losses import Loss


class RestoreOptions(BaseModel):
    """What to restore, and where to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: str = Field(
        description="prod/EmailApp, prod/EmailApp@2026-11-01, live:dev/EmailApp, a path, s3://… or az://…"
    )
    to: str = Field(default="", description="RESOURCE or RESOURCE/PROJECT; an environment by default where it was.")
    if_exists: IfExists = Field(
        default=IfExists.FAIL, description="When the project exists: fail, replace (kept first), or rename."
    )
    allow_loss: bool = Field(
        default=False,
        description="Restore although the target's api-versions lack what the model is trained on; all is listed.",
    )
    environment: bool = Field(
        default=False,
        description="Rebuild what was deployed, too: train each model anew and deploy it under the same names.",
    )


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """A restore that was proven: the target means what the source means, but for the losses that its plan lists.

    Attributes:
        imported: False when the target meant it already, and so nothing was changed.
    """

    plan: RestorePlan
    digest: str
    safety: str
    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    record_key: str
    imported: bool = True

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "resource": self.plan.resource,
            "project": self.plan.project,
            "source": self.plan.source,
            "replaced": self.plan.replaces,
            "safetySnapshot": self.safety or None,
            "digest": self.digest,
            "apiVersion": self.plan.api_version,
            "changes": list(self.changes),
            "notes": list(self.plan.notes),
            "losses": [loss.to_json() for loss in self.plan.losses],
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
    """Restore a project file to a resource, or have it migrate a LUIS application.

    Raises:
        ProjectExists: the target exists and `if_exists` is fail; nothing was changed.
        GuardRefused: the target would train another model, and `allow_loss` was not given; nothing was changed.
        NotWhatWasMeant: the service holds something else than the file; the safety snapshot is named.
        NotAVault: there is no place for the safety snapshot and the record; nothing was changed.
    """
    started_at = workspace.now()
    source = await run(fetch_source, workspace, options.reference)
    return await restore_source(workspace, source, options, started_at=started_at, run=run, on_plan=on_plan)


async def restore_source(
    workspace: Workspace,
    source: Source,
    options: RestoreOptions,
    *,
    started_at: datetime,
    run: Runner = run_directly,
    on_plan: Callable[[RestorePlan], None] = lambda _plan: None,
    unless_same: bool = False,
) -> RestoreReport:
    """The same with a project file that is at hand; `unless_same` imports nothing that the target means already.

    Raises what `restore` does.
    """
    plan = await run(plan_restore, workspace, source, options)
    on_plan(plan)
    if not options.allow_loss:
        refuse_without_leave(plan.losses, what=plan.sentence, mend=_LEAVE)
    body = restore_body(source, plan)
    await workspace.vault(create=True)  # a vault that cannot be opened is known before anything is imported
    if unless_same and plan.replaces and not source.is_luis:
        proof = await run(prove_round_trip, workspace, plan.resource, plan.project, body, api_version=plan.api_version)
        if not proof.difference:
            return RestoreReport(plan, proof.digest, "", body.changes, (), "", imported=False)
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
        detail=f"from {source.label}" + (f", without {len(plan.losses)} parts of it" if plan.losses else ""),
    )
    record_key = await record_import(workspace, "restore", started_at, item, outcome, run=run)
    return RestoreReport(plan, outcome.digest, outcome.safety, body.changes, outcome.warnings, record_key)


async def preview_restore(workspace: Workspace, options: RestoreOptions) -> RestorePlan:
    """What a restore would do; changes nothing."""
    return await plan_restore(workspace, await fetch_source(workspace, options.reference), options)


async def plan_restore(workspace: Workspace, source: Source, options: RestoreOptions) -> RestorePlan:
    """Look at the target and decide; changes nothing."""
    target = parse_target(options.to)
    client = await workspace.client(target.resource)
    existing = {project.name: project.kind async for project in client.list_projects()}
    answered = bool(source.api_version) and await client.answers_version(source.api_version)
    version = source.api_version if answered else await client.transfer_version()
    wanted = target.project or source.project
    contents = _migrated(source, wanted, version) if source.is_luis else _fitted(source, version)
    return decide(
        source=source.label,
        kind=contents.kind,
        resource=target.resource,
        wanted=wanted,
        existing=existing,
        if_exists=options.if_exists,
        now=workspace.now(),
        api_version=version,
        notes=(*contents.notes, *_other_version(source, target.resource, version)),
        losses=contents.losses,
    )


_LEAVE: Final = "--dry-run lists all that would be lost; add --allow-loss to accept it"


class _Contents(NamedTuple):
    """What a plan says of a file."""

    kind: str
    notes: tuple[str, ...]
    losses: tuple[Loss, ...]


def _fitted(source: Source, version: str) -> _Contents:
    fitted = fit_project_file(source.read(), version, exported_with=source.api_version, source=source.label)
    return _Contents(fitted.file.metadata["projectKind"], fitted.changes, fitted.losses)


def _migrated(source: Source, project: str, version: str) -> _Contents:
    migration = migrate_luis_app(source.read_luis(), name=project, version=version)
    return _Contents(CONVERSATION, ("a LUIS app: the service migrates it", *migration.notes), migration.losses)


def restore_body(source: Source, plan: RestorePlan) -> Body:
    """What is sent: a LUIS application as it is, a project file as it fits."""
    if source.is_luis:
        migration = migrate_luis_app(source.read_luis(), name=plan.project, version=plan.api_version)
        return Body(source.packed, migration.notes, becomes=Packed.of(migration.file.to_bytes()))
    file = source.read()
    fitted = fit_project_file(file, plan.api_version, exported_with=source.api_version, source=source.label)
    return import_body(source.packed, file, fitted, project=plan.project)


def _other_version(source: Source, resource: str, version: str) -> tuple[str, ...]:
    if source.api_version in ("", version):
        return ()
    exported = f"api-version {source.api_version}, which exported {source.label}"
    return (f"{resource} does not answer {exported}; {version} is used",)
