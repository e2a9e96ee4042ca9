"""A process in which an operation is killed (kill -9) at every point, one run after another.

    python -m tests.support.killed_run (backup|restore|cleanup|prune|sweep|hold|intake) FOLDER [EACH]

Each run is a fork with a vault (and an inbox) in a folder and an emulator with a state file, as the operation finds
them. The nth run dies at its nth point (or at each EACHth): before each call that changes the file system below them
(so between any two store operations that change something, and inside of each: before a folder is made, the file
written, linked, its other name removed), and before and after each request that changes the service. To die at anything
else, a reading or a sync, leaves what dying at the next point leaves. What is left is checked, then the operation runs
to its end and all is checked again. Prints how many points there were; any surprise is a traceback.
"""

# ruff: noqa: T201  # what it prints is its result

from __future__ import annotations

import asyncio
import itertools
import json
import os
import shutil
import signal
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import unquote, urlsplit

from cluvault.emulator.app import create_app
from cluvault.emulator.config import EmulatorConfig
from cluvault.model.project_file import read_project_file
from cluvault.ops.hold import hold_snapshot
from cluvault.ops.intake import IntakeOptions, intake
from cluvault.ops.prune import PruneOptions, prune
from cluvault.plan.canonical import canonical_digest
from cluvault.settings import Settings
from cluvault.vault.folder import FolderStore
from tests.support.inboxes import FolderInbox
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Iterable

    import httpx

    from tests.support.world import Send

OLD: Final = project_file("Alpha", "old")
NEW: Final = project_file("Alpha", "new")
OTHER: Final = project_file("Beta", "other")
INBOX: Final = {"inbox/dev/Alpha/config.json": NEW, "inbox/dev/Bad/config.json": b"{"}
_SETTINGS: Final = {
    "resources": {"dev": {"endpoint": "http://127.0.0.1:9/dev", "key": {"env": "KEY"}, "limits": "off"}},
    "cleanup": {"rules": {"all": {"names": ["*"]}}, "max-share": 1.0},
    "vault": {"retention": {"keep-last": 1}},
    "intake": {"team": {"place": "s3://clu", "resources": ["dev"], "concurrency": 1}},
}
_WATCHED: Final = ("os.mkdir", "os.link", "os.rename", "os.remove", "os.rmdir")
_WRITES: Final = os.O_WRONLY | os.O_RDWR


def digest(data: bytes) -> str:
    """The canonical digest of a project file."""
    return canonical_digest(read_project_file(data))


# --- points --------------------------------------------------------------------------------------------------------


class Points:
    """Counts the points that a run comes to, and ends the process at the chosen one."""

    def __init__(self, folders: Iterable[Path], chosen: int) -> None:
        self._folders = tuple(map(str, folders))
        self._chosen = chosen
        self._reached = itertools.count(1)

    def reach(self) -> None:
        """Come to a point."""
        if next(self._reached) == self._chosen:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Watch the calls of this process below the folders."""
        sys.addaudithook(self._hook)

    async def hook(self, request: httpx.Request, send: Send) -> httpx.Response:
        """Stand between client and service."""
        if request.method == "GET" or request.url.path.endswith("/:export"):
            return await send(request)
        self.reach()
        answer = await send(request)
        self.reach()
        return answer

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in _WATCHED or (event == "open" and arguments[2] & _WRITES):
            path = str(arguments[0])
            if any(folder in path for folder in self._folders):
                self.reach()


# --- operations ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation to die in.

    Attributes:
        prepare: Makes what it finds.
        run: Does it.
        finished: Checks what is there when it has run to its end.
        safe: The project files of which each must at every moment be in the service or in a good snapshot.
        at_every_moment: Checks what else has to be so.
    """

    prepare: Callable[[World], Coroutine[Any, Any, None]]
    run: Callable[[World], Coroutine[Any, Any, None]]
    finished: Callable[[World], Coroutine[Any, Any, None]]
    safe: tuple[bytes, ...]
    at_every_moment: Callable[[World], Coroutine[Any, Any, None]] | None = None


async def prepare_two(world: World) -> None:
    """Two projects, no vault."""
    await world.put("dev", "Alpha", NEW)
    await world.put("dev", "Beta", OTHER)


async def run_backup(world: World) -> None:
    """All into the vault."""
    report = await world.backup()
    assert report.exit_code == 0, report


async def two_snapshots(world: World) -> None:
    """Both projects are in the vault, and in the service."""
    assert {one.content.canonical_sha256 for one in await world.snapshots()} == {digest(NEW), digest(OTHER)}
    assert await world.projects("dev") == ["Alpha", "Beta"]


async def prepare_changed(world: World) -> None:
    """A project of which the vault has an older content."""
    await world.put("dev", "Alpha", OLD)
    await world.backup()
    await world.put("dev", "Alpha", NEW)


async def prepare_one(world: World) -> None:
    """One project, no vault."""
    await world.put("dev", "Alpha", NEW)


async def run_restore(world: World) -> None:
    """The older content in the place of the newer."""
    first = (await world.snapshots())[0]
    await world.restore(first.reference, "dev", "replace")


async def replaced(world: World) -> None:
    """The service has the older content."""
    assert await world.digest("dev", "Alpha") == digest(OLD)


async def run_cleanup(world: World) -> None:
    """Everything deleted."""
    report = await world.cleanup(apply=True)
    assert report.run is None or report.run.exit_code == 0, report


async def deleted(world: World) -> None:
    """Nothing is left but the snapshots."""
    assert await world.projects("dev") == []


async def prepare_to_prune(world: World) -> None:
    """Two snapshots, of which the policy keeps one."""
    await prepare_changed(world)
    await world.backup()


async def prepare_to_sweep(world: World) -> None:
    """The older one was removed longer ago than its content's grace period."""
    await prepare_to_prune(world)
    await run_prune(world)
    long_ago = (world.moment - timedelta(hours=13)).timestamp()
    root = unquote(urlsplit(world.store.url).path)
    async for found in world.store.list():
        os.utime(f"{root}/{found.key}", (long_ago, long_ago))


async def run_prune(world: World) -> None:
    """What no rule keeps goes."""
    async with world.workspace() as workspace:
        report = await prune(workspace, PruneOptions(apply=True))
        assert report.run is None or report.run.exit_code == 0, report


async def pruned(world: World) -> None:
    """The newer snapshot is left."""
    (left,) = await world.snapshots()
    assert left.content.canonical_sha256 == digest(NEW)


async def swept(world: World) -> None:
    """And no content but its own."""
    await pruned(world)
    history = await (await world.vault()).history("dev", "Alpha")
    assert len(history.contents) == 1


async def run_hold(world: World) -> None:
    """A hold on the older snapshot."""
    first = (await world.snapshots())[0]
    async with world.workspace() as workspace:
        await hold_snapshot(workspace, first.reference, reason="audit")


async def is_held(world: World) -> None:
    """A prune leaves both."""
    await run_prune(world)
    assert len(await world.snapshots()) == 2


def inbox_of(world: World) -> FolderInbox:
    """The inbox."""
    assert world.open_inbox is not None
    found = world.open_inbox(world.settings.intake["team"])
    assert isinstance(found, FolderInbox)
    return found


async def prepare_inbox(world: World) -> None:
    """A project, a file that is to replace it, and one that nobody can import."""
    await world.put("dev", "Alpha", OLD)
    for key, body in INBOX.items():
        await inbox_of(world).put_new(key, body)


async def run_intake(world: World) -> None:
    """What waits is taken in."""
    async with world.workspace() as workspace:
        report = await intake(workspace, IntakeOptions())
    assert {one.outcome for one in report.items} <= {"restored", "unchanged", "refused", "skipped"}, report


async def files_are_somewhere(world: World) -> None:
    """What was put into the inbox is there, or where it belongs, byte for byte."""
    found = [body for key, body in (await inbox_of(world).all()).items() if key.endswith("/config.json")]
    assert set(INBOX.values()) <= set(found), found


async def taken_in(world: World) -> None:
    """Each file is in its place with its reason, once; the project is imported, what stood there is kept."""
    found = await inbox_of(world).all()
    folders = {key.rpartition("/")[0] for key in found}
    assert sorted(folder[:18] for folder in folders) == ["done/dev/Alpha/202", "refused/dev/Bad/20"], found.keys()
    assert {key.rpartition("/")[2] for key in found} == {"config.json", "reason.json", "reason.txt"}
    assert len(found) == 3 * len(INBOX)
    assert await world.digest("dev", "Alpha") == digest(NEW)
    assert await world.projects("dev") == ["Alpha"]


OPERATIONS: Final = {
    "backup": Operation(prepare_two, run_backup, two_snapshots, safe=(NEW, OTHER)),
    "restore": Operation(prepare_changed, run_restore, replaced, safe=(OLD, NEW)),
    "cleanup": Operation(prepare_one, run_cleanup, deleted, safe=(NEW,)),
    "prune": Operation(prepare_to_prune, run_prune, pruned, safe=(NEW,)),
    "sweep": Operation(prepare_to_sweep, run_prune, swept, safe=(NEW,)),
    "hold": Operation(prepare_to_prune, run_hold, is_held, safe=(OLD, NEW)),
    "intake": Operation(prepare_inbox, run_intake, taken_in, safe=(OLD,), at_every_moment=files_are_somewhere),
}


# --- the walk ------------------------------------------------------------------------------------------------------


@contextmanager
def opened(folder: Path, *, hours: int = 0) -> Generator[World]:
    """The world that lies in a folder; each life has ids and a time of its own."""
    config = EmulatorConfig(resources=("dev",), first_poll_running=False, state=folder / "state.db")
    moment = datetime(2026, 11, 22, 12, 0, tzinfo=UTC) + timedelta(hours=hours)
    app = create_app(config, clock=lambda: moment)
    counter = itertools.count(hours * 1000)
    store = FolderStore(folder / "vault")
    try:
        world = World(Settings.model_validate(_SETTINGS), store, app, moment=moment, counter=counter)
        world.open_inbox, world.open_queue = (lambda _: FolderInbox(folder / "inbox")), (lambda _: None)
        yield world
    finally:
        app.state.emulator.close()


async def assert_nothing_is_lost(world: World, operation: Operation) -> None:
    """Every listed snapshot is whole, and everything that has to be safe is in the service or in one of them."""
    damage = await world.damage() if (await world.snapshots()) else {}
    assert damage == dict.fromkeys(damage), damage
    kept = {one.content.canonical_sha256 for one in await world.snapshots()}
    live = {await world.digest("dev", name) for name in await world.projects("dev")}
    assert {digest(data) for data in operation.safe} <= kept | live
    if operation.at_every_moment is not None:
        await operation.at_every_moment(world)


def die_at(point: int, operation: Operation, folder: Path) -> bool:
    """Run in a fork that dies at a point; whether it came to it."""
    child = os.fork()
    if child == 0:
        points = Points((folder / "vault", folder / "inbox"), point)
        with opened(folder, hours=1) as world:
            world.hook = points.hook
            points.arm()
            _run_to_the_end(operation, world)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, -signal.SIGKILL), code
    return code != 0


def _run_to_the_end(operation: Operation, world: World) -> NoReturn:
    """Run in a fork, which must not return into the walk whatever happens."""
    code = 1
    try:
        asyncio.run(operation.run(world))
        code = 0
    except Exception:  # noqa: BLE001  # the parent sees the exit code
        traceback.print_exc()
    finally:
        os._exit(code)


def walk(operation: Operation, folder: Path, *, each: int = 1) -> int:
    """Die at every point, or at each nth; how many there are, or at least are."""
    template = folder / "template"
    template.mkdir()
    with opened(template) as world:
        asyncio.run(operation.prepare(world))
    for point in itertools.count(1, each):
        place = folder / str(point)
        shutil.copytree(template, place)
        died = die_at(point, operation, place)

        async def check(world: World) -> None:
            await assert_nothing_is_lost(world, operation)
            await operation.run(world)
            await operation.finished(world)
            await assert_nothing_is_lost(world, operation)

        with opened(place, hours=2) as world:
            asyncio.run(check(world))
        shutil.rmtree(place)
        if not died:
            return point - each
    raise AssertionError


def no_sync(_descriptor: int) -> None:
    """Unlike a power cut, a kill loses nothing that was written."""


if __name__ == "__main__":
    os.fsync = no_sync
    print(json.dumps({"points": walk(OPERATIONS[sys.argv[1]], Path(sys.argv[2]), each=int(sys.argv[3]))}))
