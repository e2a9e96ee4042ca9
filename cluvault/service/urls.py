"""Where requests may go: names that go into paths, and URLs that the service names. Performs no I/O.

A URL from an answer is never used as it came. It is parsed, its origin compared with the resource's, and a new URL is
built from the resource's own origin and the path: two URL parsers that disagree cannot lead a credential astray.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from cluvault.errors import ConfigurationError, OriginRefused, UsageError
from cluvault.model.names import shorten
from cluvault.settings import check_endpoint

_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_ROUTE_LETTERS: Final = re.compile(r"[/\\%?#:\x00-\x1f\x7f\ud800-\udfff]")
_NOT_IN_A_URL: Final = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
_LONGEST_URL: Final = 16_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port, in one spelling."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _DEFAULT_PORTS.get(self.scheme) else f":{self.port}")


def origin_of(url: str) -> Origin:
    """The origin of an absolute URL.

    Raises:
        ValueError: it has none.
    """
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    port = parts.port if parts.port is not None else _DEFAULT_PORTS.get(scheme)
    if not parts.hostname or port is None:
        raise ValueError("no http or https URL with a host")
    return Origin(scheme, parts.hostname.lower(), port)


def safe_endpoint(endpoint: str, *, resource: str) -> str:
    """Return the endpoint without its trailing slash, checked again: a key never travels in clear.

    Raises:
        ConfigurationError: it is no https URL (http is for loopback only).
    """
    try:
        return check_endpoint(endpoint)
    except ValueError as err:
        raise ConfigurationError(f"endpoint of resource {resource!r}: {err}") from err


def own_url(reference: str, *, base: str, where: str) -> str:
    """The URL that a header or body of an answer names, made absolute, on the origin of `base`.

    A relative reference is resolved against `base`, the URL of the request. `//language/…` is read as a path with a
    doubled slash, which gateways in front of the service are known to make, not as a host called `language`.

    Raises:
        OriginRefused: it lies elsewhere, or is no URL; nothing was sent there.
    """
    own = origin_of(base)
    path = reference[1:] if reference.startswith("//language/") else reference
    try:
        target = urlsplit(urljoin(base, path))
        found = origin_of(target.geturl())
        clean = _NOT_IN_A_URL.search(reference) is None and len(reference) <= _LONGEST_URL and "@" not in target.netloc
    except ValueError:
        raise _refusal(where, "something that is no URL", own) from None
    if found != own or not clean:
        raise _refusal(where, str(found) if clean else "a URL with letters that none has", own)
    return str(own) + target.path + (f"?{target.query}" if target.query else "")


def _refusal(where: str, found: str, own: Origin) -> OriginRefused:
    return OriginRefused(
        f"{where}: the answer leads to {shorten(found)}, the credential is for {own} only; nothing was sent there",
        mend="set the resource's endpoint to the address that the service itself uses",
    )


def path_segment(name: str, *, kind: str) -> str:
    """One path segment that can only mean `name`: never empty, a parent folder, or another route.

    Names of existing projects are not held to the documented letters: a backup must not refuse what the service holds.

    Raises:
        UsageError: the name could change what the request means.
    """
    if not name:
        raise UsageError(f"{kind} name is empty", mend="name one")
    if not name.strip("."):
        raise UsageError(f"{kind} name {name!r} consists of dots only", mend="use letters, digits and _ . -")
    if found := _ROUTE_LETTERS.search(name):
        raise UsageError(
            f"{kind} name {shorten(name)!r} contains {found[0]!r}", mend="use letters, digits and _ . - (at most 50)"
        )
    return quote(name, safe="")
