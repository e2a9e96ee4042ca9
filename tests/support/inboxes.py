"""An inbox and a queue in memory, and an inbox in a folder, for operations; the real ones are tested in tests/inbox."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING

from cluvault.errors import ObjectNotFound, ObjectTooLarge
from cluvault.inbox.queue import Message
from cluvault.plan.inbox import Standing
from cluvault.vault.folder import FolderStore
from cluvault.vault.memory import MemoryStore
from cluvault.vault.store import check_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class MemoryInbox(MemoryStore):
    """A bucket in memory; `before` is called with the verb before each of its own."""

    def __init__(self, *, now: Callable[[], datetime]) -> None:
        super().__init__(now=now)
        self.before: Callable[[str], None] = lambda _verb: None

    @property
    def url(self) -> str:
        return "s3://clu"

    def put(self, key: str, body: bytes) -> None:
        """Put an object, over another if need be."""
        self._objects[key] = body, self._now()

    def body(self, prefix: str, ending: str = "") -> bytes:
        """The one object whose key starts and ends so."""
        (found,) = [key for key in self._objects if key.startswith(prefix) and key.endswith(ending)]
        return self._objects[found][0]

    def keys(self, prefix: str = "") -> list[str]:
        """What is there."""
        return sorted(key for key in self._objects if key.startswith(prefix))

    async def look(self, key: str) -> Standing:
        self.before("look")
        try:
            body, modified = self._objects[check_key(key)]
        except KeyError:
            raise ObjectNotFound(f"no object {key}") from None
        return Standing(key, len(body), modified, sha256(body).hexdigest())

    async def read(self, standing: Standing, *, limit: int) -> bytes:
        self.before("read")
        if await self.look(standing.key) != standing:
            raise ObjectNotFound(f"no object {standing.key} any more")
        if standing.size > limit:
            raise ObjectTooLarge(f"{standing.key}: has {standing.size} bytes, at most {limit} are read")
        return self._objects[standing.key][0]

    async def copy(self, standing: Standing, key: str) -> None:
        self.before("copy")
        self._objects[key] = self._objects[standing.key][0], self._now()

    async def remove(self, standing: Standing) -> bool:
        self.before("remove")
        there = self._objects.get(standing.key)
        if there is None:
            return True
        if await self.look(standing.key) != standing:
            return False
        del self._objects[standing.key]
        return True


class FolderInbox(FolderStore):
    """A bucket in a folder, for what has to outlive a process that is killed."""

    @property
    def url(self) -> str:
        return "s3://clu"

    async def look(self, key: str) -> Standing:
        async for one in self.list(key):
            if one.key == key:
                return Standing(key, one.size, one.modified, sha256(await self.get(key)).hexdigest())
        raise ObjectNotFound(f"no object {key}")

    async def read(self, standing: Standing, *, limit: int) -> bytes:  # noqa: ARG002  # as the contract says
        return await self.get(standing.key)

    async def copy(self, standing: Standing, key: str) -> None:
        await self.put_new(key, await self.get(standing.key))

    async def remove(self, standing: Standing) -> bool:
        await self.delete(standing.key)
        return True

    async def all(self, prefix: str = "") -> dict[str, bytes]:
        """Every object below a prefix."""
        return {one.key: await self.get(one.key) async for one in self.list(prefix)}


@dataclass
class MemoryQueue:
    """A queue in memory. Messages that were received come again at `come_again`."""

    visible: list[Message] = field(default_factory=list[Message])
    hidden: dict[str, Message] = field(default_factory=dict[str, Message])
    numbers: count[int] = field(default_factory=count)
    extended: int = 0
    url: str = "memory://queue"

    def send(self, *bodies: bytes) -> None:
        """Send messages."""
        self.visible += [Message(body, f"m{next(self.numbers)}", 0) for body in bodies]

    def come_again(self) -> None:
        """The time of what is hidden is over."""
        self.visible += self.hidden.values()
        self.hidden.clear()

    async def receive(self, most: int, *, wait: float = 0) -> list[Message]:  # noqa: ARG002  # as the contract says
        found, self.visible = self.visible[: min(most, 10)], self.visible[min(most, 10) :]
        for one in found:
            one.receives += 1
            self.hidden[one.message_id] = one
        return found

    async def extend(self, message: Message) -> None:  # noqa: ARG002
        self.extended += 1

    async def acknowledge(self, message: Message) -> None:
        self.hidden.pop(message.message_id, None)

    async def aclose(self) -> None:
        return

    @property
    def left(self) -> int:
        """Messages that are not acknowledged."""
        return len(self.visible) + len(self.hidden)
