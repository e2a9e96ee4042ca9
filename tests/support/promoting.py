"""Promotions in a world: small projects with intents that a classifier tells apart, and the routes between them."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.learning.learner import Learner
from cluvault.emulator.state import Change
from cluvault.emulator.teacher import Teacher
from cluvault.ops.approve import ApproveOptions, decide_promotion
from cluvault.ops.promote import promote
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.settings import Settings
from tests.support.faulty_store import Killed, StopPoint
from tests.support.world import World, new_world

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping

    import httpx

    from cluvault.model.object_info import ObjectInfo
    from cluvault.ops.promotion_report import PromotionReport
    from cluvault.plan.promotion import Promotion
    from cluvault.vault.store import ObjectStore
    from tests.support.world import Send

_LEARNER = Learner()

_SUBJECTS = ("Rome", "Paris", "Lima", "Oslo", "Cairo", "Delhi", "Quito", "Minsk", "Tunis", "Seoul")
WORDS: Final[Mapping[str, str]] = {
    "Book": "please book a flight to {}",
    "Cancel": "cancel my reservation for {}",
    "Weather": "how warm is it in {} today",
}
"""Intent → its pattern."""
GOLDEN = [
    {"text": "please book a flight to Bonn", "intent": "Book"},
    {"text": "cancel my reservation for Bonn", "intent": "Cancel"},
    {"text": "how warm is it in Bonn today", "intent": "Weather"},
]


def desk(name: str = "Desk", *, without: tuple[str, ...] = (), mislabelled: int = 0, **words: str) -> bytes:
    """A project whose intents have ten utterances each.

    Args:
        name: Its name.
        without: Intents of `WORDS` that it lacks.
        mislabelled: So many utterances of Cancel have the label Book.
        words: More intents, or other patterns.
    """
    patterns = {intent: pattern for intent, pattern in {**WORDS, **words}.items() if intent not in without}
    utterances = [
        {"text": pattern.format(subject), "intent": intent, "language": "en-us", "dataset": "Train"}
        for intent, pattern in patterns.items()
        for subject in _SUBJECTS
    ]
    wrong = [one for one in utterances if one["intent"] == "Cancel"][:mislabelled]
    for one in wrong:
        one["intent"] = "Book"
    document: dict[str, Any] = {
        "projectFileVersion": "2025-11-15-preview",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Conversation", "projectName": name, "language": "en-us"},
        "assets": {
            "projectKind": "Conversation",
            "intents": [{"category": "None"}, *({"category": intent} for intent in patterns)],
            "entities": [],
            "utterances": utterances,
        },
    }
    return json.dumps(document).encode()


def promoting_world(**route: Any) -> World:
    """A world with a route `up` from dev to prod."""
    names = ("dev", "test", "prod")
    settings = Settings.model_validate(
        {
            "resources": {
                name: {"endpoint": f"http://127.0.0.1:9/{name}", "key": {"env": "KEY"}, "limits": "off"}
                for name in names
            },
            "routes": {"up": {"source": "dev", "target": "prod", **route}},
        }
    )
    return _equipped(new_world(settings, EmulatorConfig(resources=names, first_poll_running=False)))


def _equipped(world: World) -> World:
    """The world with the learner of this process, which remembers what it has fitted."""
    world.emulator.teacher = Teacher(_LEARNER)
    return world


async def copy_of(world: World) -> World:
    """Another world that is as this one."""
    other = _equipped(new_world(world.settings, world.emulator.config))
    other.moment, other.counter, other.seconds = world.moment, copy(world.counter), world.seconds
    states = world.emulator.states(world.emulator.clock())
    other.emulator.commit({name: Change(projects=tuple(state.projects.values())) for name, state in states.items()})
    async for found in world.store.list():
        await other.store.put_new(found.key, await world.store.get(found.key))
    return other


class Death:
    """Ends a worker at one of its changes, of service or vault: before it is made, or after it and before it is known.

    Args:
        world: Whose store and requests are watched.
        point: The change, counted from 1, and whether it is still made; None lets the worker live.
        watched: Which store operations count: the beginnings of keys.

    Attributes:
        changes: What was counted.
    """

    def __init__(self, world: World, point: StopPoint | None = None, *, watched: tuple[str, ...]) -> None:
        self.changes: list[str] = []
        self.world = world
        self._point = point
        self._watched = watched
        self._is_dead = False

    @contextmanager
    def haunting(self) -> Generator[None]:
        """Watch what the world's workers do."""
        world, store = self.world, self.world.store
        world.store, world.hook = MortalStore(store, self), self._request
        try:
            yield
        finally:
            world.store, world.hook = store, None

    async def _request(self, request: httpx.Request, send: Send) -> httpx.Response:
        path = request.url.path
        changes = request.method != "GET" and "/projects/" in path and not path.endswith("/:export")
        async with self.at(f"{request.method} {path.rpartition('/projects/')[2]}", counts=changes):
            return await send(request)

    @asynccontextmanager
    async def at(self, change: str, *, counts: bool) -> AsyncGenerator[None]:
        """One operation of the worker."""
        self._check()
        if counts:
            self.changes.append(change)
            self._strike(StopPoint(len(self.changes), "before"))
        here = len(self.changes)
        yield
        if counts:
            self._strike(StopPoint(here, "after"))

    def counts(self, key: str) -> bool:
        """Whether a change of this object counts."""
        return key.startswith(self._watched)

    def _strike(self, here: StopPoint) -> None:
        self._is_dead = self._is_dead or here == self._point
        self._check()

    def _check(self) -> None:
        if self._is_dead:
            raise Killed


class MortalStore:
    """A store whose user may die."""

    def __init__(self, inner: ObjectStore, death: Death) -> None:
        self._inner = inner
        self._death = death

    @property
    def url(self) -> str:
        return self._inner.url

    async def get(self, key: str) -> bytes:
        async with self._death.at(f"get {key}", counts=False):
            return await self._inner.get(key)

    async def put_new(self, key: str, body: bytes) -> None:
        async with self._death.at(f"put_new {key}", counts=self._death.counts(key)):
            await self._inner.put_new(key, body)

    async def list(self, prefix: str = "") -> AsyncIterator[ObjectInfo]:
        async with self._death.at(f"list {prefix}", counts=False):
            found = [one async for one in self._inner.list(prefix)]
        for one in found:
            yield one

    async def folders(self, prefix: str = "") -> AsyncIterator[str]:
        async for one in self._inner.folders(prefix):
            yield one

    async def delete(self, key: str) -> None:
        async with self._death.at(f"delete {key}", counts=self._death.counts(key)):
            await self._inner.delete(key)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def promoted(world: World, project: str = "Desk", *, actor: str = "anna", **options: Any) -> PromotionReport:
    """Promote as a new process would."""
    options = {"apply": True, "route": "" if options.keys() & {"resume", "plan"} else "up"} | options
    project = "" if options.keys() & {"resume", "plan"} else project
    async with world.workspace(actor=actor) as workspace:
        return await promote(workspace, PromoteOptions(project=project, **options))


async def decided(world: World, promotion: str, *, actor: str = "berta", **options: Any) -> Promotion:
    """Approve or reject."""
    async with world.workspace(actor=actor) as workspace:
        return await decide_promotion(workspace, ApproveOptions(promotion=promotion, **options))


async def answer(world: World, text: str, *, deployment: str = "production", project: str = "Desk") -> str:
    """What a deployment of prod makes of a text; empty when there is none."""
    async with world.workspace() as workspace:
        client = await workspace.client("prod")
        if not await client.project_exists(project) or not await client.deployment_exists(
            project, deployment=deployment
        ):
            return ""
        return (await client.predict(project, deployment=deployment, text=text)).top_intent


async def served(world: World, project: str = "Desk") -> tuple[str | None, str | None]:
    """The labels that production and staging of prod have."""
    async with world.workspace() as workspace:
        client = await workspace.client("prod")
        if not await client.project_exists(project):
            return None, None
        found = {one.name: one.model_label async for one in client.list_deployments(project)}
        return found.get("production"), found.get("staging")


async def history(world: World, project: str = "Desk") -> list[list[str]]:
    """The steps that the records of all promotions to prod tell."""
    promotions = await (await world.vault()).promotions.of_project("prod", project)
    return [[one.facts.step for one in promotion.records] for promotion in promotions]
