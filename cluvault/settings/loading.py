"""Read `cluvault.toml` and lay the environment's values over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from pydantic import ValidationError

from cluvault.errors import ConfigurationError
from cluvault.settings.section import CONFIG_NAME
from cluvault.settings.whole import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.settings.routes import RouteSettings
    from cluvault.settings.vault import CopySettings


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


_RESERVED: Final = {"CLUVAULT_CONFIG", "CLUVAULT_ACTOR", VAULT_VARIABLE}


V = TypeVar("V", bound="CopySettings")


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
    events = settings.events
    if events.ca_file is not None:
        events = events.model_copy(update={"ca_file": folder / events.ca_file})
    prefect = settings.prefect
    if prefect.environment is not None and prefect.environment.endswith((".yaml", ".yml")):
        prefect = prefect.model_copy(update={"environment": str(folder / prefect.environment)})
    changes = {"vault": vault, "resources": resources, "routes": routes, "events": events, "prefect": prefect}
    return settings.model_copy(update=changes)


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
