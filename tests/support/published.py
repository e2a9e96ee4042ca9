"""The published OpenAPI documents, as Schema schemas: what each api-version says about the answer of each operation.

The files under tests/contract/openapi hold what the documents say in a short notation; their README explains it.
Members that a model does not have are refused, which is stricter than the documents are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

FOLDER: Final = Path(__file__).parents[1] / "contract" / "openapi"

Schema = dict[str, Any]
_PLAIN: Final[dict[str, Schema]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "number": {"type": "number"},
    "fraction": {"type": "number", "minimum": 0, "maximum": 1},
    "date-time": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    "uuid": {"type": "string", "format": "uuid"},
    "object": {"type": "object"},
    "null": {"type": "null"},
    "never": {"not": {}},
}
_GENERIC: Final = re.compile(r"(\w+)<(\w+)>")


@dataclass(frozen=True, slots=True)
class _Row:
    """A member of a model, an operation, or a value of an enumeration, in the versions that have it."""

    name: str
    says: Any
    required: bool = True
    with_features: frozenset[str] = frozenset()
    without_features: frozenset[str] = frozenset()

    def is_in(self, features: frozenset[str]) -> bool:
        return self.with_features <= features and not self.without_features & features


def _row(key: str, says: Any = None) -> _Row:
    name, *marks = key.split(" @")
    return _Row(
        name.removesuffix("?"),
        says,
        required=not name.endswith("?"),
        with_features=frozenset(mark for mark in marks if not mark.startswith("!")),
        without_features=frozenset(mark[1:] for mark in marks if mark.startswith("!")),
    )


@dataclass(slots=True)
class _Book:
    """Everything that the files say, of all versions."""

    features: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    operations: list[_Row] = field(default_factory=list[_Row])
    models: dict[str, list[_Row]] = field(default_factory=dict[str, list[_Row]])
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    enums: dict[str, list[_Row]] = field(default_factory=dict[str, list[_Row]])

    def add(self, chapter: Mapping[str, Any]) -> None:
        """Take in what a file or a deviation says; members of a model take the place of members of the same name."""
        self.operations += _rows(chapter.get("operations", {}))
        for name, said in chapter.get("models", {}).items():
            if isinstance(said, str):
                self.aliases[name] = said
            else:
                self.models[name] = _merged(self.models.get(name, []), _rows(said))
        for name, values in chapter.get("enums", {}).items():
            self.enums[name] = self.enums.get(name, []) + [_row(value) for value in values]


def _rows(said: Mapping[str, Any]) -> list[_Row]:
    return [_row(key, value) for key, value in said.items()]


def _merged(known: list[_Row], rows: list[_Row]) -> list[_Row]:
    replaced = {row.name for row in rows}
    return [row for row in known if row.name not in replaced] + rows


@dataclass(frozen=True, slots=True)
class PublishedOperation:
    """An operation of one version.

    Attributes:
        name: Its method and path template, as the notation has them.
        answers: What the body is by status: a type, `job` for an operation-location without a body, or `nothing`.
    """

    name: str
    answers: Mapping[int, str]


class PublishedVersion:
    """What one api-version's documents say."""

    def __init__(self, book: _Book, name: str) -> None:
        self.name = name
        self._features = frozenset(feature for feature, versions in book.features.items() if name in versions)
        self._models = book.models
        self._aliases = book.aliases
        self._enums = book.enums
        self.operations = {
            row.name: PublishedOperation(row.name, {int(status): says for status, says in row.says.items()})
            for row in self._of(book.operations)
        }

    def _of(self, rows: Iterable[_Row]) -> Iterator[_Row]:
        return (row for row in rows if row.is_in(self._features))

    def find(self, method: str, segments: Sequence[str]) -> PublishedOperation | None:
        """The operation of a method and a path; literal parts win over variable ones."""
        fitting = [name for name in self.operations if _fits(name, method, segments)]
        return self.operations[min(fitting, key=lambda name: name.count("{}"))] if fitting else None

    def members(self, model: str) -> dict[str, bool]:
        """The members of a model; true for those that it must have."""
        return {row.name: row.required for row in self._members(model, {})}

    def schema(self, type_name: str) -> Schema:
        """The JSON schema of a type, with everything that it refers to."""
        models = {name: self._model(name, {}) for name in self._models if "<" not in name}
        aliases = {name: self._type(said) for name, said in self._aliases.items()}
        enums = {name: _enum(self._of(rows)) for name, rows in self._enums.items()}
        return self._type(type_name) | {"$defs": models | aliases | enums}

    def _model(self, name: str, parameters: Mapping[str, str]) -> Schema:
        members = list(self._members(name, parameters))
        return {
            "type": "object",
            "properties": {row.name: self._type(row.says) for row in members},
            "required": [row.name for row in members if row.required],
            "additionalProperties": False,
        }

    def _members(self, name: str, parameters: Mapping[str, str]) -> Iterator[_Row]:
        for row in self._of(self._models[name]):
            if row.name == "<":
                yield from self._members(row.says, parameters)
            else:
                says = row.says
                for variable, value in parameters.items():
                    says = re.sub(rf"\b{variable}\b", value, says)
                yield _Row(row.name, says, required=row.required)

    def _type(self, text: str) -> Schema:
        alternatives = [part.strip() for part in text.split("|")]
        if len(alternatives) > 1:
            return {"anyOf": [self._type(part) for part in alternatives]}
        if text.startswith("'"):
            return {"const": text.strip("'")}
        if text.endswith("[]"):
            return {"type": "array", "items": self._type(text[:-2])}
        if text.startswith("{"):
            return {"type": "object", "additionalProperties": self._type(text[1:-1])}
        if generic := _GENERIC.fullmatch(text):
            return self._model(f"{generic[1]}<T>", {"T": generic[2]})
        return _PLAIN.get(text) or {"$ref": f"#/$defs/{text}"}


def _enum(values: Iterable[_Row]) -> Schema:
    return {"enum": [*dict.fromkeys(value.name for value in values)]}


def _fits(name: str, method: str, segments: Sequence[str]) -> bool:
    wanted, template = name.split(" ")
    slots = template.split("/")
    if wanted != method or len(slots) != len(segments):
        return False
    return all(slot in ("{}", segment) for slot, segment in zip(slots, segments, strict=True))


def read_notation(path: Path) -> Any:
    """A file of the notation; every scalar is text, because versions look like dates and codes like numbers."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  # builds only text


@cache
def versions() -> tuple[str, ...]:
    """Every api-version of the authoring API whose documents are known, oldest first, then those without it."""
    return (*read_notation(FOLDER / "authoring.yaml")["versions"], *read_notation(FOLDER / "runtime.yaml")["versions"])


@cache
def deviations() -> tuple[Schema, ...]:
    """The known differences between the service and its documents, each with its reason."""
    return tuple(read_notation(FOLDER / "deviations.yaml"))


EVERY_DEVIATION: Final = frozenset(range(len(deviations())))


@cache
def published(version: str, known: frozenset[int] = EVERY_DEVIATION) -> PublishedVersion:
    """What the documents of a version say, corrected by what the service is known to do otherwise.

    Args:
        version: Its name.
        known: The deviations, by their place in the file, that are known.
    """
    authoring, runtime = read_notation(FOLDER / "authoring.yaml"), read_notation(FOLDER / "runtime.yaml")
    book = _Book({name: frozenset(versions) for name, versions in authoring["features"].items()})
    for chapter in (authoring, *(deviations()[index] for index in sorted(known))):
        book.add(chapter)
    if version in runtime["versions"]:
        book.operations.clear()
    book.add(runtime)
    return PublishedVersion(book, version)
