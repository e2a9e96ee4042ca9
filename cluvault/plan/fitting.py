"""Making a project file one that a given api-version imports: upgraded in its shape, downgraded in its content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.plan.downgrade import downgrade_project_file
from cluvault.plan.upgrade import upgrade_project_file

if TYPE_CHECKING:
    from cluvault.model.project_file import ProjectFile
    from cluvault.plan.losses import Loss


@dataclass(frozen=True, slots=True)
class FittedFile:
    """A project file that an api-version imports.

    Attributes:
        file: The very object that came in when there was nothing to do.
        changes: What is said in another way, a sentence each.
        losses: What is no longer said.
    """

    file: ProjectFile
    changes: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()


def fit_project_file(file: ProjectFile, version: str, *, exported_with: str = "", source: str) -> FittedFile:
    """Fit a project file to the version that is to import it; one that exported it takes it as it is.

    Raises:
        InvalidProjectFile: an older file that cannot be upgraded.
        UsageError: the version has no projects of this kind.
    """
    upgrade = upgrade_project_file(file, source=source)
    if version == exported_with:
        return FittedFile(upgrade.file, upgrade.changes)
    downgrade = downgrade_project_file(upgrade.file, version, source=source)
    return FittedFile(downgrade.file, upgrade.changes, downgrade.losses)
