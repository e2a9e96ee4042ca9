"""The plan of a promotion: what the target will hold, what that changes, what is done, and whether it may be; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluvault.errors import GuardRefused
from cluvault.model.promotion import PlannedTarget, PromotionPlan
from cluvault.plan import promotion_guards as guards
from cluvault.plan.blast_radius import blast_radius, changed_share
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.diff import diff_project_files
from cluvault.plan.diff_report import summary
from cluvault.plan.promotion import label_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from cluvault.model.golden import GoldenUtterance
    from cluvault.model.project_file import ProjectFile
    from cluvault.model.promotion import PlannedSource
    from cluvault.plan.diff import ProjectDiff
    from cluvault.plan.promotion import Promotion
    from cluvault.plan.promotion_facts import Meant, Passed, TargetNow
    from cluvault.settings import RouteSettings


@dataclass(frozen=True, slots=True)
class PlannedPromotion:
    """A plan, and the difference that it makes at the target; None for a new project."""

    plan: PromotionPlan
    difference: ProjectDiff | None


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
        *(guards.under_way(one, worker) for one in under_way),
        *guards.edited_directly(
            last, planned_target, meant.digest, look=f"{route_name} --project {source.project}", accepted=accept_drift
        ),
        *guards.not_passed(route, before, {source.digest, meant.digest}, now),
        *guards.grave_losses(meant.losses, allowed=allow_loss),
        *guards.unfit_kind(meant.file.metadata["projectKind"], target.kind),
        *guards.unfit_language(language, route),
        *guards.too_much_change(share, route),
        *guards.unknown_slots(planned_target, route),
        *guards.no_place_left(target, route),
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
        warnings=(
            *guards.doubtful_configuration(route, target.config_versions, now),
            *guards.room_to_make(target, route),
            *guards.doubtful_content(meant.file),
        ),
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


# --- whether it may be applied ---------------------------------------------------------------------------------------


def refuse_blocked(plan: PromotionPlan) -> None:
    """Refuse to apply a plan that a guard refuses.

    Raises:
        GuardRefused: with all reasons.
    """
    if plan.refusals:
        raise GuardRefused(f"{plan.sentence}: {'; '.join(plan.refusals)}; nothing was changed")
