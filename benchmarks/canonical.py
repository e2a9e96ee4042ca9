"""Canonical digest and diff of a 50,000-utterance project, as ratios to `json.loads` of the same bytes.

    uv run python benchmarks/canonical.py

Time is the best of five within one process. Peak memory (Linux: VmHWM) is that of a child process of its own for each
measurement, less what the interpreter, its imports and the bytes themselves take.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cluvault.model.project_file import read_project_file
from cluvault.plan.canonical import canonical_digest, canonical_form
from cluvault.plan.diff import diff_forms

if TYPE_CHECKING:
    from collections.abc import Callable

UTTERANCES = 50_000


def make_project(*, edited: bool) -> bytes:
    """A compact project file of about 25 MB, as the service exports it; `edited` changes one utterance in a hundred."""
    chance = random.Random(1)  # noqa: S311  # the same file on every run
    words = [f"word{number}" for number in range(4000)]
    entities = [f"Entity{number}" for number in range(60)]
    utterances: list[dict[str, object]] = []
    for number in range(UTTERANCES):
        parts = chance.choices(words, k=chance.randint(6, 24))
        starts = [sum(len(part) + 1 for part in parts[:index]) for index in range(len(parts))]
        labelled = sorted(chance.sample(range(len(parts)), k=min(len(parts), 4)))
        utterances.append(
            {
                "text": " ".join(parts),
                "language": "en-us",
                "intent": f"Intent{(number + (edited and number % 100 == 0)) % 120}",
                "entities": [
                    {"category": chance.choice(entities), "offset": starts[index], "length": len(parts[index])}
                    for index in labelled
                ],
                "dataset": "Train" if number % 5 else "Test",
            }
        )
    metadata = {"projectKind": "Conversation", "projectName": "Large", "language": "en-us", "multilingual": False}
    assets = {
        "projectKind": "Conversation",
        "intents": [{"category": f"Intent{number}"} for number in range(120)],
        "entities": [{"category": name, "compositionSetting": "combineComponents"} for name in entities],
        "utterances": utterances,
    }
    document = {"projectFileVersion": "2023-04-01", "stringIndexType": "Utf16CodeUnit", "metadata": metadata}
    return json.dumps(document | {"assets": assets}, separators=(",", ":")).encode()


def digest(before: bytes, _after: bytes) -> None:
    """Bytes to canonical digest."""
    canonical_digest(read_project_file(before))


def diff(before: bytes, after: bytes) -> None:
    """Two files' bytes to their difference, one tree in memory at a time, as `cluvault diff` does it."""
    assert diff_forms(canonical_form(read_project_file(before)), canonical_form(read_project_file(after)))


def nothing(_before: bytes, _after: bytes) -> None:
    """What the interpreter, the imports and the bytes themselves take."""


MEASURED: dict[str, Callable[[bytes, bytes], None]] = {"nothing": nothing, "digest": digest, "diff": diff}


def best(run: Callable[[], object]) -> float:
    """Seconds of the fastest of five runs."""
    times: list[float] = []
    for _ in range(5):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def peak_in_child(name: str, folder: Path) -> int:
    """Peak resident bytes of a process that makes one measurement once."""
    command = [sys.executable, __file__, name, str(folder)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603


def main() -> None:
    """Print one table."""
    before, after = make_project(edited=False), make_project(edited=True)
    loads = best(lambda: json.loads(before))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "before").write_bytes(before)
        (folder / "after").write_bytes(after)
        floor = peak_in_child("nothing", folder)
        print(f"file {len(before) / 1e6:.1f} MB, {UTTERANCES} utterances; json.loads {loads:.3f} s")
        for measured in ("digest", "diff"):
            ratio = best(lambda run=MEASURED[measured]: run(before, after)) / loads
            memory = (peak_in_child(measured, folder) - floor) / len(before)
            print(f"{measured:7} {ratio:5.1f} x json.loads   peak memory {memory:4.1f} x the file")


def measure_child(name: str, folder: Path) -> None:
    """Run one measurement once and print this process's peak memory in bytes."""
    before, after = (folder / "before").read_bytes(), (folder / "after").read_bytes()
    MEASURED[name](before, after)
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure_child(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
