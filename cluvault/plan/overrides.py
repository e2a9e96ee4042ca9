"""What is another in the target environment, applied to a project file; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.errors import ConfigurationError
from cluvault.model.names import shorten
from cluvault.model.project_file import ProjectFile

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_shape import Document
    from cluvault.settings import OverrideSettings, TargetSettings

_MEMBERS: Final = {
    "conversation": "conversationOrchestration",
    "questionanswering": "questionAnsweringOrchestration",
    "luis": "luisOrchestration",
}
_DEPLOYED: Final = "conversationOrchestration"


def apply_overrides(file: ProjectFile, overrides: OverrideSettings) -> ProjectFile:
    """The same project file with the overrides of a route; the input stays as it is.

    Args:
        file: In the current shape.
        overrides: What to set. What is not named stays.

    Raises:
        ConfigurationError: an override names an intent that is not there, or that leads to nothing it could set.
    """
    document = cast("JsonObject", file.document)
    metadata: JsonObject = document["metadata"]
    if overrides.description is not None:
        metadata = metadata | {"description": overrides.description}
    if overrides.settings:
        metadata = metadata | {"settings": (metadata.get("settings") or {}) | overrides.settings}
    changed = document | {"metadata": metadata}
    if overrides.targets:
        changed |= {"assets": _retargeted(document.get("assets") or {}, overrides.targets)}
    return ProjectFile(cast("Document", changed), file.shape)


def _retargeted(assets: JsonObject, targets: dict[str, TargetSettings]) -> JsonObject:
    intents: list[JsonObject] = assets.get("intents") or []
    names = {intent["category"] for intent in intents}
    for name in targets:
        if name not in names:
            raise _cannot(name, "the project has no such intent")
    return assets | {
        "intents": [
            _led_to(intent, targets[intent["category"]]) if intent["category"] in targets else intent
            for intent in intents
        ]
    }


def _led_to(intent: JsonObject, target: TargetSettings) -> JsonObject:
    orchestration: JsonObject = intent.get("orchestration") or {}
    member = _MEMBERS.get(str(orchestration.get("targetProjectKind", "")).lower(), "")
    details: Any = orchestration.get(member)
    if not isinstance(details, dict):
        raise _cannot(intent["category"], "the intent leads to no project")
    if target.deployment is not None and member != _DEPLOYED:
        raise _cannot(intent["category"], "what it leads to has no deployments")
    said = {"projectName": target.project, "deploymentName": target.deployment}
    new = cast("JsonObject", details) | {name: value for name, value in said.items() if value is not None}
    return intent | {"orchestration": orchestration | {member: new}}


def _cannot(intent: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"overrides.targets: {shorten(intent)!r}: {why}", mend="correct the route")
