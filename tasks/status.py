"""Tasks of status."""

from __future__ import annotations

from prefect import task

from cluvault.ops import status as ops
from cluvault.plan.status import VaultFacts
from cluvault.plan.status_facts import ResourceFacts
from tasks.running import STEP, current_workspace


@task(name="survey-resource", task_run_name="survey {resource}", **STEP)
async def survey_resource(resource: str, *, deep_most: int = 0) -> ResourceFacts:
    """List the projects of a resource, with the last days of its training configurations."""
    return await ops.survey_resource(current_workspace(), resource, deep_most=deep_most)


@task(name="survey-history", timeout_seconds=7200, **STEP)
async def survey_history(resources: tuple[str, ...], *, required: bool = False) -> VaultFacts:
    """Read the manifests and run records that the status needs."""
    return await ops.survey_history(current_workspace(), resources, required=required)
