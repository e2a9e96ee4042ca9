"""Rules for the targets of orchestration projects: each intent may hand over to a project, knowledge base or LUIS app.

Targets are looked up when a model is trained or deployed, so that a name that cannot be one is a warning: sample files
carry placeholders there, which a deployment script fills in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.names import is_project_name, shorten
from cluvault.plan.findings import error, warning
from cluvault.plan.vocabulary import ORCHESTRATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluvault.plan.findings import Finding
    from cluvault.plan.rules.subject import Rule, Subject

_MEMBERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "Conversation": ("conversationOrchestration", ("projectName", "deploymentName")),
    "QuestionAnswering": ("questionAnsweringOrchestration", ("projectName",)),
    "Luis": ("luisOrchestration", ("appId",)),
}
"""Target kind → the member that describes the target, and what this member must state."""

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def _targets(subject: Subject) -> Iterator[Finding]:
    for index, intent in enumerate(subject.file.intents):
        if (target := intent.get("orchestration")) is None:
            continue
        pointer = f"/assets/intents/{index}/orchestration"
        if subject.kind == ORCHESTRATION:
            yield from _target_faults(subject, pointer, target)
        else:
            yield error(
                pointer,
                f"intents of {shorten(subject.kind)} projects have no target",
                "remove the member, or correct the project kind",
            )


def _target_faults(subject: Subject, pointer: str, target: Mapping[str, Any]) -> Iterator[Finding]:
    kind: object = target.get("targetProjectKind")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        yield error(
            f"{pointer}/targetProjectKind",
            f"{shorten(str(kind))!r} is no kind of target" if kind else "the target has no kind",
            f"use one of {', '.join(_MEMBERS)}",
        )
        return
    member, names = _MEMBERS[kind]
    details: object = target.get(member)
    if not isinstance(details, dict):
        yield error(f"{pointer}/{member}", "is missing", f"describe the target: {', '.join(names)}")
        return
    for name in names:
        value = cast("Mapping[str, object]", details).get(name)
        if not isinstance(value, str) or not value:
            yield error(f"{pointer}/{member}/{name}", "is missing", "name the target")
        elif not _is_possible(subject, kind, name, value):
            yield warning(
                f"{pointer}/{member}/{name}",
                f"{shorten(value)!r} cannot be the {name} of a target",
                "fill in the real one before the model is trained",
            )


def _is_possible(subject: Subject, kind: str, member: str, value: str) -> bool:
    if kind == "Luis":
        return _UUID.fullmatch(value) is not None
    if kind == "QuestionAnswering":  # its names are another service's; only placeholders are sure to be wrong
        return not value.startswith("<")
    limits = subject.limits
    return is_project_name(
        value, max_length=limits.project_name_length if member == "projectName" else limits.model_name_length
    )


RULES: Final[tuple[Rule, ...]] = (_targets,)
