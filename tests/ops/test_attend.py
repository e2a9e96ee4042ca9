"""Staying with queues: messages are carried out here, or handed over and then acknowledged."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, NotHandedOver
from cluvault.ops import attend as ops
from cluvault.ops.handing_over import HandingOver
from cluvault.ops.intake import waiting
from tests.ops.test_intake import KEY, Place, place
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cluvault.errors import CluvaultError
    from cluvault.inbox.queue import Message
    from cluvault.ops.take_in import InboxObject

__all__ = ["place"]


async def attend(place: Place, stop: asyncio.Event, **options: Any) -> None:
    """Attend to the inbox; a test that hangs ends."""
    options.setdefault("pace_seconds", 0)
    async with place.world.workspace() as workspace, asyncio.timeout(10):
        await ops.attend(workspace, ["team"], stop=stop, pause_seconds=0, **options)


async def test_what_arrives_is_taken_in(place: Place) -> None:
    """What waits already, and what comes later; what is under way at the end is finished."""
    stop = asyncio.Event()
    taken: list[str] = []

    def note(one: InboxObject, _taken: Any) -> None:
        taken.append(one.key)
        if len(taken) == 1:
            place.put("inbox/dev/Later/config.json")
        else:
            stop.set()

    place.inbox.put(KEY, project_file("Travel"))
    await attend(place, stop, on_taken=note)
    assert taken == [KEY, "inbox/dev/Later/config.json"]
    assert place.queue.left == 0


async def test_what_was_announced_is_told_and_forgotten(place: Place) -> None:
    """After each batch, for the process goes on; the next batch announces its own."""
    place.inbox.put(KEY, project_file("Travel"))
    async with place.world.workspace() as workspace:
        objects, turn = await waiting(workspace, "team"), asyncio.Lock()
        (taken,) = await ops.take_in_and_tell(workspace, objects, turn=turn)
        assert taken.is_settled
        assert list(workspace.announcements) == []


async def test_what_arrives_is_handed_over(place: Place) -> None:
    """One batch; acknowledged after somebody has it, and not before; what nobody understands is refused."""
    stop = asyncio.Event()
    handed: list[InboxObject] = []

    async def take(objects: Sequence[InboxObject]) -> None:
        assert place.queue.left == 4
        handed.extend(objects)
        stop.set()

    place.put("inbox/dev/A/config.json")
    place.put("inbox/dev/B/config.json")
    place.tell("inbox/dev/B/config.json")
    place.queue.send(b"nonsense")
    await attend(place, stop, hand_over=take)
    assert [one.key for one in handed] == ["inbox/dev/A/config.json", "inbox/dev/B/config.json"]
    assert place.queue.left == 0
    assert place.inbox.keys("inbox/") == ["inbox/dev/A/config.json", "inbox/dev/B/config.json"]
    assert len(place.inbox.keys("refused/messages/")) == 3


async def test_a_burst_that_comes_one_by_one(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goes in few batches: the first at once, and then what has come until the next one's time, or until the end."""
    stop = asyncio.Event()
    handed: list[int] = []
    keys = [f"inbox/dev/P{number}/config.json" for number in range(20)]
    receive = place.queue.receive

    async def receive_later(most: int, *, wait: float = 0) -> list[Message]:
        if wait and keys:
            place.world.seconds += 1
            place.put(keys.pop())
        elif wait:
            stop.set()
        return await receive(most)

    async def take(objects: Sequence[InboxObject]) -> None:
        handed.append(len(objects))

    monkeypatch.setattr(place.queue, "receive", receive_later)
    await attend(place, stop, hand_over=take, pace_seconds=10)
    assert handed == [1, 10, 9]
    assert place.queue.left == 0


async def test_what_nobody_takes_over(place: Place) -> None:
    """Comes again; the error is told, and the next try may succeed."""
    stop = asyncio.Event()
    told: list[str] = []

    async def refuse(_objects: Sequence[InboxObject]) -> None:
        if not told:
            raise NotHandedOver("Prefect is away")
        stop.set()

    def tell(name: str, err: CluvaultError) -> None:
        told.append(f"{name}: {err}")
        assert place.queue.left == 1
        place.queue.come_again()

    place.put()
    await attend(place, stop, hand_over=refuse, on_error=tell)
    assert told == ["team: Prefect is away"]
    assert place.queue.left == 0


async def test_an_error_that_does_not_pass(place: Place) -> None:
    """Ends it; the message is not lost."""

    async def refuse(_objects: Sequence[InboxObject]) -> None:
        raise ConfigurationError("Prefect has no deployment")

    place.put()
    with pytest.raises(ConfigurationError):
        await attend(place, asyncio.Event(), hand_over=refuse)
    assert place.queue.left == 1


async def test_an_inbox_without_a_queue(place: Place) -> None:
    """Is looked through from time to time."""
    place.world.open_queue = lambda _settings: None
    stop = asyncio.Event()
    taken: list[str] = []

    def note(one: InboxObject, _taken: Any) -> None:
        taken.append(one.key)
        if len(taken) == 2:
            stop.set()
        else:
            place.inbox.put("inbox/dev/Later/config.json", project_file("Later"))

    place.inbox.put(KEY, project_file("Travel"))
    await attend(place, stop, on_taken=note, look_seconds=0)
    assert taken == [KEY, "inbox/dev/Later/config.json"]
    async with place.world.workspace() as workspace:
        assert not await HandingOver(workspace, _nobody, stop=stop).batch("team")


async def _nobody(_objects: Sequence[InboxObject]) -> None:
    raise AssertionError("there is nothing to hand over")
