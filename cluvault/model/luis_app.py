"""A LUIS application as LUIS exports it: recognising it, and checking what a conversion reads of it.

Schemas 1 to 7 are read. As with project files, the tree stays as it was parsed; pydantic only looks at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NotRequired, cast

import pydantic
from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict

from cluvault.errors import InvalidProjectFile
from cluvault.model.json_text import JsonObject, read_json
from cluvault.model.names import MAX_NAME_LENGTH
from cluvault.model.project_shape import faults_of

_MARK: Final = "luis_schema_version"
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_.-]")


class LuisIntent(TypedDict):
    """An intent."""

    name: str


class LuisFeature(TypedDict):
    """What helps to find an entity: another entity (`modelName`) or a phrase list (`featureName`)."""

    modelName: NotRequired[str | None]
    isRequired: NotRequired[bool | None]


class LuisEntity(TypedDict):
    """An entity of any type, or a part of one; an old schema's part that is a name alone was given this form."""

    name: str
    roles: NotRequired[list[str] | None]
    features: NotRequired[list[LuisFeature] | None]
    children: NotRequired[list[LuisEntity] | None]
    regexPattern: NotRequired[str | None]


LuisSublist = TypedDict(  # noqa: UP013  # as a class, the field `list` would hide the builtin
    "LuisSublist", {"canonicalForm": str, "list": NotRequired[list[str] | None]}
)
"""One key of a list entity."""


class LuisClosedList(TypedDict):
    """A list entity."""

    name: str
    subLists: NotRequired[list[LuisSublist] | None]
    roles: NotRequired[list[str] | None]


class LuisLabel(TypedDict):
    """A labelled span; the end is the position of its last UTF-16 code unit."""

    entity: str
    startPos: int
    endPos: int
    role: NotRequired[str | None]
    children: NotRequired[list[LuisLabel] | None]


class LuisUtterance(TypedDict):
    """A labelled utterance."""

    text: str
    intent: str
    entities: NotRequired[list[LuisLabel] | None]


class LuisDocument(TypedDict):
    """An application; what is not named here has no counterpart in a project file."""

    luis_schema_version: str
    culture: str
    name: NotRequired[str | None]
    desc: NotRequired[str | None]
    intents: NotRequired[list[LuisIntent] | None]
    entities: NotRequired[list[LuisEntity] | None]
    hierarchicals: NotRequired[list[LuisEntity] | None]
    composites: NotRequired[list[LuisEntity] | None]
    closedLists: NotRequired[list[LuisClosedList] | None]
    regex_entities: NotRequired[list[LuisEntity] | None]
    prebuiltEntities: NotRequired[list[LuisEntity] | None]
    bing_entities: NotRequired[list[str] | None]
    patternAnyEntities: NotRequired[list[LuisEntity] | None]
    utterances: NotRequired[list[LuisUtterance] | None]


for _shape in (
    LuisIntent, LuisFeature, LuisEntity, LuisSublist, LuisClosedList, LuisLabel, LuisUtterance, LuisDocument,
):  # fmt: skip
    pydantic.with_config(ConfigDict(extra="allow", strict=True))(_shape)


@dataclass(frozen=True, slots=True, eq=False)
class LuisApp:
    """A LUIS application; treat the document as immutable."""

    document: LuisDocument

    @property
    def project_name(self) -> str:
        """The name that a migration gives the project: without special characters, cut to the service's limit."""
        allowed = _NOT_IN_NAMES.sub("", self.document.get("name") or "")[:MAX_NAME_LENGTH]
        return allowed if allowed.strip(".") else "untitled"


def is_luis_app(data: bytes, *, source: str) -> bool:
    """Whether bytes are a LUIS application, well made or not. Raises InvalidProjectFile for what is no JSON."""
    if _MARK.encode() not in data:
        return False
    document = read_json(data, source=source)
    return isinstance(document, dict) and _MARK in document


def read_luis_app(data: bytes, *, source: str) -> LuisApp:
    """Read a LUIS application.

    Raises:
        InvalidProjectFile: it is none; one line says where the first fault lies, and `source`.
    """
    document = read_json(data, source=source)
    if not isinstance(document, dict):
        raise InvalidProjectFile(f"{source}: a LUIS app is a JSON object")
    members = cast("JsonObject", document)
    named = members | {key: _with_named_parts(members[key]) for key in _STRUCTURED if key in members}
    faults = faults_of(_adapter(), named)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidProjectFile(f"{source}: no LUIS app, at {faults[0].pointer}: {faults[0].sentence}{more}")
    return LuisApp(cast("LuisDocument", named))


_STRUCTURED: Final = ("entities", "hierarchicals", "composites")


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(LuisDocument)


def _with_named_parts(entities: object) -> object:
    """Entities whose parts are objects; whatever is no list or object is left for the check to find."""
    if not isinstance(entities, list):
        return entities
    return [_with_named_part(entity) for entity in cast("list[object]", entities)]


def _with_named_part(entity: object) -> object:
    if not isinstance(entity, dict):
        return entity
    found = cast("JsonObject", entity)
    children = found.get("children")
    if not isinstance(children, list):
        return found
    parts = [{"name": child} if isinstance(child, str) else child for child in cast("list[object]", children)]
    return found | {"children": _with_named_parts(parts)}
