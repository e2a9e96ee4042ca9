"""Carrying a promotion on: step after step, turned round by what fails, until it has ended or a person has to act."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError, LeaseLost, ProbeFailed
from cluvault.model.promotion import Abandoned, RollbackBegun, RolledBack
from cluvault.ops import promotion_steps as forward
from cluvault.ops import promotion_undo as back
from cluvault.ops.promotion_work import note
from cluvault.ops.report import add_mend
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.promotion import Promotion, Step, next_step

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cluvault.model.promotion import Cause
    from cluvault.ops.workspace import Workspace

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
