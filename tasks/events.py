"""Events out: what a flow tells the world."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cluvault.ops.announcements import Announcements
from tasks.emitting import emit
from tasks.running import open_now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.model.event import Event


async def publish_events(events: Iterable[Event]) -> None:
    """Announce events: as Prefect events, and inside a flow's open workspace also to the webhook when there is one.

    Operations announce themselves by `workspace.announce`; this is for what only a flow knows.
    """
    workspace = open_now()
    announcements = Announcements(now=lambda: datetime.now(UTC), on_event=emit)
    (announcements.add if workspace is None else workspace.announce)(events)
