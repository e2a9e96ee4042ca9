"""intake: what waits in the inboxes becomes projects; what their queues say is carried out and acknowledged.

A message is acknowledged when nothing more is to be done for it, or when somebody has taken it over who will (a flow
run that exists). Else it comes again. What cannot be understood, or was tried often enough, goes to refused/messages/
with its reason, so that the queue stays alive; an object that it told of stays in the inbox, where the next look finds
it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import ConfigurationError, InvalidEvent
from cluvault.inbox.opening import place_of
from cluvault.inbox.queue import kept_hidden
from cluvault.model.run import Outcome
from cluvault.ops.fanout import at_once, ignore
from cluvault.ops.report import Report, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.ops.take_in import InboxObject, Taken, put_if_absent, take_in
from cluvault.plan import inbox as plan
from cluvault.plan.notices import read_notices
from cluvault.vault.store import key_fault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from cluvault.inbox.queue import Message, Queue
    from cluvault.model.arrival import Arrival
    from cluvault.model.run import RunItem
    from cluvault.ops.workspace import Workspace

MOST_AT_ONCE: Final = 500
"""Objects of one flow run, and messages that are received for it."""
MOST_HERE: Final = 100
"""Messages that are received before the first is worked on here: all have to be kept hidden until the last is."""
_log: Final = logging.getLogger("cluvault.intake")


class IntakeOptions(BaseModel):
    """What to take in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inboxes: tuple[str, ...] = Field(default=(), description="Configured inboxes; none means all.")
    objects: tuple[InboxObject, ...] = Field(
        default=(),
        max_length=MOST_AT_ONCE,
        description="Only these; by default what the queues say, and then all that waits.",
    )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of an inbox's queue, read.

    Attributes:
        objects: What it tells of and waits in the inbox, or did.
        fault: Why it can never be carried out; empty when it can.
    """

    message: Message
    objects: tuple[InboxObject, ...] = ()
    fault: str = ""


async def intake(
    workspace: Workspace,
    options: IntakeOptions,
    *,
    run: Runner = run_directly,
    on_done: Callable[[RunItem], None] = ignore,
) -> Report:
    """Take in the named objects, or else what the queues say and then all that waits.

    Raises:
        ConfigurationError: an inbox is not configured, or none is.
        VaultError: the vault or an inbox cannot be opened.
    """
    started_at = workspace.now()
    names = chosen_inboxes(workspace, (*options.inboxes, *(one.inbox for one in options.objects)))
    await workspace.vault(create=True)

    async def work(objects: Sequence[InboxObject]) -> list[Taken]:
        taken = await take_in_all(workspace, objects, run=run)
        if not options.objects:
            taken = [_left_to_others(one) for one in taken]
        tried.update(one for one, became in zip(objects, taken, strict=True) if not became.is_settled)
        for item in (became.item for became in taken if became.item is not None):
            items.append(item)
            on_done(item)
        return taken

    items: list[RunItem] = []
    tried: set[InboxObject] = set()
    if options.objects:
        await work(options.objects)
    else:
        for name in names:
            while await drain(workspace, name, work):
                pass
            keys = {one.key for one in tried if one.inbox == name}
            await work([one for one in await waiting(workspace, name) if one.key not in keys])
    if not items:
        return Report("intake", "", (), "")
    resources = sorted({item.resource for item in items})
    return await run(finish_run, workspace, "intake", started_at, resources, items)


def _left_to_others(taken: Taken) -> Taken:
    """Whoever only looks through an inbox need not have what somebody else works on: there is a next look."""
    if taken.item is None or not taken.is_held:
        return taken
    return replace(taken, item=taken.item.model_copy(update={"outcome": Outcome.SKIPPED}))


def chosen_inboxes(workspace: Workspace, names: Sequence[str]) -> tuple[str, ...]:
    """The named inboxes, or all.

    Raises:
        ConfigurationError: one is not configured, or none is.
    """
    chosen = tuple(dict.fromkeys(names or workspace.settings.intake))
    if not chosen:
        raise ConfigurationError("no inbox is configured", mend="add [intake.NAME] with place and resources")
    for name in chosen:
        place_of(workspace.settings.inbox(name))
    return chosen


async def take_in_all(
    workspace: Workspace, objects: Sequence[InboxObject], *, run: Runner = run_directly
) -> list[Taken]:
    """Take in many objects: projects side by side, those of one project one after the other; results in their order."""
    groups: defaultdict[tuple[str, ...], list[InboxObject]] = defaultdict(list)
    for one in objects:
        groups[one.inbox, *one.key.split("/")[:3]].append(one)

    async def work(group: list[InboxObject]) -> list[tuple[InboxObject, Taken]]:
        return [(one, await run(take_in, workspace, one)) for one in group]

    concurrency = max((workspace.settings.inbox(one.inbox).concurrency for one in objects), default=1)
    done = await at_once(list(groups.values()), work, concurrency=concurrency)
    found = dict(pair for group in done for pair in group)
    return [found[one] for one in objects]


async def waiting(workspace: Workspace, name: str) -> list[InboxObject]:
    """All that waits in an inbox, in the order in which the store received it."""
    infos = [one async for one in workspace.inbox(name).list(plan.INBOX) if plan.is_waiting(one.key)]
    infos.sort(key=lambda one: (one.modified, one.key))
    return [InboxObject(inbox=name, key=one.key) for one in infos]


# --- queues --------------------------------------------------------------------------------------------------------


async def drain(
    workspace: Workspace, name: str, work: Callable[[Sequence[InboxObject]], Awaitable[list[Taken]]], *, wait: float = 0
) -> bool:
    """Carry out a round of messages of an inbox's queue; whether there were any."""
    queue = workspace.queue(name)
    if queue is None:
        return False
    deliveries = await receive(workspace, name, queue, wait=wait, most=MOST_HERE)
    messages = [one.message for one in deliveries]
    async with kept_hidden(queue, messages, seconds=workspace.settings.inbox(name).visibility_seconds):
        objects = objects_of(deliveries)
        taken = dict(zip(((one.inbox, one.key) for one in objects), await work(objects), strict=True))
        for delivery in deliveries:
            await _answer(workspace, name, queue, delivery, [taken[one.inbox, one.key] for one in delivery.objects])
    return bool(deliveries)


async def receive(
    workspace: Workspace, name: str, queue: Queue, *, wait: float = 0, most: int = MOST_AT_ONCE
) -> list[Delivery]:
    """A round of messages, read: waits for the first, then takes those that are there."""
    found: list[Delivery] = []
    while len(found) < most:
        messages = await queue.receive(most - len(found), wait=0 if found else wait)
        if not messages:
            break
        found += [read_delivery(workspace, name, message) for message in messages]
    return found


def read_delivery(workspace: Workspace, name: str, message: Message) -> Delivery:
    """What a message says of this inbox."""
    try:
        notices = read_notices(message.body, source=f"message {message.message_id}")
    except InvalidEvent as err:
        return Delivery(message, fault=str(err))
    objects = objects_in(workspace, notices.arrivals, names=(name,))
    if faults := [fault for one in objects if (fault := key_fault(one.key)) is not None]:
        return Delivery(message, fault=f"a key in message {message.message_id} {faults[0]}; the object stays there")
    return Delivery(message, tuple(objects))


def objects_in(workspace: Workspace, arrivals: Sequence[Arrival], *, names: Sequence[str] = ()) -> list[InboxObject]:
    """The objects of the inboxes that arrivals tell of, each once."""
    places = {name: place_of(workspace.settings.inbox(name)) for name in names or workspace.settings.intake}
    events: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for inbox, key, event in plan.addressed(arrivals, places):
        events[inbox, key].append(event)
    return [InboxObject(inbox=inbox, key=key, events=tuple(ids)) for (inbox, key), ids in events.items()]


def objects_of(deliveries: Sequence[Delivery]) -> list[InboxObject]:
    """The objects that messages tell of, each once, with all events."""
    events: dict[tuple[str, str], list[str]] = {}
    for delivery in deliveries:
        for one in delivery.objects:
            events.setdefault((one.inbox, one.key), []).extend(one.events)
    return [InboxObject(inbox=inbox, key=key, events=tuple(ids[:1000])) for (inbox, key), ids in events.items()]


async def _answer(workspace: Workspace, name: str, queue: Queue, delivery: Delivery, taken: Sequence[Taken]) -> None:
    """Acknowledge, refuse, or leave a message for the next time."""
    why = delivery.fault
    open_ = [one for one in taken if not one.is_settled]
    if not why and open_ and delivery.message.receives >= workspace.settings.inbox(name).tries:
        detail = next((one.item.detail for one in open_ if one.item is not None), "")
        why = f"was received {delivery.message.receives} times and could not be carried out: {detail}"
    if why:
        await refuse_message(workspace, name, delivery.message, why)
    elif open_:
        return
    await queue.acknowledge(delivery.message)


async def refuse_message(workspace: Workspace, name: str, message: Message, why: str) -> None:
    """Put a message into refused/messages/ with its reason."""
    inbox, folder = workspace.inbox(name), plan.message_place(message.body)
    said = {"state": "refused", "why": why, "messageId": message.message_id, "receives": message.receives}
    await put_if_absent(inbox, f"{folder}message", message.body)
    for file, body in plan.reason_files(said).items():
        await put_if_absent(inbox, folder + file, body)
    _log.warning("%s: message %s refused, see %s: %s", name, message.message_id, folder, why)
