"""Removing snapshots and contents of one project, so that nobody who works on the same vault loses anything.

A snapshot's manifest goes first; its content stays for a grace period and goes in a later run. Both times whoever
removes looks again behind itself, and puts back what somebody came to need in the same moment: a held snapshot, a
content to which a new manifest refers. Whoever places a hold or writes a manifest looks again, too. `docs/vault.md`
has the argument and what a crash at each point leaves.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
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
from cluvault.plan.history import key_of, sort_objects
from cluvault.plan.keys import parse_prune_key, project_prefix, prune_key, prunes_prefix
from cluvault.plan.prune import COMMIT_LIMIT, Recorded, expired_contents, is_recorded, stale_records
from cluvault.vault.steady import steady_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

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
        """What earlier prunes wrote about a project, oldest first.

        One that cannot be read tells nothing, and so lets nothing be removed sooner.

        Raises:
            VaultTooNew: a newer format wrote one.
        """
        records: list[Recorded] = []
        async for one in self._store.list(prunes_prefix(resource, project)):
            if parse_prune_key(one.key) is None:
                continue
            with suppress(DamagedRecord, ObjectNotFound):
                data = await self._store.get(one.key)
                record = read_record(PruneRecord, data, key=one.key, what="the record of a prune")
                records.append(Recorded(record, one.modified))
        return sorted(records, key=lambda one: one.stored_at)

    async def put_back(self, snapshots: Mapping[SnapshotKey, RemovedSnapshot]) -> list[SnapshotKey]:
        """Bring back snapshots that earlier prunes removed, as far as their content is there; which are back."""
        back: list[SnapshotKey] = []
        for key, removed in snapshots.items():
            with suppress(ObjectNotFound):
                body = await self._store.get(removed.content_key)
                await self._put(key.manifest, removed.manifest.encode())
                await self._put(removed.content_key, body)  # a prune elsewhere may not have seen the manifest yet
                back.append(key)
        return back

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
            await self._remove_contents(history, expired, done)
        for stale in stale_records(records, now=now):
            with suppress(ObjectLocked):
                await self._store.delete(prune_key(plan.resource, plan.project, stale))
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
                    snapshot_id=key.snapshot_id,
                    content_key=read_manifest(text, key=key.manifest).content.key,
                    manifest=text.decode(),
                )
                for key, text in texts.items()
            ),
            unreferenced=plan.waiting,
            tool=Tool(name=TOOL_NAME, version=__version__),
        )
        key = prune_key(plan.resource, plan.project, run_id)
        await self._store.put_new(key, record_bytes(record))
        return Recorded(record, await self._modified(key))

    async def _modified(self, key: str) -> datetime:
        async for found in self._store.list(key):
            if found.key == key:
                return found.modified
        raise ObjectNotFound(f"{self._store.url}: {key} was written and is gone")

    async def _remove_snapshots(self, texts: Mapping[SnapshotKey, bytes], began: float, done: Pruned) -> None:
        gone: list[SnapshotKey] = []
        for key in texts:
            if self._clock() - began > COMMIT_LIMIT.total_seconds():
                done.late.append(key)
                continue
            try:
                await self._store.delete(key.manifest)
                gone.append(key)
            except ObjectLocked as err:
                done.locked[key.manifest] = err.message
        held = await self._holds.of_project(gone[0].resource, gone[0].project) if gone else {}
        for key in gone:
            if key in held:
                await self._put(key.manifest, texts[key])
            (done.held if key in held else done.removed).append(key)

    async def _remove_contents(self, history: History, contents: Sequence[str], done: Pruned) -> None:
        for start in range(0, len(contents), _AT_ONCE):
            batch = contents[start : start + _AT_ONCE]
            referred = await self._referred(history)
            if referred is None:
                return
            taken = {key: await self._take_away(key, done) for key in batch if key not in referred}
            referred = await self._referred(history)
            for key, body in taken.items():
                if body is None:
                    continue
                if referred is None or key in referred:
                    await self._put(key, body)
                else:
                    done.contents += 1
                    done.content_bytes += len(body)

    async def _take_away(self, key: str, done: Pruned) -> bytes | None:
        """Remove a content; its bytes, or None when it stays or was gone."""
        try:
            body = await self._store.get(key)
            await self._store.delete(key)
        except ObjectNotFound:
            return None
        except ObjectLocked as err:
            done.locked[key] = err.message
            return None
        return body

    async def _referred(self, history: History) -> set[str] | None:
        """The contents that the project's snapshots refer to at this moment; None when one of them cannot tell."""
        known = {key_of(one): one.content.key for one in history.snapshots}
        prefix = project_prefix(history.resource, history.project)
        found = sort_objects([one async for one in self._store.list(prefix)])
        referred: set[str] = set()
        for key in found.manifests:
            if key in known:
                referred.add(known[key])
                continue
            try:
                referred.add((await self._vault.manifest(key)).content.key)
            except SnapshotNotFound:
                continue
            except (DamagedSnapshot, VaultTooNew):
                return None
        return referred

    async def _put(self, key: str, body: bytes) -> None:
        with suppress(ObjectExists):
            await self._store.put_new(key, body)
