"""Signing in: by key or by Microsoft Entra ID. Secrets are pydantic SecretStr and leave only as request headers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

from pydantic import SecretStr

from cluvault.errors import ConfigurationError, ServiceError, SignInRefused, Unreachable
from cluvault.model.names import shorten
from cluvault.service.problems import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cluvault.settings import ResourceSettings

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]+")
_EXPIRY_MARGIN: Final = 300.0  # azure-identity itself renews in the background five minutes before the end


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


class KeyCredential:
    """One of the two keys of a resource."""

    def __init__(self, key: SecretStr, *, source: str) -> None:
        """Take a key.

        Raises:
            ConfigurationError: it holds what no key does, such as a line end or an accented letter. A key like that
                would otherwise end up, in clear, in the message of whoever fails to send it.
        """
        text = key.get_secret_value().strip()
        if _KEY.fullmatch(text) is None:
            problem = "holds a space, a line end or a letter that no key has" if text else "is empty"
            raise ConfigurationError(f"the key from {source} {problem}", mend="copy key 1 or 2 from the Azure portal")
        self._key = SecretStr(text)
        self._source = source

    @property
    def source(self) -> str:
        """Where the key was named."""
        return self._source

    async def headers(self) -> Mapping[str, str]:
        """The key in its header."""
        return SignedHeaders({KEY_HEADER: self._key})

    async def refresh(self, rejected: Mapping[str, str]) -> bool:  # noqa: ARG002  # a key stays what it is
        """A rejected key stays rejected."""
        return False

    async def aclose(self) -> None:
        """Nothing to release."""


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


def default_token_source() -> TokenSource:
    """azure-identity's DefaultAzureCredential, imported only now: it costs a fifth of a second."""
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415

    return DefaultAzureCredential()


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
            if dict(self._header()) == dict(rejected):
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
            found = await self._tokens.get_token(self._scope)
        except (AzureError, ValueError) as err:
            raise _no_token(err) from err
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


def credential_for(
    settings: ResourceSettings,
    *,
    name: str,
    environment: Mapping[str, str],
    prefect_secret: Callable[[str], SecretStr] | None = None,
) -> Credential:
    """The credential that a resource's settings name.

    Args:
        settings: The resource's settings.
        name: The resource's name, for messages.
        environment: Where keys named by `env` are found.
        prefect_secret: Reads a Prefect Secret block; this library does not know Prefect itself.

    Raises:
        ConfigurationError: the key is not where the settings say.
    """
    if settings.auth == "entra" or settings.key is None:
        return EntraCredential(settings.scope)
    if settings.key.env is not None:
        source = f"environment variable {settings.key.env}"
        if not environment.get(settings.key.env):
            raise ConfigurationError(
                f"{source}, which should hold the key of resource {name!r}, is not set",
                mend='set it, or sign in with auth = "entra"',
            )
        return KeyCredential(SecretStr(environment[settings.key.env]), source=source)
    block = settings.key.prefect_secret or ""
    if prefect_secret is None:
        raise ConfigurationError(
            f"the key of resource {name!r} is in the Prefect Secret block {block!r}, which only a flow can read",
            mend='run the command with --flow, or use key = { env = "NAME" }',
        )
    return KeyCredential(prefect_secret(block), source=f"Prefect Secret block {block!r}")
