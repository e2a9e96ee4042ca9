"""What is known before a promotion is planned: what the target is to hold, what it is now, what came before; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.model.promotion import Promoted, RolledBack, Safety
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.overrides import apply_overrides
from cluvault.plan.upgrade import rename_project

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from cluvault.model.project_file import ProjectFile
    from cluvault.plan.losses import Loss
    from cluvault.plan.promotion import Promotion
    from cluvault.settings import RouteSettings


@dataclass(frozen=True, slots=True)
class Meant:
    """What the target is to hold.

    Attributes:
        file: The source as the target's api-version takes it, with the overrides and the target's name.
        digest: Its canonical digest.
    """

    file: ProjectFile
    digest: str
    changes: tuple[str, ...]
    losses: tuple[Loss, ...]


def meant_file(
    file: ProjectFile, route: RouteSettings, *, project: str, api_version: str, exported_with: str, source: str
) -> Meant:
    """What the target is to hold, made of the source.

    Raises:
        InvalidProjectFile: an older file that cannot be upgraded.
        UsageError: the version has no projects of this kind.
        ConfigurationError: an override does not fit the file.
    """
    fitted = fit_project_file(file, api_version, exported_with=exported_with, source=source)
    changed = rename_project(apply_overrides(fitted.file, route.overrides), project)
    return Meant(changed, canonical_digest(changed), fitted.changes, fitted.losses)


@dataclass(frozen=True, slots=True)
class ModelNow:
    """A trained model of the target."""

    label: str
    trained_at: datetime | None


@dataclass(frozen=True, slots=True)
class TargetNow:
    """The target as it is.

    Attributes:
        kind: The project's kind; None when there is no such project.
        file: What it holds; None when there is no such project.
        deployments: Name → label of its model; "" when that cannot be told.
        config_versions: The training configurations that the resource offers, and the last day of their models.
    """

    kind: str | None
    file: ProjectFile | None
    models: tuple[ModelNow, ...]
    deployments: Mapping[str, str]
    config_versions: Mapping[str, date | None]


@dataclass(frozen=True, slots=True)
class Passed:
    """A promotion that came to its good end.

    Attributes:
        stands: Whether nobody has undone it since.
        model: The model that production served at its end: the new one, or the former one when it was undone.
        digest: What the target held at its end.
        digests: Of its source, and of what it made of that.
    """

    reference: str
    route: str
    stands: bool
    model: str | None
    digest: str | None
    digests: frozenset[str]
    at: datetime


def passed_of(promotion: Promotion) -> Passed | None:
    """What a promotion left behind; None when it never came to its good end."""
    end, safety = promotion.record_of(Promoted), promotion.find(Safety)
    if end is None or safety is None:
        return None
    plan, stands = promotion.plan, not promotion.has(RolledBack)
    return Passed(
        reference=str(promotion.key),
        route=plan.route,
        stands=stands,
        model=promotion.model_label if stands else safety.production,
        digest=plan.meant_digest if stands else safety.digest,
        digests=frozenset({plan.source.digest, plan.meant_digest}),
        at=end.at,
    )


def model_to_remove(models: Sequence[ModelNow], deployed: Collection[str]) -> str | None:
    """The model that makes room for another: trained least recently, and in no deployment. None when there is none."""
    if "" in deployed:
        return None  # one of them has a model that cannot be told: it might be any
    free = [one for one in models if one.label not in deployed]
    oldest = min(free, key=lambda one: (one.trained_at is not None, one.trained_at, one.label), default=None)
    return None if oldest is None else oldest.label
