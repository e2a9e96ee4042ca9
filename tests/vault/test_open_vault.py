"""Opening a vault: what is one, what becomes one, and what stays what it is."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import NotAVault, VaultTooNew
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore, Killed, stop_points
from tests.support.snapshots import everything

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from cluvault.model.object_info import ObjectInfo
    from cluvault.vault.store import ObjectStore


async def test_an_empty_place_becomes_a_vault(store: ObjectStore) -> None:
    """Its format and id are written once; who opens it later finds the same id."""
    made = await Vault.open(store, create=True, new_id=lambda: "the-id")
    found = await Vault.open(store, create=True, new_id=lambda: "another-id")
    assert made.vault_id == found.vault_id == "the-id"
    assert made.url == store.url
    objects = await everything(store)
    assert {key: json.loads(body) for key, body in objects.items()} == {
        "cluvault.json": {"format": 1, "vaultId": "the-id"}
    }


async def test_vaults_get_ids_of_their_own() -> None:
    """Without being told, every new vault takes another id."""
    vaults = [await Vault.open(MemoryStore(), create=True) for _ in range(2)]
    assert vaults[0].vault_id != vaults[1].vault_id


async def test_reading_makes_no_vault(store: ObjectStore) -> None:
    """Unless asked to create, opening an empty place fails with a usage error, and leaves it empty."""
    with pytest.raises(NotAVault, match="no vault here") as caught:
        await Vault.open(store)
    assert caught.value.exit_code == 2
    assert await everything(store) == {}


@pytest.mark.parametrize("key", ["thesis.docx", "a/b/c", "snapshots/prod/A/x", "zzz"])
async def test_a_place_with_other_files_is_not_made_a_vault(store: ObjectStore, key: str) -> None:
    """Somebody's documents stay alone, also when asked to create; the error names one of them."""
    await store.put_new(key, b"dear diary")
    with pytest.raises(NotAVault, match=f"other files \\('{key}'\\).*empty place"):
        await Vault.open(store, create=True)
    assert await everything(store) == {key: b"dear diary"}


async def test_of_many_creators_the_first_one_names_the_vault(store: ObjectStore) -> None:
    """Twenty that open an empty place at once all get the same vault."""
    ids = count()
    vaults = await asyncio.gather(
        *(Vault.open(store, create=True, new_id=lambda: f"id-{next(ids)}") for _ in range(20))
    )
    assert len({vault.vault_id for vault in vaults}) == 1


async def test_a_vault_that_appears_between_two_looks(store: ObjectStore) -> None:
    """Who finds no vault, and then finds that somebody has just made one, takes that."""

    class Overtaken(FaultyStore):
        async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
            await Vault.open(store, create=True, new_id=lambda: "theirs")
            async for found in super().list(prefix):
                yield found

    assert (await Vault.open(Overtaken(store), create=True, new_id=lambda: "mine")).vault_id == "theirs"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 1}',
        b'{"format": 1, "vaultId": ""}',
        b'{"format": 0, "vaultId": "x"}',
        b"\xff",
    ],
)
async def test_a_malformed_cluvault_json(store: ObjectStore, body: bytes) -> None:
    """It is not a vault, says which file is at fault, and is not mended by overwriting."""
    await store.put_new("cluvault.json", body)
    with pytest.raises(NotAVault, match=r"cluvault\.json is malformed"):
        await Vault.open(store, create=True)
    assert await everything(store) == {"cluvault.json": body}


async def test_a_vault_of_a_newer_format(store: ObjectStore) -> None:
    """It is refused with both versions and the mend, though its shape is unknown."""
    await store.put_new("cluvault.json", b'{"format": 2, "id": {"new": "shape"}}')
    with pytest.raises(VaultTooNew, match="format 2, this cluvault reads up to 1; upgrade") as caught:
        await Vault.open(store)
    assert caught.value.exit_code == 2


async def test_unknown_keys_of_our_format_are_ignored(store: ObjectStore) -> None:
    """A later version may say more in the same format."""
    await store.put_new("cluvault.json", b'{"format": 1, "vaultId": "x", "colour": "blue"}')
    assert (await Vault.open(store)).vault_id == "x"


async def test_killed_while_a_vault_is_made() -> None:
    """Wherever it stops, opening it again makes a vault."""
    counting = FaultyStore(MemoryStore())
    await Vault.open(counting, create=True)
    for point in stop_points(counting.calls):
        inner = MemoryStore()
        with pytest.raises(Killed):
            await Vault.open(FaultyStore(inner, point=point), create=True)
        vault = await Vault.open(inner, create=True)
        assert vault.vault_id == (await Vault.open(inner)).vault_id
