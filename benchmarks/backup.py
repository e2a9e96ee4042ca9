"""Backup of 200 projects whose jobs take 0.2 s, limits off: wall time against the ideal, Prefect's share of the CPU.

    uv run python benchmarks/backup.py [PROJECTS] [CONCURRENCY]

CONCURRENCY is the number of exports in flight, 4 by default as in the configuration. The ideal is projects x job time /
concurrency: what would remain if everything but the service took no time. The emulator runs in a process of its own;
the vault is a folder with every write synced. CPU time is that of this process: first the backup as a plain operation,
then the same backup into another vault as a Prefect flow, with the Prefect server in a process of its own; the
difference is Prefect's share.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluvault.cli.demo.services import free_port, prefect_environment, running
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.workspace import Workspace
from cluvault.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluvault.ops.report import Report

JOB_SECONDS = 0.2
CONFIGURATION = """\
[vault]
url = "{vault}"

[resources.bench]
endpoint = "http://127.0.0.1:{port}/bench"
key = {{ env = "BENCH_KEY" }}
limits = "off"

[backup]
concurrency = {concurrency}
"""


def seed(folder: Path, projects: int) -> None:
    """Small projects, each with content of its own."""
    (folder / "bench").mkdir(parents=True)
    for number in range(projects):
        metadata = {"projectKind": "Conversation", "projectName": f"P{number:03}", "language": "en-us"}
        utterances: list[Any] = [
            {"text": f"say number {line} of project {number}", "intent": "Say", "entities": []} for line in range(50)
        ]
        assets: dict[str, Any] = {
            "projectKind": "Conversation",
            "intents": [{"category": "Say"}],
            "utterances": utterances,
        }
        document = {"projectFileVersion": "2023-04-01", "stringIndexType": "Utf16CodeUnit", "metadata": metadata}
        (folder / "bench" / f"P{number:03}.json").write_text(json.dumps(document | {"assets": assets}), "utf-8")


async def measure(name: str, run: Callable[[], Awaitable[Report]], *, projects: int, ideal: float) -> float:
    """Run once, print one line, return this process's CPU seconds."""
    wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    report = await run()
    wall, after = time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF)
    assert len(report.items) == projects
    assert report.summary == f"{projects} stored", report.summary
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{name:10} wall {wall:6.2f} s = {wall / ideal:4.2f} x ideal ({ideal:.2f} s)   own CPU {cpu:5.2f} s")
    return cpu


async def main(projects: int, concurrency: int) -> None:
    """Start the parts, measure, print."""
    ideal = projects * JOB_SECONDS / concurrency
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seed(folder / "seed", projects)
        port, prefect = free_port(), free_port()
        os.environ |= prefect_environment(folder / "prefect", prefect)
        os.environ["PREFECT_LOGGING_TO_API_ENABLED"] = "false"  # log lines are not what is measured
        os.environ |= {"BENCH_KEY": "emulator-key-1", "CLUVAULT_CONFIG": str(folder / "flow.toml")}
        for kind in ("plain", "flow"):
            text = CONFIGURATION.format(vault=folder / kind, port=port, concurrency=concurrency)
            (folder / f"{kind}.toml").write_text(text, "utf-8")
        emulator = ("emulator", "--port", str(port), "--resource", "bench", "--job-seconds", str(JOB_SECONDS))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(
                running("cluvault", *emulator, "--seed", str(folder / "seed"), port=port,
                        path="/_emulator/health", log=folder / "emulator.log")
            )  # fmt: skip
            settings = load_settings(folder / "plain.toml", environment=os.environ)
            async with Workspace(settings) as workspace:
                plain = await measure(
                    "operation", lambda: backup(workspace, BackupOptions()), projects=projects, ideal=ideal
                )
            await stack.enter_async_context(
                running("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(prefect), port=prefect,
                        path="/api/health", log=folder / "prefect.log")
            )  # fmt: skip
            flow: Any = import_module("flows.backup").backup
            with_prefect = await measure("flow", lambda: flow(BackupOptions()), projects=projects, ideal=ideal)
    print(f"Prefect's share of this process's CPU time: {1 - plain / with_prefect:.0%}")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    asyncio.run(main(*(numbers or [200]), *([] if len(numbers) > 1 else [4])))
