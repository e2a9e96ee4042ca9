"""How an emulator behaves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from cluvault.emulator.limits import DOCUMENTED, OFF, Limits
from cluvault.emulator.versions import API_VERSIONS
from cluvault.errors import ConfigurationError
from cluvault.model.names import check_resource_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DEFAULT_KEYS: Final = ("emulator-key-1", "emulator-key-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorConfig:
    """How an emulator behaves.

    Attributes:
        resources: Their names; each lives at `/NAME`.
        keys: Accepted by every resource that has none of its own.
        resource_keys: The keys of single resources, in place of `keys`.
        job_seconds: How long imports and exports take; deletions take no time, as at the service.
        first_poll_running: The first poll of an import or export that takes no time still finds it under way.
        limits: `off` throttles nothing and never is full; `documented` is as the service documents.
        posts_per_minute: POST calls a minute and resource, in place of what `limits` says.
        gets_per_minute: GET calls a minute and resource, in place of what `limits` says.
        api_versions: The versions that are answered.
        strict_members: Refuse unknown members of request bodies, as the service does; otherwise drop them.
        strict_names: Refuse an import whose file names another project than the URL.
        region: What `x-ms-region` says.
        page_size: Items on a page of a list.
        seed: A folder of project files, `RESOURCE/PROJECT.json`, put in place when the state is new.
        state: The file that keeps the state; None keeps it in memory.

    Raises:
        ConfigurationError: a value that cannot be used.
    """

    resources: tuple[str, ...] = ("emulator",)
    keys: tuple[str, ...] = DEFAULT_KEYS
    resource_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    job_seconds: float = 0.0
    first_poll_running: bool = True
    limits: Literal["off", "documented"] | Limits = "off"
    posts_per_minute: int | None = None
    gets_per_minute: int | None = None
    api_versions: tuple[str, ...] = tuple(API_VERSIONS)
    strict_members: bool = True
    strict_names: bool = False
    region: str = "East US"
    page_size: int = 100
    seed: Path | None = None
    state: Path | None = None

    def __post_init__(self) -> None:
        if not self.resources:
            raise ConfigurationError("the emulator has no resource", mend="name at least one")
        for name in self.resources:
            check_resource_name(name)
        if unknown := sorted(set(self.api_versions) - API_VERSIONS.keys()):
            known = ", ".join(API_VERSIONS)
            raise ConfigurationError(f"the emulator knows no api-version {unknown[0]!r}", mend=f"choose from {known}")
        if unknown := sorted(set(self.resource_keys) - set(self.resources)):
            raise ConfigurationError(f"keys are given for {unknown[0]!r}, which is no resource of the emulator")
        if self.job_seconds < 0:
            raise ConfigurationError(f"a job cannot take {self.job_seconds} seconds")

    def keys_of(self, resource: str) -> tuple[str, ...]:
        """The keys that a resource accepts."""
        return self.resource_keys.get(resource, self.keys)

    def effective_limits(self) -> Limits:
        """The limits with the calls a minute that were given."""
        limits = self.limits if isinstance(self.limits, Limits) else DOCUMENTED if self.limits == "documented" else OFF
        return replace(
            limits,
            posts_per_minute=limits.posts_per_minute if self.posts_per_minute is None else self.posts_per_minute,
            gets_per_minute=limits.gets_per_minute if self.gets_per_minute is None else self.gets_per_minute,
        )
