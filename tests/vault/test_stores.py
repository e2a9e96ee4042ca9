"""What every object store promises; each kind of store in conftest.py runs all of this."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluvault.errors import InvalidKey, ObjectExists, ObjectNotFound
from cluvault.model.object_info import ObjectInfo
from cluvault.vault.store import MAX_KEY_BYTES, ObjectStore
from tests.support.snapshots import everything

if TYPE_CHECKING:
    from collections.abc import Callable

ANY_TIME = datetime(2026, 11, 1, tzinfo=UTC)  # does not count in comparisons

UNUSUAL_KEYS = (
    "a",
    "a b/c d",
    "%2E%2E/%2F/%",
    "...",
    "-/-",
    "~/$HOME",
    "*?[x]",
    "Ünïcode/ключ/键",
    "😀/👩‍🚀",
    "name\u00a0with\u3000spaces",
    ".hidden/.file",
    "a/.tmp/b",
    "CON.txt",
    "#fragment?query=1&x=;",
    "x" * 200 + "/" + "y" * 200,
    "/".join(["d"] * (MAX_KEY_BYTES // 2)),
)

BAD_KEYS = (
    "",
    "/",
    "/etc/passwd",
    "a//b",
    "a/",
    ".",
    "..",
    "../x",
    "a/../../x",
    "a/./b",
    "a\\b",
    "a\0b",
    "a\nb",
    "\ud800",
    ".tmp",
    ".tmp/x",
    ".probe",
    "lost+found/x",
    "x" * (MAX_KEY_BYTES + 1),
    "é" * (MAX_KEY_BYTES // 2 + 1),
)

SEGMENTS = st.sampled_from(["a", "b", "a-b", "a.b", "a!", "a0", "é", "😀", "\uff5e", "~"])
KEYS = st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join)


async def test_what_was_put_can_be_got(store: ObjectStore) -> None:
    """The body comes back byte for byte."""
    await store.put_new("a/b", b"\x00\xff\r\n")
    assert await store.get("a/b") == b"\x00\xff\r\n"


@pytest.mark.parametrize("key", UNUSUAL_KEYS)
async def test_unusual_keys(store: ObjectStore, key: str) -> None:
    """Any text without empty or dot segments, backslashes and control characters is a key."""
    await store.put_new(key, b"body")
    assert await everything(store) == {key: b"body"}
    await store.delete(key)
    assert await everything(store) == {}


@pytest.mark.parametrize("key", BAD_KEYS, ids=[ascii(key)[:20] for key in BAD_KEYS])
async def test_keys_that_could_leave_the_store_are_refused(store: ObjectStore, key: str) -> None:
    """Empty and dot segments, absolute paths and what no store can hold: refused by every verb, nothing is written."""
    with pytest.raises(InvalidKey):
        await store.get(key)
    with pytest.raises(InvalidKey):
        await store.put_new(key, b"body")
    with pytest.raises(InvalidKey):
        await store.delete(key)
    assert await everything(store) == {}


@pytest.mark.parametrize("size", [0, 1, 8 << 20])
async def test_bodies_of_any_size(store: ObjectStore, size: int) -> None:
    """Empty bodies and big ones are objects, and the listing knows their size."""
    await store.put_new("body", b"x" * size)
    assert await store.get("body") == b"x" * size
    assert [found async for found in store.list()] == [ObjectInfo("body", size, modified=ANY_TIME)]


async def test_a_missing_object_is_said_to_be_missing(store: ObjectStore) -> None:
    """A key that nobody wrote, also one below or above an existing object, raises ObjectNotFound with the key."""
    await store.put_new("a/b", b"body")
    for key in ("x", "a", "a/b/c", "a/b2", "y" * 1000):
        with pytest.raises(ObjectNotFound, match=key):
            await store.get(key)


async def test_put_new_never_overwrites(store: ObjectStore) -> None:
    """A second put_new on a key raises and leaves the first body in place."""
    await store.put_new("a/1", b"first")
    with pytest.raises(ObjectExists, match="a/1"):
        await store.put_new("a/1", b"second")
    assert await store.get("a/1") == b"first"


async def test_of_many_writers_one_wins(store: ObjectStore) -> None:
    """Of fifty at once on one key exactly one succeeds, and its body is what everybody reads."""
    bodies = [f"writer {number}".encode() * 1000 for number in range(50)]
    results = await asyncio.gather(*(store.put_new("a/b/c", body) for body in bodies), return_exceptions=True)
    winners = [body for body, result in zip(bodies, results, strict=True) if result is None]
    assert len(winners) == 1
    assert sum(isinstance(result, ObjectExists) for result in results) == 49
    assert await store.get("a/b/c") == winners[0]


async def test_writers_of_different_keys_do_not_hinder_each_other(store: ObjectStore) -> None:
    """Fifty at once below new common folders all succeed."""
    keys = [f"new/{number % 5}/{number:02}" for number in range(50)]
    await asyncio.gather(*(store.put_new(key, key.encode()) for key in keys))
    assert await everything(store) == {key: key.encode() for key in sorted(keys)}


async def test_writing_and_deleting_side_by_side(store: ObjectStore) -> None:
    """A delete that empties a folder takes nothing from whoever writes into it at that moment."""

    async def cycle(number: int) -> None:
        for _ in range(10):
            await store.put_new(f"shared/folder/{number}", b"body")
            assert await store.get(f"shared/folder/{number}") == b"body"
            await store.delete(f"shared/folder/{number}")

    await asyncio.gather(*map(cycle, range(6)))
    assert await everything(store) == {}


async def test_delete_removes_one_object(store: ObjectStore) -> None:
    """The object is gone, its neighbours stay, and its key is free again."""
    await store.put_new("a/1", b"first")
    await store.put_new("a/2", b"neighbour")
    await store.delete("a/1")
    with pytest.raises(ObjectNotFound):
        await store.get("a/1")
    await store.put_new("a/1", b"again")
    assert await everything(store) == {"a/1": b"again", "a/2": b"neighbour"}


@pytest.mark.parametrize("key", ["gone", "a", "a/b/c", "y" * 1000])
async def test_deleting_what_is_gone_is_success(store: ObjectStore, key: str) -> None:
    """Nothing happens, also for a key above or below an object."""
    await store.put_new("a/b", b"body")
    await store.delete(key)
    await store.delete(key)
    assert await everything(store) == {"a/b": b"body"}


async def test_an_empty_store_lists_nothing(store: ObjectStore) -> None:
    """A store that nobody has written to can be read."""
    assert [found async for found in store.list()] == []
    assert [found async for found in store.list("a/b")] == []


@pytest.mark.parametrize(
    "prefix, expected",
    [
        ("", ["a", "a-b/x", "b/x/1", "b/x/2", "b/x2", "b/y"]),
        ("a", ["a", "a-b/x"]),
        ("a-", ["a-b/x"]),
        ("b", ["b/x/1", "b/x/2", "b/x2", "b/y"]),
        ("b/", ["b/x/1", "b/x/2", "b/x2", "b/y"]),
        ("b/x", ["b/x/1", "b/x/2", "b/x2"]),
        ("b/x/", ["b/x/1", "b/x/2"]),
        ("b/x/1", ["b/x/1"]),
        ("b/x/1/", []),
        ("c", []),
        ("/", []),
        ("../", []),
        ("b/../a", []),
        ("b//", []),
        (".tmp/", []),
        ("y" * 1000 + "/", []),
    ],
)
async def test_a_prefix_is_any_beginning_of_a_key(store: ObjectStore, prefix: str, expected: list[str]) -> None:
    """It need not end at a slash, and one that no key can have leads nowhere."""
    for key in ("b/y", "a-b/x", "b/x2", "b/x/2", "a", "b/x/1"):
        await store.put_new(key, b"")
    assert [found.key async for found in store.list(prefix)] == expected


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(keys=st.sets(KEYS, max_size=12), prefix=st.just("") | KEYS)
async def test_listing_is_sorted_by_whole_key(
    new_store: Callable[[], ObjectStore], keys: set[str], prefix: str
) -> None:
    """`a-b` sorts before `a/b`: the order of the keys as texts, whatever the folders are."""
    objects = {key for key in keys if not any(other.startswith(f"{key}/") for other in keys)}
    store = new_store()
    for key in objects:
        await store.put_new(key, key.encode())
    expected = sorted(key for key in objects if key.startswith(prefix))
    assert [found.key async for found in store.list(prefix)] == expected


async def test_listing_while_objects_come_and_go(store: ObjectStore) -> None:
    """What was there all the time is listed; nothing that is listed is half an object."""
    stays = [f"stays/{number:02}" for number in range(20)]
    goes = [f"goes/{number:02}" for number in range(20)]
    await asyncio.gather(*(store.put_new(key, b"body") for key in stays + goes))
    listing = aiter(store.list())
    seen = [await anext(listing)]
    await asyncio.gather(*map(store.delete, goes))
    seen += [found async for found in listing]
    assert [found.key for found in seen if found.key in stays] == stays
    assert {found.size for found in seen} == {4}


async def test_a_listing_can_be_left_early(store: ObjectStore) -> None:
    """Who looks for the first object only need not read the rest."""
    for number in range(3):
        await store.put_new(f"{number}", b"")
    assert await anext(aiter(store.list())) == ObjectInfo("0", 0, modified=ANY_TIME)


async def test_the_time_of_writing_is_the_stores(store: ObjectStore) -> None:
    """Aware, now, and never going back from one write to the next."""
    for number in range(3):
        await store.put_new(f"{number}", b"")
    times = [found.modified async for found in store.list()]
    assert times == sorted(times)
    assert all(abs(datetime.now(UTC) - time) < timedelta(minutes=1) for time in times)


async def test_folders(store: ObjectStore) -> None:
    """What is directly below a prefix, once each, in the order of listings; objects there are none."""
    for key in ("top", "b/1", "b/x/1", "b/x/2", "b/a-b/1", "b/a/1", "b/Ünï/1", "a/1/2/3"):
        await store.put_new(key, b"")
    assert [folder async for folder in store.folders()] == ["a/", "b/"]
    assert [folder async for folder in store.folders("b/")] == ["b/a-b/", "b/a/", "b/x/", "b/Ünï/"]
    assert [folder async for folder in store.folders("b/x/")] == []
    assert [folder async for folder in store.folders("nothing/")] == []


async def test_the_url_names_the_store(store: ObjectStore) -> None:
    """It starts with the scheme, for messages."""
    assert store.url.startswith(("memory:", "file:///", "s3://", "az://"))


async def test_a_closed_store_keeps_its_objects(store: ObjectStore) -> None:
    """Closing releases connections, never data."""
    await store.put_new("a", b"body")
    await store.aclose()
    assert await store.get("a") == b"body"
