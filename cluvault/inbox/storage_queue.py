"""A queue of Azure Storage: the one module that imports azure-storage-queue, and late, for it is slow.

Signs in as a Blob vault does; see `cluvault.vault.blob`.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from cluvault.errors import ConfigurationError
from cluvault.inbox.queue import Message
from cluvault.vault.blob import entra_of, secret_of, translated
from cluvault.vault.refusals import Vocabulary, in_clear, origin, travels_in_clear

if TYPE_CHECKING:
    from collections.abc import Mapping

_TRIES: Final = 4
_MOST: Final = 32
_PAUSE: Final = 1.0
_LABELS: Final = 2
_WORDS: Final = Vocabulary(
    no_object={"MessageNotFound", "PopReceiptMismatch"},
    no_container={"QueueNotFound", "QueueBeingDeleted", "InvalidResourceName"},
    denied={"AuthenticationFailed", "AuthorizationFailure", "AuthorizationPermissionMismatch"},
    archived=(),
    other_key=(),
    container="queue",
    sign_in="give this identity the role Storage Queue Data Message Processor, or set AZURE_STORAGE_CONNECTION_STRING, "
    "AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN",
)


class StorageQueue:
    """One queue.

    Args:
        url: `https://ACCOUNT.queue.core.windows.net/NAME`, or an emulator's.
        visibility: For how many seconds a received message is hidden.
        environment: Where the sign-in is named.
    """

    def __init__(self, url: str, *, visibility: int, environment: Mapping[str, str]) -> None:
        self._url = url.rstrip("/")
        self._account, self._name = _parts_of(self._url)
        self._visibility = visibility
        self._environment = environment
        self._closing = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Any = None

    @property
    def url(self) -> str:
        """As the portal shows it."""
        return self._url

    async def receive(self, most: int, *, wait: float = 0) -> list[Message]:
        """At most 32 in one request, as Azure allows; the queue is asked every second, for it does not wait itself."""
        deadline = monotonic() + wait
        while True:
            found = await self._receive(min(most, _MOST))
            if found or monotonic() >= deadline:
                return found
            await asyncio.sleep(_PAUSE)

    async def _receive(self, most: int) -> list[Message]:
        client = await self._open()
        with self._translated():
            pages = client.receive_messages(
                messages_per_page=most, max_messages=most, visibility_timeout=self._visibility
            )
            return [
                Message(one.content.encode("utf-8", "surrogatepass"), one.id, one.dequeue_count, one)
                async for one in pages
            ]

    async def extend(self, message: Message) -> None:
        """From now on; the message gets another receipt."""
        client = await self._open()
        with self._translated():
            renewed: Any = await client.update_message(message.handle, visibility_timeout=self._visibility)
        message.handle.pop_receipt = renewed.pop_receipt

    async def acknowledge(self, message: Message) -> None:
        """Delete it."""
        client = await self._open()
        with self._translated():
            await client.delete_message(message.handle)

    async def aclose(self) -> None:
        """Release connections."""
        async with self._opening:
            self._client = None
            await self._closing.aclose()

    def _translated(self) -> Any:
        return translated(self._url, endpoint=origin(self._url), words=_WORDS)

    async def _open(self) -> Any:
        async with self._opening:
            if self._client is None:
                self._client = await self._closing.enter_async_context(await self._connect())
            return self._client

    async def _connect(self) -> Any:
        from azure.storage.queue.aio import QueueClient  # noqa: PLC0415  # importing it takes long

        options: dict[str, Any] = {"retry_total": _TRIES - 1, "permit_redirects": False}
        options |= {"message_encode_policy": None, "message_decode_policy": None}
        if text := self._environment.get("AZURE_STORAGE_CONNECTION_STRING"):
            try:
                client: Any = QueueClient.from_connection_string(text, self._name, **options)
            except ValueError:  # its text may quote the connection string
                raise ConfigurationError(
                    f"{self._url}: AZURE_STORAGE_CONNECTION_STRING is malformed", mend="copy it again from the portal"
                ) from None
        else:
            credential = secret_of(self._account, self._environment, url=self._url)
            credential = credential or await entra_of(self._url, self._url, self._closing)
            client = QueueClient.from_queue_url(self._url, credential, **options)
        self._check_goal(client)
        return client

    def _check_goal(self, client: Any) -> None:
        """Nothing is sent to another account's endpoint, and nothing that could be read on the way."""
        if client.account_name not in (None, self._account) or origin(client.url) != origin(self._url):
            raise ConfigurationError(
                f"{self._url}: the connection string in the environment is for another account or endpoint",
                mend=f"set AZURE_STORAGE_* for {self._account!r}, with its QueueEndpoint",
            )
        if travels_in_clear(self._url) and not hasattr(client.credential, "account_key"):
            raise in_clear(self._url, endpoint=self._url, secret="the shared access signature")  # noqa: S106


def _parts_of(url: str) -> tuple[str, str]:
    """The account and the queue: at Azure the account is a label of the host, at emulators a part of the path."""
    parts = urlsplit(url)
    names = parts.path.strip("/").split("/")
    label, azure, _ = (parts.hostname or "").partition(".queue.")
    if azure and len(names) == 1 and names[0]:
        return label, names[0]
    if not azure and len(names) == _LABELS and all(names):
        return names[0], names[1]
    raise ConfigurationError(f"{url}: is no URL of a queue", mend="write https://ACCOUNT.queue.core.windows.net/NAME")
