"""A bucket or a container that tells a queue of what is put into it, for stories of inboxes in either cloud."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.azurite import AzuriteQueues
    from tests.support.s3_server import S3Server


class Arrivals(Protocol):
    """An empty inbox of its own, and its queue."""

    @property
    def place(self) -> str:
        """Its URL, as the configuration names it."""
        ...

    @property
    def queue(self) -> str:
        """The queue's URL."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that lead to both and sign in."""
        ...

    def put(self, key: str, body: bytes) -> None:
        """Store an object, over another if need be; its cloud tells the queue of it."""
        ...

    def tell_again(self, key: str) -> None:
        """The same event a second time, as deliveries at least once have it."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """What lies below a prefix."""
        ...

    def read(self, key: str) -> bytes:
        """An object."""
        ...

    def messages(self) -> int:
        """Messages that nobody has acknowledged, about."""
        ...


class S3Arrivals:
    """moto's: a bucket that notifies an SQS queue by itself."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._bucket = server.new_bucket()
        self.place = f"s3://{self._bucket}"
        self.queue = server.notify_queue(self._bucket)
        self.environment: Mapping[str, str] = server.environment
        self._tags: dict[str, str] = {}

    def put(self, key: str, body: bytes) -> None:
        self._tags[key] = self._server.client.put_object(Bucket=self._bucket, Key=key, Body=body)["ETag"]

    def tell_again(self, key: str) -> None:
        of_object = {"key": key, "eTag": self._tags[key].strip('"')}
        record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": self._bucket}, "object": of_object}}
        self._server.sqs.send_message(QueueUrl=self.queue, MessageBody=json.dumps({"Records": [record]}))

    def keys(self, prefix: str) -> list[str]:
        pages = self._server.client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
        return [one["Key"] for page in pages for one in page.get("Contents", ())]

    def read(self, key: str) -> bytes:
        return self._server.client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def messages(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found: Any = self._server.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
        return sum(map(int, found.values()))


class BlobArrivals:
    """Azurite's: it has no Event Grid, so each object's message is put into the queue as Event Grid would put it."""

    def __init__(self, queues: AzuriteQueues) -> None:
        self._service = queues.blobs.service
        self._account = queues.blobs.account
        self._container = queues.blobs.new_container()
        self._queues = queues.service
        self.place = f"az://{self._account}/{self._container}"
        self.queue = queues.new_queue()
        self.environment: Mapping[str, str] = {"AZURE_STORAGE_CONNECTION_STRING": queues.connection_string}
        self._events: dict[str, str] = {}
        self._puts = Counter[str]()

    @cached_property
    def _told(self) -> Any:
        return self._queues.get_queue_client(self.queue.rpartition("/")[2], message_encode_policy=None)

    def put(self, key: str, body: bytes) -> None:
        self._service.get_blob_client(self._container, key).upload_blob(body, overwrite=True)
        self._puts[key] += 1
        self._events[key] = self._event(key, body)
        self.tell_again(key)

    def _event(self, key: str, body: bytes) -> str:
        """As an event subscription of the schema CloudEvents 1.0 writes it into a Storage Queue: in base64."""
        event = {
            "specversion": "1.0",
            "id": f"{key} {self._puts[key]}",
            "source": f"/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/{self._account}",
            "type": "Microsoft.Storage.BlobCreated",
            "time": datetime.now(UTC).isoformat(),
            "subject": f"/blobServices/default/containers/{self._container}/blobs/{key}",
            "data": {
                "api": "PutBlob",
                "contentLength": len(body),
                "blobType": "BlockBlob",
                "url": f"https://{self._account}.blob.core.windows.net/{self._container}/{key}",
            },
        }
        return b64encode(json.dumps(event).encode()).decode()

    def tell_again(self, key: str) -> None:
        self._told.send_message(self._events[key])

    def keys(self, prefix: str) -> list[str]:
        client = self._service.get_container_client(self._container)
        return [one.name for one in client.list_blobs(name_starts_with=prefix)]

    def read(self, key: str) -> bytes:
        return self._service.get_blob_client(self._container, key).download_blob().readall()

    def messages(self) -> int:
        return self._told.get_queue_properties().approximate_message_count
