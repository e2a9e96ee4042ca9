"""fleet: a flow run for each resource; what crashed is started again, what failed is named."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Crashed, Failed, Running

from cluvault.ops.backup import BackupOptions
from cluvault.plan.patience import Patience
from flows.fleet import FleetFailed, FleetOptions
from tasks.fleet import run_fleet
from tasks.patience import PatientCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import State

    from tests.flows.conftest import Prefect


class Server:
    """A server on which runs end as was planned: resource → the states of its first run, its second, ….

    Attributes:
        keys: By which runs were started.
        most: So many were under way at once.
        told: What was told of the server.
        away: What the next calls end with instead.
    """

    def __init__(self, **planned: Sequence[list[State[Any]]]) -> None:
        self.planned = planned
        self.keys: list[str] = []
        self.most = 0
        self.told: list[str] = []
        self._runs: dict[str, UUID] = {}
        self._states: dict[UUID, list[State[Any]]] = {}
        self._started: dict[str, int] = defaultdict(int)
        self.away: list[Exception] = []

    def begun(self, *states: State[Any]) -> UUID:
        """A run that somebody else started."""
        run = uuid4()
        self._states[run] = list(states)
        return run

    async def start(self, resource: str, key: str) -> UUID:
        """Start a run, or find the one with this key."""
        if not self.planned[resource]:
            raise ObjectNotFound(ValueError("no such deployment"))
        self._be_away()
        self.keys.append(key)
        if key not in self._runs:
            run = self._runs[key] = uuid4()
            self._states[run] = list(self.planned[resource][self._started[resource]])
            self._started[resource] += 1
            self.most = max(self.most, sum(1 for states in self._states.values() if len(states) > 1))
        return self._runs[key]

    async def look(self, run: UUID) -> State[Any] | None:
        """The next state."""
        await asyncio.sleep(0)
        self._be_away()
        states = self._states[run]
        return states.pop(0) if len(states) > 1 else states[0]

    def _be_away(self) -> None:
        if self.away:
            raise self.away.pop()

    async def fleet(
        self, *, attempts: int = 3, at_once: int = 10, patience: float = 60, under_way: dict[str, UUID] | None = None
    ) -> dict[str, tuple[str, int]]:
        """Run a fleet of all resources: resource → state and number of runs."""
        members = await run_fleet(
            sorted(self.planned),
            key="fleet/1",
            start=self.start,
            look=self.look,
            attempts=attempts,
            at_once=at_once,
            calls=PatientCalls(Patience(patience, first=0), tell=self.told.append),
            under_way=under_way,
            poll_seconds=0,
        )
        return {one.resource: (one.state, len(one.runs)) for one in members}


async def test_what_crashed_is_started_again() -> None:
    """As often as is allowed; what failed is not."""
    server = Server(
        a=[[Running(), Completed()]],
        b=[[Running(), Crashed()], [Running(), Crashed()], [Running(), Completed()]],
        c=[[Crashed()], [Crashed()], [Crashed()], [Completed()]],
        d=[[Running(), Failed(message="why")], [Completed()]],
    )
    assert await server.fleet() == {
        "a": ("Completed", 1),
        "b": ("Completed", 3),
        "c": ("Crashed", 3),
        "d": ("Failed", 1),
    }


async def test_a_fleet_that_is_run_again_finds_its_runs() -> None:
    """Its worker died; the keys are the same, and so nothing is started twice."""
    server = Server(a=[[Completed()]], b=[[Crashed()], [Completed()]])
    first = await server.fleet()
    assert await server.fleet() == first == {"a": ("Completed", 1), "b": ("Completed", 2)}
    assert len(set(server.keys)) == 3


async def test_a_fleet_takes_over_what_another_left() -> None:
    """It is waited for; when it crashes it is started again, under this fleet's own key."""
    server = Server(a=[[Completed()]], b=[[Completed()]])
    left = {"a": server.begun(Running(), Completed()), "b": server.begun(Running(), Crashed())}
    assert await server.fleet(under_way=left) == {"a": ("Completed", 1), "b": ("Completed", 2)}
    assert server.keys == ["fleet/1/b/1"]


async def test_a_server_that_is_away_is_waited_for() -> None:
    """Nothing is started twice, and the log has it."""
    server = Server(a=[[Running(), Running(), Completed()]], b=[[Running(), Completed()]])
    server.away = [httpx.ConnectError("refused")] * 9
    assert await server.fleet() == {"a": ("Completed", 1), "b": ("Completed", 1)}
    assert len(server.told) == 2


async def test_what_cannot_be_known_costs_the_others_nothing() -> None:
    """A resource whose run cannot be started, or is away for too long, is named; the others go on."""
    server = Server(a=[[Running(), Completed()]], b=[])
    assert await server.fleet() == {"a": ("Completed", 1), "b": ("Unknown", 0)}
    server = Server(a=[[Running(), Completed()]], b=[[Running(), Completed()]])
    server.away = [httpx.ConnectError("refused")]
    assert sorted((await server.fleet(patience=0)).values()) == [("Completed", 1), ("Unknown", 0)]


async def test_no_more_at_once_than_is_allowed() -> None:
    """Others wait for a place."""
    server = Server(**{name: [[Running(), Running(), Completed()]] for name in "abcdefgh"})
    await server.fleet(at_once=3)
    assert server.most == 3


@pytest.mark.prefect
@pytest.mark.long
def test_a_worker_backs_up_a_fleet(
    prefect: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample: Callable[[str], bytes]
) -> None:
    """Each resource in a run of its own, of a deployment, by a process worker; the one that fails is named."""
    prefect.desk.put("prod", "Pizza", sample("pizza-small"))
    config = prefect.desk.folder / "cluvault.toml"
    config.write_text(
        config.read_text("utf-8")
        + '[resources.gone]\nendpoint = "http://127.0.0.1:9/gone"\nkey = { env = "GONE_KEY" }\n'
    )
    monkeypatch.setenv("CLUVAULT_CONFIG", str(config))
    monkeypatch.setenv("GONE_KEY", "any")

    async def create(client: PrefectClient) -> None:
        await client.create_work_pool(WorkPoolCreate(name="cluvault", type="process"), overwrite=True)

    prefect.ask(create)
    run = [sys.executable, "-m", "prefect"]
    deploy = ["--no-prompt", "deploy", "--prefect-file", "deployments/prefect.yaml", "--name", "resource"]
    root = Path(__file__).parents[2]
    subprocess.run([*run, *deploy], check=True, capture_output=True, cwd=root)  # noqa: S603  # our own words
    worker = subprocess.Popen([*run, "worker", "start", "--pool", "cluvault", "--type", "process"], cwd=tmp_path)  # noqa: S603
    try:
        with pytest.raises(FleetFailed, match=r"2 of 3 resources are backed up\. Not so: gone"):
            prefect.run("fleet", FleetOptions(backup=BackupOptions(tags=("fleet",))))
    finally:
        worker.terminate()
        worker.wait()
    assert {path.parts[-4] for path in prefect.desk.vault.glob("snapshots/*/*/*/manifest.json")} == {"dev", "prod"}
