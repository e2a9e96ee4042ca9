"""Commands run in this process against an emulator on a real loopback port and a real folder vault."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path  # noqa: TC003  # pytest reads the annotations of fixtures
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.cli.app import run
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.seed import read_seed
from cluvault.emulator.server import EmulatorServer
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

KEY = "key-that-nobody-may-ever-see-1"
CONFIGURATION = """\
[vault]
url = "vault"

[backup]
concurrency = 3

[resources.dev]
endpoint = "{url}/dev"
key = {{ env = "CLU_TEST_KEY" }}
limits = "off"

[resources.prod]
endpoint = "{url}/prod"
key = {{ env = "CLU_TEST_KEY" }}
limits = "off"

[cleanup]
protect = ["Kept*"]
max-deletions = 2
max-share = 0.5

[cleanup.rules.drafts]
names = ["*-draft"]
no-deployment = true
"""


@dataclass(frozen=True)
class Outcome:
    """What a command gave."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def out(self) -> str:
        """Standard output as text."""
        return self.stdout.decode()

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.stdout)

    @property
    def error(self) -> str:
        """The one line of standard error."""
        lines = self.stderr.splitlines()
        assert len(lines) == 1, self.stderr
        assert lines[0].startswith("cluvault: "), self.stderr
        assert "Traceback" not in self.stderr
        return lines[0].removeprefix("cluvault: ")


@dataclass
class Desk:
    """A working directory with a configuration, an emulator and the command line."""

    folder: Path
    server: EmulatorServer
    capsysbinary: pytest.CaptureFixture[bytes]
    outputs: list[str] = field(default_factory=list[str])

    def __call__(self, *arguments: str) -> Outcome:
        """Run a command."""
        self.capsysbinary.readouterr()
        code = run(arguments)
        captured = self.capsysbinary.readouterr()
        outcome = Outcome(code, captured.out, captured.err.decode())
        self.outputs += [outcome.stdout.decode("utf-8", "replace"), outcome.stderr]
        return outcome

    def done(self, *arguments: str) -> Outcome:
        """Run a command that must succeed without a word on standard error."""
        outcome = self(*arguments)
        assert (outcome.code, outcome.stderr) == (0, "")
        return outcome

    @property
    def vault(self) -> Path:
        """The vault's folder."""
        return self.folder / "vault"

    def use_vault(self, other: Path) -> None:
        """Have a copy of a vault."""
        shutil.copytree(other, self.vault)

    def configure(self, text: str) -> None:
        """Write another configuration."""
        (self.folder / "cluvault.toml").write_text(text, "utf-8")

    def put(self, resource: str, project: str, data: bytes) -> None:
        """Give a resource one project more."""
        _write_seed(self.folder / "more" / project, resource, project, data)
        emulator = self.server.emulator
        changes = read_seed(emulator.config, folder=self.folder / "more" / project, now=datetime.now(UTC))
        with emulator.lock:
            emulator.commit({resource: changes[resource]})

    def world(self) -> tuple[Mapping[str, bytes], Mapping[str, Mapping[str, object]]]:
        """Every byte of the vault and every project of the emulator: equal before and after means unchanged."""
        files = {str(path): path.read_bytes() for path in sorted(self.vault.rglob("*")) if path.is_file()}
        emulator = self.server.emulator
        now = datetime.now(UTC)
        return files, {name: dict(emulator.state(name, now).projects) for name in emulator.config.resources}

    def projects(self, resource: str) -> set[str]:
        """The projects that the emulator has."""
        return set(self.server.emulator.state(resource, datetime.now(UTC)).projects)

    def content(self, project: str) -> Path:
        """The stored bytes of a project of dev that has one snapshot."""
        (found,) = self.vault.glob(f"snapshots/dev/{project}/*/config.json.gz")
        return found

    def manifest(self, project: str) -> Path:
        """The manifest of a project of dev that has one snapshot."""
        return self.content(project).with_name("manifest.json")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, sample: Callable[[str], bytes]) -> Generator[EmulatorServer]:
    """The emulator of all tests; each finds in it what `start` says."""
    folder = tmp_path_factory.mktemp("seed")
    _write_seed(folder, "dev", "Pizza", sample("pizza-small"))
    _write_seed(folder, "dev", "Mail", sample("emailapp-demo"))
    config = EmulatorConfig(
        resources=("dev", "prod"), keys=(KEY,), seed=folder, first_poll_running=False, strict_members=False
    )
    with EmulatorServer(config) as running:
        yield running


@pytest.fixture(scope="session")
def start(server: EmulatorServer) -> Mapping[str, Change]:
    """The projects that dev and prod have at the start of each test: dev has Pizza and Mail, prod has none."""
    folder = server.emulator.config.seed
    assert folder is not None
    return read_seed(server.emulator.config, folder=folder, now=datetime.now(UTC))


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without Prefect profiles, an environment without settings of whoever runs the tests."""
    for name in (
        "PREFECT_API_URL",
        "PREFECT_PROFILE",
        "CLUVAULT_CONFIG",
        "CLUVAULT_VAULT",
        "FORCE_COLOR",
        "TTY_COMPATIBLE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect-home"))
    monkeypatch.setenv("CLU_TEST_KEY", KEY)


@pytest.fixture
def fresh(server: EmulatorServer, start: Mapping[str, Change]) -> EmulatorServer:
    """The emulator as every test finds it."""
    _as_at_the_start(server, start)
    return server


@pytest.fixture
def desk(
    tmp_path: Path,
    fresh: EmulatorServer,
    environment: None,  # noqa: ARG001  # for its effect
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Generator[Desk]:
    """Two resources, no vault yet."""
    folder = tmp_path / "desk"
    folder.mkdir()
    monkeypatch.chdir(folder)
    found = Desk(folder, fresh, capsysbinary)
    found.configure(CONFIGURATION.format(url=fresh.url))
    yield found
    assert not logging.getLogger("cluvault").handlers
    assert not any(KEY in output for output in found.outputs), "the key was shown"


@pytest.fixture
def forgetful(desk: Desk, sample: Callable[[str], bytes]) -> Generator[Desk]:
    """Resources that drop without a word what they do not know; and a file that has something of the kind."""
    document: Any = json.loads(sample("pizza-small"))
    document["assets"]["intents"][0]["purpose"] = "when somebody wants to cancel"
    (desk.folder / "described.json").write_text(json.dumps(document), "utf-8")
    config = EmulatorConfig(resources=("dev", "prod"), keys=(KEY,), first_poll_running=False, strict_members=False)
    with EmulatorServer(config) as server:
        desk.configure(CONFIGURATION.format(url=server.url))
        yield desk


@pytest.fixture(scope="session")
def vault_of_dev(tmp_path_factory: pytest.TempPathFactory, server: EmulatorServer, start: Mapping[str, Change]) -> Path:
    """A vault with one snapshot of Pizza and one of Mail; made once, to be copied."""
    _as_at_the_start(server, start)  # another test may have left something else
    folder = tmp_path_factory.mktemp("stored")
    (folder / "cluvault.toml").write_text(CONFIGURATION.format(url=server.url), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLU_TEST_KEY", KEY)
        chosen = ("--project", "Pizza", "--project", "Mail", "--no-flow")
        assert run(["backup", "dev", *chosen, "--config", str(folder / "cluvault.toml")]) == 0
    return folder / "vault"


@pytest.fixture
def backed_up(vault_of_dev: Path, desk: Desk) -> Desk:
    """The same after a backup."""
    desk.use_vault(vault_of_dev)
    return desk


def _as_at_the_start(server: EmulatorServer, start: Mapping[str, Change]) -> None:
    with server.emulator.lock:
        for name in server.emulator.config.resources:
            there = server.emulator.state(name, datetime.now(UTC)).projects
            server.emulator.commit({name: Change(removed_projects=tuple(there))})
            server.emulator.commit({name: start.get(name, Change())})


def _write_seed(folder: Path, resource: str, project: str, data: bytes) -> None:
    target = folder / resource / f"{project}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
