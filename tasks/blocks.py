"""Prefect blocks for people who live in the Prefect UI: a Language resource, and a vault.

Flows lay them over the configuration: what the file says of a name goes before a block of this name. A secret stays in
its block's `SecretStr`; the settings only name it, as they name every secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeVar, cast

from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator

from cluvault.errors import ConfigurationError
from cluvault.settings import CopySettings, Environment, ResourceSettings, S3Settings, SecretName, VaultSettings
from cluvault.settings.section import check_endpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefect.client.orchestration import PrefectClient

    from cluvault.settings import Settings

B = TypeVar("B", bound=BaseModel)

BLOCK_PREFIX: Final = "block:"
"""How CLUVAULT_VAULT names a block: `block:offsite`."""
DEFAULT_BLOCK: Final = "default"
"""The vault block that is used where nothing else names a vault."""

_DOCS: Final = "Used by the flows of cluvault."


class CluResource(Block):
    """An Azure Language resource whose CLU projects cluvault keeps. Its name is the resource's name in cluvault."""

    _block_type_name: ClassVar[str | None] = "CLU resource"
    _block_type_slug: ClassVar[str | None] = "clu-resource"
    _description: ClassVar[str | None] = f"An Azure Language resource. {_DOCS}"

    endpoint: str = Field(description="Such as https://contoso.cognitiveservices.azure.com")
    auth: Literal["entra", "key"] = Field(default="entra", description="Microsoft Entra ID, or the resource's key")
    key: SecretStr | None = Field(default=None, description="One of the resource's keys, for auth = key")
    key2: SecretStr | None = Field(default=None, description="The other key, tried when the first is refused")
    api_version: str = Field(default="auto", title="API version")

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        return check_endpoint(value)


class CluVault(Block):
    """The place that holds the snapshots. Its credentials are a block of prefect-aws or prefect-azure, by name."""

    _block_type_name: ClassVar[str | None] = "CLU vault"
    _block_type_slug: ClassVar[str | None] = "clu-vault"
    _description: ClassVar[str | None] = f"A vault in S3, Blob storage or a folder. {_DOCS}"

    url: str = Field(title="URL", description="s3://bucket/prefix, az://account/container/prefix or a folder's path")
    credentials: str | None = Field(
        default=None,
        description=(
            "The block that signs in: aws-credentials/NAME, minio-credentials/NAME or "
            "azure-blob-storage-credentials/NAME; without it the worker's own identity is used"
        ),
    )
    retention: dict[str, int | str | list[str]] = Field(
        default_factory=dict, description='What prune keeps, such as {"keep-daily": 14, "keep-monthly": 12}'
    )


BLOCK_TYPES: Final[Mapping[str, type[Block]]] = {"clu-resource": CluResource, "clu-vault": CluVault}
"""What `cluvault deploy` registers."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A vault block by name, and whether it does not matter if there is none."""

    name: str
    is_optional: bool = False


@dataclass(frozen=True, slots=True)
class Blocks:
    """What the server holds.

    Attributes:
        resources: By name.
        vault: The vault that is asked for, or the default one.
        vault_name: Its name.
        sign_in: The fields of the block that the vault names.
    """

    resources: Mapping[str, CluResource]
    vault: CluVault | None = None
    vault_name: str = ""
    sign_in: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


@dataclass(frozen=True, slots=True)
class Wired:
    """The configuration with the blocks in it, the environment that goes with it, and how its secrets are read."""

    settings: Settings
    environment: Environment
    prefect_secret: Callable[[str], SecretStr]


def vault_block(environment: Mapping[str, str], *, is_configured: bool) -> tuple[Asked | None, Environment]:
    """Which vault block is asked for, and the environment without that; a file, or a URL, asks for none.

    Args:
        environment: CLUVAULT_VAULT may be `block:NAME`.
        is_configured: Whether there is a configuration file; without it the block `default` is used if there is one.
    """
    named = environment.get("CLUVAULT_VAULT", "")
    if named.startswith(BLOCK_PREFIX):
        rest = {name: text for name, text in environment.items() if name != "CLUVAULT_VAULT"}
        return Asked(named.removeprefix(BLOCK_PREFIX)), Environment(rest)
    is_named = is_configured or bool(named) or "CLUVAULT_VAULT__URL" in environment
    return None if is_named else Asked(DEFAULT_BLOCK, is_optional=True), Environment(environment)


async def read_blocks(asked: Asked | None) -> Blocks:
    """Every resource, and the vault that is asked for.

    Raises:
        ConfigurationError: a block is malformed, or there is none of this name.
    """
    async with get_client() as client:
        resources = await _read_resources(client)
        if asked is None:
            return Blocks(resources)
        found = await _read(client, "clu-vault", asked.name)
        if found is None and asked.is_optional:
            return Blocks(resources)
        where = f"clu-vault/{asked.name}"
        if found is None:
            raise ConfigurationError(f"there is no Prefect block {where}", mend="create it, or correct CLUVAULT_VAULT")
        block = _parsed(CluVault, found, where)
        return Blocks(resources, block, asked.name, await _read_sign_in(client, block, where))


async def _read_resources(client: PrefectClient) -> dict[str, CluResource]:
    try:
        documents = await client.read_block_documents_by_type("clu-resource", include_secrets=True)
    except PrefectHTTPStatusError as err:
        if err.response.status_code == HTTPStatus.NOT_FOUND:  # nobody has deployed to this server
            return {}
        raise
    return {str(one.name): _parsed(CluResource, one.data, f"clu-resource/{one.name}") for one in documents}


def wire(
    settings: Settings,
    blocks: Blocks,
    *,
    environment: Mapping[str, str],
    prefect_secret: Callable[[str], SecretStr],
) -> Wired:
    """Lay blocks over the configuration; a resource that it has goes before the block of its name."""
    secrets: dict[str, SecretStr] = {}
    fresh = {name: one for name, one in blocks.resources.items() if name not in settings.resources}
    resources = {name: _resource_settings(name, one, secrets) for name, one in fresh.items()}
    changes: dict[str, Any] = {"resources": {**settings.resources, **resources}}
    variables = dict(environment)
    if blocks.vault is not None:
        options, signed = _signed_in(blocks, f"clu-vault/{blocks.vault_name}")
        if blocks.vault.credentials:  # nobody else's account, and not half of each
            variables = {name: text for name, text in variables.items() if not name.startswith(_ACCOUNTS)}
        variables |= signed
        changes["vault"] = _vault_settings(settings.vault, blocks.vault, options, blocks.vault_name)

    def read(name: str) -> SecretStr:
        return secrets[name] if name in secrets else prefect_secret(name)

    return Wired(settings.model_copy(update=changes), Environment(variables), read)


def check_that_the_vault_lasts(settings: Settings, *, directory: Path) -> None:
    """Refuse a vault in the folder of a deployment's run: a worker makes one for each run, and removes it afterwards.

    Raises:
        ConfigurationError: the vault is named by a relative path, or by nobody.
    """
    url = settings.vault.url
    if "://" in url or Path(url).is_absolute():
        return
    raise ConfigurationError(
        f"the vault {url!r} would lie in {directory}, which is removed after this flow run",
        mend="set CLUVAULT_CONFIG to the path of cluvault.toml where the worker runs, or save the block "
        f"clu-vault/{DEFAULT_BLOCK}, and name the vault by a URL or a whole path",
    )


_ACCOUNTS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AZURE_STORAGE_")


def _resource_settings(name: str, block: CluResource, secrets: dict[str, SecretStr]) -> ResourceSettings:
    where = f"clu-resource/{name}"
    values: dict[str, Any] = {"endpoint": block.endpoint, "auth": block.auth, "api_version": block.api_version}
    for key in ("key", "key2"):
        if (secret := getattr(block, key)) is not None:
            place = f"{where}.{key}"  # no name of a Secret block: those have no slash
            secrets[place] = secret
            values[key] = SecretName(prefect_secret=place)
    try:
        return ResourceSettings.model_validate(values)
    except ValidationError as err:
        raise ConfigurationError(f"Prefect block {where}: {_fault(err)}", mend="correct it in the Prefect UI") from None


def _vault_settings(above: VaultSettings, block: CluVault, options: S3Settings, name: str) -> VaultSettings:
    """The block's vault; copies, cache and encryption are the configuration's."""
    kept = {one: getattr(above, one) for one in ("copies", "cache", "encryption", "connections")}
    try:
        checked = CopySettings.model_validate({"url": block.url, "retention": dict(block.retention)})
    except ValidationError as err:
        text = f"Prefect block clu-vault/{name}: {_fault(err)}"
        raise ConfigurationError(text, mend="correct it in the Prefect UI") from None
    fields: dict[str, Any] = {one: getattr(checked, one) for one in CopySettings.model_fields} | kept | {"s3": options}
    return VaultSettings.model_construct(**fields)


def _signed_in(blocks: Blocks, where: str) -> tuple[S3Settings, dict[str, str]]:
    """How the store is reached, and the variables that sign in to it."""
    slug, _, _ = (cast("CluVault", blocks.vault).credentials or "").partition("/")
    given = blocks.sign_in
    match slug:
        case "":
            return S3Settings(), {}
        case "aws-credentials" | "minio-credentials":
            if given.get("assume_role_arn"):
                raise _cannot(where, "assume_role_arn", "give the worker a profile or web identity that assumes it")
            names = _AWS if slug == "aws-credentials" else _MINIO
            extra = cast("dict[str, Any]", given.get("aws_client_parameters") or {})
            options = {
                "endpoint": extra.get("endpoint_url") or "",
                "region": given.get("region_name") or "",
                "profile": given.get("profile_name") or "",
            }
            return S3Settings.model_validate(options), _variables(given, names)
        case "azure-blob-storage-credentials":
            if given.get("client_secret"):
                mend = "set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET for the worker"
                raise _cannot(where, "a service principal", mend)
            return S3Settings(), _variables(given, _AZURE)
        case _:
            raise _cannot(where, f"credentials of type {slug!r}", "name a block of prefect-aws or prefect-azure")


_AWS: Final = {
    "aws_access_key_id": "AWS_ACCESS_KEY_ID",
    "aws_secret_access_key": "AWS_SECRET_ACCESS_KEY",
    "aws_session_token": "AWS_SESSION_TOKEN",
}
_MINIO: Final = {"minio_root_user": "AWS_ACCESS_KEY_ID", "minio_root_password": "AWS_SECRET_ACCESS_KEY"}
_AZURE: Final = {
    "connection_string": "AZURE_STORAGE_CONNECTION_STRING",
    "account_url": "AZURE_STORAGE_SERVICE_ENDPOINT",
}


def _variables(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    return {variable: text for key, variable in names.items() if isinstance(text := given.get(key), str) and text}


def _cannot(where: str, what: str, mend: str) -> ConfigurationError:
    return ConfigurationError(f"Prefect block {where}: {what} cannot be used here", mend=mend)


async def _read(client: PrefectClient, slug: str, name: str) -> Mapping[str, Any] | None:
    try:
        document = await client.read_block_document_by_name(name, slug, include_secrets=True)
    except ObjectNotFound:
        return None
    return document.data


async def _read_sign_in(client: PrefectClient, block: CluVault, where: str) -> Mapping[str, Any]:
    if not block.credentials:
        return {}
    slug, slash, name = block.credentials.partition("/")
    found = await _read(client, slug, name) if slash else None
    if found is None:
        raise ConfigurationError(
            f"Prefect block {where}: there is no credentials block {block.credentials!r}",
            mend="create it, and name it as type/name, such as aws-credentials/backups",
        )
    return found


def _parsed(model: type[B], data: Mapping[str, Any], where: str) -> B:
    try:
        return model.model_validate(dict(data))
    except ValidationError as err:
        text = f"Prefect block {where}: {_fault(err)}"
        raise ConfigurationError(text, mend="correct it in the Prefect UI") from None


def _fault(err: ValidationError) -> str:
    """Place and reason, without the value: it may be a key."""
    fault = err.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(one) for one in fault["loc"]) or "as a whole"
    return f"at {place}: {fault['msg'].removeprefix('Value error, ')}"
