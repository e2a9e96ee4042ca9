"""Requests that copy a project between resources without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluvault.model.json_text import write_json
from cluvault.service.calls.projects import new_name
from cluvault.service.exchange import JSON, WRITER, Call, Expects, Subject

if TYPE_CHECKING:
    from cluvault.service.calls.address import Address
    from cluvault.service.models import CopyAuthorization


def authorize_copy(
    address: Address,
    version: str,
    project: str,
    *,
    kind: str,
    storage_container: str | None,
    allow_overwrite: bool | None,
) -> Call:
    """Ask the target for permission to write `project`, the name that the copy will have."""
    body: dict[str, Any] = {"projectKind": kind}
    if storage_container is not None:
        body["storageInputContainerName"] = storage_container
    if allow_overwrite is not None:
        body["allowOverwrite"] = allow_overwrite
    url = address.project(new_name(project), "/:authorize-copy", version)
    data = write_json(body)
    return Call("POST", url, "authorize copy", project, Subject.PART, role=WRITER, body=data, content_type=JSON)


def copy_project(address: Address, version: str, project: str, authorization: CopyAuthorization) -> Call:
    """Start the copy, on the source. This body is the one place where the token is revealed."""
    return Call(
        "POST",
        address.project(project, "/:copy", version),
        "copy",
        project,
        Subject.PROJECT,
        Expects.ANYTHING,
        repeatable=False,
        role=WRITER,
        body=write_json(
            {
                "projectKind": authorization.project_kind,
                "targetProjectName": authorization.target_project,
                "accessToken": authorization.access_token.get_secret_value(),
                "expiresAt": authorization.expires_at_text,
                "targetResourceId": authorization.target_resource_id,
                "targetResourceRegion": authorization.target_region,
            }
        ),
        content_type=JSON,
        secrets=(authorization.access_token,),
    )
