"""A vault and a dictionary that remembers what was promised, under whatever order of deeds, faults and pauses.

Two machines work on one vault, each with one operation under way, which stops at every store operation and goes on
later. MODEL_RUNS=2000 tries so many sequences.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cluvault.errors import SnapshotNotFound, StoreUnavailable
from cluvault.model.hold import Hold, Release
from cluvault.model.manifest import id_moment, new_snapshot_id
from cluvault.plan.history import key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import PruneRules, plan_prune, to_put_back
from cluvault.plan.retention import RetentionPolicy, VanishedPolicy
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore, StopPoint, raising
from tests.support.interleaving import Clock, Stage
from tests.support.snapshots import make_capture

if TYPE_CHECKING:
    from collections.abc import Coroutine

    import pytest

    from cluvault.vault.store import ObjectStore

RUNS: Final = int(os.environ.get("MODEL_RUNS", "60"))
RULES: Final = PruneRules(RetentionPolicy(last=2), VanishedPolicy(), safety_days=0, grace=timedelta(hours=12))
MACHINES: Final = ("one", "two")
CONTENTS: Final = (b"first", b"second", b"third")


class VaultMachine(RuleBasedStateMachine):
    """What two machines do to a vault, and what they were told.

    Attributes:
        contents: What each snapshot that was ever begun has to give.
        held: Acknowledged holds that nobody began to release.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.stage = Stage(self.clock)
        self.numbers = itertools.count(1)
        self.contents: dict[str, bytes] = {}
        self.stored: set[str] = set()
        self.held: set[SnapshotKey] = set()
        self.live = CONTENTS[0]
        self.last: dict[str, str] = {}
        self.has_faults = False
        self.copy = MemoryStore(now=self.clock.now)

    # --- the machinery ---------------------------------------------------------------------------------------------

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something to its end."""
        return self.loop.run_until_complete(work)

    def vault(self, store: ObjectStore) -> Vault:
        """The vault as one process sees it."""
        return Vault(store, "the-vault", clock=self.clock.seconds)

    def begin(self, machine: str, work: Any, fault: StopPoint | None) -> None:
        """Let a machine begin an operation, once its last one is at its end; the store may fail at one point of it."""
        self.finish(machine)
        self.has_faults |= fault is not None
        name = f"{machine} {next(self.numbers)}"
        store = FaultyStore(
            self.stage.store_of(name), point=fault, fault=raising(StoreUnavailable("-")), stays_down=False
        )

        async def start() -> None:
            self.stage.start(name, self.heard(work, self.vault(store)))
            await self.stage.settle()

        self.last[machine] = name
        self.wait(start())

    async def heard(self, work: Any, vault: Vault) -> None:
        """Errors that may pass, and snapshots that are gone, are answers; anything else is a fault of the vault."""
        try:
            await work(vault)
        except (StoreUnavailable, SnapshotNotFound):
            return

    def finish(self, machine: str) -> None:
        """Let a machine's operation come to its end."""
        if machine in self.last:
            self.wait(self.stage.go(self.last[machine]))
            assert self.stage.outcome(self.last[machine]) is None

    def fresh_id(self) -> str:
        """The id of a snapshot that is taken now."""
        self.clock.leap(0.01)
        return new_snapshot_id(self.clock.moment, f"{next(self.numbers):08x}")

    # --- what is done ----------------------------------------------------------------------------------------------

    faults = (
        st.none() | st.none() | st.builds(StopPoint, st.integers(1, 14), st.sampled_from(["before", "after", "during"]))
    )
    machines = st.sampled_from(MACHINES)

    @initialize()
    def make(self) -> None:
        """Two empty vaults."""
        self.wait(Vault.open(self.stage.store, create=True, new_id=lambda: "the-vault"))
        self.wait(Vault.open(self.copy, create=True, new_id=lambda: "the-copy"))
        for content in CONTENTS:
            self.edit(content)
            self.backup("one", None)
            self.finish("one")
        self.edit(CONTENTS[0])

    @rule(content=st.sampled_from(CONTENTS))
    def edit(self, content: bytes) -> None:
        """Somebody changes the project, maybe back to what it was."""
        self.live = content

    @rule(machine=machines, fault=faults)
    def backup(self, machine: str, fault: StopPoint | None) -> None:
        """Store the project as it is now."""
        snapshot_id, content = self.fresh_id(), self.live
        self.contents[snapshot_id] = content

        same = [one for one in sorted(self.stored) if self.contents[one] == content]

        async def work(vault: Vault) -> None:
            parent = None  # it may have seen any as the latest
            if same:
                with suppress(SnapshotNotFound):
                    parent = await vault.manifest(SnapshotKey("prod", "EmailApp", same[-1]))
            capture = make_capture(content, captured_at=id_moment(snapshot_id))
            await vault.commits.store(capture, snapshot_id=snapshot_id, parent=parent, reuse_content=True)
            self.stored.add(snapshot_id)

        self.begin(machine, work, fault)

    @rule(machine=machines, fault=faults)
    def prune(self, machine: str, fault: StopPoint | None) -> None:
        """Plan, and carry the plan out."""
        run_id = self.fresh_id()

        async def work(vault: Vault) -> None:
            history = await vault.history("prod", "EmailApp")
            holds = await vault.holds.of_project("prod", "EmailApp")
            records = await vault.removal.records("prod", "EmailApp")
            now = self.clock.moment
            plan = plan_prune(history, RULES, holds=holds, records=records, gone_since=None, now=now)
            await vault.removal.put_back(to_put_back(history, holds, records))
            await vault.removal.carry_out(plan, history, records, run_id=run_id, now=now, grace=RULES.grace)

        self.begin(machine, work, fault)

    @precondition(lambda self: self.stored)
    @rule(machine=machines, fault=faults, data=st.data())
    def hold(self, machine: str, fault: StopPoint | None, data: st.DataObject) -> None:
        """Hold any snapshot that was ever stored."""
        key = SnapshotKey("prod", "EmailApp", data.draw(st.sampled_from(sorted(self.stored))))
        hold_id, record = self.fresh_id(), Hold(reason="audit", by="somebody", held_at=self.clock.moment)

        async def work(vault: Vault) -> None:
            await vault.holds.place(key, record, hold_id=hold_id)
            self.held.add(key)

        self.begin(machine, work, fault)

    @precondition(lambda self: self.held)
    @rule(machine=machines, fault=faults, data=st.data())
    def release(self, machine: str, fault: StopPoint | None, data: st.DataObject) -> None:
        """Release a snapshot; from now on nothing is promised about it."""
        key = data.draw(st.sampled_from(sorted(self.held)))
        record = Release(by="somebody", released_at=self.clock.moment)

        async def work(vault: Vault) -> None:
            self.held.discard(key)
            for one in await vault.holds.of_snapshot(key):
                await vault.holds.release(one.key, record)

        self.begin(machine, work, fault)

    @precondition(lambda self: self.stored)
    @rule(machine=machines, data=st.data())
    def restore(self, machine: str, data: st.DataObject) -> None:
        """Read a snapshot while others go on: its bytes, or that it is gone."""
        key = SnapshotKey("prod", "EmailApp", data.draw(st.sampled_from(sorted(self.stored))))

        async def work(vault: Vault) -> None:
            assert await vault.read(await vault.manifest(key)) == self.contents[key.snapshot_id]

        self.begin(machine, work, None)

    @rule()
    def copy_everything(self) -> None:
        """Bring to the second vault what it does not have; both are verified behind it."""

        async def work() -> None:
            source, target = self.vault(self.stage.store), Vault(self.copy, "the-copy")
            there = {key_of(one) for one in await target.snapshots()}
            for manifest in await source.snapshots():
                if key_of(manifest) not in there:
                    await target.commits.adopt([(manifest, manifest.to_bytes())], await source.read_stored(manifest))
            for manifest in await target.snapshots():
                assert await target.read(manifest) == self.contents[manifest.snapshot_id]

        for machine in MACHINES:
            self.finish(machine)
        self.wait(work())

    @rule(machine=machines)
    def come_to_its_end(self, machine: str) -> None:
        """A machine finishes what it does."""
        self.finish(machine)

    @rule(machine=machines, steps=st.integers(1, 12))
    def go_on(self, machine: str, steps: int) -> None:
        """A machine comes some operations further."""
        for _ in range(steps):
            moves = [move for move in self.stage.moves() if move.process == self.last.get(machine)]
            if moves:
                self.wait(self.stage.play(moves[0]))

    @rule(machine=machines, steps=st.integers(0, 8), hours=st.sampled_from([0.5, 13]))
    def be_overtaken(self, machine: str, steps: int, hours: float) -> None:
        """A machine stands still somewhere while the other prunes, waits, and prunes again."""
        other = MACHINES[1 - MACHINES.index(machine)]
        self.go_on(machine, steps)
        self.prune(other, None)
        self.finish(other)
        self.pause(hours)
        self.prune(other, None)
        self.finish(other)

    @rule(machine=machines, content=st.sampled_from(CONTENTS), steps=st.integers(2, 5))
    def back_up_slowly(self, machine: str, content: bytes, steps: int) -> None:
        """A backup that stands still for half a day."""
        self.edit(content)
        self.backup(machine, None)
        self.be_overtaken(machine, steps, 13)
        self.verify()

    @precondition(lambda self: self.stored)
    @rule(machine=machines, steps=st.integers(0, 14), data=st.data())
    def be_held_meanwhile(self, machine: str, steps: int, data: st.DataObject) -> None:
        """A machine stands still somewhere in a prune while the other holds what there is."""
        self.prune(machine, None)
        self.go_on(machine, steps)
        self.hold(MACHINES[1 - MACHINES.index(machine)], None, data)
        self.finish(MACHINES[1 - MACHINES.index(machine)])
        self.finish(machine)
        if not self.has_faults:
            self.verify()

    @rule(hours=st.sampled_from([0.5, 2, 13, 40]))
    def pause(self, hours: float) -> None:
        """Time goes by; whoever is under way stands still."""
        self.clock.leap(hours)

    # --- what must be so -------------------------------------------------------------------------------------------

    @rule()
    def verify(self) -> None:
        """With nobody under way, all that is listed reads back, and what is held or kept by the policy is listed."""
        for machine in MACHINES:
            self.finish(machine)
        listed = self.wait(self.vault(self.stage.store).snapshots())
        for manifest in listed:
            assert self.wait(self.vault(self.stage.store).read(manifest)) == self.contents[manifest.snapshot_id]
        keys = {key_of(one) for one in listed}
        missing = self.held - keys
        if missing and self.has_faults:  # the store failed a prune before it could put them back: the next one does
            self.prune("one", None)
            self.finish("one")
            keys = {key_of(one) for one in self.wait(self.vault(self.stage.store).snapshots())}
        assert self.held <= keys, self.held - keys
        ids = {key.snapshot_id for key in keys}
        assert all(sum(other > one for other in ids) >= RULES.policy.last for one in self.stored - ids)

    def teardown(self) -> None:
        """End cleanly."""
        try:
            self.verify()
        finally:
            self.wait(self.stage.end())
            self.loop.close()


def test_a_vault_keeps_its_promises(monkeypatch: pytest.MonkeyPatch) -> None:
    """No listed snapshot fails to read back byte for byte; what is held or kept by the policy is never gone."""

    async def at_once(function: Any, *arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options)

    monkeypatch.setattr(asyncio, "to_thread", at_once)
    run_state_machine_as_test(
        VaultMachine,
        settings=settings(max_examples=RUNS, stateful_step_count=25, deadline=None, derandomize=True),
    )
