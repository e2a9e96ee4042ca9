"""Removing: manifests first, contents after their grace period, and nothing that somebody came to need meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import DamagedSnapshot, ObjectLocked, ObjectNotFound, StoreUnavailable, VaultTooNew
from cluvault.model.hold import Hold
from cluvault.plan.history import key_of
from cluvault.plan.keys import prune_key, prunes_prefix
from cluvault.plan.prune import COMMIT_LIMIT, PruneRules, plan_prune, to_put_back
from cluvault.plan.retention import VanishedPolicy, read_policy
from cluvault.vault.memory import MemoryStore
from cluvault.vault.s3_store import S3Store
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore, Killed, KilledBehindDeletion
from tests.support.snapshots import START, everything, listed, make_capture, moment, overwrite, take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cluvault.model.manifest import Manifest
    from cluvault.model.object_info import ObjectInfo
    from cluvault.model.prune_record import PruneRecord
    from cluvault.plan.prune import ProjectPrune
    from cluvault.vault.removal import Pruned
    from cluvault.vault.store import ObjectStore
    from tests.support.s3_server import S3Server

GRACE = timedelta(hours=12)
HOUR = timedelta(hours=1)
HOLD = Hold(reason="audit", by="ada", held_at=moment(60))
HOLD_ID = "20261101T030000Z-00000001"


@dataclass
class Times:
    """The store's clock and the steady clock of whoever works; a test moves them."""

    now: datetime = START + timedelta(days=10)
    seconds: float = 0

    def pass_by(self, time: timedelta) -> None:
        """Let time pass."""
        self.now += time
        self.seconds += time.total_seconds()


@dataclass
class Place:
    """A vault in memory with its clocks, and prunes of prod/EmailApp in it."""

    times: Times = field(default_factory=Times)

    def __post_init__(self) -> None:
        self.store = MemoryStore(now=lambda: self.times.now)
        self.runs = 0

    def vault(self, store: ObjectStore | None = None) -> Vault:
        """The vault, opened by one more process."""
        return Vault(store or self.store, "v", clock=lambda: self.times.seconds)

    async def three(self) -> list[Manifest]:
        """Three snapshots; the third has the first one's content."""
        vault = self.vault()
        first = await take(vault, make_capture(b"1"), seconds=0)
        second = await take(vault, make_capture(b"2"), seconds=60, parent=first)
        third = await take(vault, make_capture(b"1"), seconds=120, parent=first)
        assert third.content.key == first.content.key
        return [first, second, third]

    async def plan(self, **rules: Any) -> ProjectPrune:
        """A plan that keeps the newest, or what the rules say."""
        return await make_plan(self.vault(), self.times.now, **rules)

    async def carry_out(self, plan: ProjectPrune, store: ObjectStore | None = None) -> Pruned:
        """Carry a plan out, maybe through a store that does something else, too."""
        self.runs += 1
        return await carry_out(self.vault(store), plan, self.times.now, run_id=f"run-{self.runs}")

    async def prune(self, store: ObjectStore | None = None, **rules: Any) -> Pruned:
        """Plan and carry out."""
        return await self.carry_out(await self.plan(**rules), store)

    async def ids(self) -> list[str]:
        """The ids of the snapshots that are listed."""
        return [key.snapshot_id for key in await listed(self.vault())]

    async def contents(self) -> list[str]:
        """The contents that are there."""
        return [key for key in await everything(self.store) if key.endswith(".gz")]

    async def records(self) -> list[PruneRecord]:
        """What prunes wrote."""
        found = await self.vault().removal.records("prod", "EmailApp")
        return [one.record for one in found if one.record is not None]


async def make_plan(
    vault: Vault, now: datetime, *, policy: dict[str, Any] | None = None, drop_damaged: bool = False
) -> ProjectPrune:
    """A plan for prod/EmailApp."""
    return plan_prune(
        await vault.history("prod", "EmailApp"),
        PruneRules(read_policy(policy or {"keep-last": 1}), VanishedPolicy(), 0, GRACE, drop_damaged=drop_damaged),
        holds=await vault.holds.of_project("prod", "EmailApp"),
        records=await vault.removal.records("prod", "EmailApp"),
        gone_since=None,
        now=now,
    )


async def carry_out(vault: Vault, plan: ProjectPrune, now: datetime, *, run_id: str) -> Pruned:
    """Carry a plan for prod/EmailApp out, with what the vault holds at this moment."""
    records = await vault.removal.records("prod", "EmailApp")
    history = await vault.history("prod", "EmailApp")
    return await vault.removal.carry_out(plan, history, records, run_id=run_id, now=now, grace=GRACE)


@pytest.fixture
def place() -> Place:
    """An empty vault."""
    return Place()


class Meanwhile(FaultyStore):
    """A store in which somebody does something once, just before or after the first call that begins so."""

    def __init__(
        self, inner: ObjectStore, deed: Callable[[], Awaitable[object]], *, before: str = "\0", after: str = "\0"
    ) -> None:
        super().__init__(inner)
        self._deeds = [deed]
        self._before, self._after = before, after

    async def _happen(self, call: str, when: str) -> None:
        if self._deeds and call.startswith(when):
            await self._deeds.pop()()

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        await self._happen(f"list {prefix}", self._before)
        async for found in super().list(prefix):
            yield found

    async def put_new(self, key: str, body: bytes) -> None:
        await self._happen(f"put_new {key}", self._before)
        await super().put_new(key, body)
        await self._happen(f"put_new {key}", self._after)

    async def delete(self, key: str) -> None:
        await self._happen(f"delete {key}", self._before)
        await super().delete(key)
        await self._happen(f"delete {key}", self._after)


class Locked(FaultyStore):
    """A store that keeps some objects immutable."""

    def __init__(self, inner: ObjectStore, *ends: str) -> None:
        super().__init__(inner)
        self.ends = ends

    async def delete(self, key: str) -> None:
        if key.endswith(self.ends):
            raise ObjectLocked(f"{key} is locked until 2027-01-01 00:00 UTC")
        await super().delete(key)


# --- the two steps -------------------------------------------------------------------------------------------------


async def test_snapshots_and_contents_in_every_store(store: ObjectStore) -> None:
    """The manifest goes, its content stays for the grace period by the store's own clock, and goes in a later run."""
    vault = await Vault.open(store, create=True)
    first = await take(vault, make_capture(b"1"), seconds=0)
    second = await take(vault, make_capture(b"2"), seconds=60, parent=first)
    now = datetime.now(UTC)
    done = await carry_out(vault, await make_plan(vault, now), now, run_id="one")
    assert (done.removed, done.contents) == ([key_of(first)], 0)
    assert await listed(vault) == [key_of(second)]
    assert first.content.key in await everything(store)
    [recorded] = await vault.removal.records("prod", "EmailApp")
    assert recorded.record is not None
    assert recorded.record.unreferenced == (first.content.key,)
    assert abs(recorded.stored_at - now) < HOUR
    assert (await make_plan(vault, now + GRACE - HOUR)).expired == ()
    premature = await make_plan(vault, now + GRACE + HOUR)  # by a clock that is wrong
    assert premature.expired == (first.content.key,)
    assert (await carry_out(vault, premature, now, run_id="two")).contents == 0
    history, records = await vault.history("prod", "EmailApp"), await vault.removal.records("prod", "EmailApp")
    done = await vault.removal.carry_out(premature, history, records, run_id="three", now=now, grace=timedelta())
    assert (done.contents, done.content_bytes) == (1, first.content.bytes)
    assert first.content.key not in await everything(store)
    assert await vault.read(second) == b"2"


async def test_the_record_comes_before_anything_goes(place: Place) -> None:
    """It holds every manifest that goes, letter by letter."""
    snapshots = await place.three()
    texts = await everything(place.store)
    plan = await place.plan()
    watched = FaultyStore(place.store)
    done = await place.carry_out(plan, watched)
    assert done.removed == [key_of(one) for one in snapshots[:2]]
    changes = [call for call in watched.calls if call.startswith(("put_new", "delete"))]
    removals = [f"delete {key_of(one).manifest}" for one in snapshots[:2]]
    assert changes == [f"put_new {prune_key('prod', 'EmailApp', 'run-1')}", *removals]
    [record] = await place.records()
    assert [one.manifest.encode() for one in record.removed] == [texts[key_of(one).manifest] for one in snapshots[:2]]
    assert record.unreferenced == (snapshots[1].content.key,)


async def test_contents_go_after_the_grace_period(place: Place) -> None:
    """Not a second earlier, and only what nothing refers to; a run with nothing new writes no record."""
    _, second, third = await place.three()
    await place.prune()
    place.times.pass_by(GRACE - timedelta(seconds=1))
    assert (await place.prune()).contents == 0
    assert len(await place.records()) == 1
    place.times.pass_by(timedelta(seconds=1))
    done = await place.prune()
    assert (done.contents, done.content_bytes) == (1, second.content.bytes)
    assert await place.contents() == [third.content.key]
    assert await place.vault().read(third) == b"1"
    assert not (await place.plan()).has_work


async def test_many_contents(place: Place) -> None:
    """More than are held in memory at once."""
    vault = place.vault()
    for number in range(20):
        await take(vault, make_capture(str(number).encode()), seconds=number)
    await place.prune()
    place.times.pass_by(GRACE)
    assert (await place.prune()).contents == 19
    assert len(await place.contents()) == 1


async def test_content_that_a_killed_backup_left(place: Place) -> None:
    """It is recorded when it is first seen, waits as all others do, and goes."""
    await place.three()
    loose = "snapshots/prod/EmailApp/20261101T010000Z-00000009/config.json.gz"
    await place.store.put_new(loose, b"left")
    await place.prune(policy={"keep-last": 9})
    assert (await place.records())[0].unreferenced == (loose,)
    place.times.pass_by(GRACE)
    assert (await place.prune(policy={"keep-last": 9})).contents == 1
    assert len(await place.ids()) == 3


# --- meanwhile -----------------------------------------------------------------------------------------------------


async def test_a_snapshot_that_is_held_after_the_plan(place: Place) -> None:
    """It is not touched."""
    first, second, _ = await place.three()
    plan = await place.plan()
    await place.vault().holds.place(key_of(first), HOLD, hold_id=HOLD_ID)
    watched = FaultyStore(place.store)
    done = await place.carry_out(plan, watched)
    assert (done.held, done.removed) == ([key_of(first)], [key_of(second)])
    assert f"delete {key_of(first).manifest}" not in watched.calls


async def test_a_snapshot_that_is_held_while_it_is_removed(place: Place) -> None:
    """The hold came before the manifest went: it is back before the prune ends, byte for byte."""
    first, second, third = await place.three()
    before = await place.store.get(key_of(first).manifest)
    hold = place.vault().holds.place

    async def deed() -> None:
        await hold(key_of(first), HOLD, hold_id=HOLD_ID)

    done = await place.prune(Meanwhile(place.store, deed, before=f"delete {key_of(first).manifest}"))
    assert (done.held, done.removed) == ([key_of(first)], [key_of(second)])
    assert await place.store.get(key_of(first).manifest) == before
    assert await place.ids() == [first.snapshot_id, third.snapshot_id]


async def test_a_prune_that_is_killed_before_it_puts_a_held_snapshot_back(place: Place) -> None:
    """The next one does, from the record; one whose content is gone stays gone."""
    first, _, _ = await place.three()
    hold = place.vault().holds.place

    async def deed() -> None:
        await hold(key_of(first), HOLD, hold_id=HOLD_ID)

    killed = Meanwhile(KilledBehindDeletion(place.store), deed, before=f"delete {key_of(first).manifest}")
    plan = await place.plan()
    with pytest.raises(Killed):
        await place.carry_out(plan, killed)
    assert first.snapshot_id not in await place.ids()
    vault = place.vault()
    found = to_put_back(
        await vault.history("prod", "EmailApp"),
        await vault.holds.of_project("prod", "EmailApp"),
        await vault.removal.records("prod", "EmailApp"),
    )
    assert (await place.plan()).returning == tuple(found) == (key_of(first),)
    assert await vault.removal.put_back(found) == [key_of(first)]
    assert await vault.read(first) == b"1"
    await place.store.delete(key_of(first).manifest)
    await place.store.delete(first.content.key)
    assert await vault.removal.put_back(found) == []
    assert first.snapshot_id not in await place.ids()


async def test_a_content_that_goes_while_its_snapshot_is_put_back(place: Place) -> None:
    """Another prune has not seen the manifest yet: the content is written again."""
    first, second, _ = await place.three()
    await place.prune()
    [record] = await place.records()
    removed = {key_of(second): record.removed[1]}

    async def deed() -> None:
        await place.store.delete(second.content.key)

    racing = Meanwhile(place.store, deed, after=f"put_new {key_of(second).manifest}")
    assert await place.vault(racing).removal.put_back(removed) == [key_of(second)]
    assert await place.vault().read(second) == b"2"
    assert key_of(first).snapshot_id not in await place.ids()


@pytest.mark.parametrize("when", ["after the plan", "while it goes"])
async def test_a_content_that_a_new_snapshot_refers_to(place: Place, when: str) -> None:
    """It stays, or is back, byte for byte; the others go."""
    first, second, third = await place.three()
    await place.prune()
    loose = "snapshots/prod/EmailApp/20261101T010000Z-00000009/config.json.gz"
    await place.store.put_new(loose, b"left")
    await place.prune()
    place.times.pass_by(GRACE)
    plan = await place.plan()
    assert set(plan.expired) == {second.content.key, loose}

    async def deed() -> None:
        manifest = second.model_copy(update={"snapshot_id": "20261110T020000Z-000b2c3d"})
        await place.store.put_new(key_of(manifest).manifest, manifest.to_bytes())

    if when == "after the plan":
        await deed()
        watched = FaultyStore(place.store)
        done = await place.carry_out(plan, watched)
        assert f"delete {second.content.key}" not in watched.calls
    else:
        done = await place.carry_out(plan, Meanwhile(place.store, deed, before=f"delete {second.content.key}"))
    assert done.contents == 1
    assert await place.contents() == sorted([first.content.key, second.content.key])
    for manifest in await place.vault().snapshots():
        assert await place.vault().read(manifest) == (b"1" if manifest == third else b"2")


async def test_a_manifest_that_goes_bad_while_contents_go(place: Place) -> None:
    """What cannot be read may refer to anything: what was taken away is put back."""
    _, second, _ = await place.three()
    await place.prune()
    place.times.pass_by(GRACE)

    async def deed() -> None:
        await place.store.put_new(f"{key_of(second).folder[:-9]}00000001/manifest.json", b"{")

    before = await place.contents()
    done = await place.prune(Meanwhile(place.store, deed, before=f"delete {second.content.key}"))
    assert (done.contents, await place.contents()) == (0, before)


@pytest.mark.parametrize("body", [b"{", b'{"format": 2}'])
async def test_an_unreadable_manifest_keeps_every_content(place: Place, body: bytes) -> None:
    """After the plan was made as well as before it; snapshots that can be judged go."""
    _, second, third = await place.three()
    await place.prune()
    place.times.pass_by(GRACE)
    plan = await place.plan()
    bad = "snapshots/prod/EmailApp/20261101T010000Z-00000009/manifest.json"
    await place.store.put_new(bad, body)
    assert plan.expired == (second.content.key,)
    assert (await place.carry_out(plan)).contents == 0
    assert (await place.prune()).contents == 0
    await place.store.delete(bad)
    assert (await place.prune()).contents == 1
    assert await place.contents() == [third.content.key]


async def test_a_snapshot_that_is_pruned_while_it_is_looked_at(place: Place) -> None:
    """It refers to nothing any more."""
    _, second, _ = await place.three()
    await place.prune()
    place.times.pass_by(GRACE)
    plan = await place.plan()
    late = second.model_copy(update={"snapshot_id": "20261110T020000Z-000b2c3d"})
    await place.store.put_new(key_of(late).manifest, late.to_bytes())
    history = await place.vault().history("prod", "EmailApp")
    await place.store.delete(key_of(late).manifest)
    records = await place.vault().removal.records("prod", "EmailApp")
    newer = second.model_copy(update={"snapshot_id": "20261110T020000Z-00000001"})
    await place.store.put_new(key_of(newer).manifest, newer.to_bytes())

    class PrunedMeanwhile(FaultyStore):
        async def get(self, key: str) -> bytes:
            if key == key_of(newer).manifest:
                await place.store.delete(key)
            return await super().get(key)

    removal = place.vault(PrunedMeanwhile(place.store)).removal
    done = await removal.carry_out(plan, history, records, run_id="x", now=place.times.now, grace=GRACE)
    assert done.contents == 1


async def test_another_prune_that_was_quicker(place: Place) -> None:
    """What it removed is neither recorded nor reported again, and nothing fails."""
    _, second, _ = await place.three()
    plan = await place.plan()
    await place.prune()
    done = await place.carry_out(plan)
    assert (done.removed, done.held, done.locked) == ([], [], {})
    assert (await place.records())[1].removed == ()
    place.times.pass_by(GRACE)
    plan = await place.plan()
    await place.store.delete(second.content.key)
    assert (await place.carry_out(plan)).contents == 0


async def test_a_prune_that_takes_too_long(place: Place) -> None:
    """It does not go by its own record any longer than whoever writes manifests relies on what it saw."""
    first, second, third = await place.three()

    async def deed() -> None:
        place.times.pass_by(COMMIT_LIMIT + timedelta(seconds=1))

    done = await place.prune(Meanwhile(place.store, deed, after=f"delete {key_of(first).manifest}"))
    assert (done.removed, done.late) == ([key_of(first)], [key_of(second)])
    assert await place.ids() == [second.snapshot_id, third.snapshot_id]
    assert (await place.prune()).removed == [key_of(second)]
    place.times.pass_by(GRACE - HOUR)
    assert (await place.plan()).expired == (), "the second record started the clock anew"


async def test_a_late_prune_removes_nothing_at_all(place: Place) -> None:
    """When its record took so long."""
    first, second, _ = await place.three()

    async def deed() -> None:
        place.times.pass_by(COMMIT_LIMIT + timedelta(seconds=1))

    done = await place.prune(Meanwhile(place.store, deed, after="put_new prunes/"))
    assert (done.removed, done.late) == ([], [key_of(first), key_of(second)])
    assert len(await place.ids()) == 3


@pytest.mark.parametrize("call", ["put_new prunes/", "list prunes/", "delete snapshots/"])
async def test_a_store_that_goes_away(place: Place, call: str) -> None:
    """The error is raised as it is, every listed snapshot can be read, and the next run ends the work."""
    await place.three()
    plan = await place.plan()
    history = await place.vault().history("prod", "EmailApp")

    async def pull() -> None:
        raise StoreUnavailable("the cable")

    removal = place.vault(Meanwhile(place.store, pull, before=call)).removal
    with pytest.raises(StoreUnavailable, match="the cable"):
        await removal.carry_out(plan, history, (), run_id="x", now=place.times.now, grace=GRACE)
    for manifest in await place.vault().snapshots():
        await place.vault().read(manifest)
    await place.prune()
    assert len(await place.ids()) == 1


# --- locked objects ------------------------------------------------------------------------------------------------


async def test_what_is_locked_is_reported(place: Place) -> None:
    """It stays, until when is said, and the others go."""
    first, second, _ = await place.three()
    key = key_of(first).manifest
    done = await place.prune(Locked(place.store, key))
    assert done.removed == [key_of(second)]
    assert done.locked == {key: f"{key} is locked until 2027-01-01 00:00 UTC"}
    place.times.pass_by(GRACE)
    content = second.content.key
    done = await place.prune(Locked(place.store, key, content))
    assert (list(done.locked), done.contents) == ([key, content], 0)
    assert await place.contents() == sorted([first.content.key, content])


async def test_a_locked_snapshot_in_s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a bucket with object lock: it stays whole, the prune goes on."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    bucket = f"pruned-{next(s3_server.numbers)}"
    s3_server.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    store = S3Store(bucket, connections=2)
    vault = await Vault.open(store, create=True)
    first, second, _ = [await take(vault, make_capture(str(number).encode()), seconds=number) for number in range(3)]
    hold: Any = {"Status": "ON"}
    s3_server.client.put_object_legal_hold(Bucket=bucket, Key=key_of(first).manifest, LegalHold=hold)
    now = datetime.now(UTC)
    done = await carry_out(vault, await make_plan(vault, now), now, run_id="one")
    assert (done.removed, list(done.locked)) == ([key_of(second)], [key_of(first).manifest])
    assert await vault.read(await vault.manifest(key_of(first))) == b"0"
    await store.aclose()


# --- records -------------------------------------------------------------------------------------------------------


async def test_records_that_are_too_old_go(place: Place) -> None:
    """With the next prune that has something to do; a locked one stays and is no failure."""
    await place.three()
    await place.prune()
    place.times.pass_by(timedelta(days=91))
    await take(place.vault(), make_capture(b"3"), seconds=180)
    plan = await place.plan()
    await place.carry_out(plan, Locked(place.store, "run-1.json"))
    assert [one.run_id for one in await place.records()] == ["run-1", "run-2"]
    await place.carry_out(plan)
    assert [one.run_id for one in await place.records()] == ["run-2", "run-3"]


async def test_an_unreadable_record_only_delays(place: Place) -> None:
    """Its contents wait for a grace period more, from the next record on; other objects there are passed over."""
    await place.three()
    await place.prune()
    await overwrite(place.store, prune_key("prod", "EmailApp", "run-1"), b"{")
    await place.store.put_new(f"{prunes_prefix('prod', 'EmailApp')}README.txt", b"")
    place.times.pass_by(GRACE)
    assert (await place.prune()).contents == 0
    assert [one.run_id for one in await place.records()] == ["run-2"]
    place.times.pass_by(GRACE)
    assert (await place.prune()).contents == 1


async def test_a_record_of_a_newer_format_stops_the_prune(place: Place) -> None:
    """What it means is not guessed."""
    await place.three()
    await place.store.put_new(prune_key("prod", "EmailApp", "run-0"), b'{"format": 2}')
    with pytest.raises(VaultTooNew):
        await place.plan()


async def test_a_record_that_does_not_appear(place: Place) -> None:
    """A store that loses what it was given: nothing is removed."""
    await place.three()

    async def deed() -> None:
        await place.store.delete(prune_key("prod", "EmailApp", "run-1"))

    with pytest.raises(ObjectNotFound, match=r"run-1\.json was written and is gone"):
        await place.prune(Meanwhile(place.store, deed, after="put_new prunes/"))
    assert len(await place.ids()) == 3


async def test_a_manifest_that_goes_bad_after_the_plan(place: Place) -> None:
    """It is not removed on the strength of what it said before."""
    first, _, _ = await place.three()
    plan = await place.plan()
    await overwrite(place.store, key_of(first).manifest, b"{")
    with pytest.raises(DamagedSnapshot):
        await place.carry_out(plan)
    assert len(await place.ids()) == 3
    assert await place.records() == []
