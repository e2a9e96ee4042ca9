"""Calls to Prefect's server that bear with its absence."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import httpx
import pytest
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.exceptions import PrefectHTTPStatusError

from cluvault.plan.patience import Patience
from tasks.patience import PatientCalls, ServerAway, is_away, never_began, patiently

REQUEST = httpx.Request("GET", "http://127.0.0.1:4200/api/health")


def answered(status: int) -> PrefectHTTPStatusError:
    """An answer that Prefect's client raises."""
    return PrefectHTTPStatusError("no", request=REQUEST, response=httpx.Response(status, request=REQUEST))


def wrapped(error: Exception) -> RuntimeError:
    """As Prefect's client does at its first call."""
    outer = RuntimeError("Failed to reach API at http://127.0.0.1:4200/api")
    outer.__cause__ = error
    return outer


def no_slot(error: Exception) -> ConcurrencySlotAcquisitionError:
    """As Prefect's engine does before a task begins."""
    outer = ConcurrencySlotAcquisitionError("Unable to acquire concurrency slots on ['tag:cluvault']")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize(
    "error, away",
    [
        (httpx.ConnectError("refused"), True),
        (httpx.ReadTimeout("slow"), True),
        (answered(503), True),
        (answered(500), True),
        (answered(404), False),
        (answered(422), False),
        (wrapped(httpx.ConnectError("refused")), True),
        (wrapped(ValueError("no version")), False),
        (RuntimeError("the client is closed"), False),
        (no_slot(httpx.ConnectError("refused")), True),
        (no_slot(answered(422)), False),
        (ValueError("ours"), False),
    ],
)
def test_what_says_that_the_server_is_away(error: Exception, *, away: bool) -> None:
    """Not an answer that would be the same the next time."""
    assert is_away(error) is away


@dataclass
class Server:
    """Away at some calls, on a clock of its own."""

    errors: list[Exception]
    now: float = 0.0
    told: list[str] = field(default_factory=list[str])

    def calls(self, seconds: float) -> PatientCalls:
        """With so much patience."""
        patience = Patience(seconds, first=1, longest=4)
        return PatientCalls(patience, tell=self.told.append, clock=lambda: self.now, sleep=self.sleep)

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    async def ask(self) -> str:
        """An error as long as there are some."""
        if self.errors:
            raise self.errors.pop(0)
        return "here"


async def test_a_server_that_comes_back_is_waited_for() -> None:
    """Its absence and its return are told once each."""
    server = Server([httpx.ConnectError("refused")] * 4)
    calls = server.calls(60)
    assert [await calls(server.ask), await calls(server.ask)] == ["here", "here"]
    assert server.now == 1 + 2 + 4 + 4
    assert server.told == [
        "the Prefect server does not answer (refused); it is asked again for 60 s",
        "the Prefect server answers again after 11 s",
    ]


async def test_patience_ends() -> None:
    """With an error that says for how long it was, after a last try at the end of it."""
    server = Server([httpx.ConnectError("")] * 100)
    with pytest.raises(ServerAway, match=r"not answered for 10 s: ConnectError; see to the server"):
        await server.calls(10)(server.ask)
    assert server.now == 10
    assert len(server.told) == 1


async def test_other_errors_are_none_of_its_business() -> None:
    """They are raised at once."""
    server = Server([answered(404)])
    with pytest.raises(PrefectHTTPStatusError):
        await server.calls(10)(server.ask)
    assert (server.now, server.told) == (0, [])


async def test_a_task_that_could_not_begin_is_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only such a one: what began and then lost the server may have done its work."""
    server = Server([no_slot(httpx.ConnectError("refused")), httpx.ConnectError("refused")])
    monkeypatch.setattr("tasks.patience.Patience", lambda: Patience(10, first=0))
    monkeypatch.setattr("tasks.patience.get_run_logger", logging.getLogger)
    with pytest.raises(httpx.ConnectError):
        await patiently(server.ask, bears=never_began)
    assert server.errors == []
