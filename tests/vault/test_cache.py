"""The cache of manifests: it saves reading, and nothing else can be told from it."""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from cluvault.errors import DamagedSnapshot
from cluvault.model.object_info import ObjectInfo
from cluvault.plan.history import key_of
from cluvault.vault.cache import ManifestCache, cache_folder
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import make_capture, moment, overwrite, take

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest

ID = "the-id"


@pytest.fixture
async def store() -> MemoryStore:
    """A vault with five snapshots of two projects, written a second apart."""
    seconds = iter(range(1000))
    store = MemoryStore(now=lambda: moment(next(seconds)))
    vault = await Vault.open(store, create=True, new_id=lambda: ID)
    for number in range(3):
        await take(vault, make_capture(project="A"), seconds=number)
    for number in range(2):
        await take(vault, make_capture(project="B"), seconds=number)
    return store


async def listing(store: MemoryStore, folder: Path) -> tuple[list[Manifest], list[str]]:
    """The snapshots as a new process lists them, and the projects of the manifests that it read from the store."""
    counting = FaultyStore(store)
    vault = await Vault.open(counting, cache_folder=folder)
    try:
        found = await vault.snapshots()
    finally:
        vault.close()
    return found, [call.split("/")[2] for call in counting.calls if call.startswith("get snapshots/")]


def only_file(folder: Path) -> Path:
    """The cache of the one vault of a test."""
    (file,) = folder.iterdir()
    return file


async def test_a_second_listing_reads_no_manifest(store: MemoryStore, tmp_path: Path) -> None:
    """And gives the same."""
    first, read = await listing(store, tmp_path)
    assert (len(first), read) == (5, ["A", "A", "A", "B", "B"])
    assert await listing(store, tmp_path) == (first, [])


async def test_what_exists_the_store_says(store: MemoryStore, tmp_path: Path) -> None:
    """A snapshot that was pruned is gone from the listing and from the cache; a new one is read and kept."""
    (_, oldest, *others), _ = await listing(store, tmp_path)
    await store.delete(key_of(oldest).manifest)
    vault = await Vault.open(store)
    new = await take(vault, make_capture(project="B"), seconds=9)
    found, read = await listing(store, tmp_path)
    assert oldest not in found
    assert (found[-1], read) == (new, ["B"])
    assert len(found) == len(others) + 2
    file = only_file(tmp_path)
    connection = sqlite3.connect(file)
    assert connection.execute("SELECT count(*) FROM manifests").fetchone() == (len(found),)
    connection.close()


async def test_a_manifest_that_somebody_wrote_over_is_seen(store: MemoryStore, tmp_path: Path) -> None:
    """Even one of the same size: the store says that it was written at another time."""
    (first, *_), _ = await listing(store, tmp_path)
    body = await store.get(key_of(first).manifest)
    await overwrite(store, key_of(first).manifest, body.replace(b"contoso", b"CONTOSO"))
    (changed, *_), read = await listing(store, tmp_path)
    assert ("CONTOSO" in changed.endpoint, read) == (True, ["A"])


async def test_a_damaged_manifest_is_named_however_often(store: MemoryStore, tmp_path: Path) -> None:
    """Bytes of the cache pass the checks of the store's."""
    (first, *_), _ = await listing(store, tmp_path)
    await overwrite(store, key_of(first).manifest, b"{}")
    for _ in range(2):
        with pytest.raises(DamagedSnapshot):
            await listing(store, tmp_path)


async def test_another_vault_has_other_manifests(store: MemoryStore, tmp_path: Path) -> None:
    """Equal keys of two vaults are told apart."""
    await listing(store, tmp_path)
    other = MemoryStore()
    vault = await Vault.open(other, create=True)
    await take(vault, make_capture(project="A"))
    assert len((await listing(other, tmp_path))[1]) == 1
    assert len(os.listdir(tmp_path)) == 2  # noqa: PTH208  # as in the shell


# --- a cache that is none ------------------------------------------------------------------------------------------


async def test_a_damaged_cache_is_thrown_away(store: MemoryStore, tmp_path: Path) -> None:
    """Without a word; the next listing makes a new one."""
    first, _ = await listing(store, tmp_path)
    file = only_file(tmp_path)
    file.write_bytes(b"no database" * 1000)
    assert (await listing(store, tmp_path))[0] == first
    assert not file.exists()
    assert len((await listing(store, tmp_path))[1]) == 5
    assert (await listing(store, tmp_path))[1] == []


@pytest.mark.parametrize("damage", ["x'00'", "'text'", "substr(packed, 1, 40)", "zeroblob(length(packed))"])
async def test_damaged_rows_are_read_again(store: MemoryStore, tmp_path: Path, damage: str) -> None:
    """What is not what was kept, by length or checksum, does not count."""
    first, _ = await listing(store, tmp_path)
    file = only_file(tmp_path)
    connection = sqlite3.connect(file)
    with connection:
        connection.execute(f"UPDATE manifests SET packed = {damage} WHERE key LIKE '%/A/%'")  # noqa: S608  # of ours
    connection.close()
    assert await listing(store, tmp_path) == (first, ["A", "A", "A"])


async def test_a_busy_cache_is_done_without(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process holds it: the listing goes on, and the cache stays."""
    monkeypatch.setattr("cluvault.vault.cache._WAIT_SECONDS", 0.01)
    first, _ = await listing(store, tmp_path)
    file = only_file(tmp_path)
    connection = sqlite3.connect(file)
    connection.execute("BEGIN EXCLUSIVE")
    found, read = await listing(store, tmp_path)
    connection.close()
    assert (found, len(read)) == (first, 5)
    assert (await listing(store, tmp_path))[1] == []


async def test_a_folder_that_cannot_be_made(store: MemoryStore, tmp_path: Path) -> None:
    """A file is in its place, or a link where the cache would be written: there is no cache."""
    (tmp_path / "file").write_bytes(b"")
    assert len((await listing(store, tmp_path / "file"))[0]) == 5
    precious = tmp_path / "precious"
    ManifestCache(tmp_path, ID).path.symlink_to(precious)
    assert len((await listing(store, tmp_path))[0]) == 5
    assert not precious.exists()


async def test_only_its_owner_reads_it(store: MemoryStore, tmp_path: Path) -> None:
    """It holds names of projects."""
    await listing(store, tmp_path / "new")
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o700  # noqa: PTH116  # as in the shell
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_many_at_once(tmp_path: Path) -> None:
    """Several caches on one file, each in a thread of its own: every one finds what all have kept."""
    objects = [ObjectInfo(f"snapshots/prod/A/{number:03}/manifest.json", 9, moment(number)) for number in range(100)]

    def work(part: int) -> None:
        cache = ManifestCache(tmp_path, ID)
        for one in objects[part::4]:
            cache.keep([(one, b"manifest!")])
        cache.close()

    threads = [Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache = ManifestCache(tmp_path, ID)
    assert cache.find(objects, after="snapshots/prod/A/") == {one.key: b"manifest!" for one in objects}
    assert cache.find([replace(objects[0], modified=objects[0].modified + timedelta(seconds=1))], after="") == {}
    cache.keep([(objects[0], b"of another size")])
    assert cache.find(objects[:1], after="") == {}
    assert cache.find([], after="") == {}
    cache.close()


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG base directories say; nowhere for a user without a home."""
    assert cache_folder({"XDG_CACHE_HOME": "/var/cache/me"}) == Path("/var/cache/me/cluvault")
    assert cache_folder({"XDG_CACHE_HOME": "relative", "HOME": "/home/me"}) == Path("/home/me/.cache/cluvault")

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    assert cache_folder({}) is None
