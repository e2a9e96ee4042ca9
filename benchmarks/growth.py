"""CPU and memory of a backup as the number of projects grows, when all are exported and when none has changed.

    uv run python benchmarks/growth.py [10 100 1000 10000] [--concurrency 16]

A fast emulator (jobs of 0.05 s, no limits) in a process of its own, a folder vault in memory (/dev/shm), each run in a
process of its own. CPU a project is what a run takes beyond the same run over one project, which is start-up; peak
memory is the process's (ru_maxrss), beside that of a run over one project. A resource holds 500 projects at most, so
the last lines are what a run over many resources would be.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path
from sys import path as search_path
from typing import TYPE_CHECKING, Any, Final

search_path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fleet_parts import bars, configure, emulator, seed
from benchmarks.fleet_speed import one_run

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a temporary folder is made in it


async def two_runs(folder: Path, projects: int, concurrency: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything is exported; then nothing has changed."""
    seeds = seed(folder / f"seed-{projects}", projects, utterances=10)
    async with emulator(folder, seeds, "--job-seconds", "0.05", "--quiet") as service:
        path = configure(folder, f"vault-{projects}", service.endpoint, backup=f"concurrency = {concurrency}")
        full = await asyncio.to_thread(one_run, "operation", path)
        quiet = await asyncio.to_thread(one_run, "operation", path)
    assert (full["summary"], quiet["summary"]) == (f"{projects} stored", f"{projects} unchanged")
    return full, quiet


async def main(sizes: Sequence[int], concurrency: int) -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        start = await two_runs(folder, 1, concurrency)
        print(
            f"one project: CPU {start[0]['cpu']:.2f} s and {start[1]['cpu']:.2f} s, peak {start[0]['megabytes']:.0f} MB"
        )
        print(f"{'projects':>8} {'':10} {'wall s':>8} {'CPU s':>7} {'CPU ms each':>17} {'peak MB':>8} {'KB each':>13}")
        memory: dict[str, float] = {"1": start[0]["megabytes"]}
        for projects in sizes:
            for kind, found, first in zip(
                ("exported", "unchanged"), await two_runs(folder, projects, concurrency), start, strict=True
            ):
                milliseconds = (found["cpu"] - first["cpu"]) / projects * 1000
                kilobytes = (found["megabytes"] - first["megabytes"]) / projects * 1024
                print(
                    f"{projects:8} {kind:10} {found['wall']:8.2f} {found['cpu']:7.2f} {milliseconds:17.2f}"
                    f" {found['megabytes']:8.1f} {kilobytes:13.1f}",
                    flush=True,
                )
                if kind == "exported":
                    memory[f"{projects:,}"] = found["megabytes"]
        bars("peak memory when all are exported", memory, unit="MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", type=int, nargs="*", default=[10, 100, 1000, 10_000])
    parser.add_argument("--concurrency", type=int, default=16)
    asked = parser.parse_args()
    asyncio.run(main(asked.sizes, asked.concurrency))
