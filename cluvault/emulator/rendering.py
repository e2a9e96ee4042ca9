"""From an import's document to stored content, and from stored content to the bytes of an export."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from cluvault.emulator.records import Content, Metadata, ProjectKind, Settings
from cluvault.emulator.shapes import CONVERSATION, ORCHESTRATION, SUMMARIZATION
from cluvault.emulator.spans import UTF16, convert_span

if TYPE_CHECKING:
    from decimal import Decimal

    from cluvault.emulator.records import ExportWork
    from cluvault.emulator.versions import ApiVersion

_PARTS: Final = {
    CONVERSATION: ("intents", "entities", "utterances"),
    ORCHESTRATION: ("intents", "utterances"),
    SUMMARIZATION: ("conversations",),
}
_NONE_INTENT: Final = {"category": "None"}


# --- metadata ------------------------------------------------------------------------------------------------------


def metadata_of(document: dict[str, Any], *, name: str) -> Metadata:
    """The metadata of a project file, under the name that the URL gives the project."""
    return Metadata(
        kind=document["projectKind"],
        name=name,
        language=document["language"],
        multilingual=document.get("multilingual", False),
        description=document.get("description"),
        settings=settings_of(document.get("settings", {})),
        container=document.get("storageInputContainerName"),
    )


def settings_of(document: dict[str, Any]) -> Settings:
    """Settings with the service's defaults for what is absent or null."""
    given = {name: value for name, value in document.items() if value is not None}
    return Settings(
        given.get("confidenceThreshold", Settings().confidence_threshold),
        given.get("normalizeCasing", False),
        given.get("augmentDiacritics", False),
    )


def metadata_to_wire(metadata: Metadata) -> dict[str, Any]:
    """Metadata as answers and exports have it, in the service's order; members without a value are left out."""
    wire: dict[str, Any] = {"projectKind": metadata.kind}
    if (settings := metadata.settings) is not None:
        wire["settings"] = {
            "confidenceThreshold": settings.confidence_threshold,
            "normalizeCasing": settings.normalize_casing,
            "augmentDiacritics": settings.augment_diacritics,
        }
    wire["projectName"] = metadata.name
    if metadata.container is not None:
        wire["storageInputContainerName"] = metadata.container
    wire["multilingual"] = metadata.multilingual
    if metadata.description is not None:
        wire["description"] = metadata.description
    wire["language"] = metadata.language
    return wire


def to_json(value: object) -> bytes:
    """Compact JSON; decimals keep their digits."""
    return orjson.dumps(value, default=_spelling)


def _spelling(value: Decimal) -> orjson.Fragment:
    return orjson.Fragment(str(value))


# --- content -------------------------------------------------------------------------------------------------------


def empty_content(kind: ProjectKind) -> Content:
    """The content of a project that was created and never imported."""
    return content_of({"projectKind": kind}, language="", index_type=UTF16)


def content_of(assets: dict[str, Any], *, language: str, index_type: str) -> Content:
    """Store the assets of a checked project file as the service keeps them: every default filled in, UTF-16 offsets."""
    kind: str = assets["projectKind"]
    parts = tuple((name, orjson.dumps(_part(name, assets, language, index_type))) for name in _PARTS[kind])
    digest = hashlib.sha256(kind.encode())
    for _, part in parts:
        digest.update(part)
    return Content(digest.hexdigest(), parts)


def _part(name: str, assets: dict[str, Any], language: str, index_type: str) -> list[Any]:
    items: list[dict[str, Any]] = assets.get(name, [])
    if name == "intents":
        return items if any(item["category"] == "None" for item in items) else [_NONE_INTENT, *items]
    if name == "entities":
        return [_entity(item) for item in items]
    if name == "utterances":
        has_labels = assets["projectKind"] == CONVERSATION
        return [_utterance(item, language, index_type, has_labels=has_labels) for item in items]
    return items


def _entity(entity: dict[str, Any]) -> dict[str, Any]:
    described = {name: entity[name] for name in ("category", "description") if name in entity}
    setting = {"compositionSetting": entity.get("compositionSetting", "combineComponents")}
    return described | setting | entity


def _utterance(utterance: dict[str, Any], language: str, index_type: str, *, has_labels: bool) -> dict[str, Any]:
    full: dict[str, Any] = {
        "text": utterance["text"],
        "language": utterance.get("language", language),
        "intent": utterance["intent"],
    }
    if has_labels:
        labels = utterance.get("entities", [])
        full["entities"] = (
            labels if index_type == UTF16 else _convert(labels, utterance["text"], source=index_type, target=UTF16)
        )
    full["dataset"] = utterance.get("dataset", "Train")
    return full


def _convert(labels: list[dict[str, Any]], text: str, *, source: str, target: str) -> list[dict[str, Any]]:
    spans = (convert_span(text, label["offset"], label["length"], source=source, target=target) for label in labels)
    return [
        {"category": label["category"], "offset": offset, "length": length}
        for label, (offset, length) in zip(labels, spans, strict=True)
    ]


# --- exports -------------------------------------------------------------------------------------------------------


def project_file(work: ExportWork, version: ApiVersion) -> bytes:
    """The bytes of an export as a version writes it: members that it does not know are left out."""
    snapshot = work.snapshot
    head = {
        "projectFileVersion": version.name,
        "stringIndexType": work.string_index_type,
        "metadata": _metadata_for_version(snapshot.metadata, version),
    }
    kind = to_json(snapshot.metadata.kind)
    parts = b"".join(
        b',"%b":%b' % (name.encode(), _for_version(name, part, version, work.string_index_type))
        for name, part in snapshot.content.parts
    )
    return b'%b,"assets":{"projectKind":%b%b}}' % (to_json(head)[:-1], kind, parts)


def _metadata_for_version(metadata: Metadata, version: ApiVersion) -> dict[str, Any]:
    wire = metadata_to_wire(metadata)
    if "settings" in wire and not version.regex:
        wire["settings"] = {"confidenceThreshold": wire["settings"]["confidenceThreshold"]}
    return wire


def _for_version(name: str, part: bytes, version: ApiVersion, index_type: str) -> bytes:
    if name == "utterances":
        return part if index_type == UTF16 else _with_index_type(part, index_type)
    unknown = _unknown_members(version)
    if not any(b'"%b":' % member.encode() in part for member in unknown):
        return part
    items: list[dict[str, Any]] = orjson.loads(part)
    return orjson.dumps([{key: value for key, value in item.items() if key not in unknown} for item in items])


def _unknown_members(version: ApiVersion) -> frozenset[str]:
    """The members of intents and entities that came after a version."""
    described = frozenset[str]() if version.descriptions else frozenset({"description", "associatedEntities"})
    return described if version.regex else described | {"regex", "requiredComponents"}


def _with_index_type(part: bytes, index_type: str) -> bytes:
    utterances: list[dict[str, Any]] = orjson.loads(part)
    return orjson.dumps(
        [
            utterance
            | {"entities": _convert(utterance["entities"], utterance["text"], source=UTF16, target=index_type)}
            if "entities" in utterance
            else utterance
            for utterance in utterances
        ]
    )
