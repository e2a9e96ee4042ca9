"""Have somebody else take in what an inbox's queue tells of, and acknowledge its messages when they have it.

The first batch goes at once, or nearly. What comes soon after it is collected for the next: somebody else is a flow
run, which takes seconds to begin, and a burst that comes in one by one would make one of every few of its objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.inbox.queue import kept_hidden
from cluvault.ops.fanout import at_once
from cluvault.ops.intake import MOST_AT_ONCE, objects_of, receive, refuse_message

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Sequence

    from cluvault.inbox.queue import Message, Queue
    from cluvault.ops.intake import Delivery
    from cluvault.ops.take_in import InboxObject
    from cluvault.ops.workspace import Workspace

WAIT_SECONDS: Final = 5.0
PACE_SECONDS: Final = 10.0
_GATHER_SECONDS: Final = 1.0
"""For how long a stream that does not pause is received before its first batch goes."""
_CHUNK: Final = 50
_ACKNOWLEDGED_AT_ONCE: Final = 8


class HandingOver:
    """Hands over what the queues of inboxes tell of.

    Args:
        workspace: The world.
        hand_over: Returns when it is certain that somebody takes the objects in.
        stop: Set when it is enough: nothing more is waited for then.
        pace_seconds: The time from one batch of an inbox to the next.
    """

    def __init__(
        self,
        workspace: Workspace,
        hand_over: Callable[[Sequence[InboxObject]], Awaitable[None]],
        *,
        stop: asyncio.Event,
        pace_seconds: float = PACE_SECONDS,
    ) -> None:
        self._workspace = workspace
        self._hand_over = hand_over
        self._stop = stop
        self._pace = pace_seconds
        self._last: dict[str, float] = {}

    async def batch(self, name: str) -> bool:
        """Hand over what there is of an inbox, then acknowledge it; whether there was anything.

        An inbox without a queue has nothing to say: its objects are found by the scheduled look.
        """
        queue = self._workspace.queue(name)
        if queue is None:
            return False
        deliveries = await receive(self._workspace, name, queue, wait=WAIT_SECONDS, most=_CHUNK)
        messages = [one.message for one in deliveries]
        seconds = self._workspace.settings.inbox(name).visibility_seconds
        async with kept_hidden(queue, messages, seconds=seconds):
            if deliveries:
                await self._gather(name, queue, deliveries, messages)
            if objects := objects_of(deliveries):
                await self._hand_over(objects)
                self._last[name] = self._workspace.steady()
            await self._acknowledge(name, queue, deliveries)
        return bool(deliveries)

    async def _gather(self, name: str, queue: Queue, deliveries: list[Delivery], messages: list[Message]) -> None:
        """Add what is there already, and what comes until the next batch's time has come."""
        now = self._workspace.steady()
        until = self._last.get(name, now - self._pace) + self._pace
        while (room := MOST_AT_ONCE - len(deliveries)) > 0 and not self._stop.is_set():
            left = until - self._workspace.steady()
            wait = min(max(left, 0.0), WAIT_SECONDS)
            more = await receive(self._workspace, name, queue, wait=wait, most=min(room, _CHUNK))
            deliveries += more
            messages += [one.message for one in more]
            is_time = self._workspace.steady() >= max(until, now + _GATHER_SECONDS)
            if is_time or (not more and left <= 0):
                break

    async def _acknowledge(self, name: str, queue: Queue, deliveries: Sequence[Delivery]) -> None:
        """What can never be carried out is kept with its reason first."""

        async def acknowledge(one: Delivery) -> None:
            if one.fault:
                await refuse_message(self._workspace, name, one.message, one.fault)
            await queue.acknowledge(one.message)

        await at_once(deliveries, acknowledge, concurrency=_ACKNOWLEDGED_AT_ONCE)
