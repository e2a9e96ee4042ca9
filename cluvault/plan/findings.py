"""Findings: what validation says about one place of a project file, and the order in which a reader meets them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.model.json_text import JsonObject


class Severity(StrEnum):
    """What becomes of a file with such a finding."""

    ERROR = "error"
    """The service refuses it."""

    WARNING = "warning"
    """The service takes it, but the model or its users suffer; or nobody outside the service can know."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend.

    Attributes:
        severity: What becomes of the file.
        pointer: The place, as a JSON pointer (RFC 6901) into the upgraded document; empty for the whole file.
        sentence: What is wrong, with what was found.
        mend: What to do about it.
    """

    severity: Severity
    pointer: str
    sentence: str
    mend: str


def error(pointer: str, sentence: str, mend: str) -> Finding:
    """A finding for which the service refuses the file."""
    return Finding(Severity.ERROR, pointer, sentence, mend)


def warning(pointer: str, sentence: str, mend: str) -> Finding:
    """A finding with which the service still takes the file."""
    return Finding(Severity.WARNING, pointer, sentence, mend)


def in_file_order(document: JsonObject, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in the order of their places in the document, then of severity and sentence."""
    return tuple(
        sorted(findings, key=lambda it: (_position(document, it.pointer), it.severity, it.sentence, it.mend)),
    )


def _position(document: JsonObject, pointer: str) -> tuple[int, ...]:
    """Where a place stands among its siblings, on each level; a member that is not there comes after all others."""
    position: list[int] = []
    value: Any = document
    for part in pointer.split("/")[1:]:
        if isinstance(value, dict):
            members, name = cast("JsonObject", value), part.replace("~1", "/").replace("~0", "~")
            position.append(list(members).index(name) if name in members else len(members))
            value = members.get(name)
        else:
            position.append(int(part) if part.isdecimal() else 0)
            value = cast("list[Any]", value)[position[-1]] if isinstance(value, list) else None
    return tuple(position)
