"""The server of the HTTPS intake."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from starlette.applications import Starlette


class Server(uvicorn.Server):
    """uvicorn without its signal handlers: signals belong to the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave them alone."""
        yield


def server_of(app: Starlette, *, certfile: Path | None = None, keyfile: Path | None = None) -> Server:
    """A server that logs no address: a query may hold the secret.

    Raises:
        ConfigurationError: certificate and key cannot be used.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=1000,
        timeout_graceful_shutdown=30,
        ssl_certfile=certfile,
        ssl_keyfile=keyfile,
    )
    try:
        config.load()
    except OSError as err:  # ssl.SSLError is one
        raise ConfigurationError(f"{certfile} cannot be used with {keyfile}: {err.strerror or err}") from err
    return Server(config)
