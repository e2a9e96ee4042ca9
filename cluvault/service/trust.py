"""Whose certificates are believed: the public authorities', and those of a private cloud that a resource names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


def trust_as_well(context: ssl.SSLContext, ca_file: Path) -> ssl.SSLContext:
    """The same context; it now also trusts the authorities of a PEM file.

    Raises:
        ConfigurationError: the file cannot be read, or holds no certificate.
    """
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as err:  # which an SSLError is, too
        raise ConfigurationError(
            f"{ca_file}: cannot be read as certificates of authorities: {err.strerror or err}",
            mend="give a PEM file in ca-file",
        ) from err
    return context
