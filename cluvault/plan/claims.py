"""Booking calls in a ledger that several processes share: never more than the limit in any minute, whoever sends; pure.

Each entry of the ledger is made from the one before it, and each number can be written once: so all processes book one
after another, and first booked is first served. A claim is a tenth of what a minute allows, to be used within a tenth
of a minute. Until its holder says what became of it, it counts as used at the end of that; then as it was used, and
what was not used is free again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cluvault.model.ledger import Claim, LedgerEntry
from cluvault.plan.pace import LONG_AGO, Pace, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SECONDS: Final = (2.0, 0.5, 6.0)
CLAIMS_A_MINUTE: Final = 10
_FARTHEST: Final = 3600.0
"""Seconds from now; what lies further ahead was written by a clock that is wrong, and must not stop everybody."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What became of a claim: how many calls were sent, the last when."""

    number: int
    calls: int
    last: float


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the service refused (429), and the seconds that it asked to wait."""

    at: float
    retry_after: float


def claim_seconds(calls: int, rate: Rate) -> float:
    """For how long a claim may be used from its moment: a single call is waited for, more of them come by and by."""
    first, each, at_most = _SECONDS
    return rate.seconds(min(at_most, first + each * (calls - 1)))


def pace_of(entry: LedgerEntry | None) -> Pace:
    """How fast all may go by an entry."""
    if entry is None:
        return Pace()
    return Pace(
        entry.lowered_to or float("inf"),
        LONG_AGO if entry.lowered_at is None else entry.lowered_at,
        LONG_AGO if entry.held_until is None else entry.held_until,
    )


def book(
    before: LedgerEntry | None,
    *,
    holder: str,
    number: int,
    now: float,
    rate: Rate,
    spent: Sequence[Spent] = (),
    refusals: Iterable[Refusal] = (),
    books: bool = True,
    lead: float = 0.0,
) -> LedgerEntry:
    """The next entry: with a claim of the holder's as its last, if it books one.

    Args:
        before: The entry with the highest number.
        holder: Who books.
        number: Of the new entry.
        now: The present by the store's clock.
        rate: What the holder has configured.
        spent: What became of the holder's claims.
        refusals: What the service told the holder.
        books: Whether to book a claim; else only the news is noted.
        lead: Seconds that booking takes: a claim that is over when its holder hears of it would be of no use.
    """
    pace = pace_of(before)
    pace = replace(pace, held_until=min(pace.held_until, now + _FARTHEST))
    for one in refusals:
        pace = pace.refused(rate, one.at, retry_after=one.retry_after)
    claims = _settled(before.claims if before is not None else (), holder, spent)
    claims = [one for one in claims if now - rate.window < one.until and one.moment < now + _FARTHEST]
    if books:
        allowed = pace.limit(rate, now)
        calls = max(1, allowed // CLAIMS_A_MINUTE)
        moment = _moment(claims, calls, Rate(allowed, rate.window), max(now + lead, pace.held_until))
        until = moment + claim_seconds(calls, rate)
        claims.append(Claim(holder=holder, number=number, moment=moment, until=until, calls=calls))
    is_lowered, is_held = pace.lowered_at > LONG_AGO, pace.held_until > now
    return LedgerEntry(
        holder=holder,
        at=now,
        claims=tuple(claims),
        lowered_to=pace.lowered_to if is_lowered else None,
        lowered_at=pace.lowered_at if is_lowered else None,
        held_until=pace.held_until if is_held else None,
    )


def _settled(claims: Sequence[Claim], holder: str, spent: Sequence[Spent]) -> list[Claim]:
    """The claims with what became of the holder's own; one of which nothing was used is gone."""
    known = {one.number: one for one in spent}
    found: list[Claim] = []
    for claim in claims:
        one = known.get(claim.number) if claim.holder == holder else None
        if one is None:
            found.append(claim)
        elif one.calls:
            found.append(claim.model_copy(update={"calls": one.calls, "until": one.last}))
    return found


def _moment(claims: Sequence[Claim], calls: int, allowed: Rate, earliest: float) -> float:
    """The first moment at which so many more calls fit in, not before anybody who booked earlier."""
    moment = max([earliest, *(one.moment for one in claims)])
    counting = sorted((one for one in claims if one.until > moment - allowed.window), key=lambda one: one.until)
    counted = sum(one.calls for one in counting)
    for one in counting:
        if counted + calls <= allowed.calls:
            break
        moment = one.until + allowed.window
        counted -= one.calls
    return moment
