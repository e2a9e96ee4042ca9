"""The request of the runtime API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cluvault.model.json_text import write_json
from cluvault.model.names import shorten
from cluvault.service.calls.address import UTF16
from cluvault.service.exchange import JSON, PREDICTIONS, Call, Subject
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from cluvault.service.calls.address import Address


def predict(address: Address, version: str, project: str, *, deployment: str, text: str, language: str | None) -> Call:
    """Ask a deployment what a text means."""
    for name, kind in ((project, "project"), (deployment, "deployment")):
        path_segment(name, kind=kind)
    item: dict[str, Any] = {"id": "1", "participantId": "1", "text": text}
    if language is not None:
        item["language"] = language
    parameters = {"projectName": project, "deploymentName": deployment, **UTF16}
    body = {"kind": "Conversation", "analysisInput": {"conversationItem": item}, "parameters": parameters}
    return Call(
        "POST",
        address.runtime(version),
        f"prediction of {shorten(deployment)!r}",
        project,
        Subject.PART,
        body=write_json(body),
        content_type=JSON,
        lane=PREDICTIONS,
    )
