"""Leases: one holder at a time, whoever dies, sleeps or comes late."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import LeaseHeld, LeaseLost, ObjectLocked, ObjectNotFound, StoreUnavailable
from cluvault.plan.keys import lease_key, leases_prefix
from cluvault.vault.leases import Lease, Leases, Turn
from cluvault.vault.memory import MemoryStore
from tests.support.faulty_store import FaultyStore, StopPoint, raising

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass
class Time:
    """The clocks of a worker: both move only when it waits, or when a test says so."""

    seconds: float = 0.0

    def clock(self) -> float:
        """The steady one."""
        return self.seconds

    def now(self) -> datetime:
        """The local one."""
        return START + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        self.seconds += seconds
        await asyncio.sleep(0)


@pytest.fixture
def time() -> Time:
    """One time for all."""
    return Time()


@pytest.fixture
def memory(time: Time) -> MemoryStore:
    """A store that goes by it."""
    return MemoryStore(now=time.now)


def leases(store: ObjectStore, time: Time) -> Leases:
    """The leases as a worker sees them."""
    return Leases(store, now=time.now, clock=time.clock, sleep=time.sleep)


async def taken(store: ObjectStore, time: Time, by: str = "anna", **options: Any) -> Lease:
    """A lease that somebody took."""
    known: dict[str, Any] = {"holder": f"{by} 1", "by": by, "promotion_id": "p", "step": "plan"}
    return await leases(store, time).acquire("prod", "Desk", **known | options)


async def numbers(store: ObjectStore) -> int:
    """How many turns are in the store."""
    return len([one async for one in store.list(leases_prefix("prod", "Desk"))])


async def test_of_many_at_once_one_gets_it(store: ObjectStore, time: Time) -> None:
    """In every store; the others are told who has it. It can be renewed, and, once released, taken by another."""
    results = await asyncio.gather(*(taken(store, time, f"worker{n}") for n in range(5)), return_exceptions=True)
    won = [one for one in results if isinstance(one, Lease)]
    lost = [one for one in results if isinstance(one, LeaseHeld)]
    assert (len(won), len(lost)) == (1, 4)
    assert f"prod/Desk, promotion p: {won[0].holder.split()[0]} works on it: plan" in str(lost[0])
    await won[0].ensure("train")
    assert await numbers(store) == 1
    await won[0].release()
    other = await taken(store, time, "berta")
    with pytest.raises(LeaseLost):
        await won[0].ensure("stage")
    await other.ensure("stage")


async def test_the_holders_step_and_age_are_told(memory: MemoryStore, time: Time) -> None:
    """To whoever is refused."""
    lease = await taken(memory, time)
    await lease.ensure("train")
    time.seconds += 42
    with pytest.raises(
        LeaseHeld, match=r"prod/Desk, promotion p: anna works on it: train; last sign of life 42 s ago \(anna 1\)"
    ):
        await taken(memory, time, "berta")


async def test_a_dead_holders_lease_is_taken_over_after_its_time(memory: MemoryStore, time: Time) -> None:
    """Not before; and whoever slept through it changes nothing more."""
    slow = await taken(memory, time)
    with pytest.raises(LeaseHeld):
        await taken(memory, time, "berta", patience=200)
    waited: list[str] = []

    def on_wait(turn: Turn) -> None:
        waited.append(turn.record.by)

    other = await taken(memory, time, "berta", patience=400, on_wait=on_wait)
    assert waited == ["anna"]
    assert time.seconds > 300
    with pytest.raises(LeaseLost, match="nothing more was changed"):
        await slow.ensure("swap")
    await slow.release()
    await other.ensure("import")


async def test_a_renewed_lease_is_not_taken_over(memory: MemoryStore, time: Time) -> None:
    """However long it is waited for."""
    lease = await taken(memory, time)

    async def work() -> None:
        while time.seconds < 2000:
            await lease.ensure("train")
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    with pytest.raises(LeaseHeld):
        await taken(memory, time, "berta", patience=1500)
    working.cancel()
    await lease.ensure("train")


async def test_only_a_dead_holder_is_waited_for(memory: MemoryStore, time: Time) -> None:
    """Whoever gives a sign of life is left alone at once; after its time to live the dead one's lease is taken."""
    lease = await taken(memory, time)

    async def sleep(seconds: float) -> None:
        await time.sleep(seconds)
        if 100 <= time.seconds < 110:
            await lease.ensure("train")

    watching = Leases(memory, now=time.now, clock=time.clock, sleep=sleep)
    known: dict[str, Any] = {"holder": "berta 1", "by": "berta", "promotion_id": "p", "step": "recover"}
    with pytest.raises(LeaseHeld, match="train"):
        await watching.acquire("prod", "Desk", **known, patience=1500, only_from_the_dead=True)
    assert 100 <= time.seconds < 120
    await (await watching.acquire("prod", "Desk", **known, patience=400, only_from_the_dead=True)).ensure("import")


async def test_the_last_look_is_by_the_clock_alone(memory: MemoryStore, time: Time) -> None:
    """No request to the store: it would only make the last moment longer."""
    store = FaultyStore(memory)
    lease = await taken(store, time)
    store.calls.clear()
    lease.check()
    time.seconds += 201
    with pytest.raises(LeaseLost):
        lease.check()
    assert store.calls == []


async def test_who_did_not_renew_in_time_stops_by_itself(memory: MemoryStore, time: Time) -> None:
    """After two thirds of the time to live, though nobody took over: somebody may be about to."""
    lease = await taken(memory, time)
    time.seconds += 201
    with pytest.raises(LeaseLost):
        await lease.ensure("plan")


async def test_an_ancient_lease_is_nobodys(memory: MemoryStore, time: Time) -> None:
    """No waiting for a holder that died yesterday."""
    await taken(memory, time)
    time.seconds += 86_400
    await (await taken(memory, time, "berta")).ensure("import")


async def test_a_latecomer_cannot_put_a_number_anew(memory: MemoryStore, time: Time) -> None:
    """Numbers that are done with are gone from the store: who puts one of them sees that it is not the highest."""
    late = leases(memory, time)
    seen = await late.look("prod", "Desk")
    assert seen is None
    lease = await taken(memory, time)
    for step in ("import", "prove", "train"):
        await lease.ensure(step)
    turn = await late.look("prod", "Desk")
    assert turn is not None
    assert (turn.number, turn.record.step) == (4, "train")
    assert not await late.put("prod", "Desk", 1, turn.record)
    assert await numbers(memory) == 1
    await lease.ensure("stage")


async def test_a_lost_reply_is_no_loss(memory: MemoryStore, time: Time) -> None:
    """The turn that was put in spite of an error is found to be our own."""

    class Forgetful(FaultyStore):
        async def put_new(self, key: str, body: bytes) -> None:
            await memory.put_new(key, body)
            await memory.put_new(key, body)  # the client's own second try

    lease = await taken(Forgetful(memory), time)
    await lease.ensure("import")
    assert not await leases(memory, time).put("prod", "Desk", 2, (await _record(memory, time)))


async def _record(store: ObjectStore, time: Time) -> Any:
    turn = await leases(store, time).look("prod", "Desk")
    assert turn is not None
    return turn.record.model_copy(update={"holder": "somebody else"})


async def test_a_turn_that_is_listed_and_never_given_does_not_hang(memory: MemoryStore, time: Time) -> None:
    """A store that is out of its mind is an error."""

    class Strange(FaultyStore):
        async def get(self, key: str) -> bytes:
            raise ObjectNotFound(key)

    await taken(memory, time)
    with pytest.raises(StoreUnavailable, match="lists a lease that it does not give"):
        await leases(Strange(memory), time).look("prod", "Desk")


async def test_an_unreadable_turn_is_somebodys(memory: MemoryStore, time: Time) -> None:
    """Until its time is over."""
    await memory.put_new(lease_key("prod", "Desk", 3), b"{}")
    with pytest.raises(LeaseHeld, match="not a lease"):
        await taken(memory, time)
    await (await taken(memory, time, patience=400)).ensure("import")


async def test_where_nothing_can_be_removed_the_highest_counts(memory: MemoryStore, time: Time) -> None:
    """Locked objects stay, and say nothing."""

    class Locked(FaultyStore):
        async def delete(self, key: str) -> None:
            raise ObjectLocked(f"{key} is locked")

    locked = Locked(memory)
    lease = await taken(locked, time)
    await lease.ensure("import")
    assert await numbers(memory) == 2
    with pytest.raises(LeaseHeld):
        await taken(locked, time, "berta")


async def test_a_lease_is_kept_in_the_background_and_let_go(memory: MemoryStore) -> None:
    """A long training needs no hand on it."""
    live = Leases(memory, now=lambda: START)
    lease = await live.acquire("prod", "Desk", holder="a", by="anna", promotion_id="p", step="train", ttl=3.0)
    async with lease.kept():
        turn = await live.look("prod", "Desk")
        while turn is not None and turn.number < 2:
            await asyncio.sleep(0.1)
            turn = await live.look("prod", "Desk")
    turn = await live.look("prod", "Desk")
    assert turn is not None
    assert (turn.number, turn.record.released) == (3, True)


async def test_a_store_that_is_down_does_not_hide_the_end(memory: MemoryStore, time: Time) -> None:
    """The lease then ends by its time."""
    point = StopPoint(len(await _calls_of_taking(time)) + 1, "before")
    lease = await taken(FaultyStore(memory, point=point, fault=raising(StoreUnavailable("down"))), time)
    await lease.release()
    turn = await leases(memory, time).look("prod", "Desk")
    assert turn is not None
    assert (turn.number, turn.record.released) == (1, False)


async def _calls_of_taking(time: Time) -> list[str]:
    counting = FaultyStore(MemoryStore())
    await taken(counting, time)
    return counting.calls
