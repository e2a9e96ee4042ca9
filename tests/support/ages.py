"""Identities of age for tests, and vaults and settings that use them."""

from __future__ import annotations

from typing import Any

import pyrage
from pydantic import SecretStr

from cluvault.vault.sealing import HiddenSecret, Sealing

DIGEST_KEY = "d1gest-key-0f-the-tests"


class KeyPair:
    """A fresh identity and its public key."""

    def __init__(self) -> None:
        identity = pyrage.x25519.Identity.generate()
        self.secret = str(identity)
        self.public = str(identity.to_public())


def hidden(text: str | None, place: str = "environment variable X") -> HiddenSecret:
    """A secret that is there, or not."""
    return HiddenSecret(place, lambda: SecretStr(text) if text is not None else None)


def sealing(*recipients: KeyPair, identity: KeyPair | None = None, digest_key: str | None = None) -> Sealing:
    """What seals to some and opens as one."""
    return Sealing(
        [one.public for one in recipients],
        identity=hidden(identity.secret) if identity is not None else None,
        digest_key=hidden(digest_key) if digest_key is not None else None,
    )


def encryption(*recipients: KeyPair, **names: Any) -> dict[str, Any]:
    """The value of `vault.encryption` in a configuration."""
    return {"recipients": [one.public for one in recipients], **names}
