"""What a resource holds: projects with their content, models and deployments, and jobs. Immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003  # pydantic reads the fields' types
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import PlainSerializer, PlainValidator, ValidationInfo

from cluvault.emulator.errors import Problem  # noqa: TC001  # as above

if TYPE_CHECKING:
    from collections.abc import Mapping

ProjectKind = Literal["Conversation", "Orchestration", "CustomConversationSummarization"]
JobKind = Literal["deletion", "import", "export"]


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a project; the numbers are kept as they were written."""

    confidence_threshold: Decimal = Decimal("0.0")
    normalize_casing: bool = False
    augment_diacritics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What PATCH sets and a project file's `metadata` holds."""

    kind: ProjectKind
    name: str
    language: str
    multilingual: bool = False
    description: str | None = None
    settings: Settings | None = None
    container: str | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """The assets of a project as ready JSON text, so that an export only joins bytes.

    Attributes:
        content_id: SHA-256 of the parts; equal content is stored once.
        parts: The arrays of `assets` in the order of an export: (`"intents"`, `b"[...]"`), and so on.
    """

    content_id: str
    parts: tuple[tuple[str, bytes], ...]


def _look_up(value: object, info: ValidationInfo) -> object:
    contents: Mapping[object, Content] = info.context or {}
    return contents[value]


ContentRef = Annotated[Content, PlainSerializer(lambda content: content.content_id), PlainValidator(_look_up)]
"""Content that the state file holds apart from the record: the record has its id."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A project's working copy at one moment."""

    metadata: Metadata
    content: ContentRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model."""

    label: str
    model_id: str
    trained_at: datetime
    duration_seconds: int
    expires: date
    config_version: str
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed model; it outlives the model's record."""

    name: str
    model_id: str
    trained_at: datetime
    deployed_at: datetime
    expires: date
    config_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project: its working copy, and what was trained and deployed from earlier ones."""

    metadata: Metadata
    content: ContentRef
    created_at: datetime
    modified_at: datetime
    models: tuple[Model, ...] = ()
    deployments: tuple[Deployment, ...] = ()

    @property
    def name(self) -> str:
        """The project's name."""
        return self.metadata.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWork:
    """What an import puts in place when its job is due."""

    does: Literal["import"] = "import"
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportWork:
    """What an export gives: the working copy, or a model's snapshot, as it was when the export began."""

    does: Literal["export"] = "export"
    snapshot: Snapshot
    version: str
    string_index_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A long-running operation.

    Attributes:
        due_at: When it ends; before that it is notStarted, then running.
        finished: Its effect is in place. Set once, by `state.settle`.
        errors: Known from the start, shown at the end; a job with errors fails.
        work: What it puts in place or gives; dropped as soon as nobody can ask for it.
    """

    job_id: str
    kind: JobKind
    project: str
    created_at: datetime
    due_at: datetime
    finished: bool = False
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    work: ImportWork | ExportWork | None = None
