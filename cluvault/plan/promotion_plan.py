"""The plan of a promotion: what the target will hold, what that changes, what warns, what refuses; pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from cluvault.errors import GuardRefused, UsageError
from cluvault.model.manifest import refuse_newer_format
from cluvault.model.promotion import PlannedTarget, Promoted, PromotionPlan, RolledBack, Safety
from cluvault.model.record_text import record_bytes
from cluvault.plan.blast_radius import blast_radius, changed_share
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.diff import diff_project_files
from cluvault.plan.diff_report import summary
from cluvault.plan.findings import Severity
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.overrides import apply_overrides
from cluvault.plan.promotion import label_prefix
from cluvault.plan.upgrade import rename_project
from cluvault.plan.validate import validate_project_file
from cluvault.plan.vocabulary import SUMMARIZATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from cluvault.model.golden import GoldenUtterance
    from cluvault.model.project_file import ProjectFile
    from cluvault.model.promotion import PlannedSource
    from cluvault.plan.diff import ProjectDiff
    from cluvault.plan.losses import Loss
    from cluvault.plan.promotion import Promotion
    from cluvault.settings import RouteSettings

_NEAR: Final = timedelta(days=30)
_MOST_FINDINGS: Final = 5


# --- what is known beforehand --------------------------------------------------------------------------------------


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


@dataclass(frozen=True, slots=True)
class PlannedPromotion:
    """A plan, and the difference that it makes at the target; None for a new project."""

    plan: PromotionPlan
    difference: ProjectDiff | None


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


# --- the plan ------------------------------------------------------------------------------------------------------


def plan_promotion(
    *,
    route_name: str,
    route: RouteSettings,
    source: PlannedSource,
    meant: Meant,
    target: TargetNow,
    api_version: str,
    golden: tuple[GoldenUtterance, ...] | None,
    last: Passed | None,
    before: Sequence[Passed],
    under_way: Sequence[Promotion] = (),
    worker: str = "",
    accept_drift: bool = False,
    allow_loss: bool = False,
    now: datetime,
    by: str,
) -> PlannedPromotion:
    """Decide a promotion.

    Args:
        route_name: The route.
        route: Its settings.
        source: What is promoted.
        meant: What the target is to hold.
        target: The target as it is.
        api_version: The version that imports it.
        golden: The golden utterances.
        last: The last promotion to the target.
        before: The promotions to the target of the route which comes before this one.
        under_way: Promotions to the target that have changed it and have not ended.
        worker: Who works on the target just now, in a sentence; empty when nobody does.
        accept_drift: Whether edits made at the target directly may be replaced.
        allow_loss: Whether losses that change what is trained are accepted.
        now: The present instant.
        by: Who asks.
    """
    digest = None if target.file is None else canonical_digest(target.file)
    difference = None if target.file is None else diff_project_files(target.file, meant.file)
    production = target.deployments.get(route.deploy.production)
    planned_target = PlannedTarget(
        resource=route.target,
        project=route.target_project(source.project),
        digest=digest,
        production=production,
        staging=target.deployments.get(route.deploy.staging),
    )
    share = changed_share(difference, target.file) if difference is not None and target.file is not None else None
    language = meant.file.metadata["language"]
    refusals = (
        *(_under_way(one, worker) for one in under_way),
        *_drift(
            last, planned_target, meant.digest, look=f"{route_name} --project {source.project}", accepted=accept_drift
        ),
        *_stage(route, before, {source.digest, meant.digest}, now),
        *_losses(meant.losses, allowed=allow_loss),
        *_kind(meant.file.metadata["projectKind"], target.kind),
        *_language(language, route),
        *_share(share, route),
        *_slots(planned_target, route),
        *_full(target, route),
    )
    plan = PromotionPlan(
        route=route_name,
        settings=route,
        source=source,
        target=planned_target,
        kind=meant.file.metadata["projectKind"],
        language=language,
        meant_digest=meant.digest,
        api_version=api_version,
        golden=golden,
        changed_share=share,
        difference=_new(meant.file) if difference is None else summary(difference),
        blast_radius=() if difference is None or target.file is None else blast_radius(difference, target.file),
        notes=meant.changes,
        losses=tuple(f"{loss.pointer}: {loss.sentence}" for loss in meant.losses),
        warnings=(*_configuration(route, target.config_versions, now), *_room(target, route), *_findings(meant.file)),
        refusals=refusals,
        steps=tuple(_steps(route, planned_target, meant.digest, golden)),
        accept_drift=accept_drift,
        allow_loss=allow_loss,
        nothing_to_do=_is_done(planned_target, meant.digest, last),
        planned_at=now,
        planned_by=by,
    )
    return PlannedPromotion(plan, difference)


def _new(file: ProjectFile) -> str:
    counts = f"{len(file.intents)} intents, {len(file.entities)} entities, {len(file.utterances)} utterances"
    return f"a new project: {counts}"


def _is_done(target: PlannedTarget, meant: str, last: Passed | None) -> bool:
    return (
        last is not None
        and target.digest == meant == last.digest
        and target.production is not None
        and target.production == last.model
    )


# --- guards --------------------------------------------------------------------------------------------------------


def _drift(last: Passed | None, target: PlannedTarget, meant: str, *, look: str, accepted: bool) -> Iterator[str]:
    if last is None or accepted or target.digest in (last.digest, meant):
        return
    what = "deleted" if target.digest is None else "changed"
    where = f"{target.resource}/{target.project}"
    mend = f"`cluvault drift --route {look}` shows how, --accept-drift replaces what it is now"
    yield f"{where} was {what} directly since promotion {last.reference}; {mend}"


def _stage(route: RouteSettings, before: Sequence[Passed], digests: Collection[str], now: datetime) -> Iterator[str]:
    if route.after is None:
        return
    passed = [
        one.at for one in before if one.route == route.after and one.stands and not one.digests.isdisjoint(digests)
    ]
    if not passed:
        yield f"this content has not passed {route.after}, which comes before this route"
        return
    ready = min(passed) + timedelta(hours=route.soak_hours)
    if now < ready:
        yield f"it passed {route.after} at {min(passed):%Y-%m-%d %H:%M} UTC and soaks until {ready:%Y-%m-%d %H:%M} UTC"


def _losses(losses: Sequence[Loss], *, allowed: bool) -> Iterator[str]:
    grave = [] if allowed else [loss for loss in losses if loss.needs_leave]
    for loss in grave:
        yield f"the target's api-version would lose {loss.pointer}: {loss.sentence}; --allow-loss accepts it"


def _kind(kind: str, there: str | None) -> Iterator[str]:
    if kind == SUMMARIZATION:
        yield f"projects of kind {kind} cannot be trained and deployed through the API"
    elif there is not None and there.lower() != kind.lower():
        yield f"the target is of kind {there}, the source of kind {kind}: the service cannot change a kind"


def _language(language: str, route: RouteSettings) -> Iterator[str]:
    if route.train.mode == "standard" and language.lower().split("-")[0] != "en":
        yield f'train.mode "standard" is for English only, the project\'s language is {language}; use "advanced"'


def _share(share: float | None, route: RouteSettings) -> Iterator[str]:
    bound = route.gate.max_changed_share
    if share is not None and bound is not None and share > bound:
        yield f"{share:.1%} of the target's utterances change, the gate's max-changed-share is {bound:.1%}"


def _slots(target: PlannedTarget, route: RouteSettings) -> Iterator[str]:
    slots = ((route.deploy.production, target.production), (route.deploy.staging, target.staging))
    for name, label in slots:
        if label == "":
            yield f"which model the deployment {name} has cannot be told, so it could not be put back"


def _full(target: TargetNow, route: RouteSettings) -> Iterator[str]:
    if len(target.models) >= DOCUMENTED.models and model_to_remove(target.models, target.deployments.values()) is None:
        yield f"the project has {len(target.models)} models, and each of them is deployed; delete a deployment"
    if len(target.deployments) >= DOCUMENTED.deployments and route.deploy.staging not in target.deployments:
        yield f"the project has {len(target.deployments)} deployments, so none is left for {route.deploy.staging}"


def model_to_remove(models: Sequence[ModelNow], deployed: Collection[str]) -> str | None:
    """The model that makes room for another: trained least recently, and in no deployment. None when there is none."""
    if "" in deployed:
        return None  # one of them has a model that cannot be told: it might be any
    free = [one for one in models if one.label not in deployed]
    oldest = min(free, key=lambda one: (one.trained_at is not None, one.trained_at, one.label), default=None)
    return None if oldest is None else oldest.label


# --- warnings ------------------------------------------------------------------------------------------------------


def _configuration(route: RouteSettings, offered: Mapping[str, date | None], now: datetime) -> Iterator[str]:
    version = route.train.config_version
    if version is None or not offered:
        return
    if version not in offered:
        yield f"the training configuration {version} is not offered; there are {', '.join(sorted(offered))}"
        return
    end = offered[version]
    if end is not None and end <= (now + _NEAR).date():
        verb = "have expired on" if end < now.date() else "expire on"
        yield f"models of the training configuration {version} {verb} {end}"


def _room(target: TargetNow, route: RouteSettings) -> Iterator[str]:
    if len(target.models) >= DOCUMENTED.models:
        gone = model_to_remove(target.models, target.deployments.values())
        if gone is not None:
            yield f"the project has {len(target.models)} models, the most it can have: {gone} is deleted first"
    if target.file is not None and route.deploy.production not in target.deployments:
        yield f"there is no deployment {route.deploy.production} yet, so there is nothing to compare with"


def _findings(file: ProjectFile) -> Iterator[str]:
    findings = validate_project_file(file)
    grave = [one for one in findings if one.severity is Severity.ERROR]
    for one in grave[:_MOST_FINDINGS]:
        yield f"the service will refuse {one.pointer or 'the file'}: {one.sentence}"
    others = len(findings) - len(grave[:_MOST_FINDINGS])
    if others:
        yield f"`cluvault validate` has {others}{' more' if grave else ''} findings about the source"


# --- steps ---------------------------------------------------------------------------------------------------------


def _steps(
    route: RouteSettings, target: PlannedTarget, meant: str, golden: Sequence[GoldenUtterance] | None
) -> Iterator[str]:
    where, slots = f"{target.resource}/{target.project}", route.deploy
    yield f"keep {where} in a safety snapshot" if target.digest else f"see that {where} is still free"
    yield f"import {meant[:8]}… and prove it by exporting it again"
    yield f"train the model {label_prefix(meant)}… in mode {route.train.mode}, and evaluate it"
    yield f"deploy it to {slots.staging}" + (f" in place of {target.staging}" if target.staging else "")
    if golden is not None:
        yield f"ask {slots.staging} {len(golden)} golden utterances"
    yield "judge it by the gate"
    if route.gate.approval:
        who = "another person" if route.gate.second_person else "a person"
        yield f"wait for {who} to approve, at most {route.approval_hours:g} h"
    if target.production is None:
        yield f"deploy it to {slots.production}, which is new"
    else:
        yield f"swap {slots.staging} and {slots.production}, which serves {target.production}"
    yield f"probe {slots.production}; if it does not answer as {slots.staging} did, undo everything"


# --- plan files ----------------------------------------------------------------------------------------------------


def plan_to_bytes(plan: PromotionPlan) -> bytes:
    """A plan as a file that a reviewer can read, and that can be applied exactly so."""
    return record_bytes(plan)


def read_plan(data: bytes, *, source: str) -> PromotionPlan:
    """Read a plan file.

    Raises:
        UsageError: it is none.
        VaultTooNew: a newer cluvault wrote it.
    """
    refuse_newer_format(data, key=source)
    try:
        return PromotionPlan.model_validate_json(data)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        where = "/".join(map(str, fault["loc"])) or "top level"
        mend = "make one with cluvault promote --save-plan FILE"
        raise UsageError(f"{source}: no promotion plan: at {where}: {fault['msg']}", mend=mend) from err


def check_still_holds(plan: PromotionPlan, now: PromotionPlan) -> None:
    """Refuse a plan that was reviewed when the world has moved since.

    Args:
        plan: What was reviewed.
        now: The plan that would be made of the same snapshot now.

    Raises:
        GuardRefused: a digest, the route or a slot is another now.
    """
    for what, then, there in (
        (f"the content of {plan.source.reference}", plan.source.digest, now.source.digest),
        ("the target's content", plan.target.digest, now.target.digest),
        ("what is to be imported", plan.meant_digest, now.meant_digest),
        ("the model in production", plan.target.production, now.target.production),
        ("the route's configuration", _binding(plan), _binding(now)),
        ("the golden utterances", plan.golden, now.golden),
    ):
        if then != there:
            raise GuardRefused(f"{what} has moved since the plan was made", mend="make and review a new plan")


def _under_way(one: Promotion, worker: str) -> str:
    who = f": {worker}" if worker else ""
    return f"{one.key} is under way ({one.state}){who}; resume it or roll it back first"


def _binding(plan: PromotionPlan) -> RouteSettings:
    """The route without where its golden file lies: what is in it counts."""
    gate = plan.settings.gate.model_copy(update={"golden": None})
    return plan.settings.model_copy(update={"gate": gate})


def refuse_blocked(plan: PromotionPlan) -> None:
    """Refuse to apply a plan that a guard refuses.

    Raises:
        GuardRefused: with all reasons.
    """
    if plan.refusals:
        raise GuardRefused(f"{plan.sentence}: {'; '.join(plan.refusals)}; nothing was changed")
