"""What changed inside an intent or entity: one value a change, under the name of its component."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from cluvault.model.json_text import JsonObject, read_json, write_json

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value that was set (no `before`), unset (no `after`) or changed; `path` names it."""

    path: str
    before: Any
    after: Any


def item_parts(before: JsonObject, after: JsonObject) -> tuple[ValueChange, ...]:
    """The changes that lead from one canonical intent or entity to another, sorted by path."""
    old, new = Counter(_leaves(before, ())), Counter(_leaves(after, ()))
    values: defaultdict[str, tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for path, text in sorted((old - new).elements()):
        values[path][0].append(read_json(text, source=path))
    for path, text in sorted((new - old).elements()):
        values[path][1].append(read_json(text, source=path))
    return tuple(change for path in sorted(values) for change in _changes(path, *values[path]))


def _changes(path: str, gone: list[Any], come: list[Any]) -> Iterator[ValueChange]:
    """One value for another is a change; several under one path (synonyms) are removals and additions."""
    if len(gone) == len(come) == 1 and not path.startswith("list/"):
        yield ValueChange(path, gone[0], come[0])
        return
    for value in gone:
        yield ValueChange(path, value, None)
    for value in come:
        yield ValueChange(path, None, value)


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Every leaf with the path that a person would name it by."""
    match path, value:
        case (), {"category": _, **rest}:
            yield from _members(rest, ())
        case ("list",), {**rest}:
            yield from _members(cast("JsonObject", rest).pop("keys", {}), ("list",))
            yield from _members(rest, ("list",))
        case ("list", key), {} if not value:
            yield "/".join(path), write_json(key)
        case ("regex", "expressions"), [*expressions]:
            for expression in cast("list[JsonObject]", expressions):
                named = ("regex", expression.get("regexKey", ""), expression["language"])
                rest = {key: item for key, item in expression.items() if key not in ("regexKey", "language")}
                yield from _members({"" if key == "regexPattern" else key: item for key, item in rest.items()}, named)
        case _, {"category": category} if len(value) == 1:
            yield "/".join(path), write_json(category)
        case _, {**rest}:
            yield from _members(rest, path)
        case _, [*items]:
            for item in items:
                yield from _leaves(item, path)
        case _:
            yield "/".join(part for part in path if part), write_json(value)


def _members(value: JsonObject, path: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for key, item in value.items():
        yield from _leaves(item, (*path, key))
