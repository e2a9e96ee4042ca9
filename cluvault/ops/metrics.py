"""The status on `/metrics`, as Prometheus scrapes it: looked at once a minute at most, however often it is asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final

from cluvault.errors import CluvaultError
from cluvault.ops.status import StatusOptions, look
from cluvault.plan.status_metrics import CONTENT_TYPE, status_to_metrics

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from cluvault.ops.workspace import Workspace

Admits = Callable[[Mapping[str, str], Mapping[str, str]], Awaitable[bool]]

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

        Raises what `look` does; old figures are not passed off as new ones.
        """
        async with self._looking:
            if self._text is None or self._workspace.steady() - self._made_at >= self._kept_seconds:
                self._text = None
                began = self._workspace.steady()
                self._text = status_to_metrics(await look(self._workspace, self._options))
                self._made_at = began
            return self._text


def metrics_route(metrics: Metrics, *, admits: Admits | None = None) -> Route:
    """Answers GET of `/metrics` with the figures.

    Args:
        metrics: The figures.
        admits: Whether a request with these headers and this query may read names of projects; None lets everybody.
    """
    from starlette.responses import PlainTextResponse, Response  # noqa: PLC0415  # commands start without
    from starlette.routing import Route  # noqa: PLC0415

    async def answer(request: Request) -> Response:
        try:
            if admits is not None and not await admits(request.headers, request.query_params):
                return PlainTextResponse("show the secret or a token\n", 401, {"WWW-Authenticate": "Bearer"})
            return Response(await metrics.text(), headers={"Content-Type": CONTENT_TYPE})
        except CluvaultError as err:
            _log.warning("no metrics: %s", err)
            return PlainTextResponse("the status cannot be made; the log says why\n", 503)

    return Route("/metrics", answer, methods=["GET"])
