"""The webhook: told of events as CloudEvents, signed, patient within bounds; the run does not depend on it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from cluvault.errors import ConfigurationError, ProjectExists
from cluvault.model.event import Event
from cluvault.ops.announcements import announcing
from cluvault.ops.backup import BackupOptions, backup
from cluvault.ops.notify import Delivery, notify
from cluvault.ops.restore import RestoreOptions, restore
from cluvault.ops.workspace import Workspace
from cluvault.plan.cloud_events import BATCH, STRUCTURED
from cluvault.settings import EventsSettings, load_settings
from tests.support.receiver import Receiver, receiving
from tests.support.world import World, project_file

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

SECRET = "whsec_" + base64.b64encode(b"a key of 24 bytes or more").decode()
ENVIRONMENT = {"KEY": "k", "HOOK_SECRET": SECRET, "HOOK_TOKEN": "token-that-nobody-sees"}


@pytest.fixture
def receiver() -> Generator[Receiver]:
    """A receiver over plain http, which is for this machine only."""
    with receiving() as running:
        yield running


def configured(world: World, url: str, **values: Any) -> None:
    """Have a webhook."""
    events = EventsSettings.model_validate({"webhook": url, **values})
    world.settings = world.settings.model_copy(update={"events": events})


def workspace_of(world: World, environment: Mapping[str, str] = ENVIRONMENT) -> Workspace:
    """A workspace of the world, with secrets."""
    return Workspace(
        world.settings,
        environment=environment,
        connect=world.connect,
        open_vault_store=world.store_at,
        now=world.now,
        steady=lambda: world.seconds,
        sleep=world.sleep,
    )


async def backed_up(world: World, environment: Mapping[str, str] = ENVIRONMENT) -> tuple[Delivery | None, list[str]]:
    """Back up, which announces `snapshot.created` and `run.done`; what became of telling it, and all announcements."""
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    warnings: list[str] = []
    async with workspace_of(world, environment) as workspace:
        async with announcing(workspace, "backup", warn=warnings.append):
            await backup(workspace, BackupOptions(resources=("dev",)))
        names = [one.event.name for one in workspace.announcements]
    assert ("cluvault.webhook.failed" in names) == bool(warnings)
    return (Delivery(0, 0, warnings[0]) if warnings else None), names


async def test_is_told_of_each_event(world: World, receiver: Receiver) -> None:
    """As a structured CloudEvent, in order, with what the Prefect event says."""
    configured(world, receiver.url, source="urn:example:prod")
    assert (await backed_up(world))[0] is None
    assert receiver.types == ["cluvault.snapshot.created", "cluvault.run.done"]
    first = receiver.received[0]
    assert first.path == "/hooks/very-private?token=quiet"
    assert first.headers["content-type"] == STRUCTURED
    assert {key: first.json[key] for key in ("specversion", "source", "subject", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "urn:example:prod",
        "subject": "cluvault.project.dev/Travel",
        "datacontenttype": "application/json",
    }
    assert first.json["time"].endswith("Z")
    assert first.json["data"]["snapshotId"] == (await world.snapshots())[0].snapshot_id
    assert first.json["data"]["related"]["resource"] == "cluvault.resource.dev"
    assert first.headers["webhook-id"] == first.json["id"]
    assert "webhook-signature" not in first.headers
    assert "authorization" not in first.headers


async def test_unchanged_is_noise_unless_it_is_asked_for(world: World, receiver: Receiver) -> None:
    """`ignore` and `only` are globs of names."""
    configured(world, receiver.url)
    await backed_up(world)
    receiver.received.clear()
    await backed_up(world)
    assert receiver.types == ["cluvault.run.done"]
    receiver.received.clear()
    configured(world, receiver.url, ignore=(), only=("cluvault.snapshot.*",))
    await backed_up(world)
    assert receiver.types == ["cluvault.snapshot.unchanged"]


async def test_batches_when_asked(world: World, receiver: Receiver) -> None:
    """One request holds all of them."""
    configured(world, receiver.url, form="batch")
    await backed_up(world)
    (one,) = receiver.received
    assert one.headers["content-type"] == BATCH
    assert [event["type"] for event in one.json] == ["cluvault.snapshot.created", "cluvault.run.done"]


async def test_can_tell_who_sends(world: World, receiver: Receiver) -> None:
    """The signature is that of Standard Webhooks, over id, moment and body; the bearer token is there as well."""
    configured(world, receiver.url, secret={"env": "HOOK_SECRET"}, token={"env": "HOOK_TOKEN"})
    await backed_up(world)
    one = receiver.received[0]
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    digest = hmac.digest(b"a key of 24 bytes or more", signed, hashlib.sha256)
    assert one.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert abs(int(one.headers["webhook-timestamp"]) - world.now().timestamp()) < 60
    assert one.headers["authorization"] == "Bearer token-that-nobody-sees"


async def test_a_secret_may_be_any_text(world: World, receiver: Receiver) -> None:
    """Without whsec_ its own bytes are the key."""
    configured(world, receiver.url, secret={"env": "HOOK_SECRET"})
    await backed_up(world, {**ENVIRONMENT, "HOOK_SECRET": "plain"})
    one = receiver.received[0]
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    digest = hmac.digest(b"plain", signed, hashlib.sha256)
    assert one.headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"HOOK_SECRET": ""}, "events.secret: environment variable HOOK_SECRET is not set"),
        ({"HOOK_SECRET": "whsec_&&&"}, "no base64"),
        ({"HOOK_TOKEN": "two words"}, "holds a space"),
    ],
)
async def test_nothing_is_sent_unsigned(
    world: World, receiver: Receiver, changed: Mapping[str, str], said: str
) -> None:
    """A secret that is missing or malformed is warned of; the backup is done all the same; the value is not told."""
    configured(world, receiver.url, secret={"env": "HOOK_SECRET"}, token={"env": "HOOK_TOKEN"})
    delivery, _ = await backed_up(world, {**ENVIRONMENT, **changed})
    assert delivery is not None
    assert said in delivery.problem
    assert not any(value and value in delivery.problem for value in changed.values())
    assert receiver.received == []
    assert len(await world.snapshots()) == 1


async def test_tries_again_what_may_pass(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """500, then too many, then good: the same id, and Retry-After is believed."""
    waits: list[float] = []
    sleep = world.sleep

    async def noted(seconds: float) -> None:
        waits.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(world, "sleep", noted)
    configured(world, receiver.url, secret={"env": "HOOK_SECRET"})
    receiver.answer(500)
    receiver.answer(429, retry_after="7")
    assert (await backed_up(world))[0] is None
    ids = [one.headers["webhook-id"] for one in receiver.received]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    assert waits[-2:] == [0.5, 7.0]


async def test_patience_ends(world: World, receiver: Receiver) -> None:
    """What fails for good costs its patience once, and is counted."""
    configured(world, receiver.url, patience=20)
    for _ in range(30):
        receiver.answer(503)
    delivery, names = await backed_up(world)
    assert delivery is not None
    assert delivery.problem == "the webhook was not told of 2 of 2 events: it answers 503 (tried 6 times)"
    assert names[-1] == "cluvault.webhook.failed"
    assert world.seconds <= 20
    assert {one.headers["webhook-id"] for one in receiver.received} == {receiver.received[0].headers["webhook-id"]}


@pytest.mark.parametrize("status, requests", [(401, 1), (410, 1), (400, 2), (413, 2)])
async def test_a_refusal_is_final(world: World, receiver: Receiver, status: int, requests: int) -> None:
    """Of one message, when it may be due to what that says; else of all."""
    configured(world, receiver.url)
    receiver.answer(status)
    delivery, _ = await backed_up(world)
    assert delivery is not None
    assert f"it answers {status}" in delivery.problem
    assert len(receiver.received) == requests


async def test_redirects_are_not_followed(world: World, receiver: Receiver) -> None:
    """Secret and token stay where they were sent; the warning names no address."""
    configured(world, receiver.url, token={"env": "HOOK_TOKEN"})
    with receiving() as other:
        receiver.answer(307, location=other.url)
        delivery, _ = await backed_up(world)
        assert other.received == []
    assert delivery is not None
    assert "redirect" in delivery.problem
    assert "private" not in delivery.problem


async def test_is_not_waited_for(world: World, receiver: Receiver) -> None:
    """An answer that is slower than the timeout is none."""
    configured(world, receiver.url, timeout=0.1, patience=0.4)
    receiver.answer(204, seconds=0.5)
    delivery, _ = await backed_up(world)
    assert delivery is not None
    assert "no answer in time" in delivery.problem


async def test_nobody_there(world: World) -> None:
    """A closed port is warned of."""
    with receiving() as gone:
        pass
    configured(world, gone.url, patience=1)
    delivery, _ = await backed_up(world)
    assert delivery is not None
    assert "no connection" in delivery.problem


async def test_over_tls(world: World, tmp_path: Path) -> None:
    """By a private authority that is configured; by nobody that is not trusted."""
    authority: Any = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with receiving(context) as receiver:
        configured(world, receiver.url, patience=0.1)
        delivery, _ = await backed_up(world)
        assert delivery is not None
        assert "certificate" in delivery.problem
        configured(world, receiver.url, ca_file=str(tmp_path / "ca.pem"))
        assert (await backed_up(world))[0] is None
        assert receiver.types == ["cluvault.run.done"]


async def test_an_error_is_told(world: World, receiver: Receiver) -> None:
    """A restore that is refused reaches the receiver, and is raised as it was."""
    configured(world, receiver.url)
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    await world.backup(resources=("dev",))
    options = RestoreOptions(reference="dev/Travel", to="dev/Travel")
    async with workspace_of(world) as workspace:
        with pytest.raises(ProjectExists):
            async with announcing(workspace, "restore", options):
                await restore(workspace, options)
    assert receiver.types == ["cluvault.restore.failed", "cluvault.run.failed"]


async def test_a_cancelled_operation_tells_what_it_has(world: World, receiver: Receiver) -> None:
    """Within five seconds; then it is cancelled."""
    configured(world, receiver.url)
    for _ in range(30):
        receiver.answer(503)
    await world.put("dev", "Travel", project_file("Travel", "to Rome"))
    warnings: list[str] = []

    async def cancelled(workspace: Workspace) -> None:
        async with announcing(workspace, "backup", warn=warnings.append):
            await backup(workspace, BackupOptions(resources=("dev",)))
            raise asyncio.CancelledError

    async with workspace_of(world) as workspace:
        with pytest.raises(asyncio.CancelledError):
            await cancelled(workspace)
    assert world.seconds <= 5
    assert len(warnings) == 1


class SuspendedError(BaseException):
    """As Prefect's Pause is: no Exception."""


@pytest.mark.parametrize("signal, told", [(SuspendedError, 1), (KeyboardInterrupt, 0)])
async def test_a_suspended_operation_tells_what_it_has(
    world: World, receiver: Receiver, signal: type[BaseException], told: int
) -> None:
    """A promotion that waits for its approval in Prefect's form asks for it; who presses Ctrl-C waits for nothing."""
    configured(world, receiver.url)
    asked = Event("cluvault.promotion.awaiting-approval", "cluvault.project.prod/Desk", {"runId": "r"})

    async def suspended(workspace: Workspace) -> None:
        async with announcing(workspace, "promote"):
            workspace.announce([asked])
            raise signal

    async with workspace_of(world) as workspace:
        with pytest.raises(signal):
            await suspended(workspace)
    assert len(receiver.received) == told


async def test_our_own_faults_end_no_run(world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is, the run that it tells of stays as it is."""
    configured(world, receiver.url)

    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("the key is 1234")

    monkeypatch.setattr("cluvault.service.webhook.SignedHeaders", stumble)
    delivery, _ = await backed_up(world)
    assert delivery is not None
    assert delivery.problem.endswith("unexpected RuntimeError")


async def test_without_a_webhook_nothing_is_done(world: World) -> None:
    """No HTTP client is made."""
    async with workspace_of(world) as workspace:
        assert await notify(workspace) is None


@pytest.mark.parametrize(
    "values, said",
    [
        ({"webhook": "http://hooks.example.org/x"}, "should be https"),
        ({"webhook": "https://user:word@hooks.example.org/x"}, "no user"),
        ({"webhook": "nonsense"}, "should be a URL"),
        ({"secret": {"env": "X"}}, "give its URL"),
        ({"webhook": "https://h.example", "secret": "whsec_x"}, "never written here"),
        ({"webhook": "https://h.example", "source": "two words"}, "pattern"),
    ],
)
def test_what_cannot_be_meant_is_refused(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    """When the configuration is read, in one line that does not quote a secret."""
    file = tmp_path / "cluvault.toml"
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    file.write_text("[events]\n" + "\n".join(lines), "utf-8")
    with pytest.raises(ConfigurationError, match=said) as raised:
        load_settings(file, environment={})
    assert "whsec_x" not in str(raised.value)
    assert "word@" not in str(raised.value)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return '{ env = "X" }'
    return f'"{value}"'
