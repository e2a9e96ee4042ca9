"""Events as CloudEvents 1.0 in JSON, one by one or in batches; pure. See https://github.com/cloudevents/spec."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cluvault.model.event import Event
    from cluvault.model.json_text import JsonObject

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BATCH_SIZE: Final = 100


@dataclass(frozen=True, slots=True)
class Message:
    """One request to a webhook.

    Attributes:
        id: The same for the same events.
        events: How many it holds.
    """

    id: str
    body: bytes
    content_type: str
    events: int


def is_wanted(name: str, *, only: Collection[str], ignore: Collection[str]) -> bool:
    """Whether a receiver wants events of this name."""
    return any(fnmatchcase(name, glob) for glob in only) and not any(fnmatchcase(name, glob) for glob in ignore)


def cloud_event(event: Event, *, event_id: str, at: datetime, source: str) -> JsonObject:
    """One event, with its related ids among its data."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": event.name,
        "subject": event.subject,
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": event.payload | {"related": event.related},
    }


def messages(events: Sequence[JsonObject], *, batched: bool) -> list[Message]:
    """The requests that tell of cloud events, in order; the first event's id stands for its batch."""
    if not batched:
        return [Message(str(one["id"]), orjson.dumps(one), STRUCTURED, 1) for one in events]
    batches = [events[start : start + BATCH_SIZE] for start in range(0, len(events), BATCH_SIZE)]
    return [Message(str(batch[0]["id"]), orjson.dumps(batch), BATCH, len(batch)) for batch in batches]
