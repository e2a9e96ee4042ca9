"""Compose file, image, units and cluster files: they parse, and what they name is there. No container is started."""

from __future__ import annotations

import base64
import configparser
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluvault.settings import load_settings
from tests.support.azurite import VERSION as AZURITE

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "deployments"
COMPOSE: Any = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
UNITS = sorted((FOLDER / "systemd").glob("*.service"))
DOCKERFILES = [FOLDER / "Dockerfile", FOLDER / "emulator" / "Containerfile"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_compose_service_names_what_is_there(name: str) -> None:
    """Its build files, its mounted files, its volumes, the services that it waits for."""
    service = SERVICES[name]
    assert "image" in service or "build" in service
    build = service.get("build", {})
    if "context" in build:
        assert (FOLDER / build["context"]).resolve() == ROOT
        assert (ROOT / build["dockerfile"]).is_file()
    for mount in service.get("volumes", ()):
        source, target = mount.split(":")[:2]
        assert target.startswith("/")
        assert (FOLDER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"]
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    network = service.get("network_mode", "service:worker").removeprefix("service:")
    assert network in SERVICES


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_is_waited_for_says_when_it_is_healthy(name: str) -> None:
    """By a check of its own, or by that of its image."""
    conditions = {
        one["depends_on"][name]["condition"] for one in SERVICES.values() if name in one.get("depends_on", {})
    }
    if "service_healthy" in conditions:
        dockerfile = SERVICES[name].get("build", {}).get("dockerfile")
        in_image = dockerfile is not None and "HEALTHCHECK" in (ROOT / dockerfile).read_text("utf-8")
        assert "healthcheck" in SERVICES[name] or in_image
    if "service_completed_successfully" in conditions:
        assert SERVICES[name]["restart"] == "on-failure"


def test_only_this_machine_is_served() -> None:
    """What is published is published to loopback."""
    ports = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_prefects_settings_exist() -> None:
    """Every PREFECT_ variable of compose file, image and units is one that Prefect reads."""
    from prefect.settings import Settings  # noqa: PLC0415  # it takes a second

    known = _variables(Settings) | {"PREFECT_LOGGING_EXTRA_LOGGERS", "PREFECT_SERVER_ENCRYPTION_KEY"}
    texts = [path.read_text("utf-8") for path in [FOLDER / "compose.yaml", FOLDER / "Dockerfile", *UNITS]]
    found = {name for text in texts for name in re.findall(r"\bPREFECT_[A-Z_]+(?=[:=])", text)}
    assert "PREFECT_SERVER_DATABASE_CONNECTION_URL" in found
    redis = {name for name in found if name.startswith("PREFECT_REDIS_")}  # prefect-redis reads those
    assert found - redis <= known


def _variables(model: Any) -> set[str]:
    names: set[str] = set()
    prefix = model.model_config.get("env_prefix", "")
    for name, info in model.model_fields.items():
        inner = info.annotation
        if hasattr(inner, "model_fields"):
            names |= _variables(inner)
        else:
            names.add(f"{prefix}{name}".upper())
            choices = getattr(info.validation_alias, "choices", ())
            names |= {str(one).upper() for one in choices}
    return names


def test_the_laptop_configuration_loads() -> None:
    """The emulator is reached over loopback, which the worker shares with it; the vault is Azurite's container."""
    settings = load_settings(FOLDER / "compose" / "cluvault.toml", environment={})
    assert set(settings.resources) == {"dev", "prod"}
    assert SERVICES["worker"]["network_mode"] == "service:emulator"
    script = (FOLDER / "compose" / "make_container.py").read_text("utf-8")
    assert f'"{settings.vault.url.rpartition("/")[2]}"' in script
    key = COMPOSE["x-prefect"]["environment"]["PREFECT_SERVER_ENCRYPTION_KEY"]
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert f"azurite@{AZURITE}" in SERVICES["azurite"]["build"]["dockerfile_inline"]


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_copies_what_is_sent(file: Path) -> None:
    """Each source is in the clone and let through by the ignore file; the last user is not root."""
    lines = file.read_text("utf-8").splitlines()
    ignore = file.with_name(f"{file.name}.dockerignore").read_text("utf-8").splitlines()
    sent = {line[1:] for line in ignore if line.startswith("!")}
    for line in lines:
        if line.startswith("COPY ") and "--from" not in line:
            source = line.split()[1]
            assert (ROOT / source).exists()
            assert source.split("/")[0] in sent
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert re.fullmatch(r"[1-9]\d{3,}(:\d+)?", users[-1])


def test_prefect_is_the_same_everywhere() -> None:
    """Server, workers and flows of one version; each image says it."""
    version = _locked(FOLDER / "requirements.lock")["prefect"]
    assert COMPOSE["x-prefect"]["image"].startswith(f"prefecthq/prefect:{version}-")
    values = yaml.safe_load((FOLDER / "kubernetes" / "values.yaml").read_text("utf-8"))
    assert values["worker"]["image"]["prefectTag"].startswith(f"{version}-")


def test_the_image_has_the_locked_packages() -> None:
    """Those of requirements.lock without the emulator's; `just lock` writes both."""
    every, image = _locked(ROOT / "requirements.lock"), _locked(FOLDER / "requirements.lock")
    assert image.items() < every.items()
    left_out = every.keys() - image.keys()
    assert "scikit-learn" in left_out
    assert left_out <= {"joblib", "narwhals", "numpy", "regex", "scikit-learn", "scipy", "threadpoolctl"}


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", path.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_units_say_how_they_start_and_stay(unit: Path) -> None:
    """A command of the installation, a user, a restart, no more rights than needed."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # pyright: ignore[reportAttributeAccessIssue]  # names of systemd have capitals
    parser.read(unit)
    service = parser["Service"]
    assert service["ExecStart"].startswith("/opt/cluvault/bin/")
    assert service["User"] == "cluvault"
    assert service["Restart"] == "always"
    assert service["NoNewPrivileges"] == "true"
    assert parser["Install"]["WantedBy"] == "multi-user.target"


def test_cluster_files() -> None:
    """The objects that the pool's job template refers to, in its namespace; the configuration loads."""
    template = yaml.safe_load((FOLDER / "pools" / "kubernetes.yaml").read_text("utf-8"))
    defaults = {name: one.get("default") for name, one in template["variables"]["properties"].items()}
    objects: list[Any] = list(yaml.safe_load_all((FOLDER / "kubernetes" / "cluvault.yaml").read_text("utf-8")))
    named = {(one["kind"], one["metadata"]["name"]) for one in objects}
    assert named == {
        ("Namespace", defaults["namespace"]),
        ("ServiceAccount", defaults["service_account_name"]),
        ("ConfigMap", defaults["config_map"]),
    }
    (text,) = [one["data"]["cluvault.toml"] for one in objects if one["kind"] == "ConfigMap"]
    assert set(tomllib.loads(text)) == {"vault", "resources"}
