"""Why a promotion is not done, and what it warns of, a sentence each: the plan asks them all; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.plan.findings import Severity
from cluvault.plan.limits import DOCUMENTED
from cluvault.plan.promotion_facts import model_to_remove
from cluvault.plan.validate import validate_project_file
from cluvault.plan.vocabulary import SUMMARIZATION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from cluvault.model.project_file import ProjectFile
    from cluvault.model.promotion import PlannedTarget
    from cluvault.plan.losses import Loss
    from cluvault.plan.promotion import Promotion
    from cluvault.plan.promotion_facts import Passed, TargetNow
    from cluvault.settings import RouteSettings

_NEAR: Final = timedelta(days=30)
_MOST_FINDINGS: Final = 5


# --- what refuses ---------------------------------------------------------------------------------------------------


def under_way(one: Promotion, worker: str) -> str:
    """Another promotion has changed the target and has not ended."""
    who = f": {worker}" if worker else ""
    return f"{one.key} is under way ({one.state}){who}; resume it or roll it back first"


def edited_directly(
    last: Passed | None, target: PlannedTarget, meant: str, *, look: str, accepted: bool
) -> Iterator[str]:
    """The target was edited since the last promotion to it."""
    if last is None or accepted or target.digest in (last.digest, meant):
        return
    what = "deleted" if target.digest is None else "changed"
    where = f"{target.resource}/{target.project}"
    mend = f"`cluvault drift --route {look}` shows how, --accept-drift replaces what it is now"
    yield f"{where} was {what} directly since promotion {last.reference}; {mend}"


def not_passed(
    route: RouteSettings, before: Sequence[Passed], digests: Collection[str], now: datetime
) -> Iterator[str]:
    """The content has not passed the route that comes before, or not for long enough."""
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


def grave_losses(losses: Sequence[Loss], *, allowed: bool) -> Iterator[str]:
    """The target's api-version would lose something that a model would feel."""
    grave = [] if allowed else [loss for loss in losses if loss.needs_leave]
    for loss in grave:
        yield f"the target's api-version would lose {loss.pointer}: {loss.sentence}; --allow-loss accepts it"


def unfit_kind(kind: str, there: str | None) -> Iterator[str]:
    """Projects of the kind cannot be promoted, or the target is of another."""
    if kind == SUMMARIZATION:
        yield f"projects of kind {kind} cannot be trained and deployed through the API"
    elif there is not None and there.lower() != kind.lower():
        yield f"the target is of kind {there}, the source of kind {kind}: the service cannot change a kind"


def unfit_language(language: str, route: RouteSettings) -> Iterator[str]:
    """The mode of training is not for the project's language."""
    if route.train.mode == "standard" and language.lower().split("-")[0] != "en":
        yield f'train.mode "standard" is for English only, the project\'s language is {language}; use "advanced"'


def too_much_change(share: float | None, route: RouteSettings) -> Iterator[str]:
    """More of the target changes than the gate admits."""
    bound = route.gate.max_changed_share
    if share is not None and bound is not None and share > bound:
        yield f"{share:.1%} of the target's utterances change, the gate's max-changed-share is {bound:.1%}"


def unknown_slots(target: PlannedTarget, route: RouteSettings) -> Iterator[str]:
    """Nobody can tell what a deployment serves, so it could not be put back."""
    slots = ((route.deploy.production, target.production), (route.deploy.staging, target.staging))
    for name, label in slots:
        if label == "":
            yield f"which model the deployment {name} has cannot be told, so it could not be put back"


def no_place_left(target: TargetNow, route: RouteSettings) -> Iterator[str]:
    """There is no place for another model or deployment, and none can be made."""
    if len(target.models) >= DOCUMENTED.models and model_to_remove(target.models, target.deployments.values()) is None:
        yield f"the project has {len(target.models)} models, and each of them is deployed; delete a deployment"
    if len(target.deployments) >= DOCUMENTED.deployments and route.deploy.staging not in target.deployments:
        yield f"the project has {len(target.deployments)} deployments, so none is left for {route.deploy.staging}"


# --- what warns -----------------------------------------------------------------------------------------------------


def doubtful_configuration(route: RouteSettings, offered: Mapping[str, date | None], now: datetime) -> Iterator[str]:
    """The training configuration is not offered, or its models expire soon."""
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


def room_to_make(target: TargetNow, route: RouteSettings) -> Iterator[str]:
    """A model is deleted to make room; or production is new, with nothing to compare with."""
    if len(target.models) >= DOCUMENTED.models:
        gone = model_to_remove(target.models, target.deployments.values())
        if gone is not None:
            yield f"the project has {len(target.models)} models, the most it can have: {gone} is deleted first"
    if target.file is not None and route.deploy.production not in target.deployments:
        yield f"there is no deployment {route.deploy.production} yet, so there is nothing to compare with"


def doubtful_content(file: ProjectFile) -> Iterator[str]:
    """What validation finds in the content."""
    findings = validate_project_file(file)
    grave = [one for one in findings if one.severity is Severity.ERROR]
    for one in grave[:_MOST_FINDINGS]:
        yield f"the service will refuse {one.pointer or 'the file'}: {one.sentence}"
    others = len(findings) - len(grave[:_MOST_FINDINGS])
    if others:
        yield f"`cluvault validate` has {others}{' more' if grave else ''} findings about the source"
