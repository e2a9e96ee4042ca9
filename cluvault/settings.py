"""Configuration: `cluvault.toml`, overridden by the environment. Secrets are named here, never written here."""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar, cast
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG_NAME: Final = "cluvault.toml"
MAIN_VAULT: Final = "main"
"""The name of the vault of `[vault]`, where another one is in use."""
VAULT_VARIABLE: Final = "CLUVAULT_VAULT"
ENVIRONMENT_PREFIX: Final = "CLUVAULT_"
_NOT_IN_TOML: Final = {"RateLimits", "[key]"}
"""What pydantic adds to a place: the member of a union that it tried, and a mark for the name of a table."""

_REASONS: Final = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_type": "should be a table",
    "dict_type": "should be a table",
}
_SPACE: Final = re.compile(r"\s")
_RESERVED: Final = {"CLUVAULT_CONFIG", "CLUVAULT_ACTOR", VAULT_VARIABLE}
_PLACE: Final = re.compile(r"[.~]|.*[/:]")
"""A vault that is named by its place, not by its name."""


V = TypeVar("V", bound="CopySettings")


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Section(BaseModel):
    model_config = ConfigDict(
        alias_generator=_kebab,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        defer_build=True,
        hide_input_in_errors=True,
    )


class SecretName(_Section):
    """Where a secret is to be found: an environment variable, or a Prefect Secret block."""

    env: str | None = None
    prefect_secret: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _no_secret(cls, value: object) -> object:
        if isinstance(value, str):
            raise ValueError('a secret is never written here; name it: { env = "NAME" }')
        return value

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretName:
        if (self.env is None) == (self.prefect_secret is None):
            raise ValueError('should be { env = "NAME" } or { prefect-secret = "block-name" }')
        return self


class RateLimits(_Section):
    """Calls a minute that cluvault allows itself on a resource; the documented limits of the service by default."""

    post: Annotated[int, Field(ge=1, le=100_000)] = 10
    get: Annotated[int, Field(ge=1, le=1_000_000)] = 100


class ResourceSettings(_Section):
    """One Azure Language resource.

    Attributes:
        key2: The resource's other key: used when the service refuses the first, so that either can be regenerated.
        scope: What a Microsoft Entra ID token is asked for; sovereign clouds have others.
        ca_file: Certificate authorities to trust, besides the public ones, for this endpoint and for its sign-in.
    """

    endpoint: str
    auth: Literal["entra", "key"] = "entra"
    key: SecretName | None = None
    key2: SecretName | None = None
    api_version: Annotated[str, StringConstraints(pattern=r"^(auto|\d{4}-\d{2}-\d{2}(-preview)?)$")] = "auto"
    limits: RateLimits | Literal["off"] = RateLimits()
    scope: str = "https://cognitiveservices.azure.com/.default"
    ca_file: Path | None = None

    @field_validator("limits", mode="before")
    @classmethod
    def _limits(cls, value: object) -> object:
        if isinstance(value, dict | RateLimits) or value == "off":
            return cast("object", value)
        raise ValueError('should be "off" or { post = 10, get = 100 }')

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        return check_endpoint(value)

    @model_validator(mode="before")
    @classmethod
    def _key_means_key(cls, value: object) -> object:
        if isinstance(value, dict) and "key" in value and "auth" not in value:
            return cast("dict[str, Any]", value) | {"auth": "key"}
        return cast("object", value)

    @model_validator(mode="after")
    def _key_is_named(self) -> ResourceSettings:
        if self.auth == "key" and self.key is None:
            raise ValueError('auth = "key" needs key = { env = "NAME" }')
        if self.key2 is not None and self.key is None:
            raise ValueError("key2 is tried when key is refused; name that one as well")
        return self


class S3Settings(_Section):
    """A vault in a bucket; what is not given here is what boto3 finds, or the bucket's own default."""

    endpoint: str = ""
    region: str = ""
    profile: str = ""
    encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = ""
    kms_key: str = ""
    storage_class: Annotated[str, StringConstraints(pattern=r"^[A-Z_]*$")] = ""

    @field_validator("storage_class")
    @classmethod
    def _readable(cls, value: str) -> str:
        if value in ("GLACIER", "DEEP_ARCHIVE"):
            raise ValueError(
                "should be a class that can be read at once: every snapshot is read back when it is stored"
            )
        return value


class BlobSettings(_Section):
    """A vault in a container."""

    tier: Literal["", "Hot", "Cool", "Cold"] = ""


def _value_of_rule(value: object) -> object:
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in cast("list[object]", value))
    if isinstance(value, bool) or not (isinstance(value, int | str) or is_list):
        raise ValueError("should be a whole number, a text or a list of texts")
    return cast("object", value)


Rules = dict[str, Annotated[int | str | list[str], PlainValidator(_value_of_rule)]]
"""A retention policy; `plan/retention.py` says which rules there are."""


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class CopySettings(_Section):
    """A vault, or a copy of one, and what it keeps.

    Attributes:
        connections: Requests to a cloud store at once.
        cache: Whether manifests of a cloud store are kept on this machine, in the user's cache folder or the named one.
        retention: What `prune` keeps; without it nothing is ever removed.
        vanished: The same for projects that are gone from their resource; without it all their snapshots stay.
    """

    url: str
    connections: Annotated[int, Field(ge=1, le=256)] = 16
    s3: S3Settings = S3Settings()
    az: BlobSettings = BlobSettings()
    cache: Annotated[bool | Path, Field(union_mode="left_to_right")] = True
    retention: Rules = {}
    vanished: Rules = {}


class VaultSettings(CopySettings):
    """The vault that commands mean unless they are told of another.

    Attributes:
        copies: Further vaults by name, for `cluvault copy --to NAME` and for `--vault NAME` of every command.
    """

    url: str = "./vault"
    copies: dict[Name, CopySettings] = {}

    @field_validator("copies")
    @classmethod
    def _main_is_this_one(cls, value: dict[str, CopySettings]) -> dict[str, CopySettings]:
        if MAIN_VAULT in value:
            raise ValueError(f"{MAIN_VAULT!r} is the vault of [vault] itself; name the copy otherwise")
        return value


class BackupSettings(_Section):
    """How a backup runs."""

    concurrency: Annotated[int, Field(ge=1, le=256)] = 4
    job_timeout: Annotated[float, Field(gt=0, description="seconds that one job may take")] = 900.0


class PruneSettings(_Section):
    """How a prune runs.

    Attributes:
        grace_hours: For how long a content stays that no snapshot refers to; longer than any run takes.
        safety_days: For how long a snapshot is kept that was taken before something replaced or deleted its project.
    """

    grace_hours: Annotated[int, Field(ge=3, le=720)] = 12
    safety_days: Annotated[int, Field(ge=0, le=36_500)] = 30


class CleanupRule(_Section):
    """Which projects a rule calls stale: those to which every condition that is given applies."""

    names: tuple[str, ...] = ()
    not_modified_days: Annotated[int, Field(ge=0)] | None = None
    not_trained_days: Annotated[int, Field(ge=0)] | None = None
    not_deployed_days: Annotated[int, Field(ge=0)] | None = None
    no_deployment: bool = False
    scratch: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> CleanupRule:
        if self == CleanupRule.model_construct():
            raise ValueError("a rule without any condition would choose every project")
        return self


class CleanupSettings(_Section):
    """Rules of the clean-up, what it never touches, and how much it may delete in one run."""

    rules: dict[str, CleanupRule] = {}
    protect: tuple[str, ...] = ()
    max_deletions: Annotated[int, Field(ge=0)] = 5
    max_share: Annotated[float, Field(ge=0, le=1)] = 0.2


class Settings(_Section):
    """The whole configuration."""

    vault: VaultSettings = VaultSettings()
    resources: dict[Name, ResourceSettings] = {}
    backup: BackupSettings = BackupSettings()
    cleanup: CleanupSettings = CleanupSettings()
    prune: PruneSettings = PruneSettings()
    routes: dict[str, dict[str, Any]] = {}

    def resource(self, name: str) -> ResourceSettings:
        """The settings of a resource.

        Raises:
            ConfigurationError: it is not configured; the message names those that are.
        """
        if name in self.resources:
            return self.resources[name]
        known = ", ".join(sorted(self.resources)) or "none"
        raise ConfigurationError(
            f"resource {name!r} is not configured (configured: {known})",
            mend=f"add [resources.{name}] with its endpoint to {CONFIG_NAME}",
        )

    @property
    def vaults(self) -> dict[str, CopySettings]:
        """Every configured vault by name."""
        return {MAIN_VAULT: self.vault, **self.vault.copies}

    def with_vault(self, named: str) -> Settings:
        """The same configuration over another vault: a configured one by name, or any by its URL or path.

        A place that is configured is that vault, with its own connection and retention; any other has the defaults,
        and so nothing is ever pruned there. The names stay what they were, and `main` the vault of `[vault]`.

        Raises:
            ConfigurationError: no vault has this name; the message names those that there are.
        """
        if _PLACE.match(named) and "://" not in named:
            named = str(Path(named).expanduser().absolute())
        by_place = {one.url: one for one in self.vaults.values()}
        chosen = self.vaults.get(named) or by_place.get(named)
        if chosen is None and _PLACE.match(named) is None:
            raise ConfigurationError(
                f"no vault is called {named!r} (configured: {', '.join(self.vaults)})",
                mend=f"add it to vault.copies in {CONFIG_NAME}, or write a URL, or ./{named} for a folder",
            )
        fields: dict[str, Any] = {"url": named}
        if chosen is not None:
            fields = {name: getattr(chosen, name) for name in CopySettings.model_fields}
        return self.model_copy(update={"vault": VaultSettings.model_construct(**fields, copies=self.vaults)})


class Environment(Mapping[str, str]):
    """Environment variables whose values show in no repr: keys are among them, and tracebacks print local variables."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return self._variables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)


def check_endpoint(value: str) -> str:
    """Return an endpoint without its trailing slash; https, or http on loopback (the emulator).

    Raises:
        ValueError: what is wrong with it.
    """
    parts = urlsplit(value)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0 or _SPACE.search(value):
        raise ValueError("should be a URL such as https://NAME.cognitiveservices.azure.com")
    if parts.username is not None or parts.password is not None or "?" in value or "#" in value:
        raise ValueError("should hold no user, password, query or fragment")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("should be https: a key never travels in clear (http is for 127.0.0.1 only)")
    return value.rstrip("/")


def is_loopback(host: str) -> bool:
    """Whether a host name can only mean this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_config(explicit: str | None, *, environment: Mapping[str, str], directory: Path) -> Path | None:
    """The configuration file: `--config`, else CLUVAULT_CONFIG, else ./cluvault.toml when it exists."""
    if named := explicit or environment.get("CLUVAULT_CONFIG"):
        return Path(named)
    found = directory / CONFIG_NAME
    return found if found.is_file() else None


def load_settings(path: Path | None, *, environment: Mapping[str, str], vault: str | None = None) -> Settings:
    """Read the configuration; without a file only the environment and the defaults count.

    A relative path, of a vault or of a CA file, is taken from the configuration file's folder, so that a command means
    the same wherever it is started.

    Args:
        path: The file.
        environment: Values that go before the file's.
        vault: Another vault than that of `[vault]`, as `Settings.with_vault` takes it; else CLUVAULT_VAULT names one.

    Raises:
        ConfigurationError: one line that names the file, the place and the mend.
    """
    environment = Environment(environment)
    values = _read_toml(path) if path is not None else {}
    source = str(path) if path is not None else "configuration"
    try:
        settings = Settings.model_validate(_overlay(values, environment))
    except ValidationError as err:
        raise ConfigurationError(f"{source}: {_first_fault(err)}") from err
    if path is not None:
        settings = _anchored(settings, path.parent.resolve())
    named = vault or environment.get(VAULT_VARIABLE)
    return settings.with_vault(named) if named else settings


def _anchored(settings: Settings, folder: Path) -> Settings:
    """The settings with relative paths made absolute, as seen from a folder."""
    copies = {name: _anchored_vault(one, folder) for name, one in settings.vault.copies.items()}
    vault = _anchored_vault(settings.vault, folder).model_copy(update={"copies": copies})
    resources = {
        name: one if one.ca_file is None else one.model_copy(update={"ca_file": folder / one.ca_file})
        for name, one in settings.resources.items()
    }
    return settings.model_copy(update={"vault": vault, "resources": resources})


def _anchored_vault(vault: V, folder: Path) -> V:
    changes: dict[str, object] = {} if isinstance(vault.cache, bool) else {"cache": folder / vault.cache.expanduser()}
    if "://" not in vault.url:
        changes["url"] = str(folder / vault.url)
    return vault.model_copy(update=changes)


def _first_fault(err: ValidationError) -> str:
    """Place and reason of the first fault, in words of TOML."""
    fault = err.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"] if part not in _NOT_IN_TOML) or "top level"
    reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"at {where}: {_REASONS.get(fault['type'], reason)}"


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path}: no such configuration file", mend="name another with --config, or write one"
        ) from None
    except (OSError, UnicodeDecodeError) as err:
        raise ConfigurationError(f"{path}: cannot be read: {err}") from err
    except tomllib.TOMLDecodeError as err:
        raise ConfigurationError(f"{path}: malformed TOML: {err}") from err


def _overlay(values: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Put `CLUVAULT_SECTION__NAME__KEY` values over the file's; JSON values for lists and tables."""
    merged = dict(values)
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in _RESERVED:
            continue
        *sections, last = variable.removeprefix(ENVIRONMENT_PREFIX).split("__")
        if not sections:
            continue  # one-word variables belong to other programs' conventions, e.g. a CI's CLUVAULT_VERSION
        place = merged
        for section in sections:
            key = _spelt_as_in(place, section)
            inner = place.get(key)
            place[key] = dict(cast("dict[str, Any]", inner)) if isinstance(inner, dict) else {}
            place = place[key]
        place[_spelt_as_in(place, last)] = _value(text)
    return merged


def _spelt_as_in(place: Mapping[str, Any], variable_part: str) -> str:
    """The key of the table that a part of a variable's name means; a new key is lower-case with dashes."""
    wanted = variable_part.lower().replace("_", "-")
    return next((key for key in place if key.lower().replace("_", "-") == wanted), wanted)


def _value(text: str) -> Any:
    if not text.startswith(("{", "[")):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
