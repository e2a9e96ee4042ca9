"""A process in which a promotion is stopped (SIGSTOP) beyond its lease, another one takes over, and the first wakes up.

    python -m tests.support.stopped_promotion FOLDER N[,N…]        with CLU_PLACE and KEY as `killed_promotion` has them

It is stopped just after its nth look at the lease in the store, so just before it would change something. Prints what
the looks were about.
"""

# ruff: noqa: T201  # what it prints is its result

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from cluvault.errors import LeaseLost
from cluvault.ops.promote import promote
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.vault.folder import FolderStore
from cluvault.vault.leases import Lease
from tests.support.killed_promotion import Fate, Life, ended, must, prepare, start_fork
from tests.support.snapshots import everything

LEASE_SECONDS: Final = 6.0


class Look:
    """Stops the process at one of its looks at the lease."""

    def __init__(self, number: int, fate: Fate) -> None:
        self.steps: list[str] = []
        self.changes_before = -1
        self._number = number
        self._fate = fate

    def install(self) -> None:
        """From now on."""
        original = Lease.ensure

        async def ensure(lease: Lease, step: str) -> None:
            await original(lease, step)
            self.steps.append(step)
            if len(self.steps) == self._number:
                self.changes_before = len(self._fate.changes)
                os.kill(os.getpid(), signal.SIGSTOP)

        setattr(Lease, "ensure", ensure)  # noqa: B010  # as a test's own subclass would be, where none can be given


async def stopped(life: Life, number: int) -> dict[str, Any]:
    """Promote, be stopped, wake up."""
    fate = Fate(None, "killed")
    look = Look(number, fate)
    look.install()
    error = ""
    try:
        async with life.workspace(hours=0, fate=fate, lease_seconds=LEASE_SECONDS) as workspace:
            await promote(workspace, PromoteOptions(project=life.project, route="up", apply=True))
    except LeaseLost as err:
        error = str(err)
    assert look.changes_before >= 0, f"it was never stopped: {look.steps}; {error}"
    return {"error": error, "step": look.steps[number - 1], "changes": fate.changes[look.changes_before :]}


async def taken_over(life: Life) -> dict[str, Any]:
    """Another process sees that the first one is silent, and ends the promotion."""
    async with life.workspace(hours=0, actor="berta") as workspace:
        last = (await life.promotions(workspace))[-1]
        await promote(workspace, PromoteOptions(resume=str(last.key), patience=120))
        return await ended(life, workspace)


async def picture(life: Life) -> dict[str, Any]:
    """All that a worker could change."""
    async with life.workspace(hours=0) as workspace:
        end = await ended(life, workspace)
    objects = await everything(FolderStore(Path(os.environ["CRASH_PLACE"]) / str(life.number)))
    return {**end, "objects": sorted(objects)}


def live(life: Life, number: int) -> str:
    """One life; at which step it was stopped."""
    must(lambda: prepare(life))
    child, pipe = start_fork(lambda: stopped(life, number))
    with pipe:
        _, status = os.waitpid(child, os.WUNTRACED)
        assert os.WIFSTOPPED(status), status
        try:
            assert must(lambda: taken_over(life))["state"] == "promoted"
            before = must(lambda: picture(life))
        finally:
            os.kill(child, signal.SIGCONT)
        said = json.loads(pipe.read())
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert "another worker goes on with it" in said["error"], said
    assert [change for change in said["changes"] if change.startswith(("POST", "PUT", "DELETE", "PATCH"))] == [], said
    assert must(lambda: picture(life)) == before
    return said["step"]


def main(folder: str, numbers: str) -> None:
    """One life for each number."""
    os.environ["CRASH_PLACE"] = folder
    looks = [int(one) for one in numbers.split(",")]
    print(json.dumps([live(Life("file", "good", number), number) for number in looks]))


if __name__ == "__main__":
    main(*sys.argv[1:])
