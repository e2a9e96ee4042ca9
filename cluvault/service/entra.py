"""Signing in by Microsoft Entra ID with what azure-identity finds: a managed identity, AZURE_* variables, az login.

azure-identity's own errors end here, without the frames they come from: client secrets, assertions and tokens are local
variables there.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import SecretStr

from cluvault.errors import ServiceError, SignInRefused, Unreachable
from cluvault.model.names import shorten
from cluvault.service.problems import one_line
from cluvault.service.signing import SignedHeaders
from cluvault.service.trust import trust_as_well
from cluvault.tracing import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from azure.core.pipeline.transport import AsyncHttpTransport

_EXPIRY_MARGIN: Final = 300.0  # azure-identity itself renews in the background five minutes before the end


class AccessToken(Protocol):
    """What azure-identity returns."""

    @property
    def token(self) -> str:
        """The token."""
        ...

    @property
    def expires_on(self) -> int:
        """When it ends, in seconds since 1970."""
        ...


class TokenSource(Protocol):
    """The part of azure-identity's async credentials that is used here."""

    async def get_token(self, *scopes: str) -> AccessToken:
        """Fetch a token."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...


def default_token_source(ca_file: Path | None = None) -> TokenSource:
    """azure-identity's DefaultAzureCredential, imported only now: it costs a fifth of a second.

    Args:
        ca_file: Certificate authorities to trust besides the public ones, for a private cloud's sign-in.

    Raises:
        ConfigurationError: the file of authorities cannot be used.
    """
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

    return DefaultAzureCredential() if ca_file is None else DefaultAzureCredential(transport=trusting(ca_file))


def trusting(ca_file: Path) -> AsyncHttpTransport[Any, Any]:
    """azure-core's usual transport; azure-core's own option for a file would trust nobody else."""
    import aiohttp  # noqa: PLC0415  # as azure-identity
    from azure.core.pipeline.transport import AioHttpTransport  # noqa: PLC0415

    context = trust_as_well(ssl.create_default_context(), ca_file)
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=True,
        auto_decompress=False,
    )
    return AioHttpTransport(session=session)


class EntraCredential:
    """A Microsoft Entra ID token, kept until shortly before it expires; concurrent callers fetch it once."""

    source = "the Microsoft Entra ID sign-in (az login, managed identity, or the AZURE_* variables)"

    def __init__(
        self,
        scope: str,
        *,
        open_source: Callable[[], TokenSource] = default_token_source,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._scope = scope
        self._open_source = open_source
        self._now = now
        self._tokens: TokenSource | None = None
        self._authorization: SecretStr | None = None
        self._expires_on = 0.0
        self._lock = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        """The token in its header."""
        async with self._lock:
            if self._authorization is None or self._now() >= self._expires_on - _EXPIRY_MARGIN:
                await self._fetch()
            return self._header()

    async def refresh(self, rejected: Mapping[str, str]) -> bool:
        """Forget the rejected token and azure-identity's own cache of it, unless another caller already has."""
        async with self._lock:
            if self._header() == rejected:
                self._authorization = None
                await self._close_source()
            return True

    async def aclose(self) -> None:
        """Release azure-identity's connections."""
        async with self._lock:
            await self._close_source()

    def _header(self) -> SignedHeaders:
        return SignedHeaders({} if self._authorization is None else {"Authorization": self._authorization})

    async def _fetch(self) -> None:
        from azure.core.exceptions import AzureError  # noqa: PLC0415  # a late import, as that of azure-identity

        try:
            if self._tokens is None:
                self._tokens = self._open_source()
            with span("sign in to Microsoft Entra ID", kind="client"):
                self._keep(await self._tokens.get_token(self._scope))
        except (AzureError, ValueError) as err:
            refusal = _no_token(err)
        except BaseException as err:  # noqa: BLE001  # cancelled in the middle, and raised again
            raise err.with_traceback(None) from None
        else:
            return
        raise refusal  # out here, so that it leads to no frame of azure-identity

    def _keep(self, found: AccessToken) -> None:
        self._authorization = SecretStr(f"Bearer {found.token}")
        self._expires_on = float(found.expires_on)

    async def _close_source(self) -> None:
        source, self._tokens = self._tokens, None
        if source is not None:
            await source.close()


def _no_token(err: Exception) -> ServiceError:
    from azure.core.exceptions import ServiceRequestError, ServiceResponseError  # noqa: PLC0415  # as above

    said = shorten(one_line(err), 300)
    if isinstance(err, ServiceRequestError | ServiceResponseError):
        return Unreachable(f"Microsoft Entra ID cannot be reached: {said}", mend="check the network")
    return SignInRefused(
        f"Microsoft Entra ID gives no token: {said}",
        mend='sign in with `az login`, or set the AZURE_* variables of a service principal, or use auth = "key"',
    )
