"""Which api-version a call uses: the configured one, or the newest that the resource answers.

Export and import take the newest of all, previews included: older ones drop what they do not know (descriptions of
intents and entities), and a backup loses nothing. All else takes the newest that is generally available.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cluvault.errors import NotFound, RequestRefused

if TYPE_CHECKING:
    from cluvault.service.routes import Routes
    from cluvault.service.sender import Sender

TRANSFER_VERSIONS: Final = (
    "2025-11-15-preview",
    "2025-05-15-preview",
    "2025-11-01",
    "2023-04-01",
    "2022-10-01-preview",
    "2022-05-01",
)
GENERAL_VERSIONS: Final = ("2025-11-01", "2023-04-01", "2022-05-01")


class Versions:
    """Asks the resource once for each version that matters, and remembers."""

    def __init__(self, configured: str, *, sender: Sender, routes: Routes) -> None:
        self._configured = None if configured == "auto" else configured
        self._sender = sender
        self._routes = routes
        self._answered: dict[str, bool] = {}
        self._lock = asyncio.Lock()

    async def for_transfer(self) -> str:
        """The version for export and import."""
        return self._configured or await self._newest(TRANSFER_VERSIONS)

    async def for_all_else(self) -> str:
        """The version for everything but export and import."""
        return self._configured or await self._newest(GENERAL_VERSIONS)

    async def is_answered(self, version: str) -> bool:
        """Whether the resource offers a version: asked by listing one project, which every version can."""
        async with self._lock:
            if version not in self._answered:
                self._answered[version] = await self._ask(version)
            return self._answered[version]

    async def _newest(self, versions: tuple[str, ...]) -> str:
        for version in versions:
            if await self.is_answered(version):
                return version
        call = self._routes.list_projects(versions[0], top=1)
        raise NotFound(
            f"{self._sender.where(call)}: the endpoint {self._routes.endpoint} answers none of the known api-versions",
            mend="check that the endpoint is an Azure Language resource's, or set api-version",
        )

    async def _ask(self, version: str) -> bool:
        try:
            await self._sender.send(self._routes.list_projects(version, top=1))
        except (NotFound, RequestRefused) as err:
            if err.status in (400, 404):
                return False
            raise
        return True
