"""Events out: what a flow tells the world, as Prefect events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.events import emit_event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.model.event import Event


async def publish_events(events: Iterable[Event]) -> None:
    """Emit each; automations of the user's Prefect server may start flows on them."""
    for event in events:
        emit_event(
            event=event.name,
            resource={"prefect.resource.id": event.subject, "prefect.resource.name": event.subject},
            related=[
                {"prefect.resource.id": identifier, "prefect.resource.role": role}
                for role, identifier in sorted(event.related.items())
            ],
            payload=event.payload,
        )
