"""copy: bring the snapshots of the vault to another one that lacks them, proved on both sides."""

from __future__ import annotations

from prefect import flow, get_run_logger

from cluvault.ops import copy as ops
from cluvault.ops.copy import CopyOptions
from cluvault.ops.report import Report, RunFailed
from tasks.artifacts import publish_report
from tasks.copy import copy_project, copy_records, finish_copy, list_copy
from tasks.running import as_tasks, open_workspace

STEPS = as_tasks(
    {
        ops.list_copy: list_copy,
        ops.copy_records: copy_records,
        ops.copy_project: copy_project,
        ops.finish_copy: finish_copy,
    }
)


@flow(name="copy", description=__doc__, flow_run_name="copy to {options.to}", persist_result=False)
async def copy(options: CopyOptions) -> Report:
    """List, bring what is missing, record.

    Raises:
        ConfigurationError: there is no such vault.
        RunFailed: some projects failed, or damage was found.
    """
    logger = get_run_logger()
    async with open_workspace("copy", options) as workspace:
        report = await ops.copy(workspace, options, run=STEPS)
        logger.info("%s; record %s", report.summary, report.record_key)
        await publish_report(report)
    if report.failed:
        raise RunFailed(report)
    return report
