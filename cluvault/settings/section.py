"""What every part of the configuration is made of."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


CONFIG_NAME: Final = "cluvault.toml"


_SPACE: Final = re.compile(r"\s")


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""Of a resource, a route or a copy of the vault."""


Share = Annotated[float, Field(ge=0, le=1)]


def kebab(name: str) -> str:
    """How a field is written in TOML."""
    return name.replace("_", "-")


class Section(BaseModel):
    """A table of the configuration: its keys have dashes, unknown ones are refused."""

    model_config = ConfigDict(
        alias_generator=kebab,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
        hide_input_in_errors=True,
    )


class SecretName(Section):
    """Where a secret is to be found: an environment variable, or a Prefect Secret block."""

    env: str | None = None
    prefect_secret: str | None = None

    @property
    def place(self) -> str:
        """Where the secret is, for messages."""
        if self.env is not None:
            return f"environment variable {self.env}"
        return f"Prefect Secret block {self.prefect_secret!r}"

    def find(
        self, environment: Mapping[str, str], prefect_secret: Callable[[str], SecretStr] | None
    ) -> SecretStr | None:
        """The secret; None for a variable that is not set, and for a block where there is no Prefect."""
        if self.env is not None:
            return SecretStr(text) if (text := environment.get(self.env)) else None
        return prefect_secret(self.prefect_secret or "") if prefect_secret is not None else None

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('a secret is never written here; name it: { env = "NAME" }')
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretName:
        if (self.env is None) == (self.prefect_secret is None):
            raise ValueError('should be { env = "NAME" } or { prefect-secret = "block-name" }')
        return self


def check_endpoint(value: str) -> str:
    """Return an endpoint without its trailing slash; https, or http on loopback (the emulator).

    Raises:
        ValueError: what is wrong with it.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0 or _SPACE.search(value):
        raise ValueError("should be a URL such as https://NAME.cognitiveservices.azure.com")
    if parts.username is not None or parts.password is not None or "?" in value or "#" in value:
        raise ValueError("should hold no user, password, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("should be https: a key never travels in clear (http is for 127.0.0.1 only)")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
