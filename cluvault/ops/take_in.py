"""Take in one object of an inbox: decide, import, prove, and put it away with the reason beside it.

What the inbox holds is the truth; events only say where to look. So the same event again finds nothing, an event that
comes late finds the newest object, and an object that no event told of is found by looking through the inbox.

The order is what makes a crash harmless: a record of the try, the import, a record of its end, a copy of the object in
its resting place, and only then the object itself is removed, if it still is the one that was meant. Whoever comes
after a crash goes on from the last record.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field

from cluvault import __version__
from cluvault.errors import CluvaultError, LeaseHeld, ObjectExists, ObjectNotFound, ObjectTooLarge
from cluvault.model.compression import Packed, decompress
from cluvault.model.intake import IntakeRecord, IntakeState
from cluvault.model.manifest import Tool
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.fanout import failed_item
from cluvault.ops.restore import RestoreOptions, restore_source
from cluvault.ops.sources import Source, named
from cluvault.ops.target_lease import hold, working_on
from cluvault.plan import inbox as plan
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.inbox import NoSlot, Slot, Standing
from cluvault.plan.keys import IntakeKey, PromotionKey
from cluvault.plan.restore import IfExists

if TYPE_CHECKING:
    from cluvault.inbox.store import Inbox
    from cluvault.model.event import Event
    from cluvault.model.json_text import JsonObject
    from cluvault.ops.restore import RestoreReport
    from cluvault.ops.workspace import Workspace
    from cluvault.settings import IntakeSettings

_LEASE_SECONDS: Final = 60.0
"""An import takes seconds, not hours: who died in one is not waited for as long as for a promotion."""
_PATIENCE: Final = 90.0
"""Longer than that."""
_STEP: Final = "take in from the inbox"
_log: Final = logging.getLogger("cluvault.intake")
_OUTCOMES: Final = {
    IntakeState.IMPORTED: Outcome.RESTORED,
    IntakeState.UNCHANGED: Outcome.UNCHANGED,
    IntakeState.SUPERSEDED: Outcome.SKIPPED,
    IntakeState.REFUSED: Outcome.REFUSED,
}


class InboxObject(BaseModel):
    """An object to take in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inbox: str = Field(description="A configured inbox.")
    key: str = Field(min_length=1, max_length=1024, description="Below the inbox's place: inbox/RESOURCE/PROJECT/….")
    events: tuple[str, ...] = Field(default=(), max_length=1000, description="The events that told of it.")


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an object.

    Attributes:
        item: For the report; None when there is nothing to tell: no such object waits any more.
        is_settled: Whether nothing more is to be done with it, and the message that told of it may go.
        state: How it ended; empty when it did not.
        place: Where it is now, below the inbox's place.
        is_held: Whether it waits because somebody else works on its project.
    """

    item: RunItem | None
    is_settled: bool
    state: str = ""
    place: str = ""
    is_held: bool = False


async def take_in(workspace: Workspace, one: InboxObject) -> Taken:
    """Take in one object; an error becomes a failed item."""
    resource, project = _named_in(one.key)
    try:
        return await _take_in(workspace, one)
    except CluvaultError as err:
        return Taken(failed_item(resource, project, err), is_settled=False, is_held=isinstance(err, LeaseHeld))
    except Exception as err:  # noqa: BLE001  # a fault of ours in one object must not cost the others their turn
        _log.exception("unexpected error")
        return Taken(failed_item(resource, project, err), is_settled=False)


def _named_in(key: str) -> tuple[str, str]:
    parts = [*key.split("/"), "", ""]
    return parts[1], parts[2]


async def _take_in(workspace: Workspace, one: InboxObject) -> Taken:
    settings, inbox = workspace.settings.inbox(one.inbox), workspace.inbox(one.inbox)
    try:
        standing = await inbox.look(one.key)
    except ObjectNotFound:
        return Taken(None, is_settled=True)
    try:
        slot = plan.slot_of(one.key, resources=settings.resources)
    except NoSlot as err:
        return await _refuse_unplaced(workspace, standing, one, str(err))
    key = IntakeKey(slot.resource, slot.project, standing.intake_id(inbox.url))
    async with working_on(workspace, lease_of(key), step=_STEP, patience=_PATIENCE, ttl=_LEASE_SECONDS):
        work = _Work(workspace, one, settings, inbox, standing, slot, plan.Intake(key, ()))
        return await work.carry_out()


def _event(state: str, one: InboxObject, intake_id: str, slot: Slot, why: str) -> Event:
    return plan.inbox_event(
        state,
        inbox=one.inbox,
        resource=slot.resource,
        project=slot.project,
        key=one.key,
        run_id=intake_id,
        why=why,
        events=one.events,
    )


async def _refuse_unplaced(workspace: Workspace, standing: Standing, one: InboxObject, why: str) -> Taken:
    inbox, limit = workspace.inbox(one.inbox), workspace.settings.inbox(one.inbox).max_bytes
    intake_id = standing.intake_id(inbox.url)
    folder = plan.resting_place(IntakeState.REFUSED, None, intake_id)
    said: JsonObject = {"state": "refused", "why": why, "object": f"{inbox.url}/{one.key}", "inbox": one.inbox}
    await _put_away(inbox, standing, folder, said, data=None, limit=limit)
    resource, project = _named_in(one.key)
    item = RunItem(resource=resource, project=project, outcome=Outcome.REFUSED, detail=f"{why}; see {folder}")
    workspace.announce([_event(IntakeState.REFUSED, one, intake_id, Slot(resource, project), item.detail or "")])
    return Taken(item, is_settled=True, state=IntakeState.REFUSED, place=folder)


def lease_of(key: IntakeKey) -> PromotionKey:
    """Whose lease on the project it is: promotions to it wait meanwhile, and are waited for."""
    return PromotionKey(key.resource, key.project, key.intake_id)


@dataclass(slots=True)
class _Work:
    """The work on one object, under the lease on its project."""

    workspace: Workspace
    one: InboxObject
    settings: IntakeSettings
    inbox: Inbox
    standing: Standing
    slot: Slot
    intake: plan.Intake
    data: bytes | None = None

    @property
    def url(self) -> str:
        """Where the object lies."""
        return f"{self.inbox.url}/{self.one.key}"

    async def carry_out(self) -> Taken:
        """From the last record on to the end."""
        vault = await self.workspace.vault(create=True)
        self.intake, *later = await vault.intakes.from_here_on(self.intake.key)
        if (end := self.intake.end) is not None:  # a crash came before it was put away, or it could not be removed
            try:
                return await self.put_away(end, was="before")
            except ObjectNotFound:  # whoever had the turn before us put it away
                return Taken(None, is_settled=True)
        newer = plan.newer_than(self.intake.key.intake_id, later)
        if newer is not None:
            why = f"{newer.url} was put later, and was imported at {newer.at:%Y-%m-%d %H:%M:%S} UTC"
            return await self.end(IntakeState.SUPERSEDED, why)
        if self.intake.tries >= self.settings.tries:
            why = f"was tried {self.intake.tries} times, and no try came to an end"
            return await self.end(IntakeState.REFUSED, self.last_words() or why)
        await self.note(IntakeState.BEGUN)
        try:
            self.data = await self.inbox.read(self.standing, limit=self.settings.max_bytes)
        except ObjectNotFound:
            await self.note(IntakeState.BLOCKED, "another object was put in its place meanwhile")
            return Taken(None, is_settled=True)
        except CluvaultError as err:
            return await self.fail(err)
        try:
            report = await self.bring(self.data)
        except Exception as err:  # noqa: BLE001  # a file that provokes a fault of ours is tried N times like any other
            return await self.fail(err)
        state = IntakeState.IMPORTED if report.imported else IntakeState.UNCHANGED
        why = "" if report.imported else "the project means the same already, nothing was imported"
        return await self.end(state, why, safety=report.safety or None)

    async def bring(self, data: bytes) -> RestoreReport:
        """Import what the object holds, unless the project means that already."""
        plain = await asyncio.to_thread(decompress, data, source=self.url, limit=self.settings.max_bytes)
        source = await asyncio.to_thread(named, Source(self.url, Packed.of(plain), ""))
        options = RestoreOptions(
            reference=self.url, to=f"{self.slot.resource}/{self.slot.project}", if_exists=IfExists.REPLACE
        )
        await hold(self.workspace, lease_of(self.intake.key), "import from the inbox")
        return await restore_source(self.workspace, source, options, started_at=self.workspace.now(), unless_same=True)

    def last_words(self) -> str:
        """Why the last try that came to an end failed."""
        return next((one.why for one in reversed(self.intake.records) if one.why), "")

    async def fail(self, err: Exception) -> Taken:
        """What an error makes of the object."""
        state = plan.state_after(err, tries=self.intake.tries, most=self.settings.tries)
        why = str(failed_item(self.slot.resource, self.slot.project, err).detail)
        if not isinstance(err, CluvaultError):
            _log.error("unexpected error", exc_info=err)
        if state == IntakeState.REFUSED:
            return await self.end(state, why)
        await self.note(state, why)
        self.announce(IntakeState.FAILED, why)
        again = f"{why}; it stays in the inbox and is tried again"
        item = RunItem(resource=self.slot.resource, project=self.slot.project, outcome=Outcome.FAILED, detail=again)
        return Taken(item, is_settled=False)

    async def end(self, state: IntakeState, why: str, *, safety: str | None = None) -> Taken:
        """Record how it ended, then put the object away."""
        return await self.put_away(await self.note(state, why, safety=safety))

    def announce(self, state: str, why: str) -> None:
        """Tell what became of it."""
        self.workspace.announce([_event(state, self.one, self.intake.key.intake_id, self.slot, why)])

    async def note(self, state: IntakeState, why: str = "", *, safety: str | None = None) -> IntakeRecord:
        """Write the next record."""
        record = IntakeRecord(
            intake_id=self.intake.key.intake_id,
            resource=self.slot.resource,
            project=self.slot.project,
            number=len(self.intake.records),
            inbox=self.one.inbox,
            url=self.url,
            object_modified=self.standing.modified,
            etag=self.standing.etag,
            at=self.workspace.now(),
            by=self.workspace.actor,
            tool=Tool(name=TOOL_NAME, version=__version__),
            state=state,
            why=why,
            safety=safety,
            events=self.one.events[:10],
        )
        vault = await self.workspace.vault()
        self.intake = await vault.intakes.add(self.intake, record)
        return record

    async def put_away(self, end: IntakeRecord, *, was: str = "") -> Taken:
        """Copy the object to its resting place, with the reason beside it, and remove it."""
        folder = plan.resting_place(end.state, self.slot, end.intake_id)
        said: JsonObject = {
            "state": end.state,
            "why": end.why,
            "resource": end.resource,
            "project": end.project,
            "object": end.url,
            "received": end.object_modified.isoformat(),
            "ended": end.at.isoformat(),
            "safetySnapshot": end.safety,
            "inbox": end.inbox,
        }
        await _put_away(self.inbox, self.standing, folder, said, data=self.data, limit=self.settings.max_bytes)
        state = IntakeState(end.state)
        detail = "; ".join(part for part in (f"from {end.url}", end.why, f"see {folder}") if part)
        item = RunItem(resource=end.resource, project=end.project, outcome=_OUTCOMES[state], detail=detail)
        self.announce(end.state, detail)  # who died before telling it has not
        if was:
            item = item.model_copy(update={"outcome": Outcome.SKIPPED, "detail": f"{end.state} {was}: {detail}"})
        return Taken(item, is_settled=True, state="" if was else end.state, place=folder)


async def _put_away(
    inbox: Inbox, standing: Standing, folder: str, said: JsonObject, *, data: bytes | None, limit: int
) -> None:
    place = folder + plan.resting_name(standing.key)
    try:
        if data is None:
            data = await inbox.read(standing, limit=limit)
        await put_if_absent(inbox, place, data)
    except ObjectTooLarge:
        await inbox.copy(standing, place)
    for name, body in plan.reason_files(said).items():
        await put_if_absent(inbox, folder + name, body)
    await inbox.remove(standing)


async def put_if_absent(inbox: Inbox, key: str, body: bytes) -> None:
    """Write, unless an earlier try has written it."""
    try:
        await inbox.put_new(key, body)
    except ObjectExists:
        return
