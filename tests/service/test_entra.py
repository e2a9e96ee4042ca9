"""Microsoft Entra ID with azure-identity's real credentials, against the emulator's own sign-in, over real sockets."""

from __future__ import annotations

import asyncio
import logging
import time as real_time
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from azure.identity.aio import (
    ClientSecretCredential,
    DefaultAzureCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.emulator.tls import throw_away_tls
from cluvault.errors import ConfigurationError, PermissionDenied, SignInRefused, Unreachable
from cluvault.service.auth import credential_for
from cluvault.service.budget import Budget
from cluvault.service.client import CluClient
from cluvault.service.entra import EntraCredential, default_token_source, trusting
from cluvault.settings import ResourceSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluvault.service.entra import TokenSource
    from cluvault.service.signing import Credential

KEY = "emulator-key-1"
METADATA = {"projectKind": "Conversation", "language": "en-us", "multilingual": False}
SCOPE = "https://cognitiveservices.azure.com/.default"


class Site:
    """An emulator over https that signs in by Entra, and clients that trust its authority."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] | None = None, **config: Any) -> None:
        self.ca_file = folder / "ca.pem"
        self.server = EmulatorServer(
            EmulatorConfig(resources=("dev",), **config),
            tls=throw_away_tls(self.ca_file),
            clock=clock or (lambda: datetime.now(UTC)),
        )
        self.authority = self.server.url

    @property
    def tokens(self) -> int:
        """How many tokens were given."""
        return self.server.emulator.access.issuer.signed

    def settings(self, **members: Any) -> ResourceSettings:
        """The resource, over https, with the emulator's authority trusted."""
        endpoint = self.server.resource_url("dev")
        usual = {"endpoint": endpoint, "ca-file": str(self.ca_file), "limits": "off", "api-version": "2023-04-01"}
        return ResourceSettings.model_validate(usual | members)

    def client(self, credential: Credential, **members: Any) -> CluClient:
        """A client that polls without much waiting."""
        return CluClient(self.settings(**members), credential, name="dev", budget=Budget("off"), sleep=_a_moment)


async def _a_moment(seconds: float) -> None:
    await asyncio.sleep(min(seconds, 0.05))


# --- the real credentials ------------------------------------------------------------------------------------------


def app_service(site: Site, environment: pytest.MonkeyPatch) -> None:
    """The environment of an App Service with a managed identity."""
    environment.setenv("IDENTITY_ENDPOINT", f"{site.authority}/msi/token")
    environment.setenv("IDENTITY_HEADER", KEY)


def service_principal(site: Site, environment: pytest.MonkeyPatch, client_id: str = "owner") -> None:
    """The environment of a service principal with a secret."""
    for name, value in {
        "AZURE_AUTHORITY_HOST": site.authority,
        "AZURE_TENANT_ID": "contoso",
        "AZURE_CLIENT_ID": client_id,
        "AZURE_CLIENT_SECRET": KEY,
    }.items():
        environment.setenv(name, value)


def managed_identity(site: Site, environment: pytest.MonkeyPatch, _: Path) -> TokenSource:
    """ManagedIdentityCredential, as on App Service."""
    app_service(site, environment)
    return ManagedIdentityCredential(transport=trusting(site.ca_file))


def client_secret(site: Site, _environment: pytest.MonkeyPatch, _: Path) -> TokenSource:
    """ClientSecretCredential, with another authority than the public cloud's."""
    transport = trusting(site.ca_file)
    return ClientSecretCredential("contoso", "writer", KEY, authority=site.authority, transport=transport)


def workload_identity(site: Site, environment: pytest.MonkeyPatch, folder: Path) -> TokenSource:
    """WorkloadIdentityCredential, as in a Kubernetes pod with a projected token."""
    environment.setenv("AZURE_AUTHORITY_HOST", site.authority)
    (folder / "federated-token").write_text(f"{KEY}\n")
    return WorkloadIdentityCredential(
        tenant_id="contoso",
        client_id="writer",
        token_file_path=str(folder / "federated-token"),
        transport=trusting(site.ca_file),
    )


def default_as_app_service(site: Site, environment: pytest.MonkeyPatch, _: Path) -> TokenSource:
    """What cluvault itself opens, finding a managed identity."""
    app_service(site, environment)
    source = default_token_source(site.ca_file)
    assert isinstance(source, DefaultAzureCredential)
    return source


def default_as_service_principal(site: Site, environment: pytest.MonkeyPatch, _: Path) -> TokenSource:
    """What cluvault itself opens, finding the AZURE_* variables."""
    service_principal(site, environment)
    return default_token_source(site.ca_file)


Opener = Any  # (Site, MonkeyPatch, Path) -> TokenSource
SOURCES: list[Opener] = [
    managed_identity,
    client_secret,
    workload_identity,
    default_as_app_service,
    default_as_service_principal,
]


@pytest.mark.parametrize("opener", SOURCES, ids=lambda opener: opener.__name__)
async def test_the_real_credentials_sign_in(opener: Opener, cloudless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Over https, with a private authority trusted: one token serves a whole backup's worth of requests."""
    site = Site(tmp_path)
    credential = EntraCredential(SCOPE, open_source=partial(opener, site, cloudless, tmp_path))
    async with site.server, site.client(credential) as client:
        await client.create_project("A", METADATA)
        exported = await client.export_project("A")
        assert b'"projectName":"A"' in exported.data
        assert site.tokens == 1


async def test_settings_are_enough_for_a_private_cloud(cloudless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`ca-file` counts for the endpoint and for its sign-in; nothing else has to be told to cluvault."""
    site = Site(tmp_path)
    service_principal(site, cloudless)
    credential = credential_for(site.settings(), name="dev", environment={})
    async with site.server, site.client(credential) as client:
        assert [one async for one in client.list_projects()] == []


@pytest.mark.parametrize("way", ["ca-file", "SSL_CERT_FILE"])
async def test_keys_travel_over_https_as_well(cloudless: pytest.MonkeyPatch, tmp_path: Path, way: str) -> None:
    """A private authority is named by the resource's setting, or for the whole process by the usual variable."""
    site = Site(tmp_path)
    members: dict[str, Any] = {"key": {"env": "K"}}
    if way == "SSL_CERT_FILE":
        cloudless.setenv("SSL_CERT_FILE", str(site.ca_file))
        members["ca-file"] = None
    settings = site.settings(**members)
    credential = credential_for(settings, name="dev", environment={"K": KEY})
    async with site.server, site.client(credential, **members) as client:
        await client.create_project("A", METADATA)
        assert b'"projectName":"A"' in (await client.export_project("A")).data


async def test_a_managed_identity_on_loopback_needs_no_tls(cloudless: pytest.MonkeyPatch) -> None:
    """App Service's endpoint is plain http on the machine itself, and so may the emulator be."""
    async with EmulatorServer(EmulatorConfig(resources=("dev",))) as server:
        cloudless.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        cloudless.setenv("IDENTITY_HEADER", KEY)
        settings = ResourceSettings(endpoint=server.resource_url("dev"), limits="off")
        async with CluClient(settings, credential_for(settings, name="dev", environment={}), name="dev") as client:
            assert [one async for one in client.list_projects()] == []


@pytest.mark.parametrize("client_id, allowed", [("reader", 0), ("writer", 1), ("owner", 2)])
async def test_a_role_that_is_too_weak_is_named(
    cloudless: pytest.MonkeyPatch, tmp_path: Path, client_id: str, allowed: int
) -> None:
    """403 becomes one line with the role that it takes; nothing is tried again."""
    site = Site(tmp_path)
    service_principal(site, cloudless, client_id)
    credential = credential_for(site.settings(), name="dev", environment={})
    async with site.server, site.client(credential) as client:
        assert await client.project_exists("A") is False
        calls: list[Callable[[], Any]] = [
            lambda: client.create_project("A", METADATA),
            lambda: client.delete_project("A"),
        ]
        for call in calls[:allowed]:
            await call()
        for call, role in list(zip(calls, ("Writer", "Owner"), strict=True))[allowed:]:
            with pytest.raises(PermissionDenied, match=f"dev/A: .*needs the role 'Cognitive Services Language {role}'"):
                await call()
        assert client.statistics.retries == 0
    assert site.tokens == 1


# --- tokens end ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opener", [managed_identity, workload_identity], ids=lambda opener: opener.__name__)
async def test_tokens_end_and_are_renewed_in_the_middle_of_a_long_poll(
    opener: Opener, cloudless: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A job outlives several tokens: each is renewed, at its end at the latest, and nobody notices."""
    site = Site(tmp_path, token_seconds=2, job_seconds=2.5)
    credential = EntraCredential(SCOPE, open_source=partial(opener, site, cloudless, tmp_path))
    async with site.server, site.client(credential) as client:
        await client.create_project("A", METADATA)
        exported = await client.export_project("A")
        assert b'"projectName":"A"' in exported.data
        assert client.statistics.retries == 0
        assert client.statistics.requests["POST"] == 1
        assert 2 <= site.tokens <= 5


@pytest.mark.parametrize("opener", [managed_identity, client_secret], ids=lambda opener: opener.__name__)
async def test_a_401_in_the_middle_of_a_poll_costs_one_fresh_token(
    opener: Opener, cloudless: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The service's clock says that the token is over while azure-identity still believes in it: one more, and on."""
    jump = timedelta()

    def clock() -> datetime:
        return datetime.now(UTC) + jump

    site = Site(tmp_path, clock=clock, job_seconds=3600 + 60)
    credential = EntraCredential(SCOPE, open_source=partial(opener, site, cloudless, tmp_path))
    statuses: list[str] = []
    async with site.server, site.client(credential) as client:
        await client.create_project("A", METADATA)
        handle = await client.begin_export("A")

        def on_status(job: Any) -> None:
            nonlocal jump
            statuses.append(job.status)
            if len(statuses) == 3:
                jump = timedelta(seconds=3600)
            if len(statuses) == 6:
                jump = timedelta(seconds=3600 + 120)

        job = await client.wait(handle, timeout=60, on_status=on_status)
        assert client.statistics.retries == 0
    assert job.status == "succeeded"
    assert len(statuses) > 6
    assert site.tokens == 2


async def test_a_crowd_whose_token_was_refused_shares_the_next(cloudless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Twenty requests meet a 401; azure-identity is asked once more, not twenty times."""
    jump = timedelta()
    site = Site(tmp_path, clock=lambda: datetime.now(UTC) + jump)
    credential = EntraCredential(SCOPE, open_source=partial(client_secret, site, cloudless, tmp_path))
    async with site.server, site.client(credential) as client:
        await client.create_project("A", METADATA)
        jump = timedelta(hours=2)
        found = await asyncio.gather(*(client.get_project("A") for _ in range(20)))
    assert len(found) == 20
    assert site.tokens == 2


# --- no token ------------------------------------------------------------------------------------------------------


async def test_a_wrong_secret_is_one_line_without_it(
    cloudless: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Entra's own words, the resource and the mend; azure-identity's page of advice is cut."""
    caplog.set_level(logging.DEBUG)
    site = Site(tmp_path)
    service_principal(site, cloudless)
    cloudless.setenv("AZURE_CLIENT_SECRET", "s3cr3t-0f-n0b0dy")
    cloudless.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    credential = credential_for(site.settings(), name="dev", environment={})
    async with site.server, site.client(credential) as client:
        with pytest.raises(SignInRefused, match="dev/A: get project: Microsoft Entra ID gives no token: ") as caught:
            await client.get_project("A")
    assert "AADSTS7000215" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value) + caplog.text
    assert site.tokens == 0


async def test_an_authority_that_nobody_vouches_for_is_not_asked(cloudless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `ca-file` a private authority is a stranger: the secret is not sent, for want of a connection."""
    site = Site(tmp_path)
    source = partial(ClientSecretCredential, "contoso", "owner", KEY, authority=site.authority, retry_total=0)
    cloudless.delenv("SSL_CERT_FILE", raising=False)
    async with site.server, site.client(EntraCredential(SCOPE, open_source=source)) as client:
        with pytest.raises(Unreachable, match=r"Microsoft Entra ID cannot be reached: .*[Cc]ertificate"):
            await client.get_project("A")
    assert site.tokens == 0


async def test_an_endpoint_that_nobody_vouches_for_gets_no_token(cloudless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A certificate of nobody's ends the matter before any header is sent."""
    site = Site(tmp_path)
    credential = EntraCredential(SCOPE, open_source=partial(client_secret, site, cloudless, tmp_path))
    other = tmp_path / "other.pem"
    throw_away_tls(other)
    async with site.server, site.client(credential, **{"ca-file": str(other)}) as client:
        with pytest.raises(Unreachable, match=r"dev/A: get project: no connection: .*CERTIFICATE_VERIFY_FAILED"):
            await client.get_project("A")
    assert not site.server.emulator.requests.last


async def test_an_authority_over_plain_http_is_refused(cloudless: pytest.MonkeyPatch) -> None:
    """azure-identity's own rule: no secret travels in clear, to loopback neither."""
    cloudless.setenv("AZURE_AUTHORITY_HOST", "http://127.0.0.1:1/entra")
    credential = EntraCredential(SCOPE)
    with pytest.raises(SignInRefused, match="invalid authority"):
        await credential.headers()


@pytest.mark.parametrize("content", [None, "no PEM"])
def test_a_file_of_authorities_that_cannot_be_used_is_told(tmp_path: Path, content: str | None) -> None:
    """When the client is made, with the file and the name of the setting."""
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    settings = ResourceSettings.model_validate({"endpoint": "https://x", "ca-file": str(ca_file)})
    with pytest.raises(
        ConfigurationError, match=r"ca\.pem: cannot be read as certificates .*give a PEM file in ca-file"
    ):
        CluClient(settings, EntraCredential(SCOPE))


async def test_a_private_authority_does_not_replace_the_public_ones(tmp_path: Path) -> None:
    """Both are believed: a private endpoint and the public sign-in are a usual pair."""
    throw_away_tls(tmp_path / "ca.pem")
    transport: Any = trusting(tmp_path / "ca.pem")
    context = transport.session.connector._ssl
    names = {str(one["subject"]) for one in context.get_ca_certs()}
    await transport.close()
    assert any("throw-away authority" in name for name in names)
    assert len(names) > 20


async def test_waiting_for_a_token_can_be_given_up() -> None:
    """Cancelled in the middle, the traceback ends here: azure-identity's local variables stay its own."""

    class Slow:
        async def get_token(self, *scopes: str) -> Any:
            secret = f"s3cr3t for {scopes}"
            await asyncio.sleep(60)
            return secret

        async def close(self) -> None:
            """Nothing to close."""

    credential = EntraCredential(SCOPE, open_source=Slow)
    began = real_time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        await asyncio.wait_for(credential.headers(), 0.05)
    assert real_time.monotonic() - began < 5
    frames: list[str] = []
    err: BaseException | None = caught.value
    while err is not None:
        trace = err.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame.f_code.co_name)
            trace = trace.tb_next
        err = err.__cause__ or err.__context__
    assert "_fetch" in frames
    assert "get_token" not in frames
