"""Tell the webhook what a workspace has announced. Whatever becomes of it, the run that it tells of stays as it is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError
from cluvault.plan.cloud_events import cloud_event, is_wanted, messages

if TYPE_CHECKING:
    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.cloud_events import Message
    from cluvault.service.webhook import Webhook

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the events that a webhook was to be told of."""

    sent: int
    unsent: int = 0
    problem: str = ""

    @property
    def sentence(self) -> str:
        """In one line; the webhook's address is not in it, which may be a secret."""
        return f"the webhook was not told of {self.unsent} of {self.sent + self.unsent} events: {self.problem}"


async def notify(workspace: Workspace, *, patience: float | None = None) -> Delivery | None:
    """Deliver the announcements that the webhook wants; None when there is no webhook, or nothing for it.

    Never raises for what goes wrong on the way: the result says it.
    """
    events = _wanted(workspace)
    if not events:
        return None
    wanted = messages(events, batched=workspace.settings.events.form == "batch")
    try:
        webhook = _webhook(workspace)
    except CluvaultError as err:
        return Delivery(0, len(events), str(err))
    until = workspace.steady() + min(workspace.settings.events.patience, patience or float("inf"))
    try:
        return await _deliver(webhook, wanted, until=until)
    except Exception as err:  # noqa: BLE001  # nothing that a message meets may end the run that it tells of
        _log.debug("unexpected error", exc_info=err)
        return Delivery(0, len(events), f"unexpected {type(err).__name__}")
    finally:
        await webhook.aclose()


def _wanted(workspace: Workspace) -> list[JsonObject]:
    settings = workspace.settings.events
    if not settings.webhook:
        return []
    return [
        cloud_event(one.event, event_id=str(one.id), at=one.at, source=settings.source)
        for one in workspace.announcements
        if is_wanted(one.event.name, only=settings.only, ignore=settings.ignore)
    ]


def _webhook(workspace: Workspace) -> Webhook:
    from cluvault.service.webhook import Webhook  # noqa: PLC0415  # without a webhook no HTTP is needed

    settings = workspace.settings.events
    return Webhook(
        settings,
        secret=workspace.secret(settings.secret, what="events.secret"),
        token=workspace.secret(settings.token, what="events.token"),
        now=workspace.now,
        steady=workspace.steady,
        sleep=workspace.sleep,
    )


async def _deliver(webhook: Webhook, wanted: list[Message], *, until: float) -> Delivery:
    """One after the other, so that they arrive in order; what the next one would meet too ends it."""
    from cluvault.service.webhook import NotDelivered  # noqa: PLC0415

    sent, problem = 0, ""
    for message in wanted:
        try:
            await webhook.tell(message, until=until)
        except NotDelivered as err:
            problem = problem or str(err)
            if err.is_final:
                break
        else:
            sent += message.events
    return Delivery(sent, sum(message.events for message in wanted) - sent, problem)
