"""The intake: a burst of objects in an inbox, the time from an object to its flow run, and what deaths cost.

    uv run python -m benchmarks.intake [OBJECTS] [--azure]    by the operation itself, and by flow runs
    uv run python -m benchmarks.intake --deaths [--azure]     SIGKILL to each part in the middle of an intake

OBJECTS (500) are put into a bucket of moto's that tells an SQS queue, or into a container of Azurite's, whose queue
gets the message that Event Grid would send (Azurite itself sends none). Each third is told of three times: at once
again, and after all others, the last first. The queue is worked off by the operation itself, into an emulator whose
jobs take no time and a folder vault. Every message is then sent once more: a second delivery.
After that everything runs as processes of their own (Prefect server, process worker that asks each 2 s, `cluvault
intake`): objects one after the other, then as many as above, 50 a second. A figure is ideal when nothing waits for
anything: an object begins to be taken in as soon as the worker has seen its flow run (1 s on average) and its process
has started (3 to 4 s of CPU). In `--deaths`, 8 objects take 1.5 s each, two at once: 6 s are ideal from the death on.

moto itself may give a message twice, or lose one, while two requests change its queue at once; the second is seen as
"left for the next look", which then takes them in. The times on a machine that does other things as well are of that
machine.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.ops.handing_over import PACE_SECONDS
from cluvault.ops.intake import IntakeOptions, intake
from cluvault.ops.workspace import Workspace
from cluvault.settings import load_settings
from tests.support.arrivals import Arrivals, BlobArrivals, S3Arrivals
from tests.support.azurite import azurite_queues_running, azurite_running
from tests.support.inbox_stories import DEPLOYMENT, LOOKING, inbox_story, killed
from tests.support.inbox_stories import KEY as OBJECT
from tests.support.s3_server import s3_server_running
from tests.support.stage import QUIET
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from cluvault.ops.report import Report
    from tests.support.inbox_stories import InboxStory

KEY = "emulator-key-1"
TWICE = 3
"""Each so many-th event is delivered more than once."""
CONFIGURATION = """\
[vault]
url = "{folder}/vault"

[resources.dev]
endpoint = "{emulator}/dev"
key = {{ env = "CLU_KEY" }}
limits = "off"

[intake.bench]
place = "{place}"
resources = ["dev"]
queue = "{queue}"
concurrency = 8
"""


@contextmanager
def inboxes(*, in_azure: bool) -> Generator[Callable[[], Arrivals]]:
    """Makes inboxes, as many as one asks for, in one of the clouds."""
    if in_azure:
        with azurite_running() as azurite, azurite_queues_running(azurite) as queues:
            yield lambda: BlobArrivals(queues)
    else:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        with s3_server_running() as s3:
            yield lambda: S3Arrivals(s3)


def main(number: int, *, in_azure: bool) -> None:
    """Measure and print."""
    with inboxes(in_azure=in_azure) as new_inbox:
        directly(new_inbox(), number)
        with tempfile.TemporaryDirectory() as name, inbox_story(Path(name), new_inbox(), concurrency=8) as story:
            by_flow(story, number)


def directly(arrivals: Arrivals, number: int) -> None:
    """By the operation itself, in this process."""
    config = EmulatorConfig(resources=("dev",), keys=(KEY,), job_seconds=0.0, first_poll_running=False)
    with tempfile.TemporaryDirectory() as name, EmulatorServer(config) as emulator:
        os.environ.update({**arrivals.environment, "CLU_KEY": KEY})
        folder = Path(name)
        place, queue = arrivals.place, arrivals.queue
        text = CONFIGURATION.format(folder=folder, emulator=emulator.url, place=place, queue=queue)
        (folder / "cluvault.toml").write_text(text, "utf-8")
        burst(arrivals, folder, number)


def burst(arrivals: Arrivals, folder: Path, number: int) -> None:
    """Many objects at once, and then all of their events again."""
    keys = [OBJECT.format(f"P{one}") for one in range(number)]
    for one, key in enumerate(keys):
        arrivals.put(key, project_file(f"P{one}", "to Rome"))
        if one % TWICE == 0:
            arrivals.tell_again(key)
    for key in reversed(keys[::TWICE]):
        arrivals.tell_again(key)
    for title in ("burst", "second delivery"):
        began = time.perf_counter()
        report = asyncio.run(_take_in(folder))
        seconds = time.perf_counter() - began
        print(
            f"{title}: {report.summary} in {seconds:.1f} s ({seconds / number * 1000:.0f} ms an object), "
            f"{arrivals.messages()} messages left"
        )
        for key in keys if title == "burst" else ():
            arrivals.tell_again(key)


async def _take_in(folder: Path) -> Report:
    async with Workspace(load_settings(folder / "cluvault.toml", environment=os.environ)) as workspace:
        return await intake(workspace, IntakeOptions())


def by_flow(story: InboxStory, number: int) -> None:
    """Objects one by one, and then a burst, by a real server and worker."""
    stage = story.stage
    stage.start_intake()
    for one in range(3):
        began = time.perf_counter()
        story.put(f"One{one}")
        stage.until(lambda: f"One{one}" in stage.projects("dev"), seconds=180, what="it is there")  # noqa: B023
        there = time.perf_counter() - began
        stage.until(lambda: stage.are_over(DEPLOYMENT), seconds=60, what="its run is over")
        begins = story.latencies[f"One{one}"]
        print(f"object {one + 1}: its flow run begins after {begins:.1f} s, it is there after {there:.1f} s")
        time.sleep(PACE_SECONDS)
    before = len(stage.runs(DEPLOYMENT))
    began = time.perf_counter()
    story.put_all((f"P{one}" for one in range(number)), a_second=50, twice=TWICE)
    put = time.perf_counter() - began
    stage.until(
        lambda: (
            len(stage.projects("dev")) >= number + 3
            or (story.arrivals.messages() == 0 and stage.are_over(DEPLOYMENT, at_least=before + 1))
        ),
        seconds=1800,
        every=1.0,
        what="all are there, or nobody is at it any more",
    )
    there = time.perf_counter() - began
    stage.until(lambda: stage.are_over(DEPLOYMENT), seconds=300, what="all runs are over")
    if left := len(story.arrivals.keys("inbox/")):
        stage.run_ends(stage.start_deployment("intake/inbox"))
    times, runs = (
        sorted(took for name, took in story.latencies.items() if not name.startswith("One")),
        stage.runs(DEPLOYMENT)[before:],
    )
    sizes = [len(run["parameters"]["options"]["objects"]) for run in runs]
    print(f"burst of {number} and a poison file, put within {put:.1f} s: all there after {there:.1f} s")
    print(f"  left for the next look, because no message told of them: {left}")
    print(f"  {len(runs)} flow runs of {sizes} objects; {Counter(run['state_name'] for run in runs)}")
    print(f"  from object to flow run: median {median(times):.1f} s, p95 {times[int(0.95 * len(times))]:.1f} s, "
          f"longest {times[-1]:.1f} s")  # fmt: skip
    story.check([*(f"One{one}" for one in range(3)), *(f"P{one}" for one in range(number))])
    print(f"  imported more than once: {sum(count - 1 for count in story.imports().values())}")


def deaths(*, in_azure: bool, whom: Sequence[str] = ("nobody", "intake", "flow", "worker", "server")) -> None:
    """What it costs when a part is killed in the middle."""
    projects = [f"P{number}" for number in range(8)]
    with inboxes(in_azure=in_azure) as new_inbox:
        for who in whom:
            environment = LOOKING if who == "worker" else QUIET
            with (
                tempfile.TemporaryDirectory() as name,
                inbox_story(Path(name), new_inbox(), job_seconds=1.5, concurrency=2, environment=environment) as story,
            ):
                found = killed(story, who, projects)
            print(f"{who + ' killed':15} {found.seconds:6.1f} s until all is taken in; {found.again} imported twice; "
                  f"runs {dict(found.runs)}")  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", type=int, nargs="?", default=500)
    parser.add_argument("--azure", action="store_true")
    parser.add_argument("--deaths", action="store_true")
    asked = parser.parse_args()
    if asked.deaths:
        deaths(in_azure=asked.azure)
    else:
        main(asked.objects, in_azure=asked.azure)
