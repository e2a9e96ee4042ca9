"""fleet: back up every resource in a flow run of its own, on as many workers as there are."""

from __future__ import annotations

from typing import Annotated

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_table_artifact
from prefect.runtime import flow_run
from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import PartialFailure
from cluvault.ops.backup import BackupOptions
from cluvault.ops.backup_planning import chosen_resources
from cluvault.plan.patience import Patience
from tasks.fleet import Member, find_under_way, look_at, run_fleet, starter
from tasks.patience import PatientCalls
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
    patience: Annotated[float, Field(ge=0, le=86400)] = Field(
        default=1800, description="For so many seconds the Prefect server may be away."
    )


class FleetFailed(PartialFailure):
    """The backup of some resources did not end well; the others are backed up."""


@flow(name="fleet", description=__doc__, flow_run_name="fleet", persist_result=False)
async def fleet(options: FleetOptions = FleetOptions()) -> tuple[Member, ...]:  # noqa: B008  # frozen
    """Start a run for each resource, wait, start what crashed again.

    A run of the fleet that is itself repeated finds the runs that it had started; another one takes over what a fleet
    that crashed left under way, and starts only what has ended or never began: what that had stored is not exported
    again. While the Prefect server is away it waits.

    Raises:
        ConfigurationError: no resource is configured.
        FleetFailed: some resources' backups did not end well.
    """
    logger = get_run_logger()
    async with open_workspace("fleet", options) as workspace:
        resources = chosen_resources(workspace, options.backup)
    calls = PatientCalls(Patience(options.patience), tell=logger.warning)
    key = f"fleet/{flow_run.id}"
    left = await calls(lambda: find_under_way(options.deployment, options.backup, resources, but=key))
    if left:
        logger.info("Runs that another fleet left are waited for: %s", ", ".join(sorted(left)))
    members = await run_fleet(
        resources,
        key=key,
        start=starter(options.deployment, options.backup),
        look=look_at,
        calls=calls,
        attempts=options.attempts,
        at_once=options.at_once,
        under_way=left,
    )
    rows = [
        {
            "resource": one.resource,
            "state": one.state,
            "runs": len(one.runs),
            "taken over": "yes" if one.resource in left else "",
            "message": one.message,
        }
        for one in sorted(members, key=lambda one: one.is_done)
    ]
    failed = [one.resource for one in members if not one.is_done]
    again = sum(len(one.runs) > 1 for one in members)
    summary = f"{len(members) - len(failed)} of {len(members)} resources are backed up."
    if again:
        summary += f" Started again after a crash: {again}."
    await calls(lambda: acreate_table_artifact(table=rows, key="cluvault-fleet", description=summary))
    logger.info("%s", summary)
    if failed:
        raise FleetFailed(f"fleet: {summary} Not so: {', '.join(failed)}", mend="see their own runs")
    return members
