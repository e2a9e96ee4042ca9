"""Events: what happened, for whoever wants to react to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject

PREFIX: Final = "cluvault."


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        name: Such as `cluvault.snapshot.created`.
        subject: The id of what it happened to, such as `cluvault.project.dev/EmailApp`.
        payload: What is to be known of it; never a secret, never content of a project. Its `runId` tells apart what
            happened twice: an event of the same run, name and subject is the same event.
        related: Role → id of what else it concerns.
    """

    name: str
    subject: str
    payload: JsonObject
    related: dict[str, str] = field(default_factory=dict[str, str])


def project_subject(resource: str, project: str) -> str:
    """The id of a project in events."""
    return f"{PREFIX}project.{resource}/{project}"


def resource_subject(resource: str) -> str:
    """The id of a Language resource in events."""
    return f"{PREFIX}resource.{resource}"


def vault_subject(vault_id: str) -> str:
    """The id of a vault in events."""
    return f"{PREFIX}vault.{vault_id}"


def route_subject(route: str) -> str:
    """The id of a promotion route in events."""
    return f"{PREFIX}route.{route}"


def operation_subject(kind: str) -> str:
    """The id of an operation, such as `backup`: of all its runs."""
    return f"{PREFIX}operation.{kind}"
