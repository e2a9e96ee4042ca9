"""What a notification says: an object was put somewhere. It is a hint; the truth is what the store holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that was put into a bucket or container, as a stranger tells it.

    Attributes:
        event_id: The sender's name for this event; the same again is the same event.
        scheme: `s3` or `az`.
        account: The storage account; empty for a bucket.
        container: The bucket or container.
        key: The object's key, letter by letter.
        at: When it happened, if the event says so.
    """

    event_id: str
    scheme: str
    account: str
    container: str
    key: str
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Notices:
    """What a message holds.

    Attributes:
        arrivals: Objects that were put somewhere.
        ignored: What else it tells, and why that is of no concern.
        validation_code: What the sender of an Event Grid subscription wants to have back; empty when it wants nothing.
        event_ids: The ids of all its events, in their order.
        times: When they happened, of those that say so.
    """

    arrivals: tuple[Arrival, ...] = ()
    ignored: tuple[str, ...] = ()
    validation_code: str = ""
    event_ids: tuple[str, ...] = ()
    times: tuple[datetime, ...] = ()

    def __add__(self, other: Notices) -> Notices:
        return Notices(
            self.arrivals + other.arrivals,
            self.ignored + other.ignored,
            self.validation_code or other.validation_code,
            self.event_ids + other.event_ids,
            self.times + other.times,
        )
