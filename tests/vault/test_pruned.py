"""Whoever reads a snapshot while it is pruned is told so, and hears of damage only where there is some."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cluvault.errors import ContentMissing, DamagedSnapshot, SnapshotNotFound
from cluvault.plan.history import key_of
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import make_capture, overwrite, take

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.model.manifest import Manifest

    Read = Callable[[Vault, Manifest], Awaitable[bytes]]

READS: list[Read] = [Vault.read, Vault.read_stored]


@pytest.fixture
def store() -> MemoryStore:
    """Where the vault is."""
    return MemoryStore()


@pytest.fixture
async def vault(store: MemoryStore) -> Vault:
    """A new vault."""
    return await Vault.open(store, create=True)


@pytest.mark.parametrize("read", READS)
async def test_a_snapshot_that_was_pruned_is_not_called_damaged(vault: Vault, store: MemoryStore, read: Read) -> None:
    """Its manifest was read before; now it is gone, and with it the content."""
    manifest = await take(vault, make_capture())
    await store.delete(key_of(manifest).manifest)
    await store.delete(manifest.content.key)
    with pytest.raises(SnapshotNotFound, match=f"^{manifest.reference} is not in memory:"):
        await read(vault, manifest)


@pytest.mark.parametrize("read", READS)
async def test_a_listed_snapshot_without_content_is_damaged(vault: Vault, store: MemoryStore, read: Read) -> None:
    """The sort of damage is told apart, for a backup can put such content back."""
    manifest = await take(vault, make_capture())
    await store.delete(manifest.content.key)
    with pytest.raises(ContentMissing, match=r"is missing; .*restore another") as caught:
        await read(vault, manifest)
    assert caught.value.exit_code == 5
    await store.put_new(manifest.content.key, b"other")
    with pytest.raises(DamagedSnapshot, match="stored size") as other:
        await read(vault, manifest)
    assert not isinstance(other.value, ContentMissing)


@pytest.mark.parametrize("read", READS)
async def test_a_pruned_snapshot_can_be_read_while_its_content_waits(
    vault: Vault, store: MemoryStore, read: Read
) -> None:
    """A restore that has begun ends well."""
    manifest = await take(vault, make_capture())
    await store.delete(key_of(manifest).manifest)
    assert await read(vault, manifest)


async def test_content_whose_parent_is_pruned_while_it_is_looked_at(vault: Vault, store: MemoryStore) -> None:
    """The new snapshot gets content of its own."""
    parent = await take(vault, make_capture())

    class PrunedMeanwhile(FaultyStore):
        async def get(self, key: str) -> bytes:
            if key == parent.content.key:
                await store.delete(key_of(parent).manifest)
                await store.delete(key)
            return await super().get(key)

    child = await take(Vault(PrunedMeanwhile(store), vault.vault_id), make_capture(), seconds=60, parent=parent)
    assert child.content.key == key_of(child).content
    assert await vault.read(child) == make_capture().raw


async def test_what_is_pruned_and_damaged_at_once(vault: Vault, store: MemoryStore) -> None:
    """It is gone, which is all that counts."""
    manifest = await take(vault, make_capture())
    await overwrite(store, manifest.content.key, b"")
    await store.delete(key_of(manifest).manifest)
    with pytest.raises(SnapshotNotFound):
        await vault.read(manifest)
