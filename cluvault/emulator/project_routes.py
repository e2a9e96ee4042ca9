"""Operations on projects: list, get, create or update, delete, import, export."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from cluvault.emulator import projects
from cluvault.emulator.calls import Answer, job_of, json_answer, page_answer
from cluvault.emulator.errors import invalid_argument, not_found
from cluvault.emulator.imports import Imported, ImportRules, read_luis_import
from cluvault.emulator.imports import read_import as read_project_file
from cluvault.emulator.jobs import is_succeeded, job_path, job_to_wire, to_seconds
from cluvault.emulator.parsing import read_body
from cluvault.emulator.records import ExportWork
from cluvault.emulator.rendering import metadata_to_wire, project_file, to_json
from cluvault.emulator.shapes import metadata_reader, spelt_index_type
from cluvault.emulator.versions import API_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluvault.emulator.calls import Call, Unread
    from cluvault.emulator.records import Project
    from cluvault.emulator.state import ResourceState

_YEAR_ONE: Final = "0001-01-01T00:00:00Z"


# --- projects ------------------------------------------------------------------------------------------------------


def list_projects(call: Call) -> Answer:
    """A page of the resource's projects."""
    return page_answer(call, "projects", call.state.newest_first(), partial(_project_json, call.state))


def get_project(call: Call) -> Answer:
    """One project."""
    return Answer(200, _project_json(call.state, projects.find_project(call.state, call.project_name)))


def read_patch(request: Unread) -> dict[str, Any]:
    """Read the body of create-or-update."""
    strict = request.emulator.config.strict_members
    return read_body(request.body, metadata_reader(request.version, strict=strict, merge_patch=True))


def patch_project(call: Call) -> Answer:
    """Create or update; year 1 after an update and the location of a new project are the service's own oddities."""
    is_new = call.project_name not in call.state.projects
    change, project = projects.create_or_update(
        call.state, call.project_name, call.document, now=call.now, limits=call.emulator.limits
    )
    call.commit(change)
    metadata = project.metadata if "settings" in call.document else replace(project.metadata, settings=None)
    if not is_new:
        times = {"createdDateTime": _YEAR_ONE, "lastModifiedDateTime": _YEAR_ONE}
        return json_answer(times | metadata_to_wire(metadata))
    name = quote(project.name, safe="")
    location = ("location", f"{call.base}/projects/{name}/{name}")
    return Answer(201, to_json(_times(project) | metadata_to_wire(metadata)), headers=(location,))


def delete_project(call: Call) -> Answer:
    """Delete a project, with its models and deployments."""
    job_id = call.emulator.new_job_id(call.now)
    return call.begin(projects.start_deletion(call.state, call.project_name, job_id=job_id, now=call.now))


def _project_json(state: ResourceState, project: Project) -> bytes:
    """A project; when it was last trained and deployed is left out, as in all recorded traffic."""
    ready = state.ready.get(project.name)
    if ready is None:
        ready = state.ready[project.name] = to_json(_times(project) | metadata_to_wire(project.metadata))
    return ready


def _times(project: Project) -> dict[str, Any]:
    return {
        "createdDateTime": to_seconds(project.created_at),
        "lastModifiedDateTime": to_seconds(project.modified_at),
    }


# --- import and export ---------------------------------------------------------------------------------------------


def read_import(request: Unread) -> Imported:
    """Read the body of an import: a project file, or with `format=luis` a LUIS application."""
    config = request.emulator.config
    rules = ImportRules(
        strict_members=config.strict_members,
        strict_names=config.strict_names,
        content=request.emulator.limits.content,
    )
    read = read_luis_import if _is_luis(request.query) else read_project_file
    return read(request.body, request.version, name=request.names["project"], rules=rules)


def import_project(call: Call) -> Answer:
    """Start an import."""
    return call.begin(
        projects.start_import(
            call.state,
            call.project_name,
            call.document,
            job_id=call.emulator.new_job_id(call.now),
            now=call.now,
            duration=call.emulator.job_duration,
            limits=call.emulator.limits,
        )
    )


def export_project(call: Call) -> Answer:
    """Start an export."""
    if _is_luis(call.query):
        raise invalid_argument("A project cannot be exported as a LUIS application.", target="format")
    return call.begin(
        projects.start_export(
            call.state,
            call.project_name,
            model_label=call.query.get("trainedmodellabel") if call.version.regex else None,
            version=call.version.name,
            string_index_type=_index_type(call),
            job_id=call.emulator.new_job_id(call.now),
            now=call.now,
            duration=call.emulator.job_duration,
        )
    )


def _index_type(call: Call) -> str:
    return spelt_index_type(call.query.get("stringindextype", ""), call.version)


def _is_luis(query: Mapping[str, str]) -> bool:
    """Whether `format=luis` is asked for; other unknown formats are ignored, as scripts in the field show."""
    return query.get("format", "").lower() == "luis"


def export_status(call: Call) -> Answer:
    """The status of an export, with the place of its result once there is one."""
    job = job_of(call, "export")
    wire = job_to_wire(job, call.now, held=call.emulator.take_first_poll(job))
    if wire["status"] == "succeeded":
        wire = {"resultUrl": call.url(f"{job_path(job)}/result")} | wire
    return json_answer(wire)


def export_result(call: Call) -> Answer:
    """The project file."""
    job = job_of(call, "export")
    if not is_succeeded(job) or not isinstance(job.work, ExportWork):
        raise not_found("result of the job", job.job_id)
    return Answer(200, project_file(job.work, API_VERSIONS[job.work.version]))
