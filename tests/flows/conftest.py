"""One real Prefect server for all tests of flows, and the desk of the commands connected to it."""

from __future__ import annotations

import asyncio
import gc
import ssl
import time
import warnings
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_LOGGING_LEVEL,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from tests.support.desk import Desk, backed_up, desk, environment, forgetful, fresh, server, start, vault_of_dev

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Sequence

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun, TaskRun
    from pydantic import BaseModel

__all__ = ["backed_up", "desk", "environment", "forgetful", "fresh", "server", "start", "vault_of_dev"]

T = TypeVar("T")
STARTED_WITHIN = 150
RECORDED_WITHIN = 30.0


def pytest_itemcollected(item: pytest.Item) -> None:
    """Prefect leaves some of its own connections to the garbage collector, which warns of them."""
    if item.get_closest_marker("prefect"):
        item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a Prefect server that lives as long as the tests."""
    home = tmp_path_factory.mktemp("prefect")
    own: dict[Any, Any] = {
        PREFECT_HOME: home,
        PREFECT_SERVER_ANALYTICS_ENABLED: False,
        PREFECT_LOGGING_LEVEL: "CRITICAL",
    }
    with temporary_settings(own), prefect_test_harness(server_startup_timeout=STARTED_WITHIN):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="module", autouse=True)
def _no_events_thread_is_left() -> Generator[None]:
    """The thread that sends Prefect's events pings by the global `random`, which Hypothesis blames on its own tests."""
    yield
    EventsWorker.drain_all(timeout=10, at_exit=False)


@dataclass(frozen=True)
class Prefect:
    """The desk, its Prefect server, and what the server knows."""

    desk: Desk
    api: str

    def run(self, name: str, options: BaseModel) -> Any:
        """Call a flow as a program would."""
        return asyncio.run(getattr(import_module(f"flows.{name}"), name)(options))

    def ask(self, question: Callable[[PrefectClient], Coroutine[Any, Any, T]]) -> T:
        """Ask the server something."""

        async def asked() -> T:
            async with _client() as client:
                return await question(client)

        return asyncio.run(asked())

    def last_run(self) -> FlowRun:
        """The flow run that was started last; those that are due later were not."""
        started = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(not_any_=[StateType.SCHEDULED])))
        (found,) = self.ask(
            lambda client: client.read_flow_runs(flow_run_filter=started, sort=FlowRunSort.START_TIME_DESC, limit=1)
        )
        return found

    def count_runs(self) -> int:
        """How many flow runs the server knows."""
        return len(self.ask(lambda client: client.read_flow_runs(limit=200)))

    def task_runs(self, run: FlowRun, *, at_least: int) -> Sequence[TaskRun]:
        """The task runs of a flow run, ended; they are recorded after the fact, so this waits for them."""
        deadline = time.monotonic() + RECORDED_WITHIN
        while True:
            found = self.ask(
                lambda client: client.read_task_runs(
                    task_run_filter=TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=[run.id]))
                )
            )
            ended = [one for one in found if one.state is not None and one.state.is_final()]
            if len(ended) >= at_least or time.monotonic() > deadline:
                return ended
            time.sleep(0.1)

    def artifacts(self, run: FlowRun) -> dict[str, Any]:
        """The artifacts of a flow run by their keys."""
        found = self.ask(
            lambda client: client.read_artifacts(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run.id])), limit=50
            )
        )
        return {str(one.key): one.data for one in sorted(found, key=lambda one: str(one.created))}  # the newest counts


@asynccontextmanager
async def _client() -> AsyncGenerator[PrefectClient]:
    trusting_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # else each client reads the machine's certificates
    async with get_client(httpx_settings={"verify": trusting_nobody}) as client:
        yield client


@pytest.fixture
def prefect(prefect_api: str, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Generator[Prefect]:
    """The desk with a Prefect API configured."""
    monkeypatch.setenv("PREFECT_API_URL", prefect_api)
    yield Prefect(desk, prefect_api)
    with warnings.catch_warnings(action="ignore"):
        gc.collect()  # Prefect's connections, before they warn in a test that has nothing to do with them
