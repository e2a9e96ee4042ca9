"""Strict reading of request bodies: unknown members are refused, with path, line and position.

A reader is a function from a JSON value to the value that is kept. Readers raise a fault without knowing where they
stand; the objects and lists around them add the path, and only a body that is refused pays for finding the position.
Member names match in any letter case, null is the same as absent, and of duplicate members the last counts, as in
the .NET library that the service reads with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, cast

import jiter

from cluvault.emulator.errors import Refusal, invalid_value, unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Reader = Callable[[Any], Any]

_INT32: Final = range(-(2**31), 2**31)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_PLAIN_MEMBER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_PLACE: Final = re.compile(r" at line (\d+) column (\d+)$")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


# --- faults --------------------------------------------------------------------------------------------------------


class _Fault(Exception):
    def __init__(self, message: str, *, step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.path: list[str | int] = [] if step is None else [step]

    def refusal(self, text: str) -> Refusal:
        path = _newtonsoft_path(self.path)
        line, position = locate(text, self.path)
        return unreadable(f"{self.message}. Path '{path}', line {line}, position {position}.", target=path)


class _UnknownValue(_Fault):
    """A value that is no member of its enumeration; the service names the parameter, not the place."""

    def __init__(self, parameter: str, value: str) -> None:
        super().__init__("")
        self.parameter = parameter
        self.value = value

    def refusal(self, text: str) -> Refusal:  # noqa: ARG002  # same shape as the base
        return invalid_value(self.parameter, self.value, target=_newtonsoft_path(self.path))


def unknown_value(parameter: str, value: str) -> Exception:
    """The fault of a value that its parameter does not know, for readers elsewhere to raise."""
    return _UnknownValue(parameter, value)


def missing_member(name: str) -> Exception:
    """The fault of an object without a member that it needs, for readers elsewhere to raise."""
    return _Fault(f"Required property '{name}' not found in JSON")


# --- bodies --------------------------------------------------------------------------------------------------------


def read_body(body: bytes, read: Reader) -> Any:
    """Parse a request body and read it.

    Raises:
        Refusal: 400, with the place of the first fault.
    """
    data = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        value = jiter.from_json(data, allow_inf_nan=False, float_mode="lossless-float", cache_mode="keys")
    except ValueError as err:
        raise _malformed(str(err)) from err
    try:
        return read(value)
    except _Fault as fault:
        raise fault.refusal(data.decode()) from None


def _malformed(reason: str) -> Refusal:
    place = _PLACE.search(reason)
    line, position = place.groups() if place else ("1", "0")
    what = _PLACE.sub("", reason)
    return unreadable(f"{what[:1].upper()}{what[1:]}. Path '', line {line}, position {position}.", target="")


# --- values --------------------------------------------------------------------------------------------------------


def text(value: object) -> str:
    """A string."""
    if isinstance(value, str):
        return value
    raise _unexpected(value)


def flag(value: object) -> bool:
    """A boolean; early previews wrote `"true"`, and .NET reads that."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise _unexpected(value)


def integer(value: object) -> int:
    """A whole number of 32 bits."""
    if isinstance(value, int) and not isinstance(value, bool) and value in _INT32:
        return value
    if isinstance(value, int | jiter.LosslessFloat) and not isinstance(value, bool):
        raise _Fault(f"Input string '{value}' is not a valid integer")
    raise _unexpected(value)


def decimal(value: object) -> Decimal:
    """A number, with the digits it was written with."""
    if isinstance(value, jiter.LosslessFloat):
        return Decimal(bytes(value).decode())
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    raise _unexpected(value)


def one_of(parameter: str, values: Sequence[str], *, aliases: Mapping[str, str] | None = None) -> Reader:
    """A reader of one of `values` in any letter case; gives the spelling of `values`."""
    known = {value.lower(): value for value in values}
    known |= {alias.lower(): value for alias, value in (aliases or {}).items()}

    def read(value: object) -> str:
        spelt = known.get(value.lower()) if isinstance(value, str) else None
        if spelt is None:
            raise _UnknownValue(parameter, value if isinstance(value, str) else json.dumps(value, default=str))
        return spelt

    return read


def list_of(read: Reader) -> Reader:
    """A reader of an array of what `read` reads."""

    def read_list(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise _unexpected(value)
        items: list[Any] = []
        for index, item in enumerate(cast("list[object]", value)):
            try:
                items.append(read(item))
            except _Fault as fault:
                fault.path.insert(0, index)
                raise
        return items

    return read_list


def read_member(name: str, read: Reader, value: object) -> Any:
    """Read one member by itself; a fault gets its name as the first step of the path."""
    try:
        return read(value)
    except _Fault as fault:
        fault.path.insert(0, name)
        raise


def anything(value: object) -> object:
    """Any value, as it is."""
    return value


@dataclass(frozen=True, slots=True)
class Member:
    """A member that an object may have, or must have."""

    name: str
    read: Reader
    required: bool = False


def required(name: str, read: Reader) -> Member:
    """A member that the object must have."""
    return Member(name, read, required=True)


class ObjectOf:
    """A reader of an object; what it gives has its members in the order in which they are declared.

    Args:
        type_name: What the service calls the type in its messages.
        members: Every member that is known.
        strict: Refuse unknown members; otherwise they are dropped.
        aliases: Other names of members.
        keep_null: Give null for a member that is null, as merge-patch needs.
    """

    def __init__(
        self,
        type_name: str,
        *members: Member,
        strict: bool = True,
        aliases: Mapping[str, str] | None = None,
        keep_null: bool = False,
    ) -> None:
        self._type_name = type_name
        self._members = tuple((member.name, member.read, member.required) for member in members)
        self._names = frozenset(member.name for member in members)
        self._spellings = {name.lower(): name for name in self._names} | dict(aliases or {})
        self._strict = strict
        self._keep_null = keep_null

    def __call__(self, value: object) -> dict[str, Any]:
        """Read an object."""
        if not isinstance(value, dict):
            raise _unexpected(value)
        found = cast("dict[str, Any]", value)
        if not found.keys() <= self._names:
            found = self._spelt(found)
        result: dict[str, Any] = {}
        for name, read, is_required in self._members:
            item = found.get(name)
            if item is None:
                if is_required:
                    raise missing_member(name)
                if self._keep_null and name in found:
                    result[name] = None
                continue
            try:
                result[name] = read(item)
            except _Fault as fault:
                fault.path.insert(0, name)
                raise
        return result

    def _spelt(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The object with the declared spelling of its members' names."""
        spelt: dict[str, Any] = {}
        for key, item in found.items():
            name = key if key in self._names else self._spellings.get(key.lower())
            if name is not None:
                spelt[name] = item
            elif self._strict:
                raise _Fault(f"Could not find member '{key}' on object of type '{self._type_name}'", step=key)
        return spelt


def _unexpected(value: object) -> _Fault:
    """The fault of a value of another type, named as the service does by its first character."""
    if value is None:
        return _Fault("Unexpected null")
    written = bytes(value).decode() if isinstance(value, jiter.LosslessFloat) else json.dumps(value, default=str)
    return _Fault(f"Unexpected character encountered while parsing value: {written[0]}")


# --- places --------------------------------------------------------------------------------------------------------


def _newtonsoft_path(path: Sequence[str | int]) -> str:
    """A path as Newtonsoft writes it: `assets.entities[0].list`, and `['odd name']`."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
        elif _PLAIN_MEMBER.fullmatch(step):
            parts.append(f".{step}" if parts else step)
        else:
            parts.append(f"['{step}']")
    return "".join(parts)


def locate(body: str, path: Sequence[str | int]) -> tuple[int, int]:
    """Line and position of a value in JSON text: after its member's colon, or where it begins in an array."""
    at = 0
    for step in path:
        entered = _enter(body, at, step)
        if entered is None:
            break  # the member goes by an alias: its object is near enough
        at = entered
    return body.count("\n", 0, at) + 1, at - (body.rfind("\n", 0, at) + 1)


def _enter(body: str, at: int, step: str | int) -> int | None:
    """The place of one member or item of the object or array that begins at `at`."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(body, _skip(body, at) + 1)
    index = 0
    while body[at] not in "}]":
        key: object = index
        if isinstance(step, str):
            key, at = decode(body, at)
            at = _skip(body, at) + 1
        if key == step or (isinstance(key, str) and isinstance(step, str) and key.lower() == step.lower()):
            return at
        _, at = decode(body, _skip(body, at))
        at = _skip(body, at)
        at = _skip(body, at + 1) if body[at] == "," else at
        index += 1
    return None


def _skip(body: str, at: int) -> int:
    match = _SPACE.match(body, at)
    return match.end() if match else at
