"""Whether a request may do what it asks: by one of its resource's keys, or by a bearer token and the role in it."""

from __future__ import annotations

import hmac
import logging
import threading
from typing import TYPE_CHECKING, Final

from cluvault.emulator.errors import forbidden, key_refused, token_refused
from cluvault.emulator.roles import Role, needed_role, needs_token
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cluvault.emulator.calls import Operation
    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.tokens import Issuer, TokenReader

_log: Final = logging.getLogger(__name__)

_KEY_HEADER: Final = b"ocp-apim-subscription-key"
_BEARER: Final = b"bearer"


class Access:
    """The keys of all resources, which can be changed, and the readers of tokens."""

    def __init__(self, config: EmulatorConfig) -> None:
        self._config = config
        self._keys = {name: [key.encode() for key in config.keys_of(name)] for name in config.resources}
        self._lock = threading.Lock()
        self._reader: TokenReader | None = None
        if config.token_keys is not None:
            self._tokens()  # a file that cannot be read is told before anybody asks

    @property
    def issuer(self) -> Issuer:
        """Signs tokens that are accepted here."""
        return self._tokens().issuer

    def _tokens(self) -> TokenReader:
        """The reader of tokens, made when it is first needed: most emulators see keys only."""
        from cluvault.emulator.tokens import Issuer, TokenReader  # noqa: PLC0415  # a tenth of a second

        with self._lock:
            if self._reader is None:
                config = self._config
                self._reader = TokenReader(Issuer(), audience=config.audience, keys_file=config.token_keys)
            return self._reader

    def replace_key(self, resource: str, number: int, key: str) -> None:
        """Put a key in the place of a resource's first (1) or second (2); the old one is refused from now on.

        Raises:
            ConfigurationError: no such resource, or it has no such key.
        """
        keys = self._keys.get(resource, [])
        if not 1 <= number <= len(keys):
            raise ConfigurationError(f"the emulator's resource {resource!r} has no key {number}")
        keys[number - 1] = key.encode()

    def knows_key(self, given: bytes) -> bool:
        """Whether it is a key of any resource, for what belongs to none of them."""
        return any(hmac.compare_digest(given, key) for keys in self._keys.values() for key in keys)

    def check(self, resource: str, operation: Operation, headers: Mapping[bytes, bytes], *, now: datetime) -> None:
        """Let a request pass.

        Raises:
            Refusal: 401 when it does not prove who it is, 403 when who it is may not do that.
        """
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        if _KEY_HEADER not in headers and scheme.lower() == _BEARER:
            self._check_role(operation, self._role(token.strip().decode("latin-1"), now))
        else:
            self._check_key(resource, headers.get(_KEY_HEADER, b""))
            if needs_token(operation):
                raise forbidden("This operation cannot be called with a key. Call it with a Microsoft Entra ID token.")

    def _check_key(self, resource: str, given: bytes) -> None:
        if not any(hmac.compare_digest(given, key) for key in self._keys[resource]):
            raise key_refused()

    def _role(self, token: str, now: datetime) -> Role | None:
        from cluvault.emulator.tokens import TokenRefused  # noqa: PLC0415  # see _tokens

        try:
            return self._tokens().role_of(token, now=now)
        except TokenRefused as refused:
            _log.info("a bearer token is refused: %s", refused)
        raise token_refused(self._config.audience)

    def _check_role(self, operation: Operation, role: Role | None) -> None:
        needed = needed_role(operation)
        if role is None or role < needed:
            raise forbidden(f"The operation {operation.title} needs the role {needed.title}, or one above it.")
