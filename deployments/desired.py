"""What the server should hold, as plain values: from the files, an environment and the installed flows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import NAMESPACE_URL, UUID, uuid5

from prefect.events.schemas.automations import AutomationCore
from prefect.utilities.callables import parameter_schema
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from cluvault import __version__
from cluvault.errors import ConfigurationError
from cluvault.plan.deploy import ServerObject, merged
from deployments.source import (
    AutomationFile,
    Entry,
    PoolType,
    check_names,
    overridden,
    read_automations,
    read_entries,
    read_environment,
    read_pool,
)
from tasks.blocks import BLOCK_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefect import Flow
    from prefect.blocks.core import Block

    from cluvault.model.json_text import JsonObject

TAG: Final = "managed-by-cluvault"
"""The tag of deployments that `cluvault deploy` made."""
PREFIX: Final = "cluvault: "
"""How the names of its automations begin."""
MADE_BY: Final = "Made by cluvault deploy."
"""How the description of its work pool begins."""
NOTIFY: Final = "notify"
"""In an automation's action: the block that the configuration names as prefect.notify."""
_UNORDERED: Final = {"after", "expect", "for_each"}


class DeployOptions(BaseModel):
    """What to deploy, and how it runs.

    Attributes:
        pool: The work pool; None when `cluvault serve` runs the deployments itself.
        image: Of the containers; not for process workers.
        environment: A name or a file.
        notify: The notification block that automations use, such as `slack-webhook/ops`.
        only: Names or kinds to which it is limited.
        adopt: Whether objects that somebody else made under the same names are taken over.
    """

    model_config = ConfigDict(frozen=True)

    pool: str | None = "cluvault"
    pool_type: PoolType = "process"
    image: str | None = None
    environment: str | None = None
    notify: str | None = None
    only: tuple[str, ...] = ()
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted.

    Attributes:
        left_out: Automations that only notify, while nobody is to be notified.
        switched_off: Automations that start what the environment leaves out.
    """

    objects: tuple[ServerObject, ...]
    entries: tuple[Entry, ...]
    left_out: tuple[str, ...]
    switched_off: tuple[str, ...] = ()


def build_desired(options: DeployOptions) -> Desired:
    """Everything that the files say, for these options.

    Raises:
        ConfigurationError: a file is malformed, or names what is not there.
    """
    environment = read_environment(options.environment)
    every = read_entries()
    check_names(environment, every)
    entries = tuple(one for entry in every if (one := overridden(entry, environment)) is not None)
    automations = [*read_automations(), *(one for entry in entries for one in _triggers(entry))]
    known = {entry.full_name for entry in entries}
    wanted = [one for one in (_with_actions(file, options, known) for file in automations) if one is not None]
    there = {file.name for file in wanted}
    missing = [file for file in automations if PREFIX + file.name not in there]
    left_out = {PREFIX + one.name for one in missing if all("block" in action for action in one.actions)}
    objects = [
        *_pool(options),
        *(ServerObject("block type", slug, {"schema": schema_checksum(block)}) for slug, block in BLOCK_TYPES.items()),
        *(ServerObject("limit", name, one.model_dump()) for name, one in environment.limits.items()),
        *(deployment_object(entry, options) for entry in entries),
        *(automation_object(file) for file in wanted),
    ]
    switched_off = {PREFIX + one.name for one in missing} - left_out
    return Desired(tuple(objects), entries, tuple(sorted(left_out)), tuple(sorted(switched_off)))


def flow_of(entry: Entry) -> Flow[..., Any]:
    """The flow that a deployment runs.

    Raises:
        ConfigurationError: there is none.
    """
    module, _, function = entry.entrypoint.partition(":")
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError) as err:
        raise ConfigurationError(f"prefect.yaml, {entry.name}: no flow at {entry.entrypoint}: {err}") from err
    return cast("Flow[..., Any]", found)


def check_parameters(entry: Entry, flow: Flow[..., Any]) -> None:
    """Hold what a deployment gives against the flow's own model; what is missing is for the caller.

    Raises:
        ConfigurationError: the first fault.
    """
    for name, value in entry.parameters.items():
        annotation = flow.fn.__annotations__.get(name)
        if annotation is None:
            raise ConfigurationError(f"{entry.full_name}: the flow has no parameter {name!r}")
        resolved: Any = getattr(import_module(flow.fn.__module__), annotation, annotation)
        try:
            TypeAdapter[object](resolved).validate_python(value)
        except ValidationError as err:
            fault = err.errors(include_url=False, include_input=False)[0]
            place = ".".join(["parameters", name, *(str(one) for one in fault["loc"])])
            raise ConfigurationError(f"{entry.full_name}: at {place}: {fault['msg']}") from err


def deployment_object(entry: Entry, options: DeployOptions) -> ServerObject:
    """A deployment with all that is compared; its code is installed, so nothing is pulled and no path is in it."""
    flow = flow_of(entry)
    check_parameters(entry, flow)
    limit = entry.concurrency_limit
    image: JsonObject = {"image": options.image} if options.image else {}
    schedules = {
        one.slug: one.timing() | {"active": one.active, "parameters": one.parameters} for one in entry.schedules
    }
    fields: dict[str, Any] = {
        "entrypoint": entry.entrypoint.replace(":", "."),  # a dotted one is imported; Prefect copies files for others
        "version": __version__,
        "description": entry.description,
        "tags": sorted({*entry.tags, TAG}),
        "parameters": entry.parameters,
        "parameter_openapi_schema": _parameter_schema(flow),
        "enforce_parameter_schema": entry.enforce_parameter_schema,
        "concurrency": limit.model_dump(mode="json", exclude_none=True) if limit is not None else None,
        "schedules": schedules,
        "work_pool": options.pool,
        "job_variables": merged(entry.work_pool.job_variables, image) if options.pool else {},
        "pull_steps": [],
    }
    return ServerObject("deployment", entry.full_name, fields)


@cache
def _parameter_schema(flow: Flow[..., Any]) -> JsonObject:
    """What the server checks parameters by; several deployments share a flow."""
    return parameter_schema(flow).model_dump(mode="json", exclude_unset=True)


def automation_object(file: AutomationFile) -> ServerObject:
    """An automation, checked by Prefect's own model.

    Raises:
        ConfigurationError: Prefect does not take it.
    """
    values = file.model_dump() | {"actions": [_with_ids(action) for action in file.actions]}
    names = {
        str(_stand_in(kind, action[kind])): action[kind]
        for action in file.actions
        for kind in _REFERENCES
        if kind in action
    }
    try:
        core = AutomationCore.model_validate(values)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in fault["loc"])
        raise ConfigurationError(f"automation {file.name!r}: at {place}: {fault['msg']}") from err
    return ServerObject("automation", file.name, automation_fields(core, names))


_REFERENCES: Final = {"block": "block_document_id", "deployment": "deployment_id"}


def automation_fields(core: AutomationCore, names: Mapping[str, str]) -> JsonObject:
    """What is compared of an automation: names instead of ids, and no order where none is meant."""
    dumped = core.model_dump(mode="json", include={"description", "enabled", "trigger", "actions"})
    return cast("JsonObject", _plain(dumped, names))


def actions_with_ids(fields: JsonObject, ids: Mapping[tuple[str, str], UUID]) -> list[JsonObject]:
    """The actions of an automation's fields with ids instead of names."""
    found: list[JsonObject] = []
    for action in cast("list[JsonObject]", fields["actions"]):
        real = dict(action)
        for kind, key in _REFERENCES.items():
            if isinstance(name := action.get(key), str):
                real[key] = str(ids[kind, name])
        found.append(real)
    return found


def _plain(value: Any, names: Mapping[str, str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _plain(one, names, name) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        plain = [_plain(one, names) for one in cast("list[Any]", value)]
        return sorted(plain) if key in _UNORDERED else plain
    return names.get(value, value) if key in _REFERENCES.values() else value


def _with_ids(action: JsonObject) -> JsonObject:
    """An action that Prefect's model takes: each name is replaced by an id that is made from it."""
    real = {name: value for name, value in action.items() if name not in _REFERENCES}
    return real | {key: str(_stand_in(kind, action[kind])) for kind, key in _REFERENCES.items() if kind in action}


def _stand_in(kind: str, name: object) -> UUID:
    return uuid5(NAMESPACE_URL, f"cluvault:{kind}:{name}")


def _with_actions(file: AutomationFile, options: DeployOptions, known: set[str]) -> AutomationFile | None:
    """The automation with the user's notification block; without one, and with nothing else to do, none."""
    actions: list[JsonObject] = []
    for action in file.actions:
        if action.get("block") == NOTIFY:
            if options.notify is None:
                continue
            actions.append(action | {"block": options.notify})
        elif action.get("deployment", "") and action["deployment"] not in known:
            continue  # this environment has it switched off
        else:
            actions.append(action)
    return file.model_copy(update={"name": PREFIX + file.name, "actions": tuple(actions)}) if actions else None


def _triggers(entry: Entry) -> Iterator[AutomationFile]:
    """The automations that prefect.yaml writes as a deployment's triggers."""
    for number, trigger in enumerate(entry.triggers, start=1):
        action = {
            "type": "run-deployment",
            "source": "selected",
            "deployment": entry.full_name,
            "parameters": trigger.parameters,
            "job_variables": trigger.job_variables,
            "schedule_after": trigger.schedule_after.total_seconds(),
        }
        yield AutomationFile(
            name=f"{entry.full_name} {trigger.name or number}",
            description=trigger.description,
            enabled=trigger.enabled,
            trigger=trigger.trigger_type(**trigger.model_dump()).model_dump(),
            actions=(action,),
        )


def _pool(options: DeployOptions) -> Sequence[ServerObject]:
    if options.pool is None:
        return ()
    fields: dict[str, Any] = {
        "type": options.pool_type,
        "description": f"{MADE_BY} Runs cluvault's flows.",
        "base_job_template": read_pool(options.pool_type),
    }
    return (ServerObject("work pool", options.pool, fields, is_shared=True, fixed=frozenset({"type"})),)


def schema_checksum(block: type[Block]) -> str:
    """By which the server knows a version of a block type."""
    return block._calculate_schema_checksum()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # there is no other
