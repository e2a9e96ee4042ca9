"""TLS for the emulator: from files, or with a certificate of an authority that is made for the occasion."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

_AUTHORITY: Final = "cluvault emulator, throw-away authority"
_ADDRESSES: Final = ("127.0.0.1", "::1")
_LIFETIME: Final = timedelta(days=90)
_LEEWAY: Final = timedelta(days=1)  # for clients whose clock is behind


def tls_from_files(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS with a certificate, its chain and its key, all PEM.

    Raises:
        ConfigurationError: they cannot be read, or do not belong together.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")  # never ask at the terminal
    except (OSError, ValueError) as err:
        raise ConfigurationError(
            f"the certificate {certificate} and the key {key} cannot be used: {err}",
            mend="give a PEM certificate and the key that belongs to it, without a password",
        ) from err
    return context


def throw_away_tls(ca_file: Path) -> ssl.SSLContext:
    """TLS for this machine's loopback names, by an authority whose certificate is written to `ca_file` for clients.

    The authority's key is written nowhere and forgotten: who trusts the file trusts this one server.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    now = datetime.now(UTC)
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = authority_key.public_key()
    authority = _authority(_unsigned(_AUTHORITY, issuer, issuer=issuer, now=now)).sign(authority_key, hashes.SHA256())
    server = _server(_unsigned("localhost", server_key.public_key(), issuer=issuer, now=now))
    context = _loaded(server.sign(authority_key, hashes.SHA256()), server_key)
    try:
        ca_file.write_bytes(authority.public_bytes(Encoding.PEM))
    except OSError as err:
        raise ConfigurationError(f"{ca_file}: cannot be written: {err.strerror}", mend="name another file") from err
    return context


def _unsigned(
    subject: str, key: EllipticCurvePublicKey, *, issuer: EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_named(subject))
        .issuer_name(_named(_AUTHORITY))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _LEEWAY)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
    )


def _authority(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).add_extension(
        _usage(signs_certificates=True), critical=True
    )


def _server(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in _ADDRESSES]
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses])
    return (
        builder.add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _loaded(certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> ssl.SSLContext:
    """The context of a certificate in memory: OpenSSL takes files only, so that the key is in one for a moment."""
    with TemporaryDirectory(prefix="cluvault-tls-") as folder:  # readable by its owner only
        certificate_file, key_file = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate_file.write_bytes(certificate.public_bytes(Encoding.PEM))
        key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return tls_from_files(certificate_file, key_file)
