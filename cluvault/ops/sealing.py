"""From the configuration to what encrypts and opens the vault's content."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pydantic import SecretStr

from cluvault.errors import ConfigurationError
from cluvault.vault.sealing import HiddenSecret, Sealing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cluvault.settings import EncryptionSettings, SecretName


def sealing_of(
    settings: EncryptionSettings,
    *,
    environment: Mapping[str, str],
    prefect_secret: Callable[[str], SecretStr] | None,
) -> Sealing:
    """What the settings say; no secret is looked for yet."""

    def hidden(name: SecretName | None) -> HiddenSecret | None:
        if name is None:
            return None
        return HiddenSecret(name.place, partial(name.find, environment, prefect_secret))

    file = settings.identity_file
    in_file = HiddenSecret(f"file {file}", partial(_read_file, file)) if file is not None else None
    return Sealing(
        settings.recipients,
        identity=in_file or hidden(settings.identity),
        digest_key=hidden(settings.digest_key),
    )


def _read_file(path: Path) -> SecretStr | None:
    try:
        return SecretStr(path.read_bytes().decode("utf-8", "replace"))  # an error would quote what it cannot decode
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:
        reason = (getattr(err, "strerror", None) or str(err)).lower()
        raise ConfigurationError(f"the identity in file {path} cannot be read: {reason}") from None
