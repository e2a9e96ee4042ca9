"""A store that is away for a while is waited for, once, and whatever came of a call whose reply was lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

import pytest

from cluvault.errors import ObjectExists, ObjectNotFound, StoreUnavailable
from cluvault.vault.memory import MemoryStore
from cluvault.vault.patient import PatientStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.model.object_info import ObjectInfo

T = TypeVar("T")


class Away(MemoryStore):
    """A store that is away between two moments of a clock that only waiting moves.

    Attributes:
        does: Whether it does all the same what it is asked for, and only the reply is lost.
        breaks: After how many objects its listings break off, then.
        lasts: For how long a call hangs then before it fails.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.span = (float("inf"), float("inf"))
        self.does = False
        self.breaks = 0
        self.lasts = 0.0
        self.calls = 0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def get(self, key: str) -> bytes:
        if self._is_away() and self.lasts:
            await asyncio.sleep(0)  # others come meanwhile
            await self.sleep(self.lasts)
        self._answer()
        return await super().get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        if self.does and self._is_away():
            await super().put_new(key, body)
        self._answer()
        await super().put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        async for number, found in _counted(super().list(prefix)):
            if number >= self.breaks:
                self._answer()
            yield found
        self._answer()

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        async for number, found in _counted(super().folders(prefix)):
            if number >= self.breaks:
                self._answer()
            yield found
        self._answer()

    async def delete(self, key: str) -> None:
        self._answer()
        await super().delete(key)

    def _is_away(self) -> bool:
        return self.span[0] <= self.now < self.span[1]

    def _answer(self) -> None:
        self.calls += 1
        if self._is_away():
            raise StoreUnavailable("memory: the store is away")


async def _counted(found: AsyncIterator[T]) -> AsyncIterator[tuple[int, T]]:
    number = 0
    async for one in found:
        yield number, one
        number += 1


@pytest.fixture
async def away() -> Away:
    """A store with two objects, which has just gone away for a minute."""
    store = Away()
    await store.put_new("a/1", b"one")
    await store.put_new("b/2", b"two")
    return store


async def patient(store: Away, seconds: float = 120.0) -> PatientStore:
    """A patient view of it, from the time before it went."""
    found = PatientStore(store, seconds=seconds, clock=lambda: store.now, sleep=store.sleep)
    assert await found.get("a/1") == b"one"
    store.span = (store.now, store.now + 60)
    return found


async def test_every_verb_waits(away: Away) -> None:
    """And does its work when the store is back."""
    store = await patient(away)
    assert await store.get("a/1") == b"one"
    assert away.now >= 60
    for verb in (store.delete("b/2"), store.put_new("c/3", b"three")):
        away.span = (away.now, away.now + 60)
        await verb
    assert [found.key async for found in away.list()] == ["a/1", "c/3"]


@pytest.mark.parametrize("breaks", [0, 1, 2])
async def test_a_listing_that_breaks_off_goes_on(away: Away, breaks: int) -> None:
    """Nothing is given twice, nothing is left out."""
    store = await patient(away)
    away.breaks = breaks
    assert [found.key async for found in store.list()] == ["a/1", "b/2"]
    away.span = (away.now, away.now + 60)
    assert [found async for found in store.folders()] == ["a/", "b/"]


async def test_a_write_whose_reply_was_lost_was_ours(away: Away) -> None:
    """Written in the first try, found in the second; what holds other bytes is somebody else's."""
    store = await patient(away)
    away.does = True
    await store.put_new("c/3", b"three")
    with pytest.raises(ObjectExists):
        await store.put_new("c/3", b"three")
    away.span = (away.now, away.now + 60)
    away.does = False
    with pytest.raises(ObjectExists):
        await store.put_new("a/1", b"another")


async def test_patience_is_of_one_absence(away: Away) -> None:
    """When it is over everybody fails, and after that at once; back again, the store is believed again."""
    store = await patient(away)
    away.span = (0.0, 1000.0)
    with pytest.raises(StoreUnavailable, match="waited for it in vain for 120 s"):
        await store.get("a/1")
    assert 119 <= away.now <= 121
    calls = away.calls
    for said in ("memory: the store is away", "asked again just now", "asked again just now"):
        with pytest.raises(StoreUnavailable, match=said):
            await store.get("a/1")
    assert away.calls == calls + 1
    for _ in range(3):
        away.now += 10
        with pytest.raises(StoreUnavailable, match="memory: the store is away"):
            await store.get("a/1")
    assert away.calls == calls + 4
    away.span = (0.0, 0.0)
    away.now += 10
    await store.check()
    assert not store.gave_up
    with pytest.raises(ObjectNotFound):
        await store.get("nothing")
    away.span = (away.now, away.now + 60)
    assert await store.get("a/1") == b"one"


async def test_after_patience_one_asks_for_all(away: Away) -> None:
    """Whoever comes while it asks is told at once that the store is away, for to be asked may take minutes."""
    store = await patient(away)
    away.span = (0.0, 1000.0)
    with pytest.raises(StoreUnavailable):
        await store.get("a/1")
    away.now += 10
    away.lasts = 95.0
    calls = away.calls
    found = await asyncio.gather(*(store.get("a/1") for _ in range(5)), store.check(), return_exceptions=True)
    assert [type(one) for one in found] == [StoreUnavailable] * 6
    assert away.calls == calls + 1
    away.now += 10
    away.span = (0.0, 0.0)
    assert [one.key async for one in store.list()] == ["a/1", "b/2"]


@pytest.mark.parametrize("lasts, tries", [(20.0, 6), (95.0, 2), (300.0, 2)])
async def test_the_time_in_which_a_store_says_nothing_counts(away: Away, lasts: float, tries: int) -> None:
    """Patience begins with the call that fails, not with its failure; but nothing is given up after one try."""
    store = await patient(away)
    away.span, away.lasts, calls = (0.0, 10_000.0), lasts, away.calls
    with pytest.raises(StoreUnavailable):
        await store.get("a/1")
    assert away.calls == calls + tries


async def test_an_answer_to_somebody_else_counts(away: Away) -> None:
    """A call that hung for long before it failed says of the time before that answer nothing."""
    store = await patient(away)
    away.span, away.lasts = (0.0, 10_000.0), 50.0

    async def other() -> None:
        away.now, away.span = 290.0, (0.0, 0.0)
        assert [one async for one in store.list("b/")]
        away.span = (0.0, 10_000.0)

    hanging, _ = await asyncio.gather(store.get("a/1"), other(), return_exceptions=True)
    assert isinstance(hanging, StoreUnavailable)
    assert away.now == 290 + 50 + 0.5 + 50 + 1 + 50


async def test_what_was_never_there_is_not_waited_for(away: Away) -> None:
    """A wrong address is told at once; so is all without patience."""
    away.span = (0.0, 60.0)
    with pytest.raises(StoreUnavailable):
        await PatientStore(away, seconds=120.0, clock=lambda: away.now, sleep=away.sleep).get("a/1")
    away.span = (99.0, 99.0)
    store = await patient(away, seconds=0.0)
    with pytest.raises(StoreUnavailable):
        await store.get("a/1")
    assert away.now == 0.0
    assert store.url == away.url
    await store.aclose()


class Vanishing(Away):
    """Where somebody else's object is there for the moment of a write only."""

    async def put_new(self, key: str, body: bytes) -> None:
        if self.now < 60:
            raise StoreUnavailable("away")
        await super().put_new(key, body)
        await self.delete(key)
        raise ObjectExists("there it was")


async def test_what_is_gone_again_is_not_called_ours() -> None:
    """Written by somebody, and removed by a prune before we look."""
    gone = Vanishing()
    store = PatientStore(gone, seconds=120.0, clock=lambda: gone.now, sleep=gone.sleep)
    store.has_answered = True
    with pytest.raises(ObjectExists):
        await store.put_new("c/3", b"three")
