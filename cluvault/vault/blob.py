"""Blobs of Azure Storage: the one module that imports azure-storage-blob, and late, for it is slow.

How to sign in is found in the environment, under the names that the Azure CLI has for it:
AZURE_STORAGE_CONNECTION_STRING wins; else AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN, which go only to the account
that AZURE_STORAGE_ACCOUNT names; else Microsoft Entra ID. AZURE_STORAGE_SERVICE_ENDPOINT replaces
https://ACCOUNT.blob.core.windows.net for sovereign clouds, private endpoints and Azurite.

Plain http is allowed with an account key, whose signatures show nothing of it. A SAS goes over https or to loopback
only, an Entra token over https only.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from hashlib import sha256
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from cluvault.errors import CluvaultError, ConfigurationError
from cluvault.vault.download import Download
from cluvault.vault.refusals import (
    Refusal,
    Vocabulary,
    broken_off,
    in_clear,
    origin,
    refused,
    travels_in_clear,
    unreachable,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Mapping

    from azure.core.exceptions import AzureError, HttpResponseError
    from azure.storage.blob.aio import BlobServiceClient

    from cluvault.model.object_url import BlobObject

_KEY_BYTES: Final = 32
_CONNECT_SECONDS: Final = 10
_READ_SECONDS: Final = 30
_BACKOFF: Final = {"initial_backoff": 0, "increment_base": 2, "random_jitter_range": 1}  # 2, 4, 8 seconds, each ± 1
_SIGN_IN: Final = (
    "give this identity the role Storage Blob Data Reader, or set AZURE_STORAGE_CONNECTION_STRING, "
    "AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN; and check this machine's clock"
)
WORDS: Final = Vocabulary(
    no_object={"BlobNotFound", "ResourceNotFound"},
    no_container={"ContainerNotFound", "ContainerBeingDeleted", "InvalidResourceName"},
    denied={"AuthenticationFailed", "AccountIsDisabled"},
    archived={"BlobArchived", "BlobBeingRehydrated"},
    other_key={
        "BlobUsesCustomerSpecifiedEncryption",
        "BlobDoesNotUseCustomerSpecifiedEncryption",
        "BlobCustomerSpecifiedEncryptionMismatch",
    },
    container="container",
    sign_in=_SIGN_IN,
)


@asynccontextmanager
async def download(place: BlobObject, *, environment: Mapping[str, str], tries: int) -> AsyncGenerator[Download]:
    """Begin to read a blob. Raises what `connected` and `translated` do."""
    url = str(place)
    async with connected(place.account, url=url, environment=environment, tries=tries) as service:
        with translated(url, endpoint=endpoint_of(service)):
            stream = await service.get_blob_client(place.container, place.key).download_blob(
                version_id=place.version or None,
                decompress=False,  # a Content-Encoding would otherwise be undone here for some sizes, not for others
            )
            yield Download(stream.size, stream.chunks())


@asynccontextmanager
async def connected(
    account: str, *, url: str, environment: Mapping[str, str], tries: int, **more: Any
) -> AsyncGenerator[BlobServiceClient]:
    """A client of a storage account, signed in by what the environment names.

    Args:
        account: Whose blobs; a connection string or endpoint of another account is refused.
        url: For messages.
        environment: Where to look.
        tries: How often one request is tried.
        more: Further options of the client.

    Raises:
        ConfigurationError: what the environment says is malformed, for another account, or would travel in clear.
    """
    async with AsyncExitStack() as opened:
        try:
            service = await _service(account, url, environment, {"retry_total": tries - 1, **more}, opened)
        except ValueError:  # the text of the library's may quote the connection string
            raise ConfigurationError(
                f"{url}: AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_SERVICE_ENDPOINT is malformed",
                mend="copy it again from the Azure portal",
            ) from None
        await opened.enter_async_context(service)
        yield service


@contextmanager
def translated(url: str, *, endpoint: str, words: Vocabulary = WORDS) -> Generator[None]:
    """Turn what Azure's libraries raise into errors of the vault; the chain is cut, as texts may quote what was signed.

    Raises:
        ObjectNotFound: no such blob.
        StorageDenied: no such container, or no right to it.
        ConfigurationError: no way to sign in.
        StoreUnavailable: not reached, or failing, or an answer that broke off.
        VaultError: any other refusal.
    """
    from azure.core.exceptions import AzureError  # noqa: PLC0415  # importing it costs more than most commands take

    try:
        yield
    except AzureError as err:
        raise _translate(url, err, endpoint=endpoint, words=words) from None


async def _service(
    account: str, url: str, environment: Mapping[str, str], chosen: Mapping[str, Any], opened: AsyncExitStack
) -> BlobServiceClient:
    from azure.storage.blob.aio import BlobServiceClient  # noqa: PLC0415  # as above

    options: dict[str, Any] = {
        "connection_timeout": _CONNECT_SECONDS,
        "read_timeout": _READ_SECONDS,
        "permit_redirects": False,  # the client would sign for whatever host the answer names
        **_BACKOFF,
        **chosen,
    }
    if text := environment.get("AZURE_STORAGE_CONNECTION_STRING"):
        service = BlobServiceClient.from_connection_string(text, **options)
    else:
        endpoint = environment.get("AZURE_STORAGE_SERVICE_ENDPOINT") or f"https://{account}.blob.core.windows.net"
        credential = secret_of(account, environment, url=url) or await entra_of(url, endpoint, opened)
        service = BlobServiceClient(endpoint, credential, **options)
    _check_goal(service, account, url=url)
    return service


def secret_of(account: str, environment: Mapping[str, str], *, url: str) -> Any:
    """The key or SAS of the account, unless the environment says that they are another account's.

    A SAS is sent as it is, so it must be known whose it is.

    Raises:
        ConfigurationError: it is not.
    """
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential  # noqa: PLC0415  # as above

    if (environment.get("AZURE_STORAGE_ACCOUNT") or account) != account:
        return None
    if key := environment.get("AZURE_STORAGE_KEY"):
        return AzureNamedKeyCredential(account, key)
    if sas := environment.get("AZURE_STORAGE_SAS_TOKEN"):
        if not (environment.get("AZURE_STORAGE_ACCOUNT") or environment.get("AZURE_STORAGE_SERVICE_ENDPOINT")):
            raise ConfigurationError(
                f"{url}: AZURE_STORAGE_SAS_TOKEN is set, but not whose it is", mend="set AZURE_STORAGE_ACCOUNT, too"
            )
        return AzureSasCredential(sas)
    return None


async def entra_of(url: str, endpoint: str, opened: AsyncExitStack) -> Any:
    """Microsoft Entra ID's credential, closed with `opened`.

    Raises:
        ConfigurationError: its token would travel in clear.
    """
    from azure.identity.aio import DefaultAzureCredential  # noqa: PLC0415  # as above

    if urlsplit(endpoint).scheme != "https":
        raise in_clear(url, endpoint=endpoint, secret="the Microsoft Entra ID token")  # noqa: S106  # what it is called
    return await opened.enter_async_context(DefaultAzureCredential())


def _check_goal(service: BlobServiceClient, account: str, *, url: str) -> None:
    """Nothing is sent to another account's endpoint, and nothing that could be read on the way."""
    endpoint = endpoint_of(service)
    others = {service.account_name or account, _account_of(endpoint) or account} - {account}
    if others:
        raise ConfigurationError(
            f"{url}: the connection string or endpoint in the environment is for account {min(others)!r}",
            mend=f"name that account in the URL, or set AZURE_STORAGE_* for {account!r}",
        )
    if travels_in_clear(endpoint) and not hasattr(service.credential, "account_key"):
        raise in_clear(url, endpoint=endpoint, secret="the shared access signature")  # noqa: S106  # what it is called


def endpoint_of(service: BlobServiceClient) -> str:
    """Scheme and host that a client speaks to."""
    return f"{service.scheme}://{service.primary_hostname}"


def _account_of(endpoint: str) -> str:
    """The account in an endpoint: the first label of Azure's own hosts, the path of emulators; empty for any other."""
    parts = urlsplit(endpoint)
    label, azure, _ = (parts.hostname or "").partition(".blob.")
    return label.removesuffix("-secondary") if azure else parts.path.strip("/")


def is_taken(err: Exception) -> bool:
    """Whether a write was refused because there is a blob already."""
    return getattr(err, "status_code", None) in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED) and _code(
        err
    ) in ("BlobAlreadyExists", "ConditionNotMet", "UnauthorizedBlobOverwrite", "BlobImmutableDueToPolicy")


def only_if(etag: str) -> dict[str, Any]:
    """The options of a request that fails, unless the blob still is what this ETag names."""
    from azure.core import MatchConditions  # noqa: PLC0415  # as above

    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def is_changed(err: Exception) -> bool:
    """Whether a request failed because the blob is not what its condition says."""
    return getattr(err, "status_code", None) == HTTPStatus.PRECONDITION_FAILED


def is_immutable(err: Exception) -> bool:
    """Whether a deletion was refused because of an immutability policy or a legal hold."""
    return getattr(err, "status_code", None) == HTTPStatus.CONFLICT and _code(err).startswith("BlobImmutableDueTo")


def key_options(key: SecretStr) -> dict[str, Any]:
    """The options with which Azure encrypts, or decrypts, with a key that it does not keep."""
    from azure.storage.blob import CustomerProvidedEncryptionKey  # noqa: PLC0415  # as above

    check = b64encode(sha256(b64decode(key.get_secret_value())).digest()).decode()
    return {"cpk": CustomerProvidedEncryptionKey(key.get_secret_value(), check)}


def check_key_travels_safely(service: BlobServiceClient, *, url: str) -> None:
    """A customer's key is sent as it is; Azure's library allows no plain http, not even to loopback.

    Raises:
        ConfigurationError: the endpoint is not https.
    """
    if service.scheme != "https":
        raise ConfigurationError(
            f"{url}: vault.az.customer-key would travel in clear to {origin(endpoint_of(service))}; nothing was sent",
            mend="use an https endpoint",
        )


def check_customer_key(key: SecretStr, *, place: str) -> SecretStr:
    """Return a key that Azure accepts.

    Raises:
        ConfigurationError: it is not 32 bytes in base64.
    """
    key = SecretStr(key.get_secret_value().strip())
    try:
        is_key = len(b64decode(key.get_secret_value(), validate=True)) == _KEY_BYTES
    except ValueError:
        is_key = False
    if not is_key:
        raise ConfigurationError(
            f"the key in {place} for vault.az.customer-key is not {_KEY_BYTES} bytes in base64",
            mend=f"make one with: openssl rand -base64 {_KEY_BYTES}",
        )
    return key


def write_options(md5: bytes, *, tier: str) -> dict[str, Any]:
    """The options of a write: the MD5 that the store keeps with the blob, and its access tier."""
    from azure.storage.blob import ContentSettings, StandardBlobTier  # noqa: PLC0415  # as above

    options: dict[str, Any] = {"content_settings": ContentSettings(content_md5=bytearray(md5))}
    return options | ({"standard_blob_tier": StandardBlobTier(tier)} if tier else {})


def _translate(url: str, err: AzureError, *, endpoint: str, words: Vocabulary) -> CluvaultError:
    from azure.core import exceptions as azure  # noqa: PLC0415  # as above

    name = type(err).__name__
    match err:
        case azure.ServiceRequestError():
            return unreachable(url, endpoint=endpoint, reason=name)
        case azure.ServiceResponseError() | azure.DecodeError():
            return broken_off(url, reason=name)
        case azure.ClientAuthenticationError() if not hasattr(err, "error_code"):  # not from the store
            return ConfigurationError(f"{url}: Azure's libraries find no way to sign in ({name})", mend=words.sign_in)
        case azure.HttpResponseError() if err.status_code is not None:
            return refused(url, _refusal(err), words)
        case _:
            return broken_off(url, reason=name)


def _refusal(err: HttpResponseError) -> Refusal:
    headers: Mapping[str, str] = getattr(err.response, "headers", {})
    return Refusal(status=err.status_code or 0, code=_code(err), request_id=headers.get("x-ms-request-id", ""))


def _code(err: Exception) -> str:
    code: object = getattr(err, "error_code", None)
    return str(getattr(code, "value", code) or "")  # a member of the library's enumeration, or text it does not know
