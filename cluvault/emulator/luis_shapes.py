"""The shape of a LUIS application as LUIS exports it, schema 1 to 7.

Unknown members of the application are kept by name only, so that the conversion can say that they are not transferred;
deeper ones are dropped. Nobody has documented that the service is strict about them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.emulator.parsing import Member, ObjectOf, anything, flag, integer, list_of, required, text

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_app(value: object) -> dict[str, Any]:
    """Read a LUIS application; every list is there, `unknown` has the names of members that are not."""
    app = _APP(value)
    given = cast("Mapping[str, Any]", value)
    known = {member.name.lower() for member in _MEMBERS}
    unknown = [name for name, item in given.items() if name.lower() not in known and item not in (None, "", [], {})]
    empty: dict[str, list[Any]] = {name: [] for name in _LISTS}
    return empty | app | {"unknown": unknown}


def _child(value: object) -> dict[str, Any]:
    """A part of a structured entity: an object, in older schemas its name alone."""
    return {"name": value} if isinstance(value, str) else _ENTITY(value)


def _label(value: object) -> dict[str, Any]:
    return _LABEL(value)


_FEATURE: Final = ObjectOf(
    "LuisFeature",
    Member("modelName", text),
    Member("featureName", text),
    Member("isRequired", flag),
    strict=False,
)
_ROLES: Final = Member("roles", list_of(text))
_FEATURES: Final = Member("features", list_of(_FEATURE))
_INTENT: Final = ObjectOf("LuisIntent", required("name", text), Member("inherits", anything), _FEATURES, strict=False)
_ENTITY: Final = ObjectOf(
    "LuisEntity", required("name", text), Member("children", list_of(_child)), _ROLES, _FEATURES, strict=False
)
_SUBLIST: Final = ObjectOf(
    "LuisSubClosedList", required("canonicalForm", text), Member("list", list_of(text)), strict=False
)
_CLOSED_LIST: Final = ObjectOf(
    "LuisClosedList", required("name", text), Member("subLists", list_of(_SUBLIST)), _ROLES, strict=False
)
_REGEX: Final = ObjectOf(
    "LuisRegexEntity", required("name", text), required("regexPattern", text), _ROLES, strict=False
)
_NAMED: Final = ObjectOf("LuisNamedEntity", required("name", text), _ROLES, strict=False)
_LABEL: Final = ObjectOf(
    "LuisEntityLabel",
    required("entity", text),
    required("startPos", integer),
    required("endPos", integer),
    Member("role", text),
    Member("children", list_of(_label)),
    strict=False,
)
_UTTERANCE: Final = ObjectOf(
    "LuisUtterance",
    required("text", text),
    required("intent", text),
    Member("entities", list_of(_LABEL)),
    strict=False,
)
_LISTS: Final = {
    "intents": _INTENT,
    "entities": _ENTITY,
    "hierarchicals": _ENTITY,
    "composites": _ENTITY,
    "closedLists": _CLOSED_LIST,
    "regex_entities": _REGEX,
    "prebuiltEntities": _NAMED,
    "patternAnyEntities": _NAMED,
    "utterances": _UTTERANCE,
    "bing_entities": text,  # the prebuilts of schema 1
    "phraselists": _NAMED,
    "model_features": _NAMED,  # the phrase lists up to schema 5
    "regex_features": anything,
    "patterns": anything,
    "settings": anything,
}
_MEMBERS: Final = (
    required("luis_schema_version", text),
    required("culture", text),
    *(Member(name, text) for name in ("name", "desc", "versionId", "tokenizerVersion")),
    *(Member(name, list_of(read)) for name, read in _LISTS.items()),
)
_APP: Final = ObjectOf("LuisApp", *_MEMBERS, strict=False)
