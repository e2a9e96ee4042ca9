"""Inboxes and queues of both clouds, on moto and Azurite: the contracts, and the way from an object to a project."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.errors import ConfigurationError, ObjectExists, ObjectNotFound, ObjectTooLarge, StorageDenied
from cluvault.inbox.opening import open_inbox, open_queue
from cluvault.inbox.queue import kept_hidden
from cluvault.inbox.storage_queue import StorageQueue
from cluvault.ops.intake import IntakeOptions, intake
from cluvault.settings import IntakeSettings, Settings
from tests.ops.conftest import settings, world
from tests.support.objects import BlobObjects, S3Objects
from tests.support.world import project_file

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from cluvault.inbox.queue import Queue
    from cluvault.inbox.store import Inbox
    from tests.support.azurite import AzuriteQueues
    from tests.support.s3_server import S3Server
    from tests.support.world import World

__all__ = ["settings", "world"]

KEY = "inbox/dev/Travel/my config+1.json"


@dataclass
class Cloud:
    """A bucket or container with its queue, and how tests put things there."""

    objects: S3Objects | BlobObjects
    settings: IntakeSettings
    environment: dict[str, str]
    server: S3Server | None = None
    queues: AzuriteQueues | None = None

    def tell(self, key: str, *, encoded: bool = True) -> None:
        """Event Grid's message of a new blob; S3 (moto) tells by itself."""
        if self.queues is None or not isinstance(self.objects, BlobObjects):
            return
        account, container = self.objects.azurite.account, self.objects.container
        event = {
            "topic": "/subscriptions/s",
            "subject": f"/blobServices/default/containers/{container}/blobs/{key}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "eventTime": "2026-11-27T21:30:00.1234567Z",
            "id": f"id-{key}",
            "data": {"api": "PutBlob", "url": f"https://{account}.blob.core.windows.net/{container}/{key}"},
            "dataVersion": "",
            "metadataVersion": "1",
        }
        body = json.dumps(event)
        self.send(b64encode(body.encode()).decode() if encoded else body)

    def send(self, body: str) -> None:
        """Send any message."""
        if self.server is not None:
            self.server.sqs.send_message(QueueUrl=self.settings.queue, MessageBody=body)
        else:
            assert self.queues is not None
            name = self.settings.queue.rpartition("/")[2]
            client = self.queues.service.get_queue_client(name, message_encode_policy=None)
            client.send_message(body)

    @asynccontextmanager
    async def opened(self, **changes: Any) -> AsyncGenerator[tuple[Inbox, Queue]]:
        """Inbox and queue, as an operation gets them."""
        settings = self.settings.model_copy(update=changes)
        inbox, queue = (
            open_inbox(settings, environment=self.environment),
            open_queue(settings, environment=self.environment),
        )
        assert queue is not None
        try:
            yield inbox, queue
        finally:
            await inbox.aclose()
            await queue.aclose()


@pytest.fixture(params=["s3", "az"])
def cloud(request: pytest.FixtureRequest, cloudless: pytest.MonkeyPatch) -> Cloud:
    """An empty inbox, and a queue that is told of it."""
    if request.param == "s3":
        server: S3Server = request.getfixturevalue("s3_server")
        bucket = server.new_bucket()
        for name, value in server.environment.items():
            cloudless.setenv(name, value)
        settings = IntakeSettings(place=f"s3://{bucket}", resources=("dev",), queue=server.notify_queue(bucket))
        return Cloud(S3Objects(server, bucket), settings, dict(server.environment), server=server)
    queues: AzuriteQueues = request.getfixturevalue("azurite_queues")
    container = queues.blobs.new_container()
    place = f"az://{queues.blobs.account}/{container}"
    settings = IntakeSettings(place=place, resources=("dev",), queue=queues.new_queue())
    environment = {"AZURE_STORAGE_CONNECTION_STRING": queues.connection_string}
    return Cloud(BlobObjects(queues.blobs, container), settings, environment, queues=queues)


class TestInbox:
    """What an inbox promises beyond a store."""

    async def test_an_object_as_it_stands(self, cloud: Cloud) -> None:
        """Looked at, read, and removed as that one."""
        cloud.objects.put(KEY, b"first")
        async with cloud.opened() as (inbox, _):
            standing = await inbox.look(KEY)
            assert (standing.key, standing.size) == (KEY, 5)
            assert await inbox.read(standing, limit=5) == b"first"
            with pytest.raises(ObjectTooLarge):
                await inbox.read(standing, limit=4)
            await inbox.put_new("done/a", b"first")
            with pytest.raises(ObjectExists):
                await inbox.put_new("done/a", b"second")
            await inbox.copy(standing, "refused/a")
            assert await inbox.get("refused/a") == b"first"
            assert await inbox.remove(standing)
            assert await inbox.remove(standing)
            with pytest.raises(ObjectNotFound):
                await inbox.look(KEY)

    async def test_another_object_in_its_place(self, cloud: Cloud) -> None:
        """Is neither read nor copied nor removed."""
        cloud.objects.put(KEY, b"first")
        async with cloud.opened() as (inbox, _):
            standing = await inbox.look(KEY)
            cloud.objects.put(KEY, b"other")
            with pytest.raises(ObjectNotFound):
                await inbox.read(standing, limit=5)
            with pytest.raises(ObjectNotFound):
                await inbox.copy(standing, "refused/a")
            assert not await inbox.remove(standing)
            assert await inbox.get(KEY) == b"other"

    async def test_an_object_that_is_not_there(self, cloud: Cloud) -> None:
        """Looking says so."""
        async with cloud.opened() as (inbox, _):
            with pytest.raises(ObjectNotFound):
                await inbox.look(KEY)


class TestQueue:
    """What a queue promises."""

    @pytest.fixture(autouse=True)
    def _quiet(self, cloud: Cloud) -> None:
        """S3 tries a queue out with a message of its own; this one is another."""
        if cloud.server is not None:
            cloud.settings = cloud.settings.model_copy(update={"queue": cloud.server.new_queue()[0]})

    async def test_a_message_is_hidden_until_it_is_acknowledged(self, cloud: Cloud) -> None:
        """Received once, extended, gone for good."""
        cloud.send("hello")
        async with cloud.opened() as (_, queue):
            (message,) = await queue.receive(10, wait=5)
            assert (message.body, message.receives) == (b"hello", 1)
            assert await queue.receive(10) == []
            await queue.extend(message)
            await queue.acknowledge(message)
            assert await queue.receive(10) == []

    async def test_a_message_that_nobody_acknowledges_comes_again(self, cloud: Cloud) -> None:
        """After its time, counted; while it is kept hidden, it does not."""
        cloud.send("hello")
        async with cloud.opened(visibility_seconds=1) as (_, queue):
            (message,) = await queue.receive(10, wait=5)
            async with kept_hidden(queue, [message], seconds=1):
                await asyncio.sleep(1.3)
                assert await queue.receive(10) == []
            (again,) = await queue.receive(10, wait=5)
            assert (again.body, again.receives) == (b"hello", 2)

    async def test_a_queue_that_is_not_there(self, cloud: Cloud) -> None:
        """Is named, with the mend."""
        async with cloud.opened(queue=cloud.settings.queue + "x") as (_, queue):
            with pytest.raises(StorageDenied, match="there is no such queue"):
                await queue.receive(1)


@pytest.mark.parametrize(
    "by", ["queue", "topic", *(pytest.param(by, marks=pytest.mark.slow) for by in ("base64", "nobody"))]
)
async def test_an_object_becomes_a_project(cloud: Cloud, world: World, by: str) -> None:
    """Told by S3 to SQS, by S3 to SNS to SQS, by Event Grid plain or in base64, or found by looking."""
    intakes = cloud.settings
    if by == "topic":
        if cloud.server is None or not isinstance(cloud.objects, S3Objects):
            pytest.skip("topics are Amazon's")
        intakes = intakes.model_copy(update={"queue": cloud.server.notify_topic(cloud.objects.bucket)})
    if by == "nobody":
        intakes = intakes.model_copy(update={"queue": ""})
    world.settings = world.settings.model_copy(update={"intake": {"team": intakes}})
    world.open_inbox = lambda settings: open_inbox(settings, environment=cloud.environment)
    world.open_queue = lambda settings: open_queue(settings, environment=cloud.environment)
    body = project_file("Travel", "to Rome")
    cloud.objects.put(KEY, body)
    cloud.objects.put("inbox/dev/Poison/config.json", b"{")
    cloud.tell(KEY, encoded=by == "base64")
    cloud.tell("inbox/dev/Poison/config.json")
    async with world.workspace() as workspace:
        report = await intake(workspace, IntakeOptions())
    assert sorted((item.project, item.outcome) for item in report.items) == [
        ("Poison", "refused"), ("Travel", "restored"),
    ]  # fmt: skip
    assert await world.projects("dev") == ["Travel"]
    async with cloud.opened() as (inbox, queue):
        keys = [one.key async for one in inbox.list()]
        assert not [key for key in keys if key.startswith("inbox/")]
        (done,) = [key for key in keys if key.startswith("done/") and "/reason." not in key]
        assert await inbox.get(done) == body
        assert len([key for key in keys if key.startswith("refused/dev/Poison/")]) == 3
        if by in ("queue", "base64"):
            await asyncio.sleep(0)
            left = await queue.receive(10)
            assert all(b"done%2F" in one.body or b"refused%2F" in one.body for one in left)  # what S3 tells of ours


@pytest.mark.parametrize(
    "url", ["https://example.com/a", "https://acc.queue.core.windows.net/", "https://acc.queue.core.windows.net/a/b"]
)
def test_no_url_of_a_queue(url: str) -> None:
    """Is told at once."""
    with pytest.raises(ConfigurationError, match="is no URL of a queue"):
        StorageQueue(url, visibility=30, environment={})


async def test_a_queue_of_another_account(azurite_queues: AzuriteQueues) -> None:
    """Gets nothing of this one's key; nor does a malformed connection string show itself."""
    text = azurite_queues.connection_string
    for environment, said in [
        ({"AZURE_STORAGE_CONNECTION_STRING": text}, "is for another account or endpoint"),
        ({"AZURE_STORAGE_CONNECTION_STRING": "nonsense"}, "is malformed"),
    ]:
        queue = StorageQueue("https://acc.queue.core.windows.net/a", visibility=30, environment=environment)
        with pytest.raises(ConfigurationError, match=said) as caught:
            await queue.receive(1)
        assert azurite_queues.blobs.key not in str(caught.value)
        await queue.aclose()


async def test_a_signature_in_clear() -> None:
    """Goes to loopback only."""
    environment = {"AZURE_STORAGE_ACCOUNT": "acc", "AZURE_STORAGE_SAS_TOKEN": "sig=secret"}
    queue = StorageQueue("http://10.0.0.1/acc/a", visibility=30, environment=environment)
    with pytest.raises(ConfigurationError, match="would travel in clear"):
        await queue.receive(1)
    await queue.aclose()


def test_places_that_are_none(settings: Settings) -> None:
    """Named with the mend."""
    assert settings
    with pytest.raises(ConfigurationError, match="intake: place"):
        open_inbox(IntakeSettings(place="s3://", resources=("dev",)), environment={})
