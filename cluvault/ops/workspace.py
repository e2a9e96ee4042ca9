"""What an operation needs of the world: settings, one vault, one client a resource, a clock and fresh ids."""

from __future__ import annotations

import asyncio
import getpass
import os
import secrets
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from cluvault.errors import ConfigurationError
from cluvault.inbox import opening as inbox_opening
from cluvault.model.manifest import new_snapshot_id
from cluvault.ops.announcements import Announcements
from cluvault.ops.resuming import ExportsUnderWay
from cluvault.ops.room import Room
from cluvault.ops.sealing import sealing_of
from cluvault.ops.waiting import Waiting
from cluvault.settings import Environment
from cluvault.tracing import is_tracing
from cluvault.vault.cache import cache_folder
from cluvault.vault.identity import read_identity
from cluvault.vault.opening import open_store
from cluvault.vault.patient import PatientStore
from cluvault.vault.steady import steady_seconds
from cluvault.vault.traced import TracedStore
from cluvault.vault.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from cluvault.inbox.queue import Queue
    from cluvault.inbox.store import Inbox
    from cluvault.model.event import Event
    from cluvault.ops.announcements import Announcement
    from cluvault.service.client import CluClient
    from cluvault.service.exchange import Call
    from cluvault.settings import IntakeSettings, ResourceSettings, SecretName, Settings
    from cluvault.vault.leases import Lease
    from cluvault.vault.ledger import CallLedger
    from cluvault.vault.store import ObjectStore

_LEAST_WINDOW: Final = 20.0
"""Seconds: where calls are counted by less, claims would be over before a store has answered."""


class Workspace:
    """Opens the vault and the clients when they are first asked for, and closes them at the end.

    Attributes:
        exports: What is exported, and what an earlier run has left of that.
        held: The leases that work in this workspace is done under, by resource and project.
        announcements: What the operations in this workspace have told the world.

    Args:
        settings: The configuration.
        environment: Where keys named by `env`, and a storage account's sign-in, are found.
        prefect_secret: Reads a Prefect Secret block, where there is a Prefect API.
        connect: Builds a resource's client; by default with the credential that its settings name.
        open_vault_store: Opens the store of the vault's URL.
        open_inbox: Opens an inbox of the configuration.
        open_queue: Opens the queue of an inbox.
        now: The clock, in UTC.
        entropy: Eight fresh hex digits.
        steady: Seconds that never go back.
        sleep: Waits for seconds, where nothing tells when it is over.
        on_event: Told of each event as it is announced.
        on_wait: Told once of each resource whose calls wait long for their turn.
        announcements: Those of a workspace that this one is beside.
        flow_run: The id of the Prefect flow run that the work is done in, for records.
        is_unattended: Whether no person has started this process, so that its user's name says nothing.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] = os.environ,
        prefect_secret: Callable[[str], SecretStr] | None = None,
        connect: Callable[[str, ResourceSettings], CluClient] | None = None,
        open_vault_store: Callable[[str], ObjectStore] | None = None,
        open_inbox: Callable[[IntakeSettings], Inbox] | None = None,
        open_queue: Callable[[IntakeSettings], Queue | None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        entropy: Callable[[], str] = lambda: secrets.token_hex(4),
        steady: Callable[[], float] = steady_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_event: Callable[[Announcement], None] = lambda _one: None,
        on_wait: Callable[[str], None] = lambda _sentence: None,
        announcements: Announcements | None = None,
        flow_run: str | None = None,
        is_unattended: bool = False,
    ) -> None:
        environment = Environment(environment)  # its values show in no repr
        self.settings = settings
        self.now = now
        self.steady = steady
        self.sleep = sleep
        self.flow_run = flow_run
        self.is_unattended = is_unattended
        self.held: dict[tuple[str, str], Lease] = {}
        self.exports = ExportsUnderWay(self)
        self.announcements = announcements or Announcements(now=now, on_event=on_event)
        self._on_wait = on_wait
        self._waiting: dict[str, Waiting] = {}
        self._environment = environment
        self._entropy = entropy
        self._prefect_secret = prefect_secret
        self._connect = connect or self._sign_in
        self._sealing = sealing_of(settings.vault.encryption, environment=environment, prefect_secret=prefect_secret)
        self._given_store = open_vault_store
        self._open_store = open_vault_store or partial(
            open_store, settings=settings.vault, environment=environment, prefect_secret=prefect_secret
        )
        self._open_inbox = open_inbox or partial(inbox_opening.open_inbox, environment=environment)
        self._open_queue = open_queue or partial(inbox_opening.open_queue, environment=environment)
        self._inboxes: dict[str, Inbox] = {}
        self._queues: dict[str, Queue | None] = {}
        self._others: dict[str, Workspace] = {}
        self._clients: dict[str, CluClient] = {}
        self._plain: ObjectStore | None = None
        self._store: PatientStore | None = None
        self._vault: Vault | None = None
        self._opening = asyncio.Lock()
        self.room = Room()
        self._places: dict[tuple[str, int], asyncio.Semaphore] = {}
        self._closing = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.exports.aclose()
        await self._closing.aclose()

    def new_snapshot_id(self, captured_at: datetime) -> str:
        """A fresh snapshot id."""
        return new_snapshot_id(captured_at, self._entropy())

    def new_run_id(self) -> str:
        """A fresh run id, sorting by time."""
        return new_snapshot_id(self.now(), self._entropy())

    def secret(self, name: SecretName | None, *, what: str) -> SecretStr | None:
        """A secret that the configuration names; None when it names none.

        Raises:
            ConfigurationError: it cannot be found.
        """
        if name is None:
            return None
        if (found := name.find(self._environment, self._prefect_secret)) is None:
            raise ConfigurationError(f"{what}: {name.place} is not set", mend="set it where cluvault runs")
        return found

    def announce(self, events: Iterable[Event]) -> None:
        """Tell the world what happened; of the same event once is enough."""
        self.announcements.add(events)

    @property
    def actor(self) -> str:
        """Who acts, for records: CLUVAULT_ACTOR, or else the user's name on this machine."""
        if named := self._environment.get("CLUVAULT_ACTOR"):
            return named
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a container's user without an entry
            return "unknown"

    def places(self, number: int, *, of: str = "") -> asyncio.Semaphore:
        """The workspace's one set of so many places of a kind, for what is bounded across all that runs in it."""
        return self._places.setdefault((of, number), asyncio.Semaphore(number))

    async def client(self, resource: str) -> CluClient:
        """The resource's client.

        Raises:
            ConfigurationError: the resource is not configured, or its key cannot be found.
        """
        async with self._opening:
            if resource not in self._clients:
                client = self._connect(resource, self.settings.resource(resource))
                client.guard(partial(self._check_lease, resource))
                waiting = Waiting(resource, self.settings.resource(resource), self._on_wait)
                client.tell_waits(self._waiting.setdefault(resource, waiting).note)
                self._clients[resource] = await self._closing.enter_async_context(client)
            return self._clients[resource]

    @property
    def waited(self) -> list[str]:
        """A sentence for each resource whose calls waited long for their turn."""
        return [one.sentence for one in self._waiting.values() if one.sentence]

    def _check_lease(self, resource: str, call: Call) -> None:
        """A worker that was stopped for so long that its lease is over sends nothing more to the project.

        Raises:
            LeaseLost: its lease is over.
        """
        lease = self.held.get((resource, call.project))
        if lease is not None and call.method != "GET":
            lease.check()

    def beside(self, vault: str) -> Workspace:
        """The same world with another vault, as `Settings.with_vault` takes it; it is closed with this one.

        Raises:
            ConfigurationError: no vault has this name.
        """
        if vault not in self._others:
            other = Workspace(
                self.settings.with_vault(vault),
                environment=self._environment,
                prefect_secret=self._prefect_secret,
                connect=self._connect,
                open_vault_store=self._given_store,
                now=self.now,
                entropy=self._entropy,
                steady=self.steady,
                sleep=self.sleep,
                on_wait=self._on_wait,
                announcements=self.announcements,
            )
            self._closing.push_async_callback(other._closing.aclose)  # of the same class
            self._others[vault] = other
        return self._others[vault]

    async def has_vault(self) -> bool:
        """Whether there is a vault.

        Raises:
            NotAVault: there is one, and it is malformed.
            VaultTooNew: a newer format wrote it.
        """
        async with self._opening:
            return self._vault is not None or await read_identity(self._opened_store()) is not None

    async def vault(self, *, create: bool = False) -> Vault:
        """The vault; `create` makes an empty place into one.

        Raises:
            NotAVault: nothing is there, or something else.
            ConfigurationError: with `create`: what new content is to be encrypted with is malformed or missing.
        """
        async with self._opening:
            if create:
                await asyncio.to_thread(self._sealing.check)
            if self._vault is None:
                store, folder = self._opened_store(), self._cache_folder()
                self._vault = await Vault.open(store, create=create, sealing=self._sealing, cache_folder=folder)
                self._closing.callback(self._vault.close)
            return self._vault

    async def check_vault(self) -> None:
        """See whether the vault's store is back, if it was waited for in vain; asks nothing otherwise.

        Raises:
            StoreUnavailable: it is not.
        """
        if self._store is not None:
            await self._store.check()

    @property
    def vault_came_back(self) -> bool:
        """Whether the vault's store was away for a while, and was waited for."""
        return self._store is not None and self._store.returns > 0

    def ask_vault_again(self) -> None:
        """Let the next call to the vault ask its store, also if one just did so in vain."""
        if self._store is not None:
            self._store.ask_again()

    async def read_object(self, url: str) -> bytes:
        """The bytes of any object in a bucket or container, as they are stored.

        Raises:
            ObjectNotFound: no such object.
            StorageDenied: no such bucket or container, or no right to it.
            ConfigurationError: no way to sign in.
        """
        from cluvault.vault.remote import read_object  # noqa: PLC0415  # reading commands start without it

        return await read_object(url, environment=self._environment)

    def store_at(self, url: str) -> ObjectStore:
        """The store of another vault, closed with the workspace.

        Raises:
            ConfigurationError: the URL is none of a vault.
        """
        store = self._open_store(url)
        self._closing.push_async_callback(store.aclose)
        return store

    def inbox(self, name: str) -> Inbox:
        """A configured inbox, closed with the workspace.

        Raises:
            ConfigurationError: no inbox has this name, or its place is none.
        """
        if name not in self._inboxes:
            inbox = self._open_inbox(self.settings.inbox(name))
            self._closing.push_async_callback(inbox.aclose)
            self._inboxes[name] = inbox
        return self._inboxes[name]

    def queue(self, name: str) -> Queue | None:
        """The queue of a configured inbox, closed with the workspace; None when it has none.

        Raises:
            ConfigurationError: no inbox has this name, or its queue's URL is none.
        """
        if name not in self._queues:
            queue = self._open_queue(self.settings.inbox(name))
            if queue is not None:
                self._closing.push_async_callback(queue.aclose)
            self._queues[name] = queue
        return self._queues[name]

    def _cache_folder(self) -> Path | None:
        """Where manifests of a vault in a cloud are kept; a folder is read as fast as the cache would be."""
        vault = self.settings.vault
        if not isinstance(vault.cache, bool):
            return vault.cache
        return cache_folder(self._environment) if vault.cache and vault.url.startswith(("s3://", "az://")) else None

    def _opened_store(self) -> PatientStore:
        if self._store is None:
            self._store = PatientStore(
                self._plain_store(), seconds=self.settings.vault.patience, clock=self.steady, sleep=self.sleep
            )
        return self._store

    def _plain_store(self) -> ObjectStore:
        """The vault's store, which nobody waits for."""
        if self._plain is None:
            store = self.store_at(self.settings.vault.url)
            self._plain = TracedStore(store) if is_tracing() else store
        return self._plain

    def _sign_in(self, name: str, settings: ResourceSettings) -> CluClient:
        from cluvault.service.auth import credential_for  # noqa: PLC0415  # reading commands start without HTTP
        from cluvault.service.client import CluClient  # noqa: PLC0415

        credential = credential_for(
            settings, name=name, environment=self._environment, prefect_secret=self._prefect_secret
        )
        client = CluClient(settings, credential, name=name)
        if settings.limits != "off" and settings.share_budget and settings.limits.window >= _LEAST_WINDOW:
            client.share_budget(self.call_ledger(settings.endpoint))
        return client

    def call_ledger(self, endpoint: str) -> CallLedger:
        """The ledger in the vault by which all processes share the calls a minute of an endpoint."""
        from cluvault.vault.ledger import CallLedger  # noqa: PLC0415  # not where limits are off

        holder = secrets.token_hex(8)
        store = self._plain_store()
        return CallLedger(store, endpoint, holder=holder, now=self.now, steady=self.steady, sleep=self.sleep)
