"""status: every project beside its objectives; fails when something is not as it should be."""

from __future__ import annotations

from prefect import flow, get_run_logger

from cluvault.ops import status as ops
from cluvault.ops.status import StatusAlarm, StatusOptions, alarms_to_tell
from cluvault.plan.status import Status
from tasks.artifacts import publish_status
from tasks.running import as_tasks, open_workspace
from tasks.status import survey_history, survey_resource

STEPS = as_tasks({ops.survey_resource: survey_resource, ops.survey_history: survey_history})


@flow(name="status", description=__doc__, flow_run_name="status", persist_result=False)
async def status(options: StatusOptions = StatusOptions()) -> Status:  # noqa: B008  # frozen
    """Survey resources and vault, judge, show, tell.

    Raises:
        StatusAlarm: something is not as it should be, and with `urgent_only` cannot wait until tomorrow.
    """
    logger = get_run_logger()
    async with open_workspace() as workspace:
        found = await ops.status(workspace, options, run=STEPS)
        for alarm in found.alarms:
            logger.warning("%s: %s", alarm.kind.value, alarm)
        logger.info("%s", found.summary)
        await publish_status(found)
    if alarms_to_tell(found, urgent_only=options.urgent_only):
        raise StatusAlarm(found, urgent_only=options.urgent_only)
    return found
