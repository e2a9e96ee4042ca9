"""Calls to Prefect's server that bear with its absence: a restart costs a flow some waiting, not its work."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeVar

from httpx import HTTPStatusError, TransportError
from prefect import get_run_logger
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError

from cluvault.errors import CluvaultError
from cluvault.plan.patience import Patience

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
_AWAY: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers of a server, or of the proxy before it, that say nothing about what was asked; 500 is its lost database."""


class ServerAway(CluvaultError):
    """Prefect's server has not answered for longer than was to be borne with."""

    retryable = True


class PatientCalls:
    """Calls that are repeated while the server is away; its going and its coming back are told once each."""

    def __init__(
        self,
        patience: Patience,
        *,
        tell: Callable[[str], object],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        bears: Callable[[Exception], bool] | None = None,
    ) -> None:
        """Args: how long, whom to tell, for tests the time, and which errors, by default all that `is_away` knows."""
        self._bears = bears or is_away
        self._patience = patience
        self._tell = tell
        self._clock = clock
        self._sleep = sleep
        self._away_since: float | None = None

    async def __call__(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer; the call must bear repetition.

        Raises:
            ServerAway: patience is over.
        """
        begun, tries = self._clock(), 0
        while True:
            try:
                answer = await call()
            except Exception as err:
                if not self._bears(err):
                    raise
                tries += 1
                wait = self._patience.wait(tries, away=self._clock() - begun)
                if wait is None:
                    raise ServerAway(
                        f"the Prefect server has not answered for {self._patience.seconds:.0f} s: {_said(err)}",
                        mend="see to the server; what is under way goes on",
                    ) from err
                self._gone(err)
                await self._sleep(wait)
            else:
                self._is_back()
                return answer

    def _gone(self, err: Exception) -> None:
        if self._away_since is None:
            self._away_since = self._clock()
            patience = f"{self._patience.seconds:.0f} s"
            self._tell(f"the Prefect server does not answer ({_said(err)}); it is asked again for {patience}")

    def _is_back(self) -> None:
        if self._away_since is not None:
            self._tell(f"the Prefect server answers again after {self._clock() - self._away_since:.0f} s")
            self._away_since = None


def is_away(error: Exception) -> bool:
    """Whether an error of Prefect's client says that its server, or what that needs, is not there just now."""
    if isinstance(error, HTTPStatusError):
        return error.response.status_code in _AWAY
    if isinstance(error, TransportError):
        return True
    # its first call asks for the server's version, and a task's start for a slot: both wrap what comes of that
    is_wrapper = isinstance(error, RuntimeError | ConcurrencySlotAcquisitionError)
    return is_wrapper and isinstance(error.__cause__, Exception) and is_away(error.__cause__)


def never_began(error: Exception) -> bool:
    """Whether a task could not begin, because the server is away, which is asked for a slot of the task's tags."""
    return isinstance(error, ConcurrencySlotAcquisitionError) and is_away(error)


async def patiently(call: Callable[[], Awaitable[T]], *, bears: Callable[[Exception], bool] = is_away) -> T:
    """The answer of a call within a flow, repeated while the server is away, with the usual patience.

    Args:
        call: It has to bear repetition after the errors that are borne with.
        bears: Which ones.

    Raises:
        ServerAway: patience is over.
    """
    return await PatientCalls(Patience(), tell=lambda text: get_run_logger().warning(text), bears=bears)(call)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
