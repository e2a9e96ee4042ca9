"""The HTTPS intake over a real server: handshakes, who may come in, limits, replays, and when a sender is answered."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.errors import ConfigurationError, InvalidEvent, NotHandedOver, Unreachable
from cluvault.inbox.doorkeeper import Doorkeeper, TokenCheck
from cluvault.inbox.listening import Batches, listening
from cluvault.inbox.serving import server_of
from cluvault.plan.notices import VALIDATION, read_cloud_event
from cluvault.settings import ListenSettings, TokenSettings
from tests.plan.test_notices import cloud, grid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence
    from pathlib import Path

    from starlette.requests import Request

    from cluvault.model.arrival import Arrival

SECRET = "a-secret-of-the-tests"
NOW = datetime(2026, 11, 27, 21, 40, tzinfo=UTC)
SIGNED_IN = {"Authorization": f"Bearer {SECRET}"}


class Taker:
    """Takes arrivals over, or raises."""

    def __init__(self) -> None:
        self.batches: list[list[Arrival]] = []
        self.error: Exception | None = None

    async def __call__(self, arrivals: Sequence[Arrival]) -> None:
        self.batches.append(list(arrivals))
        if self.error is not None:
            raise self.error


async def _metrics(_: Request) -> PlainTextResponse:
    return PlainTextResponse("cluvault_up 1\n")


@asynccontextmanager
async def serving(
    taker: Any, *, doorkeeper: Doorkeeper | None = None, **settings: Any
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of an intake that runs on a free port."""
    keeper = doorkeeper or Doorkeeper([SecretStr("other"), SecretStr(SECRET)])
    more = [Route("/metrics", _metrics)]
    app = listening(
        ListenSettings(**settings),
        keeper,
        taker,
        concerns=lambda one: "others" not in one.key,
        now=lambda: NOW,
        more_routes=more,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(app)
        task = asyncio.create_task(server.serve([listener]))
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}") as client:
                yield client
        finally:
            server.should_exit = True
            await task


async def test_health_and_what_else_is_served() -> None:
    """Without a secret; there is room for more."""
    async with serving(Taker()) as client:
        assert (await client.get("/healthz")).text == "ok\n"
        assert (await client.get("/metrics")).text == "cluvault_up 1\n"
        assert (await client.get("/events")).status_code == 405


@pytest.mark.parametrize(
    "headers, query, status",
    [
        (SIGNED_IN, "", 200),
        ({"Authorization": f"bearer {SECRET}"}, "", 200),
        ({"X-Cluvault-Secret": SECRET}, "", 200),
        ({"X-Cluvault-Secret": "other"}, "", 200),
        ({}, f"?access_token={SECRET}", 200),
        ({}, "", 401),
        ({"Authorization": f"Basic {SECRET}"}, "", 401),
        ({"Authorization": "Bearer"}, "", 401),
        ({"X-Cluvault-Secret": SECRET + "x"}, "", 401),
        ({}, "?access_token=", 401),
    ],
)
async def test_who_may_come_in(headers: dict[str, str], query: str, status: int) -> None:
    """Whoever shows one of the secrets, in a header or as the webhook specification says; nobody learns why not."""
    taker = Taker()
    async with serving(taker) as client:
        answer = await client.post(f"/events{query}", json=[grid()], headers=headers)
    assert answer.status_code == status
    assert len(taker.batches) == (status == 200)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    "body, headers",
    [
        ([grid()], {"aeg-event-type": "Notification"}),
        (cloud(), {"content-type": "application/cloudevents+json"}),
        ([cloud()], {"content-type": "application/cloudevents-batch+json"}),
    ],
)
async def test_events_in_a_body(body: Any, headers: dict[str, str]) -> None:
    """Event Grid's schema; CloudEvents structured and batched."""
    taker = Taker()
    async with serving(taker) as client:
        answer = await client.post("/events", content=json.dumps(body), headers=SIGNED_IN | headers)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1, "ignored": 0})
    assert taker.batches[0][0].key == "inbox/dev/Mail/config.json"


async def test_an_object_that_is_in_no_inbox() -> None:
    """Is ignored, and the sender is told so; nobody takes anything over."""
    taker = Taker()
    url = {"url": "s3://clu/inbox/others/Mail/config.json"}
    async with serving(taker) as client:
        body = json.dumps(cloud() | {"type": "cluvault.inbox.put", "data": url})
        headers = SIGNED_IN | {"content-type": "application/cloudevents+json"}
        answer = await client.post("/events", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 0, "ignored": 1})
    assert taker.batches == []


async def test_an_event_in_headers() -> None:
    """CloudEvents binary."""
    event = cloud()
    headers = {f"ce-{name}": value for name, value in event.items() if name != "data"}
    taker = Taker()
    async with serving(taker) as client:
        answer = await client.post("/events", json=event["data"], headers=SIGNED_IN | headers)
    assert answer.status_code == 200
    assert taker.batches[0][0].container == "clu"


async def test_the_handshake_of_event_grid() -> None:
    """The code comes back, to whoever is let in; nothing is taken over."""
    taker = Taker()
    event = grid(eventType=VALIDATION, subject="", data={"validationCode": "512d38b6"})
    async with serving(taker) as client:
        assert (await client.post("/events", json=[event])).status_code == 401
        answer = await client.post("/events", json=[event], headers=SIGNED_IN)
    assert (answer.status_code, answer.json(), taker.batches) == (200, {"validationResponse": "512d38b6"}, [])


async def test_the_handshake_of_cloud_events() -> None:
    """Origins that are configured are welcome, at a rate if they ask for one; others are not."""
    async with serving(Taker(), allowed_origins=("eventgrid.azure.net",)) as client:
        welcome = await client.options(
            "/events", headers={"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}
        )
        assert (welcome.status_code, welcome.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
        assert welcome.headers["WebHook-Allowed-Rate"]
        for headers in ({"WebHook-Request-Origin": "evil.example"}, {}):
            refused = await client.options("/events", headers=headers)
            assert refused.status_code == 403
            assert "WebHook-Allowed-Origin" not in refused.headers


@pytest.mark.parametrize("body, status", [(b"nonsense", 400), (b"{}", 400), (b"\xff", 400), (b" " * 3000, 413)])
async def test_what_is_no_event(body: bytes, status: int) -> None:
    """Is refused for good, with the reason; too much is not even read."""
    taker = Taker()
    async with serving(taker, max_bytes=2048) as client:
        answer = await client.post("/events", content=body, headers=SIGNED_IN)
    assert (answer.status_code, taker.batches) == (status, [])
    assert answer.json()["error"]


async def test_an_event_that_comes_again() -> None:
    """Within the window it is known, and taken over once; what is too old, or from the future, is refused."""
    taker = Taker()
    async with serving(taker, window_minutes=60) as client:
        for _ in range(3):
            assert (await client.post("/events", json=[grid()], headers=SIGNED_IN)).status_code == 200
        assert len(taker.batches) == 1
        for at in (NOW - timedelta(minutes=61), NOW + timedelta(minutes=6)):
            event = grid(id="g2", eventTime=at.isoformat())
            assert (await client.post("/events", json=[event], headers=SIGNED_IN)).status_code == 400
    assert len(taker.batches) == 1


@pytest.mark.parametrize("error", [NotHandedOver("Prefect is away"), ZeroDivisionError("ours")])
async def test_what_nobody_takes_over(error: Exception) -> None:
    """Is the sender's still: it is told to come again, and then is not taken for known."""
    taker = Taker()
    taker.error = error
    async with serving(taker) as client:
        answer = await client.post("/events", json=[grid()], headers=SIGNED_IN)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert "Prefect" not in answer.text
        taker.error = InvalidEvent("a key has a dot segment")
        assert (await client.post("/events", json=[grid()], headers=SIGNED_IN)).status_code == 400
        taker.error = None
        assert (await client.post("/events", json=[grid()], headers=SIGNED_IN)).status_code == 200
    assert len(taker.batches) == 3


async def test_many_requests_become_few_batches() -> None:
    """Each is answered when its batch was taken over; an error is everybody's in it."""
    taker = Taker()
    batches = Batches(taker, seconds=0.2, most=60)
    async with serving(batches.add) as client:
        sent = [client.post("/events", json=[grid(id=str(number))], headers=SIGNED_IN) for number in range(100)]
        answers = await asyncio.gather(*sent)
        assert {one.status_code for one in answers} == {200}
        assert sum(map(len, taker.batches)) == 100
        assert len(taker.batches) < 20
        taker.error = NotHandedOver("no")
        sent = [client.post("/events", json=[grid(id=f"x{number}")], headers=SIGNED_IN) for number in range(3)]
        assert {one.status_code for one in await asyncio.gather(*sent)} == {503}


async def test_a_stream_of_requests_makes_few_batches() -> None:
    """The first goes at once, what comes soon after it goes together."""
    taker = Taker()
    batches = Batches(taker, seconds=0, most=60, pace=0.5)
    arrivals = read_cloud_event({}, json.dumps(grid()).encode()).arrivals
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(batches.add(arrivals))
            await asyncio.sleep(0.02)
    assert [len(one) for one in taker.batches] == [1, 4]


async def test_tls(tmp_path: Path) -> None:
    """With a certificate; one that cannot be used is told."""
    import trustme  # noqa: PLC0415  # only here

    authority: Any = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certfile, keyfile, other = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "other.pem"
    issued.cert_chain_pems[0].write_to_path(str(certfile))
    issued.private_key_pem.write_to_path(str(keyfile))
    other.write_text("nonsense")
    app = listening(ListenSettings(), Doorkeeper(), Taker())
    with pytest.raises(ConfigurationError, match="cannot be used with"):
        server_of(app, certfile=certfile, keyfile=other)
    import ssl  # noqa: PLC0415  # only here

    context = ssl.create_default_context()
    authority.configure_trust(context)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = server_of(app, certfile=certfile, keyfile=keyfile)
        task = asyncio.create_task(server.serve([listener]))
        async with httpx.AsyncClient(verify=context) as client:
            answer = await client.get(f"https://127.0.0.1:{listener.getsockname()[1]}/healthz")
        assert answer.text == "ok\n"
        server.should_exit = True
        await task


class TestTokens:
    """Microsoft Entra ID: the emulator gives keys and tokens as it does."""

    @asynccontextmanager
    async def check(self, **settings: Any) -> AsyncGenerator[tuple[EmulatorServer, TokenCheck]]:
        """An emulator, and a check that asks it for keys."""
        async with EmulatorServer(EmulatorConfig(resources=("dev",))) as server:
            given: dict[str, Any] = {"tenant": "emulator", "audience": "app", "authority": server.url} | settings
            yield server, TokenCheck(TokenSettings(**given))

    def mint(self, server: EmulatorServer, **changes: Any) -> str:
        """A token of the emulator's issuer."""
        given: dict[str, Any] = {"now": datetime.now(UTC), "lifetime": timedelta(hours=1), "audience": "api://app"}
        given["bearer"] = "grid"
        return server.emulator.access.issuer.mint(**(given | changes))

    async def test_a_good_token_opens(self) -> None:
        """By way of the server; a secret need not be there."""
        async with (
            self.check(clients=("grid",)) as (server, check),
            serving(Taker(), doorkeeper=Doorkeeper(tokens=check)) as client,
        ):
            headers = {"Authorization": f"Bearer {self.mint(server)}"}
            assert (await client.post("/events", json=[grid()], headers=headers)).status_code == 200
            assert (await client.post("/events", json=[grid()], headers=SIGNED_IN)).status_code == 401

    async def test_no_other_token_does(self) -> None:
        """Another audience, client, time, issuer or key; no signature; nonsense."""
        async with self.check(clients=("grid",)) as (server, check):
            now = datetime.now(UTC)
            assert await check.admits(self.mint(server))
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            claims = {"iss": "https://sts.windows.net/emulator/", "aud": "app", "iat": now, "appid": "grid"}
            claims["exp"] = now + timedelta(hours=1)
            bad = [
                self.mint(server, audience="other"),
                self.mint(server, bearer="somebody"),
                self.mint(server, now=now - timedelta(hours=3)),
                self.mint(server, now=now + timedelta(hours=3)),
                jwt.encode(claims, key, algorithm="RS256", headers={"kid": "emulator"}),
                jwt.encode(claims, key, algorithm="RS256", headers={"kid": "unknown"}),
                jwt.encode(claims, "a" * 32, algorithm="HS256", headers={"kid": "emulator"}),
                jwt.encode(claims, "", algorithm="none", headers={"kid": "emulator"}),
                "nonsense",
                "",
            ]
            for token in bad:
                assert not await check.admits(token), token
        async with self.check(tenant="other") as (server, check):
            assert not await check.admits(self.mint(server))

    async def test_keys_are_asked_for_rarely(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many tokens name unknown keys."""
        asked: list[int] = []
        fetch = jwt.PyJWKClient.get_jwk_set

        def counted(client: jwt.PyJWKClient) -> jwt.PyJWKSet:
            asked.append(1)
            return fetch(client)

        monkeypatch.setattr(jwt.PyJWKClient, "get_jwk_set", counted)
        async with self.check() as (server, check):
            stranger = jwt.encode({}, "a" * 32, algorithm="HS256", headers={"kid": "unknown"})
            for _ in range(20):
                assert not await check.admits(stranger)
            assert await check.admits(self.mint(server))
        assert len(asked) == 1

    async def test_a_directory_that_is_away(self) -> None:
        """Is no reason to refuse anybody for good."""
        check = TokenCheck(TokenSettings(tenant="t", audience="app", authority="http://127.0.0.1:9"))
        token = jwt.encode({}, "a" * 32, algorithm="HS256", headers={"kid": "k"})
        with pytest.raises(Unreachable):
            await check.admits(token)
        async with serving(Taker(), doorkeeper=Doorkeeper(tokens=check)) as client:
            answer = await client.post("/events", json=[grid()], headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in (401, 503)
