"""The tasks of the watcher."""

from __future__ import annotations

from contextlib import aclosing

from prefect import task
from prefect.exceptions import ObjectNotFound

from cluvault.ops import watch as ops
from cluvault.ops.watch import WatchOptions
from cluvault.plan.watching import Watched
from tasks.running import STEP, current_workspace
from tasks.under_way import runs_under_way


@task(name="find-busy-resources", **STEP)
async def find_busy_resources(deployment: str) -> tuple[str, ...]:
    """The resources that runs of a deployment, FLOW/NAME, are at or wait for; none where nothing is deployed."""
    found: set[str] = set()
    try:
        async with aclosing(runs_under_way(deployment)) as runs:
            async for run in runs:
                found.update(run.parameters.get("options", {}).get("resources") or ())
    except ObjectNotFound:
        return ()
    return tuple(sorted(found))


@task(name="watch-projects", timeout_seconds=3600, **STEP)
async def watch_projects(options: WatchOptions, busy: tuple[str, ...]) -> Watched:
    """List the projects of the resources and compare them with the vault."""
    return await ops.watch(current_workspace(), options, busy=busy)
