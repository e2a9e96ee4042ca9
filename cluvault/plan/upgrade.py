"""Upgrade of older project files to the current shape, with a list of what was changed; pure.

First the old names get their present ones, then the shape is checked, then values get the service's present spelling.
Only what changes is copied, and along its path only: a current file costs one look at each utterance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # dataclass fields are evaluated
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.errors import InvalidProjectFile
from cluvault.model.names import shorten
from cluvault.model.project_file import (
    UTF16,
    Assets,
    Document,
    Entity,
    Intent,
    Label,
    Metadata,
    ProjectFile,
    ShapeFault,
    Utterance,
    shape_faults,
)
from cluvault.plan.vocabulary import (
    COMPONENTS,
    COMPOSITION_SETTINGS,
    DATASETS,
    PROJECT_KINDS,
    STRING_INDEX_TYPES,
    TARGET_KINDS,
    spelt,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject

CURRENT_VERSION: Final = "2023-04-01"
"""The version that an upgraded file states: GA, and the first with every member that the older shapes had."""

_FIRST_CURRENT_VERSION: Final = "2022-05-01"
_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_2021: Final = "2021-11-01-preview"
_FLAGS: Final[Mapping[object, bool]] = {"true": True, "false": False}
_PLAIN_DATASETS: Final = frozenset({None, *DATASETS.values()})


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A project file in the current shape.

    Attributes:
        file: The upgraded file; the very object that came in when there was nothing to do.
        changes: What was changed, a sentence each, with JSON pointers or counts.
    """

    file: ProjectFile
    changes: tuple[str, ...]


def upgrade_project_file(file: ProjectFile, *, source: str = "project file") -> Upgrade:
    """Bring a project file into the current shape; unknown members are kept, the input stays as it is.

    Raises:
        InvalidProjectFile: an old and a new name say different things, or what comes out has not the current shape.
    """
    upgrade, faults = inspect_upgrade(file)
    if faults:
        raise InvalidProjectFile(
            f"{source}: upgraded to {CURRENT_VERSION}, at {faults[0].pointer}: {faults[0].sentence}"
        )
    return upgrade


def inspect_upgrade(file: ProjectFile) -> tuple[Upgrade, list[ShapeFault]]:
    """Upgrade a file, with everything that stands against it; use the result only without faults."""
    journal = _Journal()
    document = cast("JsonObject", file.document)
    renamed = _rename_all(document, file.shape, journal)
    faults = journal.contradictions + (shape_faults(renamed) if renamed is not document else [])
    if faults:
        return Upgrade(file, ()), faults
    result = _mend_document(renamed, journal)
    if result is document and file.shape == "current":
        return Upgrade(file, ()), []
    return Upgrade(ProjectFile(cast("Document", result)), journal.sentences()), []


def rename_project(file: ProjectFile, name: str) -> ProjectFile:
    """The same project file under another project name; the input stays as it is."""
    metadata = cast("JsonObject", file.metadata)
    names = {"name", "projectName"} & metadata.keys() if file.shape == _2021 else set[str]()
    renamed = metadata | dict.fromkeys(names or {"projectName"}, name)
    return ProjectFile(cast("Document", cast("JsonObject", file.document) | {"metadata": renamed}), file.shape)


@dataclass(slots=True)
class _Journal:
    """Collects what was changed; equal changes in many places become one sentence with their number."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    contradictions: list[ShapeFault] = field(default_factory=list[ShapeFault])

    def note(self, sentence: str, noun: str = "") -> None:
        """Note a change; with a noun it is one of those that are counted."""
        self.counts[sentence, noun] = self.counts.get((sentence, noun), 0) + 1

    def sentences(self) -> tuple[str, ...]:
        return tuple(
            f"{sentence} on {count} {_plural(noun, count)}" if noun else sentence
            for (sentence, noun), count in self.counts.items()
        )


def _plural(noun: str, count: int) -> str:
    if count == 1:
        return noun
    return f"{noun.removesuffix('y')}ies" if noun.endswith("y") else f"{noun}s"


# --- names ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A kind of object in the 2021 shape: its old names, its known members, and what to call it in a sentence."""

    names: Mapping[str, str]
    members: frozenset[str]
    noun: str = ""


_TOP: Final = _Place({"api-version": "projectFileVersion"}, frozenset({"projectFileVersion"}))
_METADATA: Final = _Place({"name": "projectName", "type": "projectKind"}, frozenset(Metadata.__annotations__))
_ASSETS: Final = _Place({"examples": "utterances"}, frozenset(Assets.__annotations__))
_INTENT: Final = _Place({"name": "category"}, frozenset(Intent.__annotations__), "intent")
_ENTITY: Final = _Place(
    {"name": "category", "prebuiltEntities": "prebuilts"}, frozenset(Entity.__annotations__), "entity"
)
_UTTERANCE: Final = _Place({}, frozenset(Utterance.__annotations__), "utterance")
_LABEL: Final = _Place({"entityName": "category"}, frozenset(Label.__annotations__), "label")


def _rename_all(document: JsonObject, shape: str, journal: _Journal) -> JsonObject:
    """Give old members their present names; the same object when it has none."""
    if not _TOP.names.keys().isdisjoint(document):
        document = _rename(document, _TOP, "", journal)
    if shape != _2021:
        return document
    metadata = _rename(document["metadata"], _METADATA, "/metadata", journal)
    renamed = document | {"metadata": metadata}
    if isinstance(document.get("assets"), dict):
        renamed["assets"] = _rename_assets(document["assets"], journal)
    return renamed


def _rename_assets(assets: JsonObject, journal: _Journal) -> JsonObject:
    def intent(item: JsonObject, pointer: str) -> JsonObject:
        return _rename(item, _INTENT, pointer, journal)

    def entity(item: JsonObject, pointer: str) -> JsonObject:
        if isinstance(item.get("prebuiltEntities"), list):
            item = item | {"prebuiltEntities": [_prebuilt(prebuilt) for prebuilt in item["prebuiltEntities"]]}
        return _rename(item, _ENTITY, pointer, journal)

    def label(item: JsonObject, pointer: str) -> JsonObject:
        return _rename(item, _LABEL, pointer, journal)

    def utterance(item: JsonObject, pointer: str) -> JsonObject:
        labelled = item | _each(item, "entities", pointer, label)
        return _rename(labelled, _UTTERANCE, pointer, journal)

    converted = assets
    for key, convert in (("intents", intent), ("entities", entity), ("examples", utterance), ("utterances", utterance)):
        converted = converted | _each(converted, key, "/assets", convert)
    return _rename(converted, _ASSETS, "/assets", journal)


def _each(
    value: JsonObject, key: str, pointer: str, convert: Callable[[JsonObject, str], JsonObject]
) -> dict[str, list[Any]]:
    """The objects of the array at `key` converted; nothing when there is no array. Other items are left as faults."""
    items: object = value.get(key)
    if not isinstance(items, list):
        return {}
    return {
        key: [
            convert(cast("JsonObject", item), f"{pointer}/{key}/{index}") if isinstance(item, dict) else item
            for index, item in enumerate(cast("list[object]", items))
        ]
    }


def _prebuilt(value: object) -> object:
    """`{displayName, semanticType, semanticSubtype}` → `{category}`; other members are kept."""
    if not isinstance(value, dict):
        return value
    old = cast("JsonObject", value)
    subtype = f".{old['semanticSubtype']}" if old.get("semanticSubtype") else ""
    name = old.get("displayName") or (f"{old['semanticType']}{subtype}" if old.get("semanticType") else None)
    if name is None:
        return old
    kept = {key: item for key, item in old.items() if key not in ("displayName", "semanticType", "semanticSubtype")}
    return {"category": name} | kept


def _rename(value: Any, place: _Place, pointer: str, journal: _Journal) -> Any:
    """A copy with present names, at the old ones' positions, and without nulls in known members."""
    if not isinstance(value, dict):
        return value
    fields = cast("JsonObject", value)
    for old, new in place.names.items():
        if fields.get(old) is None:
            continue
        if fields.get(new) not in (None, fields[old]):
            journal.contradictions.append(_contradiction(fields, f"{pointer}/{old}", f"{pointer}/{new}"))
        journal.note(f"{_path(pointer, old, place)} renamed to {_path(pointer, new, place)}", place.noun)
    result: JsonObject = {}
    for key, item in fields.items():
        name = place.names.get(key, key)
        if item is None and (key in place.names or key in place.members):
            journal.note(f"null removed from {_path(pointer, key, place)}", place.noun)
        elif name not in result:
            result[name] = item
    return result


def _path(pointer: str, key: str, place: _Place) -> str:
    return repr(key) if place.noun else f"{pointer}/{key}"


def _contradiction(fields: JsonObject, old: str, new: str) -> ShapeFault:
    said, meant = (shorten(repr(fields[pointer.rpartition("/")[2]]), 40) for pointer in (old, new))
    return ShapeFault(old, f"is an old name of {new} but says {said}, not {meant}; keep one of the two")


# --- values --------------------------------------------------------------------------------------------------------


def _mend_document(document: JsonObject, journal: _Journal) -> JsonObject:
    """Fill in what every current file states, and spell values as the service does; the shape is right already."""
    version, index_type = document.get("projectFileVersion"), document.get("stringIndexType")
    metadata = _mend_metadata(document["metadata"], journal)
    head = {
        "projectFileVersion": _mend_version(version, journal),
        "stringIndexType": _mend_value(index_type, STRING_INDEX_TYPES, "/stringIndexType", journal, default=UTF16),
    }
    body = {"metadata": metadata}
    if document.get("assets") is not None:
        body["assets"] = _mend_assets(document["assets"], metadata["projectKind"], journal)
    if all(document.get(key) is value for key, value in (head | body).items()):
        return document
    return head | document | head | body  # a missing head comes first, as in the service's exports


def _mend_version(version: str | None, journal: _Journal) -> str:
    if not version:
        journal.note(f"/projectFileVersion added: {CURRENT_VERSION}")
        return CURRENT_VERSION
    if _VERSION.fullmatch(version) and version < _FIRST_CURRENT_VERSION:
        journal.note(f"/projectFileVersion {version} written as {CURRENT_VERSION}")
        return CURRENT_VERSION
    return version


def _mend_value(value: str | None, known: Mapping[str, str], pointer: str, journal: _Journal, *, default: str) -> str:
    if not value:
        journal.note(f"{pointer} added: {default}")
        return default
    return _spell(value, known, pointer, journal)


def _spell(value: str, known: Mapping[str, str], name: str, journal: _Journal, noun: str = "") -> str:
    """The value itself when it is spelt right or unknown."""
    right = spelt(value, known)
    if right == value:
        return value
    journal.note(f"{name} {value!r} written as {right!r}", noun)
    return right


def _mend_metadata(metadata: JsonObject, journal: _Journal) -> JsonObject:
    kind, flag = metadata["projectKind"], metadata.get("multilingual")
    changed: JsonObject = {}
    if (right := _spell(kind, PROJECT_KINDS, "/metadata/projectKind", journal)) is not kind:
        changed["projectKind"] = right
    if isinstance(flag, str):
        changed["multilingual"] = _FLAGS[flag.lower()]
        journal.note(f"/metadata/multilingual {flag!r} written as {flag.lower()}")
    return metadata | changed if changed else metadata


def _mend_assets(assets: JsonObject, project_kind: str, journal: _Journal) -> JsonObject:
    kind = _mend_value(assets.get("projectKind"), PROJECT_KINDS, "/assets/projectKind", journal, default=project_kind)
    changed: JsonObject = {} if kind is assets.get("projectKind") else {"projectKind": kind}
    for key, noun, mend in (
        ("intents", "intent", _mend_intent),
        ("entities", "entity", _mend_entity),
        ("utterances", "utterance", _mend_dataset),
        ("conversations", "conversation", _mend_dataset),
    ):
        items: list[JsonObject] = assets.get(key) or []
        if mend is _mend_dataset and all(item.get("dataset") in _PLAIN_DATASETS for item in items):
            continue  # this one look is all that a current file's utterances cost
        mended = [mend(item, noun, journal) for item in items]
        if any(new is not old for new, old in zip(mended, items, strict=True)):
            changed[key] = mended
    if not changed:
        return assets
    return {"projectKind": kind} | assets | changed


def _mend_intent(intent: JsonObject, noun: str, journal: _Journal) -> JsonObject:
    target: JsonObject = intent.get("orchestration") or {}
    kind = target.get("targetProjectKind")
    if not isinstance(kind, str) or (right := _spell(kind, TARGET_KINDS, "targetProjectKind", journal, noun)) is kind:
        return intent
    return intent | {"orchestration": target | {"targetProjectKind": right}}


def _mend_entity(entity: JsonObject, noun: str, journal: _Journal) -> JsonObject:
    changed: JsonObject = {}
    setting: str = entity.get("compositionSetting") or ""
    if (right := _spell(setting, COMPOSITION_SETTINGS, "compositionSetting", journal, noun)) is not setting:
        changed["compositionSetting"] = right
    required: list[str] = entity.get("requiredComponents") or []
    if any(spelt(name, COMPONENTS) != name for name in required):
        spelt_right = [_spell(name, COMPONENTS, "requiredComponents", journal, noun) for name in required]
        changed["requiredComponents"] = spelt_right
    return entity | changed if changed else entity


def _mend_dataset(item: JsonObject, noun: str, journal: _Journal) -> JsonObject:
    dataset: str = item.get("dataset") or ""
    right = _spell(dataset, DATASETS, "dataset", journal, noun)
    return item if right is dataset else item | {"dataset": right}
