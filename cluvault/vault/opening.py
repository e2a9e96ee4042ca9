"""From the vault's URL in the configuration to its store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from cluvault.errors import ConfigurationError
from cluvault.vault.folder import FolderStore

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore


def open_store(url: str) -> ObjectStore:
    """The store at a bare path or a `file:` URL; nothing is read or made yet.

    Raises:
        ConfigurationError: it is neither.
    """
    if not url or "\0" in url:
        raise ConfigurationError("the vault's URL is empty or no text", mend="set vault.url")
    scheme, colon, rest = url.partition(":")  # only the scheme goes into messages: a URL may hold a signature
    if colon and scheme.lower() == "file":
        return FolderStore(_path_of(url))
    if colon and scheme.lower() in ("s3", "az"):
        raise ConfigurationError(f"vaults on {scheme}: come with a later version", mend="use a folder for now")
    if rest.startswith("//"):
        raise ConfigurationError(f"vaults on {scheme}: are not supported", mend="use a path or file:///absolute/path")
    try:
        return FolderStore(Path(url).expanduser())
    except RuntimeError as err:
        raise ConfigurationError(f"vault {url}: this user's home folder is unknown") from err


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
