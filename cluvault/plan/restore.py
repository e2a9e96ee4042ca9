"""Deciding a restore: where the project goes, and whether something stands there already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from cluvault.errors import ProjectExists, UsageError
from cluvault.model.names import MAX_NAME_LENGTH, check_project_name

if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from datetime import datetime

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.losses import Loss


class IfExists(StrEnum):
    """What to do when the target project exists."""

    FAIL = "fail"
    REPLACE = "replace"
    RENAME = "rename"


@dataclass(frozen=True, slots=True)
class RestorePlan:
    """Where a project file goes.

    Attributes:
        replaces: Whether a project stands there, whose content is kept first.
        api_version: The version that imports it.
        notes: What the user should know: how the file was upgraded, which version is missing.
        losses: What the project will lack.
    """

    source: str
    resource: str
    project: str
    replaces: bool
    api_version: str = ""
    notes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        verb = "replace" if self.replaces else "create"
        return f"{verb} {self.resource}/{self.project} from {self.source}"

    def to_json(self) -> JsonObject:
        """The plan for programs."""
        return {
            "resource": self.resource,
            "project": self.project,
            "source": self.source,
            "replaces": self.replaces,
            "apiVersion": self.api_version,
            "notes": list(self.notes),
            "losses": [loss.to_json() for loss in self.losses],
        }


def plan_restore(
    *,
    source: str,
    kind: str,
    resource: str,
    wanted: str,
    existing: Mapping[str, str],
    if_exists: IfExists,
    now: datetime,
    api_version: str = "",
    notes: tuple[str, ...] = (),
    losses: tuple[Loss, ...] = (),
) -> RestorePlan:
    """Decide where a project file goes.

    Args:
        source: How messages name the project file.
        kind: Its project kind.
        resource: The target resource.
        wanted: The project name that the user or the file gives.
        existing: The target's projects with their kinds.
        if_exists: What to do when `wanted` is among them.
        now: For the name of a renamed copy.
        api_version: The version that imports it.
        notes: What the user should know, for the plan.
        losses: What the project will lack, for the plan.

    Raises:
        ProjectExists: it exists, and neither replace nor rename was asked for.
        UsageError: the name is not allowed, or the existing project is of another kind.
    """
    if not wanted:
        raise UsageError(f"{source} names no project", mend="name one: --to RESOURCE/PROJECT")
    check_project_name(wanted)
    where = f"{resource}/{wanted}"
    plan = partial(RestorePlan, source, resource, api_version=api_version, notes=notes, losses=losses)
    if wanted not in existing or if_exists is IfExists.RENAME:
        project = free_name(wanted, existing, now=now)
        return plan(project, replaces=False)
    if if_exists is IfExists.FAIL:
        raise ProjectExists(
            f"{where} exists already, nothing was changed",
            mend="add --if-exists replace (its present content is kept first) or --if-exists rename",
        )
    if existing[wanted].lower() != kind.lower():
        raise UsageError(
            f"{where} is of kind {existing[wanted]}, {source} of kind {kind}: the service cannot change a kind",
            mend="restore under another name",
        )
    return plan(wanted, replaces=True)


def free_name(name: str, taken: Container[str], *, now: datetime) -> str:
    """The name itself, or one like it that tells where it comes from, fits the service's limit and is not taken."""
    candidate, attempt = name, 0
    while candidate in taken:
        attempt += 1
        suffix = f"-restored-{now:%Y%m%d}" + (f"-{attempt}" if attempt > 1 else "")
        candidate = name[: MAX_NAME_LENGTH - len(suffix)] + suffix
    return candidate
