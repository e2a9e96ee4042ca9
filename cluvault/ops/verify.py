"""verify: is everything there that the vault promises? By names and sizes, byte for byte, or by restoring it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cluvault.errors import DamagedSnapshot, VaultError
from cluvault.model.reference import SnapshotReference
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.catalogue import snapshot_reference
from cluvault.ops.drill import drill_snapshot
from cluvault.ops.examine import ProjectCheck, ProjectScope, Survey, check_project, survey_vault
from cluvault.ops.fanout import at_once, for_each, ignore
from cluvault.ops.repair import Repair, repair_contents
from cluvault.ops.report import Report, counted, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.verify import DAMAGE, Finding, FindingKind, exit_code

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import SnapshotKey

_PROJECTS_AT_ONCE: Final = 4


class VerifyOptions(BaseModel):
    """What to verify, and how thoroughly."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    references: tuple[str, ...] = Field(default=(), description="Snapshots; none means the whole vault.")
    read_data: bool = Field(default=False, description="Read every byte, not only names and sizes.")
    repair: bool = Field(default=False, description="Put damaged contents back where the same bytes are known.")
    source: str = Field(default="", description="With repair: the URL of a second copy of the vault.")
    drill: str = Field(
        default="",
        description="A configured resource: restore each snapshot (by default the latest of each project) there into a "
        "scratch project, export it again, compare, delete it.",
    )
    environment: bool = Field(
        default=False,
        description="With drill: where a snapshot holds what was deployed, train and deploy all of it in the scratch "
        "project as well, and compare the scores.",
    )

    @field_validator("environment")
    @classmethod
    def _for_drills_only(cls, environment: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  # as pydantic calls it
        if environment and not info.data.get("drill"):
            raise ValueError("an environment is rebuilt with --drill only")
        return environment

    @field_validator("source")
    @classmethod
    def _for_repair_only(cls, source: str, info: ValidationInfo) -> str:
        if source and not info.data.get("repair"):
            raise ValueError("bytes are taken from another vault with --repair only")
        return source


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found and done.

    Attributes:
        checks: What was seen of each project.
        strangers: What no vault writes, and records that cannot be understood.
        read_data: Whether every byte was read.
        run: The record of it; None when none could be written.
        drill: The restore drills; None when none was asked for.
        unrecorded: Why there is no record: whoever may only read can verify all the same.
    """

    checks: tuple[ProjectCheck, ...]
    strangers: tuple[Finding, ...]
    read_data: bool
    repairs: tuple[Repair, ...] = ()
    run: Report | None = None
    drill: Report | None = None
    unrecorded: str = ""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, damage first."""
        found = [*(finding for check in self.checks for finding in check.findings), *self.strangers]
        order = list(FindingKind)
        return tuple(sorted(found, key=lambda one: order.index(one.kind)))

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """The findings that were not settled by a repair; manifests may disagree about a key, then all have to be."""
        settled = {one.key for one in self.repairs} - {one.key for one in self.repairs if not one.is_settled}
        return tuple(one for one in self.findings if one.content is None or one.key not in settled)

    @property
    def exit_code(self) -> int:
        """5 for damage that is left, or that a drill met; 2 for what is too new; else that of the drill."""
        if self.drill is not None and any(item.outcome == Outcome.DAMAGED for item in self.drill.items):
            return DamagedSnapshot.exit_code
        return exit_code(self.open_findings) or (self.drill.exit_code if self.drill is not None else 0)

    @property
    def summary(self) -> str:
        """One line: how much was looked at, how, and what came of it."""
        snapshots = counted(sum(check.snapshots for check in self.checks), "snapshot")
        contents = counted(sum(check.contents for check in self.checks), "content")
        how = "every byte read" if self.read_data else "names and sizes checked, contents not read"
        counts = Counter(one.kind for one in self.findings)
        found = [f"{counts[kind]} {kind.value}" for kind in FindingKind if counts[kind] or kind in DAMAGE]
        if mended := sum(one.outcome is Outcome.REPAIRED for one in self.repairs):
            found.append(f"{mended} repaired")
        if sealed := sum(check.sealed for check in self.checks):
            found.append(f"{sealed} encrypted: without an identity only their stored bytes were checked")
        return f"{snapshots}, {contents}, {how}: {', '.join(found)}"

    def to_json(self) -> JsonObject:
        """The report for programs."""
        return {
            "snapshots": sum(check.snapshots for check in self.checks),
            "contents": sum(check.contents for check in self.checks),
            "bytesRead": sum(check.bytes_read for check in self.checks),
            "readData": self.read_data,
            "notOpened": sum(check.sealed for check in self.checks),
            "summary": self.summary,
            "findings": [one.to_json() for one in self.findings],
            "repairs": [one.to_json() for one in self.repairs],
            "record": self.run.record_key if self.run is not None else None,
            "unrecorded": self.unrecorded or None,
            "drill": self.drill.to_json() if self.drill is not None else None,
        }


class VerifyFailed(VaultError):
    """A snapshot or record is lost, cannot be judged or could not be restored; the report says which."""

    exit_code = DamagedSnapshot.exit_code

    def __init__(self, report: VerifyReport) -> None:
        grave = [one for one in report.open_findings if one.is_damage or one.kind is FindingKind.TOO_NEW]
        sentences = [f"{one.key} is {one.kind.value}: {one.problem}" for one in grave]
        if report.drill is not None:
            bad = [item for item in report.drill.items if item.outcome != Outcome.PROVEN]
            sentences += [f"drill of {item.resource}/{item.project} {item.outcome}: {item.detail}" for item in bad]
        more = f" (and {len(sentences) - 1} more)" if len(sentences) > 1 else ""
        super().__init__(f"verify: {sentences[0]}{more}")
        self.report = report


async def verify(
    workspace: Workspace,
    options: VerifyOptions,
    *,
    run: Runner = run_directly,
    on_survey: Callable[[Survey], None] = lambda _survey: None,
    on_checked: Callable[[ProjectCheck], None] = lambda _check: None,
    on_drilled: Callable[[RunItem], None] = ignore,
) -> VerifyReport:
    """Look, project by project; repair and drill if that is asked for; record.

    Raises:
        NotAVault: there is no vault.
        UsageError, SnapshotNotFound: a reference names no snapshot.
        ConfigurationError: the resource of the drill is not configured.
        StoreUnavailable, StorageDenied: something cannot be judged; that is not called damage.
    """
    started_at = workspace.now()
    if options.drill:
        workspace.settings.resource(options.drill)
    report = await look(workspace, options, run=run, on_survey=on_survey, on_checked=on_checked)
    damage = tuple(one for one in report.findings if one.is_damage and one.content is not None)
    if options.repair and damage:
        repairs = await run(repair_contents, workspace, damage, source=options.source)
        report = replace(report, repairs=repairs)
    resources = sorted({check.resource for check in report.checks})
    told = {"references": list(options.references), "readData": options.read_data}
    try:
        record = await run(finish_run, workspace, "verify", started_at, resources, _items(report), options=told)
        report = replace(report, run=record)
    except VaultError as err:
        report = replace(report, unrecorded=str(err))
    if options.drill:
        report = replace(report, drill=await _drill(workspace, options, report, run=run, on_done=on_drilled))
    return report


async def look(
    workspace: Workspace,
    options: VerifyOptions,
    *,
    run: Runner = run_directly,
    on_survey: Callable[[Survey], None] = lambda _survey: None,
    on_checked: Callable[[ProjectCheck], None] = lambda _check: None,
) -> VerifyReport:
    """Only look: nothing is changed, nothing written. Raises what `verify` does."""
    survey = await run(survey_vault, workspace, options.references)
    on_survey(survey)

    async def one(scope: ProjectScope) -> ProjectCheck:
        check = await run(check_project, workspace, scope, read_data=options.read_data)
        on_checked(check)
        return check

    checks = await at_once(survey.projects, one, concurrency=_PROJECTS_AT_ONCE)
    return VerifyReport(tuple(checks), survey.findings, read_data=options.read_data)


async def _drill(
    workspace: Workspace,
    options: VerifyOptions,
    report: VerifyReport,
    *,
    run: Runner,
    on_done: Callable[[RunItem], None],
) -> Report:
    """Drill the named snapshots, or the latest of each project; and record it.

    Raises:
        VaultError: the record cannot be written.
    """
    began = workspace.now()
    kept = [SnapshotReference(one.resource, one.project) for one in report.checks if one.snapshots]
    items = await for_each(
        options.references or tuple(map(str, kept)),
        lambda reference: run(drill_snapshot, workspace, options.drill, reference, environment=options.environment),
        concurrency=workspace.settings.backup.files_at_once,
        name=_place,
        on_done=on_done,
    )
    return await run(finish_run, workspace, "drill", began, [options.drill], items)


def _place(reference: str) -> tuple[str, str]:
    parsed = snapshot_reference(reference)
    return parsed.resource, parsed.project


def _items(report: VerifyReport) -> list[RunItem]:
    """What of a verification is recorded: each damage, what became of it, and how many of the harmless there are."""
    repairs = {one.key: one for one in report.repairs}
    items = [_item(one, *one.snapshots, repair=repairs.get(one.key)) for one in report.findings if one.snapshots]
    notes = Counter((one.kind, one.resource, one.project) for one in report.findings if not one.snapshots)
    items += [
        RunItem(resource=resource, project=project, outcome=kind.value, detail=f"{number} objects")
        for (kind, resource, project), number in notes.items()
    ]
    return items


def _item(finding: Finding, first: SnapshotKey, *others: SnapshotKey, repair: Repair | None) -> RunItem:
    more = f" (and {len(others)} more snapshots)" if others else ""
    detail = f"{finding.key}: {finding.problem}{more}"
    if repair is not None:
        detail += f"; {repair.outcome}: {repair.detail}"
    return RunItem(
        resource=finding.resource,
        project=finding.project,
        outcome=repair.outcome if repair is not None and repair.is_settled else finding.kind.value,
        snapshot_id=first.snapshot_id,
        detail=detail,
    )
