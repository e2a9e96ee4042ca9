"""The contract of a queue: a message is hidden while it is worked on, and comes again unless it is acknowledged."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from cluvault.errors import VaultError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence


@dataclass(slots=True)
class Message:
    """A message that was received.

    Attributes:
        body: What it says.
        message_id: The queue's name for it.
        receives: How often it has been received by now.
        handle: What the queue needs to find it again; it changes when its time is extended.
    """

    body: bytes
    message_id: str
    receives: int
    handle: Any = None


class Queue(Protocol):
    """Messages at least once, in any order. Every verb may raise StoreUnavailable or StorageDenied."""

    @property
    def url(self) -> str:
        """Where it is, for messages; never holds a credential."""
        ...

    async def receive(self, most: int, *, wait: float = 0) -> list[Message]:
        """Some messages, hidden from others for the queue's time; waits for the first for `wait` seconds."""
        ...

    async def extend(self, message: Message) -> None:
        """Hide it for that time once more."""
        ...

    async def acknowledge(self, message: Message) -> None:
        """Remove it for good."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...


@asynccontextmanager
async def kept_hidden(queue: Queue, messages: Sequence[Message], *, seconds: float) -> AsyncGenerator[None]:
    """Extend the messages' time again and again until the block ends; a third of it may pass between two times."""

    async def extend() -> None:
        while True:
            await asyncio.sleep(seconds / 3)
            for message in messages:
                with suppress(VaultError):  # it comes again, and what is done is recognised then
                    await queue.extend(message)

    extending = asyncio.create_task(extend())
    try:
        yield
    finally:
        extending.cancel()
        with suppress(asyncio.CancelledError):
            await extending
