"""What the operations of a workspace tell the world, and how the end of one is told when an error ends it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError, GuardRefused
from cluvault.plan.events import Error, events_of_error

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    from pydantic import BaseModel

    from cluvault.model.event import Event
    from cluvault.ops.workspace import Workspace

_NAMESPACE: Final = "cluvault.event"


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event, and when it was announced."""

    event: Event
    at: datetime

    @property
    def id(self) -> UUID:
        """The same for the same event of the same run, so that receivers know what they have been told already."""
        from uuid import NAMESPACE_OID, uuid5  # noqa: PLC0415  # reading commands announce nothing

        return uuid5(NAMESPACE_OID, "\n".join((_NAMESPACE, *_key(self.event))))


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


@asynccontextmanager
async def announcing(workspace: Workspace, kind: str, options: BaseModel | None = None) -> AsyncGenerator[None]:
    """Run an operation in this, as a flow or directly: also an error that ends it is announced, and raised again."""
    try:
        yield
    except Exception as err:
        resource, project = _place(workspace, kind, options)
        workspace.announce(
            events_of_error(
                kind,
                _error(err),
                run_id=workspace.new_run_id(),
                resource=resource,
                project=project,
                is_told=any(True for _ in workspace.announcements),
            )
        )
        raise


def _error(err: Exception) -> Error:
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
