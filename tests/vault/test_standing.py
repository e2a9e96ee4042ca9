"""The newest whole snapshot of each project, found with few listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.plan.keys import SnapshotKey
from cluvault.vault.memory import MemoryStore
from cluvault.vault.standing import standing_snapshots
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import make_capture, overwrite, take

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest

NAMES = ["A", "A-b", "A/b", "a", "Ä", "B", "100 %", "x" * 50, "none", "z"]
"""More than are listed one by one; the first ones are neighbours in a listing."""


@pytest.fixture
async def store() -> MemoryStore:
    """Two snapshots of every project but one."""
    store = MemoryStore()
    vault = await Vault.open(store, create=True)
    for number, name in enumerate(NAMES):
        if name != "none":
            await take(vault, make_capture(b"1", project=name), seconds=number)
            await take(vault, make_capture(b"2", project=name), seconds=100 + number)
    return store


async def found(store: MemoryStore, *names: str) -> tuple[dict[str, Manifest], list[str]]:
    """What stands for the projects, and what was listed."""
    counting = FaultyStore(store)
    vault = await Vault.open(counting)
    counting.calls.clear()
    standing = await standing_snapshots(vault, "prod", names)
    return standing, [call for call in counting.calls if call.startswith("list")]


@pytest.mark.parametrize("names", [NAMES, NAMES[:3]], ids=["many", "few"])
async def test_the_newest_of_each(store: MemoryStore, names: list[str]) -> None:
    """As `latest` finds it, one listing for many projects; those that were not asked for are left out."""
    standing, listings = await found(store, *names)
    vault = await Vault.open(store)
    latest = {name: await vault.latest("prod", name) for name in names}
    assert standing == {name: manifest for name, manifest in latest.items() if manifest is not None}
    assert len(listings) == (1 if names is NAMES else len(names))


@pytest.mark.parametrize("names", [NAMES, ["B"]], ids=["many", "few"])
@pytest.mark.parametrize("damage", ["manifest", "newer", "content missing", "content shorter"])
async def test_a_damaged_one_is_left_out(store: MemoryStore, names: list[str], damage: str) -> None:
    """An older snapshot does not stand for a project; the other projects are as they were."""
    latest = (await found(store, "B"))[0]["B"]
    key = SnapshotKey("prod", "B", latest.snapshot_id)
    if damage == "manifest":
        await overwrite(store, key.manifest, b"{")
    elif damage == "newer":
        await overwrite(store, key.manifest, b'{"format": 2}')
    elif damage == "content missing":
        await store.delete(latest.content.key)
    else:
        await overwrite(store, latest.content.key, b"x")
    standing, _ = await found(store, *names)
    assert set(standing) == set(names) - {"B", "none"}


async def test_no_snapshot_at_all() -> None:
    """Nothing stands for anything."""
    store = MemoryStore()
    await Vault.open(store, create=True)
    assert (await found(store, *NAMES))[0] == {}
