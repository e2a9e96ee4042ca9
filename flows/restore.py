"""import-from-storage: a snapshot or file into a resource, proven by exporting it again; or a whole environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow, get_run_logger

from cluvault.ops import environment_planning, environment_steps, imports, sources
from cluvault.ops import restore as ops
from cluvault.ops.environment import EnvironmentReport, restore_environment
from cluvault.ops.imports import NotWhatWasMeant
from cluvault.ops.report import finish_run
from cluvault.ops.restore import RestoreOptions, RestoreReport
from tasks.artifacts import publish_difference
from tasks.backup import record_run
from tasks.environment import plan_environment, settle_trainings, take_step
from tasks.imports import (
    fetch_source,
    import_from_storage,
    look_again,
    plan_restore,
    prove_round_trip,
    take_safety_snapshot,
)
from tasks.running import as_tasks, open_workspace

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.environment import EnvironmentPlan

STEPS = as_tasks(
    {
        sources.fetch_source: fetch_source,
        ops.plan_restore: plan_restore,
        imports.take_safety_snapshot: take_safety_snapshot,
        imports.look_again: look_again,
        imports.import_from_storage: import_from_storage,
        imports.prove_round_trip: prove_round_trip,
        environment_steps.settle_trainings: settle_trainings,
        environment_planning.plan_environment: plan_environment,
        environment_steps.take_step: take_step,
        finish_run: record_run,
    }
)


@flow(
    name="restore",
    description=__doc__,
    flow_run_name="restore {options.reference} to {options.to}",
    persist_result=False,
)
async def restore(options: RestoreOptions) -> RestoreReport | EnvironmentReport:
    """Fetch, plan, keep what stands there, import, prove, record; an environment also: train and deploy.

    Raises:
        NotWhatWasMeant: the service holds something else than the file.
    """
    logger = get_run_logger()
    async with open_workspace("restore", options) as workspace:
        try:
            if options.environment:
                return await _rebuild(workspace, options)
            report = await ops.restore(
                workspace, options, run=STEPS, on_plan=lambda plan: logger.info("plan: %s", plan.sentence)
            )
        except NotWhatWasMeant as err:
            await publish_difference(f"{options.reference} → {options.to}", err.difference)
            raise
    logger.info("proven: exported again it has the digest %s", report.digest)
    return report


async def _rebuild(workspace: Workspace, options: RestoreOptions) -> EnvironmentReport:
    logger = get_run_logger()

    def tell(plan: EnvironmentPlan) -> None:
        logger.info("plan: %s", plan.sentence)
        for note in plan.notes:
            logger.info("note: %s", note)

    report = await restore_environment(
        workspace, options, run=STEPS, on_plan=tell, on_wait=lambda turn: logger.info("waiting for %s", turn.record.by)
    )
    for warning in report.warnings:
        logger.warning("%s", warning)
    for scored in report.scores:
        logger.info("trained %s", scored.sentence)
    return report
