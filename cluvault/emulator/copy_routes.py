"""Operations that copy a project to another resource: authorize there, copy here."""

from __future__ import annotations

import secrets
from functools import cache
from typing import TYPE_CHECKING, Any

from cluvault.emulator import copying
from cluvault.emulator.arm import arm_id, region_name
from cluvault.emulator.calls import json_answer
from cluvault.emulator.jobs import to_seconds
from cluvault.emulator.parsing import Member, ObjectOf, flag, one_of, read_body, required, text
from cluvault.emulator.shapes import CONVERSATION, ORCHESTRATION, SUMMARIZATION

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer, Call, Unread
    from cluvault.emulator.parsing import Reader

_KIND = required("projectKind", one_of("ProjectKind", (CONVERSATION, ORCHESTRATION, SUMMARIZATION)))


@cache
def _authorization_reader(*, strict: bool) -> Reader:
    return ObjectOf(
        "CopyProjectAuthorizationOptions",
        _KIND,
        Member("storageInputContainerName", text),
        Member("allowOverwrite", flag),
        strict=strict,
    )


def read_authorization(request: Unread) -> dict[str, Any]:
    """Read what is to be authorized."""
    return read_body(request.body, _authorization_reader(strict=request.emulator.config.strict_members))


def authorize_copy(call: Call) -> Answer:
    """Give a token with which one project can be put in place here; the answer is the body of the copy."""
    token = secrets.token_urlsafe(32)
    change, authorization = copying.authorize(
        call.state,
        call.project_name,
        token=token,
        kind=call.document["projectKind"],
        overwrite=call.document.get("allowOverwrite", False),
        container=call.document.get("storageInputContainerName"),
        now=call.now,
        limits=call.emulator.limits,
    )
    call.commit(change)
    return json_answer(
        {
            "projectKind": authorization.kind,
            "targetProjectName": authorization.project,
            "accessToken": token,
            "expiresAt": to_seconds(authorization.expires_at),
            "targetResourceId": arm_id(call.resource),
            "targetResourceRegion": region_name(call.emulator.config.region),
        }
    )


@cache
def _copy_reader(*, strict: bool) -> Reader:
    return ObjectOf(
        "CopyProjectOptions",
        _KIND,
        required("targetProjectName", text),
        required("accessToken", text),
        required("expiresAt", text),
        required("targetResourceId", text),
        required("targetResourceRegion", text),
        strict=strict,
    )


def read_copy(request: Unread) -> dict[str, Any]:
    """Read where a project is to be copied, and the token for it."""
    return read_body(request.body, _copy_reader(strict=request.emulator.config.strict_members))


def copy_project(call: Call) -> Answer:
    """Start a copy."""
    changes, job = copying.start_copy(
        call.emulator.states(call.now),
        call.resource,
        call.project_name,
        target_id=call.document["targetResourceId"],
        target_name=call.document["targetProjectName"],
        kind=call.document["projectKind"],
        token=call.document["accessToken"],
        start=call.start(),
    )
    elsewhere = {name: change for name, change in changes.items() if name != call.resource}
    return call.begin((changes[call.resource], job), elsewhere=elsewhere)
