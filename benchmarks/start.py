"""How long reading commands take to start: from the shell to the first byte of their input, and to their end.

    uv run python benchmarks/start.py [ROUNDS]

Each command runs in a process of its own, all in turn, ROUNDS times. The start is over when it first opens the vault
or the file that it was asked for, or connects to the resource; an audit hook sees that and ends the process. Prints
the median and the fastest, in seconds and as a multiple of the start of an interpreter that does nothing.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SAMPLES: Final = Path(__file__).parents[1] / "cluvault" / "samples"
_WHOLE: Final = "from cluvault.cli import main; main()"
_START: Final = """
import os, sys
def watch(event, arguments):
    if event == "socket.connect" or (event in ("open", "os.listdir", "os.scandir") and
                                     str(arguments[0]).startswith(os.environ["BENCHMARK_INPUT"])):
        os._exit(0)
sys.addaudithook(watch)
"""


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        server = _emulator(place)
        try:
            commands = _prepare(place)
            _measure(commands, place, rounds)
        finally:
            server.terminate()
            server.wait()


def _measure(commands: Mapping[str, Sequence[str]], place: Path, rounds: int) -> None:
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        times.setdefault(("python", "start"), []).append(_seconds(place, "pass", []))
        for name, arguments in commands.items():
            times.setdefault((name, "start"), []).append(_seconds(place, _START + _WHOLE, arguments))
            times.setdefault((name, "whole"), []).append(_seconds(place, _WHOLE, arguments))
    unit = statistics.median(times["python", "start"])
    print(f"{'command':<10} {'until':<6} {'median':>8} {'fastest':>8}   x an empty interpreter")
    for (name, until), found in times.items():
        median = statistics.median(found)
        print(f"{name:<10} {until:<6} {median:7.3f}s {min(found):7.3f}s   {median / unit:.1f}")


def _prepare(place: Path) -> dict[str, list[str]]:
    port = (place / "port").read_text()
    (place / "cluvault.toml").write_text(
        f'[vault]\nurl = "vault"\n[resources.dev]\nendpoint = "http://127.0.0.1:{port}/dev"\nlimits = "off"\n'
        'key = { env = "BENCHMARK_KEY" }\n'
    )
    _run(place, _WHOLE, ["backup", "dev", "--no-flow"])
    files = [str(place / "dev" / name) for name in ("MicrosoftPizzaSmall.json", "FlightBooking.json")]
    return {
        "projects": ["projects", "dev"],
        "snapshots": ["snapshots"],
        "show": ["show", "dev/FlightBooking"],
        "cat": ["cat", "dev/FlightBooking"],
        "diff": ["diff", *files],
        "validate": ["validate", files[0]],
    }


def _emulator(place: Path) -> subprocess.Popen[bytes]:
    seeds = place / "dev"
    seeds.mkdir()
    for source, project in (("pizza-small", "MicrosoftPizzaSmall"), ("flightbooking-2022-03", "FlightBooking")):
        (seeds / f"{project}.json").write_bytes((_SAMPLES / f"{source}.json").read_bytes())
    arguments = ["emulator", "--port", "0", "--key", "benchmark", "--quiet", "--seed", str(place), "--resource", "dev"]
    with (place / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-c", _WHOLE, *arguments], stdout=log, cwd=place)  # noqa: S603
    while "http://127.0.0.1:" not in (text := (place / "log").read_text()):
        if server.poll() is not None:
            raise SystemExit("the emulator does not start")
        time.sleep(0.05)
    (place / "port").write_text(text.split("http://127.0.0.1:")[1].split(",")[0].split("/")[0].split()[0])
    return server


def _seconds(place: Path, code: str, arguments: Sequence[str]) -> float:
    began = time.perf_counter()
    _run(place, code, arguments)
    return time.perf_counter() - began


def _run(place: Path, code: str, arguments: Sequence[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"BENCHMARK_KEY": "benchmark", "BENCHMARK_INPUT": str(place / "dev")}
    if arguments and arguments[0] in ("snapshots", "show", "cat"):
        environment["BENCHMARK_INPUT"] = str(place / "vault")
    subprocess.run(  # noqa: S603  # this interpreter, our arguments
        [sys.executable, "-c", code, *arguments], check=True, cwd=place, env=environment, capture_output=True
    )


if __name__ == "__main__":
    main()
