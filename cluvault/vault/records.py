"""The records of a vault: which there are, what is wrong with one, and how another vault gets those that it lacks."""

from __future__ import annotations

from collections import defaultdict
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Final

from cluvault.errors import DamagedRecord, ObjectExists, ObjectNotFound, VaultError, VaultTooNew
from cluvault.model.hold import Hold, Release
from cluvault.model.prune_record import PruneRecord
from cluvault.model.record_text import read_record
from cluvault.model.run import read_run
from cluvault.plan.key_kinds import KeyKind, kind_of
from cluvault.plan.keys import IntakeKey, PromotionKey, parse_hold_key, parse_replica_key, parse_series_key
from cluvault.vault.ahead import read_ahead
from cluvault.vault.intakes import read_intake_record
from cluvault.vault.promotions import read_promotion_record
from cluvault.vault.replicas import read_replica_record
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cluvault.vault.store import ObjectStore

RECORDS: Final = (KeyKind.RUN, KeyKind.HOLD, KeyKind.PRUNE, KeyKind.PROMOTION, KeyKind.REPLICA, KeyKind.INTAKE)
"""What is written once and read for years. A lease is none: it says nothing once its time is over."""
_AHEAD: Final = 8


def check_record(key: str, data: bytes) -> None:
    """See that the object with this key is the record that it should be; other objects are none of ours.

    Raises:
        DamagedRecord: it is not.
        VaultTooNew: a newer format wrote it.
    """
    match kind_of(key):
        case KeyKind.RUN:
            read_run(data, key=key)
        case KeyKind.HOLD:
            _check_hold(key, data)
        case KeyKind.PRUNE:
            read_record(PruneRecord, data, key=key, what="the record of a prune")
        case KeyKind.PROMOTION | KeyKind.INTAKE:
            if (place := parse_series_key(key)) is not None:
                _check_of_series(data, *place)
        case KeyKind.REPLICA:
            if (replica := parse_replica_key(key)) is not None:
                read_replica_record(data, key=replica)
        case _:
            pass


def _check_of_series(data: bytes, key: PromotionKey | IntakeKey, number: int) -> None:
    if isinstance(key, PromotionKey):
        read_promotion_record(data, key=key, number=number)
    else:
        read_intake_record(data, key=key, number=number)


def _check_hold(key: str, data: bytes) -> None:
    """A person may hold a snapshot with an empty object, or end a hold with one: both say all by being there."""
    place = parse_hold_key(key)
    if data and place is not None:
        model, what = (Release, "a hold's release") if place.is_release else (Hold, "a hold")
        read_record(model, data, key=key, what=what)


async def fault_of(store: ObjectStore, key: str) -> VaultError | None:
    """What is wrong with a record; None when nothing is, or when it has been removed meanwhile.

    Raises:
        StoreUnavailable, StorageDenied: it cannot be judged.
    """
    with suppress(ObjectNotFound):
        try:
            check_record(key, await store.get(key))
        except (DamagedRecord, VaultTooNew) as err:
            return err
    return None


async def copy_missing(
    source: ObjectStore, target: ObjectStore, prefix: str, *, check: Callable[[str, bytes], object]
) -> list[VaultError]:
    """Bring the records below a prefix that a store lacks, byte for byte and read back.

    Args:
        source: Where they are.
        target: Where they are to be.
        prefix: Below which they lie.
        check: Raises for the key and bytes of a record that is not to be brought.

    Returns:
        What was wrong with those that were not brought.
    """
    there = {found.key async for found in target.list(prefix)}
    missing = (found.key async for found in source.list(prefix) if found.key not in there)
    faults: list[VaultError] = []

    async def bring(key: str) -> None:
        try:
            body = await source.get(key)
            check(key, body)
        except (DamagedRecord, VaultTooNew) as err:
            faults.append(err)
            return
        except ObjectNotFound:
            return  # the oldest records go one day
        await put_once(target, key, body)
        if await target.get(key) != body:
            faults.append(DamagedRecord(f"{target.url}/{key}: the store gave back other bytes than it was given"))

    async with aclosing(read_ahead(missing, bring, ahead=_AHEAD)) as brought:
        async for _ in brought:
            pass
    return faults


async def copy_series(source: ObjectStore, target: ObjectStore, prefix: str) -> list[VaultError]:
    """Bring the records of promotions or intakes that a store lacks, byte for byte and read back, each series in order.

    So a copy that ends anywhere leaves the beginning of a series, and never one with a gap.

    Returns:
        What was wrong with those that were not brought; what comes after such a record is not brought either.
    """
    there = {found.key async for found in target.list(prefix)}
    missing: defaultdict[PromotionKey | IntakeKey, list[int]] = defaultdict(list)
    async for found in source.list(prefix):
        place = parse_series_key(found.key)
        if place is not None and found.key not in there:
            missing[place[0]].append(place[1])
    faults: list[VaultError] = []

    async def bring(one: tuple[PromotionKey | IntakeKey, list[int]]) -> None:
        key, numbers = one
        for number in sorted(numbers):
            if (fault := await _bring(source, target, key, number)) is not None:
                faults.append(fault)
                return

    async for _ in read_ahead(_each(missing), bring, ahead=_AHEAD):
        pass
    return faults


async def _each(
    missing: dict[PromotionKey | IntakeKey, list[int]],
) -> AsyncIterator[tuple[PromotionKey | IntakeKey, list[int]]]:
    for one in missing.items():
        yield one


async def _bring(
    source: ObjectStore, target: ObjectStore, key: PromotionKey | IntakeKey, number: int
) -> VaultError | None:
    place = key.record(number)
    try:
        body = await source.get(place)
        _check_of_series(body, key, number)
        await put_once(target, place, body)
    except (DamagedRecord, VaultTooNew, ObjectExists) as err:
        return err
    if await target.get(place) != body:
        return DamagedRecord(f"{target.url}/{place}: the store gave back other bytes than it was given")
    return None
