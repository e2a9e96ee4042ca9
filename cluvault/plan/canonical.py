"""Canonical form and digest: equal for project files that mean the same to the service, different for all others.

| equal by decree                                      | why                                                           |
| ---------------------------------------------------- | ------------------------------------------------------------- |
| white space, line ends, byte order mark, escapes,    | JSON gives them no meaning                                    |
| key order                                            |                                                               |
| order of intents, associated entities, entities,     | the service trains on sets of them; no order is promised by   |
| list keys, synonyms, prebuilts, regexes, required    | an export                                                     |
| components, utterances, labels, conversations        |                                                               |
| a member that is null and one that is absent         | the service omits optional members that have no value         |
| an empty and an absent description, associated       | neither holds anything; exports show some as empty (labels,   |
| entities, target, component, list key, group of      | descriptions) and omit others (components)                    |
| synonyms, regex key or pattern, labels, settings,    |                                                               |
| assets, language or dataset of an utterance          |                                                               |
| absent and default: dataset Train, the project's     | what the service fills in on import, as its next export       |
| language on utterances, synonyms and regexes,        | shows (language of synonyms and regexes, compositionSetting:  |
| multilingual false, confidenceThreshold 0,           | inferred)                                                     |
| normalizeCasing and augmentDiacritics false,         |                                                               |
| compositionSetting combineComponents                 |                                                               |
| the bare intent None and no intent None, but in      | it always exists and cannot be removed; summarization has     |
| summarization projects                               | no intents                                                    |
| projectFileVersion and older shapes                  | `plan.upgrade`: other names for the same things               |
| case of language tags and of enumerated values       | BCP 47; the service matches any case, emits its own           |
| number spelling: 0, 0.0, 0e1                         | one number                                                    |
| a required component named twice                     | a component is required or not                                |
| list keys given twice and merged                     | synonyms are looked up by key and language                    |
| stringIndexType with offsets counted accordingly     | the same spans                                                |
| projectName                                          | where the file lives, not what it says: restores rename it    |

Everything else counts: each character of a text, each label, offset, dataset, description, pattern, setting, the
number of times an utterance, a synonym or a label occurs, and every member that this version does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import UTF16
from cluvault.plan.entity_form import canonical_entity
from cluvault.plan.plain_values import in_order, plain_members, unknown_members, without_empty
from cluvault.plan.upgrade import upgrade_project_file
from cluvault.plan.utterances import DEFAULT_DATASET, UtteranceReader
from cluvault.plan.vocabulary import NONE_INTENT, STRING_INDEX_TYPES, SUMMARIZATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from cluvault.model.project_file import ProjectFile

_VERSION: Final = b"cluvault canonical form 1\n"
DEFAULT_SETTINGS: Final[Mapping[str, object]] = {
    "confidenceThreshold": 0,
    "normalizeCasing": False,
    "augmentDiacritics": False,
}
_DOCUMENT_MEMBERS: Final = frozenset({"projectFileVersion", "stringIndexType", "metadata", "assets"})
_METADATA_MEMBERS: Final = frozenset(
    {"projectKind", "projectName", "language", "multilingual", "description", "settings"}
)
_ASSETS_MEMBERS: Final = frozenset({"projectKind", "intents", "entities", "utterances", "conversations"})
_INTENT_MAY_BE_EMPTY: Final = frozenset({"description", "associatedEntities", "orchestration"})


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalForm:
    """A project file's meaning: its frame as plain values, its utterances as canonical lines.

    A third the size of the file's tree, so that two large files can be compared without both trees in memory.

    Attributes:
        settings: projectKind, language, multilingual, description, `settings.…`, and unknown members as
            `metadata.…`, `assets.…`, `file.…`.
        intents: Canonical intents by name; a name given twice gets a mark, so that nothing is lost.
        entities: Canonical entities by name, as `entity_form` describes them.
        utterance_lines: Each utterance's canonical line, in the file's order (`CanonicalUtterance.from_line`).
        conversation_lines: The same for the conversations of a summarization project: JSON objects.
    """

    settings: Mapping[str, Any]
    intents: Mapping[str, JsonObject]
    entities: Mapping[str, JsonObject]
    utterance_lines: Sequence[bytes]
    conversation_lines: Sequence[bytes]

    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        frame = {
            "settings": self.settings,
            "intents": list(self.intents.values()),
            "entities": list(self.entities.values()),
        }
        total = sha256(_VERSION)
        total.update(write_json(frame, sort_keys=True))
        for line in sorted(chain(self.utterance_lines, self.conversation_lines)):
            total.update(b"\n" + line)
        return total.hexdigest()


def canonical_digest(file: ProjectFile) -> str:
    """The canonical digest of a project file of any known version: SHA-256 in hex.

    Raises:
        InvalidProjectFile: an older file that cannot be upgraded.
    """
    return canonical_form(file).digest()


def canonical_form(file: ProjectFile) -> CanonicalForm:
    """Bring a project file of any known version into its canonical form.

    Raises:
        InvalidProjectFile: an older file that cannot be upgraded.
    """
    current = upgrade_project_file(file).file
    assets = cast("JsonObject", current.document.get("assets") or {})
    language = current.metadata["language"].lower()
    reader = UtteranceReader(language, _index_type(current) or UTF16)
    return CanonicalForm(
        settings=_settings(current),
        intents=_by_name(_intents(current)),
        entities=_by_name(canonical_entity(entity, language) for entity in current.entities),
        utterance_lines=[reader.line(utterance) for utterance in current.utterances],
        conversation_lines=[
            conversation_line(_conversation(item, language)) for item in assets.get("conversations") or ()
        ],
    )


def conversation_line(value: JsonObject) -> bytes:
    """A canonical conversation's canonical line."""
    return write_json(value, sort_keys=True)


def _settings(file: ProjectFile) -> JsonObject:
    """Everything that is neither intent, entity nor utterance, by dotted path; defaults filled in."""
    document = cast("JsonObject", file.document)
    metadata = document["metadata"]
    assets: JsonObject = document.get("assets") or {}
    kind: str = metadata["projectKind"]
    known = {
        "projectKind": kind,
        "language": metadata["language"].lower(),
        "multilingual": bool(metadata.get("multilingual")),
        "description": metadata.get("description") or "",
    }
    said_twice = {"projectKind": assets["projectKind"]} if assets.get("projectKind", kind) != kind else {}
    uncounted = {} if _index_type(file) else {"stringIndexType": document["stringIndexType"]}
    return (
        known
        | _prefixed("settings.", {**DEFAULT_SETTINGS, **plain_members(metadata.get("settings") or {})})
        | _prefixed("metadata.", unknown_members(metadata, _METADATA_MEMBERS))
        | _prefixed("assets.", unknown_members(assets, _ASSETS_MEMBERS) | said_twice)
        | _prefixed("file.", unknown_members(document, _DOCUMENT_MEMBERS) | uncounted)
    )


def _index_type(file: ProjectFile) -> str | None:
    """What the file's offsets count; None when this version does not know how to."""
    stated = file.document.get("stringIndexType") or UTF16
    return stated if stated in STRING_INDEX_TYPES.values() else None


def _prefixed(prefix: str, values: Mapping[str, Any]) -> JsonObject:
    return {prefix + key: value for key, value in values.items()}


def _intents(file: ProjectFile) -> Iterator[JsonObject]:
    needs_none = file.metadata["projectKind"] != SUMMARIZATION
    for intent in file.intents:
        value = plain_members(cast("JsonObject", intent))
        needs_none = needs_none and value["category"] != NONE_INTENT
        if related := value.get("associatedEntities"):
            value["associatedEntities"] = in_order(related)
        yield without_empty(value, _INTENT_MAY_BE_EMPTY)
    if needs_none:
        yield {"category": NONE_INTENT}


def _conversation(item: JsonObject, language: str) -> JsonObject:
    value = plain_members(item)
    value["language"] = (value.get("language") or language).lower()
    value["dataset"] = value.get("dataset") or DEFAULT_DATASET
    return value


def _by_name(values: Iterable[JsonObject]) -> dict[str, JsonObject]:
    """Values by category, in canonical order; a second one of a name is kept under a marked name."""
    named: dict[str, JsonObject] = {}
    for value in in_order(values):
        name = value["category"]
        while name in named:
            name += " (again)"
        named[name] = value
    return named
