"""Many things at once, bounded; and one run over many projects, in which one failure does not stop the rest."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from cluvault.errors import CluvaultError
from cluvault.model.run import Outcome, RunItem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")
R = TypeVar("R")
_log = logging.getLogger(__name__)


def ignore(_item: RunItem) -> None:
    """The observer of a run that nobody watches."""


async def for_each(
    targets: Sequence[T],
    run_one: Callable[[T], Awaitable[RunItem]],
    *,
    concurrency: int,
    name: Callable[[T], tuple[str, str]],
    on_done: Callable[[RunItem], None] = ignore,
) -> list[RunItem]:
    """Run `run_one` for each target, at most `concurrency` at once; results in the targets' order.

    An error becomes a failed item with its message. `name` gives a target's resource and project.
    """
    return await try_each(
        targets,
        run_one,
        concurrency=concurrency,
        failed=lambda target, err: failed_item(*name(target), err),
        on_done=on_done,
    )


async def try_each(
    targets: Sequence[T],
    run_one: Callable[[T], Awaitable[R]],
    *,
    concurrency: int,
    failed: Callable[[T, Exception], R],
    on_done: Callable[[R], None],
) -> list[R]:
    """The same for results of any kind; `failed` makes one of an error."""

    async def guarded(target: T) -> R:
        try:
            result = await run_one(target)
        except CluvaultError as err:
            result = failed(target, err)
        except Exception as err:  # noqa: BLE001  # a fault of ours in one project must not cost the others their run
            _log.exception("unexpected error")
            result = failed(target, err)
        on_done(result)
        return result

    return await at_once(targets, guarded, concurrency=concurrency)


async def at_once(targets: Sequence[T], run_one: Callable[[T], Awaitable[R]], *, concurrency: int) -> list[R]:
    """Run `run_one` for each target, at most `concurrency` at once; results in the targets' order.

    The first error cancels what is under way, is waited out, and raised: nothing goes on behind the caller's back.
    There are as many asyncio tasks as things at once, however many targets there are.
    """
    results: dict[int, R] = {}
    waiting = iter(enumerate(targets))

    async def work() -> None:
        for place, target in waiting:
            results[place] = await run_one(target)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(concurrency, len(targets))):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [results[place] for place in range(len(targets))]


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await what must not be cut in the middle: whoever cancels it waits for its end.

    It runs in a task of its own, for some who cancel do so again at every await.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as err:
            cancelled = err
    if cancelled is not None:
        task.exception()  # looked at; being cancelled says more
        raise cancelled
    return task.result()


async def together(one: Coroutine[Any, Any, A], two: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Await two things at once; the first error ends the other and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(two)
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return first.result(), second.result()


def failed_item(resource: str, project: str, err: Exception) -> RunItem:
    """The item of a project that an error ended."""
    return RunItem(resource=resource, project=project, outcome=Outcome.FAILED, detail=sentence_of(err))


def sentence_of(err: Exception) -> str:
    """What a report says of an error."""
    return str(err) if isinstance(err, CluvaultError) else f"unexpected {type(err).__name__}: {err}"
