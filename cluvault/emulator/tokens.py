"""Bearer tokens in the form of Microsoft Entra ID's: signed by an issuer, and read as the service's gateway reads them.

The emulator has an issuer of its own, for tests and demos, and can be given the public keys of others. As nothing here
knows of role assignments, a token carries its bearer's role itself, in the claim `roles`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from cluvault.emulator.roles import Role
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta
    from pathlib import Path

AUDIENCE: Final = "https://cognitiveservices.azure.com"
ISSUER_NAME: Final = "https://sts.windows.net/emulator/"
_ALGORITHM: Final = "RS256"
_KEY_ID: Final = "emulator"
_KEY_BITS: Final = 2048


class TokenRefused(Exception):
    """A token that proves nothing; the message says why and quotes nothing of it."""


class Issuer:
    """Signs tokens with a key of its own, which is made anew with every issuer and never leaves it.

    Attributes:
        signed: How many tokens it has signed.
    """

    def __init__(self) -> None:
        self.signed = 0
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)

    def mint(
        self,
        *,
        now: datetime,
        lifetime: timedelta,
        role: Role | None = Role.OWNER,
        audience: str = AUDIENCE,
        bearer: str = "emulator",
    ) -> str:
        """A signed token.

        Args:
            now: When it begins to hold.
            lifetime: How long it does.
            role: What its bearer may do; nothing when None.
            audience: For whom it is made.
            bearer: Who bears it, for logs of the receiver.
        """
        self.signed += 1
        claims: dict[str, Any] = {
            "iss": ISSUER_NAME,
            "aud": audience,
            "iat": int(now.timestamp()),
            "nbf": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            "appid": bearer,
            "oid": bearer,
            "roles": [] if role is None else [role.title],
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": _KEY_ID})

    def public_keys(self) -> dict[str, Any]:
        """The JSON Web Key Set that verifies its tokens."""
        public = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [public | {"kid": _KEY_ID, "use": "sig", "alg": _ALGORITHM}]}

    def public_key(self, key_id: str) -> rsa.RSAPublicKey | None:
        """The key of this id, if it is the issuer's."""
        return self._key.public_key() if key_id == _KEY_ID else None


class TokenReader:
    """Reads tokens of an issuer, and of those whose public keys it is given.

    Args:
        issuer: Whose tokens are read.
        audience: For whom a token has to be made.
        keys_file: A JSON Web Key Set with the public keys of other issuers.

    Raises:
        ConfigurationError: the file of keys cannot be used.
    """

    def __init__(self, issuer: Issuer, *, audience: str = AUDIENCE, keys_file: Path | None = None) -> None:
        self.issuer = issuer
        self._audiences = [audience.rstrip("/"), f"{audience.rstrip('/')}/"]
        self._given = _read_keys(keys_file) if keys_file is not None else {}

    def role_of(self, token: str, *, now: datetime) -> Role | None:
        """The strongest role that a good token gives; None when it gives none.

        Raises:
            TokenRefused: signed by nobody known, made for somebody else, or not of this time.
        """
        try:
            key = self._key_of(jwt.get_unverified_header(token))
            claims = jwt.decode(
                token,
                key,
                algorithms=[_ALGORITHM],
                audience=self._audiences,
                # times are compared below, by the emulator's clock
                options={"require": ["exp", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError as err:
            raise TokenRefused(type(err).__name__) from err
        _check_time(claims, now.timestamp())
        return _strongest(claims.get("roles"))

    def _key_of(self, header: Mapping[str, Any]) -> Any:
        key_id = str(header.get("kid"))
        key = self._given.get(key_id) or self.issuer.public_key(key_id)
        if key is None:
            raise TokenRefused("signed by nobody known")
        return key


def _check_time(claims: Mapping[str, Any], now: float) -> None:
    begins, ends = claims.get("nbf", 0), claims["exp"]
    if not isinstance(begins, int | float) or not isinstance(ends, int | float):
        raise TokenRefused("its times are no numbers")
    if now < begins:
        raise TokenRefused("not yet valid")
    if not now < ends:  # which a NaN is not either
        raise TokenRefused("expired")


def _strongest(names: object) -> Role | None:
    claimed = cast("list[object]", names) if isinstance(names, list) else []
    return max((role for role in Role if role.title in claimed), default=None)


def _read_keys(path: Path) -> dict[str, Any]:
    """The RSA keys of a JSON Web Key Set, by their ids."""
    try:
        keys = jwt.PyJWKSet.from_dict(orjson.loads(path.read_bytes())).keys
    except (OSError, ValueError, TypeError, AttributeError, jwt.PyJWTError) as err:
        raise ConfigurationError(
            f"{path}: cannot be read as a JSON Web Key Set: {err}", mend="give the keys that sign the tokens"
        ) from err
    return {str(key.key_id): key.key for key in keys if key.key_type == "RSA"}
