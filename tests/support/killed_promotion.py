"""A process in which a promotion over real HTTP into a real store is killed (kill -9), or fails, at point after point.

    python -m tests.support.killed_promotion (file|s3|az) (good|refused|undo) (killed|fails|down) (all[/N]|N[,N…])

with CLU_PLACE the emulator's URL, KEY its key, and the store's address in the environment as `crashes.new_store` reads
it (file: CRASH_PLACE is a folder). Each life is a fork with projects and a store of its own. It comes to a point:
before, during or after a record, a turn of the lease, an object of a snapshot or a request that changes the service. It
dies there; or it meets an error there; or from there on the service is down. An hour later another process takes
over, by turns as `promote --resume` and as `recover`. Then all has to be as it was, or as it was meant. Prints how many
points there were; a surprise is a traceback.
"""

# ruff: noqa: T201  # what it prints is its result

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import traceback
from collections import Counter
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

import httpx
from pydantic import SecretStr

from cluvault.errors import CluvaultError, StoreUnavailable
from cluvault.model.project_file import read_project_file
from cluvault.model.promotion import RollbackBegun
from cluvault.ops.promote import promote
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.recover import RecoverOptions, recover
from cluvault.ops.rollback import RollbackOptions, rollback
from cluvault.ops.target_lease import holder_of
from cluvault.ops.verify import VerifyOptions, look
from cluvault.ops.workspace import Workspace
from cluvault.plan.canonical import canonical_digest
from cluvault.service.auth import KeyCredential
from cluvault.service.client import CluClient
from cluvault.settings import ResourceSettings, Settings
from cluvault.vault.folder import FolderStore
from tests.support.crashes import new_store
from tests.support.faulty_store import StopPoint
from tests.support.promoting import desk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine

    from cluvault.model.object_info import ObjectInfo
    from cluvault.plan.promotion import Promotion
    from cluvault.vault.store import ObjectStore

REFUND: Final = "give me my money back for Bonn"
FASTER: Final = 25.0
"""So many times faster than the clock does a worker wait; the emulator's jobs are as much shorter."""
WHENS: Final = ("before", "during", "after")
WAYS: Final = ("good", "refused", "undo")


# --- a worker's world ----------------------------------------------------------------------------------------------


class Fate:
    """Counts the changes that a worker makes, and does something to it at one of them.

    Attributes:
        changes: What was counted.
    """

    def __init__(self, point: StopPoint | None, kind: str) -> None:
        self.changes: list[str] = []
        self._point = point
        self._kind = kind
        self._is_down = False

    async def around(self, change: str, call: Callable[[], Awaitable[Any]], fault: Exception, *, service: bool) -> Any:
        """One change."""
        self.changes.append(change)
        number = len(self.changes)
        if self._kind == "down" and service and (self._is_down or self._is_at(number, "before")):
            self._is_down = True
            raise fault
        if self._is_at(number, "before"):
            self._strike(fault)
        if self._is_at(number, "during"):
            under_way = asyncio.ensure_future(call())
            await asyncio.wait([under_way], timeout=0.001 * (number % 7))
            self._strike(fault)
        answer = await call()
        if self._is_at(number, "after"):
            self._strike(fault)
        return answer

    def check_up(self, fault: Exception) -> None:
        """A reading finds the service down, too."""
        if self._is_down:
            raise fault

    def _is_at(self, number: int, when: str) -> bool:
        return self._point is not None and (self._point.operation, self._point.when) == (number, when)

    def _strike(self, fault: Exception) -> None:
        if self._kind == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        self._is_down = self._kind == "down"
        raise fault


class FatedTransport(httpx.AsyncHTTPTransport):
    """Requests over the network."""

    def __init__(self, fate: Fate) -> None:
        super().__init__()
        self._fate = fate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        path, send, fault = request.url.path, super().handle_async_request, httpx.ReadError("the cable")
        if request.method == "GET" or path.endswith("/:export") or "/authoring/" not in path:
            self._fate.check_up(fault)
            return await send(request)
        change = f"{request.method} {path.rpartition('/projects/')[2]}"
        return await self._fate.around(change, lambda: send(request), fault, service=True)


class FatedStore:
    """The vault's store."""

    def __init__(self, inner: ObjectStore, fate: Fate) -> None:
        self._inner = inner
        self._fate = fate
        self.url = inner.url

    async def get(self, key: str) -> bytes:
        return await self._inner.get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        await self._change(f"put {key}", lambda: self._inner.put_new(key, body))

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        async for found in self._inner.list(prefix):
            yield found

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        async for found in self._inner.folders(prefix):
            yield found

    async def delete(self, key: str) -> None:
        await self._change(f"delete {key}", lambda: self._inner.delete(key))

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _change(self, change: str, call: Callable[[], Awaitable[None]]) -> None:
        await self._fate.around(change, call, StoreUnavailable("the disk"), service=False)


async def _sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / FASTER)


@dataclass(frozen=True)
class Life:
    """Projects and a store of their own, and what is done to them."""

    kind: str
    way: str
    number: int

    @property
    def project(self) -> str:
        """Its name at both ends."""
        return f"{self.kind}-{self.way}-{os.environ.get('CLU_ROUND', '')}{self.number}"

    def source(self, when: str) -> bytes:
        """What is at the source: first, and then."""
        if when == "first":
            return desk(self.project)
        return (
            desk(self.project, mislabelled=5)
            if self.way == "refused"
            else desk(self.project, Refund="give me my money back for {}")
        )

    @asynccontextmanager
    async def workspace(
        self, *, hours: int, actor: str = "anna", fate: Fate | None = None, lease_seconds: float = 300.0
    ) -> AsyncGenerator[Workspace]:
        """A fresh workspace, some hours later."""
        fate = fate or Fate(None, "killed")
        store = (
            FolderStore(Path(os.environ["CRASH_PLACE"]) / str(self.number))
            if self.kind == "file"
            else new_store(self.kind, self.number)
        )

        def connect(name: str, settings: ResourceSettings) -> CluClient:
            credential = KeyCredential(SecretStr(os.environ["KEY"]), source="test")
            return CluClient(settings, credential, name=name, transport=FatedTransport(fate), sleep=_sleep)

        async with Workspace(
            _settings(lease_seconds),
            environment={**os.environ, "CLUVAULT_ACTOR": actor},
            connect=connect,
            open_vault_store=lambda _url: FatedStore(store, fate),
            now=lambda: datetime.now(UTC) + timedelta(hours=hours),
            sleep=_sleep,
        ) as workspace:
            yield workspace

    async def promotions(self, workspace: Workspace) -> list[Promotion]:
        """All of the project."""
        return await (await workspace.vault()).promotions.of_project("prod", self.project)


def _settings(lease_seconds: float) -> Settings:
    resources = {
        name: {"endpoint": f"{os.environ['CLU_PLACE']}/{name}", "key": {"env": "KEY"}, "limits": "off"}
        for name in ("dev", "prod")
    }
    route = {"source": "dev", "target": "prod", "gate": {"each-intent-f1": 0.7}}
    settings = Settings.model_validate({"resources": resources, "routes": {"up": route}})
    promotions = settings.promotions.model_copy(update={"lease_seconds": lease_seconds})  # shorter than users may
    return settings.model_copy(update={"promotions": promotions})


# --- what is done, and what there is -------------------------------------------------------------------------------


async def put(life: Life, when: str) -> None:
    """Give the source its content."""
    async with life.workspace(hours=0) as workspace:
        await (await workspace.client("dev")).import_project(life.project, life.source(when))


async def promoted(life: Life, fate: Fate | None = None, *, hours: int = 0) -> str:
    """The promotion."""
    async with life.workspace(hours=hours, fate=fate) as workspace:
        report = await promote(workspace, PromoteOptions(project=life.project, route="up", apply=True, patience=0.0))
        return report.state


async def deed(life: Life, fate: Fate | None = None, *, hours: int = 0) -> None:
    """What is killed."""
    if life.way != "undo":
        await promoted(life, fate, hours=hours)
        return
    async with life.workspace(hours=hours, fate=fate) as workspace:
        await rollback(workspace, RollbackOptions(project=life.project, route="up", apply=True))


@dataclass(frozen=True)
class Target:
    """What the target holds, serves and answers, and what models there are."""

    digest: str
    production: str | None
    staging: str | None
    said: str

    @property
    def serving(self) -> tuple[str | None, str]:
        """What its users see."""
        return self.production, self.said


async def target(life: Life) -> Target:
    """What there is."""
    async with life.workspace(hours=0) as workspace:
        client = await workspace.client("prod")
        data = (await client.export_project(life.project)).data
        deployed = {one.name: one.model_label async for one in client.list_deployments(life.project)}
        assert deployed.keys() <= {"production", "staging"}, deployed
        answer = await client.predict(life.project, deployment="production", text=REFUND)
        digest = canonical_digest(read_project_file(data))
        return Target(digest, deployed.get("production"), deployed.get("staging"), answer.top_intent)


async def prepare(life: Life) -> dict[str, Any]:
    """One promotion is done, or, to be undone, two."""
    await put(life, "first")
    assert await promoted(life) == "promoted"
    old = await target(life)
    await put(life, "then")
    if life.way == "undo":
        assert await promoted(life) == "promoted"
    return {"before": asdict(old), "now": asdict(await target(life))}


async def die(life: Life, point: StopPoint, kind: str) -> dict[str, Any]:
    """The deed, with a fate."""
    fate = Fate(point, kind)
    with suppress(CluvaultError):
        await deed(life, fate)
    return {"reached": len(fate.changes) >= point.operation}


async def count(life: Life) -> dict[str, Any]:
    """The changes of a deed that nothing happens to."""
    fate = Fate(None, "killed")
    await deed(life, fate)
    return {"changes": fate.changes}


async def take_over(life: Life) -> dict[str, Any]:
    """An hour later somebody else ends it; and if it was not even begun, does it."""
    async with life.workspace(hours=1, actor="berta") as workspace:
        begun = await life.promotions(workspace)
        last = begun[-1]
        meanwhile = "begun" if not last.has_ended else last.state
        if not last.has_ended and life.number % 2:
            await promote(workspace, PromoteOptions(resume=str(last.key)))
        elif not last.has_ended:
            report = await recover(workspace, RecoverOptions(apply=True))
            assert report.run is not None
            assert report.exit_code == 0, report
        return {"meanwhile": meanwhile, **await ended(life, workspace, is_free=meanwhile == "begun")}


async def ended(life: Life, workspace: Workspace, *, is_free: bool = True) -> dict[str, Any]:
    """How it stands when nobody works on it any more: the history, the vault, what is left over.

    Who died before its first record, or after its last, has left the lease, which ends by its time.
    """
    promotions = await life.promotions(workspace)
    last = promotions[-1]
    assert all(one.has_ended for one in promotions), [one.state for one in promotions]
    assert not is_free or await holder_of(workspace, "prod", life.project) is None
    client = await workspace.client("prod")
    models = {one.label async for one in client.list_models(life.project)}
    assert models <= {one.model_label for one in promotions}, models
    report = await look(workspace, VerifyOptions(read_data=True))
    assert not [one for one in report.findings if one.is_damage], report.findings
    return {
        "state": last.state,
        "label": last.model_label,
        "promotions": len(promotions),
        "undone": last.has(RollbackBegun),
        "target": asdict(await target(life)),
    }


# --- the walk ------------------------------------------------------------------------------------------------------


def start_fork(work: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> tuple[int, IO[str]]:
    """Run a coroutine in a fork: its process id, and where it tells what it gives."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _to_the_end(work, writing)
    os.close(writing)
    return child, os.fdopen(reading)


def in_fork(work: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> tuple[int, dict[str, Any]]:
    """Run a coroutine in a fork to its end; how it ended and what it gave."""
    child, pipe = start_fork(work)
    with pipe:
        said = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, json.loads(said) if said else {}


def _to_the_end(work: Callable[[], Coroutine[Any, Any, dict[str, Any]]], writing: int) -> NoReturn:
    code = 1
    try:
        result = asyncio.run(work())
        os.write(writing, json.dumps(result).encode())
        code = 0
    except BaseException:  # noqa: BLE001  # the parent sees the exit code
        traceback.print_exc()
    finally:
        os._exit(code)


def must(work: Callable[[], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """What a fork gave that has to succeed."""
    code, said = in_fork(work)
    assert code == 0, "see the traceback above"
    return said


def assert_old_or_new(life: Life, old: dict[str, Any], end: dict[str, Any]) -> None:
    """What the history says is what there is."""
    found, before, now = Target(**end["target"]), Target(**old["before"]), Target(**old["now"])
    if life.way == "undo":
        expected = before if end["state"] == "rolled-back" else now
        assert end["state"] in ("rolled-back", "promoted"), end
        assert found == expected, (found, expected)
        return
    if end["state"] != "promoted" or end["promotions"] == 1:
        assert found == now, (found, now)
        return
    assert life.way == "good", end
    assert found.digest != now.digest, found
    assert (found.production, found.said) == (end["label"], "Refund"), found
    # who does not know whether a swap is on its way deploys by name and leaves staging, so that a late one does no harm
    assert found.staging in (now.production, end["label"]), found


def live(life: Life, point: StopPoint, fate: str) -> str:
    """One life: prepare, meet the fate, look at what is served, take over, look again; how it ended."""
    old = must(lambda: prepare(life))
    code, said = in_fork(lambda: die(life, point, fate))
    if fate == "killed":
        assert code == -signal.SIGKILL, (code, said)
    else:
        assert (code, said.get("reached")) == (0, True), (code, said)
    served = Target(**must(lambda: _target(life))).serving
    assert served[0] is not None
    end = must(lambda: take_over(life))
    serving = {Target(**one).serving for one in (old["before"], old["now"], end["target"])}
    if end["undone"] and life.way == "good":  # what was served in between was the new model
        serving.add((end["label"], "Refund"))
    assert served in serving, (served, serving)
    assert_old_or_new(life, old, end)
    if end["promotions"] == 1 or (life.way == "undo" and end["state"] == "promoted"):
        must(lambda: _again(life))
    return f"{end['meanwhile']} → {end['state']}"


async def _target(life: Life) -> dict[str, Any]:
    return asdict(await target(life))


async def _again(life: Life) -> dict[str, Any]:
    """What was not even begun is done now, as if nothing had been."""
    await deed(life, hours=2)
    async with life.workspace(hours=2) as workspace:
        return await ended(life, workspace)


def points_of(changes: list[str], fate: str) -> list[StopPoint]:
    """Where something else would be left behind; being down begins before a request."""
    numbers = [*enumerate(changes, 1)]
    if fate == "down":
        return [StopPoint(number, "before") for number, change in numbers if change.partition(" ")[0].isupper()]
    return [StopPoint(number, when) for number, _ in numbers for when in WHENS]


def main(kind: str, way: str, fate: str, chosen: str) -> None:
    """Walk through all points, or each nth, or those at these shares of the way: 0 is the first, 100 the last."""
    if kind != "file":
        new_store(kind, 0)  # what it imports is imported once, not in every fork
    first = Life(kind, way, 0)
    must(lambda: prepare(first))
    changes: list[str] = must(lambda: count(first))["changes"]
    points = points_of(changes, fate)
    if chosen.startswith("all"):
        picked = points[:: int(chosen.partition("/")[2] or 1)]
    else:
        picked = [points[int(one) * (len(points) - 1) // 100] for one in chosen.split(",")]
    ends: Counter[str] = Counter()
    for number, point in enumerate(picked, 1):
        try:
            ends[live(Life(kind, way, number), point, fate)] += 1
        except AssertionError:
            print(f"at {point}: {changes[point.operation - 1]}", file=sys.stderr)
            raise
    print(json.dumps({"changes": len(changes), "points": len(picked), "ends": ends}))


if __name__ == "__main__":
    os.fsync = lambda _descriptor: None  # unlike a power cut, a kill loses nothing that was written
    main(*sys.argv[1:])
