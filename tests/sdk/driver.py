"""Drives the official Azure SDK, its blocking and its asyncio clients alike, unmodified, over real HTTP."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Iterable
from typing import TYPE_CHECKING, Any, Final, Literal, Self, cast

from azure.ai.language.conversations.authoring import ConversationAuthoringClient, ConversationAuthoringProjectClient
from azure.ai.language.conversations.authoring.aio import ConversationAuthoringClient as AioClient
from azure.ai.language.conversations.authoring.aio import ConversationAuthoringProjectClient as AioProjectClient
from azure.core.credentials import AzureKeyCredential

if TYPE_CHECKING:
    from collections.abc import Awaitable

Flavour = Literal["sync", "aio"]

GROUPS: Final = ("project", "deployment", "trained_model", "exported_model")
_POLLING: Final = {"polling_interval": 0.01}
_NOT_OPERATIONS: Final = frozenset({"close", "get_project_client", "send_request"})


class Sdk:
    """One resource through one flavour of the SDK; notes which operations were called.

    Args:
        flavour: The blocking clients, each call in a thread, or the asyncio ones.
        endpoint: The resource's.
        credential: An AzureKeyCredential, or a token credential of the flavour.
        options: What the clients are built with besides.
    """

    def __init__(self, flavour: Flavour, endpoint: str, credential: object, **options: Any) -> None:
        self.flavour = flavour
        self.called: set[str] = set()
        self._project_client = AioProjectClient if flavour == "aio" else ConversationAuthoringProjectClient
        self._endpoint, self._credential, self._options = endpoint, credential, options
        self._client = self._open(AioClient if flavour == "aio" else ConversationAuthoringClient)
        self._projects: dict[str, Any] = {}

    @classmethod
    def with_key(cls, flavour: Flavour, endpoint: str, key: str = "emulator-key-1", **options: Any) -> Self:
        """A resource that is signed in to by key."""
        return cls(flavour, endpoint, AzureKeyCredential(key), **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in (self._client, *self._projects.values()):
            if self.flavour == "aio":
                await client.close()
            else:
                client.close()

    def _open(self, kind: Any, **more: Any) -> Any:
        return kind(self._endpoint, self._credential, **self._options, **more)

    def owner(self, group: str, project: str = "") -> Any:
        """The object whose methods are the operations of a group."""
        if group == "client":
            return self._client
        if project not in self._projects:
            self._projects[project] = self._open(self._project_client, project_name=project)
        return getattr(self._projects[project], group)

    # --- calls

    async def call(self, operation: str, *arguments: Any, project: str = "", **options: Any) -> Any:
        """The typed answer of an operation, such as `project.get_project`."""
        method = self._method(operation, project)
        if self.flavour == "aio":
            return await cast("Awaitable[Any]", method(*arguments, **options))
        return await asyncio.to_thread(method, *arguments, **options)

    async def items(self, operation: str, *arguments: Any, project: str = "", **options: Any) -> list[Any]:
        """All items of all pages of a list."""
        found = self._method(operation, project)(*arguments, **options)
        if isinstance(found, AsyncIterable):
            return [item async for item in cast("AsyncIterable[Any]", found)]
        return await asyncio.to_thread(list[Any], cast("Iterable[Any]", found))

    async def finish(self, operation: str, *arguments: Any, project: str = "", **options: Any) -> Any:
        """The result of a long-running operation, waited for by the SDK's own poller."""
        poller = await self._begin(operation, *arguments, project=project, **options)
        if self.flavour == "aio":
            return await poller.result()
        return await asyncio.to_thread(poller.result)

    async def start(self, operation: str, *arguments: Any, project: str = "", **options: Any) -> str:
        """Start a long-running operation, do not wait for it, and give the id of its job."""
        places: list[str] = []

        def note(response: Any) -> None:
            if place := response.http_response.headers.get("operation-location"):
                places.append(place)

        await self._begin(operation, *arguments, project=project, polling=False, raw_response_hook=note, **options)
        return places[0].partition("?")[0].rpartition("/")[2]

    async def _begin(self, operation: str, *arguments: Any, project: str, **options: Any) -> Any:
        return await self.call(operation, *arguments, project=project, **(_POLLING | options))

    def _method(self, operation: str, project: str) -> Any:
        self.called.add(operation)
        group, _, name = operation.partition(".")
        return getattr(self.owner(group, project), name)


def public_operations(flavour: Flavour) -> set[str]:
    """Every operation that a flavour of the SDK has, by group."""
    sdk = Sdk.with_key(flavour, "http://127.0.0.1:1")
    owners = {"client": sdk.owner("client")} | {group: sdk.owner(group, "any") for group in GROUPS}
    return {
        f"{group}.{name}"
        for group, owner in owners.items()
        for name, _ in inspect.getmembers(owner, callable)
        if not name.startswith("_") and name not in _NOT_OPERATIONS
    }
