from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import ValidationError

from cluvault.errors import ConfigurationError
from cluvault.plan.retention import read_policy
from cluvault.settings import (
    BackupSettings,
    CleanupRule,
    Environment,
    RateLimits,
    RouteSettings,
    SecretName,
    Settings,
    SplitSettings,
    check_endpoint,
    find_config,
    is_loopback,
    load_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Load = Callable[..., Settings]

FULL = """
[vault]
url = "az://myaccount/clu-backups"
retention = { keep-last = 3, keep-within = "30d", keep-tag = ["release"] }

[resources.dev]
endpoint = "https://contoso-dev.cognitiveservices.azure.com/"

[resources.prod]
endpoint = "https://contoso.cognitiveservices.azure.com"
api-version = "2023-04-01"
key = { prefect-secret = "clu-prod-key" }
limits = "off"

[backup]
concurrency = 4
job-timeout = 60

[cleanup]
protect = ["Keep*"]
max-deletions = 2
rules.scratch = { scratch = true }
rules.old = { names = ["tmp-*"], not-modified-days = 90 }

[routes.dev-to-prod]
source = "dev"
target = "prod"
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads settings from the text of a file and the environment."""

    def run(text: str, **environment: str) -> Settings:
        path = tmp_path / "cluvault.toml"
        path.write_text(text, "utf-8")
        return load_settings(path, environment=environment)

    return run


# --- several vaults ------------------------------------------------------------------------------------------------

COPIES = """
[vault]
url = "az://myaccount/clu-backups"
retention = { keep-last = 3 }
connections = 4

[vault.copies.offsite]
url = "s3://bucket/clu"
retention = { keep-yearly = 9 }
s3 = { region = "eu-north-1" }

[vault.copies.disk]
url = "disk"
cache = "manifests"
"""


@pytest.mark.parametrize(
    "limits, concurrency, exports, files",
    [
        (RateLimits(), None, 100, 4),
        (RateLimits(get=10_000), None, 256, 4),
        ("off", None, 16, 4),
        ("off", 3, 3, 3),
        (RateLimits(), 30, 30, 30),
    ],
)
def test_how_much_is_done_at_once(
    limits: RateLimits | Literal["off"], concurrency: int | None, exports: int, files: int
) -> None:
    """As many exports as can be asked for once a minute, unless the configuration says; files take memory."""
    settings = BackupSettings(concurrency=concurrency)
    assert (settings.exports_at_once(limits), settings.files_at_once) == (exports, files)


def test_a_copy_is_a_vault_of_its_own(load: Load, tmp_path: Path) -> None:
    """With its own place, connection and retention; relative paths are taken from the file's folder."""
    settings = load(COPIES)
    assert list(settings.vaults) == ["main", "offsite", "disk"]
    offsite = settings.with_vault("offsite").vault
    assert (offsite.url, offsite.s3.region, offsite.retention) == ("s3://bucket/clu", "eu-north-1", {"keep-yearly": 9})
    assert offsite.connections == 16
    disk = settings.with_vault("disk").vault
    assert (disk.url, disk.retention) == (str(tmp_path.resolve() / "disk"), {})
    assert disk.cache == tmp_path.resolve() / "manifests"


def test_a_place_that_is_configured_is_that_vault(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is named; any other place has the defaults, so that no policy of another vault is applied there."""
    settings = load(COPIES)
    assert settings.with_vault("s3://bucket/clu") == settings.with_vault("offsite")
    monkeypatch.chdir(tmp_path)
    assert settings.with_vault("./disk") == settings.with_vault("disk")
    other = settings.with_vault("az://myaccount/other").vault
    assert (other.url, other.retention, other.connections) == ("az://myaccount/other", {}, 16)
    assert settings.with_vault("some/folder").vault.url == str(tmp_path / "some" / "folder")


def test_the_way_back_from_a_copy(load: Load) -> None:
    """`main` is the vault of the configuration, also while another one is in use."""
    settings = load(COPIES)
    assert settings.with_vault("main").vault.url == settings.vault.url
    away = settings.with_vault("offsite")
    assert away.with_vault("main").vault.retention == {"keep-last": 3}
    assert away.with_vault("disk").vault.url == settings.with_vault("disk").vault.url
    assert away.with_vault("offsite") == away


def test_a_vault_nobody_configured(load: Load) -> None:
    """The message names those that there are, and how to write a folder."""
    with pytest.raises(ConfigurationError) as caught:
        load(COPIES).with_vault("offsit")
    assert str(caught.value) == (
        "no vault is called 'offsit' (configured: main, offsite, disk); "
        "add it to vault.copies in cluvault.toml, or write a URL, or ./offsit for a folder"
    )


def test_the_environment_names_a_vault(load: Load) -> None:
    """For workers: CLUVAULT_VAULT is what `--vault` is on the command line; a copy can be configured there as well."""
    assert load(COPIES, CLUVAULT_VAULT="offsite").vault.url == "s3://bucket/clu"
    assert load("", CLUVAULT_VAULT__COPIES__OFFSITE__URL="s3://b").with_vault("offsite").vault.url == "s3://b"


@pytest.mark.parametrize(
    "text, message",
    [
        ("[vault.copies.main]\nurl = 'x'", "at vault.copies: 'main' is the vault of [vault] itself"),
        ("[vault.copies.offsite]\nretention = {}", "at vault.copies.offsite.url: is missing"),
        ("[vault.copies.'a/b']\nurl = 'x'", "at vault.copies.a/b"),
        ("[vault.copies.offsite]\nurl = 'x'\ncopies = {}", "at vault.copies.offsite.copies: unknown key"),
    ],
)
def test_copies_that_cannot_be(load: Load, text: str, message: str) -> None:
    """A copy has a place, a name of its own and no copies."""
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert message in str(caught.value)


# --- the file ------------------------------------------------------------------------------------------------------


def test_a_full_configuration_is_read(load: Load) -> None:
    """Every table of the documentation means what it says."""
    settings = load(FULL)
    assert settings.vault.url == "az://myaccount/clu-backups"
    assert settings.vault.retention == {"keep-last": 3, "keep-within": "30d", "keep-tag": ["release"]}
    assert settings.resource("dev").endpoint == "https://contoso-dev.cognitiveservices.azure.com"
    assert settings.resource("dev").auth == "entra"
    assert settings.resource("dev").limits == RateLimits(post=10, get=100)
    assert settings.resource("prod").limits == "off"
    assert settings.resource("prod").key == SecretName(prefect_secret="clu-prod-key")
    assert (settings.backup.concurrency, settings.backup.job_timeout) == (4, 60)
    assert settings.cleanup.rules["old"].not_modified_days == 90
    assert settings.cleanup.rules["scratch"].scratch is True
    assert settings.cleanup.protect == ("Keep*",)
    assert settings.routes == {"dev-to-prod": RouteSettings(source="dev", target="prod")}


TWO = """
[resources]
dev = { endpoint = "https://x", auth = "entra" }
prod = { endpoint = "https://y", auth = "entra" }
[routes.up]
source = "dev"
target = "prod"
"""


def test_a_route_says_how_projects_are_promoted(load: Load, tmp_path: Path) -> None:
    """Names, training, gate, slots; a golden file is found from the configuration, whatever the working directory."""
    route = load(
        f"""{TWO}
projects = {{ "Mail-dev" = "Mail" }}
train = {{ mode = "advanced", split = {{ training = 70, testing = 30 }} }}
gate = {{ golden = "golden.csv", approval = true }}
deploy = {{ staging = "next" }}
overrides = {{ settings = {{ confidenceThreshold = 0.7 }}, targets = {{ Book = {{ project = "Travel" }} }} }}
"""
    ).route("up")
    assert (route.target_project("Mail-dev"), route.target_project("Other")) == ("Mail", "Other")
    assert (route.train.split, route.deploy.production) == (SplitSettings(training=70, testing=30), "production")
    assert route.gate.golden == tmp_path.resolve() / "golden.csv"
    assert load(f'{TWO}train = {{ split = "manual" }}').route("up").train.split == "manual"
    assert load(TWO, CLUVAULT_ROUTES__UP__GATE__MIN_INTENT_F1="0.9").route("up").gate.min_intent_f1 == 0.9
    with pytest.raises(ConfigurationError, match=r"route 'down' is not configured \(configured: up\)"):
        load(TWO).route("down")
    with pytest.raises(ConfigurationError, match="configured: none"):
        load("").route("down")


@pytest.mark.parametrize(
    "text, said",
    [
        ('projects = { a = "x", b = "x" }', "at routes.up: two projects would both become 'x'"),
        ('target2 = "x"', "at routes.up.target2: unknown key"),
        ("soak-hours = 2", "at routes.up: soak-hours counts"),
        ('after = "x"', "route up: after 'x' is not a configured route"),
        ('after = "up"', "route up: comes after itself: up after up"),
        ('train = { split = "x" }', 'at routes.up.train.split: should be "manual" or'),
        ("train = { split = { training = 1, testing = 1 } }", "at routes.up.train.split: training and testing"),
        ('deploy = { staging = "a", production = "a" }', "at routes.up.deploy: staging and production"),
        ("gate = { second-person = true }", "at routes.up.gate: second-person"),
        ('kind = "replica"\non-snapshot = true', "at routes.up: a replica is as its source: remove on-snapshot"),
        ('kind = "replica"\ngate = { approval = true }', "at routes.up: a replica is as its source: remove gate"),
        ('[routes.dr]\nkind = "replica"\nsource = "dev"\ntarget = "dev"', "at routes.dr: a replica is kept in another"),
        ("gate = { min-intent-f1 = 2 }", "at routes.up.gate.min-intent-f1"),
        ("overrides = { targets = { Book = {} } }", "at routes.up.overrides.targets.Book: should name"),
        ('[routes.down]\nsource = "prod"\ntarget = "x"', "route down: target 'x' is not a configured resource"),
        ('[routes.in]\nsource = "dev"\ntarget = "dev"\nprojects = { a = "a" }', "'a' would be promoted onto itself"),
    ],
)
def test_a_route_that_cannot_be_is_refused(load: Load, text: str, said: str) -> None:
    """With its place."""
    with pytest.raises(ConfigurationError) as caught:
        load(TWO + text)
    assert said in str(caught.value)


def test_a_named_key_means_sign_in_by_key(load: Load) -> None:
    """Nobody has to say the same thing twice; what is said is believed."""
    by_key = load("[resources.dev]\nendpoint = 'https://x'\nkey = { env = 'CLU_KEY' }").resource("dev")
    assert by_key.auth == "key"
    assert by_key.key == SecretName(env="CLU_KEY")
    both = load("[resources.dev]\nendpoint = 'https://x'\nauth = 'entra'\nkey = { env = 'CLU_KEY' }").resource("dev")
    assert both.auth == "entra"


def test_a_resource_has_two_keys(load: Load) -> None:
    """The second stands in for the first while that is regenerated; the environment can name it as well."""
    text = "[resources.dev]\nendpoint = 'https://x'\nkey = { env = 'A' }"
    assert load(text).resource("dev").key2 is None
    assert load(f"{text}\nkey2 = {{ prefect-secret = 'b' }}").resource("dev").key2 == SecretName(prefect_secret="b")
    assert load(text, CLUVAULT_RESOURCES__DEV__KEY2__ENV="B").resource("dev").key2 == SecretName(env="B")


def test_a_private_authority_is_found_from_the_file(load: Load, tmp_path: Path) -> None:
    """As a vault is: whatever the working directory."""
    text = "[resources.dev]\nendpoint = 'https://x'\nca-file = "
    assert load(f"{text}'ca.pem'").resource("dev").ca_file == tmp_path.resolve() / "ca.pem"
    assert load(f"{text}'/etc/ca.pem'").resource("dev").ca_file == Path("/etc/ca.pem")
    assert load("[resources.dev]\nendpoint = 'https://x'").resource("dev").ca_file is None


def test_an_identity_file_is_found_from_the_file(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a CA file is; `~` is this user's home."""
    monkeypatch.setenv("HOME", "/home/somebody")
    for text, expected in [("keys/age.txt", str(tmp_path / "keys/age.txt")), ("~/age.txt", "/home/somebody/age.txt")]:
        settings = load(f"[vault.encryption]\nrecipients = ['age1x']\nidentity-file = '{text}'")
        assert str(settings.vault.encryption.identity_file) == expected


def test_every_secret_that_is_named_is_known(load: Load) -> None:
    """Wherever it is named; who keeps one in a Prefect block needs Prefect."""
    settings = load("""
        [vault]
        az = { customer-key = { prefect-secret = 'c' } }
        encryption = { recipients = ['age1x'], identity = { env = 'I' }, digest-key = { prefect-secret = 'd' } }
        [resources.dev]
        endpoint = 'https://x'
        key = { env = 'A' }
        key2 = { prefect-secret = 'b' }
    """)
    assert [name.place for name in settings.secret_names()] == [
        "environment variable A",
        "Prefect Secret block 'b'",
        "environment variable I",
        "Prefect Secret block 'd'",
        "Prefect Secret block 'c'",
    ]


def test_an_environment_shows_its_names_at_most() -> None:
    """Keys are in it, and some traceback printers show local variables."""
    environment = Environment({"CLU_KEY": "c0ffee"})
    assert (dict(environment), len(environment)) == ({"CLU_KEY": "c0ffee"}, 1)
    assert "c0ffee" not in repr(environment) + str(environment)


def test_without_a_file_the_defaults_count() -> None:
    """A folder vault in the working directory, and no resources."""
    settings = load_settings(None, environment={})
    assert settings == Settings()
    assert settings.vault.url == "./vault"
    assert settings.cleanup.max_deletions == 5


def test_settings_never_change(load: Load) -> None:
    """They are values."""
    with pytest.raises(ValidationError):
        load("").vault.url = "elsewhere"  # pyright: ignore[reportAttributeAccessIssue]  # frozen, which is the point


def test_a_bare_vault_path_starts_at_the_file(load: Load, tmp_path: Path) -> None:
    """A command means the same vault wherever it is started."""
    assert load("[vault]\nurl = 'backups'").vault.url == str(tmp_path.resolve() / "backups")
    assert load("").vault.url == str(tmp_path.resolve() / "vault")
    assert load(f"[vault]\nurl = '{tmp_path}/v'").vault.url == f"{tmp_path}/v"
    assert load("[vault]\nurl = 's3://bucket/prefix'").vault.url == "s3://bucket/prefix"


@pytest.mark.parametrize(
    "text, message",
    [
        ("[vault", "malformed TOML: Expected ']'"),
        ("colour = 1", "at colour: unknown key"),
        ("[vault]\nlocation = 'x'", "at vault.location: unknown key"),
        ("[resources.dev]\nauth = 'entra'", "at resources.dev.endpoint: is missing"),
        ("[resources]\ndev = 5", "at resources.dev: should be a table"),
        ("resources = 5", "at resources: should be a table"),
        ("[resources.'a b']\nendpoint = 'https://x'", "at resources.a b: String should match pattern"),
        ("[resources.dev]\nendpoint = 'http://contoso.com'", "at resources.dev.endpoint: should be https: a key never"),
        ("[resources.dev]\nendpoint = 'https://x'\nauth = 'password'", "at resources.dev.auth: should be 'entra' or"),
        ("[resources.dev]\nendpoint = 'https://x'\nauth = 'key'", 'at resources.dev: auth = "key" needs key ='),
        (
            "[resources.dev]\nendpoint = 'https://x'\nkey2 = { env = 'B' }",
            "at resources.dev: key2 is tried when key is",
        ),
        (
            "[resources.dev]\nendpoint = 'https://x'\nkey2 = 'abc'",
            "at resources.dev.key2: a secret is never written here",
        ),
        (
            "[resources.dev]\nendpoint = 'https://x'\nkey = 'abc'",
            "at resources.dev.key: a secret is never written here",
        ),
        ("[resources.dev]\nendpoint = 'https://x'\nkey = {}", "at resources.dev.key: should be { env ="),
        (
            "[resources.dev]\nendpoint = 'https://x'\nkey = { env = 'A', prefect-secret = 'b' }",
            'at resources.dev.key: should be { env = "NAME" } or { prefect-secret = "block-name" }',
        ),
        ("[resources.dev]\nendpoint = 'https://x'\napi-version = '1'", "at resources.dev.api-version: String should"),
        ("[resources.dev]\nendpoint = 'https://x'\nlimits = 'none'", 'at resources.dev.limits: should be "off" or'),
        ("[resources.dev]\nendpoint = 'https://x'\nlimits = 5", 'at resources.dev.limits: should be "off" or'),
        ("[resources.dev]\nendpoint = 'https://x'\nlimits = { post = 0 }", "at resources.dev.limits.post: should be"),
        ("[resources.dev]\nendpoint = 'https://x'\nlimits = { put = 1 }", "at resources.dev.limits.put: unknown key"),
        (
            "[vault]\nencryption = { recipients = ['AGE-SECRET-KEY-1X'] }",
            "at vault.encryption.recipients: should be public keys, age1…",
        ),
        (
            "[vault.encryption]\nidentity = 'AGE-SECRET-KEY-1X'",
            "at vault.encryption.identity: a secret is never written here",
        ),
        (
            "[vault.encryption]\nidentity = { env = 'A' }\nidentity-file = 'key.txt'",
            "at vault.encryption: identity and identity-file say the same",
        ),
        (
            "[vault.encryption]\nidentity-file = '~no-such-user/key.txt'",
            "at vault.encryption.identity-file: Could not determine home directory",
        ),
        (
            "[vault.encryption]\ndigest-key = { env = 'A' }",
            "at vault.encryption: digest-key is of use with recipients only",
        ),
        ("[vault.az]\ncustomer-key = 'abc'", "at vault.az.customer-key: a secret is never written here"),
        ("[backup]\nconcurrency = 0", "at backup.concurrency: should be greater than or equal to 1"),
        ("[cleanup.rules.all]", "at cleanup.rules.all: a rule without any condition would choose every project"),
        ("[cleanup]\nmax-share = 2", "at cleanup.max-share: should be less than or equal to 1"),
    ],
)
def test_a_fault_is_told_with_file_place_and_reason(text: str, message: str, load: Load, tmp_path: Path) -> None:
    """One line, in words of TOML, exit code 2."""
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    assert str(caught.value).startswith(f"{tmp_path / 'cluvault.toml'}: {message}")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_secret_in_the_wrong_place_is_not_repeated(load: Load) -> None:
    """Somebody will write the key itself; neither the error nor its cause prints it."""
    with pytest.raises(ConfigurationError) as caught:
        load("[resources.dev]\nendpoint = 'https://x'\nkey = 'c0ffee'")
    assert "c0ffee" not in str(caught.value)
    assert "c0ffee" not in str(caught.value.__cause__)


def test_a_missing_file_is_told_with_the_mend(tmp_path: Path) -> None:
    """It was named, so that its absence is an error."""
    with pytest.raises(ConfigurationError, match=r"no such configuration file; name another with --config"):
        load_settings(tmp_path / "absent.toml", environment={})


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    """A folder, or bytes that are no UTF-8."""
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_settings(tmp_path, environment={})
    latin = tmp_path / "latin.toml"
    latin.write_bytes("url = 'caf\u00e9'".encode("latin-1"))
    with pytest.raises(ConfigurationError, match=r"latin\.toml: cannot be read"):
        load_settings(latin, environment={})


def test_an_unknown_resource_is_told_with_the_known_ones(load: Load) -> None:
    """The message helps whoever mistyped, and whoever configured nothing."""
    with pytest.raises(ConfigurationError, match=r"resource 'test' is not configured \(configured: dev, prod\)"):
        load(FULL).resource("test")
    with pytest.raises(ConfigurationError, match=r"\(configured: none\); add \[resources\.dev\] with its endpoint"):
        load("").resource("dev")


# --- the environment -----------------------------------------------------------------------------------------------


def test_the_environment_overrides_the_file(load: Load) -> None:
    """Each value by its path; underscores stand for dashes, and case does not matter."""
    settings = load(
        FULL,
        CLUVAULT_VAULT__URL="s3://other/prefix",
        CLUVAULT_VAULT__RETENTION__KEEP_LAST="7",
        CLUVAULT_RESOURCES__PROD__API_VERSION="auto",
        CLUVAULT_RESOURCES__PROD__LIMITS="{ post = 5 }",
        CLUVAULT_CLEANUP__PROTECT='["A*", "B*"]',
        CLUVAULT_BACKUP__JOB_TIMEOUT="90.5",
    )
    assert settings.vault.url == "s3://other/prefix"
    assert read_policy(settings.vault.retention).last == 7
    assert settings.vault.retention["keep-within"] == "30d"
    assert settings.resource("prod").api_version == "auto"
    assert settings.resource("prod").limits == RateLimits(post=5)
    assert settings.cleanup.protect == ("A*", "B*")
    assert settings.backup.job_timeout == 90.5


def test_a_configuration_can_be_environment_only() -> None:
    """A container needs no file."""
    settings = load_settings(
        None,
        environment={
            "CLUVAULT_RESOURCES__DEV__ENDPOINT": "https://contoso.cognitiveservices.azure.com",
            "CLUVAULT_RESOURCES__DEV__KEY__ENV": "CLU_KEY",
            "CLUVAULT_VAULT__URL": "./here",
        },
    )
    assert settings.resource("dev").key == SecretName(env="CLU_KEY")
    assert settings.vault.url == "./here"


def test_a_table_of_the_file_is_spelt_as_there(load: Load) -> None:
    """A resource may be named with capitals or underscores; the variable finds it."""
    settings = load("[resources.My_Dev]\nendpoint = 'https://x'", CLUVAULT_RESOURCES__MY_DEV__AUTH="entra")
    assert list(settings.resources) == ["My_Dev"]


@pytest.mark.parametrize("name", ["CLUVAULT_CONFIG", "CLUVAULT_VERSION", "CLUVAULT", "OTHER_VAULT__URL"])
def test_other_variables_are_left_alone(name: str, load: Load) -> None:
    """One-word variables mean something to other programs; the path of the file is no value of it."""
    assert load("", **{name: "x"}) == load("")


def test_a_value_over_a_scalar_makes_a_table(load: Load) -> None:
    """The environment wins also where the file holds something else."""
    settings = load(
        "[resources.dev]\nendpoint = 'https://x'\nlimits = 'off'", CLUVAULT_RESOURCES__DEV__LIMITS__POST="3"
    )
    assert settings.resource("dev").limits == RateLimits(post=3)


def test_a_malformed_list_is_taken_as_text(load: Load) -> None:
    """The reason then names the place of the value."""
    with pytest.raises(ConfigurationError, match=r"at cleanup\.protect: "):
        load("", CLUVAULT_CLEANUP__PROTECT="[A*")


def test_without_a_file_the_environment_is_to_blame() -> None:
    """The message does not name a file that nobody wrote."""
    with pytest.raises(ConfigurationError, match=r"^configuration: at backup\.concurrency: "):
        load_settings(None, environment={"CLUVAULT_BACKUP__CONCURRENCY": "many"})


# --- endpoints -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, expected",
    [
        ("https://contoso.cognitiveservices.azure.com/", "https://contoso.cognitiveservices.azure.com"),
        ("https://westeurope.api.cognitive.microsoft.com", "https://westeurope.api.cognitive.microsoft.com"),
        ("http://127.0.0.1:8080/dev/", "http://127.0.0.1:8080/dev"),
        ("http://localhost:80", "http://localhost:80"),
        ("http://[::1]:5000/dev", "http://[::1]:5000/dev"),
    ],
)
def test_endpoints_are_https_or_loopback(value: str, expected: str) -> None:
    """A trailing slash goes; a path stays, for the emulator."""
    assert check_endpoint(value) == expected


@pytest.mark.parametrize(
    "value, message",
    [
        ("", "should be a URL such as"),
        ("contoso.cognitiveservices.azure.com", "should be a URL such as"),
        ("ftp://contoso.com", "should be a URL such as"),
        ("https://", "should be a URL such as"),
        ("https://contoso .com", "should be a URL such as"),
        ("https://contoso.com:0", "should be a URL such as"),
        ("https://contoso.com:port", "Port could not be cast"),
        ("https://[::1", "Invalid IPv6 URL"),
        ("https://user@contoso.com", "should hold no user"),
        ("https://:secret@contoso.com", "should hold no user"),
        ("https://contoso.com?", "should hold no user, password, query or fragment"),
        ("https://contoso.com/#a", "should hold no user, password, query or fragment"),
        ("http://contoso.com", "a key never travels in clear"),
        ("http://127.0.0.1.contoso.com", "a key never travels in clear"),
    ],
)
def test_other_endpoints_are_refused(value: str, message: str) -> None:
    """Before a key is sent anywhere."""
    with pytest.raises(ValueError, match=message):
        check_endpoint(value)


@pytest.mark.parametrize(
    "host, expected",
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("10.0.0.1", False), ("dev", False)],
)
def test_loopback_is_told_without_asking_a_name_server(host: str, *, expected: bool) -> None:
    """Only what can mean nothing but this machine."""
    assert is_loopback(host) is expected


# --- finding the file ----------------------------------------------------------------------------------------------


def test_the_file_is_found_by_option_then_environment_then_folder(tmp_path: Path) -> None:
    """The nearer word wins; a folder without the file has no configuration."""
    environment = {"CLUVAULT_CONFIG": "from-environment.toml"}
    assert find_config("given.toml", environment=environment, directory=tmp_path) == Path("given.toml")
    assert find_config(None, environment=environment, directory=tmp_path) == Path("from-environment.toml")
    assert find_config(None, environment={}, directory=tmp_path) is None
    (tmp_path / "cluvault.toml").touch()
    assert find_config(None, environment={}, directory=tmp_path) == tmp_path / "cluvault.toml"


def test_a_rule_of_the_clean_up_says_something() -> None:
    """Each condition alone is enough."""
    assert CleanupRule(no_deployment=True).names == ()
    with pytest.raises(ValidationError, match="would choose every project"):
        CleanupRule()


def test_objectives_are_of_configured_resources(load: Load) -> None:
    """A typing error in a resource's name is told; unknown keys are, too."""
    text = '[resources.prod]\nendpoint = "https://x.test"\n[status]\nresources = {{ {} = {{ freshness-hours = 4 }} }}\n'
    assert load(text.format("prod")).status.of("prod").freshness_hours == 4
    with pytest.raises(ConfigurationError, match=r"status\.resources: 'prd' is not a configured resource"):
        load(text.format("prd"))


def test_how_it_is_deployed(tmp_path: Path) -> None:
    """An environment is a name, or a file that is found from the configuration's folder; a block is type/name."""
    file = tmp_path / "cluvault.toml"
    file.write_text('[prefect]\nenvironment = "ours.yaml"\nnotify = "slack-webhook/ops"\n', "utf-8")
    found = load_settings(file, environment={}).prefect
    assert found.environment == str(tmp_path.resolve() / "ours.yaml")
    assert (found.pool, found.pool_type, found.notify) == ("cluvault", "process", "slack-webhook/ops")
    named = load_settings(file, environment={"CLUVAULT_PREFECT__ENVIRONMENT": "production"}).prefect
    assert named.environment == "production"
    with pytest.raises(ConfigurationError, match=r"at prefect\.notify: "):
        load_settings(file, environment={"CLUVAULT_PREFECT__NOTIFY": "a person"})
