"""Damage of every kind is named and never passed on: bytes come back as they were, or an error with exit code 5."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import DamagedSnapshot, VaultTooNew
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.content import pack, unpack
from cluvault.vault.memory import MemoryStore
from cluvault.vault.vault import Vault
from tests.support.snapshots import make_capture, overwrite, take

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluvault.vault.store import ObjectStore

KEY = SnapshotKey("prod", "EmailApp", "20261101T020000Z-000b2c3d")
OTHER = SnapshotKey("prod", "Other", "20261101T020000Z-000b2c3d")
RAW = b'{"projectFileVersion": "2023-04-01", "metadata": {"projectKind": "Conversation"}}' * 3
CONTENT, STORED = pack(RAW, key=KEY, canonical_sha256="0" * 64)


@pytest.fixture
async def vault(store: ObjectStore) -> Vault:
    """A vault with two snapshots of two projects."""
    vault = await Vault.open(store, create=True, new_id=lambda: "the-id")
    await take(vault, make_capture(RAW))
    await take(vault, make_capture(b"other", project="Other"))
    return vault


async def read(vault: Vault) -> bytes:
    """The whole way from key to bytes."""
    return await vault.read(await vault.manifest(KEY))


async def change_manifest(store: ObjectStore, change: Callable[[dict[str, Any]], object]) -> None:
    """Edit the manifest as somebody with a text editor would."""
    document = json.loads(await store.get(KEY.manifest))
    change(document)
    await overwrite(store, KEY.manifest, json.dumps(document).encode())


# --- content -------------------------------------------------------------------------------------------------------


@given(position=st.integers(0, len(STORED) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere(position: int, bit: int) -> None:
    """Not one bit of the stored bytes can change unnoticed."""
    damaged = bytearray(STORED)
    damaged[position] ^= 1 << bit
    with pytest.raises(DamagedSnapshot, match="expected stored sha256"):
        unpack(bytes(damaged), CONTENT, reference=KEY.reference)


@given(length=st.integers(0, len(STORED) - 1))
def test_truncated_anywhere(length: int) -> None:
    """A content that ends too early is named with both sizes."""
    with pytest.raises(DamagedSnapshot, match=f"expected stored size {len(STORED)}, found {length}"):
        unpack(STORED[:length], CONTENT, reference=KEY.reference)


@given(raw=st.binary(max_size=2000))
def test_unpacking_undoes_packing(raw: bytes) -> None:
    """Any bytes come back, and equal bytes are packed equally."""
    content, stored = pack(raw, key=KEY, canonical_sha256="0" * 64)
    assert unpack(stored, content, reference="x") == raw
    assert pack(raw, key=KEY, canonical_sha256="0" * 64) == (content, stored)


def test_content_may_lie_uncompressed() -> None:
    """A manifest that says `identity` means the bytes themselves."""
    plain = CONTENT.model_copy(
        update={"encoding": "identity", "sha256": CONTENT.raw_sha256, "bytes": CONTENT.raw_bytes}
    )
    assert unpack(RAW, plain, reference="x") == RAW


@pytest.mark.parametrize(
    "body, found",
    [
        (None, "is missing"),
        (b"", "expected stored size"),
        (STORED + b"x", "expected stored size"),
        (b"x" * len(STORED), "expected stored sha256"),
        (RAW, "expected stored size"),
    ],
    ids=["missing", "empty", "longer", "rewritten", "decompressed"],
)
async def test_damaged_content(vault: Vault, store: ObjectStore, body: bytes | None, found: str) -> None:
    """The error names the snapshot, the key and what was found; the exit code is that of damage."""
    await store.delete(KEY.content)
    if body is not None:
        await store.put_new(KEY.content, body)
    with pytest.raises(DamagedSnapshot, match=found) as caught:
        await read(vault)
    assert str(caught.value).startswith(f"{KEY.reference}: content '{KEY.content}': ")
    assert caught.value.exit_code == 5


async def test_swapped_contents_of_two_snapshots(vault: Vault, store: ObjectStore) -> None:
    """Whole content in the wrong place is damage of both snapshots."""
    mine, theirs = await store.get(KEY.content), await store.get(OTHER.content)
    await overwrite(store, KEY.content, theirs)
    await overwrite(store, OTHER.content, mine)
    for key in (KEY, OTHER):
        with pytest.raises(DamagedSnapshot, match="expected stored"):
            await vault.read(await vault.manifest(key))


# --- a manifest that was made to fit -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored, found",
    [
        (b"no gzip at all", "expected raw size"),
        (b"x" * len(RAW), "expected raw sha256"),
        (gzip.compress(b"", mtime=0), "expected raw size"),
        (gzip.compress(RAW + b"x", mtime=0), "expected raw size"),
        (gzip.compress(RAW[:-1], mtime=0), "expected raw size"),
        (gzip.compress(RAW[:-1] + b"?", mtime=0), "expected raw sha256"),
        (gzip.compress(b"\0" * 50_000_000, mtime=0), "decompresses to more than"),
        (gzip.compress(RAW, mtime=0)[:-4], "ends too early"),
        (STORED[:10] + b"\xff" * 100, "damaged gzip data"),
    ],
    ids=["plain", "plain of that size", "empty", "longer", "shorter", "changed", "bomb", "torn", "rubbish"],
)
def test_stored_bytes_that_fit_the_manifest_but_hold_something_else(stored: bytes, found: str) -> None:
    """The raw size and digest are checked as well; a bomb is not unpacked."""
    forged = pack(stored, key=KEY, canonical_sha256="0" * 64)[0]
    content = CONTENT.model_copy(update={"sha256": forged.raw_sha256, "bytes": forged.raw_bytes})
    with pytest.raises(DamagedSnapshot, match=found):
        unpack(stored, content, reference=KEY.reference)


@pytest.mark.parametrize("claimed, limit", [(0, 1), (10**15, 100)])
def test_a_claimed_size_opens_no_way_for_a_bomb(claimed: int, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither nothing, which zlib would take for no limit, nor more than any project file can have."""
    monkeypatch.setattr("cluvault.vault.content._LARGEST", 100)
    content = CONTENT.model_copy(update={"raw_bytes": claimed})
    with pytest.raises(DamagedSnapshot, match=f"more than {limit} bytes"):
        unpack(STORED, content, reference=KEY.reference)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "../../etc/passwd",
        "/etc/passwd",
        "cluvault.json",
        "snapshots/../../etc/config.json.gz",
        KEY.manifest,
        KEY.folder + "other.gz",
        KEY.content + "/",
        KEY.content.replace("/prod/", "//prod/"),
        OTHER.content,
        SnapshotKey("dev", "EmailApp", KEY.snapshot_id).content,
        "snapshots/prod/EmailApp/../Other/20261101T020000Z-000b2c3d/config.json.gz",
        "snapshots/prod/Email%41pp/20261101T020000Z-000b2c3d/config.json.gz",
        "x" * 100_000,
    ],
    ids=lambda key: key[:40] or "empty",
)
async def test_a_manifest_that_names_a_key_outside(vault: Vault, store: ObjectStore, key: str) -> None:
    """A manifest may name content of its own project and nothing else, even if that is there and whole."""
    await change_manifest(store, lambda document: document["content"].update(key=key))
    with pytest.raises(DamagedSnapshot, match="is no content of this project") as caught:
        await read(vault)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "change", [{"project": "Other"}, {"resource": "dev"}, {"snapshotId": "20261101T020000Z-ffffffff"}]
)
async def test_a_manifest_of_another_snapshot(vault: Vault, store: ObjectStore, change: dict[str, str]) -> None:
    """A manifest that was copied to the wrong place does not pass one project off as another."""
    await change_manifest(store, lambda document: document.update(change))
    with pytest.raises(DamagedSnapshot, match="describes another snapshot") as caught:
        await read(vault)
    assert KEY.manifest in str(caught.value)
    assert next(iter(change.values())) in str(caught.value)


async def test_swapped_manifests(vault: Vault, store: ObjectStore) -> None:
    """The same for two whole manifests that changed places."""
    mine, theirs = await store.get(KEY.manifest), await store.get(OTHER.manifest)
    await overwrite(store, KEY.manifest, theirs)
    await overwrite(store, OTHER.manifest, mine)
    for key in (KEY, OTHER):
        with pytest.raises(DamagedSnapshot, match="describes another snapshot"):
            await vault.manifest(key)


# --- a manifest that is none ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 100, b"{", b"[]", b"null", b"{}", b'{"format": 1}', b"<html>", b"\xff\xfe{}", b"[" * 100_000]
)
async def test_a_malformed_manifest(vault: Vault, store: ObjectStore, body: bytes) -> None:
    """One line names the key; the exit code is that of damage."""
    await overwrite(store, KEY.manifest, body)
    with pytest.raises(DamagedSnapshot, match="not a manifest") as caught:
        await read(vault)
    assert str(caught.value).startswith(f"{KEY.manifest}: ")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 5


async def test_a_manifest_of_a_newer_format(vault: Vault, store: ObjectStore) -> None:
    """It is refused by its format, whatever else it says, with the mend."""
    await overwrite(store, KEY.manifest, b'{"format": 7, "everything": "else is new"}')
    with pytest.raises(VaultTooNew, match="format 7, this cluvault reads up to 1; upgrade cluvault") as caught:
        await read(vault)
    assert caught.value.exit_code == 2


async def test_a_truncated_manifest() -> None:
    """At whatever byte it ends, it is damage; only the line end after it may be missing."""
    store = MemoryStore()
    vault = await Vault.open(store, create=True)
    stored = await take(vault, make_capture(RAW))
    whole = stored.to_bytes()
    for length in range(len(whole) - 2):
        await overwrite(store, KEY.manifest, whole[:length])
        with pytest.raises(DamagedSnapshot):
            await read(vault)
