r"""Regular expressions of the .NET dialect, run by the package `regex`, which comes close to it and knows time limits.

Translated: `(?'name'...)`, `\k<name>`, `\e`, `\cX`, `\z` and `\Z`, the flag `n`, `{,5}` (literal in .NET), a
bracket inside a class (literal), class subtraction `[a-z-[aeiou]]`. Refused: balancing groups.
"""

from __future__ import annotations

import re
import threading
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.learning.classifier import late_import

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECONDS: Final = 0.1
_STRIKES: Final = 3
_SPECIAL_GROUP: Final = re.compile(
    r"\(\?(?:'(?P<quoted>\w+)'|<(?P<balance>\w*-\w+)>|(?P<flags>[imnsx-]+)(?P<end>[:)]))"
)
_BACK_REFERENCE: Final = re.compile(r"\\k(?:<(\w+)>|'(\w+)')")
_NO_LOWER_BOUND: Final = re.compile(r"\{,\d*\}")
_CONTROL: Final = re.compile(r"\\c([A-Za-z])")


class Unsupported(ValueError):
    """The pattern uses what has no counterpart here."""


class TimedPattern:
    """A compiled expression with a time limit; one that exceeds it three times is not tried again."""

    def __init__(self, pattern: Any) -> None:
        self._pattern = pattern
        self._strikes = 0
        self._lock = threading.Lock()

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """The spans of all matches that are not empty; none when finding them takes too long."""
        if self._strikes >= _STRIKES:
            return
        try:
            spans: list[tuple[int, int]] = [match.span() for match in self._pattern.finditer(text, timeout=_SECONDS)]
        except TimeoutError:
            with self._lock:
                self._strikes += 1
            return
        yield from (span for span in spans if span[0] < span[1])


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> tuple[Any, str]:
    regex = late_import("regex")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice on how to write for Python
            return regex.compile(translate(pattern), regex.VERSION1), ""
    except (Unsupported, regex.error, RecursionError, OverflowError, ValueError) as err:
        return None, str(err).replace("\n", " ")


def compile_expression(pattern: str) -> tuple[TimedPattern | None, str]:
    """A pattern ready for use, or None and why it cannot be used."""
    compiled, fault = _compiled(pattern)
    return (None, fault) if compiled is None else (TimedPattern(compiled), "")


# --- translation ---------------------------------------------------------------------------------------------------


def translate(pattern: str) -> str:
    """A .NET pattern in the dialect of `regex`, version 1.

    Raises:
        Unsupported: it has a balancing group, or ends inside a class or an escape.
    """
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        if pattern[at] == "\\":
            part, at = _escape(pattern, at)
        elif pattern[at] == "[":
            part, at = _class(pattern, at)
        elif group := _SPECIAL_GROUP.match(pattern, at):
            part, at = _group(group), group.end()
        elif bounds := _NO_LOWER_BOUND.match(pattern, at):
            part, at = "\\" + bounds.group(), bounds.end()
        else:
            part, at = pattern[at], at + 1
        parts.append(part)
    return "".join(parts)


def _escape(pattern: str, at: int) -> tuple[str, int]:
    if at + 1 == len(pattern):
        raise Unsupported("it ends with a lone backslash")
    if reference := _BACK_REFERENCE.match(pattern, at):
        name: str = reference.group(1) or reference.group(2)
        return (rf"\{name}(?:)" if name.isdecimal() else f"(?P={name})"), reference.end()
    if control := _CONTROL.match(pattern, at):
        return _control(control), control.end()
    replaced = {"\\z": r"\Z", "\\Z": r"(?=\n?\Z)", "\\e": r"\x1b"}
    escape = pattern[at : at + 2]
    return replaced.get(escape, escape), at + 2


def _control(match: re.Match[str]) -> str:
    return rf"\x{ord(match.group(1).upper()) - 64:02x}"


def _group(match: re.Match[str]) -> str:
    if match["balance"]:
        raise Unsupported("balancing groups are not supported")
    if match["quoted"]:
        return f"(?<{match['quoted']}>"
    flags = match["flags"].replace("n", "").removesuffix("-")  # n only turns off captures, which nobody reads
    if flags:
        return f"(?{flags}{match['end']}"
    return "(?:" if match["end"] == ":" else ""


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A character class; its brackets and doubled signs would be set operators of `regex`."""
    at += 1
    opening = "["
    if pattern.startswith("^", at):
        opening, at = "[^", at + 1
    parts: list[str] = []
    while at < len(pattern):
        char = pattern[at]
        if char == "]" and parts:
            return f"{opening}{''.join(parts)}]", at + 1
        if char == "-" and parts and pattern.startswith("[", at + 1):
            subtracted, end = _class(pattern, at + 1)
            if not pattern.startswith("]", end):
                raise Unsupported("a class subtraction is not the last part of its class")
            return f"[{opening}{''.join(parts)}]--{subtracted}]", end + 1
        if char == "\\":
            part, at = _class_escape(pattern, at)
        elif pattern.startswith("--", at):
            part, at = r"-\-", at + 2
        else:
            part, at = ("\\" + char if char in "[]&|~" else char), at + 1
        parts.append(part)
    raise Unsupported("a character class is not closed")


def _class_escape(pattern: str, at: int) -> tuple[str, int]:
    if control := _CONTROL.match(pattern, at):
        return _control(control), control.end()
    escape = pattern[at : at + 2]
    return (r"\x1b" if escape == "\\e" else escape), at + 2
