"""A project of 50,000 utterances (about 25 MB) through backup, diff and restore: peak memory against the file.

    uv run python benchmarks/large_project.py

Each command is `cluvault …` in a process of its own, against an emulator in another, with a folder vault. Peak memory
is the process's high-water mark (Linux: VmHWM); beside it what is left without what the same program takes for a backup
of a resource without projects, and that as a multiple of the project file's size.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fleet_parts import KEY, RESOURCE, ROOT, bars, configure, emulator

if TYPE_CHECKING:
    from benchmarks.fleet_parts import Emulator

NAME: Final = "Large"
IMPORT: Final = f"language/authoring/analyze-conversations/projects/{NAME}/:import?api-version=2023-04-01"


def make(folder: Path) -> None:
    """Write the project, before and after an edit of one utterance in a hundred; a process of its own forgets it."""
    from benchmarks.canonical import make_project  # noqa: PLC0415

    for name, edited in (("before", False), ("after", True)):
        (folder / name).write_bytes(make_project(edited=edited))


def act(arguments: list[str]) -> int:
    """Be `cluvault`, and say at the end how much memory that took."""
    from cluvault.cli import main as cluvault  # noqa: PLC0415

    sys.argv = ["cluvault", *arguments]
    try:
        code = cluvault()
    except SystemExit as ended:
        code = ended.code
    status = Path("/proc/self/status").read_text("ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]
    print(f"\n{peak}")
    return int(code or 0)


def run(configuration: Path, *arguments: str) -> tuple[float, float]:
    """Seconds and peak megabytes of a command."""
    began = time.perf_counter()
    environment = os.environ | {"FLEET_KEY": KEY, "CLUVAULT_CONFIG": str(configuration)}
    command = [sys.executable, __file__, "act", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - began, int(done.stdout.split()[-1]) / 1024


def change(service: Emulator, file: Path) -> None:
    """Import another edition, in a process of its own."""
    code = "import sys; from benchmarks.fleet_parts import Emulator; from pathlib import Path\n"
    code += "Emulator(0, Path()).call('POST', sys.argv[1], Path(sys.argv[2]).read_bytes())"
    subprocess.run([sys.executable, "-c", code, f"{service.endpoint}/{IMPORT}", str(file)], check=True, cwd=ROOT)  # noqa: S603


async def main() -> None:
    """Print one table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        await asyncio.to_thread(subprocess.run, [sys.executable, __file__, "make", name], check=True)
        seeds, empty = folder / "seed" / RESOURCE, folder / "empty" / RESOURCE
        seeds.mkdir(parents=True)
        empty.mkdir(parents=True)
        (seeds / f"{NAME}.json").symlink_to(folder / "before")
        size = (folder / "before").stat().st_size / 2**20
        async with emulator(folder, empty.parent) as service:
            _, idle = await asyncio.to_thread(run, configure(folder, "nothing", service.endpoint), "backup")
        print(f"file {size:.1f} MB; a backup of nothing peaks at {idle:.0f} MB")
        rows: dict[str, tuple[float, float]] = {}
        async with emulator(folder, seeds.parent) as service:
            path = configure(folder, "vault", service.endpoint)

            async def measure(name: str, *arguments: str) -> None:
                rows[name] = await asyncio.to_thread(run, path, *arguments)

            await measure("backup (new)", "backup")
            await asyncio.to_thread(change, service, folder / "after")
            await asyncio.sleep(2)
            await measure("backup (changed)", "backup")
            manifests = sorted((folder / "vault").glob(f"snapshots/{RESOURCE}/{NAME}/*/manifest.json"))
            assert len(manifests) == 2
            first = manifests[0].parent.name
            await measure("backup (unchanged)", "backup", "--full")
            await measure("diff", "diff", f"{RESOURCE}/{NAME}@{first}", f"{RESOURCE}/{NAME}")
            await measure("restore (new)", "restore", f"{RESOURCE}/{NAME}@{first}", "--to", f"{RESOURCE}/Copy")
            restoring = ("restore", f"{RESOURCE}/{NAME}@{first}", "--to", f"{RESOURCE}/Copy", "--if-exists", "replace")
            await measure("restore (replace)", *restoring)
            await measure("verify", "verify", "--read-data")
        print(f"{'':20} {'wall s':>7} {'peak MB':>8} {'less idle':>10} {'x file':>7}")
        for row, (wall, peak) in rows.items():
            print(f"{row:20} {wall:7.1f} {peak:8.0f} {peak - idle:10.0f} {(peak - idle) / size:7.2f}")
        bars(
            "peak memory less idle, in files", {row: (peak - idle) / size for row, (_, peak) in rows.items()}, unit="x"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["make"]:
        make(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["act"]:
        sys.exit(act(sys.argv[2:]))
    else:
        asyncio.run(main())
