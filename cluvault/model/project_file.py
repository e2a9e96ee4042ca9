"""The project file (`config.json`): reading it without losing anything.

The shape (`project_shape`) is a tree of TypedDicts that pydantic checks strictly; the tree stays as it was parsed and
is never rebuilt from models. Unknown keys, key order, nulls and number spellings therefore survive by construction,
and a file of 50,000 utterances takes 3 times its size in memory; as pydantic model instances it took 13 times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, cast

from cluvault.errors import InvalidProjectFile
from cluvault.model.json_text import JsonObject, read_json, write_json
from cluvault.model.names import shorten
from cluvault.model.project_shape import ShapeFault, old_shape_faults, shape_faults

if TYPE_CHECKING:
    from cluvault.model.project_shape import Conversation, Document, Entity, Intent, Metadata, Utterance

Shape = Literal["current", "2022-03-01-preview", "2021-11-01-preview"]
"""`current`: as every version from 2022-05-01 on writes it."""

UTF16: Final = "Utf16CodeUnit"


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
        return ProjectFile(cast("Document", document), shape), old_shape_faults(document)
    return ProjectFile(cast("Document", document), shape), shape_faults(document)


def _recognise(document: object, *, source: str) -> Shape:
    """Say which generation a document is, or raise InvalidProjectFile with what it is instead."""
    if not isinstance(document, dict):
        raise InvalidProjectFile(f"{source}: a project file is a JSON object, this is {_json_type(document)}")
    found = cast("JsonObject", document)
    if "luis_schema_version" in found:
        raise InvalidProjectFile(
            f"{source}: this is a LUIS app (luis_schema_version {found['luis_schema_version']!s:.20}), "
            "not a CLU project file",
            mend="migrate it to CLU first: `cluvault restore` with this file does that",
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
