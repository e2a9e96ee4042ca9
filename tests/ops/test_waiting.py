"""A run that waits for the calls a minute of a resource says so, once, and how long it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluvault.ops.backup import BackupOptions
from cluvault.ops.backup_planning import plan_backup
from cluvault.ops.waiting import Waiting
from cluvault.ops.workspace import Workspace
from cluvault.settings import RateLimits, ResourceSettings

if TYPE_CHECKING:
    from tests.support.world import World


def waiting(told: list[str], **settings: Any) -> Waiting:
    """Of a resource `dev`."""
    values = {"endpoint": "https://contoso.cognitiveservices.azure.com"} | settings
    return Waiting("dev", ResourceSettings.model_validate(values), told.append)


def test_it_is_said_once_and_added_up() -> None:
    """Of calls that wait side by side, the longest; nothing of short waits."""
    told: list[str] = []
    one = waiting(told)
    one.note(0.0, 5.0)
    assert (told, one.sentence) == ([], "")
    one.note(10.0, 50.0)
    one.note(20.0, 70.0)
    one.note(60.0, 400.0)
    assert told == ["dev: calls wait for their turn: it allows 10 POST and 100 GET a minute"]
    assert one.seconds == 395
    assert one.sentence == "dev: calls waited 7 min for their turn: it allows 10 POST and 100 GET a minute"


@pytest.mark.parametrize(
    "limits, why",
    [
        (RateLimits(post=5, get=50, window=30), "it allows 5 POST and 50 GET in 30 s"),
        ("off", "the service asks for it (429)"),
    ],
)
def test_why(limits: RateLimits | str, why: str) -> None:
    """By the limits that are configured; without any only a refusal holds calls back."""
    told: list[str] = []
    waiting(told, limits=limits).note(0.0, 40.0)
    assert told[0].endswith(why)


async def test_a_plan_says_how_long_it_takes_at_least(world: World) -> None:
    """By the exports that each resource allows a minute; of short ones nothing."""
    for number in range(3):
        await world.put("dev", f"Mail{number}")
    async with world.workspace() as workspace:
        assert (await plan_backup(workspace, BackupOptions())).estimate == ""
    dev = world.settings.resource("dev").model_copy(update={"limits": RateLimits(post=1)})
    world.settings = world.settings.model_copy(update={"resources": {**world.settings.resources, "dev": dev}})
    async with world.workspace() as workspace:
        plan = await plan_backup(workspace, BackupOptions())
    assert plan.sentence.endswith("0 unchanged, at least 2 min by the calls a minute that are allowed")


async def test_who_asks_a_workspace_is_told(world: World) -> None:
    """Its clients tell it; at the end it has a sentence for each resource that was waited for."""
    told: list[str] = []
    async with Workspace(world.settings, connect=world.connect, on_wait=told.append) as workspace:
        client = await workspace.client("dev")
        client._session.sender.on_wait(0.0, 120.0)  # as a call that waits does  # pyright: ignore[reportPrivateUsage]
        assert told == ["dev: calls wait for their turn: the service asks for it (429)"]
        assert workspace.waited == ["dev: calls waited 2 min for their turn: the service asks for it (429)"]
