"""The requests of the authoring API that cluvault makes, and for each whether it may be repeated. Performs no I/O.

`repeatable` decides what happens when a connection breaks and nobody knows whether the service has acted:

| operation | repeatable | because                                                                              |
| --------- | ---------- | ------------------------------------------------------------------------------------ |
| GET       | yes        | it changes nothing                                                                   |
| DELETE    | yes        | gone is gone; a second one answers 404, which is success                             |
| PATCH     | yes        | the merge patch sets absolute values; a second identical one changes nothing more    |
| :export   | yes        | a second export job reads the project once more and harms nothing                    |
| :import   | no         | it replaces all data of a project. While the first runs, a second is refused at best |
|           |            | (409); at worst it undoes what somebody has changed since. The caller can look       |

All of them are repeated when the service provably did nothing (no connection, 429, 503 with Retry-After).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote, urlencode

from cluvault.errors import UsageError
from cluvault.model.json_text import write_json
from cluvault.model.names import check_project_name, shorten
from cluvault.service.exchange import OWNER, WRITER, Call, Expects, Subject
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluvault.service.jobs import JobHandle

_PROJECTS: Final = "/language/authoring/analyze-conversations/projects"
_RESERVED_NAME: Final = "global"


@dataclass(frozen=True, slots=True)
class Routes:
    """Builds the calls to one endpoint."""

    endpoint: str

    def list_projects(self, version: str, *, top: int | None = None) -> Call:
        """The first page of all projects."""
        query = {} if top is None else {"top": str(top)}
        return Call("GET", self._url("", version, query), "list projects")

    def get_project(self, name: str, version: str) -> Call:
        """One project."""
        return Call("GET", self._project(name, "", version), "get project", name, Subject.PROJECT)

    def create_project(self, name: str, version: str, metadata: Mapping[str, Any]) -> Call:
        """Create a project or update it; the name in the body is the name in the URL."""
        return Call(
            "PATCH",
            self._project(_new_name(name), "", version),
            "create project",
            name,
            expects=Expects.ANYTHING,
            role=WRITER,
            body=write_json({**metadata, "projectName": name}),
            content_type="application/merge-patch+json",
        )

    def delete_project(self, name: str, version: str) -> Call:
        """Start the deletion of a project."""
        url = self._project(name, "", version)
        return Call("DELETE", url, "delete project", name, Subject.PROJECT, Expects.ANYTHING, role=OWNER)

    def export(self, name: str, version: str, *, trained_model_label: str | None) -> Call:
        """Start an export: of the working copy, or of the snapshot that a model was trained on.

        Raises:
            UsageError: the label is empty; the service would take that for the working copy.
        """
        query = {"stringIndexType": "Utf16CodeUnit"}
        subject, what = Subject.PROJECT, "export"
        if trained_model_label is not None:
            query["trainedModelLabel"] = _label(trained_model_label)
            subject, what = Subject.PART, f"export of model {shorten(trained_model_label)!r}"
        url = self._project(name, "/:export", version, query)
        return Call("POST", url, what, name, subject, Expects.ANYTHING)

    def import_project(self, name: str, version: str, data: bytes) -> Call:
        """Start an import that replaces the working copy of a project, or creates the project."""
        return Call(
            "POST",
            self._project(_new_name(name), "/:import", version),
            "import",
            name,
            Subject.PROJECT,
            Expects.ANYTHING,
            repeatable=False,
            role=WRITER,
            body=data,
            content_type="application/json",
        )

    def list_parts(self, name: str, version: str, part: Literal["deployments", "models"]) -> Call:
        """The first page of a project's deployments or models."""
        return Call("GET", self._project(name, f"/{part}", version), f"list {part}", name, Subject.PROJECT)

    def _project(self, name: str, rest: str, version: str, query: Mapping[str, str] | None = None) -> str:
        return self._url(f"/{path_segment(name, kind='project')}{rest}", version, query or {})

    def _url(self, path: str, version: str, query: Mapping[str, str]) -> str:
        text = urlencode({"api-version": version, **query}, quote_via=quote)
        return f"{self.endpoint}{_PROJECTS}{path}?{text}"


def follow(call: Call, url: str) -> Call:
    """The call for the next page of a list."""
    return replace(call, url=url)


def job_status(handle: JobHandle) -> Call:
    """Ask how a job is doing."""
    return Call("GET", handle.url, f"{handle.what} status", handle.project, Subject.JOB)


def job_result(handle: JobHandle, url: str) -> Call:
    """Fetch what a job has made."""
    return Call("GET", url, f"{handle.what} result", handle.project, Subject.JOB)


def _new_name(name: str) -> str:
    """A name that the service's documentation allows for a new project.

    Raises:
        UsageError: which rule it breaks.
    """
    if name.casefold() == _RESERVED_NAME:
        raise UsageError(f"project name {name!r} is reserved: the service's own routes use it", mend="choose another")
    return check_project_name(name)


def _label(label: str) -> str:
    if not label:
        raise UsageError("the trained model's label is empty", mend="name a model, or none for the working copy")
    return label
