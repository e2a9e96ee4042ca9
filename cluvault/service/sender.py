"""Sends one call until it is answered: budget, credential, retries, log. What answers mean is decided in protocol."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cluvault.errors import OriginRefused, ServiceError, SignInRefused, Throttled
from cluvault.service.exchange import Answer, Call, NoAnswer
from cluvault.service.protocol import Fault, judge
from cluvault.service.retrying import RETRY_AFTER_CAP, retry_delay
from cluvault.service.sharing import Sharing
from cluvault.service.urls import Origin, origin_of
from cluvault.tracing import is_tracing, span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cluvault.service.budget import Budget, Ticket
    from cluvault.service.job_models import Job
    from cluvault.service.jobs import JobHandle
    from cluvault.service.sharing import Ledger
    from cluvault.service.signing import Credential
    from cluvault.service.transport import Transport
    from cluvault.tracing import Span

_log: Final = logging.getLogger("cluvault.service")
_LONG_WAIT: Final = 2.0
"""Seconds after which whoever watches should know what is waited for."""
_ESCAPED: Final = frozenset("+&<>'\"`")


@dataclass(slots=True)
class Statistics:
    """What a client has sent, for reports.

    Attributes:
        requests: Requests by verb, every try counted.
        retries: Requests that were sent again.
        throttled: Answers 429.
    """

    requests: Counter[str] = field(default_factory=Counter[str])
    retries: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Everything about time and chance that a test wants to hold in its hand."""

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]


def _nobody_is_told(_began: float, _until: float) -> None:
    """Where nobody wants to know of waiting."""


def _nobody_objects(_call: Call) -> None:
    """The guard of a client that works alone."""


class Sender:
    """The way of every call of one client to the service.

    Attributes:
        statistics: What was sent.
        guard: Asked at the last moment before each try of a call; what it raises ends the call.
        on_wait: Told since when a call waits for the budget and until when it will, by the client's clock.
    """

    def __init__(
        self,
        *,
        resource: str,
        origin: Origin,
        transport: Transport,
        credential: Credential,
        budget: Budget,
        timing: Timing,
    ) -> None:
        self.statistics = Statistics()
        self.guard: Callable[[Call], None] = _nobody_objects
        self.on_wait: Callable[[float, float], None] = _nobody_is_told
        self._sharing: Sharing | None = None
        self._resource = resource
        self._origin = origin
        self._transport = transport
        self._credential = credential
        self._budget = budget
        self._timing = timing

    def share(self, ledger: Ledger) -> None:
        """Book calls in a ledger from now on."""
        self._sharing = Sharing(self._budget, ledger, clock=self._timing.clock, resource=self._resource)

    async def aclose(self) -> None:
        """End what is under way in the background."""
        if self._sharing is not None:
            await self._sharing.aclose()

    def where(self, about: Call | JobHandle[Job]) -> str:
        """The place that messages about a call or job name first."""
        place = f"{self._resource}/{about.project}" if about.project else self._resource
        return f"{place}: {about.what}"

    async def send(self, call: Call) -> Answer:
        """The good answer to a call.

        Time spent waiting for the budget does not count as time spent on retries: a backup of many projects waits
        minutes for its turn without anything being wrong.

        Raises:
            ServiceError: its final fault, as the class that says what can be done about it.
        """
        self._refuse_foreign_origin(call)
        tries, spent, may_refresh = 0, 0.0, True
        while True:
            ticket = await self._take_turn(call)
            signed = await self._sign(call)
            started = self._timing.clock()
            try:
                verdict = await self._try(call, signed, again=tries)
            finally:
                self._budget.answered(ticket, self._timing.clock())
            if isinstance(verdict, Answer):
                return verdict
            if verdict.error is SignInRefused and may_refresh and await self._credential.refresh(signed):
                may_refresh = False
                continue
            tries += 1
            spent += self._timing.clock() - started
            delay = self._next_delay(call, verdict, tries=tries, spent=spent)
            if delay is None:
                raise self._error(call, verdict, tries=tries)
            spent += delay
            self.statistics.retries += 1
            await self._timing.sleep(delay)

    def _refuse_foreign_origin(self, call: Call) -> None:
        """The last guard, for a job handle that another resource's client has made."""
        if origin_of(call.url) != self._origin:
            raise OriginRefused(f"{self.where(call)}: the credential is for {self._origin} only; nothing was sent")

    async def _take_turn(self, call: Call) -> Ticket:
        """Wait until the budget allows the call; fail at once when the service is known to refuse it for long."""
        lane = call.lane or call.method
        ticket = self._budget.join(lane, call.priority, is_shared=self._sharing is not None)
        is_told, began = False, self._timing.clock()
        try:
            while (wait := self._budget.wait(ticket, self._timing.clock())) > 0:
                if (held := self._budget.held(lane, self._timing.clock())) > RETRY_AFTER_CAP:
                    raise Throttled(
                        f"{self.where(call)}: the service refuses more calls for another {held:.0f} s",
                        mend="try again then",
                    )
                if wait >= _LONG_WAIT and not is_told:
                    _log.debug(
                        "%s: waits %.0f s for its turn: so many calls a minute are allowed", self.where(call), wait
                    )
                    is_told = True
                self.on_wait(began, self._timing.clock() + wait)
                self._look_after(lane)
                await self._timing.sleep(wait)
        finally:
            self._budget.leave(ticket)
        self._look_after(lane)  # those behind, and the next claim
        return ticket

    def _look_after(self, lane: str) -> None:
        if self._sharing is not None:
            self._sharing.look_after(lane)

    async def _sign(self, call: Call) -> Mapping[str, str]:
        try:
            return await self._credential.headers()
        except ServiceError as err:
            raise type(err)(f"{self.where(call)}: {err.message}", mend=err.mend) from err

    async def _try(self, call: Call, signed: Mapping[str, str], *, again: int) -> Answer | Fault:
        self.guard(call)
        started = self._timing.clock()
        self.statistics.requests[call.method] += 1
        with span(f"{call.method} {call.what}", kind="client") as found:
            outcome = await self._transport.send(call, signed)
            if is_tracing():
                _note_exchange(found, call, outcome, resource=self._resource, again=again)
        _log_exchange(call, outcome, seconds=self._timing.clock() - started)
        return judge(_without_secrets(outcome, call, signed), call, now=datetime.now(UTC))

    def _next_delay(self, call: Call, fault: Fault, *, tries: int, spent: float) -> float | None:
        jitter = self._timing.jitter()
        delay = retry_delay(fault, repeatable=call.repeatable, tries=tries, spent=spent, jitter=jitter)
        if fault.throttled:
            self.statistics.throttled += 1
            held = delay if fault.retry_after is None else fault.retry_after
            lane = call.lane or call.method
            self._budget.refused(lane, self._timing.clock(), retry_after=held or 0.0)
            self._look_after(lane)
        return delay

    def _error(self, call: Call, fault: Fault, *, tries: int) -> ServiceError:
        said = f"{fault.said} (tried {tries} times)" if tries > 1 else fault.said
        mend = fault.mend
        if fault.error is SignInRefused:
            mend = f"check {self._credential.source} (refused by {self._origin})"
        elif fault.passing and not fault.unprocessed and not call.repeatable:
            mend = "it may have been processed all the same: look at the project before you try again"
        return fault.error(
            f"{self.where(call)}: {said}",
            mend=mend,
            status=fault.status,
            code=fault.code,
            request_id=fault.request_id,
        )


def _without_secrets(outcome: Answer | NoAnswer, call: Call, signed: Mapping[str, str]) -> Answer | NoAnswer:
    """An answer without what must not be told, which a gateway's page or the service's words might quote.

    Good answers stay as they are, unless the call has secrets of its own: a failed job may quote them in status 200.
    """
    if isinstance(outcome, NoAnswer):
        return outcome
    content = outcome.content
    if outcome.status >= HTTPStatus.MULTIPLE_CHOICES:
        for name in signed:
            content = _mask(content, signed[name].rpartition(" ")[2])
    for secret in call.secrets:
        content = _mask(content, secret.get_secret_value())
    if content == outcome.content:
        return outcome
    headers = {name: value for name, value in outcome.headers.items() if name != "content-length"}  # it is shorter now
    return replace(outcome, headers=headers, content=content)


def _mask(content: bytes, secret: str) -> bytes:
    """The content without the secret, as it is or as JSON writers escape it: .NET's escape a plus sign."""
    for spelling in {secret, secret.replace("/", "\\/"), _escaped(secret, "X"), _escaped(secret, "x")}:
        content = content.replace(spelling.encode(), b"***")
    return content


def _escaped(text: str, digits: str) -> str:
    return "".join(f"\\u{ord(letter):04{digits}}" if letter in _ESCAPED else letter for letter in text)


def _note_exchange(found: Span, call: Call, outcome: Answer | NoAnswer, *, resource: str, again: int) -> None:
    """What OpenTelemetry's conventions call these things; never headers, bodies or queries."""
    parts = urlsplit(call.url)
    answer = outcome if isinstance(outcome, Answer) else None
    found.note(
        {
            "http.request.method": call.method,
            "server.address": parts.hostname,
            "server.port": parts.port,
            "url.path": parts.path,
            "http.response.status_code": answer.status if answer else None,
            "http.request.resend_count": again or None,
            "azure.service.request.id": answer.request_id if answer else None,
            "cluvault.resource": resource,
            "cluvault.project": call.project,
        }
    )
    if isinstance(outcome, NoAnswer):
        found.fail("no answer", outcome.reason)
    elif outcome.status >= HTTPStatus.BAD_REQUEST:
        found.fail(str(outcome.status))


def _log_exchange(call: Call, outcome: Answer | NoAnswer, *, seconds: float) -> None:
    """One line at DEBUG; never headers, bodies or queries."""
    status, request_id = (outcome.status, outcome.request_id) if isinstance(outcome, Answer) else (outcome.reason, "")
    path = urlsplit(call.url).path
    _log.debug("%s %s -> %s in %.0f ms %s", call.method, path, status, seconds * 1000, request_id)
