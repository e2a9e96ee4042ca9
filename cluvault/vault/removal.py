"""Removing snapshots and contents of one project, so that nobody who works on the same vault loses anything.

A snapshot's manifest goes first; its content stays for a grace period and goes in a later run. Both times whoever
removes looks again behind itself, and puts back what somebody came to need in the same moment: a held snapshot, a
content to which a new manifest refers. Whoever places a hold or writes a manifest looks again, too. `docs/vault.md`
has the argument and what a crash at each point leaves.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault import __version__
from cluvault.errors import (
    DamagedRecord,
    DamagedSnapshot,
    ObjectExists,
    ObjectLocked,
    ObjectNotFound,
    SnapshotNotFound,
    VaultTooNew,
)
from cluvault.model.manifest import Tool, read_manifest
from cluvault.model.prune_record import PruneRecord, RemovedSnapshot
from cluvault.model.record_text import read_record, record_bytes
from cluvault.plan.capture import TOOL_NAME
from cluvault.plan.history import key_of, keys_of, sort_objects
from cluvault.plan.keys import parse_prune_key, project_prefix, prune_key, prunes_prefix
from cluvault.plan.prune import COMMIT_LIMIT, RECORD_DAYS, Recorded, expired_contents, is_recorded, stale_records
from cluvault.vault.steady import steady_seconds
from cluvault.vault.writing import put_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cluvault.model.object_info import ObjectInfo
    from cluvault.plan.history import History
    from cluvault.plan.keys import SnapshotKey
    from cluvault.plan.prune import ProjectPrune
    from cluvault.vault.holds import Holds
    from cluvault.vault.store import ObjectStore
    from cluvault.vault.vault import Vault

_AT_ONCE: Final = 16
"""So many contents are in memory, to be put back, between two looks at the manifests."""


@dataclass(slots=True)
class Pruned:
    """What was done of a plan.

    Attributes:
        removed: Snapshots that are gone.
        held: Snapshots that somebody held after the plan was made; they stay, or are back.
        locked: Snapshots and contents that the store keeps immutable, with the sentence that says until when.
        late: Snapshots that stay until the next run, for this one took too long to go by its own plan.
        contents: How many contents are gone.
        content_bytes: Their size.
    """

    removed: list[SnapshotKey] = field(default_factory=list["SnapshotKey"])
    held: list[SnapshotKey] = field(default_factory=list["SnapshotKey"])
    locked: dict[str, str] = field(default_factory=dict[str, str])
    late: list[SnapshotKey] = field(default_factory=list["SnapshotKey"])
    contents: int = 0
    content_bytes: int = 0


class Removal:
    """Removes what a plan says from one project, and keeps a record of it in the vault.

    Args:
        vault: Where manifests are read.
        store: Where objects are removed.
        holds: Who holds what.
        clock: Seconds that go on in sleep.
    """

    def __init__(
        self, vault: Vault, store: ObjectStore, holds: Holds, *, clock: Callable[[], float] = steady_seconds
    ) -> None:
        self._vault = vault
        self._store = store
        self._holds = holds
        self._clock = clock

    # --- records of prunes -----------------------------------------------------------------------------------------

    async def records(self, resource: str, project: str) -> list[Recorded]:
        """What earlier prunes wrote about a project, oldest first; one that is damaged without what it said.

        Raises:
            VaultTooNew: a newer format wrote one.
        """
        records: list[Recorded] = []
        async for one in self._store.list(prunes_prefix(resource, project)):
            if parse_prune_key(one.key) is None:
                continue
            with suppress(ObjectNotFound):
                data = await self._store.get(one.key)
                records.append(Recorded(_read(data, key=one.key), one.modified))
        return sorted(records, key=lambda one: one.stored_at)

    async def put_back(self, snapshots: Mapping[SnapshotKey, RemovedSnapshot]) -> list[SnapshotKey]:
        """Bring back snapshots that earlier prunes removed, as far as their content is there; which are back."""
        return [key for key, removed in snapshots.items() if await self._bring_back(key, removed.manifest.encode())]

    async def _bring_back(self, key: SnapshotKey, manifest: bytes) -> bool:
        """List a removed snapshot again if its contents are there; whether it is.

        As for everybody who writes a manifest, they are looked at once more behind it: a prune may be about to
        remove them, and sees the manifest either before it does so or when it looks again.
        """
        bodies: dict[str, bytes] = {}
        for content in keys_of(read_manifest(manifest, key=key.manifest)):
            try:
                bodies[content] = await self._store.get(content)
            except ObjectNotFound:
                return False
        await self._put(key.manifest, manifest)
        for content, body in bodies.items():
            await self._put(content, body)
        return True

    # --- carrying a plan out ---------------------------------------------------------------------------------------

    async def carry_out(
        self,
        plan: ProjectPrune,
        history: History,
        records: Sequence[Recorded],
        *,
        run_id: str,
        now: datetime,
        grace: timedelta,
    ) -> Pruned:
        """Remove the plan's snapshots, and the contents that have been unreferenced for the grace period.

        Args:
            plan: What to do.
            history: What the plan was made from.
            records: What earlier prunes wrote.
            run_id: The name of this run's record.
            now: For the record.
            grace: As in the plan.
        """
        done = Pruned()
        if plan.removed or plan.expired or not is_recorded(plan, records):
            held = await self._holds.of_project(plan.resource, plan.project)
            done.held += [key for key in plan.removed if key in held]
            texts = await self._manifest_texts([key for key in plan.removed if key not in held])
            began = self._clock()
            own = await self._record(plan, texts, run_id=run_id, now=now)
            await self._remove_snapshots(texts, began, done)
            expired = expired_contents(plan.expired, [*records, own], now=own.stored_at, grace=grace)
            await self._remove_contents(history, expired, began, done, written_before=own.stored_at - grace)
        for stale in stale_records(records, now=now):
            with suppress(ObjectLocked):
                await self._store.delete(prune_key(plan.resource, plan.project, stale))
        with suppress(DamagedRecord, VaultTooNew):  # `verify` names it
            await self._vault.intakes.forget(plan.resource, plan.project, before=now - timedelta(days=RECORD_DAYS))
        return done

    async def _manifest_texts(self, snapshots: Sequence[SnapshotKey]) -> dict[SnapshotKey, bytes]:
        texts: dict[SnapshotKey, bytes] = {}
        for key in snapshots:
            with suppress(ObjectNotFound):  # another prune was quicker
                texts[key] = await self._store.get(key.manifest)
        return texts

    async def _record(
        self, plan: ProjectPrune, texts: Mapping[SnapshotKey, bytes], *, run_id: str, now: datetime
    ) -> Recorded:
        """Write down what goes before it goes, and learn what time it is by the store's clock."""
        record = PruneRecord(
            run_id=run_id,
            resource=plan.resource,
            project=plan.project,
            planned_at=now,
            removed=tuple(
                RemovedSnapshot(
                    snapshot_id=key.snapshot_id, content_key=own, model_keys=tuple(others), manifest=text.decode()
                )
                for key, text in texts.items()
                for own, *others in [keys_of(read_manifest(text, key=key.manifest))]
            ),
            unreferenced=plan.waiting,
            tool=Tool(name=TOOL_NAME, version=__version__),
        )
        key = prune_key(plan.resource, plan.project, run_id)
        await put_once(self._store, key, record_bytes(record))
        return Recorded(record, await self._modified(key))

    async def _modified(self, key: str) -> datetime:
        async for found in self._store.list(key):
            if found.key == key:
                return found.modified
        raise ObjectNotFound(f"{self._store.url}: {key} was written and is gone")

    async def _remove_snapshots(self, texts: Mapping[SnapshotKey, bytes], began: float, done: Pruned) -> None:
        gone: list[SnapshotKey] = []
        try:
            for key in texts:
                if self._is_late(began):
                    done.late.append(key)
                    continue
                gone.append(key)  # before it is: the reply may be lost
                try:
                    await self._store.delete(key.manifest)
                except ObjectLocked as err:
                    done.locked[key.manifest] = err.message
                    gone.remove(key)
        finally:
            await self._return_held(gone, texts, done)

    async def _return_held(self, gone: Sequence[SnapshotKey], texts: Mapping[SnapshotKey, bytes], done: Pruned) -> None:
        held = await self._holds.of_project(gone[0].resource, gone[0].project) if gone else {}
        for key in gone:
            is_back = key in held and await self._bring_back(key, texts[key])
            (done.held if is_back else done.removed).append(key)

    async def _remove_contents(
        self, history: History, contents: Sequence[str], began: float, done: Pruned, *, written_before: datetime
    ) -> None:
        """Remove those of the contents that are as old as that and that nothing refers to.

        The look behind one batch is the look before the next one.
        """
        look = await self._look(history) if contents else None
        for start in range(0, len(contents), _AT_ONCE):
            if look is None or self._is_late(began):
                return
            old = {key for key, found in look.contents.items() if found.modified <= written_before}
            batch = [key for key in contents[start : start + _AT_ONCE] if key in old - look.referred]
            if batch:
                look = await self._take_away(batch, history, done)

    async def _take_away(self, contents: Sequence[str], history: History, done: Pruned) -> _Look | None:
        """Remove contents, look again, and put back what is referred to now: everything, when nobody can tell."""
        taken: dict[str, bytes] = {}
        look: _Look | None = None
        try:
            for key in contents:
                await self._take(key, taken, done)
            look = await self._look(history)
        finally:
            for key, body in taken.items():
                if look is None or key in look.referred:
                    await self._put(key, body)
                else:
                    done.contents += 1
                    done.content_bytes += len(body)
        return look

    async def _take(self, key: str, taken: dict[str, bytes], done: Pruned) -> None:
        with suppress(ObjectNotFound):
            taken[key] = await self._store.get(key)
            try:
                await self._store.delete(key)
            except ObjectLocked as err:
                done.locked[key] = err.message
                del taken[key]

    def _is_late(self, began: float) -> bool:
        return self._clock() - began > COMMIT_LIMIT.total_seconds()

    async def _look(self, history: History) -> _Look | None:
        """The project's contents, and to which its snapshots refer, at this moment; None when one cannot tell."""
        known = {key_of(one): keys_of(one) for one in history.snapshots}
        prefix = project_prefix(history.resource, history.project)
        found = sort_objects([one async for one in self._store.list(prefix)])
        referred: set[str] = set()
        for key in found.manifests:
            if key in known:
                referred.update(known[key])
                continue
            try:
                referred.update(keys_of(await self._vault.manifest(key)))
            except SnapshotNotFound:
                continue
            except (DamagedSnapshot, VaultTooNew):
                return None
        return _Look(found.contents, referred)

    async def _put(self, key: str, body: bytes) -> None:
        with suppress(ObjectExists):
            await self._store.put_new(key, body)


@dataclass(frozen=True, slots=True)
class _Look:
    contents: Mapping[str, ObjectInfo]
    referred: set[str]


def _read(data: bytes, *, key: str) -> PruneRecord | None:
    try:
        return read_record(PruneRecord, data, key=key, what="the record of a prune")
    except DamagedRecord:
        return None
