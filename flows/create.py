"""create-and-seed: a new project from a project file, or from rows and a schema."""

from __future__ import annotations

from prefect import flow, get_run_logger

from cluvault.ops import create as ops
from cluvault.ops import imports
from cluvault.ops.create import CreateOptions, CreateReport
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.report import finish_run
from tasks.artifacts import publish_difference
from tasks.backup import record_run
from tasks.imports import import_from_storage, look_again, plan_create, prove_round_trip
from tasks.running import as_tasks, open_workspace

STEPS = as_tasks(
    {
        ops.plan_create: plan_create,
        imports.look_again: look_again,
        imports.import_from_storage: import_from_storage,
        imports.prove_round_trip: prove_round_trip,
        finish_run: record_run,
    }
)


@flow(name="create", description=__doc__, flow_run_name="create {options.target}", persist_result=False)
async def create(options: CreateOptions) -> CreateReport:
    """Read the seeds, plan, import, prove, record; nothing when the project has this content already.

    Raises:
        NotWhatWasMeant: the service holds something else than the seeds say.
    """
    logger = get_run_logger()
    async with open_workspace("create", options) as workspace:
        try:
            report = await ops.create(
                workspace, options, run=STEPS, on_plan=lambda plan: logger.info("plan: %s", plan.sentence)
            )
        except NotWhatWasMeant as err:
            await publish_difference(f"seeds → {options.target}", err.difference)
            raise
    logger.info("%s: digest %s", report.outcome, report.digest)
    return report
