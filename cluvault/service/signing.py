"""What proves to the service who asks, whichever way it is come by. Secrets leave only as request headers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import SecretStr


class SignedHeaders(Mapping[str, str]):
    """Headers whose values show in no repr, so that no traceback with local variables tells them."""

    def __init__(self, headers: Mapping[str, SecretStr]) -> None:
        self._headers = dict(headers)

    def __getitem__(self, name: str) -> str:
        return self._headers[name].get_secret_value()

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def __repr__(self) -> str:
        return f"SignedHeaders({self._headers!r})"


class Credential(Protocol):
    """What proves to the service who asks."""

    @property
    def source(self) -> str:
        """Where it comes from, for messages: never the secret."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """The headers that sign a request. Raises SignInRefused, or Unreachable when the authority is."""
        ...

    async def refresh(self, rejected: Mapping[str, str]) -> bool:
        """Drop what the service has rejected with 401; whether `headers` can now bring something else."""
        ...

    async def aclose(self) -> None:
        """Release connections."""
        ...
