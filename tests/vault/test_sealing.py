"""Encrypted content: written with public keys only, opened with an identity, told apart from damage."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import shutil
import subprocess
import sys
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pyrage
import pytest

from cluvault.errors import ConfigurationError, DamagedSnapshot, ObjectExists, SnapshotSealed
from cluvault.model.manifest import read_manifest
from cluvault.plan.keys import SnapshotKey
from cluvault.vault.memory import MemoryStore
from cluvault.vault.sealing import Sealing
from cluvault.vault.vault import Vault
from tests.support.ages import DIGEST_KEY, KeyPair, hidden, sealing
from tests.support.faulty_store import FaultyStore, Killed, stop_points
from tests.support.snapshots import everything, listed, make_capture, overwrite, take

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluvault.model.manifest import Manifest
    from cluvault.vault.store import ObjectStore

FIRST = SnapshotKey("prod", "EmailApp", "20261101T020000Z-000b2c3d")
SECOND = SnapshotKey("prod", "EmailApp", "20261101T020100Z-000b2c3d")
RAW = make_capture().raw
MINE, THEIRS = KeyPair(), KeyPair()


@pytest.fixture
def store() -> ObjectStore:
    """One kind of store is enough for all but the first test: the vault treats sealed bytes as any others."""
    return MemoryStore()


async def opened(store: ObjectStore, seals: Sealing) -> Vault:
    """The vault, as a machine with these keys sees it."""
    return await Vault.open(store, create=True, new_id=lambda: "the-id", sealing=seals)


async def writer(store: ObjectStore, **more: Any) -> Vault:
    """The vault of a machine that can only encrypt."""
    return await opened(store, sealing(MINE, **more))


async def reader(store: ObjectStore, identity: KeyPair = MINE) -> Vault:
    """The vault of a machine that can only decrypt."""
    return await opened(store, sealing(identity=identity))


# --- on every store ------------------------------------------------------------------------------------------------


async def test_who_has_the_identity_reads_what_others_wrote(
    new_store: Callable[[], ObjectStore], sample: Callable[[str], bytes]
) -> None:
    """Byte for byte, in every kind of store; whoever wrote it cannot read it."""
    store = new_store()
    raw = sample("pizza-small")
    manifest = await take(await writer(store), make_capture(raw))
    assert await (await reader(store)).read(manifest) == raw
    with pytest.raises(SnapshotSealed):
        await (await writer(store)).read(manifest)
    names = [key for key in await everything(store) if key.startswith("snapshots/")]
    assert names == [FIRST.sealed_content, FIRST.manifest]


# --- without cluvault ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not installed (Debian package age)")
async def test_age_and_gunzip_recover_a_project(store: ObjectStore, tmp_path: Path) -> None:
    """And with them the key of the digests, so that openssl can check what came out."""
    manifest = await take(await writer(store, digest_key=DIGEST_KEY), make_capture())
    (tmp_path / "key.txt").write_text(MINE.secret)
    age = ["age", "-d", "-i", str(tmp_path / "key.txt")]

    def run(command: list[str], data: bytes) -> bytes:
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout  # noqa: S603

    assert run(["gunzip"], run(age, await store.get(FIRST.sealed_content))) == RAW
    written = json.loads(await store.get(FIRST.manifest))["content"]
    key = run(age, base64.b64decode(written["seal"]["digestKey"]))
    hmac = ["openssl", "dgst", "-sha256", "-mac", "hmac", "-macopt", f"hexkey:{key.hex()}", "-r"]
    assert run(hmac, sha256(RAW).hexdigest().encode()).split()[0].decode() == manifest.content.raw_sha256


async def test_what_age_wrote_is_what_pyrage_reads(store: ObjectStore) -> None:
    """The same proof with the library, where the program is missing."""
    await take(await writer(store), make_capture())
    mine = pyrage.x25519.Identity.from_str(MINE.secret)
    assert gzip.decompress(pyrage.decrypt(await store.get(FIRST.sealed_content), [mine])) == RAW


# --- what a stranger learns ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("digest_key", [None, DIGEST_KEY])
async def test_nothing_in_the_vault_tells_what_the_content_is(store: ObjectStore, digest_key: str | None) -> None:
    """Neither the content, nor a digest of it that could be compared with a guess, nor a key."""
    capture = make_capture(b"a secret utterance" * 10)
    await take(await writer(store, digest_key=digest_key), capture)
    everywhere = b"".join((await everything(store)).values())
    told = [capture.raw, sha256(capture.raw).hexdigest().encode(), capture.canonical_sha256.encode()]
    told += [MINE.secret.encode(), DIGEST_KEY.encode(), base64.b64encode(DIGEST_KEY.encode())]
    assert not [secret for secret in told if secret in everywhere]
    assert MINE.public.encode() in everywhere


async def test_equal_content_looks_different_without_a_digest_key(store: ObjectStore) -> None:
    """Every snapshot has a random key of its own: nothing of one is found in another."""
    vault = await writer(store)
    first = await take(vault, make_capture())
    second = await take(vault, make_capture(), seconds=60, parent=first)
    assert second.content.key == SECOND.sealed_content
    assert not {first.content.raw_sha256, first.content.canonical_sha256, first.content.sha256} & {
        second.content.raw_sha256, second.content.canonical_sha256, second.content.sha256
    }  # fmt: skip
    assert not await vault.stands_for(first, make_capture().canonical_sha256)


# --- what stands for what ------------------------------------------------------------------------------------------


async def test_equal_content_is_stored_once_with_a_digest_key(store: ObjectStore) -> None:
    """Without any identity, also by a process that comes later, and readable by the owner."""
    first = await take(await writer(store, digest_key=DIGEST_KEY), make_capture())
    second = await take(await writer(store, digest_key=DIGEST_KEY), make_capture(), seconds=60, parent=first)
    assert second.content == first.content
    assert await (await reader(store)).read(second) == RAW


@pytest.mark.parametrize(
    "before, after",
    [
        (sealing(), sealing(MINE, digest_key=DIGEST_KEY)),
        (sealing(MINE, digest_key=DIGEST_KEY), sealing(identity=MINE)),
        (sealing(MINE, digest_key=DIGEST_KEY), sealing(THEIRS, digest_key=DIGEST_KEY)),
        (sealing(MINE, digest_key=DIGEST_KEY), sealing(MINE, THEIRS, digest_key=DIGEST_KEY)),
        (sealing(MINE, digest_key=DIGEST_KEY), sealing(MINE, digest_key=f"another {DIGEST_KEY}")),
    ],
    ids=["switched on", "switched off", "another recipient", "one more recipient", "another digest key"],
)
async def test_content_that_is_sealed_otherwise_is_not_reused(
    store: ObjectStore, before: Sealing, after: Sealing
) -> None:
    """What is stored from now on is as the configuration says now, and both can be read."""
    first = await take(await opened(store, before), make_capture())
    second = await take(await opened(store, after), make_capture(), seconds=60, parent=first)
    assert second.content.key in SECOND.contents
    recipients = second.content.seal.recipients if second.content.seal is not None else ()
    assert recipients == after.recipients
    both = Sealing(identity=hidden(f"# two keys\n{MINE.secret}\n\n{THEIRS.secret}\n"))
    vault = await opened(store, both)
    assert [await vault.read(one) for one in await vault.snapshots()] == [RAW, RAW]


async def test_the_order_of_recipients_means_nothing(store: ObjectStore) -> None:
    """Nor do they have to be in the same order to be the same."""
    first = await take(await opened(store, sealing(MINE, THEIRS, digest_key=DIGEST_KEY)), make_capture())
    vault = await opened(store, sealing(THEIRS, MINE, digest_key=DIGEST_KEY))
    assert await vault.stands_for(first, make_capture().canonical_sha256)
    assert await (await reader(store, THEIRS)).read(first) == await (await reader(store, MINE)).read(first) == RAW


async def test_damaged_content_is_not_pointed_to(store: ObjectStore) -> None:
    """The stored bytes are looked at, although nobody here can open them."""
    vault = await writer(store, digest_key=DIGEST_KEY)
    first = await take(vault, make_capture())
    await overwrite(store, FIRST.sealed_content, (await store.get(FIRST.sealed_content))[:-1] + b"x")
    second = await take(vault, make_capture(), seconds=60, parent=first)
    assert second.content.key == SECOND.sealed_content


async def test_an_id_is_given_once(store: ObjectStore) -> None:
    """Encryption is never twice the same: a second try under the same id is refused, and the first snapshot stays."""
    vault = await writer(store, digest_key=DIGEST_KEY)
    first = await take(vault, make_capture())
    with pytest.raises(ObjectExists):
        await take(vault, make_capture())
    assert await (await reader(store)).read(first) == RAW
    assert await listed(vault) == [FIRST]


async def test_a_killed_run_loses_nothing() -> None:
    """Wherever it stops, what is listed can be read, and the next try, which takes another id, succeeds."""
    calls = FaultyStore(MemoryStore())
    await take(await writer(calls, digest_key=DIGEST_KEY), make_capture())
    for point in stop_points(calls.calls):
        inner = MemoryStore()
        with suppress(Killed):
            await take(await writer(FaultyStore(inner, point=point), digest_key=DIGEST_KEY), make_capture())
        vault = await writer(inner, digest_key=DIGEST_KEY)
        parent = await vault.latest("prod", "EmailApp")
        await take(vault, make_capture(), seconds=60, parent=parent)
        seen = await reader(inner)
        assert {await seen.read(one) for one in await seen.snapshots()} == {RAW}


async def test_what_a_manifest_would_say(store: ObjectStore) -> None:
    """A digest of plain content is compared in the form that the manifest has; of a plain one, as it is."""
    sealed = await take(await writer(store), make_capture())
    vault = await reader(store)
    plain = await take(vault, make_capture(), seconds=60)
    digest = make_capture().canonical_sha256
    assert await vault.recorded(sealed, digest) == sealed.content.canonical_sha256 != digest
    assert await vault.recorded(plain, digest) == digest
    with pytest.raises(SnapshotSealed):
        await (await writer(store)).recorded(sealed, digest)


async def test_a_copy_needs_no_identity(store: ObjectStore) -> None:
    """It is byte for byte, and the owner reads it where it went."""
    there = MemoryStore()
    manifest = await take(await writer(store), make_capture())
    here, target = await opened(store, Sealing()), await opened(there, Sealing())
    await target.commits.adopt([(manifest, await store.get(FIRST.manifest))], await here.read_stored(manifest))
    assert await everything(there) == await everything(store)
    assert await (await reader(there)).read(manifest) == RAW


# --- no identity, or a wrong one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys, sentence",
    [
        (Sealing(), "vault.encryption names no identity"),
        (sealing(MINE), "vault.encryption names no identity"),
        (Sealing(identity=hidden(None)), "environment variable X, which should hold an identity, is not there"),
        (sealing(identity=THEIRS), "the identity in environment variable X is another one's"),
        (Sealing(identity=hidden("")), "the identity in environment variable X holds no secret key of age"),
        (
            Sealing(identity=hidden(f"# comment\n{MINE.secret[:-1]}")),
            "line 2 of the identity in environment variable X is no secret key of age",
        ),
    ],
    ids=["none", "recipients only", "not set", "wrong", "empty", "malformed"],
)
async def test_who_cannot_open_is_told_so(store: ObjectStore, keys: Sealing, sentence: str) -> None:
    """What, which snapshot, whose key it takes and the mend; exit code 2, for it is no damage; no key is quoted."""
    manifest = await take(await writer(store), make_capture())
    with pytest.raises(SnapshotSealed) as caught:
        await (await opened(store, keys)).read(manifest)
    assert str(caught.value).startswith(f"{FIRST.reference}: is encrypted to {MINE.public}, and {sentence}")
    assert "vault.encryption.identity" in caught.value.mend
    assert caught.value.exit_code == 2
    assert "AGE-SECRET-KEY-1" not in str(caught.value).replace("AGE-SECRET-KEY-1…", "")


async def test_damage_is_damage_for_those_who_cannot_open(store: ObjectStore) -> None:
    """The stored bytes are checked first."""
    manifest = await take(await writer(store), make_capture())
    await overwrite(store, FIRST.sealed_content, b"something else")
    for vault in (await writer(store), await reader(store), await reader(store, THEIRS)):
        with pytest.raises(DamagedSnapshot, match="expected stored size"):
            await vault.read(manifest)
        with pytest.raises(DamagedSnapshot, match="expected stored size"):
            await vault.prove(manifest)


# --- proved at once ------------------------------------------------------------------------------------------------


class Broken(Sealing):
    """Encrypts something else than it was given."""

    def seal(self, plain: bytes) -> bytes:
        return super().seal(gzip.compress(b"{}") if plain[:2] == b"\x1f\x8b" else plain)


async def test_with_the_identity_the_plain_bytes_are_proved(store: ObjectStore) -> None:
    """Before the manifest is written; without it only what is stored can be."""
    with pytest.raises(DamagedSnapshot, match="expected raw"):
        await take(await opened(store, Broken([MINE.public], identity=hidden(MINE.secret))), make_capture())
    assert await listed(await reader(store)) == []
    other = MemoryStore()
    manifest = await take(await opened(other, Broken([MINE.public])), make_capture())
    with pytest.raises(DamagedSnapshot, match="expected raw"):
        await (await reader(other)).read(manifest)


async def test_an_identity_that_opens_nothing_new_is_pointed_out(
    store: ObjectStore, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be there for older snapshots; what is written is proved as without it."""
    keys = sealing(THEIRS, identity=MINE)
    with caplog.at_level(logging.INFO, "cluvault.vault"):
        keys.check()
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING"]
    assert "the identity in environment variable X is another one's" in caplog.text
    manifest = await take(await opened(store, keys), make_capture())
    assert await (await reader(store, THEIRS)).read(manifest) == RAW


# --- a configuration that makes no sense ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "keys, message",
    [
        (
            Sealing([MINE.public, "age1nonsense"]),
            r"vault\.encryption\.recipients\[1\]: 'age1nonsense' is no public key of age \(",
        ),
        (sealing(MINE, digest_key="too short"), r"the digest key in environment variable X has fewer than 16 bytes"),
        (
            Sealing([MINE.public], digest_key=hidden(None)),
            r"environment variable X, which should hold the digest key of the vault, is not there",
        ),
        (
            Sealing([MINE.public], identity=hidden("nonsense")),
            r"line 1 of the identity in environment variable X is no secret key of age \(",
        ),
    ],
    ids=["recipient", "short digest key", "no digest key", "identity"],
)
async def test_a_malformed_key_is_told_before_anything_is_written(keys: Sealing, message: str) -> None:
    """With its place; exit code 2."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        keys.check()
    assert caught.value.exit_code == 2


async def test_nothing_is_written_with_a_malformed_recipient(store: ObjectStore) -> None:
    """Not even content."""
    vault = await opened(store, Sealing(["age1nonsense"]))
    with pytest.raises(ConfigurationError, match="age1nonsense"):
        await take(vault, make_capture())
    assert list(await everything(store)) == ["cluvault.json"]


def test_secrets_show_in_no_repr() -> None:
    """Of what holds them."""
    keys = sealing(MINE, identity=MINE, digest_key=DIGEST_KEY)
    keys.check()
    seal = keys.new_seal()
    shown = repr((keys, vars(keys), seal))
    assert MINE.secret not in shown
    assert DIGEST_KEY not in shown


def test_a_plain_vault_needs_no_pyrage() -> None:
    """It is not imported before something is sealed or opened."""
    program = "import sys, cluvault.cli.app, cluvault.ops.workspace; sys.exit('pyrage' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0  # noqa: S603


# --- manifests that lie --------------------------------------------------------------------------------------------


async def forged(store: ObjectStore, **changes: Any) -> Manifest:
    """A sealed snapshot whose manifest somebody edited."""
    await take(await writer(store), make_capture())
    document = json.loads(await store.get(FIRST.manifest))
    document["content"] |= changes
    return read_manifest(json.dumps(document).encode(), key=FIRST.manifest)


@pytest.mark.parametrize("digest_key", ["n0 base64", base64.b64encode(b"not age").decode(), ""])
async def test_a_digest_key_that_is_none(store: ObjectStore, digest_key: str) -> None:
    """The content cannot be proved, so it is damaged."""
    manifest = await forged(store, seal={"recipients": [MINE.public], "digestKey": digest_key})
    vault = await reader(store)
    with pytest.raises(DamagedSnapshot, match=r"digestKey is no base64|cannot be decrypted"):
        await vault.read(manifest)
    with pytest.raises(DamagedSnapshot, match=r"digestKey is no base64|cannot be decrypted"):
        await vault.recorded(manifest, "0" * 64)


async def test_recipients_that_are_not_the_real_ones(store: ObjectStore) -> None:
    """Who trusts the manifest's word finds that the content is not what it says."""
    manifest = await forged(store, seal={"recipients": [THEIRS.public], "digestKey": ""})
    with pytest.raises(DamagedSnapshot, match="cannot be decrypted"):
        await (await reader(store, THEIRS)).read(manifest)


@pytest.mark.parametrize(
    "changes",
    [
        {"encoding": "gzip"},
        {"seal": None},
        {"seal": {"recipients": [], "digestKey": ""}},
        {"seal": {"recipients": [MINE.public]}},
    ],
)
async def test_a_seal_belongs_to_encrypted_content(store: ObjectStore, changes: dict[str, Any]) -> None:
    """A manifest that says one without the other is none."""
    with pytest.raises(DamagedSnapshot, match="not a manifest: content"):
        await forged(store, **changes)
