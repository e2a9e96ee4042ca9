"""Importing a project file and proving that the service holds what was meant; restore and create share it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import CluvaultError, Conflict, ProjectExists, RoundTripMismatch, VaultError
from cluvault.model.compression import Packed
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.capture import keep_present_content
from cluvault.ops.report import add_mend, finish_run
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.diff import ProjectDiff, diff_project_files
from cluvault.plan.diff_report import summary
from cluvault.plan.luis_proof import compare_migration
from cluvault.plan.upgrade import rename_project

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.model.project_file import ProjectFile
    from cluvault.ops.capture import Kept
    from cluvault.ops.steps import Runner
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.fitting import FittedFile


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent to the service.

    Attributes:
        packed: Its bytes.
        changes: What was changed to make it fit.
        becomes: The project file that the service is to make of a LUIS application; None for a project file.
    """

    packed: Packed
    changes: tuple[str, ...] = ()
    becomes: Packed | None = None

    @classmethod
    def of(cls, file: ProjectFile, changes: tuple[str, ...] = ()) -> Body:
        """A project file to import."""
        return cls(Packed.of(file.to_bytes()), changes)

    @property
    def is_luis(self) -> bool:
        """Whether it is a LUIS application."""
        return self.becomes is not None


@dataclass(frozen=True, slots=True)
class Proof:
    """The result of exporting again what was imported."""

    digest: str
    difference: ProjectDiff


class NotWhatWasMeant(RoundTripMismatch):
    """The import was accepted, but the project does not mean what the file means; carries the difference."""

    def __init__(self, where: str, proof: Proof, *, safety: str) -> None:
        message = f"{where} differs from what was imported: {summary(proof.difference)}"
        super().__init__(message, mend=_way_back(safety) if safety else "")
        self.difference = proof.difference


def import_body(packed: Packed, file: ProjectFile, fitted: FittedFile, *, project: str) -> Body:
    """The bytes to import: the file's own when it fits as it is, else fitted and under the target's name.

    Args:
        packed: The file's own bytes.
        file: The same, as it was read.
        fitted: What was made of it for the api-version that imports it.
        project: The target's name.
    """
    if fitted.file is file and file.name == project:
        return Body(packed)
    return Body.of(rename_project(fitted.file, project), fitted.changes)


@dataclass(frozen=True, slots=True)
class ImportOutcome:
    """How an import ended; with an error nothing is lost: `safety` names the content from before."""

    digest: str = ""
    safety: str = ""
    warnings: tuple[str, ...] = ()
    error: CluvaultError | None = None


async def import_and_prove(
    workspace: Workspace,
    resource: str,
    project: str,
    body: Body,
    *,
    replaces: bool,
    api_version: str,
    run: Runner,
) -> ImportOutcome:
    """Keep what stands there, import, export again, compare. Errors after the safety snapshot are returned."""
    safety = await run(take_safety_snapshot, workspace, resource, project) if replaces else ""
    if not replaces:
        await run(look_again, workspace, resource, project)
    try:
        warnings = await run(import_from_storage, workspace, resource, project, body, api_version=api_version)
        proof = await run(prove_round_trip, workspace, resource, project, body, api_version=api_version)
    except CluvaultError as err:
        if safety:
            add_mend(err, _way_back(safety))
        return ImportOutcome(safety=safety, error=err)
    error = NotWhatWasMeant(f"{resource}/{project}", proof, safety=safety) if proof.difference else None
    return ImportOutcome(proof.digest, safety, warnings, error)


async def record_import(
    workspace: Workspace,
    kind: str,
    started_at: datetime,
    item: RunItem,
    outcome: ImportOutcome,
    *,
    run: Runner,
) -> str:
    """Write the record of a restore or a creation, then raise the error it ended with; returns the record's key.

    `item` is recorded when there was no error.
    """
    if outcome.error is None:
        if not workspace.settings.vault.encryption.recipients:  # else nobody is to try out what the content is
            item = item.model_copy(update={"digest": outcome.digest})
        return (await run(finish_run, workspace, kind, started_at, [item.resource], [item])).record_key
    failed = item.model_copy(update={"outcome": Outcome.FAILED, "detail": str(outcome.error)})
    with suppress(VaultError):  # the import's own error says more than that of a record which cannot be written
        await run(finish_run, workspace, kind, started_at, [item.resource], [failed])
    raise outcome.error


def _way_back(safety: str) -> str:
    return f"the content from before is kept as {safety} (restore it with --if-exists replace)"


async def take_safety_snapshot(workspace: Workspace, resource: str, project: str) -> str:
    """Store the project's present content, read back; returns its reference. Raises what `keep_unmoved` does."""
    return (await keep_unmoved(workspace, resource, project)).manifest.reference


async def keep_unmoved(workspace: Workspace, resource: str, project: str, *, environment: bool | None = None) -> Kept:
    """Store the project's present content, read back, and see that it still is that; `environment` as of a capture.

    Raises:
        Conflict: somebody changed the project meanwhile; what they did is perhaps not in the snapshot.
    """
    kept = await keep_present_content(workspace, resource, project, reason=Reason.SAFETY, environment=environment)
    present = await (await workspace.client(resource)).get_project(project)
    if present.last_modified_at != kept.manifest.project_last_modified:
        message = f"{resource}/{project} was changed while its safety snapshot was taken; nothing was replaced"
        raise Conflict(message, mend="run it again")
    return kept


async def look_again(workspace: Workspace, resource: str, project: str) -> None:
    """Just before an import that creates a project: is the place still free?

    A step of its own, not part of the import: an import that is tried again may meet the project that it made.

    Raises:
        ProjectExists: somebody made it after the plan.
    """
    if await (await workspace.client(resource)).project_exists(project):
        message = f"{resource}/{project} was created by somebody else meanwhile, nothing was changed"
        raise ProjectExists(message, mend="run it again to see the new plan")


async def import_from_storage(
    workspace: Workspace, resource: str, project: str, body: Body, *, api_version: str
) -> tuple[str, ...]:
    """Import and wait for the job's end; returns the service's warnings."""
    client = await workspace.client(resource)
    job = await client.import_project(
        project,
        body.packed.unpack(),
        file_format="luis" if body.is_luis else None,
        api_version=api_version or None,
        timeout=workspace.settings.backup.job_timeout,
    )
    return tuple(str(warning) for warning in job.warnings)


async def prove_round_trip(workspace: Workspace, resource: str, project: str, body: Body, *, api_version: str) -> Proof:
    """Export the project again and compare it with what was imported.

    Of what the service makes of a LUIS application, only what is documented is compared.
    """
    exported = await _exported(workspace, resource, project, api_version=api_version)
    label = f"export of {resource}/{project}"
    digest = canonical_digest(read_project_file(exported.unpack(), source=label))
    meant = body.becomes or body.packed
    if not body.is_luis and digest == canonical_digest(read_project_file(meant.unpack(), source="imported file")):
        return Proof(digest, ProjectDiff())  # as it mostly ends: only one of the two was in memory as a tree
    compare = compare_migration if body.is_luis else diff_project_files
    intended = read_project_file(meant.unpack(), source="imported file")
    return Proof(digest, compare(intended, read_project_file(exported.unpack(), source=label)))


async def _exported(workspace: Workspace, resource: str, project: str, *, api_version: str) -> Packed:
    client = await workspace.client(resource)
    exported = await client.export_project(
        project, api_version=api_version or None, timeout=workspace.settings.backup.job_timeout
    )
    return Packed.of(exported.data)
