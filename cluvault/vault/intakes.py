"""What a vault knows of the objects of its inboxes: records that are only added, each at a number of its own.

They lie in the vault and not beside the inbox: whoever may write into an inbox could forge them there, and two inboxes
that lead to one project have to see each other.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from itertools import count, takewhile
from typing import TYPE_CHECKING

from cluvault.errors import DamagedRecord, LeaseLost, ObjectExists, ObjectLocked
from cluvault.model.intake import IntakeRecord
from cluvault.model.record_text import read_record, record_bytes
from cluvault.plan.inbox import Intake, forgettable
from cluvault.plan.keys import IntakeKey, intakes_prefix, parse_intake_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cluvault.vault.store import ObjectStore


class Intakes:
    """The intakes of a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def from_here_on(self, key: IntakeKey) -> list[Intake]:
        """This intake and those of objects that were put into the same project's inbox later; this one comes first.

        Raises:
            DamagedRecord: a record cannot be understood.
            VaultTooNew: a newer format wrote one.
        """
        found: defaultdict[IntakeKey, list[int]] = defaultdict(list)
        moment = key.intake_id.partition("-")[0]
        async for one in self._store.list(intakes_prefix(key.resource, key.project)):
            place = parse_intake_key(one.key)
            if place is not None and (place[0] == key or place[0].intake_id.partition("-")[0] > moment):
                found[place[0]].append(place[1])
        others = [self._load(one, numbers) for one, numbers in sorted(found.items()) if one != key]
        return list(await asyncio.gather(self._load(key, found.get(key, ())), *others))

    async def add(self, intake: Intake, record: IntakeRecord) -> Intake:
        """Write the next record; the same again, after a lost reply, is success.

        Raises:
            LeaseLost: somebody else has written it.
        """
        key = intake.key.record(record.number)
        body = record_bytes(record)
        try:
            await self._store.put_new(key, body)
        except ObjectExists:
            if await self._store.get(key) != body:
                message = f"{intake.key.resource}/{intake.key.project}: somebody else works on {record.url} as well"
                raise LeaseLost(message, mend="nothing more was done here") from None
        return Intake(intake.key, (*intake.records, record))

    async def forget(self, resource: str, project: str, *, before: datetime) -> int:
        """Remove the records of what ended before that moment and that nothing goes by any more.

        The last record of each goes first: whoever is killed in between leaves the beginning of an intake, which is
        tried again if its object should still be there, and no gap.

        Returns:
            How many intakes are gone.

        Raises:
            DamagedRecord: one of them cannot be understood.
            VaultTooNew: a newer format wrote one.
        """
        found: defaultdict[IntakeKey, list[int]] = defaultdict(list)
        async for one in self._store.list(intakes_prefix(resource, project)):
            if (place := parse_intake_key(one.key)) is not None and one.modified < before:
                found[place[0]].append(place[1])
        old = forgettable([await self._load(*one) for one in found.items()], before=before)
        for intake in old:
            with suppress(ObjectLocked):
                for record in reversed(intake.records):
                    await self._store.delete(intake.key.record(record.number))
        return len(old)

    async def _load(self, key: IntakeKey, numbers: Iterable[int]) -> Intake:
        there = set(numbers)
        whole = [key.record(number) for number in takewhile(lambda number: number in there, count())]
        bodies = await asyncio.gather(*(self._store.get(place) for place in whole))
        records = [read_intake_record(body, key=key, number=number) for number, body in enumerate(bodies)]
        return Intake(key, tuple(records))


def read_intake_record(data: bytes, *, key: IntakeKey, number: int) -> IntakeRecord:
    """The record with this key and number.

    Raises:
        DamagedRecord: it is none, or another object's.
        VaultTooNew: a newer format wrote it.
    """
    place = key.record(number)
    record = read_record(IntakeRecord, data, key=place, what="the record of an intake")
    if (IntakeKey(record.resource, record.project, record.intake_id), record.number) != (key, number):
        raise DamagedRecord(f"{place}: is the record of another intake")
    return record
