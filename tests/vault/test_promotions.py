"""Promotions in a vault: records at numbers that only one can have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedRecord, LeaseLost, UsageError, VaultTooNew
from cluvault.model.promotion import ImportBegun, Imported, Planned, Safety
from cluvault.plan.keys import PromotionKey
from cluvault.vault.memory import MemoryStore
from cluvault.vault.promotions import Promotions
from tests.plan.promotions import KEY, NOW, plan, route

if TYPE_CHECKING:
    from cluvault.model.promotion import Facts
    from cluvault.plan.promotion import Promotion
    from cluvault.vault.store import ObjectStore

SAFETY = Safety(snapshot=None, digest=None, production=None, staging=None)


async def begun(store: ObjectStore, key: PromotionKey = KEY) -> Promotion:
    """A promotion with its plan."""
    facts = Planned(plan=plan(route(gate={"golden": "golden.csv", "intents": {"Book": 0.5}})))
    return await Promotions(store).begin(key, facts, at=NOW, by="anna", holder="worker 1")


async def added(store: ObjectStore, promotion: Promotion, facts: Facts, *, holder: str = "worker 1") -> Promotion:
    """The promotion with a record more."""
    return await Promotions(store).add(promotion, facts, at=NOW, by="anna", holder=holder)


async def test_of_two_at_one_number_one_has_lost(store: ObjectStore) -> None:
    """Whatever step each would write, in every store; what was written comes back."""
    promotion = await begun(store)
    results = await asyncio.gather(
        added(store, promotion, SAFETY),
        added(store, promotion, ImportBegun(), holder="worker 2"),
        return_exceptions=True,
    )
    (lost,) = [one for one in results if isinstance(one, BaseException)]
    (won,) = [one for one in results if not isinstance(one, BaseException)]
    assert isinstance(lost, LeaseLost)
    assert await Promotions(store).load(KEY) == won
    assert won.plan == promotion.plan


async def test_the_same_worker_may_write_a_step_again() -> None:
    """The reply to its first try was lost: what lies there counts."""
    store = MemoryStore()
    promotion = await begun(store)
    first = await added(store, promotion, Imported(warnings=("one",)))
    again = await added(store, promotion, Imported(warnings=("two",)))
    assert again == first


async def test_promotions_are_found_by_project_resource_and_id() -> None:
    """By target and time; a gap ends a promotion's records."""
    store = MemoryStore()
    later = PromotionKey("prod", "Desk", "20261123T120000Z-00000002")
    other = PromotionKey("test", "A/B", "20261122T120000Z-00000003")
    for key in (later, KEY, other):
        await begun(store, key)
    await store.put_new(KEY.record(2), b"after a gap")
    await store.put_new(f"{KEY.folder}notes.txt", b"somebody's")
    promotions = Promotions(store)
    assert [one.key for one in await promotions.of_project("prod", "Desk")] == [KEY, later]
    assert [one.key for one in await promotions.all()] == [KEY, later, other]
    assert [one.key for one in await promotions.all("test")] == [other]
    assert await promotions.find(other.promotion_id) == other
    assert len((await promotions.load(KEY)).records) == 1


async def test_what_is_not_there_is_said_so() -> None:
    """With where to look."""
    promotions = Promotions(MemoryStore())
    with pytest.raises(UsageError, match="no promotion prod/Desk@"):
        await promotions.load(KEY)
    with pytest.raises(UsageError, match="there is no promotion 2026"):
        await promotions.find(KEY.promotion_id)


async def test_damaged_records_are_named() -> None:
    """A missing first one, one that is none, one without a plan, one of a newer format."""
    store = MemoryStore()
    await store.put_new(KEY.record(1), b"{}")
    with pytest.raises(DamagedRecord, match="is missing or holds no plan"):
        await Promotions(store).load(KEY)
    await store.put_new(KEY.record(0), b"{}")
    with pytest.raises(DamagedRecord, match=r"000\.json: not a promotion's record"):
        await Promotions(store).load(KEY)
    newer = PromotionKey("prod", "Desk", "20261123T120000Z-00000002")
    await store.put_new(newer.record(0), b'{"format": 2}')
    with pytest.raises(VaultTooNew):
        await Promotions(store).load(newer)
