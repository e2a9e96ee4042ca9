"""The project file (`config.json`): its shape, and reading it without losing anything.

The shape is a tree of TypedDicts that pydantic checks strictly; the tree itself stays as it was parsed and is never
rebuilt from models. Unknown keys, key order, nulls and number spellings therefore survive by construction, and a file
of 50,000 utterances costs a third of the memory that model instances would.

Field meanings and sources: Microsoft's authoring API, versions 2021-11-01-preview to 2025-11-15-preview.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, NotRequired, cast

import pydantic
from pydantic import ConfigDict, PlainValidator, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from cluvault.errors import InvalidProjectFile
from cluvault.model.json_text import JsonObject, is_number, read_json, write_json
from cluvault.model.names import shorten

# --- the shape -----------------------------------------------------------------------------------------------------


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


# --- reading -------------------------------------------------------------------------------------------------------

Shape = Literal["current", "2022-03-01-preview", "2021-11-01-preview"]
"""`current`: as every version from 2022-05-01 on writes it."""

UTF16: Final = "Utf16CodeUnit"


@dataclass(frozen=True, slots=True)
class ShapeFault:
    """One place where a document has not the shape of a project file."""

    pointer: str
    sentence: str


@dataclass(frozen=True, slots=True, eq=False)
class ProjectFile:
    """A project file as it was read; treat the document as immutable.

    Attributes:
        document: The tree in the current shape, or in an older one (`shape` says which; `plan.upgrade` mends it).
        shape: Which generation of the format it is.
    """

    document: Document
    shape: Shape = "current"

    @property
    def name(self) -> str:
        """The project name that the file gives itself; empty when it gives none."""
        return _first_text(cast("JsonObject", self.document["metadata"]), "projectName", "name")

    @property
    def version(self) -> str:
        """The format version that the file states; empty when it states none."""
        return _first_text(cast("JsonObject", self.document), "projectFileVersion", "api-version")

    @property
    def metadata(self) -> Metadata:
        """Name, kind, language and settings."""
        return self.document["metadata"]

    @property
    def intents(self) -> list[Intent]:
        """The intents, in the file's order."""
        return (self.document.get("assets") or {}).get("intents") or []

    @property
    def entities(self) -> list[Entity]:
        """The entities, in the file's order."""
        return (self.document.get("assets") or {}).get("entities") or []

    @property
    def utterances(self) -> list[Utterance]:
        """The utterances, in the file's order."""
        assets = self.document.get("assets") or {}
        return assets.get("utterances") or cast("JsonObject", assets).get("examples") or []

    @property
    def conversations(self) -> list[Conversation]:
        """The conversations of a summarization project, in the file's order."""
        return (self.document.get("assets") or {}).get("conversations") or []

    def to_bytes(self, *, indent: bool = False) -> bytes:
        """UTF-8 JSON with the document's own keys, order, nulls and numbers."""
        return write_json(self.document, indent=indent)


def _first_text(members: JsonObject, *names: str) -> str:
    """The first of these members that is a text; older shapes are read before anything has checked them."""
    values = (members.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value), "")


def read_project_file(data: bytes, *, source: str = "project file") -> ProjectFile:
    """Read a project file of any known version.

    Raises:
        InvalidProjectFile: it is none; one line says what it is, where the fault lies, and `source`.
    """
    file, faults = inspect_project_file(data, source=source)
    if faults:
        more = f" (and {len(faults) - 1} more; `cluvault validate` lists all)" if len(faults) > 1 else ""
        raise InvalidProjectFile(f"{source}: at {faults[0].pointer}: {faults[0].sentence}{more}")
    return file


def inspect_project_file(data: bytes, *, source: str) -> tuple[ProjectFile, list[ShapeFault]]:
    """Read a project file, with every fault of its shape instead of the first; use the file only without faults.

    Raises:
        InvalidProjectFile: it is no project file at all.
    """
    document = read_json(data, source=source)
    shape = _recognise(document, source=source)
    if shape == "2021-11-01-preview":
        return ProjectFile(cast("Document", document), shape), _old_faults(document)
    return ProjectFile(cast("Document", document), shape), shape_faults(document)


def decompress(data: bytes, *, source: str, limit: int = 1 << 30) -> bytes:
    """Undo gzip when the bytes are gzip; other bytes come back as they are.

    Raises:
        InvalidProjectFile: damaged gzip, or more than `limit` bytes come out of it.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        plain = engine.decompress(data, limit + 1)
        if len(plain) > limit:
            raise InvalidProjectFile(f"{source}: decompresses to more than {limit} bytes; refused")
        if not engine.eof:
            raise InvalidProjectFile(f"{source}: the gzip data ends too early (truncated?)")
        if engine.unused_data:
            raise InvalidProjectFile(f"{source}: {len(engine.unused_data)} bytes follow the gzip data")
    except zlib.error as err:
        raise InvalidProjectFile(f"{source}: damaged gzip data: {err}") from err
    return plain


def compress(data: bytes) -> bytes:
    """Gzip without time and name, so that equal bytes stay equal."""
    return gzip.compress(data, compresslevel=6, mtime=0)


def _recognise(document: object, *, source: str) -> Shape:
    """Say which generation a document is, or raise InvalidProjectFile with what it is instead."""
    if not isinstance(document, dict):
        raise InvalidProjectFile(f"{source}: a project file is a JSON object, this is {_json_type(document)}")
    found = cast("JsonObject", document)
    if "luis_schema_version" in found:
        raise InvalidProjectFile(
            f"{source}: this is a LUIS app (luis_schema_version {found['luis_schema_version']!s:.20}), "
            "not a CLU project file",
            mend="migrate it to CLU first, or import it with format=luis",
        )
    if "asset" in found and "assets" not in found:
        raise InvalidProjectFile(
            f"{source}: key 'asset' at /asset holds a converted LUIS app, not CLU assets",
            mend="export the project from CLU; its key is 'assets'",
        )
    if "error" in found and "metadata" not in found:
        raise InvalidProjectFile(f"{source}: this is an error answer of the service, not a project file")
    metadata = found.get("metadata")
    if not isinstance(metadata, dict):
        keys = shorten(", ".join(map(repr, list(found)[:4]))) or "none"
        raise InvalidProjectFile(f"{source}: not a CLU project file: no object at /metadata (keys: {keys})")
    fields = cast("JsonObject", metadata)
    if "projectKind" not in fields and ("type" in fields or "name" in fields):
        return "2021-11-01-preview"
    assets = cast("object", found.get("assets"))
    old_names = isinstance(assets, dict) and "examples" in assets
    if old_names:
        return "2021-11-01-preview"
    return "2022-03-01-preview" if "api-version" in found and "projectFileVersion" not in found else "current"


def _json_type(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, list):
        return "an array"
    return "a string" if isinstance(value, str) else "a number"


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
        return _check(_frame(), document, "")
    without: JsonObject = cast("JsonObject", assets) | {"utterances": None}
    faults = _check(_frame(), document | {"assets": without}, "")
    check = _utterance()
    for index, utterance in enumerate(cast("list[object]", utterances)):
        faults += _check(check, utterance, f"/assets/utterances/{index}")
    return faults


def _old_faults(document: JsonObject) -> list[ShapeFault]:
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


def _check(adapter: TypeAdapter[Any], value: object, prefix: str) -> list[ShapeFault]:
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
