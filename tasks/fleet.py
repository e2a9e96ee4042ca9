"""A fleet: one flow run for each resource, on whichever workers there are, started again where a worker died.

The server may be away for a while: runs go on without it, and the fleet waits for it, as long as its patience says.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.deployments import arun_deployment
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from tasks.patience import PatientCalls, ServerAway
from tasks.under_way import runs_under_way

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping, Sequence
    from uuid import UUID

    from prefect.client.schemas.objects import State

    from cluvault.ops.backup import BackupOptions

POLL_SECONDS: Final = 5.0
UNKNOWN: Final = "Unknown"
"""The state of a resource whose run could not be started, or no longer be looked at."""


class Start(Protocol):
    """Starts the run of a resource, under a key that names this attempt: the same key is the same run."""

    def __call__(self, resource: str, key: str, /) -> Awaitable[UUID]:
        """The run's id."""
        ...


class Look(Protocol):
    """Looks at a flow run."""

    def __call__(self, run: UUID, /) -> Awaitable[State[Any] | None]:
        """Its state."""
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """What became of one resource.

    Attributes:
        runs: The ids of its flow runs: more than one where a worker died.
        state: The name of the last one's state.
        message: What that says.
    """

    resource: str
    runs: tuple[str, ...]
    state: str
    message: str

    @property
    def is_done(self) -> bool:
        """Whether its last run ended well."""
        return self.state == "Completed"


async def run_fleet(
    resources: Sequence[str],
    *,
    key: str,
    start: Start,
    look: Look,
    calls: PatientCalls,
    attempts: int,
    at_once: int,
    under_way: Mapping[str, UUID] | None = None,
    poll_seconds: float = POLL_SECONDS,
) -> tuple[Member, ...]:
    """Have a run for each resource, and wait for their ends.

    A run that crashed, with its worker or alone, is started again: what it had stored is not exported again. One that
    failed is not: its own steps have been repeated as often as it serves. What cannot be started, or is gone from the
    server, is a member of unknown state; it costs the others nothing.

    Args:
        resources: One run each.
        key: Of this fleet: whoever runs the same one again finds the runs that there are.
        start: Starts a run.
        look: Its state.
        calls: How both are called.
        attempts: Runs of one resource, at most.
        at_once: Resources that are under way at once.
        under_way: Runs that another fleet left: they are waited for instead of joined by another.
        poll_seconds: Between two looks at a run.
    """
    places = asyncio.Semaphore(at_once)
    left = dict(under_way or {})

    async def one(resource: str) -> Member:
        runs: list[str] = []
        try:
            while True:
                run = left.pop(resource, None)
                if run is None:
                    run = await calls(partial(start, resource, f"{key}/{resource}/{len(runs)}"))
                runs.append(str(run))
                state = await _end_of(run, look, calls, poll_seconds)
                if state.type is not StateType.CRASHED or len(runs) == attempts:
                    return Member(resource, tuple(runs), state.name or state.type.value, state.message or "")
        except (ObjectNotFound, PrefectHTTPStatusError, ServerAway) as err:
            return Member(resource, tuple(runs), UNKNOWN, str(err) or type(err).__name__)

    async def in_its_place(resource: str) -> Member:
        async with places:
            return await one(resource)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_its_place(resource)) for resource in resources]
    return tuple(task.result() for task in tasks)


async def _end_of(run: UUID, look: Look, calls: PatientCalls, poll_seconds: float) -> State[Any]:
    while True:
        state = await calls(lambda: look(run))
        if state is not None and state.is_final():
            return state
        await asyncio.sleep(poll_seconds)


def starter(deployment: str, options: BackupOptions) -> Start:
    """What starts the run of a resource from a deployment."""

    async def start(resource: str, key: str) -> UUID:
        run = await arun_deployment(
            deployment,
            parameters={"options": _options_of(options, resource)},
            flow_run_name=f"backup {resource}",
            idempotency_key=key,
            timeout=0,
        )
        return run.id

    return start


async def look_at(run: UUID) -> State[Any] | None:
    """The state of a flow run by its server."""
    async with get_client() as client:
        return (await client.read_flow_run(run)).state


async def find_under_way(
    deployment: str, options: BackupOptions, resources: Sequence[str], *, but: str
) -> dict[str, UUID]:
    """Runs of these resources, with these very options, that another fleet started and that have not ended.

    Such a fleet crashed, for there is one at a time. A run that is not really alive is called crashed in time, and then
    started again by whoever waits for it.

    Args:
        deployment: Whose runs.
        options: As for the fleet.
        resources: Which ones.
        but: The key of the asking fleet, which finds its own by theirs.
    """
    parameters = {resource: {"options": _options_of(options, resource)} for resource in resources}
    found: dict[str, UUID] = {}
    async with aclosing(runs_under_way(deployment)) as runs:
        async for run in runs:
            if not (run.idempotency_key or "").startswith(f"{but}/"):
                found |= {name: run.id for name, theirs in parameters.items() if run.parameters == theirs}
    return found


def _options_of(options: BackupOptions, resource: str) -> dict[str, Any]:
    return options.model_copy(update={"resources": (resource,)}).model_dump(mode="json")
