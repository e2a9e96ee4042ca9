"""How an event becomes a Prefect event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.events import emit_event

if TYPE_CHECKING:
    from cluvault.ops.announcements import Announcement


def emit(announcement: Announcement) -> None:
    """Hand an event to Prefect's own worker, which sends it in the background; the same event has the same id."""
    event = announcement.event
    emit_event(
        event=event.name,
        resource={"prefect.resource.id": event.subject, "prefect.resource.name": event.subject},
        related=[
            {"prefect.resource.id": identifier, "prefect.resource.role": role}
            for role, identifier in sorted(event.related.items())
        ],
        payload=event.payload,
        occurred=announcement.at,
        id=announcement.id,
    )
