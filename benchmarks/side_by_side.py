"""cluvault, the official SDK and the script that people write, side by side: the same emulator, the same projects.

    uv run python benchmarks/side_by_side.py [--projects 500] [--faults 0 5] [--sample 32]

cluvault: `backup` with 16 exports at once; it stores, compresses, reads back and records.
sdk: azure-ai-language-conversations-authoring, asyncio: all projects in `asyncio.gather` behind a semaphore of 16, each
    `begin_export`, the poller's result, the status for its result's URL, the download into a file. Polled each second;
    `sdk as it comes` polls each 30 s, the SDK's default, on a sample, scaled to all projects.
script: one project after the other with requests, asked for each 3 s until it has succeeded, the result saved; an
    exception costs that project and is counted. On a sample, scaled.

No limits; jobs take 2 s. With faults, one call in a hundred each gets 429 with Retry-After, 503, a reset, a torn body,
an HTML page in place of the JSON, and one export in a hundred ends `failed`. Each contender is a process of its own,
whose CPU and peak memory are told; requests are counted at the emulator. A file is wrong when its contender took it
for good and it does not mean what the service held (canonical digest).
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
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.fleet_parts import KEY, RESOURCE, bars, configure, emulator, run_child, seed
from cluvault.errors import CluvaultError
from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest

if TYPE_CHECKING:
    from benchmarks.fleet_parts import Emulator

AT_ONCE: Final = 16
JOB_SECONDS: Final = 2.0
API: Final = "language/authoring/analyze-conversations"
VERSION: Final = "2023-04-01"
_SHARE: Final = 0.01


def fault_plan(percent: int) -> dict[str, Any] | None:
    """Rules by which so many calls in a hundred go wrong, each fifth of them in another way."""
    if not percent:
        return None
    effects: list[dict[str, Any]] = [
        {"kind": "status", "status": 429, "retry-after": 1},
        {"kind": "status", "status": 503},
        {"kind": "reset", "when": "before"},
        {"kind": "torn"},
        {"kind": "content-type"},
    ]
    rules: list[dict[str, Any]] = [
        {"name": f"{place}", "probability": percent / 100 / len(effects), "effect": effect}
        for place, effect in enumerate(effects)
    ]
    rules.append({"name": "job", "operations": "Export", "probability": _SHARE, "effect": {"kind": "job-fails"}})
    return {"seed": 7, "rules": rules}


# --- the contenders, each in a process of its own ------------------------------------------------------------------


async def by_cluvault(_endpoint: str, out: Path, _names: list[str]) -> list[str]:
    """A backup into a vault, of which the newest snapshots are then written out for comparison."""
    from cluvault.ops.backup import BackupOptions, backup  # noqa: PLC0415  # each contender imports its own only
    from cluvault.ops.workspace import Workspace  # noqa: PLC0415
    from cluvault.settings import load_settings  # noqa: PLC0415

    settings = load_settings(Path(os.environ["CLUVAULT_CONFIG"]), environment=os.environ)
    async with Workspace(settings) as workspace:
        report = await backup(workspace, BackupOptions())
        told = measured()  # what follows is this benchmark's
        vault = await workspace.vault()
        for item in report.items:
            if item.snapshot_id:
                latest = await vault.latest(RESOURCE, item.project)
                assert latest is not None
                (out / f"{item.project}.json").write_bytes(await vault.read(latest))
    FIGURES.update(told)
    return [f"{item.project}: {item.detail}" for item in report.failed]


async def by_sdk(endpoint: str, out: Path, names: list[str], interval: float) -> list[str]:
    """The official SDK's asyncio client."""
    from azure.ai.language.conversations.authoring.aio import (  # noqa: PLC0415
        ConversationAuthoringProjectClient as Client,
    )
    from azure.core.credentials import AzureKeyCredential  # noqa: PLC0415
    from azure.core.rest import HttpRequest  # noqa: PLC0415

    failed: list[str] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        jobs: list[str] = []

        def note(response: Any) -> None:
            if place := response.http_response.headers.get("operation-location"):
                jobs.append(place.partition("?")[0].rpartition("/")[2])

        async with places, Client(endpoint, AzureKeyCredential(KEY), project_name=name) as client:
            begun: Any = client.project.begin_export
            poller = await begun(string_index_type="Utf16CodeUnit", polling_interval=interval, raw_response_hook=note)
            await poller.result()
            state: Any = await client.project.get_export_status(jobs[0])
            answer: Any = await client.send_request(HttpRequest("GET", state.result_uri))
            answer.raise_for_status()
            (out / f"{name}.json").write_bytes(await answer.read())

    async def guarded(name: str) -> None:
        try:
            await one(name)
        except Exception as err:  # noqa: BLE001  # counted
            failed.append(f"{name}: {type(err).__name__}: {str(err)[:80]}")

    await asyncio.gather(*(guarded(name) for name in names))
    return failed


def by_script(endpoint: str, out: Path, names: list[str]) -> list[str]:
    """What one finds in notebooks."""
    import requests  # noqa: PLC0415  # each contender imports its own only

    headers = {"Ocp-Apim-Subscription-Key": KEY}
    failed: list[str] = []
    for name in names:
        try:
            url = f"{endpoint}/{API}/projects/{name}/:export?stringIndexType=Utf16CodeUnit&api-version={VERSION}"
            started = requests.post(url, headers=headers, timeout=60)
            started.raise_for_status()
            while True:
                time.sleep(3)
                status = requests.get(started.headers["operation-location"], headers=headers, timeout=60).json()
                if status["status"] == "failed":
                    raise RuntimeError(str(status["errors"]))  # noqa: TRY301  # as people write it
                if status["status"] == "succeeded":
                    break
            result = requests.get(status["resultUrl"], headers=headers, timeout=60)
            result.raise_for_status()
            (out / f"{name}.json").write_bytes(result.content)
        except Exception as err:  # noqa: BLE001  # counted
            failed.append(f"{name}: {type(err).__name__}: {str(err)[:80]}")
    return failed


FIGURES: dict[str, float] = {}
_BEGAN: Final = time.perf_counter()


def measured() -> dict[str, float]:
    """What this process has taken so far, its start and imports included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "wall": time.perf_counter() - _BEGAN,
        "cpu": used.ru_utime + used.ru_stime,
        "megabytes": used.ru_maxrss / 1024,
    }


def contend(kind: str, endpoint: str, out: Path, projects: int) -> dict[str, Any]:
    """Be a contender; what it took and what it says failed."""
    names = [f"P{number:05}" for number in range(projects)]
    if kind == "cluvault":
        failed = asyncio.run(by_cluvault(endpoint, out, names))
    elif kind == "script":
        failed = by_script(endpoint, out, names)
    else:
        failed = asyncio.run(by_sdk(endpoint, out, names, 30.0 if kind == "sdk as it comes" else 1.0))
    return (FIGURES or measured()) | {"failed": failed}


# --- the race ------------------------------------------------------------------------------------------------------


def digests(folder: Path) -> dict[str, str | None]:
    """The canonical digest of each file; None for what is no project file."""
    found: dict[str, str | None] = {}
    for path in folder.glob("*.json"):
        try:
            found[path.stem] = canonical_digest(read_project_file(path.read_bytes(), source=path.name))
        except CluvaultError:
            found[path.stem] = None
    return found


async def race(service: Emulator, folder: Path, percent: int, projects: int, sample: int) -> None:
    """All contenders, one after the other, each from the seed's state."""
    print(f"\n{projects} projects, {percent} % faults, jobs of {JOB_SECONDS:g} s; load {os.getloadavg()[0]:.1f}")
    print(f"{'':16} {'wall s':>8} {'requests':>9} {'CPU s':>7} {'peak MB':>8} {'failed':>7} {'wrong':>6}")
    walls: dict[str, float] = {}
    truth: dict[str, str | None] = {}
    for kind in ("cluvault", "sdk", "sdk as it comes", "script"):
        is_sample = kind in ("sdk as it comes", "script")
        number = min(projects, sample) if is_sample else projects
        service.reset()
        service.use_faults(fault_plan(percent))
        service.traffic()
        out = folder / f"{kind} {percent}"
        out.mkdir()
        path = configure(folder, f"vault-{percent}", service.endpoint, backup=f"concurrency = {AT_ONCE}")
        arguments = ("--child", kind, "--out", out, "--endpoint", service.endpoint, "--projects", number)
        found = await asyncio.to_thread(run_child, __file__, *arguments, configuration=path)
        traffic = service.traffic()
        held = digests(out)
        truth = truth or digests(await true_files(service, folder, percent, projects))
        wrong = sum(truth[name] != digest for name, digest in held.items())
        scale = projects / number
        walls[kind] = found["wall"] * scale
        print(
            f"{kind:16} {walls[kind]:8.1f} {len(traffic) * scale:9.0f} {found['cpu'] * scale:7.1f}"
            f" {found['megabytes']:8.0f} {len(found['failed']) * scale:7.0f} {wrong * scale:6.0f}"
            + (f"   (measured on {number}, x {scale:.1f})" if is_sample else ""),
            flush=True,
        )
        reasons = Counter(one.partition(": ")[2][:60] for one in found["failed"])
        for reason, times in reasons.most_common(4):
            print(f"{'':18}{times} x {reason}")
    bars("wall", walls, unit="s")


async def true_files(service: Emulator, folder: Path, percent: int, projects: int) -> Path:
    """What the service holds, fetched by the SDK without faults."""
    service.use_faults(None)
    out = folder / f"truth {percent}"
    out.mkdir()
    path = configure(folder, f"truth-{percent}", service.endpoint)
    arguments = ("--child", "sdk", "--out", out, "--endpoint", service.endpoint, "--projects", projects)
    await asyncio.to_thread(run_child, __file__, *arguments, configuration=path)
    service.traffic()
    return out


async def main(projects: int, faults: list[int], sample: int) -> None:
    """One race for each share of faults."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seeds = seed(folder / "seed", projects)
        async with emulator(folder, seeds, "--job-seconds", str(JOB_SECONDS)) as service:
            for percent in faults:
                await race(service, folder, percent, projects, sample)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--projects", type=int, default=500)
    parser.add_argument("--faults", type=int, nargs="*", default=[0, 5])
    parser.add_argument("--sample", type=int, default=32)
    parser.add_argument("--child")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--endpoint", default="")
    asked = parser.parse_args()
    if asked.sample % AT_ONCE or asked.sample < 1:
        parser.error(
            f"--sample has to be a multiple of {AT_ONCE}, as so many are at work at once: else scaling is unfair"
        )
    if asked.child:
        print(json.dumps(contend(asked.child, asked.endpoint, asked.out, asked.projects)))
    else:
        asyncio.run(main(asked.projects, asked.faults, asked.sample))
