"""The way to sign in that a resource's settings name: one of its two keys, or Microsoft Entra ID."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from cluvault.errors import ConfigurationError
from cluvault.service.entra import EntraCredential, default_token_source
from cluvault.service.signing import SignedHeaders
from cluvault.settings import Environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluvault.service.signing import Credential
    from cluvault.settings import ResourceSettings, SecretName

_log: Final = logging.getLogger("cluvault.service")

KEY_HEADER: Final = "Ocp-Apim-Subscription-Key"
_KEY: Final = re.compile(r"[\x21-\x7e]+")


class KeyCredential:
    """One of the two keys of a resource."""

    def __init__(self, key: SecretStr, *, source: str) -> None:
        """Take a key.

        Raises:
            ConfigurationError: it holds what no key does, such as a line end or an accented letter. A key like that
                would otherwise end up, in clear, in the message of whoever fails to send it.
        """
        self._key = SecretStr(key.get_secret_value().strip())
        self._source = source
        if _KEY.fullmatch(self._key.get_secret_value()) is None:
            problem = "holds a space, a line end or a letter that no key has" if self._key else "is empty"
            raise ConfigurationError(f"the key from {source} {problem}", mend="copy key 1 or 2 from the Azure portal")

    @property
    def source(self) -> str:
        """Where the key was named."""
        return self._source

    def signed(self) -> SignedHeaders:
        """The key in its header."""
        return SignedHeaders({KEY_HEADER: self._key})

    async def headers(self) -> Mapping[str, str]:
        """The key in its header."""
        return self.signed()

    async def refresh(self, rejected: Mapping[str, str]) -> bool:  # noqa: ARG002  # a key stays what it is
        """A rejected key stays rejected."""
        return False

    async def aclose(self) -> None:
        """Nothing to release."""


class KeyPair:
    """Both keys of a resource: one is used until it is refused, then the other, so that each can be regenerated."""

    def __init__(self, first: KeyCredential, second: KeyCredential) -> None:
        self._used, self._spare = first, second
        self._source = f"{first.source} and {second.source}"

    @property
    def source(self) -> str:
        """Where both keys were named."""
        return self._source

    async def headers(self) -> Mapping[str, str]:
        """The key in use, in its header."""
        return self._used.signed()

    async def refresh(self, rejected: Mapping[str, str]) -> bool:
        """Use the other key from now on, unless another caller's refusal has already brought that about."""
        if self._used.signed() == rejected:
            _log.warning(
                "the service refuses the key from %s; trying that from %s", self._used.source, self._spare.source
            )
            self._used, self._spare = self._spare, self._used
        return self._used.signed() != rejected

    async def aclose(self) -> None:
        """Nothing to release."""


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
        ConfigurationError: a key is not where the settings say.
    """
    environment = Environment(environment)
    if settings.auth == "entra" or settings.key is None:
        return EntraCredential(settings.scope, open_source=partial(default_token_source, settings.ca_file))
    found = [
        _key_from(secret, name=name, environment=environment, prefect_secret=prefect_secret)
        for secret in (settings.key, settings.key2)
        if secret is not None
    ]
    return KeyPair(*found) if settings.key2 is not None else found[0]


def _key_from(
    secret: SecretName,
    *,
    name: str,
    environment: Mapping[str, str],
    prefect_secret: Callable[[str], SecretStr] | None,
) -> KeyCredential:
    found = secret.find(environment, prefect_secret)
    if found is not None:
        return KeyCredential(found, source=secret.place)
    if secret.env is not None:
        raise ConfigurationError(
            f"{secret.place}, which should hold the key of resource {name!r}, is not set",
            mend='set it, or sign in with auth = "entra"',
        )
    raise ConfigurationError(
        f"the key of resource {name!r} is in the {secret.place}, which only a flow can read",
        mend='run the command with --flow, or use key = { env = "NAME" }',
    )
