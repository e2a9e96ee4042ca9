"""The service's own words about what went wrong, read from every shape that errors come in. Performs no I/O.

Two engines answer: the authoring service (`InvalidArgument`, with details) and the gateway before it (`"404"`). Proxies
on the way answer in HTML or not at all. Whatever comes, the reader never fails and its text fits on one line.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, cast

from cluvault.model.names import shorten

_MESSAGE: Final = 300
_LINE: Final = 700
_DEPTH: Final = 4
_BREADTH: Final = 20


@dataclass(frozen=True, slots=True)
class Problem:
    """An error or warning of the service; `code` is an open set."""

    code: str = ""
    message: str = ""
    target: str = ""
    details: tuple[Problem, ...] = ()

    def __str__(self) -> str:
        """All of it in one line, shortened."""
        return shorten(self._text(), _LINE)

    def _text(self) -> str:
        text = ": ".join(part for part in (self.code, shorten(self.message, _MESSAGE)) if part)
        if self.target:
            text += f" (at {shorten(self.target, 80)})"
        if self.details:
            text += " [" + "; ".join(detail._text() for detail in self.details) + "]"  # noqa: SLF001  # own class
        return text


def describe(problems: tuple[Problem, ...]) -> str:
    """Several problems in one line."""
    return shorten("; ".join(map(str, problems)), _LINE)


def read_error_body(content: bytes) -> Problem:
    """The problem that an error answer's body tells; an empty one when the body is missing, HTML or anything else."""
    try:
        body: object = json.loads(content)
    except (ValueError, RecursionError):
        return Problem()
    if not isinstance(body, dict):
        return Problem()
    members = cast("dict[str, Any]", body)
    inner = members.get("error", members)
    return Problem(message=one_line(inner)) if isinstance(inner, str) else read_problem(inner)


def read_problems(value: object) -> tuple[Problem, ...]:
    """The members `errors`, `warnings` and `details`; anything that is no list gives none."""
    return _read_list(value, _DEPTH)


def read_problem(value: object) -> Problem:
    """One error object of the envelope."""
    return _read(value, _DEPTH)


def _read_list(value: object, depth: int) -> tuple[Problem, ...]:
    if not isinstance(value, list) or depth == 0:
        return ()
    return tuple(_read(item, depth) for item in cast("list[object]", value)[:_BREADTH])


def _read(value: object, depth: int) -> Problem:
    if not isinstance(value, dict):
        return Problem(message=one_line(value) if isinstance(value, str) else "")
    members = cast("dict[str, Any]", value)
    details = _read_list(members.get("details"), depth - 1)
    if isinstance(inner := members.get("innererror"), dict) and depth > 1:
        details += (_read(cast("object", inner), depth - 1),)
    code = members.get("code", members.get("statusCode"))
    message, target = one_line(members.get("message")), one_line(members.get("target"))
    return Problem(code=one_line(code), message=message, target=target, details=details)


def one_line(value: object) -> str:
    """Text on one line without control letters: an answer can neither break a log nor colour a terminal."""
    if value is None or isinstance(value, dict | list):
        return ""
    return "".join(letter for letter in " ".join(str(value).split()) if letter.isprintable())
