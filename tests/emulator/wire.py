"""A bare HTTP view of an emulator: raw requests and answers, a clock that stands still, ids that count."""

from __future__ import annotations

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx

from cluvault.emulator.app import create_app

if TYPE_CHECKING:
    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.core import Emulator

KEY_HEADER = "Ocp-Apim-Subscription-Key"
KEY = "emulator-key-1"
VERSION = "2023-04-01"
NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
BASE = "http://clu.test/dev/language/authoring/analyze-conversations"


class FakeClock:
    """A clock that moves only when it is told to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class Wire:
    """The resource `dev` of an emulator, as seen from a client."""

    def __init__(self, config: EmulatorConfig, *, base: str = BASE) -> None:
        self.clock = FakeClock()
        numbers = itertools.count(1)
        app = create_app(config, clock=self.clock, ids=lambda: uuid.UUID(int=next(numbers)))
        self.emulator: Emulator = app.state.emulator
        self.base = base
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(app), headers={KEY_HEADER: KEY})

    async def send(self, method: str, path: str, *, version: str = VERSION, **options: Any) -> httpx.Response:
        """Send a request to a path under `/analyze-conversations/`, or to an absolute URL as it is.

        What it starts to fit is there when it returns: the clock of a test does not wait for a background thread.
        """
        if path.startswith("http"):
            return await self.client.request(method, path, **options)
        params = {"api-version": version} | options.pop("params", {})
        answer = await self.client.request(method, f"{self.base}/{path}", params=params, **options)
        self.emulator.teacher.settle()
        return answer

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return await self.send("GET", path, **options)

    async def create(self, name: str, **options: Any) -> httpx.Response:
        """PATCH a project with the least that it takes, and more members as given."""
        body = {"projectKind": "Conversation", "projectName": name, "language": "en-us"} | options
        return await self.send("PATCH", f"projects/{name}", json=body)

    async def start_import(self, name: str, file: bytes | dict[str, Any], **options: Any) -> httpx.Response:
        """POST an import."""
        content = file if isinstance(file, bytes) else json.dumps(file).encode()
        return await self.send("POST", f"projects/{name}/:import", content=content, **options)

    async def start_export(self, name: str, **options: Any) -> httpx.Response:
        """POST an export."""
        params = {"stringIndexType": "Utf16CodeUnit"} | options.pop("params", {})
        return await self.send("POST", f"projects/{name}/:export", params=params, **options)

    async def start_training(self, name: str, label: str = "v1", **options: Any) -> httpx.Response:
        """POST a training; `body` adds members to the least that it takes, or replaces them."""
        body = {"modelLabel": label, "trainingMode": "standard"} | options.pop("body", {})
        return await self.send("POST", f"projects/{name}/:train", json=body, **options)

    async def train(self, name: str, label: str = "v1", **options: Any) -> dict[str, Any]:
        """Train a model and wait for its job."""
        return await self.finish(await self.start_training(name, label, **options))

    async def finish(self, started: httpx.Response) -> dict[str, Any]:
        """Poll a job, a second apart, to its end."""
        assert started.status_code == 202, started.text
        while True:
            job: dict[str, Any] = (await self.get(started.headers["operation-location"])).json()
            if job["status"] not in ("notStarted", "running", "cancelling"):
                return job
            self.clock.advance(1)

    async def put(self, name: str, file: bytes | dict[str, Any], **options: Any) -> dict[str, Any]:
        """Import a file and wait for its job."""
        return await self.finish(await self.start_import(name, file, **options))

    async def export(self, name: str, **options: Any) -> bytes:
        """Export a project and download the result."""
        job = await self.finish(await self.start_export(name, **options))
        answer = await self.get(job["resultUrl"])
        assert answer.status_code == 200
        return answer.content


def project_file(
    *,
    name: str = "Travel",
    kind: str = "Conversation",
    metadata: dict[str, Any] | None = None,
    assets: dict[str, Any] | None = None,
    **top: Any,
) -> dict[str, Any]:
    """A small project file; `metadata` and `assets` replace members of those objects."""
    conversation = {
        "intents": [{"category": "None"}, {"category": "Book"}],
        "entities": [{"category": "City", "compositionSetting": "combineComponents"}],
        "utterances": [
            {
                "text": "fly to Paris",
                "language": "en-us",
                "intent": "Book",
                "entities": [{"category": "City", "offset": 7, "length": 5}],
                "dataset": "Train",
            }
        ],
    }
    return {
        "projectFileVersion": VERSION,
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {
            "projectKind": kind,
            "settings": {"confidenceThreshold": 0.4, "normalizeCasing": False, "augmentDiacritics": False},
            "projectName": name,
            "multilingual": False,
            "description": "",
            "language": "en-us",
        }
        | (metadata or {}),
        "assets": {"projectKind": kind} | (conversation if kind == "Conversation" else {}) | (assets or {}),
    } | top


def travels(count: int = 20, *, dataset: str = "Train") -> list[dict[str, Any]]:
    """Utterances that are easy to learn, half of them of each intent of `project_file`."""
    cities = ("Paris", "Rome", "Oslo", "Bern", "Kyiv")
    utterances: list[dict[str, Any]] = []
    for number in range(count):
        city = cities[number // 2 % len(cities)]
        label = {"category": "City", "offset": 7, "length": len(city)}
        book: dict[str, Any] = {"text": f"fly to {city} on day {number}", "intent": "Book", "entities": [label]}
        none: dict[str, Any] = {"text": f"what a nice song {number} is", "intent": "None", "entities": []}
        utterances.append((book if number % 2 else none) | {"language": "en-us", "dataset": dataset})
    return utterances


def without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """The document without one member."""
    head, *rest = path
    if not rest:
        return {name: value for name, value in document.items() if name != head}
    return document | {head: without(document[head], *rest)}
