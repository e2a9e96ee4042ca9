"""The emulator over https: with a throw-away authority, or with one's own certificate."""

from __future__ import annotations

import ssl
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from cluvault.emulator.tls import throw_away_tls, tls_from_files
from cluvault.errors import ConfigurationError
from tests.emulator.wire import KEY, KEY_HEADER, project_file

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = EmulatorConfig(resources=("dev",))
IMPORT = "/dev/language/authoring/analyze-conversations/projects/A/:import?api-version=2023-04-01"


def trusting(ca_file: Path) -> ssl.SSLContext:
    """A client's context that trusts one authority, and checks certificates as strictly as Python 3.13 does."""
    context = ssl.create_default_context(cafile=str(ca_file))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


async def test_https_with_a_throw_away_authority(tmp_path: Path) -> None:
    """Who trusts its file reaches the emulator by every loopback name; links are https, too."""
    ca_file = tmp_path / "ca.pem"
    server = EmulatorServer(CONFIG, tls=throw_away_tls(ca_file))
    assert server.url.startswith("https://127.0.0.1:")
    headers = {KEY_HEADER: KEY}
    async with server, httpx.AsyncClient(verify=trusting(ca_file), headers=headers, trust_env=False) as client:
        started = await client.post(server.url + IMPORT, json=project_file())
        assert started.headers["operation-location"].startswith(f"{server.url}/dev/language/")
        assert (await client.get(started.headers["operation-location"])).status_code == 200
        by_name = server.url.replace("127.0.0.1", "localhost")
        assert (await client.get(f"{by_name}/_emulator/health")).status_code == 200


async def test_a_stranger_does_not_trust_it(tmp_path: Path) -> None:
    """Neither who trusts the public authorities only, nor who trusts another throw-away one."""
    other = tmp_path / "other.pem"
    throw_away_tls(other)
    async with EmulatorServer(CONFIG, tls=throw_away_tls(tmp_path / "ca.pem")) as server:
        for verify in (httpx.create_ssl_context(), trusting(other)):
            async with httpx.AsyncClient(verify=verify, trust_env=False) as client:
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                    await client.get(f"{server.url}/_emulator/health")


def test_an_idle_client_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """It would only answer the farewell over TLS when it uses its connection again."""
    server = EmulatorServer(CONFIG, tls=throw_away_tls(tmp_path / "ca.pem"))
    with httpx.Client(verify=trusting(tmp_path / "ca.pem"), trust_env=False) as client:
        with server:
            assert client.get(f"{server.url}/_emulator/health").status_code == 200
            began = time.monotonic()
        assert time.monotonic() - began < 4  # the grace for answers under way is 5 seconds


def test_the_authoritys_key_is_nowhere(tmp_path: Path) -> None:
    """What is written can be shown to everybody; every start makes another."""
    first, second = tmp_path / "ca.pem", tmp_path / "again.pem"
    throw_away_tls(first)
    throw_away_tls(second)
    assert first.read_text().count("-----BEGIN CERTIFICATE-----") == 1
    assert "PRIVATE" not in first.read_text()
    assert first.read_bytes() != second.read_bytes()
    assert sorted(tmp_path.iterdir()) == [second, first]


def test_an_authority_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """With the file and the reason, in one line."""
    with pytest.raises(ConfigurationError, match=r"missing/ca\.pem: cannot be written: No such file .*; name another"):
        throw_away_tls(tmp_path / "missing" / "ca.pem")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A company's authority, and a certificate and key of it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    paths = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key", "other", "junk")}
    authority.cert_pem.write_to_path(paths["ca"])
    issued.cert_chain_pems[0].write_to_path(paths["certificate"])
    issued.private_key_pem.write_to_path(paths["key"])
    authority.issue_cert("127.0.0.1").private_key_pem.write_to_path(paths["other"])
    paths["junk"].write_text("no PEM")
    return paths


def test_https_with_ones_own_certificate(files: dict[str, Path]) -> None:
    """For teams that have an authority already."""
    tls = tls_from_files(files["certificate"], files["key"])
    with EmulatorServer(CONFIG, tls=tls) as server:
        context = ssl.create_default_context(cafile=str(files["ca"]))
        answer = httpx.get(f"{server.url}/_emulator/health", verify=context, trust_env=False)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "certificate, key",
    [("certificate", "other"), ("certificate", "junk"), ("junk", "key"), ("absent", "key"), ("certificate", "absent")],
)
def test_files_that_do_not_fit_are_told(files: dict[str, Path], tmp_path: Path, certificate: str, key: str) -> None:
    """Both are named; nothing starts."""
    absent = tmp_path / "absent.pem"
    with pytest.raises(ConfigurationError, match=rf"certificate .*{certificate}\.pem and the key .*{key}\.pem cannot"):
        tls_from_files(files.get(certificate, absent), files.get(key, absent))


def test_a_key_with_a_password_is_told(files: dict[str, Path]) -> None:
    """Nobody is asked at the terminal of a server."""
    key = serialization.load_pem_private_key(files["key"].read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"letmein")
    files["key"].write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    with pytest.raises(ConfigurationError, match="without a password"):
        tls_from_files(files["certificate"], files["key"])
