"""A stand-in for where tokens come from: Microsoft Entra ID's token endpoint, and App Service's managed identity.

azure-identity's credentials work against it as they are, with `AZURE_AUTHORITY_HOST=https://HOST:PORT` (https only, so
the emulator has to run with TLS) or `IDENTITY_ENDPOINT=http://HOST:PORT/msi/token`. Whoever asks shows one of the
emulator's keys, as client secret, federated assertion or IDENTITY_HEADER, so that nothing is given away that a key
would not open; the client id says with which role. The tenant is any name.
"""

from __future__ import annotations

import hmac
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from starlette.responses import JSONResponse
from starlette.routing import Route

from cluvault.emulator.roles import Role

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from starlette.requests import Request

    from cluvault.emulator.access import Access

CLIENT_IDS: Final = {role.name.lower(): role for role in Role}
"""`reader`, `writer`, `owner`: the clients that may sign in."""

_APP_SERVICE_VERSION: Final = "2019-08-01"
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Authority:
    """Gives tokens.

    Args:
        access: Whose issuer signs.
        secrets: Each of them proves that a client may ask.
        lifetime: How long the tokens hold.
        clock: The time in UTC.
    """

    def __init__(
        self, access: Access, *, secrets: Sequence[str], lifetime: timedelta, clock: Callable[[], datetime]
    ) -> None:
        self._access = access
        self._secrets = [secret.encode() for secret in secrets]
        self._lifetime = lifetime
        self._clock = clock

    def routes(self) -> list[Route]:
        """Where it answers; azure-identity's cache takes what comes first in a path for the tenant."""
        return [
            Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"]),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", _configuration),
            Route("/{tenant}/discovery/v2.0/keys", self._keys),
            Route("/msi/token", self._managed_identity),
        ]

    async def _token(self, request: Request) -> JSONResponse:
        """A token by client credentials: a secret, or an assertion in its place."""
        form = {
            name: values[-1] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()
        }
        role = CLIENT_IDS.get(form.get("client_id", ""))
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "AADSTS70003: The app requested an unsupported grant type.")
        if role is None:
            known = ", ".join(CLIENT_IDS)
            return _refusal(400, "unauthorized_client", f"AADSTS700016: Application was not found. Known: {known}.")
        shown = form.get("client_assertion") if form.get("client_assertion_type") == _ASSERTION_TYPE else None
        if not self._is_known(shown or form.get("client_secret", "")):
            return _refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        scope = form.get("scope", "")
        if not scope.endswith("/.default"):
            return _refusal(400, "invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
        token = self._mint(role, audience=scope.removesuffix("/.default"))
        seconds = int(self._lifetime.total_seconds())
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token}
        )

    async def _managed_identity(self, request: Request) -> JSONResponse:
        """A token for the machine itself; its role is the owner's unless a client id names another."""
        query = request.query_params
        role = CLIENT_IDS.get(query.get("client_id", "owner"))
        resource = query.get("resource", "")
        if query.get("api-version") != _APP_SERVICE_VERSION or not resource or role is None:
            return JSONResponse({"statusCode": 400, "message": "No such identity, resource or api-version."}, 400)
        if not self._is_known(request.headers.get("x-identity-header", "")):
            return JSONResponse({"statusCode": 401, "message": "Unauthorized."}, 401)
        token = self._mint(role, audience=resource)
        ends = str(int((self._clock() + self._lifetime).timestamp()))
        members = {"access_token": token, "expires_on": ends, "resource": resource, "token_type": "Bearer"}
        return JSONResponse(members)

    async def _keys(self, _: Request) -> JSONResponse:
        return JSONResponse(self._access.issuer.public_keys())

    def _mint(self, role: Role, *, audience: str) -> str:
        return self._access.issuer.mint(
            now=self._clock(), lifetime=self._lifetime, role=role, audience=audience, bearer=role.name.lower()
        )

    def _is_known(self, secret: str) -> bool:
        given = secret.strip().encode()
        return any(hmac.compare_digest(given, known) for known in self._secrets)


async def _configuration(request: Request) -> JSONResponse:
    """What OpenID Connect clients ask first."""
    base = str(request.url).partition("/v2.0/")[0]
    return JSONResponse(
        {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }
    )


def _refusal(status: int, error: str, description: str) -> JSONResponse:
    trace = str(uuid.uuid4())
    members: dict[str, Any] = {"error": error, "error_description": description, "trace_id": trace}
    return JSONResponse(members, status)
