"""What the benchmarks of fleets share: seeds, an emulator in a process of its own, runs in others, charts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

from cluvault.cli.demo.services import free_port, running

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

ROOT: Final = Path(__file__).parents[1]
KEY: Final = "emulator-key-1"
RESOURCE: Final = "fleet"
_API: Final = "language/authoring/analyze-conversations"
_WIDTH: Final = 640
_HEIGHT: Final = 300
_MARGIN: Final = 50
_COLOURS: Final = ("#0b6e99", "#c0392b", "#888888", "#27ae60")


def project(number: int, utterances: int = 50, *, edition: int = 0) -> bytes:
    """A project file with content of its own."""
    name = f"P{number:05}"
    lines: list[Any] = [
        {"text": f"say line {line} of project {number} in edition {edition}", "intent": "Say", "entities": []}
        for line in range(utterances)
    ]
    document = {
        "projectFileVersion": "2023-04-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": name, "language": "en-us"},
        "assets": {"projectKind": "Conversation", "intents": [{"category": "Say"}], "utterances": lines},
    }
    return json.dumps(document).encode()


def seed(folder: Path, projects: int, *, utterances: int = 50) -> Path:
    """Project files as an emulator takes them."""
    (folder / RESOURCE).mkdir(parents=True)
    for number in range(projects):
        (folder / RESOURCE / f"P{number:05}.json").write_bytes(project(number, utterances))
    return folder


@dataclass
class Emulator:
    """A running emulator and what it has logged."""

    port: int
    log: Path
    _read: int = 0

    @property
    def endpoint(self) -> str:
        """Of the one resource."""
        return f"http://127.0.0.1:{self.port}/{RESOURCE}"

    def traffic(self) -> Traffic:
        """The requests since this was last asked."""
        with self.log.open("rb") as file:
            file.seek(self._read)
            lines = file.read()
        self._read += len(lines)
        return Traffic([json.loads(line) for line in lines.splitlines() if line.startswith(b'{"time"')])

    def change(self, numbers: Iterable[int], *, edition: int) -> None:
        """Import other content into some projects."""
        for number in numbers:
            where = f"projects/P{number:05}/:import?api-version=2023-04-01"
            self.call("POST", f"{self.endpoint}/{_API}/{where}", project(number, edition=edition))

    def use_faults(self, plan: Mapping[str, Any] | None) -> None:
        """Put fault rules in force, or none."""
        body = json.dumps(plan).encode() if plan is not None else b""
        self.call("PUT" if plan is not None else "DELETE", f"http://127.0.0.1:{self.port}/_emulator/faults", body)

    def reset(self) -> None:
        """Back to the seed, without faults."""
        self.call("POST", f"http://127.0.0.1:{self.port}/_emulator/reset", b"")

    def call(self, method: str, url: str, body: bytes) -> None:
        """One call with the key."""
        headers = {"Ocp-Apim-Subscription-Key": KEY, "Content-Type": "application/json"}
        request = Request(url, data=body or None, method=method, headers=headers)  # noqa: S310  # loopback
        with urlopen(request) as answer:  # noqa: S310
            answer.read()


@dataclass(frozen=True)
class Traffic:
    """Requests as an emulator saw them."""

    lines: list[dict[str, Any]]
    operations: Counter[str] = field(default_factory=Counter[str])

    def __post_init__(self) -> None:
        self.operations.update(line["operation"] for line in self.lines)

    def __len__(self) -> int:
        return len(self.lines)

    def count(self, method: str) -> int:
        """Requests of a verb."""
        return sum(line["method"] == method for line in self.lines)

    @property
    def throttled(self) -> int:
        """Answers 429."""
        return sum(line["status"] == 429 for line in self.lines)

    def seconds(self, operation: str) -> list[float]:
        """When the accepted requests of an operation came, from the first of all requests on."""
        times = [datetime.fromisoformat(line["time"]).timestamp() for line in self.lines]
        good = [line["operation"] == operation and (line["status"] or 0) < 400 for line in self.lines]
        return [at - times[0] for at, is_good in zip(times, good, strict=True) if is_good]


@asynccontextmanager
async def emulator(folder: Path, seeds: Path, *arguments: str) -> AsyncGenerator[Emulator]:
    """An emulator in a process of its own, with every request in a log."""
    port, log = free_port(), folder / f"emulator-{free_port()}.log"
    options = ("--port", str(port), "--resource", RESOURCE, "--log-format", "json", "--seed", str(seeds), *arguments)
    async with running("cluvault", "emulator", *options, port=port, path="/_emulator/health", log=log):
        yield Emulator(port, log)


def configure(
    folder: Path, name: str, endpoint: str, *, limits: str = '"off"', backup: str = "", share: bool = False
) -> Path:
    """A configuration with a vault of its own; its path.

    `share` is whether the calls a minute are booked in the vault, for other processes to see.
    """
    text = f"""\
[vault]
url = "{folder / name}"

[resources.{RESOURCE}]
endpoint = "{endpoint}"
key = {{ env = "FLEET_KEY" }}
limits = {limits}
share-budget = {str(share).lower()}

[backup]
settle-seconds = 0        # the projects count as old although they were made a moment ago
{backup}
"""
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def run_child(script: str, *arguments: object, configuration: Path, **environment: str) -> dict[str, Any]:
    """What a script prints as its last line, in a process of its own."""
    command = [sys.executable, script, *map(str, arguments)]
    env = os.environ | {"FLEET_KEY": KEY, "CLUVAULT_CONFIG": str(configuration)} | environment
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


# --- charts --------------------------------------------------------------------------------------------------------


def bars(title: str, values: Mapping[str, float], *, unit: str) -> None:
    """A bar for each value, as text."""
    most = max(values.values(), default=0.0) or 1.0
    print(f"\n{title}")
    for name, value in values.items():
        print(f"  {name:28} {'█' * max(1, round(40 * value / most))} {value:,.2f} {unit}")


def line_chart(
    path: Path, title: str, axes: tuple[str, str], lines: Mapping[str, Sequence[tuple[float, float]]]
) -> None:
    """Lines over a common pair of axes, as SVG."""
    most_x = max(x for line in lines.values() for x, _ in line) or 1.0
    most_y = max(y for line in lines.values() for _, y in line) or 1.0
    wide, high = _WIDTH - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        "<style>text {font: 12px sans-serif}</style>",
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_MARGIN}" y="20" font-size="14">{title}</text>',
        f'<path d="M{_MARGIN} {_MARGIN}V{_HEIGHT - _MARGIN}H{_WIDTH - _MARGIN}" fill="none" stroke="black"/>',
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{axes[0]} (to {most_x:,.0f})</text>',
        f'<text text-anchor="middle" transform="translate(14 {_HEIGHT / 2}) rotate(-90)">',
        f"{axes[1]} (to {most_y:,.0f})</text>",
    ]
    for number, (name, line) in enumerate(lines.items()):
        points = " ".join(
            f"{_MARGIN + wide * x / most_x:.1f},{_HEIGHT - _MARGIN - high * y / most_y:.1f}" for x, y in line
        )
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{_MARGIN + 12}" y="{_MARGIN + 14 + 16 * number}" fill="{colour}">{name}</text>')
    path.write_text("\n".join([*parts, "</svg>", ""]), "utf-8")
