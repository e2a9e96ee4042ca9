"""What the operations of a workspace tell the world, and how the end of one is told when an error ends it."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError, GuardRefused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from pydantic import BaseModel

    from cluvault.model.event import Event
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.events import Error

# What is to be said of errors and webhooks is imported by the functions that say it: reading commands start sooner.

_NAMESPACE: Final = "cluvault.event"
_PATIENCE_WHEN_CANCELLED: Final = 5.0
"""Seconds: whoever cancels waits for them."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event, and when it was announced."""

    event: Event
    at: datetime

    @property
    def id(self) -> UUID:
        """The same for the same event of the same run, so that receivers know what they have been told already."""
        from uuid import NAMESPACE_OID, uuid5  # noqa: PLC0415  # reading commands announce nothing

        name, subject, run = _key(self.event)
        return uuid5(NAMESPACE_OID, "\n".join((_NAMESPACE, name, subject, run or self.at.isoformat())))


def _key(event: Event) -> tuple[str, str, str]:
    return event.name, event.subject, str(event.payload.get("runId", ""))


class Announcements:
    """The events of a workspace, each once, in order.

    Args:
        now: The clock.
        on_event: Told of each as it is announced.
    """

    def __init__(
        self, *, now: Callable[[], datetime], on_event: Callable[[Announcement], None] = lambda _one: None
    ) -> None:
        self._now = now
        self._on_event = on_event
        self._known: dict[tuple[str, str, str], Announcement] = {}

    def __iter__(self) -> Iterator[Announcement]:
        return iter(tuple(self._known.values()))

    def add(self, events: Iterable[Event]) -> None:
        """Announce events; what was announced before is not announced again."""
        for event in events:
            if _key(event) not in self._known:
                announcement = self._known[_key(event)] = Announcement(event, self._now())
                self._on_event(announcement)

    def forget(self) -> None:
        """Forget what was announced: for a process that goes on, when all who are to know of it were told."""
        self._known.clear()


@asynccontextmanager
async def announcing(
    workspace: Workspace, kind: str, options: BaseModel | None = None, *, warn: Callable[[str], None] = _log.warning
) -> AsyncGenerator[None]:
    """Run an operation in this, as a flow or directly: at its end the webhook is told what was announced.

    An error that ends it is announced too, and raised again; what goes wrong with the webhook is only warned of, and
    announced to those who listen otherwise.
    """
    try:
        yield
    except Exception as err:
        from cluvault.plan.events import events_of_error  # noqa: PLC0415

        resource, project = _place(workspace, kind, options)
        is_told = any(True for _ in workspace.announcements)
        run_id = workspace.new_run_id()
        error = _error(err)
        workspace.announce(
            events_of_error(kind, error, run_id=run_id, resource=resource, project=project, is_told=is_told)
        )
        await _tell_webhook(workspace, kind, warn)
        raise
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as signal:  # it was cancelled, or whoever runs it suspends it
        is_cancelled = isinstance(signal, asyncio.CancelledError)
        await _tell_webhook(workspace, kind, warn, patience=_PATIENCE_WHEN_CANCELLED if is_cancelled else None)
        raise
    else:
        await _tell_webhook(workspace, kind, warn)


async def _tell_webhook(
    workspace: Workspace, kind: str, warn: Callable[[str], None], *, patience: float | None = None
) -> None:
    if not workspace.settings.events.webhook:
        return
    from cluvault.ops.notify import notify  # noqa: PLC0415
    from cluvault.plan.events import event_of_webhook  # noqa: PLC0415

    delivery = await notify(workspace, patience=patience)
    if delivery is not None and delivery.unsent:
        warn(delivery.sentence)
        event = event_of_webhook(kind, run_id=workspace.new_run_id(), unsent=delivery.unsent, problem=delivery.problem)
        workspace.announce([event])


def _error(err: Exception) -> Error:
    from cluvault.plan.events import Error  # noqa: PLC0415

    if isinstance(err, CluvaultError):
        refusal = isinstance(err, GuardRefused)
        return Error(type(err).__name__, str(err), exit_code=err.exit_code, is_refusal=refusal)
    return Error(type(err).__name__, f"unexpected {type(err).__name__}", exit_code=1)  # its text may quote anything


def _place(workspace: Workspace, kind: str, options: BaseModel | None) -> tuple[str, str]:
    """The resource and project that an operation was to act on; empty where it names none."""
    named = {"restore": "to", "create": "target", "cleanup": "resource"}.get(kind)
    if named is not None:
        resource, _, project = str(getattr(options, named, "")).partition("/")
        return resource, project
    route = workspace.settings.routes.get(getattr(options, "route", ""))
    if kind == "promote" and route is not None and (project := getattr(options, "project", "")):
        return route.target, route.target_project(project)
    return "", ""
