"""Tasks of replication."""

from __future__ import annotations

from typing import Final

from prefect import task

from cluvault.ops import replicate as ops
from cluvault.ops.replicate import ReplicateOptions, ReplicationPlan
from cluvault.plan.drift import Pair
from cluvault.plan.replica import ReplicaStatus
from tasks.running import STEP, current_workspace

_SECONDS: Final = 24 * 3600
"""The service's trainings take hours."""


@task(name="plan-replication", timeout_seconds=7200, **STEP)
async def plan_replication(options: ReplicateOptions) -> ReplicationPlan:
    """List both ends and put their projects side by side."""
    return await ops.plan_replication(current_workspace(), options)


@task(name="check-replica", task_run_name="check {pair.source} and {pair.target}", timeout_seconds=7200, **STEP)
async def check_replica(plan: ReplicationPlan, pair: Pair, *, full: bool) -> ReplicaStatus:
    """Say how one project of the replica stands."""
    return await ops.check_replica(current_workspace(), plan, pair, full=full)


@task(name="replicate-project", task_run_name="replicate {pair.source}", timeout_seconds=_SECONDS, **STEP)
async def replicate_project(plan: ReplicationPlan, pair: Pair, options: ReplicateOptions) -> ReplicaStatus:
    """Bring one project of the replica up to date."""
    return await ops.replicate_project(current_workspace(), plan, pair, options)
