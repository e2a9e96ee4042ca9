"""The task of the watcher."""

from __future__ import annotations

from prefect import task

from cluvault.ops import watch as ops
from cluvault.ops.watch import WatchOptions
from cluvault.plan.watching import Watched
from tasks.running import STEP, current_workspace


@task(name="watch-projects", timeout_seconds=3600, **STEP)
async def watch_projects(options: WatchOptions) -> Watched:
    """List the projects of the resources and compare them with the vault."""
    return await ops.watch(current_workspace(), options)
