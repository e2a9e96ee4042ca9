"""The one module that imports httpx: sends a call, returns a whole answer or why there is none. Decides nothing.

Redirects are not followed, no .netrc is read, and plain http, which goes to loopback only, ignores proxies of the
environment, so that a credential never travels in clear beyond this machine.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, cast

from cluvault import __version__
from cluvault.service.exchange import Answer, Call, NoAnswer
from cluvault.service.trust import trust_as_well

# httpx's own command line brings rich and pygments: 50 ms that no user of its client needs
sys.modules.setdefault("httpx._main", cast("ModuleType", None))
import httpx  # noqa: E402

if not sys.modules["httpx._main"]:
    del sys.modules["httpx._main"]

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping
    from pathlib import Path
    from types import ModuleType

HttpTransport = httpx.AsyncBaseTransport

MAX_ANSWER_BYTES: Final = 512 * 2**20
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
_AT_ONCE: Final = 100
_KEPT: Final = 20
_KEPT_SECONDS: Final = 4.0
"""Servers close at five seconds or later: a request must not meet that closing."""
_ONE: Final = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEPT_SECONDS)
_NO_TRUST: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: for no TLS, where reading the machine's certificates would take a tenth of a second in vain."""
_UNPROCESSED: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class _AnswerTooLargeError(Exception):
    """Private to this module: more bytes than anybody asked for."""


class Transport:
    """Connections to one endpoint.

    Each has a client of its own, and the one that was used last is used next. One client with many connections looks at
    all of them for every request, which costs more than the request.

    Args:
        endpoint: Whose connections.
        ca_file: Certificate authorities to trust besides the public ones, and besides those of SSL_CERT_FILE.
        http: Carries the requests in place of the network: an httpx.ASGITransport or httpx.MockTransport in tests.
        max_bytes: An answer that is larger is given up.
        clock: Monotonic seconds, for the age of connections.

    Raises:
        ConfigurationError: the file of authorities cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        ca_file: Path | None = None,
        http: HttpTransport | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_bytes = max_bytes
        is_tls = endpoint.startswith("https:")
        opens_tls = is_tls and (http is None or ca_file is not None)
        self._http = http
        self._clock = clock
        self._is_tls = is_tls
        self._trust = _trust(ca_file) if opens_tls else _NO_TRUST
        self._idle: deque[tuple[float, httpx.AsyncClient]] = deque()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._is_closed = False

    async def send(self, call: Call, credential: Mapping[str, str]) -> Answer | NoAnswer:
        """Send a call once."""
        headers = {"Content-Type": call.content_type} if call.content_type else {}
        try:
            async with self._client() as client:
                request = client.build_request(call.method, call.url, content=call.body or None, headers=headers)
                request.headers.update(credential)
                response = await client.send(request, stream=True)
                try:
                    content = await self._read(response)
                finally:
                    await response.aclose()
        except _AnswerTooLargeError:
            return NoAnswer(f"the answer is larger than {self._max_bytes} bytes", too_large=True)
        except httpx.RequestError as err:
            return NoAnswer(_reason(err), unprocessed=isinstance(err, _UNPROCESSED))
        except BaseException as err:  # noqa: BLE001  # cancelled in the middle, and raised again
            raise err.with_traceback(None) from None  # the frames below have the credential in local variables
        return Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, content)

    async def aclose(self) -> None:
        """Close all connections; those that are in use are closed when they are free, and no other is opened."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop()[1].aclose()

    @asynccontextmanager
    async def _client(self) -> AsyncGenerator[httpx.AsyncClient]:
        """A client that nobody else uses meanwhile. Raises RuntimeError when the transport is closed."""
        async with self._places:
            if self._is_closed:
                raise RuntimeError("the client is closed")
            if self._idle and self._clock() - self._idle[0][0] > _KEPT_SECONDS:
                await self._idle.popleft()[1].aclose()
            client = self._idle.pop()[1] if self._idle else self._new_client()
            try:
                yield client
            finally:
                self._idle.append((self._clock(), client))
                if self._is_closed or len(self._idle) > _KEPT:
                    await self._idle.popleft()[1].aclose()

    def _new_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=self._http,
            timeout=_TIMEOUT,
            limits=_ONE,
            follow_redirects=False,
            trust_env=self._is_tls,
            verify=self._trust,
            headers={"User-Agent": f"cluvault/{__version__}", "Accept": "application/json"},
        )

    async def _read(self, response: httpx.Response) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._max_bytes:
                raise _AnswerTooLargeError
        return bytes(content)


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    return context if ca_file is None else trust_as_well(context, ca_file)


def _reason(err: httpx.RequestError) -> str:
    """What happened, in words.

    Only the text of a failed connection is quoted. Other texts may quote what was sent: a header that cannot be
    written is shown whole by the layer that refuses it.
    """
    match err:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            return "no connection in time"
        case httpx.ConnectError():
            return f"no connection: {' '.join(str(err).split()) or 'refused'}"
        case httpx.TimeoutException():
            return "no answer in time"
        case httpx.ProxyError():
            return "the proxy refuses the connection"
        case httpx.DecodingError():
            return "the answer cannot be decompressed"
        case httpx.RemoteProtocolError():
            return "the connection was closed in the middle of the answer, or before it"
        case _:
            return f"the connection broke ({type(err).__name__})"
