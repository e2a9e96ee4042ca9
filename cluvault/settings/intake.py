"""What may come in from outside: objects of an inbox, and events over HTTPS."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field, StringConstraints, field_validator, model_validator

from cluvault.settings.section import SecretName, Section, check_endpoint
from cluvault.settings.vault import S3Settings

_TENANT: Final = re.compile(r"[A-Za-z0-9.-]{1,255}")


class IntakeSettings(Section):
    """An inbox: a bucket or container whose objects become projects.

    Attributes:
        place: `s3://bucket/prefix` or `az://account/container/prefix`; objects lie below `inbox/` in it.
        resources: Those that may be imported into; whoever may write into the inbox can replace every project there.
        queue: Where its notifications come: the URL of an SQS queue, or of a queue of Azure Storage. Without one the
            inbox is looked through.
        queue_endpoint: In place of the SQS endpoint that boto3 finds.
        s3: How to reach the bucket; its region and profile count for the queue as well.
        max_bytes: The largest object that is read, and the most that comes out of a compressed one.
        tries: How often an object or a message is tried before it is refused.
        visibility_seconds: For how long a message that is worked on is hidden from others; it is renewed meanwhile.
        concurrency: Projects at once.
    """

    place: Annotated[str, StringConstraints(pattern=r"^(s3|az)://")]
    resources: Annotated[tuple[str, ...], Field(min_length=1)]
    queue: str = ""
    queue_endpoint: str = ""
    s3: S3Settings = S3Settings()
    max_bytes: Annotated[int, Field(ge=1, le=2**30)] = 100 * 2**20
    tries: Annotated[int, Field(ge=1, le=100)] = 5
    visibility_seconds: Annotated[int, Field(ge=15, le=43_200)] = 120
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4

    @field_validator("queue", "queue_endpoint")
    @classmethod
    def _queue(cls, value: str) -> str:
        return check_endpoint(value) if value else value


class TokenSettings(Section):
    """Which tokens of Microsoft Entra ID open the HTTPS intake.

    Attributes:
        tenant: The directory's id.
        audience: The application that the tokens are made for: its id, or its `api://` URI.
        clients: Application ids that may call; none means every client that gets such a token.
        authority: Another than the public cloud's.
    """

    tenant: str
    audience: Annotated[str, StringConstraints(min_length=1)]
    clients: tuple[str, ...] = ()
    authority: str = "https://login.microsoftonline.com"

    @field_validator("tenant")
    @classmethod
    def _one_directory(cls, value: str) -> str:
        if _TENANT.fullmatch(value) is None or value in ("common", "organizations", "consumers"):
            raise ValueError("should be the id of one directory")
        return value

    @field_validator("authority")
    @classmethod
    def _authority(cls, value: str) -> str:
        return check_endpoint(value)


class ListenSettings(Section):
    """The HTTPS intake of `cluvault listen`.

    Attributes:
        secret: What a sender shows, as a bearer token or `access_token`.
        secret2: Another that is valid as well, so that either can be exchanged.
        entra: Tokens that open it instead.
        allowed_origins: Senders that the handshake of CloudEvents webhooks is granted to.
        max_bytes: The largest request.
        window_minutes: How old an event may be; ids are remembered for as long.
        batch_seconds: How long requests wait for others, to be one flow run with them.
    """

    secret: SecretName | None = None
    secret2: SecretName | None = None
    entra: TokenSettings | None = None
    allowed_origins: tuple[str, ...] = ("eventgrid.azure.net",)
    max_bytes: Annotated[int, Field(ge=1024, le=2**24)] = 2**20
    window_minutes: Annotated[float, Field(gt=0, le=7 * 24 * 60)] = 25 * 60.0
    batch_seconds: Annotated[float, Field(ge=0, le=20)] = 0.5

    @model_validator(mode="after")
    def _secret_comes_first(self) -> ListenSettings:
        if self.secret2 is not None and self.secret is None:
            raise ValueError("secret2 is the other of two; name secret as well")
        return self


class WatchSettings(Section):
    """How the watcher of changed projects works.

    Attributes:
        quiet_minutes: For how long a project has to be left alone before it is backed up.
        resources: Those that are watched; none means all.
    """

    quiet_minutes: Annotated[float, Field(ge=0)] = 10.0
    resources: tuple[str, ...] = ()
