"""To whom events go besides Prefect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from cluvault.settings.section import SecretName, Section, check_endpoint


class EventsSettings(Section):
    """A webhook that is told of events as CloudEvents 1.0.

    Attributes:
        webhook: Its URL: https, or http on this machine; empty for none.
        secret: What signs each request, as Standard Webhooks says: `whsec_` and base64, or any text.
        token: A bearer token for it.
        only: Names of events that it is told of; globs.
        ignore: Those that it is not told of all the same.
        form: One request an event, or batches.
        source: The CloudEvents attribute of this name, to tell several cluvaults apart.
        timeout: Seconds that one request may take.
        patience: Seconds that all requests of a run may take, with the retries.
        ca_file: Certificate authorities to trust besides the public ones.
    """

    webhook: str = ""
    secret: SecretName | None = None
    token: SecretName | None = None
    only: tuple[str, ...] = ("cluvault.*",)
    ignore: tuple[str, ...] = ("cluvault.snapshot.unchanged",)
    form: Literal["structured", "batch"] = "structured"
    source: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,200}$")] = "/cluvault"
    timeout: Annotated[float, Field(gt=0, le=60)] = 10.0
    patience: Annotated[float, Field(gt=0, le=600)] = 60.0
    ca_file: Path | None = None

    @field_validator("webhook")
    @classmethod
    def _travels_safely(cls, value: str) -> str:
        if value:
            check_endpoint(value.partition("?")[0])  # a query may be part of it
        return value

    @model_validator(mode="after")
    def _leads_somewhere(self) -> EventsSettings:
        if not self.webhook and (self.secret is not None or self.token is not None):
            raise ValueError("secret and token are for a webhook; give its URL")
        return self
