"""One object by its URL: the same promises for S3 (moto) and Blob (Azurite), over real sockets."""

from __future__ import annotations

import gzip
import logging
import os
import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import pytest
from azure.core.exceptions import AzureError, ServiceResponseError

from cluvault.errors import (
    CluvaultError,
    ConfigurationError,
    ObjectNotFound,
    ObjectTooLarge,
    StorageDenied,
    StoreUnavailable,
    UsageError,
    VaultError,
)
from cluvault.vault import blob
from cluvault.vault.remote import DEFAULT_LIMIT, read_object
from tests.service.test_transport import listening

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.support.azurite import Azurite
    from tests.support.objects import Objects
    from tests.support.s3_server import S3Server

WHOLE = (
    b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nETag: "1"\r\nContent-Range: bytes 0-1/2\r\nConnection: close\r\n\r\n{}'
)
TORN = WHOLE.replace(b"Length: 2", b"Length: 9").replace(b"0-1/2", b"0-8/9")
FAILING = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
OTHER_KEY = "bm90IHRoZSBrZXkgb2YgdGhpcyBhY2NvdW50LCBidXQgb25l"


async def read(url: str, *, limit: int = DEFAULT_LIMIT, tries: int = 1) -> bytes:
    """Read with the environment of this process."""
    return await read_object(url, environment=os.environ, limit=limit, tries=tries)


def lead(environment: pytest.MonkeyPatch, scheme: str, endpoint: str) -> str:
    """Let the environment lead to a server that a test made, with a key; returns a URL of an object there."""
    if scheme == "s3":
        environment.setenv("AWS_ENDPOINT_URL_S3", endpoint)
        environment.setenv("AWS_ACCESS_KEY_ID", "AKIA")
        environment.setenv("AWS_SECRET_ACCESS_KEY", OTHER_KEY)
        environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
        return "s3://bucket/key"
    environment.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", f"{endpoint}/account")
    environment.setenv("AZURE_STORAGE_KEY", OTHER_KEY)
    return "az://account/container/key"


@pytest.mark.parametrize("body", [b"{}", b"", gzip.compress(b"{}"), os.urandom(5_000_000)], ids=len)
async def test_an_object_comes_as_it_is_stored(objects: Objects, body: bytes) -> None:
    """Small, empty, compressed and large, to the byte."""
    assert await read(objects.put("a/config.json", body)) == body


async def test_a_content_encoding_is_not_undone(objects: Objects) -> None:
    """Whatever its headers say: who reads recognises gzip by its bytes, however an object was uploaded."""
    body = gzip.compress(b"{}" * 1000)
    assert await read(objects.put("config.json", body, encoding="gzip")) == body


@pytest.mark.parametrize(
    "key",
    [
        "My App/config.json",
        "Übersicht/日本.json",
        "100%/%41.json",
        "a+b&c=d.json",
        "what?.json",
        "a#b.json",
        "(~!*').x",
    ],
)
async def test_a_key_may_hold_any_letter(objects: Objects, key: str) -> None:
    """The key in the URL is the key in the store; nothing is decoded or encoded twice."""
    assert await read(objects.put(key, key.encode())) == key.encode()


async def test_a_missing_object(objects: Objects) -> None:
    """The error names the URL and exits with 1."""
    with pytest.raises(ObjectNotFound, match="no such object") as caught:
        await read(objects.url("missing.json"))
    assert str(caught.value).startswith(objects.url("missing.json"))
    assert caught.value.exit_code == 1


async def test_a_missing_bucket_or_container(objects: Objects) -> None:
    """It is told apart from a missing object."""
    url = objects.url("a.json").replace("-", "-no-such-", 1)
    with pytest.raises(StorageDenied, match=r"there is no such (bucket|container) \(404 \w+, request [\w-]+\); check"):
        await read(url)


async def test_a_limit_on_the_size(objects: Objects) -> None:
    """As many bytes as the limit are read, one more is refused before the body is."""
    url = objects.put("a", b"12345")
    assert await read(url, limit=5) == b"12345"
    with pytest.raises(ObjectTooLarge, match="has 5 bytes, at most 4 are read"):
        await read(url, limit=4)


async def test_no_object_is_no_url_of_an_object() -> None:
    """Refused before anything is imported or sent."""
    with pytest.raises(UsageError, match="names no object"):
        await read("s3://bucket/")


@pytest.mark.parametrize("scheme", ["s3", "az"])
async def test_nobody_listens(scheme: str, cloudless: pytest.MonkeyPatch) -> None:
    """The error names the endpoint, and can be retried."""
    async with listening(WHOLE) as server:
        endpoint = server.url
    with pytest.raises(StoreUnavailable) as caught:
        await read(lead(cloudless, scheme, endpoint))
    assert f"key: {endpoint} cannot be reached" in str(caught.value)
    assert caught.value.retryable


@pytest.mark.parametrize("scheme", ["s3", "az"])
@pytest.mark.parametrize("answer", [TORN, None], ids=["torn", "reset"])
async def test_half_a_body_never_passes_for_a_whole_one(
    scheme: str, answer: bytes | None, cloudless: pytest.MonkeyPatch
) -> None:
    """A connection that breaks, before the answer or in its middle."""
    async with listening(answer) as server:
        with pytest.raises(StoreUnavailable, match=r"broke off|cannot be reached"):
            await read(lead(cloudless, scheme, server.url))


@pytest.mark.parametrize("scheme", ["s3", "az"])
async def test_a_store_that_fails_once(scheme: str, cloudless: pytest.MonkeyPatch) -> None:
    """A request is tried as often as was said, and no more."""
    async with listening(FAILING, WHOLE) as server:
        assert await read(lead(cloudless, scheme, server.url), tries=2) == b"{}"
    async with listening(FAILING) as server:
        with pytest.raises(StoreUnavailable, match=r"the store fails \(503"):
            await read(lead(cloudless, scheme, server.url))
        assert len(server.heads) == 1


@pytest.mark.parametrize("scheme", ["s3", "az"])
async def test_a_redirect_is_not_followed(scheme: str, cloudless: pytest.MonkeyPatch) -> None:
    """Nothing is signed for a host that only an answer names."""
    async with listening(WHOLE) as elsewhere:
        reply = f"HTTP/1.1 307 Go\r\nLocation: {elsewhere.url}/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        async with listening(reply.encode()) as server:
            with pytest.raises(VaultError, match=r"the store refuses the request|redirects every request"):
                await read(lead(cloudless, scheme, server.url))
        assert elsewhere.heads == []


class TestS3:
    @pytest.fixture
    def environment(self, cloudless: pytest.MonkeyPatch, s3_server: S3Server) -> pytest.MonkeyPatch:
        for name, value in s3_server.environment.items():
            cloudless.setenv(name, value)
        return cloudless

    @pytest.fixture
    def checked(self, s3_server: S3Server) -> Generator[None]:
        """Let moto check who asks, as AWS does."""

        def set_free_calls(number: str) -> None:
            url = f"{s3_server.endpoint}/moto-api/reset-auth"
            request = Request(url, number.encode(), {"Content-Type": "text/plain"})  # noqa: S310  # loopback
            urlopen(request).close()  # noqa: S310  # loopback

        set_free_calls("0")
        yield
        set_free_calls("inf")

    @pytest.mark.usefixtures("environment")
    async def test_a_version(self, s3_server: S3Server) -> None:
        """The newest unless one is named; a version that does not exist is no object."""
        bucket = s3_server.new_bucket()
        s3_server.client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        old = s3_server.client.put_object(Bucket=bucket, Key="a", Body=b"old")["VersionId"]
        s3_server.client.put_object(Bucket=bucket, Key="a", Body=b"new")
        assert await read(f"s3://{bucket}/a") == b"new"
        assert await read(f"s3://{bucket}/a?versionId={old}") == b"old"

    @pytest.mark.usefixtures("checked")
    async def test_an_unknown_key(self, environment: pytest.MonkeyPatch) -> None:
        """S3 refuses; the mend says how to sign in, the message not with what."""
        environment.setenv("AWS_SECRET_ACCESS_KEY", OTHER_KEY)
        with pytest.raises(StorageDenied, match=r"access is refused \(403 InvalidAccessKeyId.*AWS_PROFILE") as caught:
            await read("s3://bucket/key")
        assert caught.value.exit_code == 2
        assert OTHER_KEY not in str(caught.value)

    async def test_no_credentials(self, environment: pytest.MonkeyPatch) -> None:
        """Found before anything is sent."""
        environment.delenv("AWS_ACCESS_KEY_ID")
        environment.delenv("AWS_SECRET_ACCESS_KEY")
        with pytest.raises(ConfigurationError, match=r"no usable credentials .*NoCredentialsError.*; set AWS_PROFILE"):
            await read("s3://bucket/key")

    @pytest.mark.parametrize(
        "name, value", [("AWS_PROFILE", "nobody"), ("AWS_ENDPOINT_URL_S3", "no url"), ("AWS_DEFAULT_REGION", "a b")]
    )
    async def test_a_misconfiguration(self, environment: pytest.MonkeyPatch, name: str, value: str) -> None:
        """An unknown profile, an endpoint or region that is none."""
        environment.setenv(name, value)
        with pytest.raises(ConfigurationError, match="boto3 finds no usable credentials or configuration"):
            await read("s3://bucket/key")

    async def test_a_session_token_never_travels_in_clear(self, environment: pytest.MonkeyPatch) -> None:
        """Plain http beyond loopback is for keys only, which are never sent."""
        environment.setenv("AWS_SESSION_TOKEN", "t0ken")
        environment.setenv("AWS_ENDPOINT_URL_S3", "http://minio.invalid:9000")
        with pytest.raises(
            ConfigurationError, match=r"the session token would travel in clear to http://minio.invalid"
        ):
            await read("s3://bucket/key")
        environment.delenv("AWS_SESSION_TOKEN")
        with pytest.raises(StoreUnavailable, match=r"http://minio.invalid:9000 cannot be reached"):
            await read("s3://bucket/key")


class TestBlob:
    @pytest.fixture
    def url(self, azurite: Azurite) -> str:
        """The URL of a blob `{}`."""
        container = azurite.new_container()
        azurite.service.get_blob_client(container, "a.json").upload_blob(b"{}")
        return f"az://{azurite.account}/{container}/a.json"

    @pytest.fixture
    def environment(self, cloudless: pytest.MonkeyPatch, azurite: Azurite) -> pytest.MonkeyPatch:
        """The endpoint, and no way to sign in."""
        cloudless.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", azurite.endpoint)
        cloudless.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
        return cloudless

    @pytest.fixture
    def sas(self, azurite: Azurite) -> str:
        """A signature that allows reading."""
        import azure.storage.blob  # noqa: PLC0415  # only this fixture needs it

        library: Any = azure.storage.blob
        return library.generate_account_sas(
            azurite.account,
            azurite.key,
            resource_types=library.ResourceTypes(object=True),
            permission=library.AccountSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )

    async def test_an_account_key(self, environment: pytest.MonkeyPatch, azurite: Azurite, url: str) -> None:
        """With or without the name of the account beside it."""
        environment.setenv("AZURE_STORAGE_KEY", azurite.key)
        assert await read(url) == b"{}"
        environment.setenv("AZURE_STORAGE_ACCOUNT", azurite.account)
        assert await read(url) == b"{}"

    @pytest.mark.parametrize("mark", ["", "?"])
    async def test_a_sas(self, environment: pytest.MonkeyPatch, sas: str, url: str, mark: str) -> None:
        """With or without its question mark; within a connection string, too."""
        environment.setenv("AZURE_STORAGE_SAS_TOKEN", mark + sas)
        assert await read(url) == b"{}"
        endpoint = os.environ["AZURE_STORAGE_SERVICE_ENDPOINT"]
        environment.setenv("AZURE_STORAGE_CONNECTION_STRING", f"BlobEndpoint={endpoint};SharedAccessSignature={sas}")
        environment.setenv("AZURE_STORAGE_SAS_TOKEN", "nonsense")
        assert await read(url) == b"{}"

    async def test_a_wrong_key(self, environment: pytest.MonkeyPatch, url: str) -> None:
        """Azure refuses; the mend names the role and the variables."""
        environment.setenv("AZURE_STORAGE_KEY", OTHER_KEY)
        with pytest.raises(
            StorageDenied, match=r"refused \(403 \w+, request .*; give this identity the role"
        ) as caught:
            await read(url)
        assert caught.value.exit_code == 2

    @pytest.mark.parametrize("name", ["AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"])
    async def test_a_secret_of_another_account_stays_here(
        self, environment: pytest.MonkeyPatch, azurite: Azurite, url: str, name: str
    ) -> None:
        """What AZURE_STORAGE_ACCOUNT names another owner for is not sent; the Entra sign-in is asked instead."""
        environment.setenv(name, azurite.key)
        environment.setenv("AZURE_STORAGE_ACCOUNT", "another")
        with pytest.raises(ConfigurationError, match="Entra ID token would travel in clear"):
            await read(url)

    async def test_a_sas_needs_its_account(self, environment: pytest.MonkeyPatch) -> None:
        """It is sent as it is, so not to whatever account a URL names."""
        environment.delenv("AZURE_STORAGE_SERVICE_ENDPOINT")
        environment.setenv("AZURE_STORAGE_SAS_TOKEN", "sig=s3cr3t")
        with pytest.raises(ConfigurationError, match="not whose it is; set AZURE_STORAGE_ACCOUNT, too") as caught:
            await read("az://account/container/a")
        assert "s3cr3t" not in str(caught.value)

    async def test_no_way_to_sign_in(self, environment: pytest.MonkeyPatch) -> None:
        """Found before anything is sent to the store."""
        environment.delenv("AZURE_STORAGE_SERVICE_ENDPOINT")
        with pytest.raises(ConfigurationError, match=r"find no way to sign in .*; give this identity the role"):
            await read("az://account/container/a")

    async def test_a_key_that_is_none(self, environment: pytest.MonkeyPatch, url: str) -> None:
        """It is not quoted."""
        environment.setenv("AZURE_STORAGE_KEY", "n0t base64")
        with pytest.raises(ConfigurationError, match="no way to sign in") as caught:
            await read(url)
        assert "n0t" not in str(caught.value)

    @pytest.mark.parametrize("text", ["nonsense", "AccountKey=s3cr3t", "a=b;;c"])
    async def test_a_malformed_connection_string(self, environment: pytest.MonkeyPatch, text: str) -> None:
        """It is named, not quoted."""
        environment.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
        with pytest.raises(ConfigurationError, match=r"AZURE_STORAGE_CONNECTION_STRING or .* is malformed") as caught:
            await read("az://account/container/a")
        assert text not in "".join(traceback.format_exception(caught.value))

    @pytest.mark.parametrize(
        "name, value",
        [
            ("AZURE_STORAGE_CONNECTION_STRING", f"AccountName=other;AccountKey={OTHER_KEY}"),
            (
                "AZURE_STORAGE_CONNECTION_STRING",
                "BlobEndpoint=https://other.blob.core.windows.net;SharedAccessSignature=x",
            ),
            ("AZURE_STORAGE_SERVICE_ENDPOINT", "https://other.blob.core.usgovcloudapi.net"),
            ("AZURE_STORAGE_SERVICE_ENDPOINT", "https://other-secondary.blob.core.windows.net/"),
            ("AZURE_STORAGE_SERVICE_ENDPOINT", "http://10.0.0.1:10000/other"),
        ],
    )
    async def test_an_endpoint_of_another_account(self, environment: pytest.MonkeyPatch, name: str, value: str) -> None:
        """Somebody else's blob is never taken for the one that was asked for."""
        environment.setenv("AZURE_STORAGE_KEY", OTHER_KEY)
        environment.setenv(name, value)
        with pytest.raises(ConfigurationError, match="in the environment is for account 'other'"):
            await read("az://account/container/a")

    async def test_a_sas_never_travels_in_clear(self, environment: pytest.MonkeyPatch) -> None:
        """Plain http beyond loopback is for keys only, which are never sent."""
        environment.setenv("AZURE_STORAGE_SERVICE_ENDPOINT", "http://azurite.invalid:10000/account")
        environment.setenv("AZURE_STORAGE_SAS_TOKEN", "sig=s3cr3t")
        with pytest.raises(
            ConfigurationError, match=r"signature would travel in clear to http://azurite.invalid:10000;"
        ):
            await read("az://account/container/a")

    @pytest.mark.parametrize("kind", [AzureError, ServiceResponseError])
    def test_any_other_fault_can_pass(self, kind: type[AzureError]) -> None:
        """What the libraries have no better class for is no reason to give up for good."""
        with (
            pytest.raises(StoreUnavailable, match=rf"the answer broke off or arrived damaged \({kind.__name__}\)"),
            blob.translated("az://account/container/a", endpoint=""),
        ):
            raise kind("something")

    async def test_a_version(self, cloudless: pytest.MonkeyPatch) -> None:
        """It is asked for by the name that Azure has for it (Azurite keeps no versions)."""
        async with listening(WHOLE) as server:
            url = lead(cloudless, "az", server.url)
            assert await read(f"{url}?versionid=2026-11-01T02:00:00.1234567Z") == b"{}"
        assert server.heads[0].startswith("GET /account/container/key?versionid=2026-11-01T02")


def told(err: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """All that a person could see of a failure with -v and --debug."""
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("cluvault")]
    return "\n".join([*lines, *traceback.format_exception(err), repr(err), repr(vars(err))])


@pytest.mark.parametrize("missing", ["object", "right"])
async def test_no_failure_tells_a_secret(
    objects: Objects, missing: str, cloudless: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither key nor signature, in the message, the chain of causes, or our log at DEBUG."""
    caplog.set_level(logging.DEBUG, "cluvault")
    if missing == "right":
        cloudless.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
        cloudless.setenv(
            "AZURE_STORAGE_CONNECTION_STRING",
            os.environ.get("AZURE_STORAGE_CONNECTION_STRING", "").replace(objects.secret, OTHER_KEY),
        )
    with pytest.raises(CluvaultError) as caught:
        await read(objects.url("missing"))
    everything = told(caught.value, caplog)
    assert caught.value.__suppress_context__
    assert not any(
        word in everything
        for word in (objects.secret, OTHER_KEY, "Signature=", "SharedKey ", "AWS4-HMAC", "MAC signature")
    )


async def test_one_line_for_each_object(objects: Objects, caplog: pytest.LogCaptureFixture) -> None:
    """What -v shows: the URL, the size, the time."""
    caplog.set_level(logging.DEBUG, "cluvault")
    url = objects.put("a b", b"{}")
    await read(url)
    lines = [record.getMessage() for record in caplog.records if record.name == "cluvault.vault"]
    assert len(lines) == 1
    assert lines[0].startswith(f"GET {url} -> 2 bytes in ")
