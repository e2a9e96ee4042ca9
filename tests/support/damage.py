"""Damage to a vault, made by hand, and what a verification is to say of each."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from cluvault.errors import DamagedSnapshot, SnapshotNotFound, VaultTooNew
from cluvault.plan.history import key_of
from cluvault.plan.verify import FindingKind
from tests.support.snapshots import overwrite
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.model.manifest import Manifest
    from cluvault.vault.store import ObjectStore


class Kept(NamedTuple):
    """The snapshots of the vault that is to be damaged; `new` and `tagged` share one content."""

    other: Manifest
    old: Manifest
    new: Manifest
    tagged: Manifest


async def keep(world: World) -> Kept:
    """One snapshot of dev/Other, three of dev/Travel."""
    await world.put("dev", "Other")
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.backup(resources=("dev",))
    await world.put("dev", "Travel", project_file("Travel", "to Oslo"))
    await world.backup(resources=("dev",), projects=("Travel",))
    await world.backup(resources=("dev",), projects=("Travel",), tags=("release",))
    kept = Kept(*await world.snapshots())
    assert kept.new.content == kept.tagged.content
    return kept


class Expected(NamedTuple):
    """A finding."""

    kind: FindingKind
    key: str
    snapshots: tuple[Manifest, ...] = ()


@dataclass(frozen=True)
class Damage:
    """What is done to a vault and what is found.

    Attributes:
        exit_code: Of the verification.
        needs_data: Whether only the bytes show it.
        refusal: What whoever reads an affected snapshot gets.
    """

    deed: Callable[[ObjectStore, Kept], Awaitable[None]]
    found: Callable[[Kept], list[Expected]]
    exit_code: int = 5
    needs_data: bool = False
    refusal: type[Exception] = DamagedSnapshot


def flip(body: bytes) -> bytes:
    """The same with one bit turned in the middle."""
    return bytes([*body[: len(body) // 2], body[len(body) // 2] ^ 1, *body[len(body) // 2 + 1 :]])


def content(change: Callable[[bytes], bytes]) -> Callable[[ObjectStore, Kept], Awaitable[None]]:
    """Change the content that two snapshots share."""

    async def deed(store: ObjectStore, kept: Kept) -> None:
        key = kept.new.content.key
        await overwrite(store, key, change(await store.get(key)))

    return deed


def manifest(change: Callable[[dict[str, Any], Kept], object]) -> Callable[[ObjectStore, Kept], Awaitable[None]]:
    """Edit the old snapshot's manifest."""

    async def deed(store: ObjectStore, kept: Kept) -> None:
        key = key_of(kept.old).manifest
        document = json.loads(await store.get(key))
        change(document, kept)
        await overwrite(store, key, json.dumps(document).encode())

    return deed


def extra(key: str) -> Damage:
    """Somebody else's object."""

    async def deed(store: ObjectStore, _kept: Kept) -> None:
        await store.put_new(key, b"hello")

    return Damage(deed, lambda _: [Expected(FindingKind.FOREIGN, key)], exit_code=0)


async def _lose_content(store: ObjectStore, kept: Kept) -> None:
    await store.delete(kept.new.content.key)


async def _lose_manifest(store: ObjectStore, kept: Kept) -> None:
    await store.delete(key_of(kept.other).manifest)


async def swap(store: ObjectStore, kept: Kept) -> None:
    """The contents of two snapshots change places."""
    one, two = kept.old.content.key, kept.new.content.key
    first, second = await store.get(one), await store.get(two)
    await overwrite(store, one, second)
    await overwrite(store, two, first)


async def _manifest_of_another(store: ObjectStore, kept: Kept) -> None:
    await overwrite(store, key_of(kept.old).manifest, await store.get(key_of(kept.new).manifest))


async def _no_json(store: ObjectStore, kept: Kept) -> None:
    await overwrite(store, key_of(kept.old).manifest, b"\0" * 500)


def _shared(kind: FindingKind) -> Callable[[Kept], list[Expected]]:
    return lambda kept: [Expected(kind, kept.new.content.key, (kept.new, kept.tagged))]


def _old_manifest(kind: FindingKind = FindingKind.DAMAGED) -> Callable[[Kept], list[Expected]]:
    return lambda kept: [Expected(kind, key_of(kept.old).manifest, (kept.old,))]


def _swapped(kept: Kept) -> list[Expected]:
    return [
        Expected(FindingKind.DAMAGED, kept.old.content.key, (kept.old,)),
        Expected(FindingKind.DAMAGED, kept.new.content.key, (kept.new, kept.tagged)),
    ]


DAMAGES: dict[str, Damage] = {
    "flipped bit": Damage(content(flip), _shared(FindingKind.DAMAGED), needs_data=True),
    "truncated": Damage(content(lambda body: body[:-1]), _shared(FindingKind.DAMAGED)),
    "empty": Damage(content(lambda _: b""), _shared(FindingKind.DAMAGED)),
    "grown": Damage(content(lambda body: body + b"\0"), _shared(FindingKind.DAMAGED)),
    "other bytes, well packed": Damage(content(lambda _: gzip.compress(b"{}")), _shared(FindingKind.DAMAGED)),
    "missing content": Damage(_lose_content, _shared(FindingKind.MISSING)),
    "missing manifest": Damage(
        _lose_manifest,
        lambda kept: [Expected(FindingKind.UNREFERENCED, kept.other.content.key)],
        exit_code=0,
        refusal=SnapshotNotFound,
    ),
    "extra object at the root": extra("photos/cat.jpg"),
    "extra object in a project": extra("snapshots/dev/Travel/notes.txt"),
    "extra object beside a snapshot": extra("snapshots/dev/Travel/20261101T020000Z-000b2c3d/config.json"),
    "extra object among the runs": extra("runs/yesterday.json"),
    "manifest of a newer format": Damage(
        manifest(lambda document, _: document.update(format=2)),
        _old_manifest(FindingKind.TOO_NEW),
        exit_code=2,
        refusal=VaultTooNew,
    ),
    "swapped contents": Damage(swap, _swapped, needs_data=True),
    "manifest that names a key outside its folder": Damage(
        manifest(lambda document, kept: document["content"].update(key=kept.other.content.key)), _old_manifest()
    ),
    "manifest of another snapshot": Damage(_manifest_of_another, _old_manifest()),
    "manifest that is no JSON": Damage(_no_json, _old_manifest()),
}
