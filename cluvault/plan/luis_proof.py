"""Whether a migrated LUIS application became what is documented: only that is compared, the rest is the service's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.project_file import ProjectFile
from cluvault.plan.diff import ProjectDiff, diff_project_files
from cluvault.plan.luis_entities import with_key
from cluvault.plan.upgrade import upgrade_project_file

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_shape import Document

_ENTITY_MEMBERS: Final = ("category", "list", "prebuilts", "regex")


def compare_migration(expected: ProjectFile, found: ProjectFile) -> ProjectDiff:
    """The difference in what Microsoft documents: intents, entities and components, utterances and labels, language.

    Not compared are settings, description, composition settings, the names of patterns, and whether a list key counts
    among its own synonyms. A language may have a region or none.
    """
    current = upgrade_project_file(found).file
    wanted, language = expected.metadata["language"], current.metadata["language"]
    is_same = language.lower().partition("-")[0] == wanted.partition("-")[0]
    return diff_project_files(_documented(expected, language if is_same else wanted), _documented(current, language))


def _documented(file: ProjectFile, language: str) -> ProjectFile:
    """The part of a project that the documentation of the migration speaks of."""
    kind = file.metadata["projectKind"]
    own = file.metadata["language"].lower()
    document: JsonObject = {
        "metadata": {"projectKind": kind, "language": language},
        "assets": {
            "projectKind": kind,
            "intents": [{"category": intent["category"]} for intent in file.intents],
            "entities": [_entity(cast("JsonObject", entity)) for entity in file.entities],
            "utterances": [_speaking(cast("JsonObject", utterance), own) for utterance in file.utterances],
        },
    }
    return ProjectFile(cast("Document", document))


def _entity(entity: JsonObject) -> JsonObject:
    kept = {name: entity[name] for name in _ENTITY_MEMBERS if entity.get(name)}
    if "list" in kept:
        kept["list"] = {"sublists": [_sublist(sublist) for sublist in kept["list"].get("sublists") or ()]}
    if "regex" in kept:
        expressions: list[JsonObject] = kept["regex"].get("expressions") or []
        kept["regex"] = {"expressions": [{"regexPattern": one.get("regexPattern")} for one in expressions]}
    return kept


def _sublist(sublist: JsonObject) -> JsonObject:
    key: str = sublist.get("listKey") or ""
    words: list[Any] = [word for group in sublist.get("synonyms") or () for word in group.get("values") or ()]
    return {"listKey": key, "synonyms": [{"values": with_key(key, words)}]}


def _speaking(utterance: JsonObject, language: str) -> JsonObject:
    """The utterance without its language where that is the project's."""
    if (utterance.get("language") or language).lower() != language:
        return utterance
    return {key: item for key, item in utterance.items() if key != "language"}
