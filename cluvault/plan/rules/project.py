"""Rules for the project as a whole: its name, kind, language and settings, and how much it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from cluvault.errors import UsageError
from cluvault.model.json_text import plain_number
from cluvault.model.names import check_project_name, shorten
from cluvault.plan.findings import error, warning
from cluvault.plan.vocabulary import (
    CONVERSATION,
    NONE_INTENT,
    ORCHESTRATION,
    PROJECT_KINDS,
    STRING_INDEX_TYPES,
    SUMMARIZATION,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluvault.plan.findings import Finding
    from cluvault.plan.rules.subject import Rule, Subject

_MEMBERS: Final[Mapping[str, frozenset[str]]] = {
    CONVERSATION: frozenset({"intents", "entities", "utterances"}),
    ORCHESTRATION: frozenset({"intents", "utterances"}),
    SUMMARIZATION: frozenset({"conversations"}),
}
_ALL_MEMBERS: Final = ("intents", "entities", "utterances", "conversations")


def _name(subject: Subject) -> Iterator[Finding]:
    name = subject.file.metadata.get("projectName") or ""
    try:
        check_project_name(name, max_length=subject.limits.project_name_length)
    except UsageError as err:
        yield error("/metadata/projectName", err.message, err.mend)


def _kinds(subject: Subject) -> Iterator[Finding]:
    if subject.kind not in PROJECT_KINDS.values():
        known = ", ".join(PROJECT_KINDS.values())
        yield error("/metadata/projectKind", f"{shorten(subject.kind)!r} is no project kind", f"use one of {known}")
    assets = subject.file.document.get("assets") or {}
    inner = assets.get("projectKind")
    if inner and inner != subject.kind:
        yield error(
            "/assets/projectKind",
            f"the assets are of kind {shorten(inner)!r}, the project is of kind {shorten(subject.kind)!r}",
            "make /metadata/projectKind and /assets/projectKind equal",
        )


def _index_type(subject: Subject) -> Iterator[Finding]:
    if subject.index_type not in STRING_INDEX_TYPES.values():
        known = ", ".join(STRING_INDEX_TYPES.values())
        yield error("/stringIndexType", f"{shorten(subject.index_type)!r} is no index type", f"use one of {known}")


def _confidence_threshold(subject: Subject) -> Iterator[Finding]:
    threshold = (subject.file.metadata.get("settings") or {}).get("confidenceThreshold")
    if threshold is not None and not 0 <= plain_number(threshold) <= 1:
        yield error(
            "/metadata/settings/confidenceThreshold",
            f"the threshold is {plain_number(threshold)!s:.20}",
            "use a number from 0 to 1",
        )


def _foreign_members(subject: Subject) -> Iterator[Finding]:
    """Assets that projects of this kind do not have."""
    own = _MEMBERS.get(subject.kind, _ALL_MEMBERS)
    assets = cast("Mapping[str, object]", subject.file.document.get("assets") or {})
    for member in _ALL_MEMBERS:
        if assets.get(member) and member not in own:
            yield error(
                f"/assets/{member}",
                f"projects of kind {subject.kind} have no {member}",
                "remove the member, or correct the project kind",
            )


def _counts(subject: Subject) -> Iterator[Finding]:
    file, limits = subject.file, subject.limits
    utterances = limits.orchestration_utterances if subject.kind == ORCHESTRATION else limits.utterances
    for member, found, allowed in (
        ("intents", len(file.intents), limits.intents),
        ("entities", len(file.entities), limits.entities),
        ("utterances", len(file.utterances), utterances),
    ):
        if found > allowed:
            yield error(
                f"/assets/{member}",
                f"{found} {member}, the service allows {allowed}",
                f"remove {found - allowed} of them, or split the project",
            )


def _none_intent(subject: Subject) -> Iterator[Finding]:
    """Only conversation projects are documented to have it; accelerators import orchestration projects without."""
    if subject.kind != CONVERSATION or not subject.file.document.get("assets"):
        return
    if all(intent["category"] != NONE_INTENT for intent in subject.file.intents):
        yield warning(
            "/assets/intents",
            "there is no intent None; the service adds it",
            'add {"category": "None"}, with utterances that no other intent should catch',
        )


RULES: Final[tuple[Rule, ...]] = (
    _name,
    _kinds,
    _index_type,
    _confidence_threshold,
    _foreign_members,
    _counts,
    _none_intent,
)
