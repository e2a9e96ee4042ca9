"""A store that waits while another one is away for a while: what was there a moment ago most likely comes back.

What cannot be reached at all, because its address is wrong, fails at once: only a store that has answered before is
waited for. The patience is of one absence, however many wait, and begins with the first call that failed in the end,
not with its failure: a store that accepts connections and says nothing is as absent as one that refuses them. When it
is over they all give up. After that one call at a time finds out whether the store is back; whoever comes meanwhile, or
right after one that was in vain, is told so at once, so that a run with much to do comes to its end.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from cluvault.errors import ObjectExists, ObjectNotFound, StoreUnavailable
from cluvault.plan.keys import ROOT_KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator

    from cluvault.model.object_info import ObjectInfo
    from cluvault.vault.store import ObjectStore

T = TypeVar("T")
_log: Final = logging.getLogger(__name__)
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 10.0
_LEAST_TRIES: Final = 2
"""Also when the first took all of the patience: what broke off after minutes may have been a large body."""
_QUIET: Final = 5.0
"""Seconds for which nobody asks again, after patience is over and one more try failed."""


class _Waiting:
    """One call that waits for the store."""

    def __init__(self, store: PatientStore) -> None:
        self._store = store
        self._began: float | None = None
        self._since: float | None = None
        self._delay = _FIRST_DELAY
        self._tries = 0
        self._slept = 0.0

    @contextmanager
    def asking(self) -> Generator[None]:
        """One try, if the store may be asked. Raises StoreUnavailable."""
        self._began = None
        with self._store.asking():
            self._began = self._store.clock()
            yield

    async def out(self, err: StoreUnavailable) -> None:
        """Wait a while, or raise the error when that has been done for long enough."""
        if self._began is None:  # it was not even asked
            raise err
        store, now = self._store, self._store.clock()
        began = store.last_seen_before(self._began)
        self._since = began if self._since is None else self._since
        self._tries += 1
        left = store.seconds - max(now - self._since, now - store.away_from(began))
        is_over = left <= 0 and (self._tries >= _LEAST_TRIES or store.gave_up or not store.seconds)
        if is_over or not store.has_answered:
            raise store.give_up(err, began, waited=now - self._since if self._slept else 0)
        store.tell_of(err)
        delay = min(self._delay, max(left, _FIRST_DELAY))
        self._slept += delay
        await store.sleep(delay)
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
        self._answered_at = float("-inf")
        self._in_vain: StoreUnavailable | None = None
        self._asked_at = float("-inf")
        self._is_asked = False
        self._is_told = False
        self._returns = 0

    @property
    def url(self) -> str:
        """Where the store is."""
        return self._inner.url

    @property
    def gave_up(self) -> bool:
        """Whether patience is over, and nobody was answered since."""
        return self._in_vain is not None

    @property
    def returns(self) -> int:
        """How often the store was away and came back."""
        return self._returns

    async def check(self) -> None:
        """See whether the store is back, if patience with it is over.

        Raises:
            StoreUnavailable: it is not.
        """
        if self.gave_up:
            with suppress(ObjectNotFound):
                await self.get(ROOT_KEY)

    def ask_again(self) -> None:
        """Let the next call ask in any case: for one that is worth it."""
        self._asked_at = float("-inf")

    # --- for calls that wait

    def last_seen_before(self, began: float) -> float:
        """Since when nothing is known of the store, for a call that began then."""
        return max(began, self._answered_at)

    def away_from(self, began: float) -> float:
        """Since when the store has not answered anybody: from then on, if nobody was in want of it before."""
        if self._away_since is None:
            self._away_since = began
        return self._away_since

    def tell_of(self, err: StoreUnavailable) -> None:
        """Say once what is waited for."""
        if not self._is_told:
            self._is_told = True
            _log.warning("%s; waiting for it, for %.0f s at most", err.message, self.seconds)

    def give_up(self, err: StoreUnavailable, began: float, *, waited: float) -> StoreUnavailable:
        """The error for whoever has waited so long; the store is given up when it answered nobody else, either."""
        now = self.clock()
        if waited:
            err = StoreUnavailable(f"{err.message}; waited for it in vain for {waited:.0f} s", mend=err.mend)
        if self._in_vain is not None:
            self._asked_at = now
        elif self.has_answered and now - self.away_from(began) >= self.seconds:
            self._in_vain = err
        return err

    @contextmanager
    def asking(self) -> Generator[None]:
        """One try. After patience is over it is made by one at a time. Raises StoreUnavailable to the others."""
        if self._in_vain is None:
            yield
            return
        if self._is_asked or self.clock() - self._asked_at < _QUIET:
            raise StoreUnavailable(
                f"{self.url}: the store is away; it was waited for in vain, and asked again just now",
                mend=self._in_vain.mend,
            )
        self._is_asked = True
        try:
            yield
        finally:
            self._is_asked = False

    async def get(self, key: str) -> bytes:
        """The whole body."""
        return await self._patiently(lambda: self._inner.get(key))

    async def put_new(self, key: str, body: bytes) -> None:
        """Write a body; one that is found there after a failure is ours, if it is the same: only the reply was lost."""
        waiting = _Waiting(self)
        has_failed = False
        while True:
            try:
                with waiting.asking():
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
                with waiting.asking():
                    async for found in self._inner.list(prefix):
                        self._answered()
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
                with waiting.asking():
                    async for found in self._inner.folders(prefix):
                        self._answered()
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
                with waiting.asking():
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
        now = self.clock()
        if self._is_told and self._away_since is not None:
            self._is_told = False
            self._returns += 1
            _log.warning("%s: the store answers again, after %.0f s", self.url, now - self._away_since)
        self.has_answered = True
        self._answered_at = now
        self._away_since = self._in_vain = None
        self._asked_at = float("-inf")
