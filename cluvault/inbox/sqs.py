"""A queue of Amazon SQS. boto3 blocks: each call runs in a thread."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from cluvault.inbox.queue import Message
from cluvault.vault.refusals import Vocabulary
from cluvault.vault.s3 import connect, translated

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_TRIES: Final = 4
_MOST: Final = 10
_LONGEST_WAIT: Final = 20
_REGION: Final = re.compile(r"https://sqs\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")
_WORDS: Final = Vocabulary(
    no_object={"ReceiptHandleIsInvalid"},
    no_container={"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NonExistentQueue"},
    denied={"ExpiredToken", "InvalidClientTokenId", "AccessDenied", "AccessDeniedException"},
    archived=(),
    other_key=(),
    container="queue",
    sign_in="give this identity sqs:ReceiveMessage, sqs:DeleteMessage and sqs:ChangeMessageVisibility on the queue",
)


class SqsQueue:
    """One queue.

    Args:
        url: As AWS shows it.
        visibility: For how many seconds a received message is hidden.
        endpoint: In place of the one that boto3 finds.
        region: In place of the one in the URL.
        profile: A profile of ~/.aws; empty for what boto3 finds.
    """

    def __init__(self, url: str, *, visibility: int, endpoint: str = "", region: str = "", profile: str = "") -> None:
        self._url = url
        self._visibility = visibility
        found = _REGION.match(url)
        self._options: dict[str, Any] = {
            "endpoint": endpoint,
            "region": region or (found[1] if found else ""),
            "profile": profile,
        }
        self._client: Any = None
        self._opening = asyncio.Lock()

    @property
    def url(self) -> str:
        """As AWS shows it."""
        return self._url

    async def receive(self, most: int, *, wait: float = 0) -> list[Message]:
        """At most ten in one request, as SQS allows."""
        arguments: dict[str, Any] = {
            "MaxNumberOfMessages": max(1, min(most, _MOST)),
            "WaitTimeSeconds": max(0, min(round(wait), _LONGEST_WAIT)),
            "VisibilityTimeout": self._visibility,
            "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
        }
        answer = await self._call(lambda client: client.receive_message(QueueUrl=self._url, **arguments))
        return [
            Message(
                one["Body"].encode("utf-8", "surrogatepass"),
                one["MessageId"],
                int(one.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
                one["ReceiptHandle"],
            )
            for one in answer.get("Messages", ())
        ]

    async def extend(self, message: Message) -> None:
        """From now on."""
        await self._call(
            lambda client: client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.handle, VisibilityTimeout=self._visibility
            )
        )

    async def acknowledge(self, message: Message) -> None:
        """Delete it."""
        await self._call(lambda client: client.delete_message(QueueUrl=self._url, ReceiptHandle=message.handle))

    async def aclose(self) -> None:
        """Release connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    async def _call(self, work: Callable[[Any], T]) -> T:
        async with self._opening:
            if self._client is None:
                self._client = await asyncio.to_thread(
                    lambda: cast("Any", connect(self._url, tries=_TRIES, service="sqs", **self._options))
                )
            client = self._client

        def run() -> T:
            with translated(self._url, endpoint=client.meta.endpoint_url, words=_WORDS):
                return work(client)

        return await asyncio.to_thread(run)
