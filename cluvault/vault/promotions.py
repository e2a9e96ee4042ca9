"""The promotions of a vault: records that are only added, each at a number that only one can have."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from itertools import count, takewhile
from typing import TYPE_CHECKING, Final

from cluvault import __version__
from cluvault.errors import DamagedRecord, LeaseLost, ObjectExists, UsageError
from cluvault.model.manifest import Tool
from cluvault.model.promotion import Planned, PromotionRecord
from cluvault.model.record_text import read_record, record_bytes
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.keys import PROMOTIONS, PromotionKey, encode_name, parse_promotion_key, promotions_prefix
from cluvault.plan.promotion import Promotion

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from cluvault.model.promotion import Facts
    from cluvault.vault.store import ObjectStore

_READS_AT_ONCE: Final = 32


class Promotions:
    """The promotions of a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def begin(self, key: PromotionKey, facts: Facts, *, at: datetime, by: str, holder: str) -> Promotion:
        """Write the first record."""
        return await self._put(key, (), facts, at=at, by=by, holder=holder)

    async def add(self, promotion: Promotion, facts: Facts, *, at: datetime, by: str, holder: str) -> Promotion:
        """Write the next record; the same from the same worker again, after a lost reply, is success.

        Raises:
            LeaseLost: somebody else has written it; the promotion is theirs now.
        """
        return await self._put(promotion.key, promotion.records, facts, at=at, by=by, holder=holder)

    async def _put(
        self,
        key: PromotionKey,
        records: tuple[PromotionRecord, ...],
        facts: Facts,
        *,
        at: datetime,
        by: str,
        holder: str,
    ) -> Promotion:
        record = PromotionRecord(
            promotion_id=key.promotion_id,
            resource=key.resource,
            project=key.project,
            number=len(records),
            at=at,
            by=by,
            holder=holder,
            tool=Tool(name=TOOL_NAME, version=__version__),
            facts=facts,
        )
        try:
            await self._store.put_new(key.record(record.number), record_bytes(record))
        except ObjectExists:
            there = await self._read(key, record.number)
            if (there.holder, there.facts.step) != (holder, facts.step):
                message = f"promotion {key}: {there.by} has written its next step, {there.facts.step}, meanwhile"
                raise LeaseLost(message, mend="another worker goes on with it") from None
            record = there
        return Promotion(key, (*records, record))

    async def load(self, key: PromotionKey) -> Promotion:
        """A promotion with all its records.

        Raises:
            UsageError: there is no such promotion.
            DamagedRecord: a record cannot be understood.
            VaultTooNew: a newer format wrote one.
        """
        numbers = await self._numbers(key.folder)
        if not numbers:
            raise UsageError(f"there is no promotion {key}", mend="`cluvault promotions` lists them")
        return await self._load(key, numbers[key])

    async def of_project(self, resource: str, project: str) -> list[Promotion]:
        """All promotions to a project, the oldest first."""
        return await self._load_all(promotions_prefix(resource, project))

    async def all(self, resource: str | None = None) -> list[Promotion]:
        """All promotions of the vault, or to a resource, by target and time."""
        return await self._load_all(PROMOTIONS if resource is None else f"{PROMOTIONS}{encode_name(resource)}/")

    async def find(self, promotion_id: str) -> PromotionKey:
        """Where a promotion lies of which only the id is known.

        Raises:
            UsageError: there is none, or more than one.
        """
        found = [key for key in await self._numbers(PROMOTIONS) if key.promotion_id == promotion_id]
        if len(found) != 1:
            problem = "there is no" if not found else "there is more than one"
            raise UsageError(f"{problem} promotion {promotion_id}", mend="`cluvault promotions` lists them")
        return found[0]

    async def _load_all(self, prefix: str) -> list[Promotion]:
        found = sorted((await self._numbers(prefix)).items())
        promotions: list[Promotion] = []
        for start in range(0, len(found), _READS_AT_ONCE):
            batch = found[start : start + _READS_AT_ONCE]
            promotions += await asyncio.gather(*(self._load(key, numbers) for key, numbers in batch))
        return promotions

    async def _numbers(self, prefix: str) -> dict[PromotionKey, list[int]]:
        found: defaultdict[PromotionKey, list[int]] = defaultdict(list)
        async for one in self._store.list(prefix):
            if (place := parse_promotion_key(one.key)) is not None:
                found[place[0]].append(place[1])
        return dict(found)

    async def _load(self, key: PromotionKey, numbers: Iterable[int]) -> Promotion:
        there = set(numbers)
        whole = takewhile(lambda number: number in there, count())
        records = tuple(await asyncio.gather(*(self._read(key, number) for number in whole)))
        if not records or not isinstance(records[0].facts, Planned):
            raise DamagedRecord(f"{key.record(0)}: is missing or holds no plan; promotion {key} cannot be understood")
        return Promotion(key, records)

    async def _read(self, key: PromotionKey, number: int) -> PromotionRecord:
        place = key.record(number)
        return read_record(PromotionRecord, await self._store.get(place), key=place, what="a promotion's record")
