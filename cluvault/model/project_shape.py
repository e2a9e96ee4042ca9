"""The shape of a project file: TypedDicts that pydantic checks strictly, on the tree as it was parsed.

Field meanings and sources: Microsoft's authoring API, versions 2021-11-01-preview to 2025-11-15-preview.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, NotRequired, cast

import pydantic
from pydantic import ConfigDict, PlainValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from cluvault.model.json_text import JsonObject, is_number


def _number(value: object) -> object:
    if not is_number(value):
        raise ValueError("should be a number")
    return value


Number = Annotated[Any, PlainValidator(_number)]
"""A JSON number in its own spelling; `json_text.plain_number` gives its value."""


def _flag(value: object) -> object:
    if not isinstance(value, bool) and value not in ("true", "false", "True", "False"):
        raise ValueError("should be a boolean")
    return value


Flag = Annotated[bool | str, PlainValidator(_flag)]
"""A boolean; early previews wrote it as a string. (As a union, its faults would have a place each for both types.)"""


class Settings(TypedDict):
    """Settings of a project."""

    confidenceThreshold: NotRequired[Number | None]
    normalizeCasing: NotRequired[bool | None]
    augmentDiacritics: NotRequired[bool | None]


class Metadata(TypedDict):
    """What PATCH on a project takes too."""

    projectKind: str
    projectName: NotRequired[str | None]
    language: str
    multilingual: NotRequired[Flag | None]
    description: NotRequired[str | None]
    settings: NotRequired[Settings | None]
    storageInputContainerName: NotRequired[str | None]


class CategoryRef(TypedDict):
    """The name of an entity or of a prebuilt component."""

    category: str


class Intent(TypedDict):
    """An intent; `orchestration` (discriminated by targetProjectKind) in orchestration projects only."""

    category: str
    description: NotRequired[str | None]
    associatedEntities: NotRequired[list[CategoryRef] | None]
    orchestration: NotRequired[dict[str, Any] | None]


class Synonyms(TypedDict):
    """The synonyms of one list key in one language."""

    language: NotRequired[str | None]
    values: NotRequired[list[str] | None]


class Sublist(TypedDict):
    """One key of a list component."""

    listKey: NotRequired[str | None]
    synonyms: NotRequired[list[Synonyms] | None]


class EntityList(TypedDict):
    """The list component."""

    sublists: NotRequired[list[Sublist] | None]


class Expression(TypedDict):
    """One pattern of the regex component, in .NET's dialect."""

    regexKey: NotRequired[str | None]
    language: NotRequired[str | None]
    regexPattern: NotRequired[str | None]


class EntityRegex(TypedDict):
    """The regex component."""

    expressions: NotRequired[list[Expression] | None]


Entity = TypedDict(  # noqa: UP013  # as a class, the field `list` would hide the builtin in the fields after it
    "Entity",
    {
        "category": str,
        "description": NotRequired[str | None],
        "compositionSetting": NotRequired[str | None],
        "list": NotRequired[EntityList | None],
        "prebuilts": NotRequired[list[CategoryRef] | None],
        "regex": NotRequired[EntityRegex | None],
        "requiredComponents": NotRequired[list[str] | None],
    },
)
"""An entity and its components. The learned component has no field: it exists when utterances label the entity."""


class Label(TypedDict):
    """A labelled span; offset and length count units of the file's stringIndexType."""

    category: str
    offset: int
    length: int


class Utterance(TypedDict):
    """A labelled utterance."""

    text: str
    intent: str
    language: NotRequired[str | None]
    dataset: NotRequired[str | None]
    entities: NotRequired[list[Label] | None]


class Conversation(TypedDict):
    """One conversation of a CustomConversationSummarization project: where it lies in the storage container."""

    location: NotRequired[str | None]
    summaryLocation: NotRequired[str | None]
    language: NotRequired[str | None]
    dataset: NotRequired[str | None]


class Assets(TypedDict):
    """Everything that trains."""

    projectKind: NotRequired[str | None]
    intents: NotRequired[list[Intent] | None]
    entities: NotRequired[list[Entity] | None]
    utterances: NotRequired[list[Utterance] | None]
    conversations: NotRequired[list[Conversation] | None]


class Document(TypedDict):
    """A whole project file in the current shape."""

    projectFileVersion: NotRequired[str | None]
    stringIndexType: NotRequired[str | None]
    metadata: Metadata
    assets: NotRequired[Assets | None]


_TYPED: Final = (
    Settings, Metadata, CategoryRef, Intent, Synonyms, Sublist, EntityList, Expression, EntityRegex, Entity,
    Label, Utterance, Conversation, Assets, Document,
)  # fmt: skip
for _shape in _TYPED:
    pydantic.with_config(ConfigDict(extra="allow", strict=True))(_shape)


# --- checking it ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShapeFault:
    """One place where a document has not the shape of a project file."""

    pointer: str
    sentence: str


@cache
def _frame() -> TypeAdapter[Any]:
    return TypeAdapter(Document)


@cache
def _utterance() -> TypeAdapter[Any]:
    return TypeAdapter(Utterance)


def shape_faults(document: JsonObject) -> list[ShapeFault]:
    """Every fault of a document in the current shape; utterances one by one, so that no second tree is built."""
    assets: object = document.get("assets")
    utterances: object = cast("JsonObject", assets).get("utterances") if isinstance(assets, dict) else None
    if not isinstance(utterances, list):
        return faults_of(_frame(), document)
    without: JsonObject = cast("JsonObject", assets) | {"utterances": None}
    faults = faults_of(_frame(), document | {"assets": without})
    check = _utterance()
    for index, utterance in enumerate(cast("list[object]", utterances)):
        faults += faults_of(check, utterance, prefix=f"/assets/utterances/{index}")
    return faults


def old_shape_faults(document: JsonObject) -> list[ShapeFault]:
    """Faults of the 2021 shape that would keep it from being upgraded; the upgraded file is checked again."""
    assets: object = document.get("assets")
    if assets is None:
        return []
    if not isinstance(assets, dict):
        return [ShapeFault("/assets", "should be an object")]
    faults: list[ShapeFault] = []
    for key in ("intents", "entities", "examples", "utterances"):
        items: object = cast("JsonObject", assets).get(key)
        if isinstance(items, list):
            faults += (
                ShapeFault(f"/assets/{key}/{index}", "should be an object")
                for index, item in enumerate(cast("list[object]", items))
                if not isinstance(item, dict)
            )
        elif items is not None:
            faults.append(ShapeFault(f"/assets/{key}", "should be an array"))
    return faults


def faults_of(adapter: TypeAdapter[Any], value: object, *, prefix: str = "") -> list[ShapeFault]:
    """Every fault of a value that an adapter finds; `prefix` is the pointer of the value itself."""
    try:
        adapter.validate_python(value)
    except ValidationError as err:
        return [
            ShapeFault(prefix + "".join(f"/{pointer_part(part)}" for part in fault["loc"]), _sentence(fault))
            for fault in err.errors(include_url=False, include_context=False)
        ]
    return []


_IN_WORDS_OF_JSON: Final = {
    "a valid dictionary": "an object",
    "a valid list": "an array",
    "a valid integer": "an integer",
    "a valid string": "a string",
}


def _sentence(fault: Any) -> str:
    if fault["type"] == "missing":
        return "is missing"
    message: str = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    for pydantic_says, json_says in _IN_WORDS_OF_JSON.items():
        message = message.replace(pydantic_says, json_says)
    return message


def pointer_part(part: object) -> str:
    """A member's name or an index as one part of a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")
