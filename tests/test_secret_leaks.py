"""No key, token or copy authorisation is told by anything that anybody could read, whatever goes wrong.

The real client talks to the emulator over a real socket, signed in each way there is, while everything fails that the
emulator can make fail. Then all that was said is searched: log lines of every library at every level, exceptions with
the local variables of every frame, reprs, the emulator's page and logs, and what another origin was sent.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import ssl
import traceback
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from azure.identity.aio import ClientSecretCredential
from pydantic import SecretStr

from cluvault.emulator import request_log
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.faults import FaultPlan, OtherOriginFault, Rule
from cluvault.emulator.server import EmulatorServer
from cluvault.errors import (
    CluvaultError,
    ConfigurationError,
    OriginRefused,
    PermissionDenied,
    ServiceError,
    SignInRefused,
    SnapshotSealed,
)
from cluvault.ops.workspace import Workspace
from cluvault.service.auth import KEY_HEADER, KeyCredential, credential_for
from cluvault.service.budget import Budget
from cluvault.service.client import CluClient
from cluvault.service.entra import EntraCredential
from cluvault.settings import ResourceSettings, Settings, VaultSettings, load_settings
from cluvault.vault.memory import MemoryStore
from cluvault.vault.opening import open_store
from tests.support.ages import DIGEST_KEY, KeyPair
from tests.support.snapshots import make_capture, take

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from cluvault.service.models import CopyAuthorization
    from cluvault.service.signing import Credential

KEYS = ("k3y-0ne-of-dev-5f2c", "k3y-tw0-of-dev-91aa")
METADATA = {"projectKind": "Conversation", "language": "en-us", "multilingual": False}
OWN_FRAMES = str(Path(__file__).parent)
CONTROL = ("", "_emulator/health", "_emulator/requests", "_emulator/faults", "_emulator/faults/injected")


@dataclass
class Listener:
    """Another origin; keeps all bytes that anybody sends there."""

    url: str = ""
    received: bytes = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received += await reader.read(65_536)
        writer.close()


@dataclass
class Quoter:
    """A gateway that answers with all that it was sent, as some do in their error pages."""

    status: int = 400
    url: str = ""
    location: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _, content = (await reader.read(65_536)).decode("latin-1").partition("\r\n\r\n")
        signed = [line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(("Ocp-Apim", "Auth"))]
        told = {"code": signed[0], "message": f"You sent {content}", "target": signed[0], "details": [{"code": head}]}
        body = json.dumps({"error": told}).encode()
        status = f"HTTP/1.1 {self.status} Quoted\r\nContent-Type: application/json\r\nConnection: close\r\n"
        status += f"Location: {self.location}\r\n" if self.location else ""
        writer.write(f"{status}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(server: Any) -> AsyncGenerator[None]:
    """Serve a raw server on a free loopback port."""
    sockets = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{sockets.sockets[0].getsockname()[1]}"
    async with sockets:
        yield


@dataclass
class Witness:
    """Everything that was said, and what none of it may contain."""

    log: Ear
    secrets: set[str] = field(default_factory=set[str])
    said: list[str] = field(default_factory=list[str])

    async def keep(self, credential: Credential) -> None:
        """The secrets that a credential sends."""
        for value in (await credential.headers()).values():
            secret = value.rpartition(" ")[2]
            self.secrets |= {secret, *(part[:40] for part in secret.split(".")[1:])}  # a part of a token is too much

    def hear(self, err: BaseException | None) -> None:
        """All that anybody could print of an exception, with the local variables of every frame but the tests' own."""
        while err is not None:
            self.said += [str(err), repr(err), repr(err.args), repr(vars(err))]
            shown = traceback.TracebackException.from_exception(err, capture_locals=True)
            foreign = [frame for frame in shown.stack if not frame.filename.startswith(OWN_FRAMES)]
            self.said += [repr(frame.locals) for frame in foreign]
            err = err.__cause__ or err.__context__

    def see(self, *things: object) -> None:
        """What a debugger would show of an object."""
        for thing in things:
            self.said += [str(thing), repr(thing), repr(getattr(thing, "__dict__", ""))]

    async def visit(self, server: EmulatorServer) -> None:
        """What the emulator shows to people, and its log of requests in both forms."""
        server.emulator.faults.use(None)
        key = server.emulator.regenerate_key("dev", 1)
        self.secrets.add(key)
        no_trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # plain http needs none, and reading it takes its time
        async with httpx.AsyncClient(headers={KEY_HEADER: key}, verify=no_trust, trust_env=False) as browser:
            for path in CONTROL:
                answer = await browser.get(f"{server.url}/{path}")
                assert answer.status_code == 200
                self.said.append(answer.text)
        for served in server.emulator.requests.last:
            self.said += [request_log.as_text(served), request_log.as_json(served)]
        self.said += map(repr, (server, server.emulator, server.emulator.config, *server.emulator.faults.injected))

    def check(self) -> None:
        """Raise AssertionError if anything said a secret; without saying it again."""
        assert len(self.secrets) > 0
        logged = [text for record in self.log.records for text in _of_record(record)]
        for secret in self.secrets:
            assert len(secret) > 10
            assert not [text.replace(secret, "<SECRET>") for text in (*self.said, *logged) if secret in text]


def _of_record(record: logging.LogRecord) -> list[str]:
    formatted = logging.Formatter().format(record)
    return [record.getMessage(), repr(record.args), repr(record.__dict__), formatted]


class Ear(logging.Handler):
    """Keeps every record of every logger."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def witness() -> Generator[Witness]:
    """Hears every logger at every level."""
    root, ear = logging.getLogger(), Ear()
    level = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    yield Witness(ear)
    root.setLevel(level)
    root.removeHandler(ear)


# --- the ways to sign in -------------------------------------------------------------------------------------------


def by_key(server: EmulatorServer, _: pytest.MonkeyPatch) -> tuple[ResourceSettings, Credential]:
    """One key."""
    settings = ResourceSettings.model_validate({"endpoint": server.resource_url("dev"), "key": {"env": "A"}})
    return settings, credential_for(settings, name="dev", environment={"A": KEYS[0]})


def by_two_keys(server: EmulatorServer, _: pytest.MonkeyPatch) -> tuple[ResourceSettings, Credential]:
    """Both keys, the first of which is refused from the beginning."""
    settings = ResourceSettings.model_validate(
        {"endpoint": server.resource_url("dev"), "key": {"env": "A"}, "key2": {"prefect-secret": "b"}}
    )
    first = {"A": "k3y-0ne-that-is-0ld"}
    credential = credential_for(settings, name="dev", environment=first, prefect_secret=lambda _: SecretStr(KEYS[1]))
    return settings, credential


def by_token(server: EmulatorServer, environment: pytest.MonkeyPatch) -> tuple[ResourceSettings, Credential]:
    """A managed identity, through the DefaultAzureCredential that users get."""
    environment.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
    environment.setenv("IDENTITY_HEADER", KEYS[0])
    settings = ResourceSettings(endpoint=server.resource_url("dev"))
    return settings, credential_for(settings, name="dev", environment={})


WAYS: list[Any] = [by_key, by_two_keys, by_token]


@dataclass
class Scene:
    """An emulator, a client that is signed in to it, another origin, and the witness."""

    server: EmulatorServer
    client: CluClient
    credential: Credential
    stranger: Listener
    witness: Witness

    def go_wrong(self, effect: dict[str, Any], *operations: str) -> None:
        """Let every call of these operations, or of all, have this fault."""
        rule: dict[str, Any] = {"effect": effect} | ({"operations": list(operations)} if operations else {})
        self.server.emulator.faults.use(FaultPlan.model_validate({"rules": [rule]}))


async def _a_moment(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.005))


def client_of(settings: ResourceSettings, credential: Credential) -> CluClient:
    """A client that wastes no time with waiting."""
    settings = settings.model_copy(update={"api_version": "2025-05-15-preview"})
    return CluClient(settings, credential, name="dev", budget=Budget("off"), sleep=_a_moment)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
async def scene(
    request: pytest.FixtureRequest, witness: Witness, cloudless: pytest.MonkeyPatch
) -> AsyncGenerator[Scene]:
    """Projects are there; afterwards everything that was said is searched."""
    server = EmulatorServer(EmulatorConfig(resources=("dev",), keys=KEYS, page_size=1))
    stranger = Listener()
    async with listening(stranger), server:
        settings, credential = request.param(server, cloudless)
        await witness.keep(credential)
        witness.secrets |= set(KEYS)
        async with client_of(settings, credential) as client:
            for name in ("A", "B"):
                await client.create_project(name, METADATA)
            await witness.keep(credential)
            yield Scene(server, client, credential, stranger, witness)
            witness.see(settings, client, credential, client.statistics, await credential.headers())
        await witness.visit(server)
    assert any(record.name.startswith("cluvault.service") for record in witness.log.records)
    assert any(record.name.startswith("httpcore") for record in witness.log.records)
    witness.check()
    assert stranger.received == b""


# --- what can go wrong ---------------------------------------------------------------------------------------------


async def export(client: CluClient) -> object:
    """Three kinds of requests: start, poll, result."""
    return await client.export_project("A", timeout=1.0)


async def read_all(client: CluClient) -> object:
    """A list of two pages."""
    return [one async for one in client.list_projects()]


async def read_one(client: CluClient) -> object:
    """A single request."""
    return await client.get_project("A")


FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...], Callable[[CluClient], Awaitable[object]]]] = {
    "500": ({"kind": "status", "status": 500}, (), read_one),
    "503 with Retry-After": ({"kind": "status", "status": 503, "retry-after": 1}, (), export),
    "reset before": ({"kind": "reset", "when": "before"}, (), read_one),
    "reset after": ({"kind": "reset", "when": "after"}, ("Export",), export),
    "torn": ({"kind": "torn", "share": 0.5}, (), read_one),
    "torn result": ({"kind": "torn", "share": 0.9}, ("Get Export Result",), export),
    "page in place of JSON": ({"kind": "content-type"}, (), read_one),
    "expired": ({"kind": "expired"}, ("Get Export Result",), export),
    "failed": ({"kind": "job-fails"}, ("Export",), export),
    "done in part": ({"kind": "job-partially-completed"}, ("Export",), export),
    "cancelled": ({"kind": "job-cancelled"}, ("Export",), export),
    "lost": ({"kind": "job-lost"}, ("Export",), export),
    "endless": ({"kind": "job-runs-on"}, ("Export",), export),
    "429 for long": ({"kind": "status", "status": 429, "retry-after": 600}, (), read_one),  # last: the client remembers
}


async def test_no_failure_tells_anything(scene: Scene) -> None:
    """Every fault that the emulator knows ends in a typed error, and the error is silent about who asked."""
    for fault, (effect, operations, action) in FAULTS.items():
        scene.go_wrong(effect, *operations)
        with pytest.raises(ServiceError) as caught:
            await action(scene.client)
        scene.witness.hear(caught.value)
        assert scene.server.emulator.faults.injected, fault
        scene.server.emulator.faults.injected.clear()


LINKS = {"operation-location": export, "resultUrl": export, "nextLink": read_all}
FORMS = ("{url}", "{url}@127.0.0.1", "//{host}")


async def test_another_origin_is_sent_nothing(scene: Scene) -> None:
    """Neither a job's status, nor its result, nor the next page of a list leads the credential away."""
    tricks = [*itertools.product(LINKS, FORMS), ("operation-location", "{url}\\@127.0.0.1")]
    for link, form in tricks:
        origin = form.format(url=scene.stranger.url, host=scene.stranger.url.removeprefix("http://"))
        effect = OtherOriginFault.model_construct(kind="other-origin", origin=origin, link=link)
        scene.server.emulator.faults.use(FaultPlan(rules=(Rule.model_construct(effect=effect),)))
        with pytest.raises(OriginRefused, match="nothing was sent there") as caught:
            await LINKS[link](scene.client)
        scene.witness.hear(caught.value)
    assert scene.stranger.received == b""


async def test_giving_up_in_the_middle_tells_nothing(scene: Scene) -> None:
    """A cancelled task's traceback goes through frames that hold the request; they are cut off."""
    scene.go_wrong({"kind": "slow", "seconds": 30})
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.1):
            await scene.client.get_project("A")
    scene.witness.hear(caught.value)
    assert "httpcore" not in "".join(traceback.format_exception(caught.value))
    scene.server.emulator.faults.use(None)
    assert (await scene.client.get_project("A")).name == "A"


async def test_a_refused_sign_in_tells_nothing(scene: Scene) -> None:
    """401 to the end: regenerated keys, a token for somebody else."""
    for which in (1, 2):
        scene.server.emulator.regenerate_key("dev", which)
    refused = scene.credential
    if isinstance(refused, EntraCredential):
        refused = EntraCredential("https://vault.azure.net/.default")
    settings = ResourceSettings(endpoint=scene.server.resource_url("dev"), auth="entra")
    async with client_of(settings, refused) as client:
        with pytest.raises(SignInRefused) as caught:
            await client.get_project("A")
        await scene.witness.keep(refused)
    scene.witness.hear(caught.value)


async def test_a_role_that_is_too_weak_tells_nothing(scene: Scene, cloudless: pytest.MonkeyPatch) -> None:
    """403, and nobody tries the key instead."""
    cloudless.setenv("IDENTITY_ENDPOINT", f"{scene.server.url}/msi/token")
    cloudless.setenv("IDENTITY_HEADER", KEYS[0])
    cloudless.setenv("AZURE_CLIENT_ID", "reader")
    settings = ResourceSettings(endpoint=scene.server.resource_url("dev"))
    credential = credential_for(settings, name="dev", environment={})
    await scene.witness.keep(credential)
    async with client_of(settings, credential) as client:
        with pytest.raises(PermissionDenied) as caught:
            await client.delete_project("A")
    scene.witness.hear(caught.value)


async def test_a_gateway_that_quotes_is_not_repeated(scene: Scene) -> None:
    """Its page shows the headers it was sent; the message that we make of it does not, and nothing is followed."""
    for status in (302, 400, 401, 403, 404, 500):
        quoter = Quoter(status, location=f"{scene.stranger.url}/dev")
        async with listening(quoter):
            client = client_of(ResourceSettings(endpoint=quoter.url), scene.credential)
            for call in (client.get_project("A"), client.begin_import("A", b"{}")):
                with pytest.raises(ServiceError) as caught:
                    await call
                scene.witness.hear(caught.value)
                assert status == 302 or "You sent " in str(caught.value)


# --- copies --------------------------------------------------------------------------------------------------------


async def authorization_of(scene: Scene) -> CopyAuthorization:
    """A target's permission; its token is a secret from now on."""
    found = await scene.client.authorize_copy("Target", allow_overwrite=True)
    scene.witness.secrets.add(found.access_token.get_secret_value())
    scene.witness.see(found, found.model_dump())
    return found


async def copy(scene: Scene, authorization: CopyAuthorization) -> None:
    """Copy a project and wait for the end."""
    handle = await scene.client.begin_copy("A", authorization)
    scene.witness.see(handle)
    await scene.client.wait(handle, timeout=0.5)


COPY_FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 500},
    {"kind": "reset", "when": "after"},
    {"kind": "torn"},
    {"kind": "job-fails", "message": "the token TOKEN is not good"},
    {"kind": "job-lost"},
]


async def test_a_copy_tells_nothing_of_its_authorisation(scene: Scene) -> None:
    """Whatever becomes of it; a failed job that quotes the token is not repeated."""
    for effect in COPY_FAULTS:
        scene.server.emulator.faults.use(None)
        authorization = await authorization_of(scene)
        token = authorization.access_token.get_secret_value()
        quoting = {name: value.replace("TOKEN", token) for name, value in effect.items() if isinstance(value, str)}
        scene.go_wrong(effect | quoting, "Copy Project", "Get Copy Project Status")
        with pytest.raises(ServiceError) as caught:
            await copy(scene, authorization)
        scene.witness.hear(caught.value)
        scene.server.emulator.faults.injected.clear()  # it repeats our own rule, which names the token


async def test_a_gateway_that_quotes_a_copy_is_not_repeated(scene: Scene) -> None:
    """The body of the request holds the token, and the page quotes the body."""
    authorization = await authorization_of(scene)
    quoter = Quoter(400)
    async with listening(quoter):
        client = client_of(ResourceSettings(endpoint=quoter.url), scene.credential)
        with pytest.raises(ServiceError, match="You sent ") as caught:
            await client.begin_copy("A", authorization)
    scene.witness.hear(caught.value)


UNREADABLE = (
    '{"accessToken": "%s"}',
    '{"accessToken": "%s", oops}',
    '{"accessToken": "%s", "projectKind": 7}',
    '{"accessToken": ["%s"]}',
    '[{"accessToken": "%s"}]',
    '{"accessToken": "caf\u00e9 %s"}',
    '{"accessToken": "%s',
)


@pytest.mark.parametrize("body", UNREADABLE)
async def test_an_authorisation_that_cannot_be_read_tells_nothing(witness: Witness, body: str) -> None:
    """The service has given a good token in a bad answer."""
    secret = "c0py-t0ken-that-w0rks"
    witness.secrets.add(secret)
    answer = httpx.Response(200, content=(body % secret).encode(), headers={"Content-Type": "application/json"})
    client = CluClient(
        ResourceSettings(endpoint="http://127.0.0.1:1", api_version="2025-05-15-preview"),
        KeyCredential(SecretStr(KEYS[0]), source="test"),
        budget=Budget("off"),
        transport=httpx.MockTransport(lambda _: answer),
        sleep=_a_moment,
    )
    with pytest.raises(ServiceError) as caught:
        await client.authorize_copy("Target")
    witness.hear(caught.value)
    witness.check()


# --- before anything is sent ---------------------------------------------------------------------------------------


async def test_a_configuration_that_fails_tells_no_key(witness: Witness, tmp_path: Path) -> None:
    """The environment holds keys, and is in the hands of whoever looks for one."""
    witness.secrets |= set(KEYS)
    environment = {"A": KEYS[0], "CLUVAULT_DEV_KEY": KEYS[1], "BAD": f"{KEYS[0]} {KEYS[1]}"}
    file = tmp_path / "cluvault.toml"
    file.write_text("[resources.dev]\nendpoint = 'https://x'\nkey = { env = 'A' }\nkey2 = { env = 'B' }")
    settings = load_settings(file, environment=environment)
    witness.see(settings)
    async with Workspace(settings, environment=environment) as workspace:
        with pytest.raises(ConfigurationError, match="environment variable B") as caught:
            await workspace.client("dev")
    witness.hear(caught.value)
    for text in ("[resources.dev]\nendpoint = 'ftp://x'", f"[resources.dev]\nkey = '{KEYS[0]}'", "nonsense"):
        file.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            load_settings(file, environment=environment)
        if KEYS[0] not in text:  # who writes a key into the file has told it to the file's readers
            witness.hear(caught.value)
        witness.said.append(str(caught.value))
    resources = {"dev": {"endpoint": "https://x", "key": {"env": "BAD"}}}
    async with Workspace(Settings.model_validate({"resources": resources}), environment=environment) as workspace:
        with pytest.raises(ConfigurationError, match="holds a space") as caught:
            await workspace.client("dev")
    witness.hear(caught.value)
    witness.check()


async def test_a_vault_that_encrypts_tells_no_key(witness: Witness, cloudless: pytest.MonkeyPatch) -> None:
    """Nor one that cannot: with an identity, a digest key or a customer's key that is malformed or another one's."""
    mine, other = KeyPair(), KeyPair()
    keys = {"MINE": mine.secret, "OTHER": other.secret, "TORN": f"{mine.secret[:-9]}", "DIGEST": DIGEST_KEY}
    witness.secrets |= set(keys.values())
    for name, value in keys.items():
        cloudless.setenv(name, value)
    store = MemoryStore()

    async def fail(recipient: str, identity: str, error: type[CluvaultError]) -> None:
        encryption = {"recipients": [recipient], "identity": {"env": identity}, "digest-key": {"env": "DIGEST"}}
        settings = Settings.model_validate({"vault": {"encryption": encryption}})
        async with Workspace(settings, open_vault_store=lambda _: store) as workspace:
            witness.see(settings, workspace)
            with pytest.raises(error) as caught:
                await store_and_read(workspace)
        witness.hear(caught.value)

    async def store_and_read(workspace: Workspace) -> None:
        vault = await workspace.vault(create=True)
        witness.see(vault, vars(vault)["_sealing"])
        await vault.read(await take(vault, make_capture(), seconds=len(witness.said)))

    await fail(mine.public, "OTHER", SnapshotSealed)
    await fail(mine.public, "TORN", ConfigurationError)
    await fail(f"{mine.public}x", "MINE", ConfigurationError)
    for key in (keys["MINE"], "c2hvcnQga2V5IGluIGJhc2U2NA=="):
        witness.secrets.add(key)
        cloudless.setenv("BLOB", key)
        with pytest.raises(ConfigurationError) as caught:
            open_store("az://a/b", settings=VaultSettings.model_validate({"az": {"customer-key": {"env": "BLOB"}}}))
        witness.hear(caught.value)
    witness.check()


@pytest.mark.parametrize("kind", ["client secret", "managed identity"])
async def test_a_sign_in_that_fails_tells_nothing(witness: Witness, cloudless: pytest.MonkeyPatch, kind: str) -> None:
    """azure-identity has the client's secret in its local variables, and its errors lead there; ours do not."""
    witness.secrets.add("s3cr3t-0f-the-client")
    if kind == "client secret":
        make = partial(ClientSecretCredential, "contoso", "owner", authority="https://127.0.0.1:1", retry_total=0)
        credential = EntraCredential("scope/.default", open_source=lambda: make(client_secret="s3cr3t-0f-the-client"))
    else:
        cloudless.setenv("IDENTITY_HEADER", "s3cr3t-0f-the-client")
        cloudless.setenv("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")
        credential = EntraCredential("https://cognitiveservices.azure.com/.default")
    async with EmulatorServer(EmulatorConfig(resources=("dev",), keys=KEYS)) as server:
        cloudless.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        async with client_of(ResourceSettings(endpoint=server.resource_url("dev")), credential) as client:
            with pytest.raises(ServiceError, match="Microsoft Entra ID") as caught:
                await client.get_project("A")
        witness.hear(caught.value)
        await witness.visit(server)
    witness.check()
