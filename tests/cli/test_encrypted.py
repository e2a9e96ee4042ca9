"""A vault whose content is encrypted, on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.ages import DIGEST_KEY, KeyPair

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.desk import Desk

MINE, THEIRS = KeyPair(), KeyPair()


@pytest.fixture
def sealed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A vault with one encrypted snapshot; nobody here has the identity yet."""
    monkeypatch.delenv("AGE_KEY", raising=False)
    monkeypatch.setenv("DIGEST", DIGEST_KEY)
    lines = (desk.folder / "cluvault.toml").read_text("utf-8")
    names = f'recipients = ["{MINE.public}"], identity = {{ env = "AGE_KEY" }}, digest-key = {{ env = "DIGEST" }}'
    desk.configure(lines.replace("[backup]", f"encryption = {{ {names} }}\n[backup]"))
    assert "1 stored" in desk.done("backup", "dev", "--project", "Pizza").out
    return desk


def test_with_the_identity_everything_works(
    sealed: Desk, monkeypatch: pytest.MonkeyPatch, sample: Callable[[str], bytes]
) -> None:
    """The catalogue and an unchanged backup do without; reading, comparing, checking and restoring need it."""
    assert "1 unchanged" in sealed.done("backup", "dev", "--project", "Pizza").out
    assert MINE.public in sealed.done("show", "dev/Pizza").out.replace("\n", "").replace(" ", "")
    (listed,) = sealed.done("snapshots", "--json").json
    assert listed["content"]["encoding"] == "gzip+age"
    monkeypatch.setenv("AGE_KEY", MINE.secret)
    assert sealed.done("cat", "dev/Pizza").stdout == sealed.done("cat", "live:dev/Pizza").stdout
    assert sealed("diff", "dev/Pizza", "live:dev/Pizza", "--exit-code").code == 0
    sealed.done("verify", "--read-data")
    sealed.done("restore", "dev/Pizza", "--to", "prod")
    assert sealed.projects("prod") == {"Pizza"}
    assert not [output for output in sealed.outputs if MINE.secret in output or DIGEST_KEY in output]
    assert sample("pizza-small")[:40] not in b"".join(sealed.world()[0].values())


@pytest.mark.parametrize("identity", [None, THEIRS.secret, "nonsense"], ids=["missing", "wrong", "malformed"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("cat", "dev/Pizza"),
        ("verify", "--read-data"),
        ("diff", "dev/Pizza", "live:dev/Pizza"),
        ("restore", "dev/Pizza", "--to", "prod"),
    ],
    ids=["cat", "verify", "diff", "restore"],
)
def test_without_the_identity(
    sealed: Desk, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], identity: str | None
) -> None:
    """One line that names the snapshot, where the identity was looked for and the mend; 2; nothing changes."""
    if identity is not None:
        monkeypatch.setenv("AGE_KEY", identity)
    before = sealed.world()
    outcome = sealed(*arguments)
    assert (outcome.code, outcome.stdout) == (2, b"")
    assert outcome.error.startswith("dev/Pizza@")
    assert f"is encrypted to {MINE.public}, and " in outcome.error
    assert "environment variable AGE_KEY" in outcome.error
    assert "vault.encryption.identity" in outcome.error
    assert sealed.world() == before


def test_an_encrypted_file_is_told_as_such(sealed: Desk) -> None:
    """Who names the object itself is told how to open it."""
    (file,) = sealed.vault.glob("snapshots/dev/Pizza/*/config.json.gz.age")
    outcome = sealed("cat", str(file))
    assert outcome.code == 1
    assert outcome.error.endswith("is encrypted with age; decrypt it: age -d -i KEY FILE | gunzip")
