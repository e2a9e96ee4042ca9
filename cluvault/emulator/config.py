"""How an emulator behaves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal

from cluvault.emulator.limits import DOCUMENTED, OFF, Limits
from cluvault.emulator.versions import EVERY_VERSION
from cluvault.errors import ConfigurationError
from cluvault.model.names import check_resource_name

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cluvault.emulator.faults import FaultPlan

DEFAULT_KEYS: Final = ("emulator-key-1", "emulator-key-2")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorConfig:
    """How an emulator behaves.

    Attributes:
        resources: Their names; each lives at `/NAME`.
        keys: Accepted by every resource that has none of its own.
        resource_keys: The keys of single resources, in place of `keys`.
        token_keys: A JSON Web Key Set; tokens that one of its keys has signed are accepted besides the emulator's own.
        audience: For whom a token has to be made.
        token_seconds: How long the tokens hold that the emulator's own sign-in gives.
        job_seconds: How long imports and exports take; deletions take no time, as at the service.
        training_seconds: How long a training takes at least, in place of `job_seconds`; the fit may take longer.
        first_poll_running: The first poll of an import or export that takes no time still finds it under way.
        limits: `off` throttles nothing and never is full; `documented` is as the service documents.
        posts_per_minute: POST calls a minute and resource, in place of what `limits` says.
        gets_per_minute: GET calls a minute and resource, in place of what `limits` says.
        minute: How many seconds their minute has, in place of what `limits` says.
        api_versions: The versions that are answered.
        strict_members: Refuse unknown members of request bodies, as the service does; otherwise drop them.
        strict_names: Refuse an import whose file names another project than the URL.
        region: What `x-ms-region` says.
        page_size: Items on a page of a list.
        seed: A folder of project files, `RESOURCE/PROJECT.json`, put in place when the state is new.
        state: The file that keeps the state; None keeps it in memory.
        faults: What goes wrong on request; see `faults_file.py` for rules in a file.

    Raises:
        ConfigurationError: a value that cannot be used.
    """

    resources: tuple[str, ...] = ("emulator",)
    keys: tuple[str, ...] = field(default=DEFAULT_KEYS, repr=False)
    resource_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]], repr=False)
    token_keys: Path | None = None
    audience: str = "https://cognitiveservices.azure.com"
    token_seconds: float = 3600.0
    job_seconds: float = 0.0
    training_seconds: float | None = None
    first_poll_running: bool = True
    limits: Literal["off", "documented"] | Limits = "off"
    posts_per_minute: int | None = None
    gets_per_minute: int | None = None
    minute: float | None = None
    api_versions: tuple[str, ...] = tuple(EVERY_VERSION)
    strict_members: bool = True
    strict_names: bool = False
    region: str = "East US"
    page_size: int = 100
    seed: Path | None = None
    state: Path | None = None
    faults: FaultPlan | None = None

    def __post_init__(self) -> None:
        if not self.resources:
            raise ConfigurationError("the emulator has no resource", mend="name at least one")
        for name in self.resources:
            check_resource_name(name)
        if unknown := sorted(set(self.api_versions) - EVERY_VERSION.keys()):
            known = ", ".join(EVERY_VERSION)
            raise ConfigurationError(f"the emulator knows no api-version {unknown[0]!r}", mend=f"choose from {known}")
        if unknown := sorted(set(self.resource_keys) - set(self.resources)):
            raise ConfigurationError(f"keys are given for {unknown[0]!r}, which is no resource of the emulator")
        for seconds in (self.job_seconds, self.training_seconds or 0):
            if seconds < 0:
                raise ConfigurationError(f"a job cannot take {seconds} seconds")
        if self.minute is not None and self.minute <= 0:
            raise ConfigurationError(f"a minute cannot have {self.minute} seconds")

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
            minute=limits.minute if self.minute is None else self.minute,
        )
