"""Old names of members: what the shape of 2021-11-01-preview called things, and what they are called since.

Nothing here trusts the old document's shape: what is no object or array stays as it is, and the shape check of the
renamed document names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.names import shorten
from cluvault.model.project_shape import Assets, Entity, Intent, Label, Metadata, ShapeFault, Utterance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.journal import Journal

OLDEST_SHAPE: Final = "2021-11-01-preview"


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


def rename_old_members(document: JsonObject, shape: str, journal: Journal) -> JsonObject:
    """Give old members their present names; the same object when it has none."""
    if not _TOP.names.keys().isdisjoint(document):
        document = _rename(document, _TOP, "", journal)
    if shape != OLDEST_SHAPE:
        return document
    metadata = _rename(document["metadata"], _METADATA, "/metadata", journal)
    renamed = document | {"metadata": metadata}
    if isinstance(document.get("assets"), dict):
        renamed["assets"] = _rename_assets(document["assets"], journal)
    return renamed


def _rename_assets(assets: JsonObject, journal: Journal) -> JsonObject:
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
    shown = old.get("displayName")
    name = shown or (f"{old['semanticType']}{subtype}" if old.get("semanticType") else shown)
    if name is None:
        return old
    kept = {key: item for key, item in old.items() if key not in ("displayName", "semanticType", "semanticSubtype")}
    return {"category": name} | kept


def _rename(fields: JsonObject, place: _Place, pointer: str, journal: Journal) -> JsonObject:
    """A copy with present names, at the old ones' positions, and without nulls in known members."""
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
