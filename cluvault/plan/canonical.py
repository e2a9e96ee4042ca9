"""Canonical form and digest: equal for project files that mean the same to the service, different for all others.

| equal by decree                                      | why                                                           |
| ---------------------------------------------------- | ------------------------------------------------------------- |
| white space, line ends, byte order mark, key order   | JSON gives them no meaning                                    |
| order of intents, entities, utterances, labels, list | the service trains on sets of them; no order is promised by   |
| keys, synonyms, prebuilts, regexes, required         | an export                                                     |
| a member that is null and one that is absent; in     | the service omits optional members that have no value         |
| intents and entities also an empty one               |                                                               |
| absent and default: dataset Train, the project's     | what the service fills in on import, as its next export       |
| language on utterances, synonyms and regexes, empty  | shows (language of synonyms and regexes: inferred)            |
| description, multilingual false, confidenceThreshold |                                                               |
| 0, normalizeCasing and augmentDiacritics false,      |                                                               |
| compositionSetting combineComponents                 |                                                               |
| the bare intent None and no intent None              | it always exists and cannot be removed                        |
| projectFileVersion and older shapes                  | `plan.upgrade`: other names for the same things               |
| case of language tags and of enumerated values       | BCP 47; the service matches any case, emits its own           |
| number spelling: 0, 0.0, 0e1                         | one number                                                    |
| list keys given twice and merged                     | synonyms are looked up by key and language                    |
| stringIndexType with offsets counted accordingly     | the same spans                                                |
| projectName                                          | where the file lives, not what it says: restores rename it    |

Everything else counts: each character of a text, each label, offset, dataset, description, pattern, setting, the
number of times an utterance occurs, and every member that this version does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.json_text import JsonObject, is_number, plain_number, write_json
from cluvault.model.project_file import UTF16
from cluvault.plan.spans import to_utf16
from cluvault.plan.upgrade import upgrade_project_file
from cluvault.plan.vocabulary import NONE_INTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cluvault.model.project_file import Entity, Label, ProjectFile, Utterance

_VERSION: Final = b"cluvault canonical form 1\n"
DEFAULT_SETTINGS: Final[Mapping[str, object]] = {
    "confidenceThreshold": 0,
    "normalizeCasing": False,
    "augmentDiacritics": False,
}
DEFAULT_COMPOSITION: Final = "combineComponents"
_UTTERANCE_MEMBERS: Final = frozenset({"text", "intent", "language", "dataset", "entities"})
_LABEL_MEMBERS: Final = frozenset({"category", "offset", "length"})


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalForm:
    """A project file's meaning: its frame as plain values, its utterances as canonical lines.

    A third the size of the file's tree, so that two large files can be compared without both trees in memory.

    Attributes:
        settings: projectKind, language, multilingual, description, `settings.…`, and unknown members as
            `metadata.…`, `assets.…`, `file.…`.
        intents: Canonical intents by name; a name given twice gets a mark, so that nothing is lost.
        entities: Canonical entities by name.
        conversations: Canonical conversations (summarization projects).
        utterance_lines: Each utterance's canonical line as JSON, in the file's order (`CanonicalUtterance.from_line`).
    """

    settings: Mapping[str, Any]
    intents: Mapping[str, JsonObject]
    entities: Mapping[str, JsonObject]
    conversations: tuple[JsonObject, ...]
    utterance_lines: Sequence[bytes]

    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        frame = {
            "settings": self.settings,
            "intents": list(self.intents.values()),
            "entities": list(self.entities.values()),
            "conversations": self.conversations,
        }
        total = sha256(_VERSION)
        total.update(write_json(frame, sort_keys=True))
        for line in sorted(self.utterance_lines):
            total.update(b"\n" + line)
        return total.hexdigest()


def canonical_digest(file: ProjectFile) -> str:
    """The canonical digest of a project file of any known version: SHA-256 in hex."""
    return canonical_form(file).digest()


def canonical_form(file: ProjectFile) -> CanonicalForm:
    """Bring a project file of any known version into its canonical form."""
    current = upgrade_project_file(file).file
    assets = cast("JsonObject", current.document.get("assets") or {})
    language = current.metadata["language"].lower()
    reader = _UtteranceReader(language, current.document.get("stringIndexType") or UTF16)
    return CanonicalForm(
        settings=_settings(current),
        intents=_by_name(_intents(current)),
        entities=_by_name(_entity(entity, language) for entity in current.entities),
        conversations=tuple(_sorted(_conversation(item, language) for item in assets.get("conversations") or ())),
        utterance_lines=[_compact(write_json(reader.line(item))) for item in current.utterances],
    )


# --- utterances: the hot path --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _UtteranceReader:
    """Turns utterances into canonical lines: [text, intent, language, dataset, labels, unknown members]."""

    language: str
    index_type: str

    def line(self, utterance: Utterance) -> list[Any]:
        """The canonical line; labels are [offset, length, category, unknown members] in UTF-16 code units."""
        labels = utterance.get("entities")
        language = utterance.get("language")
        return [
            utterance["text"],
            utterance["intent"],
            language.lower() if language else self.language,
            utterance.get("dataset") or "Train",
            self._labels(utterance["text"], labels) if labels else [],
            "" if utterance.keys() <= _UTTERANCE_MEMBERS else _unknown_text(utterance, _UTTERANCE_MEMBERS),
        ]

    def _labels(self, text: str, labels: list[Label]) -> list[Any]:
        found: list[Any] = [[label["offset"], label["length"], label["category"], ""] for label in labels]
        for span, label in zip(found, labels, strict=True):
            if len(label) > len(_LABEL_MEMBERS):
                span[3] = _unknown_text(label, _LABEL_MEMBERS)
        if self.index_type != UTF16:
            for span in found:
                if (utf16 := to_utf16(text, span[0], span[1], index_type=self.index_type)) is None:
                    span[3] += self.index_type  # a span that no other counting can express
                else:
                    span[0], span[1] = utf16
        if len(found) > 1:
            found.sort()
        return found


# --- the frame -----------------------------------------------------------------------------------------------------


def _settings(file: ProjectFile) -> dict[str, Any]:
    """Everything that is neither intent, entity nor utterance, by dotted path; defaults filled in."""
    document = cast("JsonObject", file.document)
    metadata = document["metadata"]
    assets = cast("JsonObject", document.get("assets") or {})
    kind = metadata["projectKind"]
    values: JsonObject = {
        "projectKind": kind,
        "language": metadata["language"].lower(),
        "multilingual": bool(metadata.get("multilingual")),
        "description": metadata.get("description") or "",
    }
    values |= _prefixed("settings.", dict(DEFAULT_SETTINGS) | _plain(metadata.get("settings") or {}))
    named = {*values, "settings", "projectName"}
    values |= _prefixed("metadata.", _unknown(metadata, named))
    values |= _prefixed("file.", _unknown(document, {"projectFileVersion", "stringIndexType", "metadata", "assets"}))
    known = {"intents", "entities", "utterances", "conversations"}
    if (assets.get("projectKind") or kind) == kind:
        known.add("projectKind")
    return values | _prefixed("assets.", _unknown(assets, known))


def _prefixed(prefix: str, values: Mapping[str, Any]) -> JsonObject:
    return {prefix + key: value for key, value in values.items()}


def _intents(file: ProjectFile) -> Iterable[JsonObject]:
    named_none = False
    for intent in file.intents:
        value = _plain(cast("JsonObject", intent))
        named_none = named_none or value["category"] == NONE_INTENT
        if related := value.get("associatedEntities"):
            value["associatedEntities"] = _sorted(related)
        yield _without_empty(value)
    if not named_none:
        yield {"category": NONE_INTENT}


def _entity(entity: Entity, language: str) -> JsonObject:
    value = _plain(cast("JsonObject", entity))
    value["compositionSetting"] = value.get("compositionSetting") or DEFAULT_COMPOSITION
    value["requiredComponents"] = sorted(set(value.get("requiredComponents") or ()))
    value["prebuilts"] = _sorted(value.get("prebuilts") or ())
    value["list"] = _synonyms(value.get("list") or {}, language)
    value["regex"] = _expressions(value.get("regex") or {}, language)
    return _without_empty(value)


def _synonyms(component: JsonObject, language: str) -> JsonObject:
    """List key → language → sorted synonyms; members that this version does not know stand under `other`."""
    keys: dict[str, dict[str, list[str]]] = {}
    other = [*_other(component, {"sublists"}, [])]
    for sublist in component.get("sublists") or ():
        key = sublist.get("listKey") or ""
        languages = keys.setdefault(key, {})
        other += _other(sublist, {"listKey", "synonyms"}, [key])
        for group in sublist.get("synonyms") or ():
            tag = (group.get("language") or language).lower()
            other += _other(group, {"language", "values"}, [key, tag])
            if values := group.get("values"):
                languages[tag] = sorted(languages.get(tag, []) + values)
    found: JsonObject = {"keys": keys} if keys else {}
    return found | ({"other": _sorted(other)} if other else {})


def _other(value: JsonObject, known: set[str], place: list[str]) -> Iterable[JsonObject]:
    unknown = {key: item for key, item in value.items() if key not in known}
    return [{"at": place, "members": unknown}] if unknown else []


def _expressions(component: JsonObject, language: str) -> JsonObject:
    expressions = _sorted(
        {**item, "language": (item.get("language") or language).lower()} for item in component.get("expressions") or ()
    )
    other = {key: item for key, item in component.items() if key != "expressions"}
    return ({"expressions": expressions} if expressions else {}) | ({"other": other} if other else {})


def _conversation(item: JsonObject, language: str) -> JsonObject:
    value = _plain(item)
    value["language"] = (value.get("language") or language).lower()
    value["dataset"] = value.get("dataset") or "Train"
    return value


def _compact(data: bytes) -> bytes:
    """A copy: orjson's own result keeps the kilobyte that it was written into (measured: ten times the line)."""
    return bytes(memoryview(data))


# --- plain values --------------------------------------------------------------------------------------------------


def _plain(value: Mapping[str, Any]) -> JsonObject:
    """A copy without nulls, numbers free of their spelling."""
    return {key: _plain_value(item) for key, item in value.items() if item is not None}


def _plain_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _plain(cast("JsonObject", value))
    if isinstance(value, list):
        return [_plain_value(item) for item in cast("list[Any]", value)]
    return plain_number(value) if is_number(value) else value


def _unknown(value: Mapping[str, Any], known: Iterable[str]) -> JsonObject:
    """The members that this version does not know, without those that say nothing, in key order."""
    names = frozenset(known)
    return {key: _plain_value(value[key]) for key in sorted(value) if key not in names and value[key] is not None}


def _unknown_text(value: Mapping[str, Any], known: Iterable[str]) -> str:
    unknown = _unknown(value, known)
    return write_json(unknown, sort_keys=True).decode() if unknown else ""


def _without_empty(value: JsonObject) -> JsonObject:
    return {key: item for key, item in value.items() if item not in ("", [], {})}


def _sorted(values: Iterable[Any]) -> list[Any]:
    return sorted(values, key=lambda value: write_json(value, sort_keys=True))


def _by_name(values: Iterable[JsonObject]) -> dict[str, JsonObject]:
    """Values by category, in canonical order; a second one of a name is kept under a marked name."""
    named: dict[str, JsonObject] = {}
    for value in _sorted(values):
        name = value["category"]
        while name in named:
            name += " (again)"
        named[name] = value
    return named
