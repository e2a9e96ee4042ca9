"""From the canonical form back to a project file in the current shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cluvault.model.project_file import UTF16, ProjectFile
from cluvault.plan.upgrade import CURRENT_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_file import Document
    from cluvault.plan.canonical import CanonicalForm
    from cluvault.plan.utterances import CanonicalUtterance


def rebuild_project_file(form: CanonicalForm, utterances: Iterable[CanonicalUtterance], *, name: str) -> ProjectFile:
    """A project file with the meaning of `form`; its utterances come apart because the form holds their digests."""
    frame = _levels(form.settings)
    metadata = {"projectName": name} | frame[""] | {"settings": frame["settings"]} | frame["metadata"]
    assets: JsonObject = {
        "projectKind": frame[""]["projectKind"],
        "intents": list(form.intents.values()),
        "entities": [_entity(entity) for entity in form.entities.values()],
        "utterances": [utterance.to_document() for utterance in utterances],
    } | frame["assets"]
    if form.conversations:
        assets["conversations"] = list(form.conversations)
    document: JsonObject = {
        "projectFileVersion": CURRENT_VERSION,
        "stringIndexType": UTF16,
        "metadata": metadata,
        "assets": assets,
    } | frame["file"]
    return ProjectFile(cast("Document", document))


def _levels(settings: Mapping[str, Any]) -> dict[str, JsonObject]:
    """Split `level.name` paths; names without a level are the known metadata."""
    levels: dict[str, JsonObject] = {"": {}, "settings": {}, "metadata": {}, "assets": {}, "file": {}}
    for path, value in settings.items():
        level, dot, name = path.partition(".")
        levels[level if dot else ""][name if dot else path] = value
    return levels


def _entity(value: JsonObject) -> JsonObject:
    entity = dict(value)
    if "list" in entity:
        entity["list"] = _list(entity["list"])
    if "regex" in entity:
        regex = entity["regex"]
        entity["regex"] = {"expressions": regex.get("expressions", [])} | regex.get("other", {})
    return entity


def _list(value: JsonObject) -> JsonObject:
    sublists: list[JsonObject] = [
        {"listKey": key, "synonyms": [{"language": tag, "values": words} for tag, words in languages.items()]}
        for key, languages in value.get("keys", {}).items()
    ]
    component: JsonObject = {}
    for other in value.get("other", ()):
        place: list[str] = other["at"]
        if not place:
            component |= other["members"]
        elif len(place) == 1:
            sublists.append({"listKey": place[0]} | other["members"])
        else:
            sublists.append({"listKey": place[0], "synonyms": [{"language": place[1]} | other["members"]]})
    return {"sublists": sublists} | component
