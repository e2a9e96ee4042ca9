"""A fleet of 8 resources x 100 projects on one to four workers, with Prefect on PostgreSQL and Redis; parts are killed.

    uv run python -m benchmarks.fleet [MINUTE] [PLOT] [PROJECTS]

The emulator allows each resource the documented 10 POST and 100 GET in MINUTE (3) seconds instead of sixty. A worker
takes two runs at once, so the least possible time of a fleet is the number of rounds, 4 with one worker, 1 with four,
times the 90 exports that come after the first ten at ten in MINUTE. The wall time is from the first snapshot to the
last, so the start of the first processes is not in it; that of the later rounds is. CPU is of everything: emulator,
servers, database, workers, flows.

Then, with two workers of four runs each, a part is killed (SIGKILL) at a third of the snapshots, and started again five
seconds later: a worker with its flows (another one is there; it is called crashed after two and a half minutes), the
Prefect server, PostgreSQL, Redis. The first line of that table has no death. Each fleet has to end well, and each
project to have exactly one snapshot. PLOT is a file for the curves, as SVG; with fewer PROJECTS
(100) a resource it is a quick look at whether all this works.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support.fleet_stage import FleetRun, FleetStage, fleet_stage
from tests.support.processes import descendants
from tests.support.services import Part, production

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESOURCES: Final = 8
AT_ONCE: Final = 2
"""Runs that a worker takes."""
AWAY: Final = 5.0
PATIENCE: Final = 900.0
_TICKS: Final = os.sysconf("SC_CLK_TCK")


def cpu_of(part: Part) -> float:
    """CPU seconds of a running part and its children."""
    total = 0.0
    for pid in (part.pid, *descendants(part.pid)):
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
            total += sum(int(one) for one in fields[11:15]) / _TICKS
    return total


def cpu(stage: FleetStage) -> float:
    """CPU seconds of all that runs now or has ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    servers = [*stage.production.servers, stage.production.postgres, stage.production.redis]
    return sum(one.ru_utime + one.ru_stime for one in usages) + sum(cpu_of(one) for one in servers)


def judge(stage: FleetStage) -> str:
    """That each project has its one snapshot, in words; anything else ends the benchmark."""
    faults = stage.faults()
    assert not faults, faults[:10]
    runs = [one for one in stage.flow_runs("backup") if one["start_time"]]
    refused = sum(number for (_, status), number in stage.requests.items() if status == 429)
    posts = sum(number for (method, status), number in stage.requests.items() if method == "POST" and status != 429)
    crashed = sum(one["state"]["type"] == "CRASHED" for one in runs)
    return f"{stage.count()} of {stage.wanted}, {posts} POST, {refused} refused; crashed runs so far: {crashed}"


def speed(stage: FleetStage, minute: float) -> list[tuple[str, FleetRun]]:
    """One to four workers."""
    rounds_of_one = RESOURCES / AT_ONCE
    floor = (stage.projects - 10) / 10 * minute
    print("workers  wall s  least ratio speed-up ideal  CPU s  load  snapshots")
    curves: list[tuple[str, FleetRun]] = []
    for number in (1, 2, 4):
        stage.new_vault(f"vault-{number}")
        before = cpu(stage)
        with stage.workers(number, limit=AT_ONCE):
            run = stage.run_fleet(seconds=PATIENCE)
        wall = run.last - run.first
        curves.append((f"{number} worker{'s' * (number > 1)}", run))
        one = curves[0][1]
        least = max(rounds_of_one / number, 1) * floor
        print(
            f"{number:7} {wall:7.1f} {least:6.1f} {wall / least:5.2f} {(one.last - one.first) / wall:8.2f} {number:5} "
            f"{cpu(stage) - before:6.0f} {os.getloadavg()[0]:5.1f}  {judge(stage)}"
        )
    return curves


def deaths(stage: FleetStage) -> list[tuple[str, FleetRun]]:
    """One part after the other."""
    curves: list[tuple[str, FleetRun]] = []
    print(f"{'killed':12} {'at s':>6} {'back s':>6} {'all there s':>11} {'after the death':>15}  snapshots")
    for name in ("nothing", "a worker", "the server", "PostgreSQL", "Redis"):
        stage.new_vault(f"vault-{name.replace(' ', '-')}")
        back = 0.0
        with stage.workers(2, limit=2 * AT_ONCE) as workers:

            def strike(name: str = name, workers: Sequence[Part] = workers) -> None:
                nonlocal back
                begun = time.monotonic()
                _strikes(stage, workers)[name]()
                back = time.monotonic() - begun

            run = stage.run_fleet(at=stage.wanted // 3, strike=strike, seconds=PATIENCE)
        assert run.struck is not None
        curves.append((f"{name} is killed" if name != "nothing" else "no death", run))
        print(f"{name:12} {run.struck:6.1f} {back:6.1f} {run.last:11.1f} {run.last - run.struck:15.1f}  {judge(stage)}")
    return curves


def _strikes(stage: FleetStage, workers: Sequence[Part]) -> dict[str, Callable[[], object]]:
    def again(part: Part) -> Callable[[], object]:
        def kill() -> None:
            part.kill()
            time.sleep(AWAY)
            part.start()

        return kill

    servers = stage.production
    return {
        "nothing": lambda: None,
        "a worker": lambda: max(workers, key=lambda one: len(descendants(one.pid))).kill(),  # the one with more flows
        "the server": again(servers.server),
        "PostgreSQL": again(servers.postgres),
        "Redis": again(servers.redis),
    }


# --- the plot ------------------------------------------------------------------------------------------------------

_WIDTH: Final = 760
_HEIGHT: Final = 300
_PANEL: Final = _HEIGHT + 90
_COLOURS: Final = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee")


def plot(panels: Sequence[tuple[str, Sequence[tuple[str, FleetRun]]]]) -> str:
    """Snapshots over seconds, a panel each; a circle is where something was killed."""
    size = (_WIDTH + 240, len(panels) * _PANEL)
    box = f'viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif" font-size="13"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {box}>']
    parts.append(f'<rect width="{size[0]}" height="{size[1]}" fill="white"/>')
    for number, (title, runs) in enumerate(panels):
        parts.append(f'<g transform="translate(60,{30 + number * _PANEL})">')
        parts += _panel(title, runs)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def _panel(title: str, runs: Sequence[tuple[str, FleetRun]]) -> list[str]:
    longest = max(run.curve[-1][0] for _, run in runs)
    most = max(run.curve[-1][1] for _, run in runs)
    step = next(one for one in (10, 20, 50, 100, 200) if longest / one <= 8)
    parts = [f'<text x="0" y="-12" font-weight="bold">{title}</text>']
    parts.append(f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#999"/>')
    parts += [
        f'<text x="{seconds / longest * _WIDTH:.0f}" y="{_HEIGHT + 18}" text-anchor="middle">{seconds} s</text>'
        for seconds in range(0, int(longest) + 1, step)
    ]
    parts += [
        f'<text x="-6" y="{(1 - share) * _HEIGHT + 4:.0f}" text-anchor="end">{share * most:.0f}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    ]
    for number, (name, run) in enumerate(runs):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(seconds / longest * _WIDTH, (1 - count / most) * _HEIGHT) for seconds, count in run.curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places[:: max(len(places) // 400, 1)] + places[-1:])
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{_WIDTH + 12}" y="{18 * number + 14}" fill="{colour}">{name}: {run.last:.0f} s</text>')
        if run.struck is not None:
            x, y = next(place for place, (seconds, _) in zip(places, run.curve, strict=True) if seconds >= run.struck)
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
    return parts


def main(minute: float, picture: str, projects: int) -> None:
    """Start the parts, measure, print."""
    with (
        tempfile.TemporaryDirectory(prefix="fleet-") as name,
        production(Path(name)) as servers,
        fleet_stage(servers, resources=RESOURCES, projects=projects, minute=minute, job_seconds=0.2) as stage,
    ):
        print(f"{RESOURCES} resources x {projects} projects, {os.cpu_count()} cores; {stage.deploy()}")
        panels = [("Snapshots with one, two and four workers", speed(stage, minute))]
        panels.append(("Snapshots with two workers when a part is killed", deaths(stage)))
    if picture:
        Path(picture).write_text(plot(panels), "utf-8")
        print(f"curves: {picture}")


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("3", "", "100")[len(sys.argv) - 1 :]]
    main(float(arguments[0]), arguments[1], int(arguments[2]))
