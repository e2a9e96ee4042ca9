"""What a resource holds: projects with their content, models and deployments, and jobs. Immutable values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime  # noqa: TC003  # pydantic reads the fields' types
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, PlainSerializer, PlainValidator, ValidationInfo

from cluvault.emulator.errors import Problem  # noqa: TC001  # as above

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ProjectKind = Literal["Conversation", "Orchestration", "CustomConversationSummarization"]
JobKind = Literal[
    "deletion", "import", "export", "copy", "train", "load-snapshot", "evaluate",
    "deployment", "swap", "delete-from-resources", "assign", "unassign", "exported-model",
]  # fmt: skip
JobFate = Literal["run-on", "partially-complete", "be-lost"]
TrainingMode = Literal["standard", "advanced"]
EvaluationKind = Literal["percentage", "manual"]


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
class EvaluationOptions:
    """How labelled utterances are divided into those that train and those that test; shares are percentages."""

    kind: EvaluationKind = "percentage"
    training_split: int = 80
    testing_split: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A trained model: what it was trained on and how; from that the same model is fitted again whenever it is needed.

    Attributes:
        snapshot: The working copy at the start of its training; None for a model that was put in place without one.
        evaluation: Which utterances it was trained on, and which tested it.
        evaluated: The options of the evaluation job that last gave its figures; None while they are the training's.
    """

    label: str
    model_id: str
    trained_at: datetime
    duration_seconds: int
    expires: date
    config_version: str
    snapshot: Snapshot | None = None
    mode: TrainingMode = "standard"
    evaluation: EvaluationOptions = EvaluationOptions()
    evaluated: EvaluationOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedResource:
    """A Language resource that may serve, or serves, a project's deployments besides its own.

    Attributes:
        azure_id: The ARM id of the resource.
        region: Its region, as the caller wrote it.
        domain: Its custom subdomain; empty when nobody said.
        generation: The assigned Azure OpenAI resource as it came, JSON text; empty for none.
    """

    azure_id: str
    region: str
    domain: str = ""
    generation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployed model; it outlives the model's record, so it has what prediction needs.

    Attributes:
        model: The model as it was when it was deployed; None for a deployment that was put in place without one.
        resources: Where it is served besides the home resource; empty for the home resource only.
    """

    name: str
    model_id: str
    trained_at: datetime
    deployed_at: datetime
    expires: date
    config_version: str
    model: Model | None = None
    resources: tuple[AssignedResource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedModel:
    """A trained model that was made ready for a container."""

    name: str
    model_id: str
    trained_at: datetime
    exported_at: datetime
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
    exported_models: tuple[ExportedModel, ...] = ()
    resources: tuple[AssignedResource, ...] = ()

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
class TrainWork:
    """What a training fits: the working copy as it was when the training began.

    Attributes:
        unique: The end of the model's id.
        has_test_set: The split leaves utterances to test with.
    """

    does: Literal["train"] = "train"
    snapshot: Snapshot
    label: str
    unique: str
    mode: TrainingMode
    config_version: str
    evaluation: EvaluationOptions
    has_test_set: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateWork:
    """Another evaluation of a trained model.

    Attributes:
        model: The model when the evaluation began; nothing comes of it when another has the label at its end.
    """

    does: Literal["evaluate"] = "evaluate"
    model: Model
    evaluation: EvaluationOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSnapshotWork:
    """What a load-snapshot puts in place as the working copy."""

    does: Literal["load-snapshot"] = "load-snapshot"
    snapshot: Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployWork:
    """What a deployment will serve, and where besides the home resource."""

    does: Literal["deploy"] = "deploy"
    model: Model
    resources: tuple[AssignedResource, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UndeployWork:
    """Where a deployment is taken away: everywhere, or from these resources only."""

    does: Literal["undeploy"] = "undeploy"
    azure_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapWork:
    """The deployments that exchange their models."""

    does: Literal["swap"] = "swap"
    first: str
    second: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignWork:
    """Resources that may serve the project's deployments from now on."""

    does: Literal["assign"] = "assign"
    resources: tuple[AssignedResource, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnassignWork:
    """Resources that no longer serve the project's deployments."""

    does: Literal["unassign"] = "unassign"
    azure_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyWork:
    """What a copy puts in place in another resource: the source's working copy as it was when the copy began.

    Attributes:
        resource: The emulator's name of the resource that gets it.
        overwrite: Whether a project that is there may be replaced.
    """

    does: Literal["copy"] = "copy"
    resource: str
    snapshot: Snapshot
    overwrite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportModelWork:
    """The trained model that is made ready for a container.

    Attributes:
        exported: What there will be, but for the moment.
    """

    does: Literal["export-model"] = "export-model"
    exported: ExportedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class UnexportModelWork:
    """An exported model is taken away."""

    does: Literal["unexport-model"] = "unexport-model"


Work = Annotated[
    ImportWork | ExportWork | TrainWork | EvaluateWork | LoadSnapshotWork | DeployWork | UndeployWork | SwapWork
    | AssignWork | UnassignWork | CopyWork | ExportModelWork | UnexportModelWork,
    Discriminator("does"),
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A long-running operation.

    Attributes:
        part: The model, deployment or exported model that it is about; empty for the project as a whole.
        cancelled_at: When somebody asked for its end; it ends at `due_at`, which that brought near, without effect.
        due_at: When it ends; before that it is notStarted, then running.
        finished: Its effect is in place. Set once, by `effects.finish`.
        errors: Known from the start, shown at the end; a job with errors fails.
        work: What it puts in place or gives; dropped as soon as nobody can ask for it.
        made_to: What a fault that was asked for makes of it.
    """

    job_id: str
    kind: JobKind
    project: str
    created_at: datetime
    due_at: datetime
    finished: bool = False
    part: str = ""
    cancelled_at: datetime | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    work: Work | None = None
    made_to: JobFate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyAuthorization:
    """What a resource allows whoever has a token: to put a project in place, once. The token itself is kept nowhere.

    Attributes:
        token_sha256: The token's digest.
        container: Where a project of kind CustomConversationSummarization will find its conversations.
    """

    token_sha256: str
    project: str
    kind: ProjectKind
    overwrite: bool
    expires_at: datetime
    container: str | None = None


def contents_of_project(project: Project) -> Iterator[Content]:
    """Every content that a project's record refers to."""
    yield project.content
    for model in (*project.models, *(deployment.model for deployment in project.deployments)):
        if model is not None and model.snapshot is not None:
            yield model.snapshot.content


def contents_of_job(job: Job) -> Iterator[Content]:
    """Every content that a job's record refers to."""
    match job.work:
        case ImportWork() | ExportWork() | TrainWork() | LoadSnapshotWork() | CopyWork():
            yield job.work.snapshot.content
        case DeployWork() | EvaluateWork() if job.work.model.snapshot is not None:
            yield job.work.model.snapshot.content
        case _:
            pass
