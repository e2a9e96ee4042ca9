"""Room in memory for project files that are worked on: small ones side by side, large ones one at a time.

To parse a project file and to find out what it means takes about five times its size, so what is under way together is
bounded by bytes. Whoever comes first goes first: small files do not keep a large one waiting for good.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from cluvault.plan.room import fits

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

BYTES_AT_ONCE: Final = 8 * 2**20
"""Of project files as the service gives them; eight usual ones, or one large."""


class Room:
    """So many bytes that may be worked on at once, shared by all that runs in one event loop.

    Args:
        most: How many.
    """

    def __init__(self, most: int = BYTES_AT_ONCE) -> None:
        self._most = most
        self._taken: list[int] = []
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def of(self, weight: int) -> AsyncGenerator[None]:
        """Have room for so many bytes. Whoever has some waits for no more: two that did would wait for each other."""
        await self._take(weight)
        try:
            yield
        finally:
            self._taken.remove(weight)
            self._let_in()

    async def _take(self, weight: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was let in, and cancelled in the same moment
                self._taken.remove(weight)
            self._let_in()
            raise

    def _let_in(self) -> None:
        while self._waiting:
            weight, turn = self._waiting[0]
            if not (turn.cancelled() or fits(weight, self._taken, most=self._most)):
                return
            self._waiting.popleft()
            if not turn.cancelled():
                self._taken.append(weight)
                turn.set_result(None)
