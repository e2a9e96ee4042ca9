"""create: make a project and seed it; running it again changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import InvalidProjectFile, ProjectExists, UsageError
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.model.reference import parse_target
from cluvault.model.run import Outcome, RunItem
from cluvault.model.seed import ProjectDefinition
from cluvault.ops.imports import Body, import_and_prove, record_import
from cluvault.ops.sources import read_file
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.diff import diff_project_files
from cluvault.plan.diff_report import summary
from cluvault.plan.findings import Finding, Severity
from cluvault.plan.fitting import fit_project_file
from cluvault.plan.losses import refuse_without_leave
from cluvault.plan.seed import SeedPlan, build_project_file
from cluvault.plan.seed_rows import read_csv_utterances, read_jsonl_utterances
from cluvault.plan.seed_schema import read_schema
from cluvault.plan.validate import validate_project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.model.seed import Schema, SeedUtterance
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.losses import Loss

_ROWS = {".csv": read_csv_utterances, ".tsv": read_csv_utterances, ".jsonl": read_jsonl_utterances}


class CreateOptions(BaseModel):
    """The project to create and what to seed it from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: str = Field(description="RESOURCE/PROJECT.")
    kind: Literal["Conversation", "Orchestration"] | None = Field(
        default=None, description="The seed's kind by default, else Conversation."
    )
    language: str | None = Field(default=None, description="Main language, e.g. en-us; the seed's by default.")
    multilingual: bool | None = Field(default=None, description="Whether utterances of other languages are allowed.")
    description: str | None = Field(default=None, description="What the project is for.")
    confidence_threshold: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Below it the service answers None."
    )
    seeds: tuple[str, ...] = Field(
        default=(), description="Paths: one project file (.json, .json.gz) and any number of .csv, .tsv, .jsonl."
    )
    schema_file: str | None = Field(default=None, description="Path of a YAML or JSON file with intents and entities.")
    allow_loss: bool = Field(
        default=False,
        description="Create although the target's api-versions lack what the model is trained on; all is listed.",
    )


@dataclass(frozen=True, slots=True)
class CreatePlan:
    """The project file that the seeds make, and whether the target has it already."""

    resource: str
    project: str
    body: Body
    exists: bool
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    api_version: str
    losses: tuple[Loss, ...] = ()

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        if self.exists:
            return f"{self.resource}/{self.project} has this content already; nothing to do"
        return f"create {self.resource}/{self.project}"


@dataclass(frozen=True, slots=True)
class CreateReport:
    """A project that holds what its seeds say, proven by exporting it again."""

    plan: CreatePlan
    outcome: Outcome
    digest: str
    warnings: tuple[str, ...]
    record_key: str

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "outcome": self.outcome.value,
            "resource": self.plan.resource,
            "project": self.plan.project,
            "digest": self.digest,
            "notes": list(self.plan.notes),
            "findings": [asdict(finding) for finding in self.plan.findings],
            "apiVersion": self.plan.api_version,
            "losses": [loss.to_json() for loss in self.plan.losses],
            "warnings": list(self.warnings),
            "record": self.record_key,
        }


class NotImportable(InvalidProjectFile):
    """The service would refuse the project file; every finding is listed."""

    def __init__(self, where: str, errors: tuple[Finding, ...]) -> None:
        first = errors[0]
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        super().__init__(f"{where}: at {first.pointer}: {first.sentence}{more}", mend=first.mend)
        self.findings = errors


async def create(
    workspace: Workspace,
    options: CreateOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[CreatePlan], None] = lambda _plan: None,
) -> CreateReport:
    """Create and seed a project.

    Raises:
        NotImportable: the seeds make a file that the service refuses; nothing was changed.
        ProjectExists: the project exists with other content; nothing was changed.
        GuardRefused: the target would train another model, and `allow_loss` was not given; nothing was changed.
        NotAVault: there is no place for the record; nothing was changed.
    """
    started_at = workspace.now()
    plan = await run(plan_create, workspace, options)
    on_plan(plan)
    if plan.exists:
        digest = canonical_digest(read_project_file(plan.body.packed.unpack()))
        return CreateReport(plan, Outcome.UNCHANGED, digest, (), "")
    if not options.allow_loss:
        refuse_without_leave(plan.losses, what=plan.sentence, mend="add --allow-loss to accept that")
    await workspace.vault(create=True)  # a vault that cannot be opened is known before anything is imported
    outcome = await import_and_prove(
        workspace, plan.resource, plan.project, plan.body, replaces=False, api_version=plan.api_version, run=run
    )
    item = RunItem(
        resource=plan.resource,
        project=plan.project,
        outcome=Outcome.CREATED,
        detail=f"from {', '.join(options.seeds) or 'its definition'}",
    )
    record_key = await record_import(workspace, "create", started_at, item, outcome, run=run)
    return CreateReport(plan, Outcome.CREATED, outcome.digest, outcome.warnings, record_key)


async def plan_create(workspace: Workspace, options: CreateOptions) -> CreatePlan:
    """Read the seeds, build the project file, look whether the project exists; changes nothing."""
    target = parse_target(options.target)
    if target.project is None:
        raise UsageError(f"{options.target!r} names no project", mend="write RESOURCE/PROJECT")
    definition = ProjectDefinition(
        name=target.project,
        kind=options.kind,
        language=options.language,
        multilingual=options.multilingual,
        description=options.description,
        confidence_threshold=options.confidence_threshold,
    )
    client = await workspace.client(target.resource)
    seeded = await _build(definition, options)
    where = f"{target.resource}/{target.project}"
    findings = validate_project_file(seeded.file)
    if errors := tuple(finding for finding in findings if finding.severity is Severity.ERROR):
        raise NotImportable(where, errors)
    exists = await client.project_exists(target.project)
    version = await client.transfer_version()
    fitted = fit_project_file(seeded.file, version, source=where)
    if exists:
        exported = await client.export_project(target.project, timeout=workspace.settings.backup.job_timeout)
        _refuse_other_content(where, fitted.file, read_project_file(exported.data, source=f"export of {where}"))
    body = Body.of(fitted.file)
    return CreatePlan(target.resource, target.project, body, exists, seeded.notes, findings, version, fitted.losses)


async def _build(definition: ProjectDefinition, options: CreateOptions) -> SeedPlan:
    base: ProjectFile | None = None
    utterances: list[SeedUtterance] = []
    for path in options.seeds:
        data = await asyncio.to_thread(read_file, path)
        suffix = next((ending for ending in _ROWS if path.lower().removesuffix(".gz").endswith(ending)), None)
        if suffix is not None:
            utterances += _ROWS[suffix](data, source=path)
        elif base is None:
            base = read_project_file(data, source=path)
        else:
            raise UsageError(f"{path}: a second project file", mend="give one project file, and rows as CSV or JSONL")
    return build_project_file(definition, base=base, schema=await _schema(options.schema_file), utterances=utterances)


async def _schema(path: str | None) -> Schema | None:
    return read_schema(await asyncio.to_thread(read_file, path), source=path) if path is not None else None


def _refuse_other_content(where: str, meant: ProjectFile, found: ProjectFile) -> None:
    difference = diff_project_files(found, meant)
    if difference:
        raise ProjectExists(
            f"{where} exists with other content, nothing was changed: {summary(difference)}",
            mend="choose another name, or put the seeds in its place with `cluvault restore FILE --if-exists replace`",
        )
