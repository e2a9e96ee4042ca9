"""How a Language resource is reached."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field, StringConstraints, field_validator, model_validator

from cluvault.settings.section import SecretName, Section, check_endpoint


class RateLimits(Section):
    """Calls a minute that cluvault allows itself on a resource; the documented limits of the service by default.

    Attributes:
        window: Seconds, in place of the minute; for a service that counts otherwise, as a scaled-down emulator does.
    """

    post: Annotated[int, Field(ge=1, le=100_000)] = 10
    get: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    window: Annotated[float, Field(ge=0.1, le=86_400)] = 60.0


class ResourceSettings(Section):
    """One Azure Language resource.

    Attributes:
        key2: The resource's other key: used when the service refuses the first, so that either can be regenerated.
        share_budget: Whether the calls a minute are shared with all processes that use the same vault.
        scope: What a Microsoft Entra ID token is asked for; sovereign clouds have others.
        capture: What a snapshot holds: the `draft`, or the `environment`: also what each service deployment's model was
            trained on, how, and how good it was; that is an export more for each model that is new in a deployment.
        ca_file: Certificate authorities to trust, besides the public ones, for this endpoint and for its sign-in.
    """

    endpoint: str
    auth: Literal["entra", "key"] = "entra"
    key: SecretName | None = None
    key2: SecretName | None = None
    api_version: Annotated[str, StringConstraints(pattern=r"^(auto|\d{4}-\d{2}-\d{2}(-preview)?)$")] = "auto"
    limits: RateLimits | Literal["off"] = RateLimits()
    share_budget: bool = True
    scope: str = "https://cognitiveservices.azure.com/.default"
    capture: Literal["draft", "environment"] = "draft"
    ca_file: Path | None = None

    @field_validator("limits", mode="before")
    @classmethod
    def _limits(cls, value: object) -> object:
        if isinstance(value, dict | RateLimits) or value == "off":
            return cast("object", value)
        raise ValueError('should be "off" or { post = 10, get = 100 }')

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        return check_endpoint(value)

    @model_validator(mode="before")
    @classmethod
    def _key_means_key(cls, value: object) -> object:
        if isinstance(value, dict) and "key" in value and "auth" not in value:
            return cast("dict[str, Any]", value) | {"auth": "key"}
        return cast("object", value)

    @model_validator(mode="after")
    def _key_is_named(self) -> ResourceSettings:
        if self.auth == "key" and self.key is None:
            raise ValueError('auth = "key" needs key = { env = "NAME" }')
        if self.key2 is not None and self.key is None:
            raise ValueError("key2 is tried when key is refused; name that one as well")
        return self
