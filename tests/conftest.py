"""What every test may use: the real sample files, and stand-ins for S3 and Blob over real sockets."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.azurite import Azurite, AzuriteMissing, AzuriteQueues, azurite_queues_running, azurite_running
from tests.support.objects import BlobObjects, Objects, S3Objects
from tests.support.recorded import Record, record_everything
from tests.support.s3_server import S3Server, s3_server_running

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

SAMPLES_FOLDER = Path(__file__).parent / "samples"

SAMPLES = (
    "chitchat-large",
    "clinical-trials",
    "clock-2021-preview",
    "emailapp-demo",
    "flightbooking-2022-03",
    "orchestration-placeholders",
    "pizza-small",
    "wildlife-tours",
)
"""The eight CLU files; tests/samples/README.md says where they come from."""


@pytest.fixture(scope="session")
def sample() -> Callable[[str], bytes]:
    """The bytes of a sample file by its name without `.json`."""

    def read(name: str) -> bytes:
        return (SAMPLES_FOLDER / f"{name}.json").read_bytes()

    return read


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `sample_name` runs once for each of the eight CLU files."""
    if "sample_name" in metafunc.fixturenames:
        metafunc.parametrize("sample_name", SAMPLES)


_COSTLY_FIXTURES = ("prefect_api", "azurite", "azurite_queues", "s3_server")
"""Servers that take seconds to start: the tests that use one of them run in one worker."""


def _server_of(item: pytest.Item) -> str:
    """The group of a test of flows: slow ones are divided by file between two servers, for they take minutes."""
    if not (item.get_closest_marker("slow") or item.get_closest_marker("long")):
        return "prefect_api"
    return f"prefect_api_{zlib.crc32(item.path.name.encode()) % 2}"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tell pytest-xdist which tests belong together; what takes long comes first, else all wait for it at the end."""
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        values = getattr(getattr(item, "callspec", None), "params", {})
        in_cloud = "objects" in fixtures or values.get("new_store") in ("s3", "az")
        for name in _COSTLY_FIXTURES:
            if name in fixtures or (in_cloud and name == "azurite"):
                item.add_marker(pytest.mark.xdist_group("objects" if name != "prefect_api" else _server_of(item)))
                break
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Slow groups, other groups, slow tests, all others."""
    in_group = item.get_closest_marker("xdist_group") is not None
    is_slow = any(item.get_closest_marker(name) for name in ("slow", "long", "services"))
    return (0 if is_slow else 1) if in_group else (2 if is_slow else 3)


@pytest.fixture(scope="session")
def record() -> Generator[Record]:
    """What the emulators of the session answered; a test that provokes the impossible sets `is_deaf`."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield record_everything(monkeypatch)


@pytest.fixture(autouse=True)
def published_answers(record: Record) -> Generator[None]:
    """Every answer that an emulator gave during the test is as the published documents say, or a known deviation."""
    record.take()
    yield
    record.is_deaf = False
    if misfits := record.take():
        pytest.fail("answers that no published document allows:\n" + "\n".join(misfits), pytrace=False)


@pytest.fixture(scope="session")
def s3_server() -> Generator[S3Server]:
    """An S3 server of moto; make a bucket of your own."""
    with s3_server_running() as server:
        yield server


@pytest.fixture(scope="session")
def azurite() -> Generator[Azurite]:
    """Azurite, installed at its first use; make a container of your own."""
    try:
        with azurite_running() as running:
            yield running
    except AzuriteMissing as err:
        pytest.fail(str(err), pytrace=False)


@pytest.fixture(scope="session")
def azurite_queues(azurite: Azurite) -> Generator[AzuriteQueues]:
    """The queues of its account; make a queue of your own."""
    with azurite_queues_running(azurite) as running:
        yield running


@pytest.fixture
def cloudless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment without anybody's accounts; loopback needs no proxy."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "AZURE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return monkeypatch


@pytest.fixture(params=["s3", "az"])
def objects(request: pytest.FixtureRequest, cloudless: pytest.MonkeyPatch) -> Objects:
    """An empty bucket, then an empty container; the environment leads there."""
    objects: Objects
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        objects = S3Objects(server, server.new_bucket())
    else:
        azurite: Azurite = request.getfixturevalue("azurite")
        objects = BlobObjects(azurite, azurite.new_container())
    for name, value in objects.environment.items():
        cloudless.setenv(name, value)
    return objects


def pytest_xdist_auto_num_workers() -> int:
    """One more than the cores: many tests wait, for a process that starts or a job that ends."""
    return (os.cpu_count() or 1) + 1
