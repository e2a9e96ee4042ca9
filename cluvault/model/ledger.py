"""The ledger of a resource's calls a minute: entries that several processes write, each number once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cluvault.model.manifest import VAULT_FORMAT, Record

Seconds = Annotated[float, Field(allow_inf_nan=False)]


class Claim(Record):
    """Calls that one process may send.

    Attributes:
        holder: The process; nobody else has this name.
        number: Of the entry that booked it.
        moment: From when they may be sent, in seconds since 1970 by the store's clock.
        until: When the last of them is sent at the latest.
        calls: How many.
    """

    holder: str
    number: int
    moment: Seconds
    until: Seconds
    calls: Annotated[int, Field(ge=1)]


class LedgerEntry(Record):
    """How one class of calls stands: the entry with the highest number says all, the others are history.

    Attributes:
        holder: Who wrote it.
        at: When, in seconds since 1970 by the store's clock.
        claims: Those that still count, in the order of booking.
        lowered_to: The calls a minute that the last refusal of the service left.
        lowered_at: When that was.
        held_until: Before that nothing is sent.
    """

    format: Literal[1] = VAULT_FORMAT
    holder: str
    at: Seconds
    claims: Annotated[tuple[Claim, ...], Field(max_length=10_000)] = ()
    lowered_to: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    lowered_at: Seconds | None = None
    held_until: Seconds | None = None
