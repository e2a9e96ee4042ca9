"""promote: bring a project to the next environment, prove it there before it serves, and undo it when it fails.

The records in the vault are all that a promotion is: each step reads them, acts, and adds one. So any process can take
a promotion over at any step, whatever became of the one before; the lease sees to it that only one does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import CluvaultError, GuardRefused, LeaseLost, ProbeFailed, UsageError
from cluvault.model.manifest import Reason
from cluvault.model.project_file import read_project_file
from cluvault.model.promotion import Abandoned, PlannedSource, PromotionPlan, RollbackBegun, RolledBack
from cluvault.model.promotion import Planned as PlannedFacts
from cluvault.model.reference import SNAPSHOT_ID, SnapshotReference, parse_reference
from cluvault.model.verdict import Check, Verdict
from cluvault.ops import promotion_steps as forward
from cluvault.ops import promotion_undo as back
from cluvault.ops.capture import export_capture, store_if_changed
from cluvault.ops.catalogue import place_of
from cluvault.ops.promotion_work import announced, hold, holder_of, note, working_on
from cluvault.ops.report import add_mend
from cluvault.ops.sources import Source, fetch_source, read_file
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan import promotion_plan as decide
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.golden import read_golden
from cluvault.plan.keys import PromotionKey
from cluvault.plan.promotion import Promotion, Step, next_step
from cluvault.plan.promotion_plan import ModelNow, Passed, PlannedPromotion, TargetNow, passed_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from cluvault.errors import VaultError
    from cluvault.model.golden import GoldenUtterance
    from cluvault.model.json_text import JsonObject
    from cluvault.model.promotion import Cause
    from cluvault.ops.workspace import Workspace
    from cluvault.settings import RouteSettings
    from cluvault.vault.leases import Turn

STEPS: Final[Mapping[Step, Callable[[Workspace, Promotion], Awaitable[Promotion]]]] = {
    Step.SAFETY: forward.secure,
    Step.IMPORT: forward.import_content,
    Step.PROVE: forward.prove,
    Step.TRAIN: forward.train,
    Step.EVALUATE: forward.evaluate,
    Step.STAGE: forward.stage,
    Step.MEASURE: forward.measure,
    Step.JUDGE: forward.judge,
    Step.ASK: forward.ask_approval,
    Step.SWAP: forward.swap,
    Step.PROBE: forward.probe,
    Step.FINISH: forward.finish,
    Step.BEGIN_ROLLBACK: back.begin_rollback,
    Step.SWAP_BACK: back.swap_back,
    Step.RESTORE_STAGING: back.restore_staging,
    Step.RESTORE_DATA: back.restore_data,
    Step.FINISH_ROLLBACK: back.finish_rollback,
}
"""What does each step; a flow makes a task of every one of them."""


class PromoteOptions(BaseModel):
    """What to promote, by which route; or which plan to apply; or which promotion to go on with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str = Field(default="", description="The project's name at the source.")
    route: str = Field(default="", description="A configured route.")
    reference: str | None = Field(
        default=None, description="A snapshot of the source, e.g. dev/EmailApp@2026-11-01; by default one is taken now."
    )
    plan: PromotionPlan | None = Field(default=None, description="A reviewed plan, applied exactly as it is.")
    resume: str | None = Field(
        default=None, description="A promotion that has not ended: its id, or TARGET/PROJECT@ID."
    )
    apply: bool = Field(default=False, description="Without it the plan is shown and nothing is changed.")
    accept_drift: bool = Field(default=False, description="Replace what was edited at the target directly.")
    allow_loss: bool = Field(default=False, description="Go on where the target's api-version lacks something.")
    patience: float = Field(default=0.0, ge=0, description="Seconds to wait for another worker on the same project.")
    requested_by: str = Field(
        default="",
        max_length=200,
        description="Who asks for it; by default who runs this. A run of a Prefect deployment has to be told.",
    )
    wait_for_approval: bool = Field(
        default=False,
        description="In a flow run without a Prefect deployment: stay, paused, until the form in Prefect is answered.",
    )


@dataclass(frozen=True, slots=True)
class PromotionReport:
    """How far a promotion has come.

    Attributes:
        planned: What was planned just now; None when a promotion was resumed.
        promotion: None when nothing was applied.
    """

    planned: PlannedPromotion | None
    promotion: Promotion | None

    @property
    def plan(self) -> PromotionPlan:
        """What it goes by."""
        if self.promotion is not None:
            return self.promotion.plan
        if self.planned is None:
            raise ValueError("a report is about a plan or about a promotion")
        return self.planned.plan

    @property
    def state(self) -> str:
        """`planned`, `nothing-to-do`, or the promotion's state: `promoted`, `awaiting-approval`, `rolled-back` …."""
        if self.promotion is not None:
            return self.promotion.state
        return "nothing-to-do" if self.plan.nothing_to_do else "planned"

    @property
    def verdict(self) -> Verdict | None:
        """The gate's, as far as it was asked."""
        return None if self.promotion is None else self.promotion.verdict

    @property
    def checks(self) -> Verdict:
        """For build servers: the gate's verdict; without one, the guards that refuse the plan, or that none does."""
        if self.verdict is not None:
            return self.verdict
        refused = tuple(Check("guard", "plan", None, 0.0, passed=False, sentence=one) for one in self.plan.refusals)
        return Verdict(refused or (Check("guard", "plan", None, 0.0, passed=True, sentence="no guard refuses it"),))

    @property
    def why(self) -> str:
        """Why it was undone or abandoned; empty when it was not."""
        if self.promotion is None:
            return ""
        begun, abandoned = self.promotion.find(RollbackBegun), self.promotion.find(Abandoned)
        return begun.why if begun is not None else abandoned.why if abandoned is not None else ""

    @property
    def exit_code(self) -> int:
        """4 when a gate, a guard or a person refused it; else 0."""
        refused = self.state in ("rolled-back", "rolling-back", "abandoned") or self._is_blocked
        return GuardRefused.exit_code if refused else 0

    @property
    def _is_blocked(self) -> bool:
        return self.promotion is None and bool(self.plan.refusals)

    def to_json(self) -> JsonObject:
        """The report for programs."""
        verdict = self.verdict
        return {
            "state": self.state,
            "promotion": None if self.promotion is None else str(self.promotion.key),
            "plan": self.plan.model_dump(mode="json", by_alias=True),
            "verdict": None if verdict is None else verdict.to_dict(),
            "why": self.why or None,
            "records": [one.model_dump(mode="json", by_alias=True) for one in _without_plan(self.promotion)],
        }


class PromotionRefused(GuardRefused):
    """A gate, a guard or a person refused a promotion; the target is as before. The report says why."""

    def __init__(self, report: PromotionReport) -> None:
        why = report.why or "; ".join(report.plan.refusals)
        super().__init__(f"{report.plan.sentence}: {report.state}: {why}")
        self.report = report


def _without_plan(promotion: Promotion | None) -> Sequence[Any]:
    return () if promotion is None else promotion.records[1:]


async def promote(
    workspace: Workspace,
    options: PromoteOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[PlannedPromotion], None] = lambda _planned: None,
    on_step: Callable[[Promotion, Step], None] = lambda _promotion, _step: None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> PromotionReport:
    """Plan a promotion, and with `apply` carry it out as far as it goes without a person.

    A refusal by the gate or by a person is the report's; what fails is undone and then raised.

    Raises:
        GuardRefused: the plan is refused, or has been overtaken; nothing was changed.
        LeaseHeld: somebody else works on the target project.
        LeaseLost: somebody else has taken the promotion over.
        CluvaultError: a step failed. The target is as before, or the message says how to go on.
    """
    if options.resume is not None:
        key = await find_promotion(workspace, options.resume)
        return await resume(
            workspace, key, patience=options.patience or None, run=run, on_step=on_step, on_wait=on_wait
        )
    if (own := await _begun_here(workspace, options)) is not None:
        return await resume(workspace, own.key, run=run, on_step=on_step, on_wait=on_wait)
    planned = await run(plan_promotion, workspace, options)
    on_plan(planned)
    if not options.apply or planned.plan.nothing_to_do:
        return PromotionReport(planned, None)
    decide.refuse_blocked(planned.plan)
    by = _requester(workspace, options, planned.plan)
    target = planned.plan.target
    key = PromotionKey(target.resource, target.project, workspace.new_run_id())
    async with working_on(workspace, key, step="plan", patience=options.patience, on_wait=on_wait):
        promotion = await run(begin_promotion, workspace, planned.plan, key, by)
        return PromotionReport(planned, await carry_on(workspace, promotion, run=run, on_step=on_step))


async def resume(
    workspace: Workspace,
    key: PromotionKey,
    *,
    patience: float | None = None,
    run: Runner = run_directly,
    on_step: Callable[[Promotion, Step], None] = lambda _promotion, _step: None,
    on_wait: Callable[[Turn], None] = lambda _turn: None,
) -> PromotionReport:
    """Go on with a promotion where it stands, forwards or back; nothing happens when a person has to act first.

    Without `patience` it waits for as long as it takes to see that another worker is dead.

    Raises what `promote` does.
    """
    vault = await workspace.vault()
    promotion = await announced(workspace, await vault.promotions.load(key))  # who died before telling it has not
    if next_step(promotion, now=workspace.now()) in (None, Step.WAIT):
        return PromotionReport(None, promotion)
    patience = 2 * workspace.settings.promotions.lease_seconds if patience is None else patience
    async with working_on(workspace, key, step="resume", patience=patience, on_wait=on_wait):
        promotion = await vault.promotions.load(key)
        return PromotionReport(None, await carry_on(workspace, promotion, run=run, on_step=on_step))


async def list_promotions(
    workspace: Workspace,
    place: str | None = None,
    *,
    on_fault: Callable[[PromotionKey, VaultError], None] | None = None,
) -> list[Promotion]:
    """The promotions to a project, to a resource, or all of the vault, by target and time.

    `on_fault` is told of each that cannot be understood; without it the first one is raised.
    """
    resource, project = place_of(place)
    vault = await workspace.vault()
    if resource is not None and project is not None:
        return await vault.promotions.of_project(resource, project, on_fault=on_fault)
    return await vault.promotions.all(resource, on_fault=on_fault)


async def workers_of(workspace: Workspace, promotions: Sequence[Promotion]) -> dict[PromotionKey, Turn]:
    """Who holds the lease for those of the promotions that have not ended, and on which somebody works or died."""
    found: dict[PromotionKey, Turn] = {}
    for promotion in promotions:
        if not promotion.has_ended:
            turn = await holder_of(workspace, promotion.key.resource, promotion.key.project)
            if turn is not None and turn.record.promotion_id == promotion.key.promotion_id:
                found[promotion.key] = turn
    return found


async def find_promotion(workspace: Workspace, name: str) -> PromotionKey:
    """The promotion that a user names: its id, or RESOURCE/PROJECT@ID of its target.

    Raises:
        UsageError: it is no such name, or there is none.
    """
    vault = await workspace.vault()
    if SNAPSHOT_ID.fullmatch(name):
        return await vault.promotions.find(name)
    parsed = parse_reference(name)
    if not isinstance(parsed, SnapshotReference) or parsed.snapshot_id is None:
        raise UsageError(f"{name!r} names no promotion", mend="write its id, or RESOURCE/PROJECT@ID of its target")
    return PromotionKey(parsed.resource, parsed.project, parsed.snapshot_id)


# --- carrying on ---------------------------------------------------------------------------------------------------


async def carry_on(
    workspace: Workspace,
    promotion: Promotion,
    *,
    run: Runner = run_directly,
    on_step: Callable[[Promotion, Step], None] = lambda _promotion, _step: None,
) -> Promotion:
    """Do step after step until the promotion has ended or a person has to act; the lease is held.

    What fails turns the promotion round. At its end the failure is raised, with what became of the target.
    """
    failure: BaseException | None = None
    while (step := next_step(promotion, now=workspace.now())) not in (None, Step.WAIT):
        on_step(promotion, step)
        try:
            promotion = await run(STEPS[step], workspace, promotion)
        except LeaseLost:
            raise
        except (Exception, asyncio.CancelledError) as err:  # noqa: BLE001  # whatever it is, the target is put back
            promotion = await _turned_round(workspace, promotion, step, err, run=run)
            failure = err
    if failure is None:
        return promotion
    if isinstance(failure, CluvaultError):
        add_mend(failure, _what_became(promotion))
    raise failure


async def _turned_round(
    workspace: Workspace, promotion: Promotion, step: Step, err: BaseException, *, run: Runner
) -> Promotion:
    """The promotion after a failure: on its way back, or abandoned. Raises the failure when that cannot be recorded."""
    if isinstance(err, asyncio.CancelledError) and (task := asyncio.current_task()) is not None:
        task.uncancel()  # what is begun is undone; a second interruption ends that too, and it can be resumed
    try:
        promotion = await (await workspace.vault()).promotions.load(promotion.key)
        if promotion.has(RollbackBegun):
            raise err
        return await run(turn_round, workspace, promotion, step, _cause(err), _sentence(err))
    except CluvaultError as also:
        if isinstance(err, CluvaultError) and not isinstance(also, LeaseLost):
            add_mend(err, f"go on with: cluvault promote --resume {promotion.key}")
        raise err from also if also is not err else None


def _cause(err: BaseException) -> Cause:
    if isinstance(err, asyncio.CancelledError):
        return "cancelled"
    return "probe" if isinstance(err, ProbeFailed) else "failed"


def _sentence(err: BaseException) -> str:
    if isinstance(err, asyncio.CancelledError):
        return "it was cancelled"
    return str(err) if isinstance(err, CluvaultError) else f"unexpected {type(err).__name__}: {err}"


def _what_became(promotion: Promotion) -> str:
    where = f"{promotion.key.resource}/{promotion.key.project}"
    if promotion.has(RolledBack):
        return f"{where} is as it was before promotion {promotion.key.promotion_id}"
    return f"{where} was not changed"


async def turn_round(workspace: Workspace, promotion: Promotion, step: Step, cause: Cause, why: str) -> Promotion:
    """Write that a step failed: the promotion is undone from here on, or abandoned when it has changed nothing."""
    sentence = f"{step}: {why}"
    if promotion.is_harmless:
        return await note(workspace, promotion, Abandoned(why=sentence))
    return await note(workspace, promotion, RollbackBegun(cause=cause, why=sentence))


def _requester(workspace: Workspace, options: PromoteOptions, plan: PromotionPlan) -> str:
    """Who asks. What a deployment starts runs under the worker's name, which is nobody's."""
    if options.requested_by.strip():
        return options.requested_by.strip()
    if workspace.is_unattended and plan.settings.gate.second_person:
        message = f"{plan.route} wants a second person, and the run of a deployment does not know the first"
        raise GuardRefused(message, mend="set requested_by in the run's options")
    return workspace.actor


async def _begun_here(workspace: Workspace, options: PromoteOptions) -> Promotion | None:
    """The promotion that this flow run began when it ran before: until it was suspended, or died.

    One that was abandoned has changed nothing; the run may begin another.
    """
    if workspace.flow_run is None or not await workspace.has_vault():
        return None
    place = _target_place(workspace, options)
    there = await (await workspace.vault()).promotions.of_project(*place)
    own = [one for one in there if one.flow_run == workspace.flow_run and not one.has(Abandoned)]
    return own[-1] if own else None


def _target_place(workspace: Workspace, options: PromoteOptions) -> tuple[str, str]:
    if options.plan is not None:
        return options.plan.target.resource, options.plan.target.project
    project = options.project
    if not project and options.reference is not None:
        parsed = parse_reference(options.reference)
        project = parsed.project if isinstance(parsed, SnapshotReference) else ""
    route = workspace.settings.route(options.route)
    return route.target, route.target_project(project)


async def begin_promotion(workspace: Workspace, plan: PromotionPlan, key: PromotionKey, by: str) -> Promotion:
    """Write the first record. Earlier promotions that died before they changed anything are abandoned.

    Raises:
        GuardRefused: another promotion to the project is under way.
    """
    vault = await workspace.vault()
    for other in await vault.promotions.of_project(key.resource, key.project):
        if other.has_ended:
            continue
        if not other.is_harmless:
            raise _under_way(other)
        await note(workspace, other, Abandoned(why=f"it had changed nothing when {key.promotion_id} began"))
    lease = await hold(workspace, key, "planned")
    facts = PlannedFacts(plan=plan, flow_run=workspace.flow_run)
    begun = await vault.promotions.begin(key, facts, at=workspace.now(), by=by, holder=lease.holder)
    return await announced(workspace, begun)


def _under_way(other: Promotion) -> GuardRefused:
    where = f"{other.key.resource}/{other.key.project}"
    mend = f"cluvault promote --resume {other.key}, or cluvault rollback"
    return GuardRefused(f"promotion {other.key.promotion_id} to {where} is under way: {other.state}", mend=mend)


# --- planning ------------------------------------------------------------------------------------------------------


async def plan_promotion(workspace: Workspace, options: PromoteOptions) -> PlannedPromotion:
    """Look at source and target and decide; a snapshot of the source may be stored, nothing else is changed.

    Raises:
        UsageError: the reference names no snapshot of the route's source.
        GuardRefused: the reviewed plan does not hold any more.
        ProjectNotFound: there is no such project at the source.
    """
    await workspace.vault(create=True)
    if options.plan is None:
        return await _plan(workspace, options)
    reviewed = options.plan
    again = options.model_copy(
        update={
            "plan": None,
            "project": reviewed.source.project,
            "route": reviewed.route,
            "reference": reviewed.source.reference,
            "accept_drift": reviewed.accept_drift,
            "allow_loss": reviewed.allow_loss,
        }
    )
    now = await _plan(workspace, again)
    decide.check_still_holds(reviewed, now.plan)
    decide.refuse_blocked(now.plan)
    return PlannedPromotion(reviewed, now.difference)


async def _plan(workspace: Workspace, options: PromoteOptions) -> PlannedPromotion:
    route = workspace.settings.route(options.route)
    if route.kind != "promotion":
        raise UsageError(
            f"route {options.route} is a {route.kind}, nothing is promoted by it", mend="use cluvault replicate"
        )
    source = await _source(workspace, route, options)
    project = route.target_project(source.project)
    client = await workspace.client(route.target)
    answered = bool(source.api_version) and await client.answers_version(source.api_version)
    version = source.api_version if answered else await client.transfer_version()
    meant = await asyncio.to_thread(
        lambda: decide.meant_file(
            source.read(),
            route,
            project=project,
            api_version=version,
            exported_with=source.api_version,
            source=source.label,
        )
    )
    vault = await workspace.vault()
    earlier = await vault.promotions.of_project(route.target, project)
    passed = [one for promotion in earlier if (one := passed_of(promotion)) is not None]
    target = await _target(workspace, route, project, kind=meant.file.metadata["projectKind"])
    before = await _passed_before(workspace, route, source.project)
    under_way = [one for one in earlier if not one.has_ended and not one.is_harmless]
    turn = await holder_of(workspace, route.target, project) if under_way else None
    golden, now, by = await _golden(route), workspace.now(), workspace.actor
    return await asyncio.to_thread(
        lambda: decide.plan_promotion(
            route_name=options.route,
            route=route,
            source=_planned_source(source, digest=canonical_digest(source.read())),
            meant=meant,
            target=target,
            api_version=version,
            golden=golden,
            last=max(passed, key=lambda one: one.at, default=None),
            before=before,
            under_way=under_way,
            worker="" if turn is None else turn.sentence(now),
            accept_drift=options.accept_drift,
            allow_loss=options.allow_loss,
            now=now,
            by=by,
        )
    )


async def _source(workspace: Workspace, route: RouteSettings, options: PromoteOptions) -> Source:
    """A snapshot of the source: the one that is named, or one taken now."""
    if options.reference is None:
        capture = await export_capture(workspace, route.source, options.project, reason=Reason.MANUAL)
        manifest, _ = await store_if_changed(workspace, capture)
        return await fetch_source(workspace, manifest.reference)
    parsed = parse_reference(options.reference)
    if not isinstance(parsed, SnapshotReference) or parsed.resource != route.source:
        message = f"{options.reference!r} names no snapshot of {route.source}, where the route begins"
        raise UsageError(message, mend=f"write {route.source}/PROJECT or {route.source}/PROJECT@ID")
    if options.project not in ("", parsed.project):
        raise UsageError(f"{options.reference!r} is no snapshot of {options.project}", mend="name one project")
    return await fetch_source(workspace, options.reference)


def _planned_source(source: Source, *, digest: str) -> PlannedSource:
    manifest = source.manifest
    if manifest is None:
        raise UsageError(f"{source.label} is no snapshot", mend="back it up first")
    return PlannedSource(
        reference=manifest.reference,
        resource=manifest.resource,
        project=manifest.project,
        digest=digest,  # the manifest of a sealed snapshot tells another
        api_version=manifest.api_version,
    )


async def _target(workspace: Workspace, route: RouteSettings, project: str, *, kind: str) -> TargetNow:
    client = await workspace.client(route.target)
    offered = {one.name: one.models_expire_on async for one in client.list_training_config_versions(kind=kind)}
    if not await client.project_exists(project):
        return TargetNow(kind=None, file=None, models=(), deployments={}, config_versions=offered)
    exported = await client.export_project(project, timeout=workspace.settings.backup.job_timeout)
    file = await asyncio.to_thread(
        lambda: read_project_file(exported.data, source=f"export of {route.target}/{project}")
    )
    return TargetNow(
        kind=(await client.get_project(project)).kind,
        file=file,
        models=tuple([ModelNow(one.label, one.last_trained_at) async for one in client.list_models(project)]),
        deployments={one.name: one.model_label async for one in client.list_deployments(project)},
        config_versions=offered,
    )


async def _passed_before(workspace: Workspace, route: RouteSettings, project: str) -> list[Passed]:
    """What passed the route that comes before: where it leads to, the project is called as that route says."""
    if route.after is None:
        return []
    earlier = workspace.settings.route(route.after)
    there = project if earlier.target == route.source else earlier.target_project(project)
    vault = await workspace.vault()
    promotions = await vault.promotions.of_project(earlier.target, there)
    return [one for promotion in promotions if (one := passed_of(promotion)) is not None]


async def _golden(route: RouteSettings) -> tuple[GoldenUtterance, ...] | None:
    path = route.gate.golden
    if path is None:
        return None
    return read_golden(await asyncio.to_thread(read_file, str(path)), source=str(path))
