"""The ledger in a store: what others do to it, and what the store does."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn

import pytest

from cluvault.errors import NotAVault, ObjectExists, ObjectLocked, ObjectNotFound, StorageDenied, StoreUnavailable
from cluvault.plan.keys import BUDGETS, budget_key
from cluvault.plan.pace import Rate
from cluvault.vault.identity import write_identity
from cluvault.vault.ledger import CallLedger
from cluvault.vault.memory import MemoryStore

if TYPE_CHECKING:
    from cluvault.errors import VaultError
    from cluvault.model.ledger import LedgerEntry

ENDPOINT = "https://contoso.example.com"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Store(MemoryStore):
    """A store with a clock, and with weaknesses on request."""

    def __init__(self) -> None:
        self.moment = START
        self.loses_replies = False
        self.locks: VaultError | None = None
        self.hides = False
        super().__init__(now=lambda: self.moment)

    async def put_new(self, key: str, body: bytes) -> None:
        await super().put_new(key, body)
        if self.loses_replies:
            raise ObjectExists("the reply was lost, and boto3 tried again")

    async def get(self, key: str) -> bytes:
        if self.hides and key.startswith(BUDGETS):
            raise ObjectNotFound("not yet there")
        return await super().get(key)

    async def delete(self, key: str) -> None:
        if self.locks is not None:
            raise self.locks
        await super().delete(key)

    async def numbers(self) -> list[int]:
        """The entries that there are."""
        return [int(one.key[-15:-5]) async for one in self.list(BUDGETS)]


@pytest.fixture
async def store() -> Store:
    """A vault."""
    store = Store()
    await write_identity(store, "the-id")
    return store


def ledger(store: Store, holder: str = "a") -> CallLedger:
    """A process's view."""
    return CallLedger(
        store,
        ENDPOINT,
        holder=holder,
        now=lambda: store.moment,
        steady=lambda: store.moment.timestamp(),  # noqa: PLW0108  # the moment moves
        sleep=lambda _seconds: asyncio.sleep(0),
    )


async def book(one: CallLedger) -> tuple[int, LedgerEntry]:
    """A claim."""
    return await one.book("writes", rate=Rate(10), spent=(), refusals=(), books=True)


async def test_numbers_go_up_and_each_is_booked_once(store: Store) -> None:
    """Two processes at once: one compares its clock, both book, no number twice."""
    found = await asyncio.gather(*(book(one) for one in (ledger(store, "a"), ledger(store, "b"))))
    numbers = [number for number, _ in found]
    assert len(set(numbers)) == 2
    last = max(found, key=lambda one: one[0])[1]
    assert {one.holder for one in last.claims} == {"a", "b"}


async def test_whoever_wrote_the_last_entry_does_not_look(store: Store) -> None:
    """Alone, a claim is one request."""
    one = ledger(store)
    await book(one)
    await store.delete(budget_key(ENDPOINT, "writes", 1))
    assert (await book(one))[0] == 3


async def test_a_lost_reply_is_no_lost_number(store: Store) -> None:
    """What is there and ours was written by us."""
    one = ledger(store)
    await book(one)
    store.loses_replies = True
    number, entry = await book(one)
    assert (number, len(entry.claims)) == (3, 2)


async def test_a_damaged_entry_is_passed_over(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """The count begins anew, and a line says so."""
    await store.put_new(budget_key(ENDPOINT, "writes", 7), b"{")
    with caplog.at_level(logging.WARNING):
        number, entry = await book(ledger(store))
    assert (number, len(entry.claims)) == (9, 1)
    assert "the ledger goes on without it" in caplog.text


async def test_no_vault_no_ledger(store: Store) -> None:
    """Nothing is written into a place that is none."""
    await store.delete("cluvault.json")
    with pytest.raises(NotAVault):
        await book(ledger(store))
    assert await store.numbers() == []


@pytest.mark.parametrize("refusal", [ObjectLocked("until the year's end"), StorageDenied("no right to delete")])
async def test_old_entries_are_removed_by_whoever_lists(store: Store, refusal: VaultError) -> None:
    """And by a process that is alone; where they may not be removed, they stay and say nothing."""
    one = ledger(store)
    for _ in range(5):
        await book(one)
    store.moment += timedelta(seconds=605)
    store.locks = refusal
    await book(one)
    assert await store.numbers() == [1, 2, 3, 4, 5, 6, 7]
    store.locks = None
    await book(ledger(store, "b"))
    assert await store.numbers() == [7, 8, 9]
    store.moment += timedelta(seconds=100)
    await book(one)
    store.moment += timedelta(seconds=601)
    await book(one)
    assert await store.numbers() == [8, 9, 10, 11]


async def test_a_store_that_lists_what_it_does_not_give_is_given_up(store: Store) -> None:
    """After some tries; so is one where others are always quicker."""
    await book(ledger(store))
    store.hides = True
    with pytest.raises(StoreUnavailable, match="lists an entry that it does not give"):
        await ledger(store, "b").look("writes")


@pytest.mark.parametrize("booked", [0, 1])
async def test_others_are_always_quicker(store: Store, monkeypatch: pytest.MonkeyPatch, booked: int) -> None:
    """Then the process goes by its own count; nothing goes round for ever."""
    one = ledger(store)
    for _ in range(booked):
        await book(one)

    async def taken(_key: str, _body: bytes) -> NoReturn:
        raise ObjectExists("taken")

    monkeypatch.setattr(store, "put_new", taken)
    with pytest.raises(StoreUnavailable, match="others are quicker"):
        await book(one)


async def test_moments_are_by_the_stores_clock(store: Store) -> None:
    """A machine whose clock is an hour ahead books as the others do; one that agrees keeps its own."""
    wrong = CallLedger(
        store,
        ENDPOINT,
        holder="w",
        now=lambda: store.moment + timedelta(hours=1),
        steady=lambda: store.moment.timestamp() - 77,
    )
    assert (await book(wrong))[1].claims[-1].moment == pytest.approx(START.timestamp(), abs=1)
    assert (await book(ledger(store)))[1].claims[-1].moment == pytest.approx(START.timestamp(), abs=1)
