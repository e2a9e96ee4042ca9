"""Approval through Prefect's own form: the flow run waits for it, and holds nothing meanwhile.

A run of a deployment is suspended: its process ends, and the answer runs the flow again from the top; the flow finds
the promotion that it began, and comes back here with the answer. A run without a deployment can only be paused, in its
process. What an answer is worth is decided by `ops/approve`, as for the command.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, FlowRunFilterIdempotencyKey
from prefect.context import FlowRunContext
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import apause_flow_run, aresume_flow_run, asuspend_flow_run
from prefect.input import RunInput
from prefect.settings import PREFECT_UI_URL
from prefect.states import Failed, Scheduled
from pydantic import Field, StringConstraints, ValidationError

from cluvault.model.promotion import ApprovalAsked, Approved, Rejected
from cluvault.ops.approve import ApproveOptions
from cluvault.plan.promotion_pages import approval_to_markdown, too_late

if TYPE_CHECKING:
    from datetime import datetime

    from prefect.client.schemas.objects import FlowRun

    from cluvault.model.promotion import PromotionRecord
    from cluvault.plan.promotion import Promotion

Way = Literal["suspend", "pause"]
_KEY: Final = "approval"
_DEADLINE: Final = "deadline of"
_LOOK_EVERY: Final = 2
_GRACE: Final = timedelta(seconds=5)
"""So long after the deadline the run comes that rolls back: no clock may be so far off that it finds time left."""
_ARTIFACTS: Final = {
    "cluvault-promotion-plan": "plan",
    "cluvault-promotion": "gate",
    "cluvault-promotion-difference": "difference",
}
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"\S")]


class Approval(RunInput):
    """The form."""

    decision: Literal["approve", "reject"] = Field(title="Decision", description="A rejection undoes it at once.")
    name: Name = Field(title="Your name", description="Goes into the promotion's history. Prefect does not prove it.")
    note: str = Field(default="", title="Note", max_length=2000, description="Why, for the history.")


def way_to_ask(*, may_pause: bool) -> Way | None:
    """How this flow run can ask: to be suspended it needs a deployment, which starts it again; a subflow cannot be."""
    run = _this_run()
    if run is None:
        return None
    if run.deployment_id is not None and run.parent_task_run_id is None:
        return "suspend"
    return "pause" if may_pause else None


def attempts() -> int:
    """How often this flow run has asked before; what runs again from the top goes on with the last time."""
    run = _this_run()
    keys = (run.empirical_policy.pause_keys if run is not None else None) or set[str]()
    return sum(key.startswith(f"{_KEY}-") for key in keys)


async def ask(promotion: Promotion, way: Way, *, attempt: int, refusal: str, now: datetime) -> ApproveOptions | None:
    """Ask a person: what was answered, or None when nobody did in time, or nothing that can be understood.

    When it suspends the run, it does not return: the process ends.
    """
    run, asked = _this_run(), promotion.find(ApprovalAsked)
    if run is None or asked is None:
        return None
    seconds = max(1, int((asked.deadline - now).total_seconds()) + 1)
    form = Approval.with_initial_data(
        description=approval_to_markdown(promotion, links=await _links(run), refusal=refusal)
    )
    if way == "suspend" and run.deployment_id is not None:
        await _come_back_at_the_deadline(promotion, asked.deadline, run.deployment_id)
    key = f"{_KEY}-{attempt}"
    try:
        if way == "suspend":
            answer = await asuspend_flow_run(wait_for_input=form, timeout=seconds, key=key)
        else:
            answer = await apause_flow_run(wait_for_input=form, timeout=seconds, poll_interval=_LOOK_EVERY, key=key)
    except (FlowPauseTimeout, ValidationError):  # resumed by force, without an answer
        return None
    return _options(promotion, answer)


def _options(promotion: Promotion, answer: Approval) -> ApproveOptions:
    rejects = answer.decision == "reject"
    return ApproveOptions(
        promotion=str(promotion.key), reject=rejects, note=answer.note, by=answer.name, through="form"
    )


async def unheard(promotion: Promotion) -> str:
    """What to tell whoever answered the form of this run when the answer did not count; mostly empty."""
    run = _this_run()
    if run is None or promotion.awaits_approval:
        return ""
    async with get_client() as client:
        found = await client.filter_flow_run_input(run.id, key_prefix="", limit=200, exclude_keys=set())
    answers = sorted((one for one in found if _is_answer(one.key)), key=lambda one: one.key)
    if not answers:
        return ""
    try:
        answer = Approval.model_validate(json.loads(answers[-1].value))
    except ValueError:
        return ""
    return too_late(promotion, by=answer.name, rejects=answer.decision == "reject")


def _is_answer(key: str) -> bool:
    return key.startswith((f"suspended-{_KEY}-", f"paused-{_KEY}-")) and key.endswith("-response")


async def tell_the_form(promotion: Promotion) -> bool:
    """Tell the flow run that asks what became of it elsewhere; whether there was one that waited, and goes on now."""
    run, asked, decided = _this_run(), promotion.find(ApprovalAsked), promotion.decision
    if asked is None or asked.flow_run is None or (run is not None and str(run.id) == asked.flow_run):
        return False
    try:
        if decided is not None:
            await aresume_flow_run(UUID(asked.flow_run), run_input=_answer(decided))
        elif promotion.has_ended:
            await _fail(UUID(asked.flow_run), "it was rolled back before anybody answered")
    except Exception:  # noqa: BLE001  # whatever hinders it: the promotion is decided, and can be resumed by hand
        return False
    return decided is not None


def _answer(decided: PromotionRecord) -> dict[str, str]:
    rejects = isinstance(decided.facts, Rejected)
    note = decided.facts.note if isinstance(decided.facts, Approved | Rejected) else ""
    return {"decision": "reject" if rejects else "approve", "name": decided.by, "note": note}


async def _fail(run_id: UUID, why: str) -> None:
    async with get_client() as client:
        run = await client.read_flow_run(run_id)
        if run.state is not None and run.state.is_paused():
            await client.set_flow_run_state(run_id, Failed(message=why), force=True)


async def forget_the_deadline(promotion: Promotion) -> None:
    """The run that was to come at the deadline is not needed any more."""
    run = _this_run()
    if run is None or run.deployment_id is None or not promotion.has(ApprovalAsked):
        return
    async with get_client() as client:
        key = FlowRunFilterIdempotencyKey(any_=[_deadline_key(promotion)])
        for one in await client.read_flow_runs(flow_run_filter=FlowRunFilter(idempotency_key=key)):
            if one.id != run.id and one.state is not None and one.state.is_scheduled():
                await client.delete_flow_run(one.id)


async def _come_back_at_the_deadline(promotion: Promotion, deadline: datetime, deployment: UUID) -> None:
    """Prefect only fails a run that nobody resumes in time; this one rolls back then."""
    async with get_client() as client:
        await client.create_flow_run_from_deployment(
            deployment,
            parameters={"options": {"resume": str(promotion.key)}},
            state=Scheduled(scheduled_time=deadline + _GRACE),
            name=f"deadline of promotion {promotion.key.promotion_id}",
            idempotency_key=_deadline_key(promotion),
        )


def is_at_deadline() -> bool:
    """Whether this run only comes because a deadline is over; where all has ended before, it has nothing to say."""
    run = _this_run()
    return run is not None and (run.idempotency_key or "").startswith(_DEADLINE)


def _deadline_key(promotion: Promotion) -> str:
    return f"{_DEADLINE} {promotion.key}"


async def _links(run: FlowRun) -> dict[str, str]:
    """Where the artifacts of this run are shown; empty when Prefect does not know the address of its UI."""
    if not (ui := PREFECT_UI_URL.value()):
        return {}
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    async with get_client() as client:
        artifacts = await client.read_artifacts(flow_run_filter=chosen, limit=50)
    found = {one.key: one.id for one in sorted(artifacts, key=lambda one: str(one.created))}  # the newest of each
    links = {title: f"{ui}/artifacts/artifact/{found[key]}" for key, title in _ARTIFACTS.items() if key in found}
    return links | {"this run": f"{ui}/runs/flow-run/{run.id}"}


def _this_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return None if context is None else context.flow_run
