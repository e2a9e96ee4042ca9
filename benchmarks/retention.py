"""What it costs to plan the retention of 100,000 snapshots, as ratios to sorting the same list.

    uv run python benchmarks/retention.py

Two vaults: 200 projects of 500 snapshots each, and one project of 100,000. `decide` is the policy alone; `plan_prune`
is all that a prune decides about a project: policy, protection, and which contents wait or have expired. Half of the
snapshots have content of their own; the record of an earlier prune names a tenth of all contents, to which nothing
refers. Time is CPU time, the best of three within one process; `sort` orders the snapshots by project and time. The
garbage collector leaves the list itself alone (`gc.freeze`): otherwise it goes through a million objects that were
there before, which takes four times as long as the plan, and is what would be measured.
Peak memory (Linux: VmHWM) is by how much each measurement raises that of a forked process that has the list already.
"""

from __future__ import annotations

import gc
import random
import time
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cluvault.model.manifest import Manifest, Reason, Tool, new_snapshot_id
from cluvault.model.object_info import ObjectInfo
from cluvault.model.prune_record import PruneRecord
from cluvault.plan.capture import build_manifest
from cluvault.plan.history import History, key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import ProjectPrune, PruneRules, Recorded, plan_prune
from cluvault.plan.retention import Candidate, VanishedPolicy, Verdict, decide, read_policy
from cluvault.vault.content import pack
from tests.support.snapshots import make_capture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.queues import SimpleQueue

VAULTS: Final = {"200 projects of 500": (200, 500), "1 project of 100,000": (1, 100_000)}
NOW: Final = datetime(2026, 11, 15, tzinfo=UTC)
POLICY: Final = read_policy(
    {"keep-last": 3, "keep-hourly": 24, "keep-daily": 14, "keep-weekly": 8, "keep-monthly": 12, "keep-within": "30d"}
)
RULES: Final = PruneRules(policy=POLICY, vanished=VanishedPolicy(), safety_days=30, grace=timedelta(hours=12))


def make_history(project: str, number: int) -> History:
    """A project with a snapshot every hour, and its contents; the store's order is not that of time."""
    template, contents = _template(project), dict[str, ObjectInfo]()
    content = template.content
    snapshots: list[Manifest] = []
    for hour in range(number):
        captured_at = NOW - timedelta(hours=number - hour)
        key = SnapshotKey("prod", project, new_snapshot_id(captured_at, f"{hour:08x}"))
        if hour % 2 == 0:
            content = template.content.model_copy(update={"key": key.content})
            contents[key.content] = ObjectInfo(key.content, content.bytes, captured_at)
        reason = Reason.SAFETY if hour % 100 == 0 else Reason.SCHEDULED
        changes = {"snapshot_id": key.snapshot_id, "captured_at": captured_at, "content": content, "reason": reason}
        snapshots.append(template.model_copy(update=changes))
    for hour in range(number // 20):
        loose = SnapshotKey("prod", project, new_snapshot_id(NOW - timedelta(hours=number + hour), f"{hour:08x}"))
        contents[loose.content] = ObjectInfo(loose.content, template.content.bytes, NOW)
    random.Random(1).shuffle(snapshots)  # noqa: S311  # the same order on every run
    return History("prod", project, tuple(snapshots), contents=contents)


def _template(project: str) -> Manifest:
    capture = make_capture(project=project)
    key = SnapshotKey(capture.resource, project, "20261101T020000Z-0a1b2c3d")
    stored, _ = pack(capture.raw, key=key, canonical_sha256=capture.canonical_sha256)
    return build_manifest(
        capture, snapshot_id=key.snapshot_id, vault_id="v", stored=stored, parent_id=None, tool_version="1"
    )


def sort(histories: Sequence[History]) -> list[Manifest]:
    """The unit: all snapshots, by project and time."""
    snapshots = [one for found in histories for one in found.snapshots]
    return sorted(snapshots, key=lambda one: (one.project, one.captured_at))


def decide_all(histories: Sequence[History]) -> tuple[Verdict, ...]:
    """The policy alone, in one call."""
    candidates = [
        Candidate(key_of(one), one.captured_at, frozenset(one.tags)) for found in histories for one in found.snapshots
    ]
    return decide(candidates, POLICY, now=NOW)


def plan_all(histories: Sequence[History]) -> list[ProjectPrune]:
    """Project by project, as a prune does it, after another one has recorded what nothing refers to."""
    plans: list[ProjectPrune] = []
    for found in histories:
        record = PruneRecord(
            run_id="run",
            resource=found.resource,
            project=found.project,
            planned_at=NOW,
            unreferenced=found.unreferenced(),
            tool=Tool(name="cluvault", version="1"),
        )
        records = [Recorded(record, NOW - timedelta(days=1))]
        plans.append(plan_prune(found, RULES, holds={}, records=records, gone_since=None, now=NOW))
    return plans


MEASURED: Final[dict[str, Callable[[Sequence[History]], object]]] = {
    "sort": sort,
    "decide": decide_all,
    "plan_prune": plan_all,
}


def best(run: Callable[[], object]) -> float:
    """CPU seconds of the fastest of three runs."""
    times: list[float] = []
    for _ in range(3):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def peak_bytes() -> int:
    """Peak resident bytes of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def measure_child(measured: str, histories: Sequence[History], answer: SimpleQueue[int]) -> None:
    """Run one measurement once and tell by how much it raised the peak."""
    before = peak_bytes()
    result = MEASURED[measured](histories)
    answer.put(peak_bytes() - before)
    del result


def peak_in_child(measured: str, histories: Sequence[History]) -> int:
    """Bytes by which one measurement raises the peak of a process that has the list already."""
    fork = get_context("fork")
    answer: SimpleQueue[int] = fork.SimpleQueue()
    child = fork.Process(target=measure_child, args=(measured, histories, answer))
    child.start()
    child.join()
    return answer.get()


def main() -> None:
    """Print one table."""
    for vault, (projects, number) in VAULTS.items():
        histories = [make_history(f"Project{one:03}", number) for one in range(projects)]
        peaks = {name: peak_in_child(name, histories) for name in MEASURED}
        gc.freeze()
        unit = best(lambda histories=histories: sort(histories))
        print(f"{vault:22} sort {unit:.3f} s")
        for name, run in MEASURED.items():
            seconds = best(lambda run=run, histories=histories: run(histories))
            memory = peaks[name] / 1e6
            print(f"  {name:12} {seconds:7.3f} s = {seconds / unit:5.1f} x sort   peak memory {memory:6.1f} MB")


if __name__ == "__main__":
    main()
