"""A fleet of 500 projects at the speed of the service's limits, without limits, and when little has changed.

    uv run python benchmarks/fleet_speed.py [limits] [off] [flow] [quiet] [--projects N] [--svg FILE]

All of them by default. The emulator, the runs, and the Prefect server are processes of their own; the vault is a folder
with every write synced; jobs take 2 s. Wall times are those of the operation; what the process takes with its start and
the imports is told beside them.

limits: the documented limits with a minute of one second, 10 POST and 100 GET a second. The floor is what the
    documentation makes it: projects / 10 a second = 50 s, as the real service takes 50 minutes. (The budget's window is
    61 s for 60, and the last job has to end: even a client without any cost of its own needs
    (projects / 10 - 1) x 61/60 s + 2 s.)
off: no limits, 16 exports at once; ideal = projects x 2 s / 16.
flow: the same as a Prefect flow against a server on SQLite. Prefect's share is what the flow takes beyond the plain
    operation, of the flow's wall time.
quiet: nothing changed since; then 5 % changed. What the operation takes is told beside what the same command takes
    on a resource without projects, which is start-up. The least possible number of requests: the pages of the list,
    and for each changed project the export, one poll, the download, the lists of its models and of its deployments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fleet_parts import bars, configure, emulator, line_chart, run_child, seed
from cluvault.cli.demo.services import free_port, prefect_environment, running
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.workspace import Workspace
from cluvault.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

JOB_SECONDS: Final = 2.0
AT_ONCE: Final = 16
MARGIN: Final = 61 / 60
PAGE: Final = 100
SCALED: Final = "{ window = 1 }"


# --- what a child does ---------------------------------------------------------------------------------------------


async def measured(kind: str) -> dict[str, Any]:
    """Back up everything once, in this process; what it took."""
    flow: Any = import_module("flows.backup").backup if kind == "flow" else None
    for name in ("cluvault.service.client", "httpcore"):  # what is imported when the first request is made
        import_module(name)
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    if kind == "flow":
        report = await flow(BackupOptions())
    else:
        settings = load_settings(Path(os.environ["CLUVAULT_CONFIG"]), environment=os.environ)
        async with Workspace(settings) as workspace:
            report = await backup(workspace, BackupOptions())
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": wall,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "megabytes": after.ru_maxrss / 1024,
        "summary": report.summary,
    }


def one_run(kind: str, configuration: Path, **environment: str) -> dict[str, Any]:
    """A backup in a process of its own; `process` is its whole wall time."""
    began = time.perf_counter()
    found = run_child(__file__, "--child", kind, configuration=configuration, **environment)
    return found | {"process": time.perf_counter() - began}


# --- the scenes ----------------------------------------------------------------------------------------------------


async def at_the_limits(folder: Path, seeds: Path, projects: int, svg: Path | None) -> None:
    """The documented limits, sixty times as fast."""
    limits = ("--limits", "documented", "--minute", "1", "--job-seconds", str(JOB_SECONDS))
    async with emulator(folder, seeds, *limits) as service:
        found = await asyncio.to_thread(
            one_run, "operation", configure(folder, "limits", service.endpoint, limits=SCALED)
        )
        traffic = service.traffic()
    assert found["summary"] == f"{projects} stored", found["summary"]
    floor, least = projects / 10, (projects / 10 - 1) * MARGIN + JOB_SECONDS
    starts = traffic.seconds("Export")
    print(f"\n{projects} projects at the documented limits, 60:1; floor {floor:.1f} s, with the margin {least:.1f} s")
    row("backup", found, floor)
    print(f"  last export started after {starts[-1]:.2f} s; 429s: {traffic.throttled}")
    polls = traffic.operations["Get Export Status"]
    print(f"  GETs a project: {traffic.count('GET') / projects:.2f}, of them polls {polls / projects:.2f}")
    if svg is not None:
        ends = traffic.seconds("Get Exported Project") or traffic.seconds("Get Export Result")
        line_chart(
            svg,
            f"{projects} exports at the documented limits, 60:1",
            ("seconds, as minutes at the service", "projects"),
            {
                "exports started": [(at, number + 1) for number, at in enumerate(starts)],
                "downloaded": [(at, number + 1) for number, at in enumerate(sorted(ends))],
                "the floor": [(0.0, 0.0), (floor, float(projects))],
            },
        )


async def without_limits(folder: Path, seeds: Path, projects: int, *, by_flow: bool) -> None:
    """No limits, sixteen at once: as a plain operation, and as a flow."""
    ideal = projects * JOB_SECONDS / AT_ONCE
    print(f"\n{projects} projects without limits, {AT_ONCE} exports at once; ideal {ideal:.1f} s")
    settings = f"concurrency = {AT_ONCE}"
    async with emulator(folder, seeds, "--job-seconds", str(JOB_SECONDS)) as service:
        plain = await asyncio.to_thread(
            one_run, "operation", configure(folder, "off", service.endpoint, backup=settings)
        )
        assert plain["summary"] == f"{projects} stored", plain["summary"]
        row("operation", plain, ideal)
        print(f"  polls a project: {service.traffic().operations['Get Export Status'] / projects:.2f}")
        if not by_flow:
            return
        port = free_port()
        environment = prefect_environment(folder / "prefect", port) | {"PREFECT_LOGGING_TO_API_ENABLED": "false"}
        os.environ |= environment
        serving = ("server", "start", "--host", "127.0.0.1", "--port", str(port))
        async with running("prefect", *serving, port=port, path="/api/health", log=folder / "prefect.log"):
            path = configure(folder, "flow", service.endpoint, backup=settings)
            flow = await asyncio.to_thread(one_run, "flow", path, **environment)
        assert flow["summary"] == f"{projects} stored", flow["summary"]
    row("flow", flow, ideal)
    share = 1 - plain["wall"] / flow["wall"]
    print(f"  Prefect's share: wall {share:.1%}, CPU of the process {1 - plain['cpu'] / flow['cpu']:.0%}")
    bars("wall", {"ideal": ideal, "operation": plain["wall"], "flow": flow["wall"]}, unit="s")


async def when_little_changed(folder: Path, seeds: Path, projects: int) -> None:
    """A second backup, and a third after 5 % have changed."""
    empty = folder / "empty"
    (empty / "fleet").mkdir(parents=True)
    async with emulator(folder, empty) as nothing:
        start = await asyncio.to_thread(one_run, "operation", configure(folder, "empty-vault", nothing.endpoint))
    async with emulator(folder, seeds) as service:
        path = configure(folder, "quiet", service.endpoint, backup=f"concurrency = {AT_ONCE}")
        await asyncio.to_thread(one_run, "operation", path)
        service.traffic()
        quiet = await asyncio.to_thread(one_run, "operation", path)
        seen = service.traffic()
        print(f"\n{projects} projects, none changed: {quiet['summary']}")
        print(f"  {len(seen)} requests: {dict(seen.operations)}")
        print(
            f"  operation {quiet['wall']:.2f} s, with no project at all {start['wall']:.2f} s; "
            f"process {quiet['process']:.2f} s, with no project {start['process']:.2f} s: "
            f"{quiet['process'] - start['process']:.2f} s beyond start-up"
        )
    changed = range(0, projects, 20)
    async with emulator(folder, seeds, "--job-seconds", str(JOB_SECONDS)) as service:
        path = configure(folder, "changed", service.endpoint, backup=f"concurrency = {min(projects, 256)}")
        await asyncio.to_thread(one_run, "operation", path)
        await asyncio.to_thread(service.change, changed, edition=1)
        await asyncio.sleep(JOB_SECONDS + 1)
        service.traffic()
        some = await asyncio.to_thread(one_run, "operation", path)
        seen = service.traffic()
    least = -(-projects // PAGE) + 5 * len(changed)
    print(f"\n{projects} projects, {len(changed)} changed: {some['summary']}")
    print(f"  {len(seen)} requests = {len(seen) / least:.3f} x the least possible ({least}): {dict(seen.operations)}")
    row("backup", some, JOB_SECONDS)


def row(name: str, found: dict[str, Any], ideal: float) -> None:
    """One line."""
    print(
        f"  {name:10} wall {found['wall']:6.2f} s = {found['wall'] / ideal:5.3f} x   own CPU {found['cpu']:5.2f} s"
        f"   peak memory {found['megabytes']:4.0f} MB   process {found['process']:6.2f} s"
        f"   load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


async def main(scenes: list[str], projects: int, svg: Path | None) -> None:
    """Run the scenes that are asked for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = seed(folder / "seed", projects)
        every: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
            "limits": lambda: at_the_limits(folder, seeds, projects, svg),
            "off": lambda: without_limits(folder, seeds, projects, by_flow="flow" in scenes),
            "quiet": lambda: when_little_changed(folder, seeds, projects),
        }
        for scene, play in every.items():
            if scene in scenes or (scene == "off" and "flow" in scenes):
                await play()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("scenes", nargs="*")
    parser.add_argument("--projects", type=int, default=500)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--child")
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(asyncio.run(measured(asked.child))))
    else:
        asyncio.run(main(asked.scenes or ["limits", "off", "flow", "quiet"], asked.projects, asked.svg))
