"""Who may bring events over HTTPS: whoever shows the shared secret, or a token that Microsoft Entra ID made for us."""

from __future__ import annotations

import asyncio
import hmac
from hashlib import sha256
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import jwt

from cluvault.errors import Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import SecretStr

    from cluvault.settings import TokenSettings

SECRET_HEADER: Final = "x-cluvault-secret"  # noqa: S105  # a name
QUERY: Final = "access_token"
"""As the webhook specification of CloudEvents names it."""
_LEEWAY: Final = 60
_KEYS_SECONDS: Final = 3600.0
_AGAIN_SECONDS: Final = 60.0
_TIMEOUT: Final = 10


class Doorkeeper:
    """Lets senders in.

    Args:
        secrets: Each of them opens.
        tokens: Tokens that open; None for none.
    """

    def __init__(self, secrets: Sequence[SecretStr] = (), *, tokens: TokenCheck | None = None) -> None:
        self._digests = [sha256(one.get_secret_value().encode()).digest() for one in secrets]
        self._tokens = tokens

    async def admits(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        """Whether a request shows what opens; compared in a time that does not depend on how much of it is right."""
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        bearer = bearer.strip() if scheme.lower() == "bearer" else ""
        shown = [bearer, headers.get(SECRET_HEADER, ""), query.get(QUERY, "")]
        found = [
            hmac.compare_digest(sha256(text.encode("utf-8", "surrogatepass")).digest(), digest)
            for text in shown
            for digest in self._digests
        ]
        if any(found):
            return True
        return bool(bearer) and self._tokens is not None and await self._tokens.admits(bearer)


class TokenCheck:
    """Verifies access tokens of one directory: signature, issuer, audience, times, and who got it.

    The directory's keys are fetched from its own address and kept; a token that names an unknown key has them fetched
    again at most once a minute, so that nobody can make us ask all the time.

    Args:
        settings: Which tokens open.
        clock: Seconds that never go back.
    """

    def __init__(self, settings: TokenSettings, *, clock: Callable[[], float] = monotonic) -> None:
        tenant = settings.tenant
        self._settings = settings
        self._issuers = [f"{settings.authority}/{tenant}/v2.0", f"https://sts.windows.net/{tenant}/"]
        self._audiences = [settings.audience, f"api://{settings.audience}"]
        url = f"{settings.authority}/{tenant}/discovery/v2.0/keys"
        self._source = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=_TIMEOUT)
        self._clock = clock
        self._keys: dict[str, Any] = {}
        self._asked = -_KEYS_SECONDS
        self._asking = asyncio.Lock()

    async def admits(self, token: str) -> bool:
        """Whether a token opens; why one does not is nobody's business outside.

        Raises:
            Unreachable: the directory does not give its keys, so nobody can tell.
        """
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            if key is None:
                return False
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audiences,
                issuer=self._issuers,
                leeway=_LEEWAY,
                options={"require": ["exp", "iat", "aud", "iss"]},
            )
        except jwt.PyJWTError:
            return False
        client = claims.get("azp") or claims.get("appid")
        return not self._settings.clients or client in self._settings.clients

    async def _key(self, key_id: str) -> Any:
        async with self._asking:
            age = self._clock() - self._asked
            if age >= _KEYS_SECONDS or (key_id not in self._keys and age >= _AGAIN_SECONDS):
                self._asked = self._clock()
                found = await self._fetch()
                self._keys = {str(one.key_id): one.key for one in found.keys if one.key_type == "RSA"}
        return self._keys.get(key_id)

    async def _fetch(self) -> jwt.PyJWKSet:
        try:
            return await asyncio.to_thread(self._source.get_jwk_set)
        except jwt.PyJWTError as err:
            self._asked = self._clock() - _KEYS_SECONDS + _AGAIN_SECONDS  # asked again in a minute
            raise Unreachable(
                f"{self._settings.authority}: gives no keys to check a token with ({type(err).__name__})"
            ) from None
