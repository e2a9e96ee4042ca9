"""`cluvault emulator` as a process: what it shows, what it takes, how it ends."""

# ruff: noqa: S603  # it starts its own processes

from __future__ import annotations

import json
import logging
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cluvault.cli.app import run
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

KEY = "emulator-key-1"
HEADERS = {"Ocp-Apim-Subscription-Key": KEY}
QUERY = {"api-version": "2023-04-01"}
SLOW = '[[rules]]\noperations = "List Projects"\nnth = 1\neffect = { kind = "slow", seconds = 3600 }\n'


class Running:
    """A process of the command, and what it has said so far."""

    def __init__(self, process: subprocess.Popen[str], said: str, log: Path) -> None:
        self.process = process
        self.said = said
        self.log = log
        found = re.search(r"https?://127\.0\.0\.1:\d+", said)
        assert found, (said, log.read_text("utf-8"))
        self.url = found[0]

    def projects(self, resource: str = "dev") -> str:
        """The URL of a resource's projects."""
        return f"{self.url}/{resource}/language/authoring/analyze-conversations/projects"

    def lines(self) -> list[str]:
        """The lines on standard error."""
        return self.log.read_text("utf-8").splitlines()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=20)


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Any]:
    """Start the command on a free port until the block ends; `last` begins the last line of what it shows first."""
    log = tmp_path / "stderr.log"

    @contextmanager
    def running(*arguments: str, last: str = "[resources.prod]") -> Generator[Running]:
        command = [sys.executable, "-m", "cluvault", "emulator", "--port", "0", *arguments]
        with (
            log.open("w", encoding="utf-8") as stderr,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=tmp_path) as process,
        ):
            try:
                assert process.stdout is not None
                said = ""
                for line in process.stdout:
                    said += line
                    if line.startswith(last):
                        break
                yield Running(process, said, log)
            finally:
                process.terminate()

    return running


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command in this process; it must end with exit code 2. Gives its one line."""
    code = run(["emulator", *arguments])
    said = capsys.readouterr()
    assert (code, said.out, said.err.count("\n")) == (2, "", 1), said
    return said.err.removeprefix("cluvault: ").rstrip("\n")


def test_the_banner_can_be_copied(start: Callable[..., Any], tmp_path: Path) -> None:
    """Endpoints, keys, the page, and a configuration that loads."""
    with start() as emulator:
        assert emulator.said.startswith(f"emulator at {emulator.url}, keys emulator-key-1 and emulator-key-2\n")
        assert f"What it holds: {emulator.url}/\n" in emulator.said
        emulator.stop()
        banner = emulator.said + emulator.process.stdout.read()
    assert "export CLU_KEY=emulator-key-1" in banner
    (tmp_path / "cluvault.toml").write_text(banner[banner.index("[resources.dev]") :], "utf-8")
    settings = load_settings(tmp_path / "cluvault.toml", environment={})
    assert {name: one.endpoint for name, one in settings.resources.items()} == {
        "dev": f"{emulator.url}/dev",
        "prod": f"{emulator.url}/prod",
    }


def test_a_program_reads_json(start: Callable[..., Any]) -> None:
    """Where everything is; no key."""
    with start("--json", "--resource", "a", "--key", "hidden", last="}") as emulator:
        assert json.loads(emulator.said) == {"url": emulator.url, "resources": {"a": f"{emulator.url}/a"}}


def test_each_request_is_a_line(start: Callable[..., Any]) -> None:
    """Time, status, method, resource, path, duration, request id; no query, no key, no colour in a file."""
    with start("--limits", "documented") as emulator:
        with httpx.Client(headers=HEADERS) as client:
            answer = client.get(emulator.projects(), params=QUERY)
            client.get(f"{emulator.url}/%1b[31m?secret=1")
            client.get(f"{emulator.url}/")
            client.get(f"{emulator.url}/_emulator/health")
        assert emulator.stop() == 0
        first, second = emulator.lines()
    request_id = answer.headers["apim-request-id"]
    assert re.fullmatch(rf"\d\d:\d\d:\d\d\.\d{{3}}  200  GET     dev  projects  \d+ ms  {request_id}", first)
    assert re.fullmatch(r"\S+  404  GET     -  /%1b\[31m  \d+ ms  \S{36}", second)


def test_the_log_is_json_for_programs(start: Callable[..., Any], tmp_path: Path) -> None:
    """One object a line, with what was injected."""
    (tmp_path / "faults.toml").write_text('[[rules]]\neffect = { kind = "reset" }\n', "utf-8")
    with start("--log-format", "json", "--faults", "faults.toml") as emulator:
        with pytest.raises(httpx.ReadError):
            httpx.get(emulator.projects(), params=QUERY, headers=HEADERS)
        emulator.stop()
        (line,) = map(json.loads, emulator.lines())
    assert (line["status"], line["operation"], line["injected"]) == (None, "List Projects", "rule 1: reset")


def test_quiet_is_quiet(start: Callable[..., Any]) -> None:
    """Only faults of the emulator itself would be told."""
    with start("--quiet") as emulator:
        assert httpx.get(emulator.projects(), params=QUERY, headers=HEADERS).status_code == 200
        emulator.stop()
        assert emulator.lines() == []


def test_a_terminal_shows_colours(tmp_path: Path) -> None:
    """What was refused is yellow, the rest plain; NO_COLOR is heeded."""
    environment = {name: text for name, text in os.environ.items() if name != "NO_COLOR"}
    coloured = _on_a_terminal(tmp_path, environment)
    good, refusal = coloured.splitlines()
    assert "\x1b" not in good
    assert refusal.startswith("\x1b[33m")
    assert "\x1b" not in _on_a_terminal(tmp_path, environment | {"NO_COLOR": "1"})


def _on_a_terminal(folder: Path, environment: dict[str, str]) -> str:
    """What standard error gets, when it is a terminal, of a good request and a refused one."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "cluvault", "emulator", "--port", "0", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, cwd=folder, env=environment
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        said = "".join(iter(process.stdout.readline, "}\n")) + "}"
        url = f"{json.loads(said)['url']}/dev/language/authoring/analyze-conversations/projects"
        for headers in (HEADERS, {}):
            httpx.get(url, params=QUERY, headers=headers)
        shown = ""
        while shown.count("\n") < 2:
            shown += os.read(ours, 4096).decode()
        process.terminate()
    os.close(ours)
    return shown


def test_whoever_read_the_log_may_go_away() -> None:
    """`cluvault emulator 2>&1 | head`: it goes on serving."""
    command = [sys.executable, "-m", "cluvault", "emulator", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = "".join(iter(process.stdout.readline, "}\n")) + "}"
        process.stderr.close()
        url = f"{json.loads(said)['url']}/dev/language/authoring/analyze-conversations/projects"
        assert [httpx.get(url, params=QUERY, headers=HEADERS).status_code for _ in range(3)] == [200] * 3
        process.terminate()
        assert process.wait(timeout=20) == 0


# --- options -------------------------------------------------------------------------------------------------------


def test_a_container_starts_it_like_this(start: Callable[..., Any], tmp_path: Path, sample: Any) -> None:
    """The command line of deployments/emulator/Containerfile, with its folders under another root."""
    container = (Path(__file__).parents[2] / "deployments" / "emulator" / "Containerfile").read_text("utf-8")
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", container, re.MULTILINE)
    python, *module, command = json.loads(entry)[:4]
    assert (python, module, command) == ("/opt/venv/bin/python", ["-m", "cluvault"], "emulator")
    options = [re.sub(r"^/(state|seed)", rf"{tmp_path}/\1", option) for option in json.loads(entry)[4:]]
    (tmp_path / "seed" / "hr").mkdir(parents=True)
    (tmp_path / "seed" / "hr" / "Pizza.json").write_bytes(sample("pizza-small"))
    (tmp_path / "state").mkdir()
    with start(*options, last="[resources.hr]") as emulator:
        assert httpx.get(f"{emulator.url}/_emulator/health").status_code == 200
        listed = httpx.get(emulator.projects("hr"), params=QUERY, headers=HEADERS).json()
        assert [one["projectName"] for one in listed["value"]] == ["Pizza"]
        httpx.delete(f"{emulator.projects('hr')}/Pizza", params=QUERY, headers=HEADERS)
        assert emulator.stop() == 0
    with start(*options, last="[resources.hr]") as emulator:
        assert httpx.get(emulator.projects("hr"), params=QUERY, headers=HEADERS).json()["value"] == []


def test_only_some_api_versions(start: Callable[..., Any]) -> None:
    """The others are unknown."""
    with start("--api-versions", "2023-04-01, 2025-11-01") as emulator:
        statuses = [
            httpx.get(emulator.projects(), params={"api-version": version}, headers=HEADERS).status_code
            for version in ("2023-04-01", "2025-11-01", "2022-05-01")
        ]
    assert statuses == [200, 200, 404]


def test_https(start: Callable[..., Any], tmp_path: Path) -> None:
    """With a throw-away authority whose certificate is the client's to trust."""
    with start("--tls", "ca.pem") as emulator:
        assert emulator.url.startswith("https://")
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        with httpx.Client(verify=context, headers=HEADERS) as client:
            assert client.get(emulator.projects(), params=QUERY).status_code == 200


@pytest.mark.parametrize(
    "arguments, reason",
    [
        (("--host", "0.0.0.0"), "--host 0.0.0.0 opens the emulator to other machines; add --expose"),  # noqa: S104
        (("--host", "::"), "--host :: opens the emulator to other machines; add --expose"),
        (("--host", "example.test"), "--host example.test opens the emulator to other machines; add --expose"),
        (("--api-versions", "2020-01-01"), "the emulator knows no api-version '2020-01-01'; choose from 2022-05-01"),
        (("--faults", "none.toml"), "none.toml: cannot be read: No such file or directory"),
        (("--seed", "none"), "none: is no seed folder"),
        (("--certificate", "a.pem"), "https takes either --tls, or --certificate with --private-key"),
        (("--tls", "a", "--private-key", "b"), "https takes either --tls, or --certificate with --private-key"),
        (("--certificate", "none", "--private-key", "none"), "the certificate none and the key none cannot be used"),
        (("--resource", "a/b"), "'a/b'"),
        (("--log-format", "xml"), "Invalid value for '--log-format'"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_used_is_named(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    """One line, exit code 2."""
    assert reason in refused(capsys, "--port", "0", *arguments)


def test_a_second_emulator_on_the_port(capsys: pytest.CaptureFixture[str]) -> None:
    """One line with the mend."""
    with EmulatorServer(EmulatorConfig()) as server:
        port = server.url.rpartition(":")[2]
        assert refused(capsys, "--port", port) == (
            f"the emulator cannot listen on 127.0.0.1 port {port}: Address already in use; "
            "choose another port; 0 takes a free one"
        )


# --- the end -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_order(start: Callable[..., Any], tmp_path: Path, number: int) -> None:
    """A request under way is answered, the state is whole and free, nothing is complained of, the exit code is 0."""
    (tmp_path / "faults.toml").write_text(SLOW, "utf-8")
    with start("--faults", "faults.toml", "--state", "state.sqlite") as emulator:
        body = {"projectKind": "Conversation", "projectName": "A", "language": "en-us"}
        httpx.patch(f"{emulator.projects()}/A", params=QUERY, headers=HEADERS, json=body)
        host, port = emulator.url.removeprefix("http://").split(":")
        target = emulator.projects().removeprefix(emulator.url)
        with socket.create_connection((host, int(port)), timeout=30) as under_way:
            head = (
                f"GET {target}?api-version=2023-04-01 HTTP/1.1\r\nHost: x\r\nOcp-Apim-Subscription-Key: {KEY}\r\n\r\n"
            )
            under_way.sendall(head.encode())
            httpx.get(emulator.projects(), params=QUERY, headers=HEADERS)  # behind it, so that it has begun
            assert emulator.stop(number) == 0
            assert under_way.makefile("rb").read().startswith(b"HTTP/1.1 200 ")
        assert [line.split()[1] for line in emulator.lines()] == ["201", "200", "200"]
    with start("--state", "state.sqlite") as emulator:
        assert httpx.get(f"{emulator.projects()}/A", params=QUERY, headers=HEADERS).status_code == 200


@pytest.mark.parametrize(
    "options, shown", [((), 1), (("--quiet",), 0), (("--log-format", "json", "--json"), 1)], ids=str
)
def test_in_this_process(capsys: pytest.CaptureFixture[str], options: tuple[str, ...], shown: int) -> None:
    """What it has set up is gone when it returns: signal handlers, log handlers, the port."""
    before = signal.getsignal(signal.SIGTERM)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def use_and_stop() -> None:
        url = f"http://127.0.0.1:{port}/dev/language/authoring/analyze-conversations/projects"
        with httpx.Client(transport=httpx.HTTPTransport(retries=10), headers=HEADERS) as client:
            statuses.append(client.get(url, params=QUERY).status_code)
        os.kill(os.getpid(), signal.SIGTERM)

    statuses: list[int] = []
    user = threading.Thread(target=use_and_stop)
    user.start()
    assert run(["emulator", "--port", str(port), *options]) == 0
    user.join()
    said = capsys.readouterr()
    assert statuses == [200]
    assert said.err.count("\n") == shown
    assert f"http://127.0.0.1:{port}/dev" in said.out
    assert signal.getsignal(signal.SIGTERM) is before
    assert not logging.getLogger("cluvault.emulator").handlers


# --- the start -----------------------------------------------------------------------------------------------------

_IMPORTED = """
import sys
from cluvault.cli.commands.emulator import command
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
with EmulatorServer(EmulatorConfig()):
    print(*sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""


def test_it_starts_without_what_it_may_never_need() -> None:
    """No training, no tokens, no certificates, no tables: that is most of a second."""
    heavy = ("numpy", "sklearn", "scipy", "regex", "cryptography", "jwt", "rich", "httpx", "prefect", "azure", "boto3")
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED, *heavy], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []
