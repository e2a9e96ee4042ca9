"""Reading ahead: the next few things are under way while the first is looked at."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine

T = TypeVar("T")
R = TypeVar("R")


async def read_ahead(
    items: AsyncIterable[T], work: Callable[[T], Coroutine[Any, Any, R]], *, ahead: int
) -> AsyncGenerator[R]:
    """The results of `work`, in the items' order, at most `ahead` of them under way or waiting.

    Whoever does not go on to the end closes the generator: what is under way is ended then.
    """
    waiting: deque[asyncio.Task[R]] = deque()
    try:
        async for item in items:
            waiting.append(asyncio.create_task(work(item)))
            if len(waiting) == ahead:
                yield await waiting.popleft()
        while waiting:
            yield await waiting.popleft()
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
