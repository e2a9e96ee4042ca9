"""Which trained model answers a prediction call, at a resource and for its orchestrations. Pure; see `state.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from cluvault.emulator.errors import Refusal, invalid_request, not_found
from cluvault.emulator.resources import placements_on
from cluvault.emulator.shapes import CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from cluvault.emulator.records import Deployment, Model, Snapshot
    from cluvault.emulator.state import ResourceState

NOT_LINKED: Final = "NonLinked"
"""The target kind of an intent that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Served:
    """A deployed model, with what it was trained on."""

    model: Model
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Target:
    """Where an intent of an orchestration leads.

    Attributes:
        answers: What answers there, or why nothing does; None for a target outside the emulator.
    """

    kind: str
    answers: Served | Refusal | None = None


def find_served(
    states: Mapping[str, ResourceState], resource: str, project: str, deployment: str, *, now: datetime
) -> Served:
    """The model of a deployment that a resource serves: its own, or one that another has placed on it.

    Raises:
        Refusal: 404 for an unknown project or deployment; 400 for one that has expired, or that was put in place
            without what it was trained on.
    """
    found = next((item for item in _deployments(states, resource, project) if item.name == deployment), None)
    if found is None:
        raise not_found("deployment", f"{project}/{deployment}")
    if found.expires < now.date():
        raise invalid_request(f"The deployment `{deployment}` expired on {found.expires}. Train and deploy again.")
    if found.model is None or found.model.snapshot is None:
        raise invalid_request(f"The model of the deployment `{deployment}` has no snapshot to predict from.")
    return Served(found.model, found.model.snapshot)


def _deployments(states: Mapping[str, ResourceState], resource: str, name: str) -> Iterator[Deployment]:
    own = states[resource].projects.get(name)
    yield from own.deployments if own is not None else ()
    for project, placed in placements_on(states, resource):
        yield from placed if project.name == name else ()


def find_targets(
    states: Mapping[str, ResourceState], resource: str, snapshot: Snapshot, *, now: datetime
) -> dict[str, Target]:
    """Where the intents of an orchestration lead, by intent; targets are in the resource that is asked."""
    intents: list[dict[str, Any]] = orjson.loads(dict(snapshot.content.parts)["intents"])
    return {intent["category"]: _target(states, resource, intent.get("orchestration"), now=now) for intent in intents}


def _target(
    states: Mapping[str, ResourceState], resource: str, details: dict[str, Any] | None, *, now: datetime
) -> Target:
    if details is None:
        return Target(NOT_LINKED)
    if details["targetProjectKind"] != CONVERSATION:
        return Target(details["targetProjectKind"])
    place = details["conversationOrchestration"]
    try:
        served = find_served(states, resource, place["projectName"], place["deploymentName"], now=now)
    except Refusal as refusal:
        return Target(CONVERSATION, refusal)
    return Target(CONVERSATION, served)
