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
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG_NAME: Final = "cluvault.toml"
MAIN_VAULT: Final = "main"
"""The name of the vault of `[vault]`, where another one is in use."""
VAULT_VARIABLE: Final = "CLUVAULT_VAULT"
ENVIRONMENT_PREFIX: Final = "CLUVAULT_"
_NOT_IN_TOML: Final = {"RateLimits", "[key]"}
"""What pydantic adds to a place: the member of a union that it tried (or `function-…`), a mark for a table's name."""

_REASONS: Final = {
    "extra_forbidden": "unknown key",
    "missing": "is missing",
    "model_type": "should be a table",
    "dict_type": "should be a table",
}
_SPACE: Final = re.compile(r"\s")
_RECIPIENT: Final = re.compile(r"age1[0-9a-z]+")
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

    @property
    def place(self) -> str:
        """Where the secret is, for messages."""
        if self.env is not None:
            return f"environment variable {self.env}"
        return f"Prefect Secret block {self.prefect_secret!r}"

    def find(
        self, environment: Mapping[str, str], prefect_secret: Callable[[str], SecretStr] | None
    ) -> SecretStr | None:
        """The secret; None for a variable that is not set, and for a block where there is no Prefect."""
        if self.env is not None:
            return SecretStr(text) if (text := environment.get(self.env)) else None
        return prefect_secret(self.prefect_secret or "") if prefect_secret is not None else None

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
    """A vault in a container.

    Attributes:
        customer_key: 32 bytes in base64, with which Azure encrypts every blob and which it does not keep.
    """

    tier: Literal["", "Hot", "Cool", "Cold"] = ""
    customer_key: SecretName | None = None


class EncryptionSettings(_Section):
    """Content that is encrypted before it leaves this machine, in the format of age.

    Attributes:
        recipients: Public keys; new content is encrypted to all of them. None: it is stored plain.
        identity: The secret key that opens what was encrypted; backups do without.
        identity_file: The same in a file, as age-keygen writes it.
        digest_key: With it, content that did not change is recognised and not stored again.
    """

    recipients: tuple[str, ...] = ()
    identity: SecretName | None = None
    identity_file: Path | None = None
    digest_key: SecretName | None = None

    @field_validator("recipients")
    @classmethod
    def _public(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_RECIPIENT.fullmatch(one) for one in value):
            raise ValueError("should be public keys, age1…, as age-keygen -y prints them; a secret is never written")
        return value

    @field_validator("identity_file")
    @classmethod
    def _home_is_known(cls, value: Path | None) -> Path | None:
        try:
            return value.expanduser() if value is not None else None
        except RuntimeError as err:
            raise ValueError(str(err)) from err

    @model_validator(mode="after")
    def _makes_sense(self) -> EncryptionSettings:
        if self.identity is not None and self.identity_file is not None:
            raise ValueError("identity and identity-file say the same; give one of them")
        if self.digest_key is not None and not self.recipients:
            raise ValueError("digest-key is of use with recipients only")
        return self


def _value_of_rule(value: object) -> object:
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in cast("list[object]", value))
    if isinstance(value, bool) or not (isinstance(value, int | str) or is_list):
        raise ValueError("should be a whole number, a text or a list of texts")
    return cast("object", value)


Rules = dict[str, Annotated[int | str | list[str], PlainValidator(_value_of_rule)]]
"""A retention policy; `plan/retention.py` says which rules there are."""


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
"""Of a resource, a route or a copy of the vault."""


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
    encryption: EncryptionSettings = EncryptionSettings()
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


Share = Annotated[float, Field(ge=0, le=1)]


class GateSettings(_Section):
    """What a promoted project must pass before it serves; a check that is not given is not made.

    Attributes:
        min_intent_f1: Over all intents together; likewise precision, recall, and entities.
        each_intent_f1: For each intent by itself; `intents` and `entities` say it for single ones, by name.
        max_regression: How much smaller the share of right answers may be than that of the model that serves now, both
            asked the same test utterances. What chance explains does not count.
        significance: How unlikely a regression has to be by chance to be believed.
        max_regression_each: The same for each intent by itself.
        max_compared: How many test utterances both models are asked for that; each costs two predictions.
        golden: A file of utterances with the answers that are expected, kept outside the project.
        min_golden: The share of them that has to be answered as expected.
        max_changed_share: How much of the target's utterances may change.
        approval: Whether a person has to agree.
        second_person: Whether that has to be another one than who asked for the promotion.
    """

    min_intent_f1: Share | None = None
    min_intent_precision: Share | None = None
    min_intent_recall: Share | None = None
    min_entity_f1: Share | None = None
    min_entity_precision: Share | None = None
    min_entity_recall: Share | None = None
    each_intent_f1: Share | None = None
    each_entity_f1: Share | None = None
    intents: dict[str, Share] = {}
    entities: dict[str, Share] = {}
    max_regression: Share | None = None
    max_regression_each: Share | None = None
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    max_compared: Annotated[int, Field(ge=1, le=50_000)] = 500
    golden: Path | None = None
    min_golden: Share = 1.0
    max_changed_share: Share | None = None
    approval: bool = False
    second_person: bool = False

    @model_validator(mode="after")
    def _asks_somebody(self) -> GateSettings:
        if self.second_person and not self.approval:
            raise ValueError("second-person says who approves; it needs approval = true")
        return self


class SplitSettings(_Section):
    """How the utterances are divided at random, in percent."""

    training: Annotated[int, Field(ge=1, le=99)] = 80
    testing: Annotated[int, Field(ge=1, le=99)] = 20

    @model_validator(mode="after")
    def _makes_a_whole(self) -> SplitSettings:
        if self.training + self.testing != 100:  # noqa: PLR2004  # percent
            raise ValueError("training and testing should add up to 100")
        return self


class TrainSettings(_Section):
    """How the promoted project is trained.

    Attributes:
        mode: `standard` is for English only.
        config_version: The training configuration; the service's newest when None.
        split: How utterances are divided for the evaluation; `manual` goes by each utterance's own dataset.
        timeout_minutes: How long a training may take.
    """

    mode: Literal["standard", "advanced"] = "standard"
    config_version: str | None = None
    split: SplitSettings | Literal["manual"] = SplitSettings()
    timeout_minutes: Annotated[float, Field(gt=0)] = 360.0

    @field_validator("split", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, dict | SplitSettings) or value == "manual":
            return cast("object", value)
        raise ValueError('should be "manual" or { training = 80, testing = 20 }')


DeploymentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,50}$")]


class DeploySettings(_Section):
    """The two slots: a promoted model is measured in the first, and then swapped into the second."""

    staging: DeploymentName = "staging"
    production: DeploymentName = "production"

    @model_validator(mode="after")
    def _are_two(self) -> DeploySettings:
        if self.staging == self.production:
            raise ValueError("staging and production should be two deployments")
        return self


class TargetSettings(_Section):
    """What an orchestration intent leads to in the target environment."""

    project: str | None = None
    deployment: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> TargetSettings:
        if self.project is None and self.deployment is None:
            raise ValueError("should name a project, a deployment, or both")
        return self


class OverrideSettings(_Section):
    """What is another in the target environment; everything else is as in the source.

    Attributes:
        description: Of the project.
        settings: Members of the project file's settings, such as `confidenceThreshold`.
        targets: Of an orchestration project: intent → what it leads to.
    """

    description: str | None = None
    settings: dict[str, Any] = {}
    targets: dict[str, TargetSettings] = {}


class RouteSettings(_Section):
    """A way for projects from one resource to another.

    Attributes:
        kind: `promotion` has a gate; `replica` keeps the target equal to the source.
        projects: Names in the source → names in the target; others keep theirs.
        after: The route that the same content must have passed before.
        soak_hours: How long ago it must have.
        approval_hours: For how long a promotion waits to be approved.
    """

    kind: Literal["promotion", "replica"] = "promotion"
    source: str
    target: str
    projects: dict[str, str] = {}
    after: str | None = None
    soak_hours: Annotated[float, Field(ge=0)] = 0.0
    train: TrainSettings = TrainSettings()
    gate: GateSettings = GateSettings()
    deploy: DeploySettings = DeploySettings()
    overrides: OverrideSettings = OverrideSettings()
    approval_hours: Annotated[float, Field(gt=0)] = 72.0

    @model_validator(mode="after")
    def _can_be(self) -> RouteSettings:
        if self.soak_hours and self.after is None:
            raise ValueError("soak-hours counts from the passing of another route; name it with after")
        for source, target in self.projects.items():
            if len([name for name in self.projects.values() if name == target]) > 1:
                raise ValueError(f"two projects would both become {target!r}")
            if self.source == self.target and source == target:
                raise ValueError(f"{source!r} would be promoted onto itself")
        return self

    def target_project(self, project: str) -> str:
        """What a project of the source is called in the target."""
        return self.projects.get(project, project)


class Settings(_Section):
    """The whole configuration."""

    vault: VaultSettings = VaultSettings()
    resources: dict[Name, ResourceSettings] = {}
    backup: BackupSettings = BackupSettings()
    cleanup: CleanupSettings = CleanupSettings()
    prune: PruneSettings = PruneSettings()
    routes: dict[Name, RouteSettings] = {}

    @model_validator(mode="after")
    def _routes_lead_somewhere(self) -> Settings:
        for name, route in self.routes.items():
            for end in ("source", "target"):
                if (resource := getattr(route, end)) not in self.resources:
                    raise ValueError(f"route {name}: {end} {resource!r} is not a configured resource")
            self._check_stages(name)
        return self

    def _check_stages(self, name: str) -> None:
        passed = [name]
        while (before := self.routes[passed[-1]].after) is not None:
            if before not in self.routes:
                raise ValueError(f"route {passed[-1]}: after {before!r} is not a configured route")
            if before in passed:
                raise ValueError(f"route {name}: comes after itself: {' after '.join([*passed, before])}")
            passed.append(before)

    def route(self, name: str) -> RouteSettings:
        """The settings of a route.

        Raises:
            ConfigurationError: it is not configured; the message names those that are.
        """
        if name in self.routes:
            return self.routes[name]
        known = ", ".join(sorted(self.routes)) or "none"
        raise ConfigurationError(
            f"route {name!r} is not configured (configured: {known})",
            mend=f"add [routes.{name}] with source and target to {CONFIG_NAME}",
        )

    def secret_names(self) -> list[SecretName]:
        """Every secret that the configuration names."""
        sealing, blob = self.vault.encryption, self.vault.az
        named = [name for one in self.resources.values() for name in (one.key, one.key2)]
        named += [sealing.identity, sealing.digest_key, blob.customer_key]
        return [name for name in named if name is not None]

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
    routes = {name: _with_golden_in(folder, route) for name, route in settings.routes.items()}
    return settings.model_copy(update={"vault": vault, "resources": resources, "routes": routes})


def _with_golden_in(folder: Path, route: RouteSettings) -> RouteSettings:
    gate = route.gate
    if gate.golden is None:
        return route
    return route.model_copy(update={"gate": gate.model_copy(update={"golden": folder / gate.golden})})


def _anchored_vault(vault: V, folder: Path) -> V:
    changes: dict[str, object] = {} if isinstance(vault.cache, bool) else {"cache": folder / vault.cache.expanduser()}
    if "://" not in vault.url:
        changes["url"] = str(folder / vault.url)
    if (file := vault.encryption.identity_file) is not None:
        changes["encryption"] = vault.encryption.model_copy(update={"identity_file": folder / file})
    return vault.model_copy(update=changes)


def _first_fault(err: ValidationError) -> str:
    """Place and reason of the first fault, in words of TOML."""
    fault = err.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in fault["loc"] if not _is_foreign(part)) or "top level"
    reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"at {where}: {_REASONS.get(fault['type'], reason)}"


def _is_foreign(part: int | str) -> bool:
    return part in _NOT_IN_TOML or str(part).startswith("function-")


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
