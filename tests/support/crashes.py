"""Operations of the vault to crash in; a new one joins by an entry in `DEEDS`.

    python -m tests.support.crashes (s3|az) DEED [POINT…]      with the store's address in the environment, see `main`

runs a deed in forks that are killed (kill -9) while the nth request is on its way, and checks what each leaves. Prints
how many there were.
"""

# ruff: noqa: T201  # what it prints is its result

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NoReturn

from cluvault.model.hold import Hold, Release
from cluvault.model.manifest import DeploymentRecord, ModelRecord, id_moment, new_snapshot_id
from cluvault.plan.capture import ModelExport
from cluvault.plan.history import key_of
from cluvault.plan.keys import HoldKey, SnapshotKey
from cluvault.plan.prune import PruneRules, plan_prune, to_put_back
from cluvault.plan.retention import RetentionPolicy, VanishedPolicy
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import everything, make_capture, moment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cluvault.model.manifest import Manifest
    from cluvault.model.object_info import ObjectInfo
    from cluvault.plan.capture import Capture
    from cluvault.vault.store import ObjectStore

OLD, NEW, HELD = (SnapshotKey("prod", "EmailApp", new_snapshot_id(moment(n), "0000000a")) for n in (10, 20, 0))
THIRD: Final = SnapshotKey("prod", "EmailApp", new_snapshot_id(moment(30), "0000000a"))
CONTENTS: Final = {OLD: b"old", NEW: b"new", HELD: b"held", THIRD: b"old"}
HOLD: Final = Hold(reason="audit", by="somebody", held_at=moment(40))
NEXT: Final = 99
"""The life after the crash."""
HOLD_ID: Final = "20261101T030000Z-0000000a"
RULES: Final = PruneRules(RetentionPolicy(last=1), VanishedPolicy(), safety_days=0, grace=timedelta(0))
"""Without grace, for no store's clock but that of memory can be turned; the races look after grace."""


@dataclass(frozen=True, slots=True)
class Deed:
    """An operation on a vault.

    Attributes:
        run: Does it; again after a crash, in another life, it does what was left to do.
        listed: The snapshots that are there when it has run to its end.
        before: What was done of it before.
        held: The snapshots that are there at every moment, for they are held.
        leaves_nothing: Whether no content without a snapshot is left at the end.
    """

    run: Callable[[Vault, int], Awaitable[object]]
    listed: frozenset[SnapshotKey]
    before: tuple[Callable[[Vault, int], Awaitable[object]], ...] = ()
    held: frozenset[SnapshotKey] = field(default=frozenset({HELD}))
    leaves_nothing: bool = False


async def _store(vault: Vault, key: SnapshotKey, parent: Manifest | None = None) -> Manifest:
    capture = make_capture(CONTENTS[key], captured_at=id_moment(key.snapshot_id))
    return await vault.commits.store(capture, snapshot_id=key.snapshot_id, parent=parent, reuse_content=True)


async def back_up(vault: Vault, _: int) -> None:
    """A backup of content that the vault does not have."""
    await _store(vault, NEW)


async def back_up_the_same(vault: Vault, _: int) -> None:
    """A backup of content that the vault has."""
    await _store(vault, THIRD, await vault.manifest(OLD))


async def hold(vault: Vault, _: int) -> None:
    """A hold."""
    await vault.holds.place(OLD, HOLD, hold_id=HOLD_ID)


async def release(vault: Vault, _: int) -> None:
    """Its end."""
    await vault.holds.release(HoldKey(OLD, HOLD_ID), Release(by="somebody", released_at=moment(50)))


async def prune_by_an_old_plan(vault: Vault, life: int) -> None:
    """A prune whose plan was made before the hold was; the next one knows of it."""
    await prune(vault, life, knows_holds=life == NEXT)


async def prune(vault: Vault, life: int, *, knows_holds: bool = True) -> None:
    """A prune: the plan, and what `cluvault prune --apply` does with it."""
    history = await vault.history("prod", "EmailApp")
    holds = await vault.holds.of_project("prod", "EmailApp") if knows_holds else {}
    records = await vault.removal.records("prod", "EmailApp")
    plan = plan_prune(history, RULES, holds=holds, records=records, gone_since=None, now=datetime.now(UTC))
    await vault.removal.put_back(to_put_back(history, holds, records))
    await vault.removal.carry_out(
        plan, history, records, run_id=f"life-{life}", now=datetime.now(UTC), grace=RULES.grace
    )


async def adopt(vault: Vault, _: int) -> None:
    """A copy of a snapshot from another vault, with its content."""
    other = await Vault.open(MemoryStore(), create=True, new_id=lambda: "another")
    manifest = await _store(other, NEW)
    await vault.commits.adopt([(manifest, manifest.to_bytes())], await other.read_stored(manifest))


def _with_models(key: SnapshotKey, *exports: bytes) -> Capture:
    """A capture with what some deployed models were trained on."""
    labels = [f"v{number}" for number, _ in enumerate(exports, start=1)]
    captured = make_capture(CONTENTS[key], captured_at=id_moment(key.snapshot_id))
    return replace(
        captured,
        models=tuple(ModelRecord(label=label, trained_at=moment(1)) for label in labels),
        deployments=tuple(DeploymentRecord(name=f"of-{label}", model=label) for label in labels),
        exports=tuple(
            ModelExport(label, raw, sha256(raw).hexdigest(), captured.counts, captured.api_version)
            for label, raw in zip(labels, exports, strict=True)
        ),
    )


async def back_up_models(vault: Vault, _: int) -> None:
    """A backup of what is deployed: of content that the vault does not have, of the draft's, and of both once more."""
    capture = _with_models(OLD, b"trained", CONTENTS[OLD], b"trained")
    manifest = await vault.commits.store(capture, snapshot_id=OLD.snapshot_id, parent=None, reuse_content=True)
    assert len(manifest.contents) == len({b"trained", CONTENTS[OLD]})


async def back_up_known_models(vault: Vault, _: int) -> None:
    """A backup of other content that knows from an earlier one what is deployed."""
    old = await vault.manifest(OLD)
    capture = replace(_with_models(NEW), models=tuple(one.listed for one in old.models), deployments=old.deployments)
    views = {one.label: old.seen_as(one.trained_on) for one in old.models if one.trained_on is not None}
    capture = replace(capture, known=views)
    await vault.commits.store(capture, snapshot_id=NEW.snapshot_id, parent=old, reuse_content=True)


async def adopt_models(vault: Vault, _: int) -> None:
    """A copy of a snapshot that holds what is deployed."""
    other = await Vault.open(MemoryStore(), create=True, new_id=lambda: "another")
    await back_up_models(other, 0)
    manifest = await other.manifest(OLD)
    bodies = {view.content.key: await other.read_stored(view) for view in manifest.views}
    await vault.commits.adopt([(manifest, manifest.to_bytes())], bodies[manifest.content.key], others=bodies)


async def _third(vault: Vault, _: int) -> None:
    await _store(vault, THIRD)


async def _two_more(vault: Vault, _: int) -> None:
    await _store(vault, OLD)
    await _store(vault, NEW)


DEEDS: Final = {
    "backup": Deed(back_up, frozenset({HELD, NEW})),
    "backup of the same": Deed(back_up_the_same, frozenset({HELD, OLD, NEW, THIRD}), before=(_two_more,)),
    "prune": Deed(prune, frozenset({HELD, NEW}), before=(_two_more,)),
    "prune of what is held": Deed(prune_by_an_old_plan, frozenset({HELD, NEW}), before=(_two_more,), held=frozenset()),
    "prune, second step": Deed(prune, frozenset({HELD, NEW}), before=(_two_more, prune), leaves_nothing=True),
    "hold": Deed(hold, frozenset({HELD, OLD, NEW}), before=(_two_more,)),
    "release": Deed(release, frozenset({HELD, OLD, NEW}), before=(_two_more, hold)),
    "copy": Deed(adopt, frozenset({HELD, NEW})),
    "backup of what is deployed": Deed(back_up_models, frozenset({HELD, OLD})),
    "backup that knows what is deployed": Deed(
        back_up_known_models, frozenset({HELD, OLD, NEW}), before=(back_up_models,)
    ),
    "copy of what is deployed": Deed(adopt_models, frozenset({HELD, OLD})),
    "prune of what is deployed": Deed(prune, frozenset({HELD, THIRD}), before=(back_up_models, _third)),
    "prune of what is deployed, second step": Deed(
        prune, frozenset({HELD, THIRD}), before=(back_up_models, _third, prune), leaves_nothing=True
    ),
    "prune of what another deployed": Deed(
        prune, frozenset({HELD, NEW}), before=(back_up_models, back_up_known_models, prune), leaves_nothing=True
    ),
}


async def template(deed: Deed) -> dict[str, bytes]:
    """What a vault holds before the deed: in any case a snapshot that is held."""
    store = MemoryStore()
    vault = await Vault.open(store, create=True, new_id=lambda: "the-id")
    await _store(vault, HELD)
    await vault.holds.place(HELD, HOLD, hold_id=HOLD_ID)
    for life, step in enumerate(deed.before, start=10):
        await step(vault, life)
    return await everything(store)


async def fill(store: ObjectStore, objects: dict[str, bytes]) -> None:
    """Put objects into an empty store."""
    for key, body in objects.items():
        await store.put_new(key, body)


async def run(deed: Deed, store: ObjectStore, *, life: int) -> None:
    """Do it as a new process would."""
    await deed.run(await Vault.open(store), life)


async def assert_whole(deed: Deed, store: ObjectStore) -> None:
    """What is listed reads back, and what is held is there."""
    vault = await Vault.open(store)
    manifests = await vault.snapshots()
    for manifest in manifests:
        assert await vault.read(manifest) == CONTENTS[key_of(manifest)]
        for view in manifest.views[1:]:
            assert await vault.read(view) in (b"trained", CONTENTS[OLD])
    assert deed.held <= {key_of(manifest) for manifest in manifests}


async def assert_finished(deed: Deed, store: ObjectStore) -> None:
    """The next run completes, and leaves nothing but, at most, contents that nothing refers to."""
    await run(deed, store, life=NEXT)
    await assert_whole(deed, store)
    history = await (await Vault.open(store)).history("prod", "EmailApp")
    assert {key_of(one) for one in history.snapshots} == deed.listed
    assert not history.unreadable
    assert not history.foreign
    assert all(history.is_whole(one) for one in history.snapshots)
    if deed.leaves_nothing:
        assert not history.unreferenced()


async def operations(deed: Deed) -> list[str]:
    """The store operations of a deed."""
    store = FaultyStore(MemoryStore())
    await fill(store, await template(deed))
    store.calls.clear()
    await run(deed, store, life=50)
    return store.calls


# --- killed while a request is on its way --------------------------------------------------------------------------


class Dying:
    """A store whose nth operation begins, and whose process is gone before its reply is there."""

    def __init__(self, inner: ObjectStore, operation: int, *, seconds: float) -> None:
        self._inner = inner
        self._left = operation
        self._seconds = seconds
        self.url = inner.url

    async def get(self, key: str) -> bytes:
        return await self._pass(self._inner.get(key))

    async def put_new(self, key: str, body: bytes) -> None:
        await self._pass(self._inner.put_new(key, body))

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        for found in await self._pass(_all(self._inner.list(prefix))):
            yield found

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        for found in await self._pass(_all(self._inner.folders(prefix))):
            yield found

    async def delete(self, key: str) -> None:
        await self._pass(self._inner.delete(key))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _pass(self, call: Any) -> Any:
        self._left -= 1
        if self._left:
            return await call
        under_way = asyncio.ensure_future(call)
        await asyncio.wait([under_way], timeout=self._seconds)
        os.kill(os.getpid(), signal.SIGKILL)
        return None


async def _all(found: AsyncIterator[Any]) -> list[Any]:
    return [one async for one in found]


def new_store(kind: str, number: int) -> ObjectStore:
    """A store below a prefix of its own, where the environment says."""
    if kind == "s3":
        from cluvault.vault.s3_store import S3Store  # noqa: PLC0415  # one of the two

        return S3Store(os.environ["CRASH_PLACE"], f"crash/{number}", connections=2)
    from cluvault.vault.blob_store import BlobStore  # noqa: PLC0415  # the other

    account, container = os.environ["CRASH_PLACE"].split("/")
    return BlobStore(account, container, f"crash/{number}", environment=os.environ, connections=2)


def in_fork(work: Callable[[], Any]) -> int:
    """Run a coroutine in a fork; how it ended."""
    child = os.fork()
    if child == 0:
        _to_the_end(work)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _to_the_end(work: Callable[[], Any]) -> NoReturn:
    code = 1
    try:
        asyncio.run(work())
        code = 0
    except Exception:  # noqa: BLE001  # the parent sees the exit code
        traceback.print_exc()
    finally:
        os._exit(code)


def die_on_the_way(kind: str, deed: Deed, objects: dict[str, bytes], *, point: int, number: int) -> None:
    """One life that ends while a request is on its way, and what it left."""

    async def prepare() -> None:
        await fill(store := new_store(kind, number), objects)
        await store.aclose()

    async def die() -> None:
        store = new_store(kind, number)
        await run(deed, Dying(store, point, seconds=0.001 * (point % 7)), life=1)

    async def check() -> None:
        store = new_store(kind, number)
        await assert_whole(deed, store)
        await assert_finished(deed, store)
        await store.aclose()

    assert in_fork(prepare) == 0
    assert in_fork(die) == -signal.SIGKILL
    assert in_fork(check) == 0


def main(kind: str, name: str, *points: str) -> None:
    """Die at the points that are named, or at all."""
    deed = DEEDS[name]
    new_store(kind, 0)  # what it imports is imported once, not in every fork
    objects = asyncio.run(template(deed))
    chosen = list(map(int, points)) or range(1, len(asyncio.run(operations(deed))) + 1)
    for number, point in enumerate(chosen):
        die_on_the_way(kind, deed, objects, point=point, number=number)
    print(json.dumps({"points": len(chosen)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
