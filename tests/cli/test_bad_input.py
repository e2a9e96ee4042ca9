"""Bad input: one line that names what, where and the mend, the right exit code, nothing changed, nothing lost."""

from __future__ import annotations

import json
import os
import socket
from typing import TYPE_CHECKING, Any, cast

import pytest

from cluvault.service.client import CluClient
from tests.support.desk import CONFIGURATION, KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.desk import Desk

ROWS = "text,intent\nmy screen is black,Hardware\n"

READING = {
    "projects": ("projects", "{resource}"),
    "snapshots": ("snapshots", "{resource}/{project}"),
    "show": ("show", "{resource}/{project}"),
    "cat": ("cat", "{resource}/{project}"),
    "cat live": ("cat", "live:{resource}/{project}"),
    "diff": ("diff", "{resource}/{project}", "dev/Pizza"),
    "verify": ("verify", "{resource}/{project}"),
}
ACTING = {
    "backup": ("backup", "{resource}", "--project", "{project}"),
    "restore": ("restore", "dev/Pizza", "--to", "{resource}/{project}"),
    "create": ("create", "{resource}/{project}", "--language", "en-us"),
    "cleanup": ("cleanup", "{resource}"),
}
NETWORK = ("projects", "cat live", "backup", "restore", "create", "cleanup")


def arguments(name: str, **words: str) -> list[str]:
    """A command with resource and project put in; safe defaults elsewhere."""
    words = {"resource": "dev", "project": "Pizza"} | words
    return [part.format(**words) for part in (READING | ACTING)[name]]


class TestUnknownResource:
    """A resource that the configuration does not have."""

    @pytest.mark.parametrize("name", NETWORK)
    def test_is_named_with_those_that_are_known(self, backed_up: Desk, name: str) -> None:
        """Exit code 2, before anything is done."""
        before = backed_up.world()
        outcome = backed_up(*arguments(name, resource="nowhere"))
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.error.startswith("resource 'nowhere' is not configured (configured: dev, prod); add [resources.")
        assert backed_up.world() == before

    @pytest.mark.parametrize("name", ["show", "cat", "diff", "verify"])
    def test_has_no_snapshots(self, backed_up: Desk, name: str) -> None:
        """The vault is asked, not the configuration: a resource may be gone while its snapshots are kept."""
        outcome = backed_up(*arguments(name, resource="nowhere"))
        assert (outcome.code, outcome.out) == (1, "")
        assert "nowhere" in outcome.error


class TestUnknownProject:
    """A project that neither the resource nor the vault has."""

    @pytest.mark.parametrize("name", ["show", "cat", "cat live", "diff", "verify"])
    def test_is_named(self, backed_up: Desk, name: str) -> None:
        """Exit code 1 and the name."""
        before = backed_up.world()
        outcome = backed_up(*arguments(name, project="Piza"))
        assert (outcome.code, outcome.out) == (1, "")
        assert "Piza" in outcome.error
        assert backed_up.world() == before

    def test_is_no_quiet_success_of_a_backup(self, desk: Desk) -> None:
        """A name that fits nothing is most likely a typing error."""
        outcome = desk("backup", "dev", "--project", "Piza")
        assert outcome.code == 1
        assert outcome.error.startswith("backup: 1 failed; dev/Piza: no project of dev is named 'Piza'")


class TestUnreachableEndpoint:
    """Nobody listens."""

    @pytest.fixture
    def deaf(self, backed_up: Desk) -> Desk:
        """The same configuration with a port that is taken and answers nobody."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        backed_up.configure(CONFIGURATION.format(url=f"http://127.0.0.1:{port}"))
        return backed_up

    @pytest.mark.parametrize("name", NETWORK)
    def test_is_one_line(self, deaf: Desk, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Exit code 1; the line names the resource and the mend."""
        monkeypatch.setitem(cast("Any", CluClient.__init__).__kwdefaults__, "sleep", _no_time)
        projects = deaf.world()[1]
        outcome = deaf(*arguments(name))
        assert outcome.code == 1
        assert "dev" in outcome.error
        assert "check the endpoint" in outcome.error
        assert deaf.world()[1] == projects

    @pytest.mark.parametrize("name", ["snapshots", "show", "cat", "diff", "verify"])
    def test_does_not_matter_to_the_vault(self, deaf: Desk, name: str) -> None:
        """Snapshots can be read while the service is down."""
        deaf.done(*arguments(name))


async def _no_time(_seconds: float) -> None:
    """Tries follow one another at once."""


class TestWrongKey:
    """The service does not accept the key, or there is none."""

    @pytest.mark.parametrize("name", NETWORK)
    @pytest.mark.parametrize("detail", [(), ("-v", "--debug")])
    def test_is_one_line_without_the_key(
        self, backed_up: Desk, name: str, detail: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Exit code 2 (1 when a backup could do nothing); no output ever holds it, the stack trace included."""
        wrong = "wrong-key-that-is-a-secret-too"
        monkeypatch.setenv("CLU_TEST_KEY", wrong)
        projects = backed_up.world()[1]
        outcome = backed_up(*arguments(name), *detail)
        assert outcome.code == (1 if name == "backup" else 2)
        assert wrong not in outcome.out + outcome.stderr
        assert "401" in outcome.stderr or "key" in outcome.stderr
        if not detail:
            assert outcome.error
        elif name != "backup":
            assert "Traceback" in outcome.stderr
        assert backed_up.world()[1] == projects

    @pytest.mark.parametrize("name", ["projects", "cat live", "restore", "create", "cleanup"])
    def test_is_told_by_its_name_when_it_is_missing(
        self, backed_up: Desk, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Exit code 2 and the variable that should hold it."""
        monkeypatch.delenv("CLU_TEST_KEY")
        outcome = backed_up(*arguments(name))
        assert outcome.code == 2
        assert "CLU_TEST_KEY" in outcome.error


@pytest.mark.parametrize(
    "text, place",
    [
        ("[vault\n", "line 1"),
        ("[vault]\nulr = 'x'\n", "vault.ulr"),
        ("[resources.dev]\nendpoint = 'http://example.com'\n", "resources.dev.endpoint"),
        ("[resources.dev]\nendpoint = 'https://x'\nkey = 'abc'\n", "resources.dev.key"),
        ("[backup]\nconcurrency = 0\n", "backup.concurrency"),
        ("vault = 3\n", "vault"),
    ],
    ids=["syntax", "unknown key", "http", "key in the file", "bound", "type"],
)
@pytest.mark.parametrize("name", ["projects", "snapshots", "backup", "restore", "create", "cleanup", "verify"])
def test_malformed_configuration(backed_up: Desk, name: str, text: str, place: str) -> None:
    """Exit code 2; file and place are named; the secret that somebody wrote into the file is not repeated."""
    before = backed_up.world()
    backed_up.configure(text)
    outcome = backed_up(*arguments(name))
    assert (outcome.code, outcome.out) == (2, "")
    assert "cluvault.toml: " in outcome.error
    assert place in outcome.error
    assert "abc" not in outcome.error
    assert backed_up.world() == before


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_configuration_that_does_not_exist(desk: Desk, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was named is not replaced by defaults."""
    if way == "variable":
        monkeypatch.setenv("CLUVAULT_CONFIG", "other.toml")
    outcome = desk("snapshots", *(["--config", "other.toml"] if way == "option" else []))
    assert outcome.code == 2
    assert outcome.error.startswith("other.toml: no such configuration file; ")


VAULT_COMMANDS = ("snapshots", "show", "cat", "diff", "verify", "backup")


class TestNotAVault:
    """The vault's place holds something else, or nothing."""

    @pytest.mark.parametrize("name", VAULT_COMMANDS)
    def test_a_folder_of_somebody_else(self, desk: Desk, name: str) -> None:
        """Exit code 2 and nothing is written into it."""
        (desk.vault / "photos").mkdir(parents=True)
        (desk.vault / "photos" / "cat.jpg").write_bytes(b"meow")
        before = desk.world()
        outcome = desk(*arguments(name))
        assert (outcome.code, outcome.out) == (2, "")
        assert str(desk.vault) in outcome.error
        assert desk.world() == before

    @pytest.mark.parametrize("name", VAULT_COMMANDS)
    def test_a_file(self, desk: Desk, name: str) -> None:
        """A file is no folder."""
        desk.vault.write_bytes(b"not a folder")
        outcome = desk(*arguments(name))
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.error
        assert desk.vault.read_bytes() == b"not a folder"

    @pytest.mark.parametrize("name", ["snapshots", "show", "cat", "diff", "verify"])
    def test_reading_makes_none(self, desk: Desk, name: str) -> None:
        """Only what stores makes a vault."""
        outcome = desk(*arguments(name))
        assert (outcome.code, outcome.out) == (2, "")
        assert "vault" in outcome.error
        assert not desk.vault.exists()

    @pytest.mark.parametrize("name", [*VAULT_COMMANDS, "projects", "restore"])
    def test_a_newer_format(self, backed_up: Desk, name: str) -> None:
        """Exit code 2; the mend is an upgrade; not even a run record is added."""
        root = backed_up.vault / "cluvault.json"
        root.write_text(json.dumps(json.loads(root.read_bytes()) | {"format": 2}), "utf-8")
        before = backed_up.world()
        outcome = backed_up(*arguments(name, **({"resource": "prod"} if name == "restore" else {})))
        assert (outcome.code, outcome.out) == (2, "")
        assert outcome.error.endswith("upgrade cluvault")
        assert backed_up.world() == before


def flip_a_bit(path: Path) -> None:
    """Change one bit in the middle."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path: Path) -> None:
    """Take the last bytes away."""
    path.write_bytes(path.read_bytes()[:-5])


DAMAGE = {"bit flipped": flip_a_bit, "truncated": truncate, "missing": os.remove}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["cat", "diff", "restore"])
def test_a_damaged_snapshot_is_never_used(backed_up: Desk, name: str, damage: str) -> None:
    """Exit code 5, the snapshot is named, nothing reaches the resource or standard output."""
    DAMAGE[damage](backed_up.content("Pizza"))
    before = backed_up.world()
    outcome = backed_up(*arguments(name, **({"resource": "prod"} if name == "restore" else {})))
    assert (outcome.code, outcome.out) == (5, "")
    assert outcome.error.startswith("dev/Pizza@")
    assert backed_up.world() == before


@pytest.mark.parametrize("damage", ["bit flipped", "truncated"])
def test_a_damaged_manifest(backed_up: Desk, damage: str) -> None:
    """A manifest that cannot be read is damage too; the other project is not touched by it."""
    manifest = backed_up.manifest("Pizza")
    manifest.write_bytes(
        b"{" if damage == "truncated" else manifest.read_bytes().replace(b'"format"', b'"formaT"', 1)[5:]
    )
    outcome = backed_up("restore", "dev/Pizza", "--to", "prod")
    assert (outcome.code, outcome.out) == (5, "")
    assert "Pizza" in outcome.error
    assert backed_up.projects("prod") == set()
    assert backed_up.done("cat", "dev/Mail").stdout


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_backup_replaces_what_it_cannot_read(backed_up: Desk, damage: str) -> None:
    """An unreadable snapshot is no backup: the next run that looks at the project stores a good one beside it."""
    DAMAGE[damage](backed_up.content("Pizza"))
    assert "1 stored, 1 unchanged" in backed_up.done("backup", "dev", "--full").out
    assert backed_up("verify", "--read-data").code == 5
    assert backed_up.done("cat", "dev/Pizza").stdout


BAD_NAMES = {
    "dots": "..",
    "up": "..%2f..",
    "slash": "a/b",
    "percent": "a%20b",
    "emoji": "hello-\N{GRINNING FACE}",
    "long": "x" * 51,
    "empty": "",
    "line end": "a\nb",
    "escape": "\x1b[31mred",
    "markup": "[red]x",
    "bidi": "a\u202eb",
    "bad bytes": "\udcff",
}


@pytest.mark.parametrize("bad", BAD_NAMES.values(), ids=BAD_NAMES)
@pytest.mark.parametrize("name", ["snapshots", "show", "cat", "cat live", "diff", "verify", "restore", "create"])
def test_a_name_that_no_project_can_have(backed_up: Desk, name: str, bad: str) -> None:
    """Exit code 2, one printable line, nothing asked of the service, nothing written, no file read."""
    before = backed_up.world()
    outcome = backed_up(*arguments(name, project=bad))
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.error.isprintable()
    assert backed_up.world() == before


@pytest.mark.parametrize("bad", ["..", "a/b", "emoji-\N{GRINNING FACE}", "x" * 51])
def test_a_backup_of_such_a_name_finds_nothing(desk: Desk, bad: str) -> None:
    """A glob may hold anything; it fits no project, and the run fails."""
    outcome = desk("backup", "dev", "--project", bad)
    assert outcome.code == 1
    assert outcome.error
    assert not list(desk.vault.glob("snapshots/*"))


USAGE = {
    "no such command": (("bakup",), "did you mean backup?"),
    "far from any command": (("xyzzy",), "demo, emulator, projects"),
    "no such option": (("backup", "--frobnicate"), "--frobnicate"),
    "missing argument": (("show",), "REF"),
    "missing option": (("restore", "dev/Pizza"), "--to"),
    "bad choice": (("restore", "dev/Pizza", "--to", "prod", "--if-exists", "maybe"), "'maybe'"),
    "out of bounds": (("backup", "--concurrency", "0"), "--concurrency: should be greater than or equal to 1"),
    "empty tag": (("backup", "--tag", ""), "--tag: "),
    "threshold": (("create", "dev/New", "--confidence-threshold", "7"), "--confidence-threshold: "),
    "share": (("cleanup", "dev", "--max-share", "2"), "--max-share: "),
    "no reference": (("cat", "Pizza"), "'Pizza' is no reference"),
    "no date": (("cat", "dev/Pizza@yesterday"), "'yesterday' is neither a snapshot id nor a date"),
    "no project": (("create", "dev", "--language", "de"), "names no project"),
    "unknown rule": (("cleanup", "dev", "--rule", "none"), "choose from: drafts"),
    "no seed file": (("create", "dev/New", "--language", "de", "--seed", "no.csv"), "no.csv: no such file"),
    "file as snapshot": (("show", "./file.json"), "is not in the vault"),
}


@pytest.mark.parametrize("case", USAGE)
def test_usage(desk: Desk, case: str) -> None:
    """Exit code 2 and a line that names the fault, as the user wrote it."""
    words, expected = USAGE[case]
    before = desk.world()
    outcome = desk(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert expected in outcome.error
    assert desk.world() == before


def test_seeds_that_make_no_project(desk: Desk) -> None:
    """Exit code 1; file, line and place are named; the service is not asked to import."""
    (desk.folder / "rows.csv").write_text(ROWS + "only text\n", "utf-8")
    before = desk.world()
    outcome = desk("create", "dev/New", "--language", "en-us", "--seed", "rows.csv")
    assert outcome.code == 1
    assert outcome.error.startswith("rows.csv: line 3")
    assert desk.world() == before


def test_a_file_that_is_no_project_file(desk: Desk) -> None:
    """An HTML page is not imported; the line says what it is."""
    (desk.folder / "page.json").write_text("<html>oops</html>", "utf-8")
    before = desk.world()
    outcome = desk("restore", "./page.json", "--to", "prod/Page")
    assert outcome.code == 1
    assert outcome.error.startswith("./page.json: ")
    assert desk.world() == before


def test_a_stack_trace_is_shown_when_asked_for(desk: Desk) -> None:
    """`--debug` shows it, the line still comes last."""
    outcome = desk("cat", "dev/Pizza", "--debug")
    assert outcome.code == 2
    assert outcome.stderr.startswith("Traceback")
    assert outcome.stderr.splitlines()[-1].startswith("cluvault: ")


def test_a_fault_of_ours_is_a_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even what nobody foresaw is one line, without a stack trace unless asked for."""

    def broken(*_: Any, **__: Any) -> Any:
        raise LookupError("a\nb")

    monkeypatch.setattr("cluvault.ops.workspace.Workspace.vault", broken)
    outcome = desk("snapshots")
    assert outcome.code == 1
    assert outcome.error == "unexpected LookupError: a⏎b; run again with --debug and report it"
    assert "Traceback" in desk("snapshots", "--debug").stderr


def test_the_key_is_nowhere_in_the_vault(backed_up: Desk) -> None:
    """Not in manifests, records or contents."""
    assert not any(KEY.encode() in data for data in backed_up.world()[0].values())
