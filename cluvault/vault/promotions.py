"""The promotions of a vault: records that are only added, each at a number that only one can have."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from cluvault import __version__
from cluvault.errors import DamagedRecord, LeaseLost, ObjectExists, ObjectNotFound, UsageError, VaultError, VaultTooNew
from cluvault.model.manifest import Tool
from cluvault.model.promotion import Planned, PromotionRecord
from cluvault.model.record_text import read_record, record_bytes
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.keys import PROMOTIONS, PromotionKey, encode_name, parse_promotion_key, promotions_prefix
from cluvault.plan.promotion import Promotion

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from datetime import datetime

    from cluvault.model.promotion import Facts, PromotionPlan
    from cluvault.vault.store import ObjectStore

_READS_AT_ONCE: Final = 32
_MEND: Final = "bring it back from a copy of the vault; until then nothing is promoted there"


class Promotions:
    """The promotions of a vault."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[PromotionKey, Promotion] = {}  # a promotion that has no record more is as it was

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

    async def plan_of(self, key: PromotionKey) -> PromotionPlan | None:
        """The plan of a promotion, whatever became of its other records; None when it cannot be read either."""
        try:
            facts = (await self._read(key, 0)).facts
        except (DamagedRecord, ObjectNotFound, VaultTooNew):
            return None
        return facts.plan if isinstance(facts, Planned) else None

    async def of_project(
        self, resource: str, project: str, *, on_fault: Callable[[PromotionKey, VaultError], None] | None = None
    ) -> list[Promotion]:
        """All promotions to a project, the oldest first.

        Args:
            resource: Their target.
            project: Likewise.
            on_fault: Told of each promotion that cannot be understood; without it the first one is raised.

        Raises:
            DamagedRecord: a record is missing or cannot be understood, and nobody is there to be told.
            VaultTooNew: likewise for one of a newer format.
        """
        return await self._load_all(promotions_prefix(resource, project), on_fault)

    async def all(
        self, resource: str | None = None, *, on_fault: Callable[[PromotionKey, VaultError], None] | None = None
    ) -> list[Promotion]:
        """All promotions of the vault, or to a resource, by target and time; otherwise as `of_project`."""
        return await self._load_all(
            PROMOTIONS if resource is None else f"{PROMOTIONS}{encode_name(resource)}/", on_fault
        )

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

    async def _load_all(
        self, prefix: str, on_fault: Callable[[PromotionKey, VaultError], None] | None
    ) -> list[Promotion]:
        found = sorted((await self._numbers(prefix)).items())
        promotions: list[Promotion] = []
        for start in range(0, len(found), _READS_AT_ONCE):
            batch = found[start : start + _READS_AT_ONCE]
            loaded = await asyncio.gather(*(self._load(key, one) for key, one in batch), return_exceptions=True)
            for (key, _), result in zip(batch, loaded, strict=True):
                if isinstance(result, DamagedRecord | VaultTooNew) and on_fault is not None:
                    on_fault(key, result)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    promotions.append(result)
        return promotions

    async def _numbers(self, prefix: str) -> dict[PromotionKey, list[int]]:
        found: defaultdict[PromotionKey, list[int]] = defaultdict(list)
        async for one in self._store.list(prefix):
            if (place := parse_promotion_key(one.key)) is not None:
                found[place[0]].append(place[1])
        return dict(found)

    async def _load(self, key: PromotionKey, numbers: Collection[int]) -> Promotion:
        known = self._known.get(key)
        if known is not None and len(known.records) == len(numbers):
            return known
        if (missing := first_missing(numbers)) is not None:
            raise DamagedRecord(f"{key.record(missing)}: is missing, though later ones are there", mend=_MEND)
        records = tuple(await asyncio.gather(*(self._read(key, number) for number in sorted(numbers))))
        self._known[key] = Promotion(key, records)
        return self._known[key]

    async def _read(self, key: PromotionKey, number: int) -> PromotionRecord:
        return read_promotion_record(await self._store.get(key.record(number)), key=key, number=number)


def first_missing(numbers: Iterable[int]) -> int | None:
    """The first number that a promotion's records lack; None when there is no gap."""
    return next((expected for expected, number in enumerate(sorted(numbers)) if number != expected), None)


def read_promotion_record(data: bytes, *, key: PromotionKey, number: int) -> PromotionRecord:
    """Parse a promotion's record, and see that it is the one that belongs there.

    Raises:
        DamagedRecord: it is no such record, another promotion's or another number's; or the first and holds no plan.
        VaultTooNew: a newer format wrote it.
    """
    place = key.record(number)
    try:
        record = read_record(PromotionRecord, data, key=place, what="a promotion's record")
    except DamagedRecord as err:
        raise DamagedRecord(err.message, mend=_MEND) from err
    if (record.resource, record.project, record.promotion_id, record.number) != (
        key.resource,
        key.project,
        key.promotion_id,
        number,
    ):
        raise DamagedRecord(f"{place}: is a record of another place", mend=_MEND)
    if number == 0 and not isinstance(record.facts, Planned):
        raise DamagedRecord(f"{place}: holds no plan", mend=_MEND)
    return record
