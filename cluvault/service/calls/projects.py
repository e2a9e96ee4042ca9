"""Requests about projects and project files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from cluvault.errors import UsageError
from cluvault.model.json_text import write_json
from cluvault.model.names import check_project_name, shorten
from cluvault.service.calls.address import UTF16, check_label
from cluvault.service.exchange import JSON, OWNER, WRITER, Call, Expects, Subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluvault.service.calls.address import Address

FileFormat = Literal["conversation", "luis"]
_RESERVED_NAME: Final = "global"


def list_projects(address: Address, version: str, *, top: int | None = None) -> Call:
    """The first page of all projects."""
    query = {} if top is None else {"top": str(top)}
    return Call("GET", address.projects("", version, query), "list projects")


def get_project(address: Address, version: str, project: str) -> Call:
    """One project."""
    return Call("GET", address.project(project, "", version), "get project", project, Subject.PROJECT)


def create_project(address: Address, version: str, project: str, metadata: Mapping[str, Any]) -> Call:
    """Create a project or update it; the name in the body is the name in the URL."""
    return Call(
        "PATCH",
        address.project(new_name(project), "", version),
        "create project",
        project,
        expects=Expects.ANYTHING,
        role=WRITER,
        body=write_json({**metadata, "projectName": project}),
        content_type="application/merge-patch+json",
    )


def delete_project(address: Address, version: str, project: str) -> Call:
    """Start the deletion of a project."""
    url = address.project(project, "", version)
    return Call("DELETE", url, "delete project", project, Subject.PROJECT, Expects.ANYTHING, role=OWNER)


def export_project(
    address: Address,
    version: str,
    project: str,
    *,
    trained_model_label: str | None,
    file_format: FileFormat | None,
    asset_kind: str | None,
) -> Call:
    """Start an export: of the working copy, or of the snapshot that a model was trained on.

    Raises:
        UsageError: the label is empty; the service would take that for the working copy.
    """
    query = dict(UTF16)
    if file_format is not None:
        query["format"] = file_format
    if asset_kind is not None:
        query["assetKind"] = asset_kind
    subject, what = Subject.PROJECT, "export"
    if trained_model_label is not None:
        query["trainedModelLabel"] = check_label(trained_model_label, mend="name one, or none for the working copy")
        subject, what = Subject.PART, f"export of model {shorten(trained_model_label)!r}"
    url = address.project(project, "/:export", version, query)
    return Call("POST", url, what, project, subject, Expects.ANYTHING)


def import_project(
    address: Address, version: str, project: str, data: bytes, *, file_format: FileFormat | None
) -> Call:
    """Start an import that replaces the working copy of a project, or creates the project."""
    query = {} if file_format is None else {"format": file_format}
    return Call(
        "POST",
        address.project(new_name(project), "/:import", version, query),
        "import",
        project,
        Subject.PROJECT,
        Expects.ANYTHING,
        repeatable=False,
        role=WRITER,
        body=data,
        content_type=JSON,
    )


def new_name(name: str) -> str:
    """A name that the service's documentation allows for a new project.

    Raises:
        UsageError: which rule it breaks.
    """
    if name.casefold() == _RESERVED_NAME:
        raise UsageError(f"project name {name!r} is reserved: the service's own routes use it", mend="choose another")
    return check_project_name(name)
