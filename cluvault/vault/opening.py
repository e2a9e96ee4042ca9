"""From the vault's URL in the configuration to its store."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cluvault.errors import ConfigurationError, UsageError
from cluvault.model.object_url import BlobObject, S3Object, parse_place_url
from cluvault.settings import CopySettings, Environment, VaultSettings
from cluvault.vault.folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from cluvault.settings import SecretName
    from cluvault.vault.store import ObjectStore


def open_store(
    url: str,
    *,
    settings: CopySettings | None = None,
    environment: Mapping[str, str] = os.environ,
    prefect_secret: Callable[[str], SecretStr] | None = None,
) -> ObjectStore:
    """The store at a bare path, or a `file:`, `s3:` or `az:` URL; nothing is read or made yet.

    Args:
        url: Where.
        settings: How to connect and write; the defaults when None.
        environment: Where the sign-in to a storage account is named; what it does not say, boto3 finds by itself.
        prefect_secret: Reads a Prefect Secret block, where there is a Prefect API.

    Raises:
        ConfigurationError: it is none of these, or a key that the settings name is not there.
    """
    environment = Environment(environment)  # tracebacks print local variables
    if not url or "\0" in url:
        raise ConfigurationError("the vault's URL is empty or no text", mend="set vault.url")
    scheme, colon, rest = url.partition(":")  # only the scheme goes into messages: a URL may hold a signature
    if colon and scheme.lower() == "file":
        return FolderStore(_path_of(url))
    if colon and scheme in ("s3", "az"):
        return _open_cloud(url, settings or VaultSettings(), environment, prefect_secret)
    if rest.startswith("//"):
        raise ConfigurationError(f"vaults on {scheme}: are not supported", mend="use a path or file:///absolute/path")
    try:
        return FolderStore(Path(url).expanduser())
    except RuntimeError as err:
        raise ConfigurationError(f"vault {url}: this user's home folder is unknown") from err


def _open_cloud(
    url: str,
    settings: CopySettings,
    environment: Mapping[str, str],
    prefect_secret: Callable[[str], SecretStr] | None,
) -> ObjectStore:
    try:
        place = parse_place_url(url)
    except UsageError as err:
        raise ConfigurationError(f"vault.url: {err.message}", mend=err.mend) from None
    match place:
        case S3Object(bucket, prefix):
            from cluvault.vault.s3_store import S3Options, S3Store  # noqa: PLC0415  # folders start without

            options = S3Options(**settings.s3.model_dump())
            return S3Store(bucket, prefix, options=options, connections=settings.connections, environment=environment)
        case BlobObject(account, container, prefix):
            from cluvault.vault.blob_store import BlobOptions, BlobStore  # noqa: PLC0415  # as above

            key = _customer_key(settings.az.customer_key, environment, prefect_secret)
            return BlobStore(
                account,
                container,
                prefix,
                environment=environment,
                options=BlobOptions(tier=settings.az.tier, customer_key=key),
                connections=settings.connections,
            )


def _customer_key(
    name: SecretName | None, environment: Mapping[str, str], prefect_secret: Callable[[str], SecretStr] | None
) -> SecretStr | None:
    from cluvault.vault.blob import check_customer_key  # noqa: PLC0415  # as above

    if name is None:
        return None
    found = name.find(environment, prefect_secret)
    if found is None:
        raise ConfigurationError(
            f"{name.place}, which should hold the vault's customer-provided key, is not there",
            mend="set it; without this key nothing in the vault can be read",
        )
    return check_customer_key(found, place=name.place)


def _path_of(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as err:
        raise ConfigurationError(f"vault {url}: not a URL: {err}") from err
    path = unquote(parts.path)
    if parts.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise ConfigurationError(f"vault {url}: names no path on this machine", mend="write file:///absolute/path")
    if parts.query or parts.fragment:
        raise ConfigurationError(f"vault {url}: has a query or fragment", mend="write ? as %3F and # as %23")
    return path
