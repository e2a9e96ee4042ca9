"""Upgrade of older project files to the current shape, with a list of what was changed; pure.

First the old names get their present ones, then the shape is checked, then values get the service's present spelling.
Only what changes is copied, and along its path only: a current file costs one look at each utterance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from cluvault.errors import InvalidProjectFile
from cluvault.model.project_file import UTF16, ProjectFile
from cluvault.model.project_shape import Document, ShapeFault, shape_faults
from cluvault.plan.journal import Journal
from cluvault.plan.old_names import OLDEST_SHAPE, rename_old_members
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
    from collections.abc import Mapping

    from cluvault.model.json_text import JsonObject

CURRENT_VERSION: Final = "2023-04-01"
"""The version that an upgraded file states: GA, and the first with every member that the older shapes had."""
DESCRIPTIONS_VERSION: Final = "2025-05-15-preview"
"""The first version whose intents and entities have descriptions; a file that has any states it."""

_FIRST_CURRENT_VERSION: Final = "2022-05-01"
_VERSION: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?")
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
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidProjectFile(f"{source}: no upgrade, at {faults[0].pointer}: {faults[0].sentence}{more}")
    return upgrade


def inspect_upgrade(file: ProjectFile) -> tuple[Upgrade, list[ShapeFault]]:
    """Upgrade a file, with everything that stands against it; use the result only without faults."""
    journal = Journal()
    document = cast("JsonObject", file.document)
    renamed = rename_old_members(document, file.shape, journal)
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
    names = {"name", "projectName"} & metadata.keys() if file.shape == OLDEST_SHAPE else set[str]()
    renamed = metadata | dict.fromkeys(names or {"projectName"}, name)
    return ProjectFile(cast("Document", cast("JsonObject", file.document) | {"metadata": renamed}), file.shape)


# --- values --------------------------------------------------------------------------------------------------------


def _mend_document(document: JsonObject, journal: Journal) -> JsonObject:
    """Fill in what every current file states, and spell values as the service does; the shape is right already."""
    version, index_type = document.get("projectFileVersion"), document.get("stringIndexType")
    head = {
        "projectFileVersion": _mend_version(version, journal),
        "stringIndexType": _mend_value(index_type, STRING_INDEX_TYPES, "/stringIndexType", journal, default=UTF16),
    }
    metadata = _mend_metadata(document["metadata"], journal)
    body = {"metadata": metadata}
    if document.get("assets") is not None:
        body["assets"] = _mend_assets(document["assets"], metadata["projectKind"], journal)
    if all(document.get(key) is value for key, value in (head | body).items()):
        return document
    return head | document | head | body  # a missing head comes first, as in the service's exports


def _mend_version(version: str | None, journal: Journal) -> str:
    if not version:
        journal.note(f"/projectFileVersion added: {CURRENT_VERSION}")
        return CURRENT_VERSION
    if _VERSION.fullmatch(version) and version < _FIRST_CURRENT_VERSION:
        journal.note(f"/projectFileVersion {version} written as {CURRENT_VERSION}")
        return CURRENT_VERSION
    return version


def _mend_value(value: str | None, known: Mapping[str, str], pointer: str, journal: Journal, *, default: str) -> str:
    if not value:
        journal.note(f"{pointer} added: {default}")
        return default
    return _spell(value, known, pointer, journal)


def _spell(value: str, known: Mapping[str, str], name: str, journal: Journal, noun: str = "") -> str:
    """The value itself when it is spelt right or unknown."""
    right = spelt(value, known)
    if right == value:
        return value
    journal.note(f"{name} {value!r} written as {right!r}", noun)
    return right


def _mend_metadata(metadata: JsonObject, journal: Journal) -> JsonObject:
    kind, flag = metadata["projectKind"], metadata.get("multilingual")
    changed: JsonObject = {}
    if (right := _spell(kind, PROJECT_KINDS, "/metadata/projectKind", journal)) is not kind:
        changed["projectKind"] = right
    if isinstance(flag, str):
        changed["multilingual"] = _FLAGS[flag.lower()]
        journal.note(f"/metadata/multilingual {flag!r} written as {flag.lower()}")
    return metadata | changed if changed else metadata


def _mend_assets(assets: JsonObject, project_kind: str, journal: Journal) -> JsonObject:
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


def _mend_intent(intent: JsonObject, noun: str, journal: Journal) -> JsonObject:
    target: JsonObject = intent.get("orchestration") or {}
    kind = target.get("targetProjectKind")
    if not isinstance(kind, str) or (right := _spell(kind, TARGET_KINDS, "targetProjectKind", journal, noun)) is kind:
        return intent
    return intent | {"orchestration": target | {"targetProjectKind": right}}


def _mend_entity(entity: JsonObject, noun: str, journal: Journal) -> JsonObject:
    changed: JsonObject = {}
    setting: str = entity.get("compositionSetting") or ""
    if (right := _spell(setting, COMPOSITION_SETTINGS, "compositionSetting", journal, noun)) is not setting:
        changed["compositionSetting"] = right
    required: list[str] = entity.get("requiredComponents") or []
    if any(spelt(name, COMPONENTS) != name for name in required):
        spelt_right = [_spell(name, COMPONENTS, "requiredComponents", journal, noun) for name in required]
        changed["requiredComponents"] = spelt_right
    return entity | changed if changed else entity


def _mend_dataset(item: JsonObject, noun: str, journal: Journal) -> JsonObject:
    dataset: str = item.get("dataset") or ""
    right = _spell(dataset, DATASETS, "dataset", journal, noun)
    return item if right is dataset else item | {"dataset": right}
