"""What a configuration says of how a cloud store is reached and written, seen from the other side."""

from __future__ import annotations

import base64
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.settings import VaultSettings
from cluvault.vault.opening import open_store
from tests.support.s3_server import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.azurite import Azurite
    from tests.support.s3_server import S3Server

BODY = b"the body of an object"
KMS_KEY = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


async def put_and_get(url: str, **values: Any) -> None:
    """Store an object the way that the configuration says, and read it back."""
    store = open_store(url, settings=VaultSettings.model_validate(values))
    try:
        await store.put_new("a", BODY)
        assert await store.get("a") == BODY
    finally:
        await store.aclose()


class TestS3:
    @pytest.fixture(autouse=True)
    def nothing_but_the_configuration(self, cloudless: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
        """An environment without endpoint and keys."""
        cloudless.setenv("AWS_EC2_METADATA_DISABLED", "true")
        cloudless.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        cloudless.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
        return cloudless

    @pytest.fixture
    def signed_in(self, cloudless: pytest.MonkeyPatch) -> None:
        """Keys in the environment."""
        cloudless.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        cloudless.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)

    @pytest.mark.parametrize(
        "options, stored",
        [
            ({}, {"ServerSideEncryption": None, "StorageClass": None}),
            ({"encryption": "AES256"}, {"ServerSideEncryption": "AES256", "SSEKMSKeyId": None}),
            (
                {"encryption": "aws:kms", "kms-key": KMS_KEY, "storage-class": "STANDARD_IA"},
                {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": KMS_KEY, "StorageClass": "STANDARD_IA"},
            ),
        ],
        ids=["defaults", "SSE-S3", "SSE-KMS and a class"],
    )
    @pytest.mark.usefixtures("signed_in")
    async def test_every_write_is_as_the_configuration_says(
        self, s3_server: S3Server, options: dict[str, str], stored: dict[str, str | None]
    ) -> None:
        """At the endpoint and in the region that it names, with the SHA-256 that the server checked and keeps."""
        bucket = s3_server.new_bucket()
        await put_and_get(f"s3://{bucket}/x", s3={"endpoint": s3_server.endpoint, "region": REGION, **options})
        found = s3_server.client.head_object(Bucket=bucket, Key="x/a", ChecksumMode="ENABLED")
        assert found["ChecksumSHA256"] == base64.b64encode(sha256(BODY).digest()).decode()
        assert {name: found.get(name) for name in stored} == stored

    async def test_a_profile(self, s3_server: S3Server, tmp_path: Path) -> None:
        """The keys of ~/.aws/credentials under its name."""
        (tmp_path / "credentials").write_text(
            f"[backups]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
        )
        bucket = s3_server.new_bucket()
        await put_and_get(f"s3://{bucket}", s3={"endpoint": s3_server.endpoint, "region": REGION, "profile": "backups"})

    async def test_a_role(self, s3_server: S3Server, tmp_path: Path, cloudless: pytest.MonkeyPatch) -> None:
        """A profile that takes a role: its temporary keys are asked for with those of another profile."""
        cloudless.setenv("AWS_ENDPOINT_URL_STS", s3_server.endpoint)
        (tmp_path / "config").write_text(
            f"[profile own]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n"
            "[profile backups]\nrole_arn = arn:aws:iam::123456789012:role/backups\nsource_profile = own\n"
        )
        bucket = s3_server.new_bucket()
        await put_and_get(f"s3://{bucket}", s3={"endpoint": s3_server.endpoint, "region": REGION, "profile": "backups"})

    async def test_a_web_identity(self, s3_server: S3Server, tmp_path: Path, cloudless: pytest.MonkeyPatch) -> None:
        """What a pod in a cluster has: a token in a file, exchanged for the keys of a role."""
        (tmp_path / "token").write_text("a.web.token")
        cloudless.setenv("AWS_ENDPOINT_URL_STS", s3_server.endpoint)
        cloudless.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/backups")
        cloudless.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
        bucket = s3_server.new_bucket()
        await put_and_get(f"s3://{bucket}", s3={"endpoint": s3_server.endpoint, "region": REGION})


@pytest.mark.parametrize("tier", ["", "Cool", "Cold"])
async def test_blobs_are_written_as_the_configuration_says(
    azurite: Azurite, cloudless: pytest.MonkeyPatch, tier: str
) -> None:
    """In the tier that it names, with the MD5 that the server checked and keeps."""
    cloudless.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite.connection_string)
    container = azurite.new_container()
    await put_and_get(f"az://{azurite.account}/{container}/x", az={"tier": tier})
    found = azurite.service.get_blob_client(container, "x/a").get_blob_properties()
    assert bytes(found.content_settings.content_md5) == md5(BODY, usedforsecurity=False).digest()
    assert found.blob_tier == (tier or "Hot")
