"""Exports that outlive their run: written down when they start, taken up by the next run, then forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.errors import StoreUnavailable, VaultError
from cluvault.model.started import StartedExport, StartedExports
from cluvault.plan.keys import jobs_key
from cluvault.plan.resumption import is_done_with, projects_done

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from cluvault.model.run import RunItem
    from cluvault.ops.workspace import Workspace
    from cluvault.service.client import CluClient
    from cluvault.service.job_models import ExportJob
    from cluvault.service.jobs import JobHandle

_log: Final = logging.getLogger(__name__)
_PAUSE: Final = 0.5
"""Seconds between two records: what starts in between goes into one."""
_PAUSE_AWAY: Final = 15.0
"""The same when the vault could not be reached."""


class EndedExport(NamedTuple):
    """An export whose result the service holds.

    Attributes:
        began: Just before it was asked for.
        is_known: Whether another run or try has asked for it.
    """

    handle: JobHandle[ExportJob]
    job: ExportJob
    began: datetime
    is_known: bool


class ExportsUnderWay:
    """What one run has started, what it found, and the records of both."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._run = ""
        self._numbers: defaultdict[str, int] = defaultdict(int)
        self._started: dict[tuple[str, str], StartedExport] = {}
        self._taken_up: set[tuple[str, str]] = set()
        self._unwritten: defaultdict[str, list[StartedExport]] = defaultdict(list)
        self._records: dict[str, dict[str, StartedExports]] = defaultdict(dict)
        self._writer: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    async def found(self, resource: str) -> list[StartedExports]:
        """What earlier runs have left of a resource."""
        vault = await self._workspace.vault()
        try:
            records = await vault.started.of_resource(resource)
        except VaultError as err:
            _log.warning("%s: exports that an earlier run may have left are not looked for: %s", resource, err)
            return []
        self._records[resource].update(records)
        return list(records.values())

    async def export(
        self, resource: str, project: str, client: CluClient, *, modified: datetime | None, left: StartedExport | None
    ) -> EndedExport:
        """Have a project exported, or wait for an export of it that is under way.

        Args:
            resource: Where it is.
            project: The project.
            client: Of the resource.
            modified: When it was last modified, by the listing of this run.
            left: What an earlier run has left of it; an earlier try of this run is known here.
        """
        seconds = self._workspace.settings.backup.job_timeout
        known = self._started.get((resource, project)) or left
        if known is not None:
            self._started[resource, project] = known
            self._taken_up.add((resource, project))
            age = (self._workspace.now() - known.started_at).total_seconds()
            handle = client.started_export(project, known.job_id, api_version=known.api_version, age=age)
            job = await client.wait(handle, timeout=seconds)
            return EndedExport(handle, job, known.started_at, is_known=True)
        await self._workspace.check_vault()  # what could not be stored is not asked for
        began = self._workspace.now()
        handle = await client.begin_export(project)
        if modified is not None and client.finds_export_again(handle):
            one = StartedExport(
                project=project,
                job_id=handle.job_id,
                api_version=handle.api_version,
                started_at=began,
                modified=modified,
            )
            self._note(resource, one)
        return EndedExport(handle, await client.wait(handle, timeout=seconds), began, is_known=False)

    def drop_taken_up(self, resource: str, project: str) -> bool:
        """Forget an export that was taken up and of which nothing good came; False when none was."""
        place = resource, project
        if place not in self._taken_up:
            return False
        self._taken_up.remove(place)
        self._started.pop(place, None)
        _log.info("%s/%s: is exported anew: what was started before gave no result", resource, project)
        return True

    # --- the records -------------------------------------------------------------------------------------------------

    def _note(self, resource: str, one: StartedExport) -> None:
        """Have an export written down, soon; nobody waits for it."""
        self._started[resource, one.project] = one
        self._unwritten[resource].append(one)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        is_told = False
        while self._unwritten:
            pause = _PAUSE
            async with self._writing:
                try:
                    await self._write_down()
                except VaultError as err:
                    if not is_told:
                        _log.warning(
                            "started exports are not written down, so a killed run would start them anew: %s", err
                        )
                    if not isinstance(err, StoreUnavailable):
                        return
                    is_told, pause = True, _PAUSE_AWAY
            await self._workspace.sleep(pause)

    async def _write_down(self) -> None:
        vault = await self._workspace.vault()
        self._run = self._run or self._workspace.new_run_id()
        for resource in tuple(self._unwritten):
            exports = self._unwritten.pop(resource)
            endpoint = self._workspace.settings.resource(resource).endpoint
            record = StartedExports(endpoint=endpoint, exports=tuple(exports))
            self._numbers[resource] += 1
            key = jobs_key(resource, self._run, self._numbers[resource])
            self._records[resource][key] = record
            try:
                await vault.started.add(key, record)
            except StoreUnavailable:  # with the next record, then
                self._unwritten[resource] = [*exports, *self._unwritten.pop(resource, ())]
                raise

    async def forget(self, items: Sequence[RunItem]) -> None:
        """Remove the records of which nothing is left to take up, at the end of a run whose own record is written."""
        await self.aclose()
        now = self._workspace.now()
        vault = await self._workspace.vault()
        try:
            for resource, records in self._records.items():
                done = projects_done(items, resource)
                await vault.started.remove(key for key, one in records.items() if is_done_with(one, done, now=now))
        except VaultError as err:
            _log.info("records of exports that are done with stay: %s", err)
        self._records.clear()

    async def aclose(self) -> None:
        """Write nothing more; what is being written is waited for."""
        self._unwritten.clear()
        if self._writer is not None:
            async with self._writing:
                self._writer.cancel()
            with suppress(asyncio.CancelledError):
                await self._writer
            self._writer = None
