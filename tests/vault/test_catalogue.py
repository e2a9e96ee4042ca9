"""The catalogue: what is listed, which snapshot a reference means, and what is said when it means none."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import DamagedSnapshot, SnapshotNotFound, VaultError, VaultTooNew
from cluvault.model.reference import SnapshotReference, parse_reference
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.faulty_store import FaultyStore
from tests.support.snapshots import listed, make_capture, moment, overwrite, take

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.model.manifest import Manifest


@pytest.fixture
def store() -> MemoryStore:
    """A store; what stores promise has its own tests."""
    return MemoryStore()


@pytest.fixture
async def vault(store: MemoryStore) -> Vault:
    """A new vault."""
    return await Vault.open(store, create=True)


async def take_all(vault: Vault, *names: str, seconds: float = 0) -> list[Manifest]:
    """One snapshot for each `resource/project`."""
    captures = [make_capture(resource=name.split("/")[0], project=name.split("/")[1]) for name in names]
    return [await take(vault, capture, seconds=seconds) for capture in captures]


def reference(text: str) -> SnapshotReference:
    """Read a reference that is one to a snapshot."""
    parsed = parse_reference(text)
    assert isinstance(parsed, SnapshotReference)
    return parsed


# --- listing -------------------------------------------------------------------------------------------------------


async def test_a_new_vault_lists_nothing(vault: Vault) -> None:
    """No snapshot, no manifest, no latest."""
    assert await listed(vault) == []
    assert await vault.snapshots() == []
    assert await vault.latest("prod", "EmailApp") is None


async def test_listing_by_resource_and_project(vault: Vault) -> None:
    """Names are compared whole: `prod` is not `prod-2`, `A` is not `AB`."""
    await take_all(vault, "prod/A", "prod/AB", "prod-2/A", "dev/A")

    async def names(resource: str | None, project: str | None) -> list[str]:
        return [f"{key.resource}/{key.project}" for key in await listed(vault, resource=resource, project=project)]

    assert await names(None, None) == ["dev/A", "prod/A", "prod/AB", "prod-2/A"]
    assert await names("prod", None) == ["prod/A", "prod/AB"]
    assert await names("prod", "A") == ["prod/A"]
    assert await names(None, "A") == ["dev/A", "prod/A", "prod-2/A"]
    assert await names("test", None) == []


async def test_only_whole_snapshots_are_listed(vault: Vault, store: MemoryStore) -> None:
    """Content alone, foreign files and what merely looks like a manifest are passed over."""
    (stored,) = await take_all(vault, "prod/A")
    folder = f"snapshots/prod/A/{stored.snapshot_id}"
    for key in (
        "snapshots/prod/B/20261101T020000Z-000b2c3d/config.json.gz",
        "snapshots/manifest.json",
        "snapshots/prod/A/manifest.json",
        "snapshots/prod/A/latest/manifest.json",
        f"{folder}/deeper/manifest.json",
        f"{folder}/manifest.json.bak",
        "snapshots/prod/%41/20261101T020000Z-000b2c3d/manifest.json",
        "notes/prod/A/20261101T020000Z-000b2c3d/manifest.json",
    ):
        await store.put_new(key, b"")
    assert await listed(vault) == [SnapshotKey("prod", "A", stored.snapshot_id)]


async def test_many_manifests_are_read_in_order(vault: Vault) -> None:
    """All of them, sorted by resource, project and id, whatever the order of keys in the store."""
    for number in range(70):
        await take(vault, make_capture(project=f"A{'-' * (number % 2)}"), seconds=number)
    manifests = await vault.snapshots()
    assert len(manifests) == 70
    assert [(m.project, m.captured_at) for m in manifests] == [
        (f"A{'-' * odd}", moment(number)) for odd in (0, 1) for number in range(odd, 70, 2)
    ]


async def test_a_snapshot_that_is_pruned_while_it_is_listed(vault: Vault, store: MemoryStore) -> None:
    """It is left out, as if the listing had come a moment later."""

    class PrunedMeanwhile(FaultyStore):
        async def get(self, key: str) -> bytes:
            if "/A/" in key:
                await store.delete(key)
            return await super().get(key)

    await take_all(vault, "prod/A", "prod/B")
    listing = Vault(PrunedMeanwhile(store), vault.vault_id)
    assert [manifest.project for manifest in await listing.snapshots()] == ["B"]
    await take_all(vault, "prod/A", seconds=1)
    assert await listing.latest("prod", "A") is None


async def test_a_manifest_that_cannot_be_used(vault: Vault, store: MemoryStore) -> None:
    """It ends the reading, unless somebody wants to be told: then all the others are there."""
    a, b, c = await take_all(vault, "prod/A", "prod/B", "prod/C")
    await overwrite(store, SnapshotKey("prod", "A", a.snapshot_id).manifest, b"{")
    await overwrite(store, SnapshotKey("prod", "B", b.snapshot_id).manifest, b'{"format": 2}')
    with pytest.raises(DamagedSnapshot):
        await vault.snapshots()
    with pytest.raises(VaultTooNew):
        await vault.snapshots(project="B")
    faults: dict[str, VaultError] = {}
    assert await vault.snapshots(on_fault=lambda key, fault: faults.update({key.project: fault})) == [c]
    assert {project: type(fault) for project, fault in faults.items()} == {"A": DamagedSnapshot, "B": VaultTooNew}


# --- the latest, and as of -----------------------------------------------------------------------------------------


async def test_the_latest_is_the_last_captured(vault: Vault) -> None:
    """Ids sort by time, whatever their entropy."""
    await take(vault, make_capture(b"1"), seconds=0)
    await take(vault, make_capture(b"3"), seconds=60.7, entropy="00000000")
    await take(vault, make_capture(b"2"), seconds=60.2, entropy="ffffffff")
    latest = await vault.latest("prod", "EmailApp")
    assert latest is not None
    assert await vault.read(latest) == b"3"


async def test_the_latest_is_never_an_older_one_in_disguise(vault: Vault, store: MemoryStore) -> None:
    """When the newest manifest is damaged, that is said; the one before is not passed off as the latest."""
    await take(vault, make_capture(b"1"))
    newest = await take(vault, make_capture(b"2"), seconds=60)
    await overwrite(store, SnapshotKey("prod", "EmailApp", newest.snapshot_id).manifest, b"{")
    with pytest.raises(DamagedSnapshot):
        await vault.latest("prod", "EmailApp")


async def test_only_what_is_needed_is_read(vault: Vault, store: MemoryStore) -> None:
    """The latest of many snapshots costs one listing and one manifest."""
    for number in range(20):
        await take(vault, make_capture(), seconds=number)
    counting = FaultyStore(store)
    await Vault(counting, vault.vault_id).latest("prod", "EmailApp")
    assert [call.split()[0] for call in counting.calls] == ["list", "get"]


@pytest.mark.parametrize(
    "as_of, expected",
    [
        (moment(0), 0),
        (moment(0.5), 0),
        (moment(59.999999), 0),
        (moment(60.1), 0),
        (moment(60.2), 1),
        (moment(60.6), 1),
        (moment(60.7), 2),
        (moment(120), 2),
        (moment(60.2).astimezone(timezone(timedelta(hours=-8))), 1),
    ],
)
async def test_as_of_an_instant(vault: Vault, as_of: datetime, expected: int) -> None:
    """The last snapshot that was captured at or before the instant, to the microsecond, in any time zone."""
    times = (0, 60.2, 60.7)
    stored = [
        await take(vault, make_capture(), seconds=time, entropy=entropy)
        for time, entropy in zip(times, ("22222222", "11111111", "00000000"), strict=True)
    ]
    found = await vault.resolve(SnapshotReference("prod", "EmailApp", as_of=as_of))
    assert found == stored[expected]


@given(
    times=st.lists(st.integers(0, 40).map(lambda tenths: tenths / 10), unique=True, min_size=1, max_size=8),
    instant=st.integers(-5, 45).map(lambda tenths: tenths / 10),
)
async def test_as_of_is_the_maximum_of_the_past(times: list[float], instant: float) -> None:
    """The same as looking at all snapshots, though only few are read."""
    vault = await Vault.open(MemoryStore(), create=True)
    for number, time in enumerate(times):
        await take(vault, make_capture(), seconds=time, entropy=f"{number:08}")
    found = await vault.latest("prod", "EmailApp", as_of=moment(instant))
    past = [moment(time) for time in times if time <= instant]
    assert (found.captured_at if found else None) == max(past, default=None)


# --- references ----------------------------------------------------------------------------------------------------


async def test_references_that_mean_a_snapshot(vault: Vault) -> None:
    """The latest, one by id, one as of a day."""
    first, second = [await take(vault, make_capture(), seconds=day * 86400) for day in (0, 1)]
    assert await vault.resolve(reference("prod/EmailApp")) == second
    assert await vault.resolve(reference(first.reference)) == first
    assert await vault.resolve(reference("prod/EmailApp@2026-11-02")) == first
    assert await vault.resolve(reference("prod/EmailApp@2026-11-03")) == second


@pytest.mark.parametrize(
    "text, mend",
    [
        (
            "prod/EmailApp@20261101T030000Z-00000000",
            "the nearest: 20261101T020000Z-000b2c3d, 20261102T020000Z-000b2c3d",
        ),
        ("prod/EmailApp@20991101T030000Z-00000000", "the nearest: 20261103T020000Z-000b2c3d"),
        ("prod/EmailApp@2026-10-31T00:00:00Z", "the nearest: 20261101T020000Z-000b2c3d"),
        ("prod/emailap", "prod has snapshots of 2 projects, e.g. EmailApp"),
        ("prod/Zebra", "prod has snapshots of 2 projects, e.g. EmailApp, Pizza"),
        ("prd/EmailApp", "the vault has snapshots of these resources: prod"),
    ],
)
async def test_references_that_mean_none(vault: Vault, text: str, mend: str) -> None:
    """The error names what was asked for and the nearest that exist."""
    for day in range(3):
        await take(vault, make_capture(), seconds=day * 86400)
    await take_all(vault, "prod/Pizza", "dev/Pizza")
    with pytest.raises(SnapshotNotFound) as caught:
        await vault.resolve(reference(text))
    assert str(caught.value) == f"{text} is not in memory:; {mend}"
    assert caught.value.exit_code == 1


async def test_a_reference_into_an_empty_vault(vault: Vault) -> None:
    """The mend is to take a snapshot."""
    with pytest.raises(SnapshotNotFound, match="the vault has no snapshot yet; `cluvault backup` takes the first"):
        await vault.resolve(reference("prod/EmailApp"))


async def test_a_key_that_does_not_exist(vault: Vault) -> None:
    """Reading a manifest by key names the snapshot."""
    with pytest.raises(SnapshotNotFound, match="prod/A@20261101T020000Z-000b2c3d is not in memory:"):
        await vault.manifest(SnapshotKey("prod", "A", "20261101T020000Z-000b2c3d"))
