"""A store that waits while another one is away for a while: what was there a moment ago most likely comes back.

What cannot be reached at all, because its address is wrong, fails at once: only a store that has answered before is
waited for. The patience is of one absence, however many wait: when it is over they all give up, and each call after
that is tried once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, TypeVar

from cluvault.errors import ObjectExists, ObjectNotFound, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cluvault.model.object_info import ObjectInfo
    from cluvault.vault.store import ObjectStore

T = TypeVar("T")
_log: Final = logging.getLogger(__name__)
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 10.0


class _Waiting:
    """One call that waits for the store."""

    def __init__(self, store: PatientStore) -> None:
        self._store = store
        self._since: float | None = None
        self._delay = _FIRST_DELAY

    async def out(self, err: StoreUnavailable) -> None:
        """Wait a while, or raise the error when that has been done for long enough."""
        now = self._store.clock()
        self._since = now if self._since is None else self._since
        left = self._store.seconds - max(now - self._since, self._store.away_for(now))
        if left <= 0 or not self._store.has_answered:
            raise err
        if self._delay == _FIRST_DELAY:
            _log.warning("%s; waiting for it", err.message)
        await self._store.sleep(min(self._delay, left))
        self._delay = min(2 * self._delay, _LONGEST_DELAY)


class PatientStore:
    """An object store that is waited for.

    Args:
        inner: The store.
        seconds: For how long.
        clock: Seconds that go on in sleep.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        inner: ObjectStore,
        *,
        seconds: float,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.seconds = seconds
        self.clock = clock
        self.sleep = sleep
        self.has_answered = False
        self._inner = inner
        self._away_since: float | None = None

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._inner.url

    def away_for(self, now: float) -> float:
        """For how long the store has not answered anybody, from now on if it did just before."""
        if self._away_since is None:
            self._away_since = now
        return now - self._away_since

    async def get(self, key: str) -> bytes:
        """The whole body."""
        return await self._patiently(lambda: self._inner.get(key))

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a body; one that is found there after a failure is ours, if it is the same: only the reply was lost."""
        waiting = _Waiting(self)
        has_failed = False
        while True:
            try:
                await self._inner.put_new(key, body)
            except StoreUnavailable as err:
                has_failed = True
                await waiting.out(err)
            except ObjectExists:
                self._answered()
                if not (has_failed and await self._holds(key, body)):
                    raise
                return
            else:
                self._answered()
                return

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        """Complete objects; a listing that broke off goes on behind what it gave."""
        waiting, last = _Waiting(self), ""
        while True:
            try:
                async for found in self._inner.list(prefix):
                    if found.key > last:
                        last = found.key
                        yield found
            except StoreUnavailable as err:
                await waiting.out(err)
            else:
                self._answered()
                return

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        """What is directly below `prefix`; likewise."""
        waiting, last = _Waiting(self), ""
        while True:
            try:
                async for found in self._inner.folders(prefix):
                    if found > last:
                        last = found
                        yield found
            except StoreUnavailable as err:
                await waiting.out(err)
            else:
                self._answered()
                return

    async def delete(self, key: str) -> None:
        """Remove an object."""
        await self._patiently(lambda: self._inner.delete(key))

    async def aclose(self) -> None:
        """Release connections."""
        await self._inner.aclose()

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        waiting = _Waiting(self)
        while True:
            try:
                found = await call()
            except StoreUnavailable as err:
                await waiting.out(err)
            except ObjectNotFound:
                self._answered()
                raise
            else:
                self._answered()
                return found

    async def _holds(self, key: str, body: bytes) -> bool:
        try:
            return await self.get(key) == body
        except ObjectNotFound:
            return False

    def _answered(self) -> None:
        self.has_answered = True
        self._away_since = None
