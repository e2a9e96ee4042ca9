"""The whole way with content that is encrypted: backed up with public keys, restored with the identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from cluvault.errors import ConfigurationError, SnapshotSealed
from cluvault.ops.sources import fetch_source
from cluvault.ops.verify import VerifyOptions, look
from cluvault.ops.workspace import Workspace
from cluvault.settings import VaultSettings
from tests.support.ages import DIGEST_KEY, KeyPair, encryption
from tests.support.snapshots import everything, overwrite
from tests.support.world import project_file

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.world import World

MINE, THEIRS = KeyPair(), KeyPair()
NAMED = {"identity": {"env": "IDENTITY"}, "digest-key": {"env": "DIGEST"}}


@pytest.fixture
def sealed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose vault encrypts to MINE; the environment has the digest key and no identity."""
    monkeypatch.delenv("IDENTITY", raising=False)
    monkeypatch.setenv("DIGEST", DIGEST_KEY)
    use(world, encryption(MINE, **NAMED))
    return world


def use(world: World, values: dict[str, Any]) -> None:
    """Configure encryption."""
    vault = VaultSettings.model_validate({"encryption": values})
    world.settings = world.settings.model_copy(update={"vault": vault})


def outcomes(report: Any) -> list[str]:
    """What became of each project."""
    return [item.outcome for item in report.items]


async def test_backed_up_without_and_restored_with_the_identity(sealed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unchanged content is recognised, and what is restored is what was there."""
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    for expected in (["stored"], ["unchanged"]):
        assert outcomes(await sealed.backup(resources=("dev",))) == expected
    meant = await sealed.digest("dev", "Travel")
    monkeypatch.setenv("IDENTITY", MINE.secret)
    assert outcomes(await sealed.backup(resources=("dev",))) == ["unchanged"]
    assert list((await sealed.damage()).values()) == [None]
    report = await sealed.restore("dev/Travel", "prod")
    assert report.digest == meant == await sealed.digest("prod", "Travel")
    await sealed.put("prod", "Travel", project_file("Travel", "to Oslo"))
    replaced = await sealed.restore("dev/Travel", "prod", "replace")
    (safety,) = await sealed.snapshots("prod")
    assert (safety.reference, safety.content.encoding) == (replaced.safety, "gzip+age")
    assert meant.encode() not in b"".join((await everything(sealed.store)).values())


async def test_without_a_digest_key_nothing_is_recognised(sealed: World) -> None:
    """Every backup stores everything: nothing in the vault tells that it is the same."""
    use(sealed, encryption(MINE))
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    for _ in range(2):
        assert outcomes(await sealed.backup(resources=("dev",))) == ["stored"]


async def test_plain_and_encrypted_snapshots_side_by_side(sealed: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Encryption is switched on and off again; each snapshot is read as it was written."""
    monkeypatch.setenv("IDENTITY", MINE.secret)
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    for values in ({}, encryption(MINE, **NAMED), {"identity": {"env": "IDENTITY"}}):
        use(sealed, values)
        assert outcomes(await sealed.backup(resources=("dev",))) == ["stored"]
    snapshots = await sealed.snapshots("dev")
    assert [one.content.encoding for one in snapshots] == ["gzip", "gzip+age", "gzip"]
    assert list((await sealed.damage()).values()) == [None] * 3
    async with sealed.workspace() as workspace:
        assert len({(await fetch_source(workspace, one.reference)).data for one in snapshots}) == 1


async def read(world: World) -> bytes:
    """The project that the latest snapshot holds."""
    async with world.workspace() as workspace:
        return (await fetch_source(workspace, "dev/Travel")).data


async def test_what_cannot_be_opened_is_checked_as_it_is_stored(sealed: World) -> None:
    """Without an identity a verification says of how many it saw the stored bytes only, and still finds damage."""
    use(sealed, encryption(MINE))
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    await sealed.backup(resources=("dev",))
    report = await sealed.verify(read_data=True)
    assert (report.exit_code, report.to_json()["notOpened"]) == (0, 1)
    assert "1 encrypted: without an identity" in report.summary
    (manifest,) = await sealed.snapshots("dev")
    await overwrite(sealed.store, manifest.content.key, b"x" * manifest.content.bytes)
    assert (await sealed.verify(read_data=True)).exit_code == 5


@pytest.mark.parametrize(
    "identity, sentence",
    [
        (None, "environment variable IDENTITY, which should hold an identity, is not there"),
        (THEIRS.secret, "the identity in environment variable IDENTITY is another one's"),
        ("nonsense", "line 1 of the identity in environment variable IDENTITY is no secret key of age"),
    ],
    ids=["missing", "wrong", "malformed"],
)
async def test_who_cannot_open_changes_nothing(
    sealed: World, monkeypatch: pytest.MonkeyPatch, identity: str | None, sentence: str
) -> None:
    """Nobody calls it damage; the service is not asked to change anything."""
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    await sealed.backup(resources=("dev",))
    sealed.events.clear()
    before = await everything(sealed.store)
    if identity is not None:
        monkeypatch.setenv("IDENTITY", identity)
    with pytest.raises(SnapshotSealed, match=sentence):
        await sealed.restore("dev/Travel", "prod")
    with pytest.raises(SnapshotSealed, match=sentence):
        await read(sealed)
    assert sealed.changes == []
    assert await everything(sealed.store) == before


@pytest.mark.parametrize(
    "values, message",
    [
        ({"recipients": [MINE.public, MINE.public[:-1]]}, r"vault\.encryption\.recipients\[1\]: 'age1.*' is no public"),
        (encryption(MINE, **{"digest-key": {"env": "NOT_SET"}}), "environment variable NOT_SET, which should hold"),
        (encryption(MINE, identity={"env": "DIGEST"}), "line 1 of the identity in environment variable DIGEST is no"),
    ],
    ids=["recipient", "digest key", "identity"],
)
async def test_a_malformed_key_ends_a_backup_before_it_begins(
    sealed: World, values: dict[str, Any], message: str
) -> None:
    """Nothing is exported, and no vault is made."""
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    use(sealed, values)
    with pytest.raises(ConfigurationError, match=message):
        await sealed.backup(resources=("dev",))
    assert sealed.requests == []
    assert await everything(sealed.store) == {}


async def test_an_identity_in_a_file(sealed: World, tmp_path: Path) -> None:
    """As age-keygen writes it; a file that is not there is no identity, one that cannot be read is an error."""
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    file = tmp_path / "key.txt"
    use(sealed, encryption(MINE, **{"identity-file": file}))
    await sealed.backup(resources=("dev",))
    with pytest.raises(SnapshotSealed, match=f"file {file}, which should hold an identity, is not there"):
        await read(sealed)
    file.write_text(f"# created: 2026-11-01\n# public key: {MINE.public}\n{MINE.secret}\n", "utf-8")
    assert list((await sealed.damage()).values()) == [None]
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SnapshotSealed, match=f"line 1 of the identity in file {file} is no secret key"):
        await read(sealed)
    use(sealed, encryption(MINE, **{"identity-file": tmp_path}))
    with pytest.raises(SnapshotSealed, match=f"the identity in file {tmp_path} cannot be read: is a directory"):
        await read(sealed)


async def test_keys_in_prefect_blocks(sealed: World) -> None:
    """They are read when they are needed; without Prefect they are not there."""
    use(sealed, encryption(MINE, identity={"prefect-secret": "age"}))
    await sealed.put("dev", "Travel", project_file("Travel", "to Rome"))
    await sealed.backup(resources=("dev",))
    with pytest.raises(SnapshotSealed, match="Prefect Secret block 'age', which should hold an identity, is not there"):
        await read(sealed)
    asked: list[str] = []

    def find(block: str) -> SecretStr:
        asked.append(block)
        return SecretStr(MINE.secret)

    async with Workspace(sealed.settings, open_vault_store=lambda _: sealed.store, prefect_secret=find) as workspace:
        report = await look(workspace, VerifyOptions(read_data=True))
        assert (report.findings, report.checks[0].sealed) == ((), 0)
    assert asked == ["age"]
