"""What is known to come of a LUIS application that the service imports; pure.

The service converts the application itself. This is the same conversion as Microsoft documents it, made here so that
its losses can be shown beforehand and what the service made of it can be checked afterwards.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from cluvault.model.project_file import UTF16, ProjectFile
from cluvault.plan.api_versions import shape_of
from cluvault.plan.losses import Loss
from cluvault.plan.luis_entities import MigratedEntities, migrate_entities
from cluvault.plan.vocabulary import CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.luis_app import LuisApp, LuisLabel, LuisUtterance
    from cluvault.model.project_shape import Document
    from cluvault.plan.luis_entities import Path

_REGIONAL: Final = frozenset({"en-gb", "en-us", "pt-br", "pt-pt", "zh-hans", "zh-hant"})
"""The service's languages that have a second part."""
_CHINESE: Final = {"zh-cn": "zh-hans", "zh-tw": "zh-hant"}
_KNOWN_SCHEMA: Final = "7.0.0"
_LEFT_OUT: Final = {
    "patterns": "pattern",
    "phraselists": "phrase list",
    "model_features": "phrase list",
    "regex_features": "pattern feature",
    "settings": "setting",
}
_CONVERTED: Final = frozenset(
    {
        *("luis_schema_version", "versionId", "tokenizerVersion", "name", "desc", "culture", "intents", "entities"),
        *("hierarchicals", "composites", "closedLists", "regex_entities", "prebuiltEntities", "bing_entities"),
        *("patternAnyEntities", "utterances"),
    }
)


@dataclass(frozen=True, slots=True)
class LuisMigration:
    """A LUIS application as a project.

    Attributes:
        file: What the project is expected to be.
        losses: What the project will lack.
        notes: What is read in another way than it was written.
    """

    file: ProjectFile
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]


def migrate_luis_app(app: LuisApp, *, name: str, version: str) -> LuisMigration:
    """Convert an application into the project `name`, as an import with api-version `version` is documented to."""
    culture = app.document["culture"]
    language = _language(culture)
    migrated = migrate_entities(app, language=language, has_regex=shape_of(version).components)
    labels = _Labels(migrated)
    assets: JsonObject = {
        "projectKind": CONVERSATION,
        "intents": [{"category": intent["name"]} for intent in app.document.get("intents") or ()],
        "entities": list(migrated.entities.values()),
        "utterances": [labels.utterance(utterance) for utterance in app.document.get("utterances") or ()],
    }
    metadata = {"projectKind": CONVERSATION, "projectName": name, "language": language}
    document = {"projectFileVersion": version, "stringIndexType": UTF16, "metadata": metadata, "assets": assets}
    notes: list[str] = []
    if app.document["luis_schema_version"] != _KNOWN_SCHEMA:
        notes.append(f"schema {app.document['luis_schema_version']}: documented is the import of {_KNOWN_SCHEMA} alone")
    if language != culture.lower():
        notes.append(f"culture {culture} becomes language {language}")
    losses = (*_left_out(cast("JsonObject", app.document)), *migrated.losses, *labels.losses())
    return LuisMigration(ProjectFile(cast("Document", document)), losses, tuple(notes))


def _language(culture: str) -> str:
    """The service's language for a culture: most come without a region."""
    tag = _CHINESE.get(culture.lower(), culture.lower())
    return tag if tag in _REGIONAL else tag.partition("-")[0]


def _left_out(document: JsonObject) -> Iterator[Loss]:
    """What is not converted at all."""
    for name, noun in _LEFT_OUT.items():
        if count := len(document.get(name) or ()):
            yield Loss(f"/{name}", _counted(count, noun))
    for index, intent in enumerate(document.get("intents") or ()):
        for member, what in (("features", "features"), ("inherits", "tie to a prebuilt domain")):
            if intent.get(member):
                yield Loss(f"/intents/{index}/{member}", f"the {what} of the intent {intent['name']!r}")
    for name, value in document.items():
        if name not in _CONVERTED and name not in _LEFT_OUT and value not in (None, "", [], {}):
            yield Loss(f"/{name}", f"{name!r}, which nobody documents")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count > 1 else ''}"


# --- labels --------------------------------------------------------------------------------------------------------


class _Span(NamedTuple):
    category: str
    start: int
    end: int

    def overlaps(self, other: _Span) -> bool:
        return max(self.start, other.start) < min(self.end, other.end)


@dataclass(slots=True)
class _Labels:
    """Converts the labels of utterances, and counts those that are lost."""

    migrated: MigratedEntities
    lost: Counter[str] = field(default_factory=Counter[str])
    overlapping: int = 0

    def utterance(self, utterance: LuisUtterance) -> JsonObject:
        """The utterance with the labels that stay."""
        spans = list(self._spans(utterance.get("entities") or (), ()))
        kept = _longest(spans)
        self.overlapping += len(spans) - len(kept)
        labels = [{"category": name, "offset": start, "length": end - start} for name, start, end in kept]
        return {"text": utterance["text"], "intent": utterance["intent"], "entities": labels}

    def losses(self) -> Iterator[Loss]:
        """The labels that did not stay."""
        for entity, count in self.lost.items():
            yield Loss("/utterances", f"{_counted(count, 'label')} of the entity {entity!r}")
        if self.overlapping:
            yield Loss("/utterances", f"{_counted(self.overlapping, 'label')} in the place of a longer one")

    def _spans(self, labels: Sequence[LuisLabel], parents: Path) -> Iterator[_Span]:
        for label in labels:
            path = self._path(label["entity"], parents)
            category = self.migrated.roles.get((path, label.get("role") or "")) or self._category(path)
            if category is None:
                self.lost[label["entity"]] += 1
            else:
                yield _Span(category, label["startPos"], label["endPos"] + 1)
            yield from self._spans(label.get("children") or (), path)

    def _path(self, name: str, parents: Path) -> Path:
        """The entity that a label means: a part of its parent, or one of its own; `Parent::Part` in old schemas."""
        for path in ((*parents, name), (name,), tuple(name.split("::"))):
            if path in self.migrated.categories or path in self.migrated.without:
                return path
        return (name,)

    def _category(self, path: Path) -> str | None:
        """Where labels go; an entity that the application does not define keeps its name, and the service objects."""
        return None if path in self.migrated.without else self.migrated.categories.get(path, path[-1])


def _longest(spans: list[_Span]) -> list[_Span]:
    """The spans without those that overlap a longer one, or an equally long one before them."""
    ranked = sorted(range(len(spans)), key=lambda index: spans[index].start - spans[index].end)
    kept: list[int] = []
    for index in ranked:
        if not any(spans[index].overlaps(spans[other]) for other in kept):
            kept.append(index)
    return [spans[index] for index in sorted(kept)]
