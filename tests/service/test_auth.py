"""Signing in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.identity.aio import DefaultAzureCredential
from pydantic import SecretStr

from cluvault.errors import ConfigurationError, SignInRefused, Unreachable
from cluvault.service.auth import KEY_HEADER, KeyCredential, KeyPair, credential_for
from cluvault.service.entra import EntraCredential, default_token_source
from cluvault.service.signing import SignedHeaders
from cluvault.settings import ResourceSettings
from tests.service.scripted import Bench, FakeTime, ScriptedService, answer, gateway_error, project

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

SCOPE = "https://cognitiveservices.azure.com/.default"
HOUR = 3600


@dataclass(frozen=True)
class Token:
    token: str
    expires_on: int


@dataclass
class Authority:
    """Stands in for Microsoft Entra ID: numbers its tokens, counts who asks, fails on demand."""

    time: FakeTime
    issued: int = 0
    opened: int = 0
    closed: int = 0
    scopes: list[str] = field(default_factory=list[str])
    failure: Exception | None = None

    def open(self) -> Authority:
        self.opened += 1
        return self

    async def get_token(self, *scopes: str) -> Token:
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        self.scopes += scopes
        self.issued += 1
        return Token(f"t0k3n-numb3r-{self.issued}", int(self.time.now) + HOUR)

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def authority(time: FakeTime) -> Authority:
    """The authority that `entra` asks."""
    return Authority(time)


@pytest.fixture
def entra(authority: Authority) -> EntraCredential:
    """An Entra sign-in against the stand-in."""
    return EntraCredential(SCOPE, open_source=authority.open, now=authority.time.clock)


def resource(**members: object) -> ResourceSettings:
    """A resource with some way to sign in."""
    return ResourceSettings.model_validate({"endpoint": "https://a.example.com", **members})


async def test_a_key_travels_in_its_header() -> None:
    """White space around a key, as copying leaves it, is dropped."""
    credential = KeyCredential(SecretStr(" k-1\n"), source="environment variable K")
    headers = await credential.headers()
    assert dict(headers) == {KEY_HEADER: "k-1"}
    assert not await credential.refresh(headers)


@pytest.mark.parametrize("key", ["", "  ", "a b", "clé", "a\r\nX-Evil: 1", "a\x00b"])
def test_a_text_that_is_no_key_is_refused_without_telling_it(key: str) -> None:
    """What cannot be a header never reaches the layer that would quote it."""
    with pytest.raises(ConfigurationError, match="the key from variable K") as caught:
        KeyCredential(SecretStr(key), source="variable K")
    assert not key.strip() or key.strip() not in str(caught.value)


async def test_a_token_is_fetched_once_for_all(entra: EntraCredential, authority: Authority) -> None:
    """A crowd of concurrent callers costs one request to the authority."""
    headers = await asyncio.gather(*(entra.headers() for _ in range(20)))
    assert [dict(one) for one in headers] == [{"Authorization": "Bearer t0k3n-numb3r-1"}] * 20
    assert (authority.issued, authority.scopes) == (1, [SCOPE])


async def test_a_token_is_renewed_shortly_before_it_ends(
    entra: EntraCredential, authority: Authority, time: FakeTime
) -> None:
    """A request never leaves with a token that ends on the way."""
    await entra.headers()
    time.now += HOUR - 301
    await entra.headers()
    assert authority.issued == 1
    time.now += 2
    assert dict(await entra.headers()) == {"Authorization": "Bearer t0k3n-numb3r-2"}


async def test_a_rejected_token_is_dropped_with_its_cache(entra: EntraCredential, authority: Authority) -> None:
    """azure-identity would give the same token again: its credential is opened anew, once for all who were rejected."""
    rejected = await entra.headers()
    assert await entra.refresh(rejected)
    assert dict(await entra.headers()) == {"Authorization": "Bearer t0k3n-numb3r-2"}
    assert await entra.refresh(rejected)
    assert dict(await entra.headers()) == {"Authorization": "Bearer t0k3n-numb3r-2"}
    assert (authority.opened, authority.closed) == (2, 1)


async def test_closing_releases_the_source(entra: EntraCredential, authority: Authority) -> None:
    """Closing twice, or before anything was opened, is fine."""
    await entra.aclose()
    await entra.headers()
    await entra.aclose()
    await entra.aclose()
    assert (authority.opened, authority.closed) == (1, 1)


@pytest.mark.parametrize(
    "failure, said",
    [
        (
            ClientAuthenticationError("no\n\tcredential worked"),
            "gives no token: no credential worked; sign in with `az",
        ),
        (ValueError("bad tenant"), "gives no token: bad tenant; sign in"),
        (ServiceRequestError("no route"), "cannot be reached: no route; check the network"),
    ],
)
async def test_no_token_is_one_line(
    bench: Bench, entra: EntraCredential, authority: Authority, failure: Exception, said: str
) -> None:
    """azure-identity's page of advice becomes one line that names resource and project; nothing is sent."""
    authority.failure = failure
    async with bench.client(credential=entra) as client:
        with pytest.raises(Unreachable if "reached" in said else SignInRefused) as caught:
            await client.get_project("A")
    assert str(caught.value).startswith(f"dev/A: get project: Microsoft Entra ID {said}")
    assert "\n" not in str(caught.value)
    assert bench.service.requests == []


async def test_a_401_is_tried_once_with_a_fresh_token(
    bench: Bench, entra: EntraCredential, service: ScriptedService
) -> None:
    """A token that was revoked is replaced; the retry does not count as one of the four tries."""
    service.on("GET", "/A", gateway_error(401, "expired"), answer(project("A")))
    async with bench.client(credential=entra) as client:
        await client.get_project("A")
        assert client.statistics.retries == 0
    assert [seen.headers["authorization"] for seen in service.requests] == [
        "Bearer t0k3n-numb3r-1",
        "Bearer t0k3n-numb3r-2",
    ]


async def test_a_second_401_is_final(bench: Bench, entra: EntraCredential, service: ScriptedService) -> None:
    """A fresh token that is rejected as well is a wrong role or tenant, and said to be so."""
    service.on("GET", "/A", gateway_error(401, "no"))
    async with bench.client(credential=entra) as client:
        with pytest.raises(SignInRefused, match=r"check the Microsoft Entra ID sign-in \(az login"):
            await client.get_project("A")
    assert len(service.requests) == 2


async def test_the_client_closes_its_credential(bench: Bench, entra: EntraCredential, authority: Authority) -> None:
    """Who opens a client has one thing to close."""
    bench.service.on("GET", "/A", answer(project("A")))
    async with bench.client(credential=entra) as client:
        await client.get_project("A")
    assert authority.closed == 1


async def test_the_default_source_is_azure_identitys() -> None:
    """DefaultAzureCredential, which knows az login, managed identities and the AZURE_* variables."""
    source = default_token_source()
    assert isinstance(source, DefaultAzureCredential)
    await source.close()


async def test_settings_name_the_key() -> None:
    """A key from the environment, or from a Prefect block where somebody can read one."""
    in_environment = credential_for(resource(key={"env": "CLU_KEY"}), name="dev", environment={"CLU_KEY": "k-1"})
    assert dict(await in_environment.headers()) == {KEY_HEADER: "k-1"}
    assert in_environment.source == "environment variable CLU_KEY"
    in_block = credential_for(
        resource(key={"prefect-secret": "clu-key"}),
        name="dev",
        environment={},
        prefect_secret=lambda block: SecretStr(f"from-{block}"),
    )
    assert dict(await in_block.headers()) == {KEY_HEADER: "from-clu-key"}
    assert in_block.source == "Prefect Secret block 'clu-key'"


def test_entra_is_the_default() -> None:
    """Without a key the resource is signed in to by Entra; nothing is fetched yet."""
    assert isinstance(credential_for(resource(), name="dev", environment={}), EntraCredential)


@pytest.mark.parametrize(
    "key, said",
    [
        ({"env": "CLU_KEY"}, "environment variable CLU_KEY, .*resource 'dev', is not set; set it"),
        ({"prefect-secret": "clu-key"}, "Prefect Secret block 'clu-key', which only a flow can read"),
    ],
)
def test_a_key_that_is_not_there(key: dict[str, str], said: str) -> None:
    """The message says where the key should be and for which resource."""
    with pytest.raises(ConfigurationError, match=said):
        credential_for(resource(key=key), name="dev", environment={"CLU_KEY": ""})


def test_signed_headers_show_their_names_only() -> None:
    """A traceback that prints local variables tells no secret."""
    headers = SignedHeaders({KEY_HEADER: SecretStr("k-1")})
    assert (len(headers), list(headers), headers[KEY_HEADER]) == (1, [KEY_HEADER], "k-1")
    assert "k-1" not in repr(headers)
    assert KEY_HEADER in repr(headers)


# --- two keys ------------------------------------------------------------------------------------------------------


def key(number: int, text: str) -> KeyCredential:
    """A key that an environment variable names."""
    return KeyCredential(SecretStr(text), source=f"environment variable CLU_KEY_{number}")


@pytest.fixture
def pair() -> KeyPair:
    """Both keys of a resource."""
    return KeyPair(key(1, "k-1"), key(2, "k-2"))


def accepting(*accepted: str) -> Callable[[Request], Response]:
    """A service that knows these keys only."""

    def answer_to(request: Request) -> Response:
        known = request.headers[KEY_HEADER] in accepted
        return answer(project("A")) if known else gateway_error(401, "Access denied")

    return answer_to


def used(service: ScriptedService) -> list[str]:
    """The keys that requests came with, in order."""
    return [seen.headers[KEY_HEADER.lower()] for seen in service.requests]


async def test_the_second_key_takes_over(
    bench: Bench, pair: KeyPair, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """The first is refused: the same request goes out again with the second, which is kept. One line tells so."""
    service.on("GET", "/A", accepting("k-2"))
    async with bench.client(credential=pair) as client:
        for _ in range(3):
            await client.get_project("A")
        assert client.statistics.retries == 0
    assert used(service) == ["k-1", "k-2", "k-2", "k-2"]
    told = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    places = [f"from environment variable CLU_KEY_{number}" for number in (1, 2)]
    assert told == [f"the service refuses the key {places[0]}; trying that {places[1]}"]


async def test_keys_are_renewed_in_turn_without_a_pause(bench: Bench, pair: KeyPair, service: ScriptedService) -> None:
    """Whichever of the two is regenerated, as long as the other is good all is well."""
    async with bench.client(credential=pair) as client:
        for good in ("k-1", "k-2", "k-1", "k-2"):
            service.on("GET", "/A", accepting(good))
            await client.get_project("A")
            assert used(service)[-1] == good


async def test_a_crowd_changes_the_key_once(bench: Bench, pair: KeyPair, service: ScriptedService) -> None:
    """All were refused with the first key; nobody changes back what another has changed."""
    service.on("GET", "/A", accepting("k-2"))
    async with bench.client(credential=pair) as client:
        found = await asyncio.gather(*(client.get_project("A") for _ in range(20)))
    assert [one.name for one in found] == ["A"] * 20
    assert used(service).count("k-1") <= 20
    assert used(service).count("k-2") == 20


async def test_a_late_refusal_changes_nothing_back(pair: KeyPair) -> None:
    """A request that left with the first key hears its 401 after others have gone over to the second."""
    first = await pair.headers()
    assert await pair.refresh(first)
    assert await pair.refresh(first)
    assert dict(await pair.headers()) == {KEY_HEADER: "k-2"}


async def test_two_refused_keys_are_told_in_one_line(
    bench: Bench, pair: KeyPair, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    """Both sources are named, neither value; each request costs two tries and not more."""
    service.on("GET", "/A", accepting())
    told: list[str] = []
    async with bench.client(credential=pair) as client:
        for _ in range(2):
            with pytest.raises(SignInRefused) as caught:
                await client.get_project("A")
            told.append(str(caught.value))
    for line in told:
        assert line.startswith("dev/A: get project: the service answered 401: ")
        assert f"; check {pair.source} (refused by https://contoso-dev.cognitiveservices.azure.com)" in line
    assert pair.source == "environment variable CLU_KEY_1 and environment variable CLU_KEY_2"
    assert used(service) == ["k-1", "k-2", "k-2", "k-1"]
    assert not any(value in line for value in ("k-1", "k-2") for line in (*told, caplog.text))


async def test_the_same_key_twice_is_tried_once(bench: Bench, service: ScriptedService) -> None:
    """A refused key does not become good by being named twice."""
    service.on("GET", "/A", accepting())
    async with bench.client(credential=KeyPair(key(1, "k-1"), key(2, "k-1"))) as client:
        with pytest.raises(SignInRefused):
            await client.get_project("A")
    assert used(service) == ["k-1"]


async def test_settings_name_both_keys() -> None:
    """From wherever each is to be found."""
    credential = credential_for(
        resource(key={"env": "CLU_KEY"}, key2={"prefect-secret": "clu-key"}),
        name="dev",
        environment={"CLU_KEY": "k-1"},
        prefect_secret=lambda block: SecretStr(f"from-{block}"),
    )
    first = await credential.headers()
    assert dict(first) == {KEY_HEADER: "k-1"}
    assert await credential.refresh(first)
    assert dict(await credential.headers()) == {KEY_HEADER: "from-clu-key"}
    assert credential.source == "environment variable CLU_KEY and Prefect Secret block 'clu-key'"
    await credential.aclose()


def test_a_second_key_that_is_not_there_is_told() -> None:
    """A spare that nobody set would only be missed when it is needed."""
    settings = resource(key={"env": "A"}, key2={"env": "B"})
    with pytest.raises(ConfigurationError, match="environment variable B, which should hold the key of resource 'dev'"):
        credential_for(settings, name="dev", environment={"A": "k-1"})
