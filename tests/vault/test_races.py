"""Promise 5: backups, copies, prunes, holds and readers of one vault, in every order of their store operations.

`tests/support/interleaving.py` says what an order is. A leap of the clock by 13 hours is a pause, longer than every
limit, of all who are under way. Where all orders are too many, some are picked by chance: RACE_TIMES=50 picks so many
times more.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from cluvault.errors import SnapshotNotFound, StoreUnavailable
from cluvault.ops import prune
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.commits import Commits
from cluvault.vault.removal import Removal
from cluvault.vault.stored_contents import StoredContents
from cluvault.vault.vault import Vault
from tests.support.interleaving import START, explore, stroll
from tests.support.races import OLD, PAST_GRACE, THIRD, THIRD_ID, Beginning, Race, beginning, pruned_once, swept, third

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.model.manifest import Manifest
    from cluvault.ops.prune import PruneOptions
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.history import History
    from cluvault.plan.prune import PruneRules
    from tests.support.interleaving import Stage

pytestmark = pytest.mark.crashes

TIMES: Final = int(os.environ.get("RACE_TIMES", "1"))


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs in threads runs at once: a thread's end would come when it likes."""

    async def at_once(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    monkeypatch.setattr(asyncio, "to_thread", at_once)


class Watch:
    """Plays a scene, and fails at the first order after which something is that must not be."""

    def __init__(self, first: Beginning, start: Callable[[Race], None]) -> None:
        self._first = first
        self._start = start
        self.race = first.race()

    async def begin(self) -> Stage:
        self.race = self._first.race()
        self._start(self.race)
        return self.race.stage

    def at_each(self, _stage: Stage) -> None:
        """At no moment a snapshot is listed without its content."""
        self._judge([f"{one} is listed without content" for one in self.race.dangling()])

    async def at_end(self, stage: Stage) -> None:
        """Everything listed reads back, what the policy keeps is there, what is held is there or comes back."""
        faults = [*await self.race.damage(), *self._faults_of_processes(stage), *await self._faults_of_hold(stage)]
        if not self._newest(stage) & await self.race.ids():
            faults.append("the newest is gone")
        self._judge(faults)

    async def _faults_of_hold(self, stage: Stage) -> list[str]:
        held = stage.outcome("hold") if "hold" in stage.names else None
        if not isinstance(held, SnapshotKey) or held.snapshot_id in await self.race.ids():
            return []
        if stage.has_dead:
            await self.race.prune(stage.store)
        is_back = held.snapshot_id in await self.race.ids()
        return await self.race.damage() if is_back else [f"{held.reference} is held and gone"]

    def _newest(self, stage: Stage) -> set[str]:
        """What the policy keeps: what the backup says that it stored; else it may have stored it or not."""
        stored = stage.outcome("backup") if "backup" in stage.names else None
        if stored is not None and not isinstance(stored, Exception):
            return {THIRD_ID}
        return {THIRD_ID, self.race.new.snapshot_id}

    def _faults_of_processes(self, stage: Stage) -> list[str]:
        outcomes = {name: stage.outcome(name) for name in stage.names}
        return [
            f"{name}: {error!r}"
            for name, error in outcomes.items()
            if isinstance(error, BaseException) and not isinstance(error, SnapshotNotFound | StoreUnavailable)
        ]

    def _judge(self, faults: list[str]) -> None:
        if faults:
            last = "\n".join(f"{move.process} {move.call}" for move in self.race.stage.log[-15:])
            pytest.fail(f"{faults} after\n{last}", pytrace=False)


async def all_orders(first: Beginning, start: Callable[[Race], None], *, at_each: bool = False) -> int:
    """Play a scene in all orders; how many there were."""
    watch = Watch(first, start)
    if at_each:
        return await explore(watch.begin, at_end=watch.at_end, at_each=watch.at_each)
    return await explore(watch.begin, at_end=watch.at_end)


async def some_orders(first: Beginning, start: Callable[[Race], None], *, times: int) -> int:
    """Play a scene in orders picked by chance, a multiple of so many; how many different ones there were."""
    watch = Watch(first, start)
    return await stroll(watch.begin, seed=4, times=times * TIMES, at_end=watch.at_end)


def start_backup(
    race: Race, *, raw: bytes = OLD, parent: Manifest | None = None, serves_old: bool = False, **options: Any
) -> None:
    """A backup, by default one that refers to the old content."""
    store = race.stage.store_of("backup")
    race.stage.start("backup", race.backup(store, raw=raw, parent=parent, serves_old=serves_old), **options)


def start_prune(race: Race, name: str = "prune", *, times: int = 1, **options: Any) -> None:
    """A prune."""
    race.stage.start(name, race.prune(race.stage.store_of(name), times=times), **options)


def start_hold(race: Race, **options: Any) -> None:
    """A hold on the old snapshot."""
    race.stage.start("hold", race.hold(race.stage.store_of("hold"), key_of(race.old)), **options)


def start_read(race: Race) -> None:
    """A reader of the old snapshot."""
    race.stage.start("read", race.read(race.stage.store_of("read"), key_of(race.old)))


def start_adopt(race: Race, manifest: Manifest, body: bytes, **options: Any) -> None:
    """A copy that comes from another vault."""
    race.stage.start("adopt", race.adopt(race.stage.store_of("adopt"), manifest, body), **options)


# --- prune while a backup refers to old content --------------------------------------------------------------------


def backup_and_prunes(race: Race) -> None:
    """A backup; a prune that takes the snapshot it relies on, and then one that takes the content; a pause."""
    start_backup(race)
    start_prune(race, times=2)
    race.stage.may_leap(PAST_GRACE)


def backup_and_two_sweepers(race: Race) -> None:
    """The same with two who prune, and pauses of several lengths."""
    start_backup(race)
    start_prune(race, "one", times=2)
    start_prune(race, "other", times=2)
    race.stage.may_leap(0.9, PAST_GRACE, 1.1)


def backup_of_new_content(race: Race) -> None:
    """A backup that writes content of its own, which a prune sees before its manifest; and a pause."""
    start_backup(race, raw=THIRD)
    start_prune(race, times=2)
    race.stage.may_leap(PAST_GRACE)


async def test_prune_while_a_backup_refers_to_old_content() -> None:
    """Wherever the two stand, and wherever both stand still past the grace period, what is listed reads back."""
    first = await beginning()
    every = await all_orders(first, backup_and_prunes)
    picked = await some_orders(first, backup_and_two_sweepers, times=600)
    assert every + picked >= 1_000


async def test_prune_while_a_backup_refers_to_old_content_for_a_model() -> None:
    """What a deployed model was trained on is as safe as a draft, wherever the two stand, or one is killed."""

    def start(race: Race) -> None:
        start_backup(race, raw=THIRD, parent=race.new, serves_old=True)
        start_prune(race, times=2)
        race.stage.may_leap(PAST_GRACE)

    def killed(race: Race) -> None:
        start_backup(race, raw=THIRD, parent=race.new, serves_old=True, may_die=True)
        start_prune(race)

    await some_orders(await beginning(), start, times=150)
    await all_orders(await pruned_once(await beginning()), killed, at_each=True)


async def test_prune_while_a_backup_writes_new_content() -> None:
    """Content whose manifest is late is looked at again behind it."""
    await all_orders(await beginning(), backup_of_new_content)


@pytest.mark.parametrize("dies", ["backup", "prune"])
async def test_a_parent_that_was_read_long_ago(dies: str) -> None:
    """A snapshot that is no longer listed is no reason to rely on its content, which may be swept this moment."""
    waiting = await pruned_once(await beginning())

    def start(race: Race) -> None:
        start_backup(race, parent=waiting.old, may_die=dies == "backup")
        start_prune(race, may_die=dies == "prune")

    await all_orders(waiting, start, at_each=True)


@pytest.mark.parametrize("dies", ["backup", "prune"])
async def test_backup_or_prune_is_killed(dies: str) -> None:
    """Without a pause either may be killed anywhere: at no moment a listed snapshot lacks its content."""

    def start(race: Race) -> None:
        start_backup(race, may_die=dies == "backup")
        start_prune(race, times=2, may_die=dies == "prune")

    await all_orders(await beginning(), start, at_each=True)
    await all_orders(await pruned_once(await beginning(), hours=11), start, at_each=True)


async def test_what_remains() -> None:
    """A pause past every limit just before the manifest, and a kill just after it: the damage is named."""
    watch = Watch(await beginning(), start_backup)
    stage = await watch.begin()
    start_prune(watch.race, "first")
    start_prune(watch.race, "second")
    stage.may_leap(PAST_GRACE)
    await stage.settle()
    for _ in range(3):  # it has seen the parent, its content, and the parent again
        await stage.go("backup", past="get")
    await stage.go("first")
    await stage.go("clock")
    await stage.go("second")
    await stage.go("backup", past="put_new")
    await stage.end()
    (damage,) = await watch.race.damage()
    assert damage.startswith(f"prod/EmailApp@{THIRD_ID}: content ")
    assert "is missing" in damage


# --- the others ----------------------------------------------------------------------------------------------------


def hold_and_prune(race: Race) -> None:
    """A hold on what a prune removes."""
    start_hold(race)
    start_prune(race)


@pytest.mark.parametrize("dies", ["nobody", "hold", "prune"])
async def test_hold_while_a_prune_removes(dies: str) -> None:
    """A hold that was acknowledged holds; if the prune is killed, the next one brings the snapshot back."""

    def start(race: Race) -> None:
        start_hold(race, may_die=dies == "hold")
        start_prune(race, may_die=dies == "prune")

    await all_orders(await beginning(), start, at_each=True)


async def test_hold_backup_and_prunes() -> None:
    """A hold, a backup that uses the same content, two who prune, and a reader, with pauses anywhere."""

    def start(race: Race) -> None:
        backup_and_two_sweepers(race)
        start_hold(race)
        start_read(race)

    await some_orders(await beginning(), start, times=150)


async def hold_while_all_stand_still(first: Beginning) -> None:
    """A hold and a prune stand still in the one moment in which each relies on the other; a second prune sweeps."""
    watch = Watch(first, hold_and_prune)
    stage = await watch.begin()
    start_prune(watch.race, "other")
    stage.may_leap(PAST_GRACE)
    await stage.settle()
    await stage.go("hold", past="get")
    await stage.go("prune", past="delete")
    await stage.go("clock")
    await stage.go("other")
    await stage.go("hold", past="put_new")
    await stage.go("prune")
    await stage.go("hold")
    await watch.at_end(stage)


async def test_a_hold_and_a_prune_that_both_stand_still() -> None:
    """A hold that comes while prunes stand past the grace period brings back no snapshot without its content."""
    await hold_while_all_stand_still(await beginning())


async def test_a_copy_comes_while_a_prune_sweeps() -> None:
    """A copy of a snapshot whose content lies here, referred to by nothing and past its grace, ends with the content.

    Both are alive to the end: who is killed here is the residual risk in `docs/vault.md`.
    """
    first = await beginning()
    waiting = await pruned_once(first)
    manifest, body = await third(first)

    def shared(race: Race) -> None:
        start_adopt(race, manifest, body)
        start_prune(race)

    def its_own(race: Race) -> None:
        start_adopt(race, first.old, body)
        start_prune(race)

    await all_orders(waiting, shared)
    await all_orders(waiting, its_own)


@pytest.mark.parametrize("dies", ["adopt", "prune"])
async def test_a_copy_writes_what_an_old_record_calls_unreferenced(dies: str) -> None:
    """Content that was swept long ago and is copied anew is as safe as any other that is being written."""

    def start(race: Race) -> None:
        start_adopt(race, manifest, body, may_die=dies == "adopt")
        start_prune(race, may_die=dies == "prune")

    first = await beginning()
    manifest, body = await third(first)
    await all_orders(await swept(first), start, at_each=True)


async def test_readers_and_prunes() -> None:
    """Whoever reads a snapshot gets its bytes, or hears that it is gone: never that it is damaged."""

    def start(race: Race) -> None:
        start_read(race)
        start_prune(race, times=2)
        race.stage.may_leap(PAST_GRACE)

    await all_orders(await beginning(), start)


# --- what each safeguard is for ------------------------------------------------------------------------------------


async def nothing(*_: object, **__: object) -> None:
    """Do not do it."""


def blind(first: Beginning) -> Callable[[Vault, SnapshotKey], Awaitable[Manifest]]:
    """A look at a snapshot that finds it whatever became of it."""

    async def manifest(_: Vault, key: SnapshotKey) -> Manifest:
        return first.old if key == key_of(first.old) else first.new

    return manifest


async def only_list(self: Removal, key: SnapshotKey, manifest: bytes) -> bool:
    """Bring a snapshot back without a look at its content."""
    await self._put(key.manifest, manifest)  # pyright: ignore[reportPrivateUsage]  # a part is taken out
    return True


def never(*_: object) -> bool:
    """No."""
    return False


async def sweep_and_backup(at: Beginning) -> None:
    """Backup and prune; the prune may be killed."""

    def start(race: Race) -> None:
        start_backup(race)
        start_prune(race, times=2, may_die=True)

    await all_orders(at, start, at_each=True)


async def copy_and_sweep(at: Beginning, *, dies: bool = False) -> None:
    """A copy of a third snapshot and a prune, which may be killed."""
    manifest, body = await third(await beginning())

    def start(race: Race) -> None:
        start_adopt(race, manifest, body)
        start_prune(race, may_die=dies)

    await all_orders(at, start, at_each=dies)


async def test_without_the_second_look_of_a_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows what the look behind the manifest prevents, for a backup and for a copy."""
    monkeypatch.setattr(StoredContents, "keep", nothing)
    with pytest.raises(pytest.fail.Exception, match="is missing"):
        await all_orders(await beginning(), backup_and_prunes)
    with pytest.raises(pytest.fail.Exception, match="is missing"):
        await copy_and_sweep(await pruned_once(await beginning()))


async def test_without_the_put_back_of_a_prune(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows what the look behind a sweep prevents."""
    monkeypatch.setattr(Removal, "_put", nothing)
    with pytest.raises(pytest.fail.Exception, match="is missing"):
        await all_orders(await beginning(), backup_and_prunes)


async def test_without_the_look_at_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows what the look behind a removal prevents."""
    monkeypatch.setattr(Removal, "_return_held", nothing)
    with pytest.raises(pytest.fail.Exception, match="is held and gone"):
        await all_orders(await beginning(), hold_and_prune)


async def test_without_the_second_look_of_a_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows that a hold which does not look again would promise what it cannot keep."""
    first = await beginning()
    monkeypatch.setattr(Vault, "manifest", blind(first))
    with pytest.raises(pytest.fail.Exception, match="is held and gone"):
        await all_orders(first, hold_and_prune)


async def test_without_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows that without a grace period a kill is enough."""
    rules = prune.rules_of

    def graceless(workspace: Workspace, options: PruneOptions) -> PruneRules:
        return replace(rules(workspace, options), grace=timedelta(0))

    monkeypatch.setattr(prune, "rules_of", graceless)
    with pytest.raises(pytest.fail.Exception, match="is listed without content"):
        await sweep_and_backup(await beginning())


async def test_without_the_limit_of_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows that a backup has to notice that it took too long."""
    monkeypatch.setattr(Commits, "_is_late", never)
    with pytest.raises(pytest.fail.Exception, match="is missing"):
        await all_orders(await beginning(), backup_of_new_content)


async def test_without_the_second_look_at_a_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows what becomes of a backup that relies on a snapshot which it saw long ago."""
    waiting = await pruned_once(await beginning())
    monkeypatch.setattr(Vault, "manifest", blind(waiting))

    def start(race: Race) -> None:
        start_backup(race, parent=waiting.old)
        start_prune(race, may_die=True)

    with pytest.raises(pytest.fail.Exception, match="is listed without content"):
        await all_orders(waiting, start, at_each=True)


async def test_without_the_age_of_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows that a record alone does not say that a content is old."""
    look = Removal._look  # pyright: ignore[reportPrivateUsage]  # a part is taken out

    async def all_old(self: Removal, history: History) -> Any:
        found = await look(self, history)
        old = (
            {key: replace(info, modified=START - timedelta(days=9)) for key, info in found.contents.items()}
            if found
            else {}
        )
        return replace(found, contents=old) if found else None

    monkeypatch.setattr(Removal, "_look", all_old)
    with pytest.raises(pytest.fail.Exception, match="is listed without content"):
        await copy_and_sweep(await swept(await beginning()), dies=True)


async def test_without_a_look_at_the_content_of_what_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The race shows that a held snapshot must not come back after its content was swept."""
    monkeypatch.setattr(Removal, "_bring_back", only_list)
    with pytest.raises(pytest.fail.Exception, match="is missing"):
        await hold_while_all_stand_still(await beginning())
