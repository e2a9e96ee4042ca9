"""recover: take up every promotion that has not ended and that nobody works on, and bring it to its end.

A worker that dies leaves its promotion to whoever comes next. This is who comes next, on a schedule, after a crash, or
by hand; the lease sees to it that nobody is disturbed who still works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import CluvaultError, DamagedRecord, LeaseHeld, LeaseLost, VaultError
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.fanout import at_once, failed_item, ignore
from cluvault.ops.promotion_course import carry_on
from cluvault.ops.promotions import list_promotions
from cluvault.ops.report import Report, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.ops.target_lease import working_on
from cluvault.plan.recovery import Unfinished, plan_recovery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import PromotionKey

_AT_ONCE: Final = 4
"""Target projects at once; most of the time each of them waits for the service."""


class RecoverOptions(BaseModel):
    """Which promotions to look at, and whether to act."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    place: str | None = Field(default=None, description="RESOURCE or RESOURCE/PROJECT of the target; none means all.")
    apply: bool = Field(default=False, description="Without it the plan is shown and nothing is changed.")
    patience: float = Field(
        default=0.0,
        ge=0,
        description="Seconds to watch a worker that may be dead. One that gives a sign of life is left alone at once.",
    )


@dataclass(frozen=True, slots=True)
class Unread:
    """A promotion that cannot be understood, and why."""

    key: PromotionKey
    problem: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class FoundUnfinished:
    """What was found.

    Attributes:
        promotions: Those that have not ended.
        unread: Those of which nobody can tell.
    """

    promotions: tuple[Unfinished, ...]
    unread: tuple[Unread, ...] = ()

    @property
    def due(self) -> tuple[Unfinished, ...]:
        """Those to take up."""
        return tuple(one for one in self.promotions if one.is_due)


@dataclass(frozen=True, slots=True)
class RecoverReport:
    """What was found and what became of it; `run` is None when nothing was taken up."""

    found: FoundUnfinished
    run: Report | None = field(default=None)

    @property
    def exit_code(self) -> int:
        """That of the run; 5 or 2 when a promotion cannot be understood."""
        return max((one.exit_code for one in self.found.unread), default=0) or (self.run.exit_code if self.run else 0)

    def to_json(self) -> JsonObject:
        """For programs."""
        return {
            "unfinished": [one.to_json() for one in self.found.promotions],
            "damaged": [{"promotion": str(one.key), "problem": one.problem} for one in self.found.unread],
            "run": None if self.run is None else self.run.to_json(),
        }


class PromotionsUnread(VaultError):
    """Promotions cannot be understood, so nobody can end them; the message names the first record."""

    exit_code = DamagedRecord.exit_code

    def __init__(self, unread: Sequence[Unread]) -> None:
        more = f" (and {len(unread) - 1} more promotions)" if len(unread) > 1 else ""
        super().__init__(f"{unread[0].problem}{more}")


async def recover(
    workspace: Workspace,
    options: RecoverOptions,
    *,
    run: Runner = run_directly,
    on_found: Callable[[FoundUnfinished], None] = lambda _found: None,
    on_done: Callable[[RunItem], None] = ignore,
) -> RecoverReport:
    """Find what has not ended; with `apply` take it up, each under its lease. One that fails does not stop the others.

    Raises:
        NotAVault: there is no vault.
    """
    started_at = workspace.now()
    found = await run(find_unfinished, workspace, options)
    on_found(found)
    if not options.apply or not found.due:
        return RecoverReport(found)
    by_target = [[*group] for _, group in groupby(found.due, key=lambda one: (one.key.resource, one.key.project))]

    async def one_after_another(group: Sequence[Unfinished]) -> list[RunItem]:
        items: list[RunItem] = []
        for one in group:
            items.append(await run(recover_promotion, workspace, one.key, options))
            on_done(items[-1])
        return items

    done = await at_once(by_target, one_after_another, concurrency=_AT_ONCE)
    items = [item for found_items in done for item in found_items]
    if all(item.outcome == Outcome.SKIPPED for item in items):
        return RecoverReport(found, Report("recover", "", tuple(items), record_key=""))
    resources = sorted({item.resource for item in items})
    return RecoverReport(found, await run(finish_run, workspace, "recover", started_at, resources, items))


async def find_unfinished(workspace: Workspace, options: RecoverOptions) -> FoundUnfinished:
    """The promotions that have not ended, and what is to be done with each."""
    unread: list[Unread] = []

    def on_fault(key: PromotionKey, fault: VaultError) -> None:
        unread.append(Unread(key, str(fault), fault.exit_code))

    promotions = await list_promotions(workspace, options.place, on_fault=on_fault)
    return FoundUnfinished(plan_recovery(promotions, now=workspace.now()), tuple(unread))


async def recover_promotion(workspace: Workspace, key: PromotionKey, options: RecoverOptions) -> RunItem:
    """Take one promotion up, if nobody works on it, and bring it as far as it goes without a person."""
    try:
        async with working_on(workspace, key, step="recover", patience=options.patience, only_from_the_dead=True):
            promotion = await (await workspace.vault()).promotions.load(key)
            before = promotion.last.facts.step
            promotion = await carry_on(workspace, promotion)
    except (LeaseHeld, LeaseLost) as err:
        return _item(key, Outcome.SKIPPED, str(err))
    except Exception as err:  # noqa: BLE001  # one that fails must not cost the others their recovery
        return await _after_failure(workspace, key, err)
    return _item(key, promotion.state, f"taken up after {before}")


async def _after_failure(workspace: Workspace, key: PromotionKey, err: Exception) -> RunItem:
    """The item of a promotion in which a step failed: it was undone because of that, or it still has not ended."""
    failed = failed_item(key.resource, key.project, err).model_copy(update={"snapshot_id": key.promotion_id})
    try:
        promotion = await (await workspace.vault()).promotions.load(key)
    except CluvaultError:
        return failed
    return _item(key, promotion.state, str(failed.detail)) if promotion.has_ended else failed


def _item(key: PromotionKey, outcome: str, detail: str) -> RunItem:
    return RunItem(
        resource=key.resource, project=key.project, outcome=outcome, snapshot_id=key.promotion_id, detail=detail
    )
