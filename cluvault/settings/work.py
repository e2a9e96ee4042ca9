"""How the operations run, and how much they may do."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from cluvault.settings.section import Section


class BackupSettings(Section):
    """How a backup runs.

    Attributes:
        full_days: A project whose times have not moved is exported all the same after so many days; 0 means always.
        models_hours: So often models and service deployments of an unmodified project are listed, where the service
            does not say when it was last trained or deployed (it never did so far); 0 means every time.
        settle_seconds: A change must be so much older than the export for its time to be believed.
    """

    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    full_days: Annotated[float, Field(ge=0, le=366)] = 7.0
    models_hours: Annotated[float, Field(ge=0, le=8784)] = 24.0
    settle_seconds: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    job_timeout: Annotated[float, Field(gt=0, description="seconds that one job may take")] = 900.0


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
