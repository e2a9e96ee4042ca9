"""Decisions about projects and their jobs: what a request changes, or why it is refused. Pure; see `state.py`."""

from __future__ import annotations

from dataclasses import replace
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from cluvault.emulator.errors import (
    conflict,
    invalid_argument,
    invalid_request,
    invalid_value,
    not_found,
    project_not_found,
    quota_exceeded,
)
from cluvault.emulator.jobs import holds_project, is_expired, must_wait
from cluvault.emulator.languages import is_language
from cluvault.emulator.limits import is_project_name
from cluvault.emulator.records import ExportWork, ImportWork, Job, Metadata, Project, Snapshot
from cluvault.emulator.rendering import empty_content, metadata_of, metadata_to_wire, settings_of
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from cluvault.emulator.errors import Problem
    from cluvault.emulator.imports import Imported
    from cluvault.emulator.jobs import Start
    from cluvault.emulator.limits import Limits
    from cluvault.emulator.records import JobKind, LoadSnapshotWork, Model, ProjectKind, Work
    from cluvault.emulator.state import ResourceState


# --- looking up ----------------------------------------------------------------------------------------------------


def find_project(state: ResourceState, name: str) -> Project:
    """The project of this name.

    Raises:
        Refusal: 404.
    """
    project = state.projects.get(name)
    if project is None:
        raise project_not_found(name)
    return project


def find_job(state: ResourceState, job_id: str, *, kind: JobKind, project: str, part: str = "", now: datetime) -> Job:
    """The job of this id, asked for at the place where jobs of its kind live.

    Raises:
        Refusal: 404; also for a job that has expired.
    """
    job = state.jobs.get(job_id)
    if job is None or job.kind != kind or job.part != part or job.made_to == "be-lost" or is_expired(job, now):
        raise not_found("job", job_id)
    if kind != "deletion" and job.project != project:
        raise not_found("job", job_id)
    return job


def find_model(project: Project, label: str) -> Model:
    """The trained model of this label.

    Raises:
        Refusal: 404.
    """
    for model in project.models:
        if model.label == label:
            return model
    raise not_found("trained model", label)


# --- create and update ---------------------------------------------------------------------------------------------


def create_or_update(
    state: ResourceState, name: str, patch: dict[str, Any], *, now: datetime, limits: Limits
) -> tuple[Change, Project]:
    """Create a project, or change the members that `patch` names; null takes a member away.

    Raises:
        Refusal: 400 for a bad name, language or a change of kind; 409 while a job holds the project; 403 when full.
    """
    if patch["projectName"] != name:
        raise invalid_value("ProjectName", patch["projectName"], target="projectName")
    if not is_language(patch["language"]):
        raise invalid_value("Language", patch["language"], target="language")
    check_free(state, name, "import")
    before = state.projects.get(name)
    if before is None:
        check_new(state, name, limits)
        project = _created(name, patch, now)
    else:
        check_kind(before, patch["projectKind"])
        project = replace(before, metadata=_patched(before.metadata, patch), modified_at=now)
    return Change(projects=(project,)), project


def _created(name: str, patch: dict[str, Any], now: datetime) -> Project:
    given = {member: value for member, value in patch.items() if value is not None}
    metadata = metadata_of(given, name=name)
    if "settings" not in given:
        metadata = replace(metadata, settings=None)
    return Project(metadata=metadata, content=empty_content(metadata.kind), created_at=now, modified_at=now)


def _patched(metadata: Metadata, patch: dict[str, Any]) -> Metadata:
    settings = metadata.settings
    if "settings" in patch:
        changes: dict[str, Any] | None = patch["settings"]
        before: dict[str, Any] = metadata_to_wire(metadata).get("settings", {})
        settings = None if changes is None else settings_of(before | changes)
    return replace(
        metadata,
        language=patch["language"],
        multilingual=patch.get("multilingual", metadata.multilingual) or False,
        description=patch.get("description", metadata.description),
        settings=settings,
        container=patch.get("storageInputContainerName", metadata.container),
    )


# --- jobs ----------------------------------------------------------------------------------------------------------


def start_deletion(state: ResourceState, name: str, *, job_id: str, now: datetime) -> tuple[Change, Job]:
    """Delete a project at once, with its jobs; the deletion job lives on by itself.

    Raises:
        Refusal: 404, or 409 while a job holds the project.
    """
    find_project(state, name)
    check_free(state, name, "deletion")
    job = Job(job_id=job_id, kind="deletion", project=name, created_at=now, due_at=now, finished=True)
    gone = tuple(job.job_id for job in state.jobs.values() if job.project == name and job.kind != "deletion")
    removed = (*gone, *(expired for expired in _expired(state, now) if expired not in gone))
    return Change(removed_projects=(name,), removed_jobs=removed, jobs=(job,)), job


def start_import(
    state: ResourceState,
    name: str,
    imported: Imported,
    *,
    job_id: str,
    now: datetime,
    duration: timedelta,
    limits: Limits,
) -> tuple[Change, Job]:
    """Begin to replace a project's working copy, or to create the project.

    Raises:
        Refusal: 400 for a bad name or another kind; 409 while a job holds the project; 403 when the resource is full.
    """
    check_free(state, name, "import")
    if name in state.projects:
        check_kind(state.projects[name], imported.kind)
    else:
        check_new(state, name, limits)
    job = Job(
        job_id=job_id,
        kind="import",
        project=name,
        created_at=now,
        due_at=now + duration,
        errors=imported.errors,
        warnings=imported.warnings,
        work=ImportWork(snapshot=imported.snapshot) if imported.snapshot is not None else None,
    )
    return started(state, job, now)


def start_export(
    state: ResourceState,
    name: str,
    *,
    model_label: str | None,
    version: str,
    string_index_type: str,
    job_id: str,
    now: datetime,
    duration: timedelta,
) -> tuple[Change, Job]:
    """Begin to export a project's working copy as it is now, or what one of its models was trained on.

    Raises:
        Refusal: 404 for an unknown project or model, 400 for a model without a snapshot.
    """
    project = find_project(state, name)
    check_free(state, name, "export")
    snapshot = Snapshot(project.metadata, project.content) if model_label is None else snapshot_of(project, model_label)
    job = Job(
        job_id=job_id,
        kind="export",
        project=name,
        created_at=now,
        due_at=now + duration,
        work=ExportWork(snapshot=snapshot, version=version, string_index_type=string_index_type),
    )
    return started(state, job, now)


def snapshot_of(project: Project, label: str) -> Snapshot:
    """What a trained model was trained on.

    Raises:
        Refusal: 404 for an unknown model, 400 for one that has no snapshot.
    """
    snapshot = find_model(project, label).snapshot
    if snapshot is None:
        raise invalid_request(f"The trained model `{label}` has no snapshot.")
    return snapshot


def started(state: ResourceState, job: Job, now: datetime) -> tuple[Change, Job]:
    """The change that begins a job; jobs that have expired by then are forgotten."""
    return Change(jobs=(job,), removed_jobs=_expired(state, now)), job


def begin_job(
    state: ResourceState,
    start: Start,
    *,
    kind: JobKind,
    project: str,
    part: str = "",
    work: Work,
    errors: tuple[Problem, ...] = (),
) -> tuple[Change, Job]:
    """The change that begins a job with its work, or with the errors that it will fail with."""
    job = Job(
        job_id=start.job_id,
        kind=kind,
        project=project,
        part=part,
        created_at=start.now,
        due_at=start.due_at,
        errors=errors,
        work=work,
    )
    return started(state, job, start.now)


def _expired(state: ResourceState, now: datetime) -> tuple[str, ...]:
    """Jobs to forget; they are kept oldest first, so the search ends at the first that is not expired."""
    return tuple(job.job_id for job in takewhile(lambda job: is_expired(job, now), state.jobs.values()))


def put_in_place(state: ResourceState, job: Job, work: ImportWork | LoadSnapshotWork) -> Change:
    """The end of an import or load-snapshot: its content is the project's working copy; a new project begins."""
    metadata, content = work.snapshot.metadata, work.snapshot.content
    before = state.projects.get(job.project)
    if before is None:
        project = Project(metadata=metadata, content=content, created_at=job.due_at, modified_at=job.due_at)
    else:
        project = replace(before, metadata=metadata, content=content, modified_at=job.due_at)
    return Change(projects=(project,))


# --- conditions ----------------------------------------------------------------------------------------------------


def check_free(state: ResourceState, name: str, kind: JobKind) -> None:
    """Refuse a job that cannot begin while another holds the project.

    Raises:
        Refusal: 409.
    """
    if not must_wait(kind):
        return
    for job in state.unfinished():
        if job.project == name and holds_project(job):
            raise conflict(name, job.job_id)


def check_kind(project: Project, kind: ProjectKind) -> None:
    """Refuse with 400 to make another kind of an existing project."""
    if project.metadata.kind != kind:
        raise invalid_argument(
            f"The project `{project.name}` is of kind `{project.metadata.kind}`, which cannot become `{kind}`.",
            target="projectKind",
        )


def check_new(state: ResourceState, name: str, limits: Limits) -> None:
    """Refuse a new project: 400 for its name, 403 when the resource is full."""
    if not is_project_name(name, max_length=limits.project_name_length):
        raise invalid_value("ProjectName", name, target="projectName")
    coming = {job.project for job in state.unfinished() if job.kind == "import"} - state.projects.keys()
    if limits.projects is not None and len(state.projects) + len(coming) >= limits.projects:
        raise quota_exceeded(f"The resource has {limits.projects} projects, which is the most it can have.")
