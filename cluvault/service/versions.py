"""Which api-version a call uses: the configured one, or the newest that the resource answers.

Export and import take the newest of all, previews included: older ones drop what they do not know (descriptions of
intents and entities), and a backup loses nothing. All else takes the newest that is generally available and has the
operation; a preview only where no such version is answered.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from cluvault.errors import NotFound, OperationNotInVersion, RequestRefused
from cluvault.service.calls import projects
from cluvault.service.features import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.service.calls.address import Address
    from cluvault.service.features import Feature
    from cluvault.service.sender import Sender

TRANSFER_VERSIONS: Final = (
    "2025-11-15-preview",
    "2025-05-15-preview",
    "2025-11-01",
    "2024-11-15-preview",
    "2023-11-15-preview",
    "2023-04-15-preview",
    "2023-04-01",
    "2022-10-01-preview",
    "2022-07-01-preview",
    "2022-05-15-preview",
    "2022-05-01",
)
"""Newest first; but a preview that has descriptions comes before a later version that has not."""


class Versions:
    """Asks the resource once for each version that matters, and remembers."""

    def __init__(self, configured: str, *, resource: str, sender: Sender, address: Address) -> None:
        self._configured = None if configured == "auto" else configured
        self._resource = resource
        self._sender = sender
        self._address = address
        self._answered: dict[str, bool] = {}
        self._lock = asyncio.Lock()

    async def for_transfer(self, feature: Feature = EVERYWHERE, *, chosen: str | None = None) -> str:
        """The version for export and import; `chosen` is the caller's own choice.

        Raises:
            OperationNotInVersion: the chosen or configured version lacks the feature.
        """
        return await self._choose(feature, chosen, (each for each in TRANSFER_VERSIONS if feature.is_in(each)))

    async def for_feature(self, feature: Feature = EVERYWHERE) -> str:
        """The version for everything but export and import.

        Raises:
            OperationNotInVersion: the configured version lacks the feature, or none that has it is answered.
        """
        return await self._choose(feature, None, feature.versions)

    async def is_answered(self, version: str) -> bool:
        """Whether the resource offers a version: asked by listing one project, which every version can."""
        async with self._lock:
            if version not in self._answered:
                self._answered[version] = await self._ask(version)
            return self._answered[version]

    async def _choose(self, feature: Feature, chosen: str | None, versions: Iterable[str]) -> str:
        if (version := chosen or self._configured) is not None:
            return self._checked(version, feature)
        for version in versions:
            if await self.is_answered(version):
                return version
        raise self._none_answered(feature)

    def _checked(self, version: str, feature: Feature) -> str:
        if feature.is_in(version):
            return version
        raise OperationNotInVersion(
            f"{self._resource}: api-version {version} has no {feature.name}",
            mend=f'set api-version to "auto" or to one that has: {", ".join(feature.versions)}',
        )

    def _none_answered(self, feature: Feature) -> NotFound | OperationNotInVersion:
        which = f"{self._resource}: the endpoint {self._address.endpoint} answers none of the"
        mend = "check that the endpoint is an Azure Language resource's, or set api-version"
        if feature is EVERYWHERE:
            return NotFound(f"{which} known api-versions", mend=mend)
        versions = ", ".join(feature.versions)
        return OperationNotInVersion(f"{which} api-versions that have {feature.name} ({versions})", mend=mend)

    async def _ask(self, version: str) -> bool:
        try:
            await self._sender.send(projects.list_projects(self._address, version, top=1))
        except (NotFound, RequestRefused) as err:
            if err.status in (400, 404):
                return False
            raise
        return True
