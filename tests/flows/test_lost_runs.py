"""The automations for lost runs notice one that died before it had told anything, on a real Prefect server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.objects import StateType
from prefect.events.schemas.automations import AutomationCore
from prefect.states import Completed, Pending, Running

from deployments.desired import TAG
from deployments.source import read_automations

if TYPE_CHECKING:
    from uuid import UUID

    from prefect.client.orchestration import PrefectClient

    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.long]

NAMES = ("a lost run is called crashed", "a run that never began is called crashed")
WITHIN = 10
"""Seconds: the least that Prefect takes, instead of minutes."""
STATES = {
    "taken": [Pending(name="Submitting")],
    "begun": [Pending(name="Submitting"), Running()],
    "ended": [Pending(name="Submitting"), Running(), Completed()],
}


def test_a_run_that_dies_at_once(prefect: Prefect) -> None:
    """Before it begins, or before its first heartbeat: it is called crashed; one that ended is not."""

    async def begin(client: PrefectClient) -> dict[str, UUID]:
        for file in read_automations():
            if file.name in NAMES:
                trigger = file.trigger | {"within": WITHIN}
                await client.create_automation(AutomationCore.model_validate(file.model_dump() | {"trigger": trigger}))
        return {name: await _run(client, states) for name, states in STATES.items()}

    async def end(client: PrefectClient) -> None:
        for automation in await client.read_automations():
            await client.delete_automation(automation.id)

    runs = prefect.ask(begin)
    try:
        deadline = time.monotonic() + 90
        while len(_crashed(prefect, runs)) < 2 and time.monotonic() < deadline:
            time.sleep(1)
        time.sleep(WITHIN / 2)
        assert _crashed(prefect, runs) == {"taken", "begun"}
    finally:
        prefect.ask(end)


async def _run(client: PrefectClient, states: list[Any]) -> UUID:
    from flows.backup import backup  # noqa: PLC0415  # it needs Prefect

    run = await client.create_flow_run(backup, tags=[TAG], state=Pending())
    for state in states:
        await client.set_flow_run_state(run.id, state)
    return run.id


def _crashed(prefect: Prefect, runs: dict[str, UUID]) -> set[str]:
    async def ask(client: PrefectClient) -> set[str]:
        found = {name: await client.read_flow_run(one) for name, one in runs.items()}
        return {name for name, one in found.items() if one.state_type is StateType.CRASHED}

    return prefect.ask(ask)
