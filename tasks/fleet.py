"""A fleet: one flow run for each resource, on whichever workers there are, started again where a worker died."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.deployments import arun_deployment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from uuid import UUID

    from prefect.client.schemas.objects import State

    from cluvault.ops.backup import BackupOptions

POLL_SECONDS: Final = 5.0


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
    attempts: int,
    at_once: int,
    poll_seconds: float = POLL_SECONDS,
) -> tuple[Member, ...]:
    """Have a run for each resource, and wait for their ends.

    A run that crashed, with its worker or alone, is started again: what it had stored is not exported again. One that
    failed is not: its own steps have been repeated as often as it serves.

    Args:
        resources: One run each.
        key: Of this fleet: whoever runs the same one again finds the runs that there are.
        start: Starts a run.
        look: Its state.
        attempts: Runs of one resource, at most.
        at_once: Resources that are under way at once.
        poll_seconds: Between two looks at a run.
    """
    places = asyncio.Semaphore(at_once)

    async def one(resource: str) -> Member:
        runs: list[str] = []
        async with places:
            while True:
                run = await start(resource, f"{key}/{resource}/{len(runs)}")
                runs.append(str(run))
                state = await _end_of(run, look, poll_seconds)
                if state.type is not StateType.CRASHED or len(runs) == attempts:
                    return Member(resource, tuple(runs), state.name or state.type.value, state.message or "")

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(resource)) for resource in resources]
    return tuple(task.result() for task in tasks)


async def _end_of(run: UUID, look: Look, poll_seconds: float) -> State[Any]:
    while True:
        state = await look(run)
        if state is not None and state.is_final():
            return state
        await asyncio.sleep(poll_seconds)


def starter(deployment: str, options: BackupOptions) -> Start:
    """What starts the run of a resource from a deployment."""

    async def start(resource: str, key: str) -> UUID:
        own = options.model_copy(update={"resources": (resource,)})
        run = await arun_deployment(
            deployment,
            parameters={"options": own.model_dump(mode="json")},
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
