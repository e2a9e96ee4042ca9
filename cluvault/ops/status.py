"""status: look at every resource and at the vault, say and announce what is not as it should be. Nothing is changed."""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from cluvault.errors import CluvaultError
from cluvault.ops.fanout import at_once
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.status import Status, VaultFacts, judge_status
from cluvault.plan.status_events import status_events
from cluvault.plan.status_facts import (
    LiveDeployment,
    LiveDetail,
    LiveModel,
    LiveProject,
    ResourceFacts,
    RunHistory,
    fold_history,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from cluvault.errors import VaultError
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.keys import SnapshotKey
    from cluvault.plan.status_alarm import Alarm
    from cluvault.plan.status_facts import Place, ProjectHistory
    from cluvault.service.client import CluClient
    from cluvault.service.models import Project
    from cluvault.vault.vault import Vault

_RESOURCES_AT_ONCE: Final = 8
_DETAILS_AT_ONCE: Final = 4
_MOST_RECORDS: Final = 5000


class StatusOptions(BaseModel):
    """What to look at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resources: tuple[str, ...] = Field(default=(), description="Configured resources; none means all.")
    offline: bool = Field(default=False, description="Only read the vault; ask no resource anything.")
    deep: bool = Field(
        default=False,
        description="Ask for the models and deployments of each project, too: two calls for each of them.",
    )
    urgent_only: bool = Field(
        default=False,
        description="Fail for, and tell of, only what cannot wait until tomorrow; everything is shown.",
    )
    deep_most: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=200, description="With deep: ask for the details of at most so many projects of a resource."
    )

    @field_validator("deep")
    @classmethod
    def _asks_somebody(cls, deep: bool, info: ValidationInfo) -> bool:  # noqa: FBT001  # pydantic calls it
        if deep and info.data.get("offline"):
            raise ValueError("details come from the resources, which offline does not ask")
        return deep


class StatusAlarm(CluvaultError):
    """Something is not as it should be; the status says what."""

    def __init__(self, status: Status, *, urgent_only: bool = False) -> None:
        first, *others = alarms_to_tell(status, urgent_only=urgent_only)
        more = f" (and {len(others)} more)" if others else ""
        super().__init__(f"status: {first}{more}")
        self.status = status


def alarms_to_tell(status: Status, *, urgent_only: bool) -> tuple[Alarm, ...]:
    """The alarms, or those of them that cannot wait until tomorrow."""
    return tuple(alarm for alarm in status.alarms if alarm.is_urgent or not urgent_only)


async def status(workspace: Workspace, options: StatusOptions, *, run: Runner = run_directly) -> Status:
    """Look, judge, and announce what is overdue and which last days are near. Raises what `look` does."""
    found = await look(workspace, options, run=run)
    workspace.announce(status_events(found, run_id=workspace.new_run_id(), urgent_only=options.urgent_only))
    return found


async def look(workspace: Workspace, options: StatusOptions, *, run: Runner = run_directly) -> Status:
    """Look and judge, and tell nobody. A resource that does not answer is an alarm of the status, not the end.

    Costs a list call for each page of projects, one for each kind of project, and a listing of the vault; manifests
    come from the cache where there is one.

    Raises:
        ConfigurationError: a resource is not configured, or none is.
        NotAVault: there is no vault, and nothing else is to be looked at.
        VaultError: the vault cannot be read.
    """
    resources, vault = await survey(workspace, options, run=run)
    return judge_status(resources, vault, settings=workspace.settings.status, now=workspace.now())


async def survey(
    workspace: Workspace, options: StatusOptions, *, run: Runner = run_directly
) -> tuple[list[ResourceFacts], VaultFacts]:
    """What the resources say and what the vault holds. Raises what `look` does."""
    resources = workspace.settings.chosen_resources(options.resources, so="there is no status")

    async def ask(resource: str) -> ResourceFacts:
        if options.offline:
            return ResourceFacts(resource)
        try:
            return await run(survey_resource, workspace, resource, deep_most=options.deep_most if options.deep else 0)
        except CluvaultError as err:
            return ResourceFacts(resource, problem=str(err))

    vault = await run(survey_history, workspace, resources, required=options.offline)
    return await at_once(resources, ask, concurrency=_RESOURCES_AT_ONCE), vault


async def survey_resource(workspace: Workspace, resource: str, *, deep_most: int = 0) -> ResourceFacts:
    """What a resource says of its projects; details of at most `deep_most` of them.

    Its list does not say which projects were ever trained: the service leaves these times out at will.

    Raises:
        CluvaultError: the resource does not answer, or cannot be signed in to.
    """
    client = await workspace.client(resource)
    listed = [one async for one in client.list_projects()]
    notes: list[str] = []
    details = await _details(client, listed[:deep_most], notes)
    if deep_most and (left := len(listed) - deep_most) > 0:
        notes.append(f"{resource}: {left} projects were not asked for their models and deployments")
    projects = tuple(
        LiveProject(one.name, one.created_at, one.last_modified_at, details.get(one.name)) for one in listed
    )
    expiry = await _config_expiry(client, sorted({one.kind for one in listed if one.kind}), notes)
    return ResourceFacts(resource, projects, config_expiry=expiry, notes=tuple(notes))


async def _details(client: CluClient, projects: Sequence[Project], notes: list[str]) -> dict[str, LiveDetail]:
    """Models and deployments by project; one that does not tell is a note."""
    found: dict[str, LiveDetail] = {}

    async def ask(project: Project) -> None:
        try:
            found[project.name] = await _detail(client, project.name)
        except CluvaultError as err:
            notes.append(f"{project.name}: models and deployments are not known: {err}")

    await at_once(projects, ask, concurrency=_DETAILS_AT_ONCE)
    return found


async def _detail(client: CluClient, project: str) -> LiveDetail:
    models = [LiveModel(one.label, one.last_trained_at, one.expires_on) async for one in client.list_models(project)]
    deployments = [
        LiveDeployment(one.name, one.model_label or None, one.expires_on)
        async for one in client.list_deployments(project)
    ]
    return LiveDetail(tuple(models), tuple(deployments))


async def _config_expiry(client: CluClient, kinds: Sequence[str], notes: list[str]) -> dict[str, date]:
    """Training configuration → the last day of its models; a kind of project that has none is a note."""
    found: dict[str, date] = {}
    for kind in kinds:
        try:
            async for one in client.list_training_config_versions(kind=kind):
                if one.models_expire_on is not None:
                    found[one.name] = one.models_expire_on
        except CluvaultError as err:
            notes.append(f"last days of models of {kind} projects are not known: {err}")
    return found


# --- the vault -----------------------------------------------------------------------------------------------------


async def survey_history(workspace: Workspace, resources: Sequence[str], *, required: bool = False) -> VaultFacts:
    """What the vault knows of some resources; nothing when there is none, unless it is required.

    Raises:
        NotAVault: there is none, and it is required.
        VaultError: it cannot be read.
    """
    if not required and not await workspace.has_vault():
        return VaultFacts({}, {}, RunHistory())
    vault = await workspace.vault()
    histories: dict[Place, ProjectHistory] = {}
    unreadable: dict[Place, tuple[str, ...]] = {}
    for resource in resources:
        await _read_histories(workspace, vault, resource, histories, unreadable)
    known = set(workspace.settings.resources)
    strangers = tuple(name for name in await vault.resources() if name not in known)
    return VaultFacts(histories, unreadable, await _read_runs(workspace, vault), strangers)


async def _read_histories(
    workspace: Workspace,
    vault: Vault,
    resource: str,
    histories: dict[Place, ProjectHistory],
    unreadable: dict[Place, tuple[str, ...]],
) -> None:
    cutoff = workspace.now() - timedelta(hours=workspace.settings.status.of(resource).size_window_hours)

    def on_fault(key: SnapshotKey, error: VaultError) -> None:
        place = key.resource, key.project
        unreadable[place] = (*unreadable.get(place, ()), str(error))

    async with aclosing(vault.batches(resource=resource, on_fault=on_fault)) as batches:
        async for batch in batches:
            place = batch[0].resource, batch[0].project
            histories[place] = fold_history(histories.get(place), batch, cutoff=cutoff)


async def _read_runs(workspace: Workspace, vault: Vault) -> RunHistory:
    """The records of the last weeks, or the last thousands of them."""
    runs = RunHistory()
    begin = workspace.now() - timedelta(days=workspace.settings.status.history_days)
    async with aclosing(vault.runs.newest_first()) as records:
        number = 0
        async for record in records:
            if record.started_at < begin or number == _MOST_RECORDS:
                break
            runs.add(record)
            number += 1
    return runs
