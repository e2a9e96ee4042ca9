"""The Prefect server's side of a deploy: what it holds of the kinds that are deployed, and how a change is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast
from uuid import UUID

from prefect.client.schemas.actions import (
    DeploymentScheduleCreate,
    DeploymentUpdate,
    WorkPoolCreate,
    WorkPoolUpdate,
)
from prefect.client.schemas.filters import FlowFilter, FlowFilterId
from prefect.client.schemas.objects import ConcurrencyOptions
from prefect.client.schemas.schedules import SCHEDULE_TYPES
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from pydantic import TypeAdapter

from cluvault.errors import ConfigurationError
from cluvault.plan.deploy import ServerObject
from deployments.desired import MADE_BY, PREFIX, TAG, actions_with_ids, automation_fields
from deployments.source import LIMIT_PREFIXES
from tasks.blocks import BLOCK_TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.events.schemas.automations import Automation

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.deploy import Change, DeployPlan

_PAGE: Final = 200


class Server:
    """A Prefect server, read once and then changed object by object.

    Args:
        client: Connected.
        pool: The work pool that is wanted; other pools are nobody's business here.
    """

    def __init__(self, client: PrefectClient, *, pool: str | None) -> None:
        self._client = client
        self._pool = pool
        self._ids: dict[tuple[str, str], UUID] = {}
        self._flows: dict[str, UUID] = {}

    async def read(self) -> list[ServerObject]:
        """Everything of these kinds that is there, whoever made it."""
        return [
            *await self._pools(),
            *await self._block_types(),
            *await self._limits(),
            *await self._deployments(),
            *await self._automations(),
        ]

    async def apply(self, plan: DeployPlan, *, on_done: Callable[[Change], None] = lambda _: None) -> None:
        """Carry a plan out, in its order; what was done before a failure stays done, and the next run goes on."""
        for change in plan.work:
            if change.action == "remove":
                await self._remove(change)
            else:
                wanted = plan.desired[change.kind, change.name]
                await self._put(wanted)
            on_done(change)

    async def _pools(self) -> list[ServerObject]:
        if self._pool is None:
            return []
        try:
            found = await self._client.read_work_pool(self._pool)
        except ObjectNotFound:
            return []
        fields: dict[str, Any] = {
            "type": found.type,
            "description": found.description,
            "base_job_template": found.base_job_template,
        }
        return [ServerObject("work pool", found.name, fields, is_ours=(found.description or "").startswith(MADE_BY))]

    async def _block_types(self) -> list[ServerObject]:
        found: list[ServerObject] = []
        for slug in BLOCK_TYPES:
            try:
                block_type = await self._client.read_block_type_by_slug(slug)
                schema = await self._client.get_most_recent_block_schema_for_block_type(block_type.id)
            except ObjectNotFound:
                continue
            found.append(ServerObject("block type", slug, {"schema": schema.checksum if schema else None}))
        return found

    async def _limits(self) -> list[ServerObject]:
        found: list[ServerObject] = []
        while page := await self._client.read_global_concurrency_limits(limit=_PAGE, offset=len(found)):
            found += [
                ServerObject(
                    "limit",
                    one.name,
                    {"limit": one.limit, "slot_decay_per_second": one.slot_decay_per_second},
                    is_ours=one.name.startswith(LIMIT_PREFIXES),
                )
                for one in page
            ]
            if len(page) < _PAGE:
                break
        return found

    async def _deployments(self) -> list[ServerObject]:
        found: list[ServerObject] = []
        while page := await self._client.read_deployments(limit=_PAGE, offset=len(found)):
            wanted = FlowFilter(id=FlowFilterId(any_=list({one.flow_id for one in page})))
            flows = {one.id: one.name for one in await self._client.read_flows(flow_filter=wanted, limit=_PAGE)}
            self._flows |= {name: identifier for identifier, name in flows.items()}
            for one in page:
                name = f"{flows[one.flow_id]}/{one.name}"
                self._ids["deployment", name] = one.id
                found.append(ServerObject("deployment", name, _deployment_fields(one), is_ours=TAG in one.tags))
            if len(page) < _PAGE:
                break
        return found

    async def _automations(self) -> list[ServerObject]:
        automations: list[Automation] = []
        while page := await self._client.read_automations(limit=_PAGE, offset=len(automations)):
            automations += page
            if len(page) < _PAGE:
                break
        names = {str(identifier): name for (kind, name), identifier in self._ids.items() if kind == "deployment"}
        for block in {block for one in automations for block in _blocks_of(one)}:
            names[block] = await self._block_name(block)
        for one in automations:
            self._ids["automation", one.name] = one.id
        return [
            ServerObject("automation", one.name, automation_fields(one, names), is_ours=one.name.startswith(PREFIX))
            for one in automations
        ]

    async def _block_name(self, identifier: str) -> str:
        try:
            found = await self._client.read_block_document(UUID(identifier), include_secrets=False)
        except ObjectNotFound:
            return identifier
        slug = found.block_type.slug if found.block_type is not None else ""
        return f"{slug}/{found.name}"

    async def _put(self, wanted: ServerObject) -> None:
        match wanted.kind:
            case "work pool":
                await self._put_pool(wanted)
            case "block type":
                await cast("Any", BLOCK_TYPES[wanted.name]).aregister_type_and_schema(client=self._client)
            case "limit":
                await self._put_limit(wanted)
            case "deployment":
                await self._put_deployment(wanted)
            case "automation":
                await self._put_automation(wanted)

    async def _put_pool(self, wanted: ServerObject) -> None:
        fields = wanted.fields
        if await self._pools():
            changed = {name: value for name, value in fields.items() if name != "type"}
            await self._client.update_work_pool(wanted.name, WorkPoolUpdate(**changed))
        else:
            await self._client.create_work_pool(WorkPoolCreate(name=wanted.name, **fields))

    async def _put_limit(self, wanted: ServerObject) -> None:
        fields = wanted.fields
        await self._client.upsert_global_concurrency_limit_by_name(
            wanted.name, fields["limit"], fields["slot_decay_per_second"]
        )

    async def _put_deployment(self, wanted: ServerObject) -> None:
        key = ("deployment", wanted.name)
        values = _deployment_values(wanted.fields)
        if key not in self._ids:
            flow, _, name = wanted.name.partition("/")
            if flow not in self._flows:
                self._flows[flow] = await self._client.create_flow_from_name(flow)
            self._ids[key] = await self._client.create_deployment(self._flows[flow], name, **values)
            return
        values["schedules"] = [one.model_dump(exclude_unset=True) for one in values["schedules"]]
        await self._client.update_deployment(self._ids[key], DeploymentUpdate(**values))
        wanted_slugs = cast("dict[str, Any]", wanted.fields["schedules"]).keys()
        for schedule in await self._client.read_deployment_schedules(self._ids[key]):
            if schedule.slug not in wanted_slugs:
                await self._client.delete_deployment_schedule(self._ids[key], schedule.id)

    async def _put_automation(self, wanted: ServerObject) -> None:
        actions = cast("list[JsonObject]", wanted.fields["actions"])
        for action in actions:
            if isinstance(block := action.get("block_document_id"), str):
                self._ids["block", block] = await self._block_id(block, wanted.name)
        missing = [
            name
            for action in actions
            if isinstance(name := action.get("deployment_id"), str) and ("deployment", name) not in self._ids
        ]
        if missing:
            raise ConfigurationError(
                f"{wanted.name}: starts {missing[0]}, which is not deployed", mend="deploy that as well"
            )
        values: dict[str, Any] = {
            "name": wanted.name,
            **wanted.fields,
            "actions": actions_with_ids(wanted.fields, self._ids),
        }
        core = AutomationCore.model_validate(values)
        if known := self._ids.get(("automation", wanted.name)):
            await self._client.update_automation(known, core)
        else:
            self._ids["automation", wanted.name] = await self._client.create_automation(core)

    async def _block_id(self, named: str, wanted_by: str) -> UUID:
        slug, _, name = named.partition("/")
        try:
            return (await self._client.read_block_document_by_name(name, slug, include_secrets=False)).id
        except ObjectNotFound:
            raise ConfigurationError(
                f"{wanted_by}: the Prefect server has no block {named!r}",
                mend="create it in the Prefect UI, then deploy again; prefect.notify names it as type/name",
            ) from None

    async def _remove(self, change: Change) -> None:
        match change.kind:
            case "deployment":
                await self._client.delete_deployment(self._ids["deployment", change.name])
            case "automation":
                await self._client.delete_automation(self._ids["automation", change.name])
            case "limit":
                await self._client.delete_global_concurrency_limit_by_name(change.name)
            case _:  # only those that are wanted are read
                raise AssertionError(change)


def _deployment_fields(found: DeploymentResponse) -> JsonObject:
    limit = found.global_concurrency_limit
    options = found.concurrency_options
    concurrency: dict[str, Any] | None = None
    if limit is not None:
        chosen = options.model_dump(mode="json", exclude_none=True) if options is not None else {}
        concurrency = {"limit": limit.limit, **chosen}
    fields: dict[str, Any] = {
        "entrypoint": found.entrypoint,
        "version": found.version,
        "description": found.description or "",
        "tags": sorted(found.tags),
        "parameters": found.parameters,
        "parameter_openapi_schema": found.parameter_openapi_schema,
        "enforce_parameter_schema": found.enforce_parameter_schema,
        "concurrency": concurrency,
        "schedules": {
            one.slug or str(one.id): one.schedule.model_dump(mode="json")
            | {"active": one.active, "parameters": one.parameters}
            for one in found.schedules
        },
        "work_pool": found.work_pool_name,
        "job_variables": found.job_variables,
        "pull_steps": found.pull_steps or [],
    }
    return fields


def _deployment_values(fields: JsonObject) -> dict[str, Any]:
    """The arguments of Prefect's client; `paused` is not among them: who paused a deployment meant it."""
    values = dict(fields)
    concurrency = cast("dict[str, Any]", values.pop("concurrency") or {})
    values["concurrency_limit"] = concurrency.get("limit")
    options = {name: value for name, value in concurrency.items() if name != "limit"}
    values["concurrency_options"] = ConcurrencyOptions.model_validate(options) if options else None
    values["work_pool_name"] = values.pop("work_pool")
    values["schedules"] = [_schedule(slug, one) for slug, one in values.pop("schedules").items()]
    return values


def _schedule(slug: str, fields: dict[str, Any]) -> DeploymentScheduleCreate:
    timing: Any = {name: value for name, value in fields.items() if name not in ("active", "parameters")}
    return DeploymentScheduleCreate(
        slug=slug,
        active=fields["active"],
        parameters=fields["parameters"],
        schedule=TypeAdapter[Any](SCHEDULE_TYPES).validate_python(timing),
    )


def _blocks_of(automation: Automation) -> list[str]:
    found = [getattr(action, "block_document_id", None) for action in automation.actions]
    return [str(one) for one in found if one is not None]
