"""watch: find the projects that have changed since they were kept, by one list call a page of each resource.

What is known of a project is the `lastModifiedDateTime` that its latest snapshot or a later backup, which found its
content unchanged, was told. There is no state besides.
"""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import DamagedSnapshot
from cluvault.model.names import is_scratch
from cluvault.model.run import Outcome
from cluvault.plan.watching import Seen, Watched, change_events, may_be_newer, split_by_quiet

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from cluvault.ops.workspace import Workspace
    from cluvault.vault.vault import Vault


class WatchOptions(BaseModel):
    """What to watch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resources: tuple[str, ...] = Field(
        default=(), description="Configured resources; none means those of the configuration, or all."
    )
    quiet_minutes: float | None = Field(
        default=None, ge=0, description="How long a project has to be left alone; the configuration's value by default."
    )


async def watch(workspace: Workspace, options: WatchOptions, *, busy: Collection[str] = ()) -> Watched:
    """Look once, and announce the quiet changes.

    Args:
        workspace: Resources and vault.
        options: What to watch.
        busy: Resources for which no backup is asked, as the last one that was asked for is still under way.

    Raises:
        ConfigurationError: a resource is not configured, or none is.
        ServiceError: a resource cannot be listed.
        VaultError: the vault cannot be read.
    """
    settings = workspace.settings
    named = options.resources or settings.watch.resources
    resources = settings.chosen_resources(named, so="there is nothing to watch")
    listed = [seen for resource in resources for seen in await _list(workspace, resource)]
    vault = await workspace.vault(create=True)
    changed = [seen for resource in resources for seen in await _changed(vault, resource, listed)]
    changed = await _less_those_found_unchanged(vault, changed)
    minutes = settings.watch.quiet_minutes if options.quiet_minutes is None else options.quiet_minutes
    quiet, waiting = split_by_quiet(changed, now=workspace.now(), quiet=timedelta(minutes=minutes))
    workspace.announce(change_events(quiet, run_id=workspace.new_run_id(), busy=busy))
    with_changes = {one.resource for one in quiet}
    return Watched(tuple(quiet), tuple(waiting), len(listed), tuple(sorted(with_changes.intersection(busy))))


async def _list(workspace: Workspace, resource: str) -> list[Seen]:
    client = await workspace.client(resource)
    return [
        Seen(resource, one.name, one.last_modified_at)
        async for one in client.list_projects()
        if one.last_modified_at is not None and not is_scratch(one.name)
    ]


async def _changed(vault: Vault, resource: str, listed: Sequence[Seen]) -> list[Seen]:
    """The projects of a resource that their latest snapshot does not hold as they are, by one listing of the vault."""
    latest = {key.project: key async for key in vault.keys(resource=resource)}  # in the order of their times
    changed: list[Seen] = []
    for one in (one for one in listed if one.resource == resource):
        key = latest.get(one.project)
        if key is None:
            changed.append(one)
        elif may_be_newer(one.last_modified, key.snapshot_id):
            try:
                manifest = await vault.latest(resource, one.project)
            except DamagedSnapshot:
                manifest = None  # a new snapshot is what mends that
            if manifest is None or manifest.project_last_modified != one.last_modified:
                changed.append(one)
    return changed


async def _less_those_found_unchanged(vault: Vault, changed: Sequence[Seen]) -> list[Seen]:
    """Those of which no later backup said that their content is the same as before."""
    if not changed:
        return []
    left = {(one.resource, one.project): one for one in changed}
    oldest: datetime = min(one.last_modified for one in changed)
    async with aclosing(vault.runs.newest_first()) as runs:
        async for run in runs:
            if not left or run.ended_at < oldest:
                break
            for item in (one for one in run.items if one.outcome == Outcome.UNCHANGED):
                seen = left.get((item.resource, item.project))
                if seen is not None and item.seen is not None and item.seen.modified == seen.last_modified:
                    del left[item.resource, item.project]
    return list(left.values())
