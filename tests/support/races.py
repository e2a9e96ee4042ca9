"""What races in the vault: each process as an operation of its own machine, over the same store and the same clock."""

from __future__ import annotations

import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.errors import CluvaultError
from cluvault.model.hold import Hold, Release
from cluvault.model.manifest import ModelRecord, id_moment, new_snapshot_id, read_manifest
from cluvault.ops.prune import PruneOptions, prune_project
from cluvault.ops.workspace import Workspace
from cluvault.plan.history import key_of, keys_of
from cluvault.plan.keys import parse_manifest_key
from cluvault.plan.prune import PruneRules, plan_prune
from cluvault.plan.retention import VanishedPolicy, read_policy
from cluvault.settings import Settings
from cluvault.vault.vault import Vault
from tests.support.interleaving import START, Clock, Stage
from tests.support.snapshots import make_capture

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from datetime import datetime

    from cluvault.model.manifest import Manifest
    from cluvault.plan.capture import Capture
    from cluvault.plan.keys import SnapshotKey
    from cluvault.plan.prune import ProjectPrune
    from cluvault.vault.store import ObjectStore

VAULT_ID: Final = "the-vault"
SETTINGS: Final = Settings.model_validate({"vault": {"retention": {"keep-last": 1}}})
"""Only the newest stays; the grace period is the configuration's own, 12 hours."""
PAST_GRACE: Final = 13.0
OLD: Final = b'{"content": "old"}'
NEW: Final = b'{"content": "new"}'
THIRD: Final = b'{"content": "third"}'


@dataclass
class Race:
    """A stage, and what there was at its beginning.

    Attributes:
        old: A snapshot that no rule keeps.
        new: The newest, which the policy keeps.
        plan: What a prune showed before the race.
        contents: What each snapshot that can ever be listed may give, by id.
    """

    stage: Stage
    old: Manifest
    new: Manifest
    plan: ProjectPrune
    contents: Mapping[str, set[bytes]]
    numbers: itertools.count[int]

    def vault(self, store: ObjectStore) -> Vault:
        """The vault as a process sees it."""
        return Vault(store, VAULT_ID, clock=self.stage.clock.seconds)

    @asynccontextmanager
    async def workspace(self, store: ObjectStore) -> AsyncGenerator[Workspace]:
        """A workspace over the vault."""
        async with Workspace(
            SETTINGS,
            environment={"CLUVAULT_ACTOR": "somebody"},
            open_vault_store=lambda _url: store,
            now=self.stage.clock.now,
            entropy=lambda: f"{next(self.numbers):08x}",
        ) as workspace:
            cast("Any", workspace)._vault = self.vault(store)
            yield workspace

    # --- processes -------------------------------------------------------------------------------------------------

    async def backup(
        self, store: ObjectStore, *, raw: bytes = OLD, parent: Manifest | None = None, serves_old: bool = False
    ) -> Manifest | CluvaultError:
        """Store a third snapshot, on the strength of one that is read first, or was read some time ago.

        With `serves_old` it refers to the old content for a deployed model, whatever its own is.
        """
        vault = self.vault(store)
        capture = capture_at(THIRD_ID, raw)
        if serves_old:
            capture = replace(capture, models=(ModelRecord(label="v1"),), known={"v1": self.old})
        try:
            return await vault.commits.store(
                capture,
                snapshot_id=THIRD_ID,
                parent=parent or await vault.manifest(key_of(self.old)),
                reuse_content=True,
            )
        except CluvaultError as err:
            return err

    async def prune(self, store: ObjectStore, *, times: int = 1) -> None:
        """What `cluvault prune --apply` does of the project once its plan was shown, some times over.

        The plan is that of the race's beginning, however long ago.
        """
        for _ in range(times):
            async with self.workspace(store) as workspace:
                await prune_project(workspace, self.plan, PruneOptions(apply=True))

    async def hold(self, store: ObjectStore, snapshot: SnapshotKey) -> SnapshotKey | CluvaultError:
        """Hold a snapshot; what it returns is held."""
        hold = Hold(reason="audit", by="somebody", held_at=self.stage.clock.moment)
        try:
            await self.vault(store).holds.place(snapshot, hold, hold_id="20261122T120000Z-0000000a")
        except CluvaultError as err:
            return err
        return snapshot

    async def adopt(self, store: ObjectStore, manifest: Manifest, body: bytes) -> Manifest | CluvaultError:
        """Bring a snapshot of another vault."""
        try:
            await self.vault(store).commits.adopt([(manifest, manifest.to_bytes())], body)
        except CluvaultError as err:
            return err
        return manifest

    async def read(self, store: ObjectStore, snapshot: SnapshotKey) -> bytes | CluvaultError:
        """Read a snapshot."""
        vault = self.vault(store)
        try:
            return await vault.read(await vault.manifest(snapshot))
        except CluvaultError as err:
            return err

    async def release(self, store: ObjectStore, snapshot: SnapshotKey) -> None:
        """Release all holds."""
        holds = self.vault(store).holds
        for one in await holds.of_snapshot(snapshot):
            await holds.release(one.key, Release(by="somebody", released_at=self.stage.clock.moment))

    # --- what must be so -------------------------------------------------------------------------------------------

    async def damage(self) -> list[str]:
        """Snapshots that are listed and cannot be read back byte for byte."""
        vault = self.vault(self.stage.store)
        found: list[str] = []
        for manifest in await vault.snapshots():
            for view in manifest.views:
                try:
                    if await vault.read(view) not in self.contents[view.snapshot_id]:
                        found.append(f"{view.reference}: other bytes")
                except CluvaultError as err:
                    found.append(str(err))
        return found

    def dangling(self) -> list[str]:
        """Snapshots that are listed at this moment and have no content."""
        objects = self.stage.objects
        listed = (read_manifest(objects[key][0], key=key) for key in objects if parse_manifest_key(key))
        return [one.snapshot_id for one in listed if not objects.keys() >= set(keys_of(one))]

    async def ids(self) -> set[str]:
        """The snapshots that are listed."""
        return {key.snapshot_id async for key in self.vault(self.stage.store).keys()}  # noqa: SIM118  # no mapping


def capture_at(snapshot_id: str, raw: bytes) -> Capture:
    """A capture that fits an id."""
    return make_capture(raw, captured_at=id_moment(snapshot_id))


OLD_ID: Final = new_snapshot_id(START - timedelta(days=2), "0000000a")
NEW_ID: Final = new_snapshot_id(START - timedelta(days=1), "0000000b")
THIRD_ID: Final = new_snapshot_id(START, "0000000c")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a vault holds when a race begins."""

    objects: dict[str, tuple[bytes, datetime]]
    old: Manifest
    new: Manifest
    plan: ProjectPrune
    number: int = 1

    def race(self) -> Race:
        """A race that begins with it."""
        contents = {OLD_ID: {OLD}, NEW_ID: {NEW}, THIRD_ID: {OLD, THIRD}}
        return Race(
            Stage(Clock(), objects=self.objects), self.old, self.new, self.plan, contents, itertools.count(self.number)
        )


async def beginning() -> Beginning:
    """A vault with an old snapshot, which no rule keeps, and the newest, of another content."""
    stage = Stage(Clock(START - timedelta(days=2)))
    vault = await Vault.open(stage.store, create=True, new_id=lambda: VAULT_ID)
    old = await vault.commits.store(capture_at(OLD_ID, OLD), snapshot_id=OLD_ID, parent=None, reuse_content=True)
    stage.clock.leap(24)
    new = await vault.commits.store(capture_at(NEW_ID, NEW), snapshot_id=NEW_ID, parent=old, reuse_content=True)
    history = await vault.history("prod", "EmailApp")
    rules = PruneRules(
        read_policy(SETTINGS.vault.retention), VanishedPolicy(), safety_days=0, grace=timedelta(hours=12)
    )
    plan = plan_prune(history, rules, holds={}, records=(), gone_since=None, now=START)
    assert plan.removed == (key_of(old),)
    return Beginning(stage.objects, old, new, plan)


async def pruned_once(first: Beginning, *, hours: float = PAST_GRACE) -> Beginning:
    """The same after a prune took the old snapshot, so many hours ago; its content waits."""
    race = first.race()
    race.stage.clock.leap(-hours)
    await race.prune(race.stage.store)
    return replace(first, objects=race.stage.objects, number=100)


async def swept(first: Beginning) -> Beginning:
    """The same after the next prune took the content, too; the records still speak of it."""
    race = (await pruned_once(first)).race()
    await race.prune(race.stage.store)
    assert first.old.content.key not in race.stage.objects
    return replace(first, objects=race.stage.objects, number=200)


async def third(first: Beginning) -> tuple[Manifest, bytes]:
    """A snapshot that refers to the old one's content, as another vault has it; and that content as it is stored."""
    race = first.race()
    manifest = await race.backup(race.stage.store)
    assert not isinstance(manifest, CluvaultError), manifest
    return manifest, race.stage.objects[manifest.content.key][0]
