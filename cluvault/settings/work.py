"""How the operations run, and how much they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, model_validator

from cluvault.settings.section import Section

if TYPE_CHECKING:
    from cluvault.settings.resource import RateLimits

_MOST_AT_ONCE: Final = 256
_WITHOUT_LIMITS: Final = 16
_FILES: Final = 4


class BackupSettings(Section):
    """How a backup runs.

    Attributes:
        concurrency: Exports under way at once at a resource. By default as many as its limits let a client ask for once
            a minute each, for then it is the POST limit that decides how fast a backup is; 16 where there are none.
        full_days: A project whose times have not moved is exported all the same after so many days; 0 means always.
        models_hours: So often models and service deployments of an unmodified project are listed, where the service
            does not say when it was last trained or deployed (it never did so far); 0 means every time.
        settle_seconds: A change must be so much older than the export for its time to be believed.
    """

    concurrency: Annotated[int, Field(ge=1, le=_MOST_AT_ONCE)] | None = None
    full_days: Annotated[float, Field(ge=0, le=366)] = 7.0
    models_hours: Annotated[float, Field(ge=0, le=8784)] = 24.0
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    job_timeout: Annotated[float, Field(gt=0, description="seconds that one job may take")] = 900.0

    def exports_at_once(self, limits: RateLimits | Literal["off"]) -> int:
        """How many exports may be under way at a resource with these limits. They cost it a place, and us no memory."""
        if self.concurrency is not None:
            return self.concurrency
        return _WITHOUT_LIMITS if limits == "off" else min(limits.get, _MOST_AT_ONCE)

    @property
    def files_at_once(self) -> int:
        """How many project files an operation works on at once: what is done to them takes memory."""
        return self.concurrency or _FILES


class PruneSettings(Section):
    """How a prune runs.

    Attributes:
        grace_hours: For how long a content stays that no snapshot refers to; longer than any run takes.
        safety_days: For how long a snapshot is kept that was taken before something replaced or deleted its project.
    """

    grace_hours: Annotated[int, Field(ge=3, le=720)] = 12
    safety_days: Annotated[int, Field(ge=0, le=36_500)] = 30


class PromotionSettings(Section):
    """How promotions run.

    Attributes:
        lease_seconds: For how long a worker on a target project may give no sign of life before others take over. It
            gives one after a third of that, and stops by itself after two thirds.
    """

    lease_seconds: Annotated[float, Field(ge=10, le=3600)] = 300.0


class CleanupRule(Section):
    """Which projects a rule calls stale: those to which every condition that is given applies."""

    names: tuple[str, ...] = ()
    not_modified_days: Annotated[int, Field(ge=0)] | None = None
    not_trained_days: Annotated[int, Field(ge=0)] | None = None
    not_deployed_days: Annotated[int, Field(ge=0)] | None = None
    no_deployment: bool = False
    scratch: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> CleanupRule:
        if self == CleanupRule.model_construct():
            raise ValueError("a rule without any condition would choose every project")
        return self


class CleanupSettings(Section):
    """Rules of the clean-up, what it never touches, and how much it may delete in one run."""

    rules: dict[str, CleanupRule] = Field(default_factory=dict)
    protect: tuple[str, ...] = ()
    max_deletions: Annotated[int, Field(ge=0)] = 5
    max_share: Annotated[float, Field(ge=0, le=1)] = 0.2
