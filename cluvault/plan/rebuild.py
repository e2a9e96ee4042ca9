"""From the canonical form back to a project file in the current shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.json_text import JsonObject, read_json
from cluvault.model.project_file import UTF16, ProjectFile
from cluvault.plan.entity_form import entity_document
from cluvault.plan.upgrade import CURRENT_VERSION, DESCRIPTIONS_VERSION
from cluvault.plan.utterances import CanonicalUtterance

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.model.project_shape import Document
    from cluvault.plan.canonical import CanonicalForm
_MEMBERS_SINCE_THEN: Final = frozenset({"description", "associatedEntities"})


def rebuild_project_file(form: CanonicalForm, *, name: str) -> ProjectFile:
    """A project file with the meaning of `form` and the project name `name`; its canonical form is `form` again."""
    frame = _levels(form.settings)
    utterances = (CanonicalUtterance.from_line(line) for line in form.utterance_lines)
    content: dict[str, list[JsonObject]] = {
        "intents": list(form.intents.values()),
        "entities": [entity_document(entity) for entity in form.entities.values()],
        "utterances": [utterance.to_document() for utterance in utterances],
        "conversations": [read_json(line, source="canonical line") for line in form.conversation_lines],
    }
    document: JsonObject = {
        "projectFileVersion": _version([*content["intents"], *content["entities"]]),
        "stringIndexType": UTF16,
        "metadata": {"projectName": name} | frame[""] | {"settings": frame["settings"]} | frame["metadata"],
        # An empty list stays out: a kind that does not have the member refuses it.
        "assets": {"projectKind": frame[""]["projectKind"]}
        | {key: items for key, items in content.items() if items}
        | frame["assets"],
    }
    return ProjectFile(cast("Document", document | frame["file"]))


def _levels(settings: Mapping[str, Any]) -> dict[str, JsonObject]:
    """Split `level.name` paths; names without a level are the known metadata."""
    levels: dict[str, JsonObject] = {"": {}, "settings": {}, "metadata": {}, "assets": {}, "file": {}}
    for path, value in settings.items():
        level, dot, name = path.partition(".")
        levels[level if dot else ""][name if dot else path] = value
    return levels


def _version(items: Iterable[JsonObject]) -> str:
    """The first version from the current shape on that knows all members of intents and entities."""
    described = any(not _MEMBERS_SINCE_THEN.isdisjoint(item) for item in items)
    return DESCRIPTIONS_VERSION if described else CURRENT_VERSION
