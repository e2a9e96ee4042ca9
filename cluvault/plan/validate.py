"""Validation of project files against the service's limits and rules: every finding at once, in the file's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cluvault.model.project_file import inspect_project_file
from cluvault.plan.findings import Finding, Severity, error, in_file_order, warning
from cluvault.plan.limits import DOCUMENTED, Limits
from cluvault.plan.rules import RULES
from cluvault.plan.rules.subject import Rule, subject_of
from cluvault.plan.upgrade import inspect_upgrade

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_file import ProjectFile
    from cluvault.model.project_shape import ShapeFault

__all__ = ["DOCUMENTED", "Finding", "Limits", "Severity", "validate_bytes", "validate_project_file"]


def validate_project_file(
    file: ProjectFile, *, limits: Limits = DOCUMENTED, rules: Iterable[Rule] = RULES
) -> tuple[Finding, ...]:
    """Everything that the service would refuse, or that its users would suffer from.

    An older shape is upgraded first, with a warning for each change; pointers then name places of the upgraded file.
    """
    upgrade, faults = inspect_upgrade(file)
    if faults:
        return _shape_findings(file, faults)
    subject = subject_of(upgrade.file, limits)
    findings = (finding for rule in rules for finding in rule(subject))
    document = cast("JsonObject", upgrade.file.document)
    return (*map(_upgraded, upgrade.changes), *in_file_order(document, findings))


def validate_bytes(data: bytes, *, source: str, limits: Limits = DOCUMENTED) -> tuple[Finding, ...]:
    """The same for bytes; where the shape is at fault, the findings say so, and nothing else is looked at.

    Raises:
        InvalidProjectFile: the bytes are no project file at all.
    """
    file, faults = inspect_project_file(data, source=source)
    return _shape_findings(file, faults) if faults else validate_project_file(file, limits=limits)


def _shape_findings(file: ProjectFile, faults: Sequence[ShapeFault]) -> tuple[Finding, ...]:
    mend = "correct or remove the member; the other rules are looked at after that"
    findings = [error(fault.pointer, fault.sentence, mend) for fault in faults]
    return in_file_order(cast("JsonObject", file.document), findings)


def _upgraded(change: str) -> Finding:
    return warning("", f"not in the present shape: {change}", "nothing: cluvault upgrades the file when it imports it")
