"""watch: projects that were changed and then left alone are announced, so that a trigger backs them up."""

from __future__ import annotations

from typing import Final

from prefect import flow, get_run_logger

from cluvault.ops.watch import WatchOptions
from cluvault.plan.watching import Watched
from tasks.running import open_workspace
from tasks.watch import find_busy_resources, watch_projects

BACKS_UP: Final = "backup/changed"
"""The deployment whose trigger backs up what is announced."""


@flow(name="watch", description=__doc__, flow_run_name="watch", persist_result=False)
async def watch(options: WatchOptions = WatchOptions()) -> Watched:  # noqa: B008  # frozen
    """List the projects, compare with the vault, announce what changed."""
    logger = get_run_logger()
    async with open_workspace("watch", options):
        found = await watch_projects(options, await find_busy_resources(BACKS_UP))
    for one in found.changed:
        logger.info("%s/%s was changed at %s", one.resource, one.project, one.last_modified)
    for resource in found.busy:
        logger.info("%s: the backup of earlier changes is still under way", resource)
    logger.info("%d of %d changed, %d still busy", len(found.changed), found.looked_at, len(found.waiting))
    return found
