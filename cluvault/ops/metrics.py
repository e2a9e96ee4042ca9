"""The status on `/metrics`, as Prometheus scrapes it: looked at once a minute at most, however often it is asked."""

from __future__ import annotations

import asyncio
import hmac
import logging
from typing import TYPE_CHECKING, Any, Final

from cluvault.errors import CluvaultError
from cluvault.ops.status import StatusOptions, status
from cluvault.plan.status_metrics import CONTENT_TYPE, status_to_metrics

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping, Sequence

    from pydantic import SecretStr

    from cluvault.ops.workspace import Workspace

_KEPT_SECONDS: Final = 60.0
_log = logging.getLogger(__name__)


class Metrics:
    """The figures of a workspace.

    Args:
        workspace: What is looked at; it stays open as long as this is used.
        options: How.
        kept_seconds: For how long a look is good for.
    """

    def __init__(
        self, workspace: Workspace, options: StatusOptions | None = None, *, kept_seconds: float = _KEPT_SECONDS
    ) -> None:
        self._workspace = workspace
        self._options = options or StatusOptions()
        self._kept_seconds = kept_seconds
        self._looking = asyncio.Lock()
        self._made_at = 0.0
        self._text: str | None = None

    async def text(self) -> str:
        """The figures, at most so old; whoever asks while somebody looks waits for that look.

        Raises what `status` does; old figures are not passed off as new ones.
        """
        async with self._looking:
            if self._text is None or self._workspace.steady() - self._made_at >= self._kept_seconds:
                self._text = None
                began = self._workspace.steady()
                self._text = status_to_metrics(await status(self._workspace, self._options))
                self._made_at = began
            return self._text


def metrics_app(metrics: Metrics, *, tokens: Sequence[SecretStr] = ()) -> Callable[..., Awaitable[None]]:
    """An ASGI application that answers GET with the figures, to be mounted at `/metrics`.

    Args:
        metrics: The figures.
        tokens: One of them a scraper has to bring, as `Authorization: Bearer …`; names of projects are not for all.
    """
    from starlette.responses import PlainTextResponse, Response  # noqa: PLC0415  # commands start without

    async def answer(scope: MutableMapping[str, Any]) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("only GET\n", 405, {"Allow": "GET, HEAD"})
        if tokens and not _brings_one_of(tokens, scope):
            return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"})
        try:
            return Response(await metrics.text(), headers={"Content-Type": CONTENT_TYPE})
        except CluvaultError as err:
            _log.warning("no metrics: %s", err)
            return PlainTextResponse("the status cannot be made; the log says why\n", 503)

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        response = await answer(scope)
        await response(scope, receive, send)

    return app


def _brings_one_of(tokens: Sequence[SecretStr], scope: MutableMapping[str, Any]) -> bool:
    given = dict(scope["headers"]).get(b"authorization", b"")
    wanted = [f"Bearer {token.get_secret_value()}".encode() for token in tokens]
    return any(hmac.compare_digest(given, one) for one in wanted)
