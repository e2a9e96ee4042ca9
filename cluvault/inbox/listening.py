"""The HTTPS intake: CloudEvents 1.0 and Event Grid events come in, and are answered when somebody has taken them over.

    POST    /events     events; both of Event Grid's handshakes
    OPTIONS /events     the handshake of CloudEvents webhooks
    GET     /healthz    whether this process answers
    GET     /metrics    the status as Prometheus reads it, when `cluvault listen` mounts it

200: taken over, or known already. 4xx: the sender should not send it again. 503: it should.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cluvault.errors import CluvaultError, InvalidEvent
from cluvault.plan.notices import read_cloud_event
from cluvault.plan.replay import Memory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from cluvault.inbox.doorkeeper import Doorkeeper
    from cluvault.model.arrival import Arrival, Notices
    from cluvault.settings import ListenSettings

_BODY_SECONDS: Final = 30
_RATE: Final = "1000"
"""Requests a minute that a sender of CloudEvents is told it may make."""
_log: Final = logging.getLogger("cluvault.listen")


class TooMuch(Exception):
    """A body that is larger than what is read."""


def listening(
    settings: ListenSettings,
    doorkeeper: Doorkeeper,
    take_over: Callable[[Sequence[Arrival]], Awaitable[None]],
    *,
    concerns: Callable[[Arrival], bool] = lambda _arrival: True,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    more_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The intake as an application.

    Args:
        settings: Its limits.
        doorkeeper: Who may bring events.
        take_over: Returns when it is certain that somebody will carry them out; raises otherwise.
        concerns: Whether an arrival is one of ours; the others are ignored, and the sender is told.
        now: The clock.
        more_routes: What else is served at this address, such as `/metrics`; each sees to its own guard.
    """
    intake = _Intake(settings, doorkeeper, take_over, concerns, now)
    routes = [
        Route("/events", intake.receive, methods=["POST"]),
        Route("/events", intake.permit, methods=["OPTIONS"]),
        Route("/healthz", _health, methods=["GET"]),
        *more_routes,
    ]
    return Starlette(routes=routes)


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Intake:
    """Answers requests."""

    def __init__(
        self,
        settings: ListenSettings,
        doorkeeper: Doorkeeper,
        take_over: Callable[[Sequence[Arrival]], Awaitable[None]],
        concerns: Callable[[Arrival], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._doorkeeper = doorkeeper
        self._take_over = take_over
        self._concerns = concerns
        self._now = now
        self._memory = Memory(timedelta(minutes=settings.window_minutes))

    async def permit(self, request: Request) -> Response:
        """The handshake by which a sender of CloudEvents asks whether it is welcome."""
        origin = request.headers.get("webhook-request-origin", "")
        if origin not in self._settings.allowed_origins:
            return _refusal(403, "this origin is not among listen.allowed-origins")
        headers = {"WebHook-Allowed-Origin": origin, "Allow": "POST"}
        if "webhook-request-rate" in request.headers:
            headers["WebHook-Allowed-Rate"] = _RATE
        return Response(status_code=200, headers=headers)

    async def receive(self, request: Request) -> Response:
        """Events; who sends them is looked at before what they are."""
        try:
            if not await self._doorkeeper.admits(request.headers, request.query_params):
                return _refusal(401, "show the secret or a token", {"WWW-Authenticate": "Bearer"})
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._body(request)
            headers = {name.lower(): text for name, text in request.headers.items()}
            notices = read_cloud_event(headers, body)
            self._memory.check(notices.times, now=self._now())
        except TimeoutError:
            return _refusal(408, "the request took too long")
        except TooMuch:
            return _refusal(413, f"at most {self._settings.max_bytes} bytes are read")
        except InvalidEvent as err:
            return _refusal(400, str(err))
        except CluvaultError as err:
            return _not_now(err)
        if notices.validation_code:
            return JSONResponse({"validationResponse": notices.validation_code})
        return await self._carry_out(notices)

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._settings.max_bytes:
                raise TooMuch
        return bytes(body)

    async def _carry_out(self, notices: Notices) -> Response:
        ours = [one for one in notices.arrivals if self._concerns(one)]
        if ours and not self._memory.knows(notices.event_ids, now=self._now()):
            try:
                await self._take_over(ours)
            except InvalidEvent as err:
                return _refusal(400, str(err))
            except Exception as err:  # noqa: BLE001  # whatever it was, the sender keeps the events
                return _not_now(err)
            self._memory.remember(notices.event_ids, now=self._now())
        others = len(notices.arrivals) - len(ours)
        return JSONResponse({"accepted": len(ours), "ignored": len(notices.ignored) + others})


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": why}, status, headers)


def _not_now(err: Exception) -> Response:
    """The sender tries again; why is ours to know."""
    _log.warning("events were not taken over: %s", err, exc_info=None if isinstance(err, CluvaultError) else err)
    return _refusal(503, "nobody could take this over now", {"Retry-After": "30"})


class Batches:
    """Brings what comes in one by one together, so that many requests become one flow run.

    Args:
        take_over: Takes a batch over.
        seconds: How long the first of a batch waits for others.
        most: How many arrivals one batch has.
        pace: Seconds from one batch to the next.
    """

    def __init__(
        self,
        take_over: Callable[[Sequence[Arrival]], Awaitable[None]],
        *,
        seconds: float,
        most: int,
        pace: float = 0.0,
    ) -> None:
        self._take_over = take_over
        self._seconds = seconds
        self._most = most
        self._pace = pace
        self._last = monotonic() - pace
        self._batch: list[Arrival] = []
        self._under_way: asyncio.Task[None] | None = None

    async def add(self, arrivals: Sequence[Arrival]) -> None:
        """Returns when the batch that these are in was taken over; raises what that raises."""
        if self._under_way is None or len(self._batch) + len(arrivals) > self._most:
            self._batch = []
            self._under_way = asyncio.create_task(self._send(self._batch))
        self._batch += arrivals
        await asyncio.shield(self._under_way)

    async def _send(self, batch: list[Arrival]) -> None:
        await asyncio.sleep(max(self._seconds, self._last + self._pace - monotonic()))
        if self._batch is batch:
            self._under_way = None
        self._last = monotonic()
        await self._take_over(batch)
