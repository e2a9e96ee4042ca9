"""JSON values free of what JSON leaves to taste: nulls for absent members, number spellings, order of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cluvault.model.json_text import JsonObject, is_number, plain_number, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet


def plain_members(value: Mapping[str, Any]) -> JsonObject:
    """A copy without nulls, numbers free of their spelling."""
    return {key: _plain(item) for key, item in value.items() if item is not None}


def unknown_members(value: Mapping[str, Any], known: AbstractSet[str]) -> JsonObject:
    """The plain members that are not `known`."""
    return {key: _plain(item) for key, item in value.items() if key not in known and item is not None}


def members_text(members: JsonObject) -> str:
    """Members as JSON in key order, for comparing and counting; no text for no members."""
    return write_json(members, sort_keys=True).decode() if members else ""


def without_empty(value: JsonObject, members: AbstractSet[str]) -> JsonObject:
    """The value without those of `members` that hold nothing."""
    return {key: item for key, item in value.items() if key not in members or item not in ("", [], {})}


def in_order(values: Iterable[Any]) -> list[Any]:
    """Values sorted by their JSON: one order for each collection in which order means nothing."""
    return sorted(values, key=lambda value: write_json(value, sort_keys=True))


def same_json(one: object, other: object) -> bool:
    """JSON equality: unlike Python's, it tells true from 1."""
    return one == other and write_json(one, sort_keys=True) == write_json(other, sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return plain_members(cast("JsonObject", value))
    if isinstance(value, list):
        return [_plain(item) for item in cast("list[Any]", value)]
    return plain_number(value) if is_number(value) else value
