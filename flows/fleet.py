"""fleet: back up every resource in a flow run of its own, on as many workers as there are."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import ConfigurationError, PartialFailure
from cluvault.ops.backup import BackupOptions
from tasks.fleet import Member, look_at, run_fleet, starter
from tasks.running import open_workspace


class FleetOptions(BaseModel):
    """Which resources, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    backup: BackupOptions = Field(default=BackupOptions(), description="As for `backup`; no resources means all.")
    deployment: str = Field(default="backup/resource", description="The deployment of `backup` whose runs are started.")
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        default=3, description="Runs for one resource, at most: one that crashed is started again."
    )
    at_once: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=64, description="Resources at once; the work pool's own limit holds as well."
    )


class FleetFailed(PartialFailure):
    """The backup of some resources did not end well; the others are backed up."""


@flow(name="fleet", description=__doc__, flow_run_name="fleet", persist_result=False)
async def fleet(options: FleetOptions = FleetOptions()) -> tuple[Member, ...]:  # noqa: B008  # frozen
    """Start a run for each resource, wait, start what crashed again.

    A run of the fleet that is itself repeated finds the runs that it had started.

    Raises:
        ConfigurationError: no resource is configured.
        FleetFailed: some resources' backups did not end well.
    """
    logger = get_run_logger()
    async with open_workspace("fleet", options) as workspace:
        resources = options.backup.resources or tuple(workspace.settings.resources)
        for resource in resources:
            workspace.settings.resource(resource)
    if not resources:
        raise ConfigurationError("no resource is configured, so there is nothing to back up", mend="add one")
    members = await run_fleet(
        resources,
        key=f"fleet/{flow_run.id}",
        start=starter(options.deployment, options.backup),
        look=look_at,
        attempts=options.attempts,
        at_once=options.at_once,
    )
    rows = [
        {"resource": one.resource, "state": one.state, "runs": len(one.runs), "message": one.message}
        for one in sorted(members, key=lambda one: one.is_done)
    ]
    failed = [one.resource for one in members if not one.is_done]
    summary = f"{len(members) - len(failed)} of {len(members)} resources are backed up."
    await acreate_table_artifact(table=rows, key="cluvault-fleet", description=summary)
    logger.info("%s", summary)
    if failed:
        raise FleetFailed(f"fleet: {summary} Not so: {', '.join(failed)}", mend="see their own runs")
    return members
