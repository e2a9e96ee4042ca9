"""Importing a project file and proving that the service holds what was meant; restore and create share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import CluvaultError, RoundTripMismatch
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.ops.capture import keep_present_content
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.diff import ProjectDiff, diff_project_files
from cluvault.plan.diff_report import summary
from cluvault.plan.upgrade import rename_project, upgrade_project_file

if TYPE_CHECKING:
    from cluvault.ops.steps import Runner
    from cluvault.ops.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent to the service, and what was changed to make it fit."""

    data: bytes
    changes: tuple[str, ...]


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


def import_body(data: bytes, *, project: str, source: str) -> Body:
    """The bytes to import: the file's own when it fits as it is, else upgraded and under the target's name."""
    file = read_project_file(data, source=source)
    upgraded = upgrade_project_file(file, source=source)
    if not upgraded.changes and file.name == project:
        return Body(data, ())
    return Body(rename_project(upgraded.file, project).to_bytes(), upgraded.changes)


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
    try:
        warnings = await run(import_from_storage, workspace, resource, project, body, api_version=api_version)
        proof = await run(prove_round_trip, workspace, resource, project, body, api_version=api_version)
    except CluvaultError as err:
        if safety:
            err.mend = f"{err.mend}; {_way_back(safety)}" if err.mend else _way_back(safety)
        return ImportOutcome(safety=safety, error=err)
    error = NotWhatWasMeant(f"{resource}/{project}", proof, safety=safety) if proof.difference else None
    return ImportOutcome(proof.digest, safety, warnings, error)


def _way_back(safety: str) -> str:
    return f"the content from before is kept as {safety} (restore it with --if-exists replace)"


async def take_safety_snapshot(workspace: Workspace, resource: str, project: str) -> str:
    """Store the project's present content, read back; returns its reference."""
    manifest = await keep_present_content(workspace, resource, project, reason=Reason.SAFETY)
    return manifest.reference


async def import_from_storage(
    workspace: Workspace, resource: str, project: str, body: Body, *, api_version: str
) -> tuple[str, ...]:
    """Import and wait for the job's end; returns the service's warnings."""
    client = await workspace.client(resource)
    job = await client.import_project(
        project, body.data, api_version=api_version or None, timeout=workspace.settings.backup.job_timeout
    )
    return tuple(str(warning) for warning in job.warnings)


async def prove_round_trip(workspace: Workspace, resource: str, project: str, body: Body, *, api_version: str) -> Proof:
    """Export the project again and compare it with what was imported."""
    client = await workspace.client(resource)
    exported = await client.export_project(
        project, api_version=api_version or None, timeout=workspace.settings.backup.job_timeout
    )
    meant = read_project_file(body.data, source="imported file")
    found = read_project_file(exported.data, source=f"export of {resource}/{project}")
    digest = canonical_digest(found)
    if digest == canonical_digest(meant):
        return Proof(digest, ProjectDiff())
    return Proof(digest, diff_project_files(meant, found))
