"""One run over many projects: bounded, and one failure does not stop the rest."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, TypeVar

from cluvault.errors import CluvaultError
from cluvault.model.run import Outcome, RunItem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")
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
    places = asyncio.Semaphore(concurrency)

    async def guarded(target: T) -> RunItem:
        async with places:
            try:
                item = await run_one(target)
            except CluvaultError as err:
                item = failed_item(*name(target), err)
            except Exception as err:  # noqa: BLE001  # a fault of ours in one project must not cost the others their run
                _log.exception("unexpected error")
                item = failed_item(*name(target), err)
        on_done(item)
        return item

    return list(await asyncio.gather(*map(guarded, targets)))


def failed_item(resource: str, project: str, err: Exception) -> RunItem:
    """The item of a project that an error ended."""
    text = str(err) if isinstance(err, CluvaultError) else f"unexpected {type(err).__name__}: {err}"
    return RunItem(resource=resource, project=project, outcome=Outcome.FAILED, detail=text)
