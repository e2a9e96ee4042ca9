"""References: how a user names a project file. Parsing and printing are inverse to each other."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from cluvault.errors import UsageError
from cluvault.model.names import check_deployment_name, check_project_name, check_resource_name, shorten
from cluvault.model.object_url import parse_object_url

SNAPSHOT_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
_PREFIXES: Final = ("s3://", "az://", "file://", "live:", "snapshot:")
_MEND: Final = (
    "write RESOURCE/PROJECT, RESOURCE/PROJECT@SNAPSHOT-ID, RESOURCE/PROJECT@2026-11-01, "
    "RESOURCE/PROJECT#DEPLOYMENT, live:RESOURCE/PROJECT, a path or a URL"
)


@dataclass(frozen=True, slots=True)
class SnapshotReference:
    """A snapshot in the vault: the latest, one by id, or the latest at an instant (UTC).

    `prod/EmailApp`, `prod/EmailApp@20261101T020000Z-0a1b2c3d`, `prod/EmailApp@2026-11-01` (00:00 UTC of that day),
    `prod/EmailApp@2026-11-01T12:00:00Z`. With `#production` behind: what the model in that service deployment was
    trained on, as that snapshot holds it.
    """

    resource: str
    project: str
    snapshot_id: str | None = None
    as_of: datetime | None = None
    deployment: str | None = None

    def __str__(self) -> str:
        text = f"{self.resource}/{self.project}"
        if self.snapshot_id is not None:
            text += f"@{self.snapshot_id}"
        elif self.as_of is not None:
            text += f"@{self.as_of.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
        if self.deployment is not None:
            text += f"#{self.deployment}"
        return f"snapshot:{text}" if _looks_like_path(text) else text


@dataclass(frozen=True, slots=True)
class LiveReference:
    """The project as it is now, exported for the purpose: `live:prod/EmailApp`."""

    resource: str
    project: str

    def __str__(self) -> str:
        return f"live:{self.resource}/{self.project}"


@dataclass(frozen=True, slots=True)
class FileReference:
    """A file on this machine, compressed or not."""

    path: str

    def __str__(self) -> str:
        says_itself = _looks_like_path(self.path) and not self.path.startswith(_PREFIXES)
        return self.path if says_itself else f"file://{self.path}"


@dataclass(frozen=True, slots=True)
class UrlReference:
    """An object in a bucket or container: `s3://bucket/key` or `az://account/container/path`."""

    url: str

    def __str__(self) -> str:
        return self.url


Reference = SnapshotReference | LiveReference | FileReference | UrlReference


@dataclass(frozen=True, slots=True)
class ProjectTarget:
    """Where a command puts a project: a resource, and a project name or None for the file's own."""

    resource: str
    project: str | None

    def __str__(self) -> str:
        return self.resource if self.project is None else f"{self.resource}/{self.project}"


def parse_reference(text: str) -> Reference:
    """Read a reference.

    A text is a path when it starts with `.`, `/` or `~`, ends in `.json` or `.gz`, or has two slashes and more;
    `snapshot:` in front says that it is a snapshot all the same.

    Raises:
        UsageError: it is none of the forms.
    """
    if text.startswith(("s3://", "az://")):
        parse_object_url(text)
        return UrlReference(text)
    if text.startswith("file://"):
        return FileReference(text.removeprefix("file://"))
    if text.startswith("live:"):
        resource, project = _split(text, text.removeprefix("live:"))
        return LiveReference(resource, project)
    body = text.removeprefix("snapshot:")
    if body == text and _looks_like_path(text):
        return FileReference(text)
    place, hash_sign, deployment = body.partition("#")
    name, at, selector = place.partition("@")
    resource, project = _split(text, name)
    found = SnapshotReference(resource, project, deployment=check_deployment_name(deployment) if hash_sign else None)
    if not at:
        return found
    if SNAPSHOT_ID.fullmatch(selector):
        return replace(found, snapshot_id=selector)
    return replace(found, as_of=_instant(text, selector))


def parse_target(text: str) -> ProjectTarget:
    """Read `RESOURCE` or `RESOURCE/PROJECT`.

    Raises:
        UsageError: a name is not allowed.
    """
    resource, slash, project = text.partition("/")
    check_resource_name(resource)
    return ProjectTarget(resource, check_project_name(project) if slash else None)


def _looks_like_path(text: str) -> bool:
    name = text.partition("@")[0].partition("#")[0]
    return (
        name.startswith((".", "/", "~"))
        or text.endswith((".json", ".gz"))
        or name.endswith((".json", ".gz"))
        or text.count("/") > 1
    )


def _split(text: str, name: str) -> tuple[str, str]:
    resource, slash, project = name.partition("/")
    if not slash:
        raise UsageError(f"{shorten(text)!r} is no reference: it names no project", mend=_MEND)
    return check_resource_name(resource), check_project_name(project)


def _instant(text: str, selector: str) -> datetime:
    try:
        instant = datetime.fromisoformat(selector)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{shorten(text)!r} is no reference: {shorten(selector)!r} is neither a snapshot id nor a date",
            mend=_MEND,
        ) from None
