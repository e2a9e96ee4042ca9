"""What changed inside an intent or entity: one value a change, under the name of its component."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from cluvault.model.json_text import JsonObject, write_json
from cluvault.plan.plain_values import same_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ItemKind = Literal["intent", "entity"]
_Leaf = tuple[tuple[str, ...], Any]

_COLLECTIONS: Final = frozenset({"associatedEntities", "list", "prebuilts", "requiredComponents"})
"""Members whose values come and go; of all others, one value for another is a change."""


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value that was set (no `before`), unset (no `after`) or changed; `path` names it."""

    path: str
    before: Any
    after: Any


def item_parts(kind: ItemKind, before: JsonObject, after: JsonObject) -> tuple[ValueChange, ...]:
    """The changes that lead from one canonical intent or entity to another, sorted; at least one when they differ."""
    found: list[ValueChange] = []
    for member in sorted({*before, *after}):
        old, new = before.get(member), after.get(member)
        if not same_json(old, new):
            inside = _compare(_leaves(kind, member, old), _leaves(kind, member, new))
            found += inside or [ValueChange(member, old, new)]  # such as one regex key's two patterns changing places
    return tuple(found)


def _compare(before: Iterable[_Leaf], after: Iterable[_Leaf]) -> list[ValueChange]:
    """Leaves that only one side has, by path."""
    values: dict[bytes, Any] = {}
    old, new = _counted(before, values), _counted(after, values)
    changed: defaultdict[tuple[str, ...], tuple[list[Any], list[Any]]] = defaultdict(lambda: ([], []))
    for path, text in sorted((old - new).elements()):
        changed[path][0].append(values[text])
    for path, text in sorted((new - old).elements()):
        changed[path][1].append(values[text])
    return [change for path in sorted(changed) for change in _changes(path, *changed[path])]


def _counted(leaves: Iterable[_Leaf], values: dict[bytes, Any]) -> Counter[tuple[tuple[str, ...], bytes]]:
    counts: Counter[tuple[tuple[str, ...], bytes]] = Counter()
    for path, value in leaves:
        text = write_json(value, sort_keys=True)
        values[text] = value
        counts[path, text] += 1
    return counts


def _changes(path: tuple[str, ...], gone: list[Any], come: list[Any]) -> Iterator[ValueChange]:
    name = "/".join(part or '""' for part in path)
    if len(gone) == len(come) == 1 and path[0] not in _COLLECTIONS:
        yield ValueChange(name, gone[0], come[0])
        return
    for value in gone:
        yield ValueChange(name, value, None)
    for value in come:
        yield ValueChange(name, None, value)


# --- leaves: every value under the path that a person would name it by ---------------------------------------------


def _leaves(kind: ItemKind, member: str, value: Any) -> Iterator[_Leaf]:
    """The leaves of one member; of a member that this version does not know, or that is absent, as well."""
    match kind, member:
        case _ if value is None:
            return
        case ("intent", "associatedEntities") | ("entity", "prebuilts"):
            yield from (((member,), _name_of(item)) for item in value)
        case "entity", "requiredComponents":
            yield from (((member,), item) for item in value)
        case "entity", "list":
            yield from _list_leaves(value)
        case "entity", "regex":
            yield from _regex_leaves(value)
        case _:
            yield from _members((), {member: value})


def _name_of(item: JsonObject) -> Any:
    return item["category"] if len(item) == 1 else item


def _list_leaves(value: JsonObject) -> Iterator[_Leaf]:
    for key, languages in cast("dict[str, dict[str, list[str]]]", value.get("keys", {})).items():
        yield ("list",), key
        for tag, words in languages.items():
            yield from ((("list", key, tag), word) for word in words)
    for other in value.get("other", ()):
        yield from _members(("list", *other["at"]), other["members"])


def _regex_leaves(value: JsonObject) -> Iterator[_Leaf]:
    for expression in cast("list[JsonObject]", value.get("expressions", [])):
        path = ("regex", expression.get("regexKey", ""), expression["language"])
        yield path, expression.get("regexPattern", "")
        known = ("regexKey", "language", "regexPattern")
        yield from _members(path, {key: item for key, item in expression.items() if key not in known})
    yield from _members(("regex",), value.get("other", {}))


def _members(path: tuple[str, ...], value: JsonObject) -> Iterator[_Leaf]:
    """The leaves of any members; arrays are leaves, because the order in them may have a meaning."""
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _members((*path, key), cast("JsonObject", item))
        else:
            yield (*path, key), item
