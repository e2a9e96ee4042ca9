"""Reads the files of this package, and the user's environment file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, cast
from zoneinfo import ZoneInfo, available_timezones

import yaml
from prefect.client.schemas.objects import ConcurrencyLimitConfig
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.events import DeploymentTriggerTypes
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator, model_validator

from cluvault.errors import ConfigurationError
from cluvault.plan.deploy import merged

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from cluvault.model.json_text import JsonObject

PoolType = Literal["process", "docker", "kubernetes"]
FILES: Final = files("deployments")
M = TypeVar("M", bound=BaseModel)

LIMIT_PREFIXES: Final = ("cluvault", "tag:cluvault")
"""Limits have no tags; their names say that they are cluvault's."""
_SCHEDULES: Final[Mapping[str, type[BaseModel]]] = {
    "cron": CronSchedule,
    "interval": IntervalSchedule,
    "rrule": RRuleSchedule,
}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)


class ScheduleEntry(_Strict):
    """When a deployment runs, in the words of prefect.yaml."""

    slug: str
    active: bool = True
    parameters: dict[str, Any] = Field(default_factory=dict)
    cron: str | None = None
    day_or: bool = True
    interval: float | None = None
    anchor_date: str | None = None
    rrule: str | None = None
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        return check_time_zone(value)

    @model_validator(mode="after")
    def _is_one_of_prefects(self) -> ScheduleEntry:
        if sum(one is not None for one in (self.cron, self.interval, self.rrule)) != 1:
            raise ValueError("should have exactly one of cron, interval and rrule")
        self.timing()
        return self

    def timing(self) -> JsonObject:
        """The schedule in Prefect's own form.

        Raises:
            ValueError: Prefect does not take it.
        """
        kind = "cron" if self.cron is not None else "interval" if self.interval is not None else "rrule"
        names = {"cron": {"cron", "day_or"}, "interval": {"interval", "anchor_date"}, "rrule": {"rrule"}}[kind]
        given = self.model_dump(include=names | {"timezone"}, exclude_none=True)
        try:
            return _SCHEDULES[kind].model_validate(given).model_dump(mode="json")
        except ValidationError as err:
            raise ValueError(err.errors()[0]["msg"].removeprefix("Value error, ")) from None


class PoolEntry(_Strict):
    """Where a deployment's runs are carried out."""

    name: str
    job_variables: dict[str, Any] = Field(default_factory=dict)


class Entry(_Strict):
    """One deployment of prefect.yaml."""

    name: str
    entrypoint: Annotated[str, StringConstraints(pattern=r"^[\w.]+:\w+$")]
    description: str = ""
    tags: tuple[str, ...] = ()
    parameters: dict[str, Any] = Field(default_factory=dict)
    enforce_parameter_schema: bool = True
    concurrency_limit: ConcurrencyLimitConfig | None = None
    schedules: tuple[ScheduleEntry, ...] = ()
    triggers: tuple[DeploymentTriggerTypes, ...] = ()
    work_pool: PoolEntry

    @property
    def flow(self) -> str:
        """The flow's name, which is its function's."""
        return self.entrypoint.partition(":")[2]

    @property
    def full_name(self) -> str:
        """As the server knows it: `backup/nightly`."""
        return f"{self.flow}/{self.name}"


class Override(_Strict):
    """What an environment says of one deployment; a concurrency limit is Prefect's, or `off`."""

    enabled: bool = True
    concurrency_limit: ConcurrencyLimitConfig | Literal["off"] | None = Field(default=None, alias="concurrency-limit")
    parameters: dict[str, Any] = Field(default_factory=dict)
    schedules: dict[str, dict[str, Any]] = Field(default_factory=dict)
    job_variables: dict[str, Any] = Field(default_factory=dict, alias="job-variables")


class Limit(_Strict):
    """A global concurrency limit; `tag:NAME` limits the task runs that have this tag."""

    limit: Annotated[int, Field(ge=0)]
    slot_decay_per_second: Annotated[float, Field(ge=0)] = Field(default=0.0, alias="slot-decay-per-second")


class Environment(_Strict):
    """How one environment differs from prefect.yaml.

    Attributes:
        time_zone: Of every schedule; each runs at its hour there.
        tags: That all its deployments have besides their own.
        job_variables: Of all its deployments.
        deployments: What is different, by name, with or without the flow's (`backup/nightly`, `nightly`).
        limits: Further global concurrency limits.
    """

    time_zone: str | None = Field(default=None, alias="time-zone")
    tags: tuple[str, ...] = ()
    job_variables: dict[str, Any] = Field(default_factory=dict, alias="job-variables")
    deployments: dict[str, Override] = Field(default_factory=dict)
    limits: dict[str, Limit] = Field(default_factory=dict)

    @field_validator("limits")
    @classmethod
    def _ours(cls, value: dict[str, Limit]) -> dict[str, Limit]:
        if not all(name.startswith(LIMIT_PREFIXES) for name in value):
            raise ValueError(f"a limit's name begins with {' or '.join(LIMIT_PREFIXES)}, which says who made it")
        return value

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return check_time_zone(value) if value is not None else None

    def of(self, entry: Entry) -> Override:
        """What it says of a deployment."""
        both = [self.deployments[name] for name in (entry.name, entry.full_name) if name in self.deployments]
        return both[-1] if both else Override()


class AutomationFile(_Strict):
    """A file of automations/: Prefect's own words, but blocks and deployments by their names."""

    name: str
    description: str = ""
    enabled: bool = True
    trigger: dict[str, Any]
    actions: tuple[dict[str, Any], ...]


def check_time_zone(name: str) -> str:
    """A time zone's name.

    Raises:
        ValueError: there is none of this name.
    """
    if name not in _time_zones():
        raise ValueError(f"{name!r} is no time zone; write one such as Europe/Berlin")
    return ZoneInfo(name).key


@cache
def _time_zones() -> frozenset[str]:
    """All names; to find them, Python opens every file of the zone database."""
    return frozenset(available_timezones())


@cache
def read_entries() -> tuple[Entry, ...]:
    """The deployments of prefect.yaml, which is part of the installed package."""
    document = cast("dict[str, Any]", _read_yaml(FILES / "prefect.yaml"))
    return tuple(_checked(Entry, one, f"prefect.yaml, {one.get('name')}") for one in document["deployments"])


@cache
def read_automations() -> tuple[AutomationFile, ...]:
    """Every file of automations/, in the order of their names."""
    found = sorted((FILES / "automations").iterdir(), key=lambda one: one.name)
    return tuple(_checked(AutomationFile, _read_yaml(one), one.name) for one in found if one.name.endswith(".yaml"))


def read_pool(pool_type: PoolType) -> JsonObject:
    """The base job template of a kind of pool."""
    return cast("JsonObject", _read_yaml(FILES / "pools" / f"{pool_type}.yaml"))


def environment_names() -> list[str]:
    """The environments that cluvault brings along."""
    return sorted(one.name.removesuffix(".yaml") for one in (FILES / "environments").iterdir())


def read_environment(named: str | None) -> Environment:
    """An environment that cluvault brings along, by name, or the user's own, by path.

    Raises:
        ConfigurationError: there is none, or it is malformed.
    """
    if named is None:
        return Environment()
    if named in environment_names():
        return _checked(Environment, _read_yaml(FILES / "environments" / f"{named}.yaml"), named)
    path = Path(named).expanduser()
    if not path.is_file():
        known = ", ".join(environment_names())
        raise ConfigurationError(
            f"environment {named!r} is neither a file nor one of {known}", mend="name a YAML file, such as ./prod.yaml"
        )
    return _checked(Environment, _read_yaml(path), str(path))


def overridden(entry: Entry, environment: Environment) -> Entry | None:
    """A deployment as it is in an environment; None when it is not there.

    Raises:
        ConfigurationError: the environment names a schedule that the deployment does not have.
    """
    over = environment.of(entry)
    if not over.enabled:
        return None
    slugs = {one.slug for one in entry.schedules}
    if unknown := over.schedules.keys() - slugs:
        raise ConfigurationError(
            f"environment: {entry.full_name} has no schedule {min(unknown)!r}", mend=f"it has {sorted(slugs) or 'none'}"
        )
    zone = {"timezone": environment.time_zone} if environment.time_zone else {}
    changes: dict[str, Any] = {
        "tags": (*entry.tags, *environment.tags),
        "parameters": merged(entry.parameters, over.parameters),
        "schedules": [
            one.model_dump(exclude_none=True) | zone | over.schedules.get(one.slug, {}) for one in entry.schedules
        ],
        "work_pool": {
            "name": entry.work_pool.name,
            "job_variables": merged(
                merged(entry.work_pool.job_variables, environment.job_variables), over.job_variables
            ),
        },
    }
    if over.concurrency_limit is not None:
        changes["concurrency_limit"] = None if over.concurrency_limit == "off" else over.concurrency_limit
    return _checked(Entry, entry.model_dump(exclude=set(changes)) | changes, f"environment, {entry.full_name}")


def check_names(environment: Environment, entries: tuple[Entry, ...]) -> None:
    """Refuse an environment that speaks of what is not there.

    Raises:
        ConfigurationError: with the names that there are.
    """
    known = {one.name for one in entries} | {one.full_name for one in entries}
    if unknown := environment.deployments.keys() - known:
        raise ConfigurationError(
            f"environment: no deployment is called {min(unknown)!r}",
            mend=f"there are {', '.join(sorted(one.full_name for one in entries))}",
        )


def _read_yaml(place: Traversable | Path) -> object:
    try:
        return yaml.safe_load(place.read_text("utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as err:
        raise ConfigurationError(f"{place.name}: cannot be read: {' '.join(str(err).split())}") from err


def _checked(model: type[M], values: object, where: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(one) for one in fault["loc"]) or "top level"
        raise ConfigurationError(f"{where}: at {place}: {fault['msg'].removeprefix('Value error, ')}") from err
