"""Tells a webhook: signed as Standard Webhooks says, repeated while that can help, never redirected.

Uses the client's transport, so that the same care is taken of what is secret: nothing follows a redirect, plain http
leaves this machine never, and no error quotes a header. https://www.standardwebhooks.com
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from pydantic import SecretBytes, SecretStr

from cluvault.errors import ConfigurationError
from cluvault.service.exchange import Answer, Call, NoAnswer
from cluvault.service.retrying import read_retry_after
from cluvault.service.signing import SignedHeaders
from cluvault.service.transport import Transport
from cluvault.tracing import span

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from cluvault.plan.cloud_events import Message
    from cluvault.service.transport import HttpTransport
    from cluvault.settings import EventsSettings

_PREFIX: Final = "whsec_"
_TOKEN: Final = re.compile(r"[\x21-\x7e]+")
_MAX_ANSWER: Final = 2**20
_FIRST_DELAY: Final = 0.5
_LONGEST_DELAY: Final = 30.0
_PASSING: Final = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS)


class NotDelivered(Exception):
    """A message did not arrive, and why; `is_final` when the next one would fare no better."""

    def __init__(self, why: str, *, is_final: bool) -> None:
        super().__init__(why)
        self.is_final = is_final


class Webhook:
    """One receiver.

    Args:
        settings: Its URL, and how patient to be.
        secret: Signs each message.
        token: Is sent as a bearer token.
        now: The clock, for the signature's timestamp.
        steady: Seconds that never go back.
        sleep: Waits between two tries.
        http: Carries the requests in place of the network, in tests.

    Raises:
        ConfigurationError: the secret or token cannot be used, or the file of authorities.
    """

    def __init__(
        self,
        settings: EventsSettings,
        *,
        secret: SecretStr | None,
        token: SecretStr | None,
        now: Callable[[], datetime],
        steady: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        http: HttpTransport | None = None,
    ) -> None:
        self._settings = settings
        self._key = None if secret is None else _signing_key(secret)
        self._token = None if token is None else _bearer(token)
        self._now, self._steady, self._sleep = now, steady, sleep
        self._transport = Transport(settings.webhook, ca_file=settings.ca_file, http=http, max_bytes=_MAX_ANSWER)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def tell(self, message: Message, *, until: float) -> None:
        """Deliver one message; it is tried again until the steady clock says `until`.

        Raises:
            NotDelivered: it was refused, or time is over.
        """
        tries = 0
        while True:
            outcome = await self._try(message, until=until)
            if isinstance(outcome, Answer) and HTTPStatus.OK <= outcome.status < HTTPStatus.MULTIPLE_CHOICES:
                return
            tries += 1
            said = outcome.reason if isinstance(outcome, NoAnswer) else _said(outcome)
            if not _may_pass(outcome):
                raise NotDelivered(said, is_final=not _is_about_this_one(outcome))
            delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (tries - 1))
            if isinstance(outcome, Answer) and (asked := read_retry_after(outcome.headers, now=self._now())):
                delay = asked
            if self._steady() + delay > until:
                raise NotDelivered(f"{said} (tried {tries} times)", is_final=True)
            await self._sleep(delay)

    async def _try(self, message: Message, *, until: float) -> Answer | NoAnswer:
        call = Call(
            "POST", self._settings.webhook, "tell the webhook", body=message.body, content_type=message.content_type
        )
        seconds = max(0.1, min(self._settings.timeout, until - self._steady()))
        with span("POST webhook", {"cluvault.events": message.events}, kind="client") as found:
            outcome = await self._send(call, message, seconds=seconds)
            if isinstance(outcome, NoAnswer):
                found.fail("no answer", outcome.reason)
            else:
                found.note({"http.response.status_code": outcome.status})
            return outcome

    async def _send(self, call: Call, message: Message, *, seconds: float) -> Answer | NoAnswer:
        try:
            async with asyncio.timeout(seconds):
                return await self._transport.send(call, self._headers(message))
        except TimeoutError:
            return NoAnswer("no answer in time")

    def _headers(self, message: Message) -> SignedHeaders:
        headers = {"webhook-id": SecretStr(message.id)}
        if self._token is not None:
            headers["Authorization"] = self._token
        if self._key is not None:
            moment = str(int(self._now().timestamp()))
            signed = b".".join((message.id.encode(), moment.encode(), message.body))
            signature = base64.b64encode(hmac.digest(self._key.get_secret_value(), signed, hashlib.sha256)).decode()
            headers |= {"webhook-timestamp": SecretStr(moment), "webhook-signature": SecretStr(f"v1,{signature}")}
        return SignedHeaders(headers)


def _may_pass(outcome: Answer | NoAnswer) -> bool:
    if isinstance(outcome, NoAnswer):
        return not outcome.too_large
    return outcome.status in _PASSING or outcome.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _is_about_this_one(outcome: Answer | NoAnswer) -> bool:
    """Whether a refusal may be due to what the message says; a wrong secret or address is the same for all."""
    about = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
    return isinstance(outcome, Answer) and outcome.status in about


def _said(answer: Answer) -> str:
    """The status in words; never the body, which may quote what it was sent."""
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return f"it answers {answer.status}, a redirect, which is not followed: configure the final URL"
    return f"it answers {answer.status}"


def _signing_key(secret: SecretStr) -> SecretBytes:
    text = secret.get_secret_value().strip()
    if not text.startswith(_PREFIX):
        return SecretBytes(text.encode())
    try:
        return SecretBytes(base64.b64decode(text.removeprefix(_PREFIX), validate=True))
    except binascii.Error:
        message = "events.secret begins with whsec_ and is no base64 after that"
        raise ConfigurationError(message, mend="copy it again from the receiver") from None


def _bearer(token: SecretStr) -> SecretStr:
    text = token.get_secret_value().strip()
    if _TOKEN.fullmatch(text) is None:
        message = "events.token holds a space, a line end or a letter that no token has"
        raise ConfigurationError(message, mend="copy it again from the receiver")
    return SecretStr(f"Bearer {text}")
