"""Prefect blocks lie over the configuration; secrets stay in them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from prefect.blocks.core import Block
from prefect.settings import PREFECT_API_URL
from pydantic import SecretStr

from cluvault.errors import ConfigurationError
from cluvault.ops.backup import BackupOptions
from cluvault.settings import Settings, load_settings
from tasks.blocks import Asked, Blocks, CluResource, CluVault, check_that_the_vault_lasts, vault_block, wire
from tests.support.desk import KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefect.client.orchestration import PrefectClient

    from tests.flows.conftest import Prefect
    from tests.support.s3_server import S3Server

SECRET = "secret-that-nobody-may-ever-see-2"
ENDPOINT = "https://contoso.cognitiveservices.azure.com"
RESOURCE = CluResource(endpoint=f"{ENDPOINT}/", auth="key", key=SecretStr(KEY), key2=SecretStr(SECRET))


def no_secret_block(name: str) -> SecretStr:
    """Stands where a Secret block would be read, of which there is none here."""
    raise ConfigurationError(f"no Secret block {name}")


def wired(blocks: Blocks, settings: Settings | None = None, environment: Mapping[str, str] | None = None) -> Any:
    """Blocks over a configuration."""
    return wire(settings or Settings(), blocks, environment=environment or {}, prefect_secret=no_secret_block)


def with_vault(url: str, credentials: str | None = None, sign_in: Mapping[str, Any] | None = None) -> Blocks:
    """A vault block and what it signs in with."""
    return Blocks({}, CluVault(url=url, credentials=credentials), "main", sign_in or {})


def test_a_resource_of_a_block() -> None:
    """Its keys are named in the settings as every secret is, and found under these names only."""
    found = wired(Blocks({"dev": RESOURCE}))
    resource = found.settings.resource("dev")
    assert (resource.endpoint, resource.auth) == (ENDPOINT, "key")
    assert found.prefect_secret(resource.key.prefect_secret).get_secret_value() == KEY
    assert found.prefect_secret(resource.key2.prefect_secret).get_secret_value() == SECRET
    with pytest.raises(ConfigurationError, match="no Secret block other"):
        found.prefect_secret("other")
    for shown in (repr(RESOURCE), repr(found), str(found.settings), repr(found.settings.secret_names())):
        assert KEY not in shown
        assert SECRET not in shown


def test_the_configuration_goes_before_a_block() -> None:
    """A name that the file has means what the file says."""
    settings = Settings.model_validate({"resources": {"dev": {"endpoint": "https://from-the-file.example"}}})
    found = wired(Blocks({"dev": RESOURCE, "prod": RESOURCE}), settings)
    assert found.settings.resource("dev").endpoint == "https://from-the-file.example"
    assert set(found.settings.resources) == {"dev", "prod"}


SIGN_INS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "aws": (
        "aws-credentials/b",
        {"aws_access_key_id": "id", "aws_secret_access_key": SECRET, "aws_session_token": None},
        {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET},
    ),
    "minio": (
        "minio-credentials/b",
        {"minio_root_user": "id", "minio_root_password": SECRET},
        {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": SECRET},
    ),
    "azure": (
        "azure-blob-storage-credentials/b",
        {"connection_string": SECRET, "account_url": ""},
        {"AZURE_STORAGE_CONNECTION_STRING": SECRET},
    ),
    "azure by identity": (
        "azure-blob-storage-credentials/b",
        {"account_url": "https://a.blob.core.windows.net"},
        {"AZURE_STORAGE_SERVICE_ENDPOINT": "https://a.blob.core.windows.net"},
    ),
}


@pytest.mark.parametrize("name", SIGN_INS)
def test_a_vault_signs_in_by_its_block(name: str) -> None:
    """With nothing left of what the worker's own environment says of an account."""
    credentials, fields, expected = SIGN_INS[name]
    own = {"AWS_SESSION_TOKEN": "old", "AZURE_STORAGE_KEY": "old", "OTHER": "kept"}
    found = wired(with_vault("az://a/c", credentials, fields), environment=own)
    assert dict(found.environment) == {"OTHER": "kept", **expected}
    assert SECRET not in repr(found)


def test_how_the_store_is_reached() -> None:
    """Region, profile and endpoint of prefect-aws, retention of the block; all else is the configuration's."""
    fields = {
        "region_name": "eu-central-1",
        "profile_name": "backups",
        "aws_client_parameters": {"endpoint_url": "https://minio.example"},
    }
    blocks = Blocks(
        {}, CluVault(url="s3://b/p", credentials="aws-credentials/b", retention={"keep-daily": 7}), "m", fields
    )
    settings = Settings.model_validate({"vault": {"connections": 3, "copies": {"offsite": {"url": "./x"}}}})
    vault = wired(blocks, settings).settings.vault
    assert (vault.url, vault.connections, set(vault.copies)) == ("s3://b/p", 3, {"offsite"})
    assert (vault.s3.region, vault.s3.profile, vault.s3.endpoint) == (
        "eu-central-1",
        "backups",
        "https://minio.example",
    )
    assert vault.retention == {"keep-daily": 7}


@pytest.mark.parametrize(
    "credentials, fields, message",
    [
        ("aws-credentials/b", {"assume_role_arn": "arn"}, "clu-vault/main: assume_role_arn cannot be used here; give"),
        ("azure-blob-storage-credentials/b", {"client_secret": SECRET}, "a service principal cannot be used here; set"),
        ("gcp-credentials/b", {}, "credentials of type 'gcp-credentials' cannot be used here; name a block of"),
    ],
)
def test_what_cannot_be_signed_in_with(credentials: str, fields: dict[str, Any], message: str) -> None:
    """Is refused before anything is opened, with the mend."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        wired(with_vault("s3://b", credentials, fields))
    assert SECRET not in str(caught.value)


def test_a_malformed_resource() -> None:
    """Names the block; never its key."""
    block = CluResource(endpoint=ENDPOINT, auth="key")
    with pytest.raises(ConfigurationError, match="Prefect block clu-resource/dev: at as a whole: auth"):
        wired(Blocks({"dev": block}))
    with pytest.raises(ValueError, match="should be https"):
        CluResource(endpoint="http://contoso.example")


@pytest.mark.parametrize(
    "environment, is_configured, asked",
    [
        ({"CLUVAULT_VAULT": "block:offsite"}, True, Asked("offsite")),
        ({"CLUVAULT_VAULT": "s3://b"}, False, None),
        ({"CLUVAULT_VAULT__URL": "s3://b"}, False, None),
        ({}, True, None),
        ({}, False, Asked("default", is_optional=True)),
    ],
)
def test_which_vault_block_is_asked_for(
    environment: dict[str, str],
    is_configured: bool,  # noqa: FBT001
    asked: Asked | None,  # a row of a table
) -> None:
    """`block:NAME`; else the block `default` where nothing else names a vault."""
    found, rest = vault_block(environment, is_configured=is_configured)
    assert found == asked
    assert load_settings(None, environment=rest)


@pytest.mark.parametrize("url", [None, "vault", "./backups/clu"])
def test_a_vault_that_would_be_gone_after_the_run(url: str | None, tmp_path: Path) -> None:
    """A worker's run has a folder of its own that is removed: nothing is stored there, though it would seem to be."""
    settings = wired(with_vault(url)).settings if url else Settings()
    with pytest.raises(ConfigurationError, match="which is removed after this flow run; set CLUVAULT_CONFIG to") as err:
        check_that_the_vault_lasts(settings, directory=tmp_path)
    assert str(tmp_path) in str(err.value)


@pytest.mark.parametrize("url", ["s3://b/p", "az://account/c", "file:///var/lib/cluvault", "/var/lib/cluvault"])
def test_a_vault_that_lasts(url: str, tmp_path: Path) -> None:
    """Wherever the run's folder is."""
    check_that_the_vault_lasts(wired(with_vault(url)).settings, directory=tmp_path)


def test_a_block_is_for_flows(desk: Any) -> None:
    """A command that runs directly says so instead of making a folder of that name."""
    outcome = desk("snapshots", "--vault", "block:offsite")
    assert outcome.code == 2
    assert outcome.error.startswith(
        "the vault block:offsite is a Prefect block, which only flows open; run the command"
    )


class AwsCredentials(Block):
    """As prefect-aws saves it, with the fields that are read."""

    _block_type_slug = "aws-credentials"

    aws_access_key_id: str
    aws_secret_access_key: SecretStr
    region_name: str | None = None
    aws_client_parameters: dict[str, Any]


async def _save(block: Block, name: str) -> None:
    await block.save(name, overwrite=True)  # pyright: ignore[reportGeneralTypeIssues]


async def _remove_all(client: PrefectClient) -> None:
    for slug in ("clu-resource", "clu-vault", "aws-credentials"):
        for document in await client.read_block_documents_by_type(slug):
            await client.delete_block_document(document.id)


@pytest.mark.prefect
@pytest.mark.slow
def test_a_configuration_wholly_of_blocks(
    prefect: Prefect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: S3Server
) -> None:
    """No file, no variable: resource, vault in S3 and its keys are read from the server, and show nowhere."""
    address = f"{prefect.desk.server.url}/dev"
    bucket = s3_server.new_bucket()
    saved: dict[str, Block] = {
        "dev": CluResource(endpoint=address, auth="key", key=SecretStr(KEY)),
        "default": CluVault(url=f"s3://{bucket}/clu", credentials="aws-credentials/backups"),
        "backups": AwsCredentials(
            aws_access_key_id="id",
            aws_secret_access_key=SecretStr(SECRET),
            region_name="us-east-1",
            aws_client_parameters={"endpoint_url": s3_server.endpoint},
        ),
    }
    for name, block in saved.items():
        prefect.ask(lambda _client, block=block, name=name: _save(block, name))
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "CLUVAULT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    try:
        report = prefect.run("backup", BackupOptions())
        assert [item.outcome for item in report.items] == ["stored", "stored"]
        run = prefect.last_run()
        assert {KEY, SECRET}.isdisjoint(run.model_dump_json().split('"'))
        monkeypatch.setenv("CLUVAULT_VAULT", "block:absent")
        with pytest.raises(ConfigurationError, match="there is no Prefect block clu-vault/absent"):
            prefect.run("backup", BackupOptions())
    finally:
        prefect.ask(_remove_all)
    assert str(PREFECT_API_URL.value()) == prefect.api
