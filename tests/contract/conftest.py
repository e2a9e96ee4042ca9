"""An emulator over real HTTP that has something of everything, for tests of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from tests.emulator.wire import KEY, KEY_HEADER, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping

    from tests.support.recorded import Record

_NEWEST: Final = "2025-11-15-preview"
_STARTS: Final[Mapping[str, tuple[str, str, Any]]] = {
    "export": ("POST", "{project}/:export", None),
    "train": ("POST", "{project}/:train", {"modelLabel": "v2", "trainingMode": "standard"}),
    "deployments": ("PUT", "{project}/deployments/production", {"trainedModelLabel": "v1"}),
    "load-snapshot": ("POST", "{project}/models/v1/:load-snapshot", None),
    "import": ("POST", "{project}/:import", project_file()),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """An emulator with the resource `dev`.

    Attributes:
        client: Has the key, and `dev` for its base.
    """

    server: EmulatorServer
    client: httpx.Client

    def send(self, method: str, path: str, *, version: str = _NEWEST, **options: Any) -> httpx.Response:
        """Send a request to a path below the authoring API."""
        params = {"api-version": version} | options.pop("params", {})
        url = f"/language/authoring/analyze-conversations/{path}"
        return self.client.request(method, url, params=params, **options)

    def finish(self, started: httpx.Response) -> dict[str, Any]:
        """Poll a job to its end."""
        assert started.status_code == 202, started.text
        while True:
            job: dict[str, Any] = self.client.get(started.headers["operation-location"]).json()
            if job["status"] not in ("notStarted", "running"):
                return job

    def put(self, name: str, *, version: str = _NEWEST, **file: Any) -> None:
        """Import a project, and give it two models and two deployments."""
        job = self.finish(
            self.send("POST", f"projects/{name}/:import", version=version, json=project_file(name=name, **file))
        )
        assert job["status"] == "succeeded", job
        emulator = self.server.emulator
        for label, deployment in (("v1", "production"), ("v0", "staging")):
            emulator.add_model("dev", name, label)
            emulator.add_deployment("dev", name, deployment, model_label=label)

    def job(self, path: str, *, project: str) -> str:
        """The id of a finished job of the kind that a path is about."""
        kind = next((kind for kind in _STARTS if f"/{kind}/" in path), "export")
        method, start, body = _STARTS[kind]
        params = {"stringIndexType": "Utf16CodeUnit"} if kind == "export" else {}
        url = f"projects/{start.format(project=project)}"
        return self.finish(self.send(method, url, params=params, json=body))["jobId"]


@pytest.fixture(scope="module")
def stage(record: Record) -> Generator[Stage]:
    """An emulator over real HTTP; the answers count for the record."""
    assert not record.is_deaf
    with EmulatorServer(EmulatorConfig(resources=("dev", "prod"), training_seconds=0)) as server:
        headers = {KEY_HEADER: KEY}
        with httpx.Client(base_url=server.resource_url("dev"), headers=headers, timeout=30, trust_env=False) as client:
            yield Stage(server, client)


@pytest.fixture
async def make_wire(record: Record) -> AsyncGenerator[Callable[..., Wire]]:
    """Makes emulators with resources `dev` and `prod`, without a socket; takes the fields of EmulatorConfig."""
    assert not record.is_deaf
    made: list[Wire] = []

    def make(**fields: Any) -> Wire:
        config: dict[str, Any] = {"resources": ("dev", "prod")} | fields
        made.append(Wire(EmulatorConfig(**config)))
        return made[-1]

    yield make
    for wire in made:
        await wire.client.aclose()
        wire.emulator.close()


@pytest.fixture
def wire(make_wire: Callable[..., Wire]) -> Wire:
    """An emulator without limits whose jobs take no time."""
    return make_wire()
