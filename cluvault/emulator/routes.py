"""The operations of the authoring API: which path and method, what it does, what it answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from cluvault.emulator import projects
from cluvault.emulator.errors import invalid_argument, not_found
from cluvault.emulator.imports import Imported, ImportRules, read_import
from cluvault.emulator.jobs import is_succeeded, job_path, job_to_wire, to_seconds, to_ticks
from cluvault.emulator.paging import page_of
from cluvault.emulator.parsing import read_body
from cluvault.emulator.records import Deployment, ExportWork, Job, Model, Project
from cluvault.emulator.rendering import metadata_to_wire, project_file, to_json
from cluvault.emulator.shapes import metadata_reader, spelt_index_type
from cluvault.emulator.versions import API_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cluvault.emulator.core import Emulator
    from cluvault.emulator.records import JobKind
    from cluvault.emulator.state import Change, ResourceState
    from cluvault.emulator.versions import ApiVersion

_YEAR_ONE: Final = "0001-01-01T00:00:00Z"
_JSON: Final = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation answers; the gateway adds the headers that every answer has."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = _JSON
    is_chunked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, past the gateway: the route is known, the key fits, the rate is kept.

    Attributes:
        base: The URL of the API, `http://HOST/RESOURCE/language/authoring/analyze-conversations`, for links.
        names: The path's variable parts.
        query: The query, its names in lower case.
        document: What the operation's `read` made of the body.
        state: The resource at `now`.
    """

    emulator: Emulator
    resource: str
    base: str
    names: Mapping[str, str]
    query: Mapping[str, str]
    version: ApiVersion
    document: Any
    state: ResourceState
    now: datetime

    @property
    def project_name(self) -> str:
        """The name in the project's place of the path."""
        return self.names["project"]

    def url(self, path: str) -> str:
        """The absolute URL of a path, with the caller's api-version."""
        return f"{self.base}/{path}?api-version={self.version.name}"

    def commit(self, change: Change) -> None:
        """Store and make a change."""
        self.emulator.commit(self.resource, change)

    def begin(self, started: tuple[Change, Job]) -> Answer:
        """Store and make the change that starts a job, and answer where its status is."""
        change, job = started
        self.commit(change)
        self.emulator.hide_end(job)
        return Answer(202, headers=(("operation-location", self.url(job_path(job))),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A request whose body has not been read yet; what `Operation.read` gets, perhaps in another thread."""

    emulator: Emulator
    names: Mapping[str, str]
    query: Mapping[str, str]
    version: ApiVersion
    body: bytes


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of the API.

    Attributes:
        title: How a 429 names it.
        method: The HTTP method.
        path: Under `/analyze-conversations/`; `{name}` parts vary.
        handle: Does it.
        read: Reads the body before that, without the state, so that a large one need not hold up other requests.
    """

    title: str
    method: str
    path: str
    handle: Callable[[Call], Answer]
    read: Callable[[Unread], Any] | None = None


# --- projects ------------------------------------------------------------------------------------------------------


def _list_projects(call: Call) -> Answer:
    return _page(call, "projects", call.state.newest_first(), _project_to_wire)


def _get_project(call: Call) -> Answer:
    return _json(_project_to_wire(projects.find_project(call.state, call.project_name)))


def _read_patch(request: Unread) -> dict[str, Any]:
    strict = request.emulator.config.strict_members
    return read_body(request.body, metadata_reader(request.version, strict=strict, merge_patch=True))


def _patch_project(call: Call) -> Answer:
    """Create or update; year 1 after an update and the location of a new project are the service's own oddities."""
    is_new = call.project_name not in call.state.projects
    change, project = projects.create_or_update(
        call.state, call.project_name, call.document, now=call.now, limits=call.emulator.limits
    )
    call.commit(change)
    metadata = project.metadata if "settings" in call.document else replace(project.metadata, settings=None)
    if not is_new:
        times = {"createdDateTime": _YEAR_ONE, "lastModifiedDateTime": _YEAR_ONE}
        return _json(times | metadata_to_wire(metadata))
    name = quote(project.name, safe="")
    location = ("location", f"{call.base}/projects/{name}/{name}")
    return Answer(201, to_json(_times(project) | metadata_to_wire(metadata)), headers=(location,))


def _delete_project(call: Call) -> Answer:
    job_id = call.emulator.new_job_id(call.now)
    return call.begin(projects.start_deletion(call.state, call.project_name, job_id=job_id, now=call.now))


def _project_to_wire(project: Project) -> dict[str, Any]:
    """A project; when it was last trained and deployed is left out, as in all recorded traffic."""
    return _times(project) | metadata_to_wire(project.metadata)


def _times(project: Project) -> dict[str, Any]:
    return {
        "createdDateTime": to_seconds(project.created_at),
        "lastModifiedDateTime": to_seconds(project.modified_at),
    }


# --- import and export ---------------------------------------------------------------------------------------------


def _read_import(request: Unread) -> Imported:
    _refuse_luis(request.query)
    config = request.emulator.config
    rules = ImportRules(
        strict_members=config.strict_members,
        strict_names=config.strict_names,
        content=request.emulator.limits.content,
    )
    return read_import(request.body, request.version, name=request.names["project"], rules=rules)


def _import_project(call: Call) -> Answer:
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


def _export_project(call: Call) -> Answer:
    _refuse_luis(call.query)
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


def _refuse_luis(query: Mapping[str, str]) -> None:
    """Refuse `format=luis`; other unknown formats are ignored, as scripts in the field show."""
    if query.get("format", "").lower() == "luis":
        raise invalid_argument("The emulator does not convert LUIS applications.", target="format")


def _export_status(call: Call) -> Answer:
    job = _job(call, "export")
    wire = job_to_wire(job, call.now, held=call.emulator.take_first_poll(job))
    if wire["status"] == "succeeded":
        wire = {"resultUrl": call.url(f"{job_path(job)}/result")} | wire
    return _json(wire)


def _export_result(call: Call) -> Answer:
    job = _job(call, "export")
    if not is_succeeded(job) or not isinstance(job.work, ExportWork):
        raise not_found("result of the job", job.job_id)
    return Answer(200, project_file(job.work, API_VERSIONS[job.work.version]))


# --- jobs, models, deployments -------------------------------------------------------------------------------------


def _status_of(kind: JobKind) -> Callable[[Call], Answer]:
    def status(call: Call) -> Answer:
        job = _job(call, kind)
        return _json(job_to_wire(job, call.now, held=call.emulator.take_first_poll(job)))

    return status


def _job(call: Call, kind: JobKind) -> Job:
    return projects.find_job(
        call.state, call.names["job"], kind=kind, project=call.names.get("project", ""), now=call.now
    )


def _list_models(call: Call) -> Answer:
    project = projects.find_project(call.state, call.project_name)
    newest = sorted(project.models, key=lambda model: model.trained_at, reverse=True)
    return _page(call, f"projects/{quote(project.name, safe='')}/models", newest, _model_to_wire)


def _model_to_wire(model: Model) -> dict[str, Any]:
    return {
        "label": model.label,
        "modelId": model.model_id,
        "lastTrainedDateTime": to_ticks(model.trained_at),
        "lastTrainingDurationInSeconds": model.duration_seconds,
        "modelExpirationDate": model.expires,
        "modelTrainingConfigVersion": model.config_version,
        "hasSnapshot": model.snapshot is not None,
    }


def _list_deployments(call: Call) -> Answer:
    project = projects.find_project(call.state, call.project_name)
    newest = sorted(project.deployments, key=lambda deployment: deployment.deployed_at, reverse=True)
    return _page(call, f"projects/{quote(project.name, safe='')}/deployments", newest, _deployment_to_wire)


def _deployment_to_wire(deployment: Deployment) -> dict[str, Any]:
    return {
        "deploymentName": deployment.name,
        "modelId": deployment.model_id,
        "lastTrainedDateTime": to_ticks(deployment.trained_at),
        "lastDeployedDateTime": to_seconds(deployment.deployed_at),
        "deploymentExpirationDate": deployment.expires,
        "modelTrainingConfigVersion": deployment.config_version,
    }


# --- answers -------------------------------------------------------------------------------------------------------


def _json(value: dict[str, Any]) -> Answer:
    return Answer(200, to_json(value))


def _page(call: Call, path: str, items: Sequence[Any], to_wire: Callable[[Any], dict[str, Any]]) -> Answer:
    page = page_of(call.query, total=len(items), page_size=call.emulator.config.page_size)
    link = page.next_link(f"{call.base}/{path}", call.query)
    return _json({"value": [to_wire(item) for item in page.of(items)], "nextLink": link})


# --- the table -----------------------------------------------------------------------------------------------------

OPERATIONS: Final = (
    Operation("List Projects", "GET", "projects", _list_projects),
    Operation("Get Project", "GET", "projects/{project}", _get_project),
    Operation("Create Project", "PATCH", "projects/{project}", _patch_project, _read_patch),
    Operation("Delete Project", "DELETE", "projects/{project}", _delete_project),
    Operation("Get Project Deletion Status", "GET", "projects/global/deletion-jobs/{job}", _status_of("deletion")),
    Operation("Import", "POST", "projects/{project}/:import", _import_project, _read_import),
    Operation("Get Import Status", "GET", "projects/{project}/import/jobs/{job}", _status_of("import")),
    Operation("Export", "POST", "projects/{project}/:export", _export_project),
    Operation("Get Export Status", "GET", "projects/{project}/export/jobs/{job}", _export_status),
    Operation("Get Export Result", "GET", "projects/{project}/export/jobs/{job}/result", _export_result),
    Operation("List Trained Models", "GET", "projects/{project}/models", _list_models),
    Operation("List Deployments", "GET", "projects/{project}/deployments", _list_deployments),
)


class Router:
    """Finds the operation of a method and a path; literal parts win over variable ones."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._routes: dict[tuple[str, int], list[tuple[list[str], Operation]]] = {}
        for operation in operations:
            parts = operation.path.split("/")
            self._routes.setdefault((operation.method, len(parts)), []).append((parts, operation))
        for routes in self._routes.values():
            routes.sort(key=lambda route: [part.startswith("{") for part in route[0]])

    def find(self, method: str, segments: Sequence[str]) -> tuple[Operation, dict[str, str]] | None:
        """The operation and the values of its path's variable parts."""
        for parts, operation in self._routes.get((method, len(segments)), ()):
            if all(part[0] == "{" or part == segment for part, segment in zip(parts, segments, strict=True)):
                names = zip(parts, segments, strict=True)
                return operation, {part[1:-1]: segment for part, segment in names if part[0] == "{"}
        return None
