"""What all rules of validation share: the file with what they look up in it, and lengths as the service may count."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.model.project_file import UTF16
from cluvault.plan.findings import Finding, Severity
from cluvault.plan.spans import utf16_length
from cluvault.plan.vocabulary import NONE_INTENT

if TYPE_CHECKING:
    from cluvault.model.project_file import ProjectFile
    from cluvault.plan.limits import Limits


@dataclass(frozen=True, slots=True)
class Subject:
    """A project file in the current shape under examination.

    Attributes:
        file: The upgraded file.
        limits: What the service allows.
        kind: The project kind as metadata states it.
        language: The project's language in lower case.
        index_type: What offsets count.
        intents: Names of the intents; `None` among them, as the service adds it where it is missing.
        entities: Names of the entities.
        labelled: Names that utterances label: these entities have a learned component.
    """

    file: ProjectFile
    limits: Limits
    kind: str
    language: str
    index_type: str
    intents: frozenset[str]
    entities: frozenset[str]
    labelled: frozenset[str]


Rule = Callable[[Subject], Iterable[Finding]]
"""Looks for one kind of fault; its findings come in any order."""


def subject_of(file: ProjectFile, limits: Limits) -> Subject:
    """Look up once what many rules need."""
    return Subject(
        file=file,
        limits=limits,
        kind=file.metadata["projectKind"],
        language=file.metadata["language"].lower(),
        index_type=file.document.get("stringIndexType") or UTF16,
        intents=frozenset(intent["category"] for intent in file.intents) | {NONE_INTENT},
        entities=frozenset(entity["category"] for entity in file.entities),
        labelled=frozenset(
            label["category"] for utterance in file.utterances for label in utterance.get("entities") or ()
        ),
    )


def too_long(text: str, limit: int) -> tuple[Severity, int] | None:
    """Whether a text exceeds a limit, and its length: an error when its characters alone do.

    The documentation does not say what it counts. When only the UTF-16 code units exceed the limit (.NET's count, in
    which an emoji is two) it is a warning.
    """
    if len(text) > limit:
        return Severity.ERROR, len(text)
    units = utf16_length(text)
    return (Severity.WARNING, units) if units > limit else None
