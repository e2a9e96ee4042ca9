"""attend: stay with the inboxes' queues until told to stop, and have what they say carried out.

Messages are acknowledged when their objects are taken in, or, where there is a Prefect API, when the flow run exists
that will do it. In the second case a run that dies loses nothing: the object still waits in the inbox, and the
scheduled look through it finds it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError
from cluvault.ops.announcements import announcing
from cluvault.ops.fanout import at_once
from cluvault.ops.handing_over import PACE_SECONDS, WAIT_SECONDS, HandingOver
from cluvault.ops.intake import drain, take_in_all, waiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cluvault.ops.take_in import InboxObject, Taken
    from cluvault.ops.workspace import Workspace

LOOK_SECONDS: Final = 300.0
PAUSE_SECONDS: Final = 10.0


async def attend(
    workspace: Workspace,
    names: Sequence[str],
    *,
    stop: asyncio.Event,
    hand_over: Callable[[Sequence[InboxObject]], Awaitable[None]] | None = None,
    on_taken: Callable[[InboxObject, Taken], None] = lambda _one, _taken: None,
    on_error: Callable[[str, CluvaultError], None] = lambda _name, _err: None,
    look_seconds: float = LOOK_SECONDS,
    pause_seconds: float = PAUSE_SECONDS,
    pace_seconds: float = PACE_SECONDS,
) -> None:
    """Attend to some inboxes until `stop` is set; what is under way then is finished.

    Args:
        workspace: The world.
        names: Configured inboxes.
        stop: Set when it is enough.
        hand_over: Has somebody else take objects in, and returns when that is certain; without it they are taken in
            here, and the inboxes are looked through as well.
        on_taken: Told of every object that was taken in here.
        on_error: Told of errors that may pass.
        look_seconds: How often an inbox is looked through.
        pause_seconds: How long to wait after an error that may pass.
        pace_seconds: The time from one batch that is handed over to the next; the first goes at once.

    Raises:
        CluvaultError: one that does not pass by itself.
    """

    async def work(objects: Sequence[InboxObject]) -> list[Taken]:
        taken = await take_in_and_tell(workspace, objects, turn=turn)
        for one, became in zip(objects, taken, strict=True):
            on_taken(one, became)
        return taken

    async def take_in_here(name: str) -> None:
        if workspace.steady() - looked.get(name, -look_seconds) >= look_seconds:
            looked[name] = workspace.steady()
            await work(await waiting(workspace, name))
        await drain(workspace, name, work, wait=WAIT_SECONDS)

    async def one_inbox(name: str) -> None:
        pause = 0.0 if workspace.queue(name) is not None else look_seconds
        while not stop.is_set():
            try:
                await (take_in_here(name) if elsewhere is None else elsewhere.batch(name))
                await _rest(stop, pause)
            except CluvaultError as err:
                if not err.retryable:
                    raise
                on_error(name, err)
                await _rest(stop, pause_seconds)

    looked: dict[str, float] = {}
    turn = asyncio.Lock()
    elsewhere = HandingOver(workspace, hand_over, stop=stop, pace_seconds=pace_seconds) if hand_over else None
    await at_once(names, one_inbox, concurrency=max(1, len(names)))


async def take_in_and_tell(workspace: Workspace, objects: Sequence[InboxObject], *, turn: asyncio.Lock) -> list[Taken]:
    """Take a batch in, then tell the webhook of it, as the end of a command would; this process goes on for ever.

    Args:
        workspace: The world.
        objects: The batch.
        turn: The workspace's one; batches take turns, because what they announce is told and forgotten together.
    """
    async with turn:
        try:
            async with announcing(workspace, "intake"):
                return await take_in_all(workspace, objects)
        finally:
            workspace.announcements.forget()


async def _rest(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
