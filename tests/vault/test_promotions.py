"""Promotions in a vault: records at numbers that only one can have."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedRecord, LeaseLost, UsageError, VaultTooNew
from cluvault.model.promotion import ImportBegun, Imported, Planned, Safety
from cluvault.model.record_text import record_bytes
from cluvault.plan.keys import PromotionKey
from cluvault.vault.memory import MemoryStore
from cluvault.vault.promotions import Promotions
from tests.plan.promotions import KEY, NOW, plan, route
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import overwrite

if TYPE_CHECKING:
    from cluvault.errors import VaultError
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
    """By target and time; one that has no record more is not read again."""
    store = MemoryStore()
    later = PromotionKey("prod", "Desk", "20261123T120000Z-00000002")
    other = PromotionKey("test", "A/B", "20261122T120000Z-00000003")
    for key in (later, KEY, other):
        await begun(store, key)
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


async def test_what_is_known_is_not_read_again() -> None:
    """Records are never changed: a promotion without a new one is as it was."""
    store = FaultyStore(MemoryStore())
    promotion = await begun(store)
    promotions = Promotions(store)
    assert await promotions.all() == [promotion]
    store.calls.clear()
    assert await promotions.all() == [promotion]
    assert [call for call in store.calls if call.startswith("get")] == []
    longer = await added(store, promotion, SAFETY)
    assert await promotions.all() == [longer]


async def put_damaged(store: ObjectStore, damage: str) -> str:
    """A promotion that cannot be understood; which record is to be named."""
    key = PromotionKey("prod", "Desk", "20261123T120000Z-00000002")
    good = await begun(store, key)
    record = record_bytes(good.records[0])
    match damage:
        case "gap":
            await store.put_new(key.record(2), record)
            return key.record(1)
        case "other place":
            await store.put_new(key.record(1), record)
            return key.record(1)
        case "other record":
            await store.put_new(key.record(1), b"{}")
            return key.record(1)
        case _:
            await store.put_new(key.record(1), b'{"format": 2}')
            return key.record(1)


@pytest.mark.parametrize("damage", ["gap", "other place", "other record", "newer"])
async def test_damaged_promotions_do_not_hide_the_others(damage: str) -> None:
    """They are told, each with the record; who did not ask to be told gets the first as an error."""
    store = MemoryStore()
    good = await begun(store)
    place = await put_damaged(store, damage)
    faults: dict[PromotionKey, VaultError] = {}
    found = await Promotions(store).of_project("prod", "Desk", on_fault=lambda key, err: faults.update({key: err}))
    assert found == [good]
    ((key, fault),) = faults.items()
    assert key.promotion_id == "20261123T120000Z-00000002"
    assert place in str(fault)
    assert isinstance(fault, VaultTooNew if damage == "newer" else DamagedRecord)
    with pytest.raises(type(fault)):
        await Promotions(store).all("prod")


async def test_a_first_record_without_a_plan() -> None:
    """It is no promotion."""
    store = MemoryStore()
    record = (await begun(store)).records[0]
    await overwrite(store, KEY.record(0), record_bytes(record.model_copy(update={"facts": SAFETY})))
    with pytest.raises(DamagedRecord, match=r"000\.json: holds no plan"):
        await Promotions(store).load(KEY)


async def test_a_missing_first_record_is_named() -> None:
    """Though another one is there."""
    store = MemoryStore()
    await store.put_new(KEY.record(1), b"{}")
    with pytest.raises(DamagedRecord, match=r"000\.json: is missing, though later ones are there"):
        await Promotions(store).load(KEY)
