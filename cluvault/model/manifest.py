"""The manifest: the small JSON that describes a snapshot. A snapshot exists if and only if its manifest does."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from cluvault.errors import DamagedSnapshot, SnapshotNotFound, VaultTooNew
from cluvault.model.reference import SNAPSHOT_ID, SnapshotReference

VAULT_FORMAT: Final = 1

Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Reason(StrEnum):
    """Why a snapshot was taken."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    EVENT = "event"
    SAFETY = "safety"
    PRE_DELETE = "pre-delete"


class Record(BaseModel):
    """Reads camelCase, ignores unknown keys of its own format, never changes after it was built."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        ser_json_bytes="utf8",
        defer_build=True,
    )


class Seal(Record):
    """To whom content is encrypted.

    Attributes:
        recipients: The public keys; the identity of any one of them opens the content.
        digest_key: The key of the content's digests, itself encrypted to the recipients, in base64: whoever can read
            the content can check it without any other secret.
    """

    recipients: Annotated[tuple[str, ...], Field(min_length=1)]
    digest_key: str


class Content(Record):
    """Where a snapshot's bytes lie and what they are: `sha256`/`bytes` as stored, `raw…` as the service gave them.

    Of encrypted content `raw_sha256` and `canonical_sha256` are the HMAC-SHA-256 of these digests, each as its 64
    letters: who cannot open the content cannot try out what it might be. How large it is stays plain, here and in the
    manifest's counts, and so do names, tags, models and service deployments: the catalogue works without any key.

    Attributes:
        seal: Whom the content is encrypted to, when it is.
    """

    key: str
    sha256: Sha256Hex
    bytes: Annotated[int, Field(ge=0)]
    encoding: Literal["gzip", "identity", "gzip+age"]
    raw_sha256: Sha256Hex
    raw_bytes: Annotated[int, Field(ge=0)]
    canonical_sha256: Sha256Hex
    seal: Seal | None = None

    @model_validator(mode="after")
    def _sealed_or_not(self) -> Content:
        if (self.encoding == "gzip+age") != (self.seal is not None):
            raise ValueError(f"encoding {self.encoding!r} {'with' if self.seal else 'without'} a seal")
        return self


class Counts(Record):
    """How much is in a project file."""

    intents: int
    entities: int
    utterances: int


class TrainedOn(Record):
    """What a model was trained on, as the service exported it by the model's label.

    Attributes:
        content: Where it lies; often the draft's content, or that of another model.
        api_version: The version that exported it.
    """

    content: Content
    counts: Counts
    api_version: str


class DivisionRecord(Record):
    """How utterances were divided for training and testing: `percentage`, with the percents, or `manual`."""

    kind: str
    training: int | None = None
    testing: int | None = None


class ModelRecord(Record):
    """A trained model as it stood when the snapshot was taken; more than its label is known of what was deployed.

    Attributes:
        training_mode: `standard` or `advanced`; None when the service did not remember.
        evaluation: The summary of its evaluation, without the confusion matrices.
        trained_on: Its training data; None when they were not captured.
        not_captured: Why the service does not give the training data of this deployed model.
    """

    label: str
    trained_at: AwareDatetime | None = None
    training_mode: str | None = None
    training_config_version: str | None = None
    division: DivisionRecord | None = None
    evaluation: dict[str, Any] | None = None
    trained_on: TrainedOn | None = None
    not_captured: str | None = None

    @property
    def listed(self) -> ModelRecord:
        """The same with no more than a listing of models says."""
        return ModelRecord(
            label=self.label, trained_at=self.trained_at, training_config_version=self.training_config_version
        )


class DeploymentRecord(Record):
    """A service deployment as it stood when the snapshot was taken."""

    name: str
    model: str | None = None
    deployed_at: AwareDatetime | None = None


class Tool(Record):
    """What wrote the manifest."""

    name: str
    version: str


class Manifest(Record):
    """Format 1 of the vault contract."""

    format: Literal[1] = VAULT_FORMAT
    snapshot_id: Annotated[str, StringConstraints(pattern=rf"^{SNAPSHOT_ID.pattern}$")]
    vault_id: str
    resource: str
    endpoint: str
    project: str
    captured_at: AwareDatetime
    reason: Reason
    tags: tuple[str, ...] = ()
    api_version: str
    project_last_modified: AwareDatetime | None = None
    content: Content
    counts: Counts
    models: tuple[ModelRecord, ...] = ()
    deployments: tuple[DeploymentRecord, ...] = ()
    parent: str | None = None
    tool: Tool

    @property
    def reference(self) -> str:
        """The reference that names exactly this snapshot."""
        return str(SnapshotReference(self.resource, self.project, self.snapshot_id))

    @property
    def views(self) -> tuple[Manifest, ...]:
        """The snapshot once for each content that it refers to: as it is, then as if it were that of a model.

        Whatever has to know all contents of a snapshot goes through here or `contents`: one that is left out is lost
        one day.
        """
        found = dict["Content", "Manifest"]()
        found[self.content] = self
        for model in self.models:
            if model.trained_on is not None:
                found.setdefault(model.trained_on.content, self.seen_as(model.trained_on))
        return tuple(found.values())

    @property
    def contents(self) -> tuple[Content, ...]:
        """Every content that the snapshot refers to, its project's own first."""
        captured = [one.trained_on.content for one in self.models if one.trained_on is not None]
        return tuple(dict.fromkeys((self.content, *captured))) if captured else (self.content,)

    def of_deployment(self, name: str) -> Manifest:
        """The snapshot as if its content were what the model in a service deployment was trained on.

        Raises:
            SnapshotNotFound: it has no such deployment, or not what that model was trained on.
        """
        models = {one.label: one for one in self.models}
        captured = {
            one.name: model.trained_on
            for one in self.deployments
            if (model := models.get(one.model or "")) is not None and model.trained_on is not None
        }
        if name in captured:
            return self.seen_as(captured[name])
        has = ", ".join(captured) or 'none: they are captured with `capture = "environment"` of the resource'
        there = {one.name: models.get(one.model or "") for one in self.deployments}
        if name not in there:
            raise SnapshotNotFound(f"{self.reference} has no service deployment {name}", mend=f"captured: {has}")
        model = there[name]
        why = f": {model.not_captured}" if model is not None and model.not_captured else ""
        message = f"{self.reference} does not hold what the model in {name} was trained on{why}"
        raise SnapshotNotFound(message, mend=f"captured: {has}")

    def seen_as(self, found: TrainedOn) -> Manifest:
        """The snapshot as if its content were what one of its models was trained on."""
        return self.model_copy(
            update={"content": found.content, "counts": found.counts, "api_version": found.api_version}
        )

    def to_bytes(self) -> bytes:
        """The manifest as UTF-8 JSON, readable by a person."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


def read_manifest(data: bytes, *, key: str) -> Manifest:
    """Parse a manifest from the store.

    Raises:
        VaultTooNew: a newer format wrote it.
        DamagedSnapshot: it is no manifest.
    """
    refuse_newer_format(data, key=key)
    try:
        return Manifest.model_validate_json(data)
    except ValidationError as err:
        first = err.errors()[0]
        where = "/".join(map(str, first["loc"])) or "top level"
        raise DamagedSnapshot(
            f"{key}: not a manifest: {where}: {first['msg']}",
            mend="the snapshot cannot be used; restore another",
        ) from err


class _FormatOnly(BaseModel):
    format: int


def refuse_newer_format(data: bytes, *, key: str) -> None:
    """Raise VaultTooNew when `data` says a newer format than this version reads; other faults are the caller's."""
    try:
        found = _FormatOnly.model_validate_json(data).format
    except ValidationError:
        return
    if found > VAULT_FORMAT:
        raise VaultTooNew(
            f"{key}: written in vault format {found}, this cluvault reads up to {VAULT_FORMAT}",
            mend="upgrade cluvault",
        )


def new_snapshot_id(captured_at: datetime, entropy: str) -> str:
    """`YYYYMMDDTHHMMSSZ-<8 hex>`: sorts by time (UTC), in steps of 1/4096 s: three of the hex digits say the fraction.

    `entropy` is eight lower-case hex digits; the last five are used, so that those of one step have ids of their own.
    """
    step = captured_at.microsecond * 4096 // 1_000_000
    return f"{snapshot_second(captured_at)}-{step:03x}{entropy[-5:]}"


def snapshot_second(instant: datetime) -> str:
    """The part of a snapshot id that says when, to the second."""
    return f"{instant.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def id_moment(snapshot_id: str) -> datetime:
    """The second that a snapshot id says; the beginning of time for one that is no date (`20261345T…`)."""
    try:
        return datetime.strptime(snapshot_id.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
