"""Encrypted content, in the format of age (age-encryption.org): written with public keys, read with a secret one.

`age -d -i KEY config.json.gz.age | gunzip` gives a project file without cluvault. Digests of what is encrypted are
keyed, so that nobody can find out by trying what it is; the key of each snapshot's digests lies in its manifest,
encrypted to the same recipients.

Encryption keeps content secret; it does not prove who wrote it, for anybody can encrypt to a public key.
"""

from __future__ import annotations

import hmac
import logging
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from secrets import token_bytes
from typing import TYPE_CHECKING, Final

from pydantic import SecretBytes

from cluvault.errors import ConfigurationError, SnapshotSealed
from cluvault.model.manifest import Seal
from cluvault.model.names import shorten

# pyrage is imported by the methods that need it: most vaults are plain, and most commands open nothing.

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyrage
    from pydantic import SecretStr

    from cluvault.model.manifest import Content

_log: Final = logging.getLogger("cluvault.vault")

_RANDOM_KEY_BYTES: Final = 32
_SHORTEST_KEY_BYTES: Final = 16


class BrokenSeal(ValueError):
    """Bytes that the right identity does not open: they are not what was once encrypted."""


@dataclass(frozen=True, slots=True)
class HiddenSecret:
    """A secret by its place.

    Attributes:
        place: How messages name it.
        find: Reads it; None when nothing is there. Raises ConfigurationError for what cannot be read.
    """

    place: str
    find: Callable[[], SecretStr | None]


class Sealing:
    """Encrypts new content, if it has recipients, and opens what was encrypted, if it has an identity.

    Secrets are looked for when they are first needed: a listing needs none, a backup no identity.

    Args:
        recipients: Public keys (`age1…`); none, and new content stays plain.
        identity: The secret keys, one a line, as age-keygen writes them.
        digest_key: What keys digests, so that unchanged content is recognised. None: a new random key for each
            snapshot, and no two snapshots can be told to be equal.
    """

    def __init__(
        self,
        recipients: Sequence[str] = (),
        *,
        identity: HiddenSecret | None = None,
        digest_key: HiddenSecret | None = None,
    ) -> None:
        self.recipients = tuple(recipients)
        self._identity = identity
        self._digest_key = digest_key

    @property
    def has_identity(self) -> bool:
        """Whether an identity is named; it may be missing or another one's all the same."""
        return self._identity is not None

    # --- sealing ---------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Look at everything that new content is sealed with, before anything is written.

        Raises:
            ConfigurationError: a recipient or the identity is malformed, or the digest key is missing or too short.
        """
        if self._public_keys and self._given_key is None:
            _log.info("without vault.encryption.digest-key no content is recognised as unchanged")
        if self._public_keys and self._identities and not self._opens(self.recipients):
            _log.warning("%s: what is written now is not checked by decrypting it", self._why_closed())

    def new_seal(self) -> tuple[Seal, SecretBytes] | None:
        """The seal of new content and the key of its digests; None when new content stays plain.

        Raises:
            ConfigurationError: a recipient is none, or the digest key is missing or too short.
        """
        if not self._public_keys:
            return None
        key = self._given_key or SecretBytes(token_bytes(_RANDOM_KEY_BYTES))
        wrapped = b64encode(self.seal(key.get_secret_value())).decode()
        return Seal(recipients=self.recipients, digest_key=wrapped), key

    def seal(self, plain: bytes) -> bytes:
        """Encrypt to the recipients; equal bytes give different results."""
        import pyrage  # noqa: PLC0415  # see above

        return pyrage.encrypt(plain, self._public_keys)

    def stands_for(self, content: Content, canonical_sha256: str) -> bool:
        """Whether content means what this digest says, and lies there as new content would: plain, or sealed alike.

        Content for other recipients does not count, although it means the same: the present ones could not read it.
        """
        if not self.recipients or content.seal is None:
            return not self.recipients and content.seal is None and content.canonical_sha256 == canonical_sha256
        return (
            set(content.seal.recipients) == set(self.recipients)
            and self._given_key is not None
            and hmac.compare_digest(content.canonical_sha256, keyed(self._given_key, canonical_sha256))
        )

    # --- opening ---------------------------------------------------------------------------------------------------

    def can_open(self, seal: Seal) -> bool:
        """Whether there is an identity at hand that opens what is sealed so.

        Raises:
            ConfigurationError: what is there is no identity.
        """
        return self._opens(seal.recipients)

    def _opens(self, recipients: Sequence[str]) -> bool:
        return not {str(one.to_public()) for one in self._identities}.isdisjoint(recipients)

    def open(self, sealed: bytes, seal: Seal, *, reference: str) -> bytes:
        """Decrypt.

        Raises:
            SnapshotSealed: no identity at hand is one of the recipients'.
            BrokenSeal: one is, and these bytes are not encrypted to it.
        """
        import pyrage  # noqa: PLC0415  # see above

        self._check_can_open(seal, reference=reference)
        try:
            return pyrage.decrypt(sealed, self._identities)
        except pyrage.DecryptError as err:
            raise BrokenSeal(f"cannot be decrypted: {err}") from None

    def key_of(self, seal: Seal, *, reference: str) -> SecretBytes:
        """The key of the digests of sealed content. Raises what `open` does."""
        try:
            wrapped = b64decode(seal.digest_key, validate=True)
        except ValueError:
            raise BrokenSeal("the manifest's digestKey is no base64") from None
        return SecretBytes(self.open(wrapped, seal, reference=reference))

    def recorded(self, content: Content, digest: str, *, reference: str) -> str:
        """What content's manifest would say of this digest of plain content. Raises what `open` does."""
        return digest if content.seal is None else keyed(self.key_of(content.seal, reference=reference), digest)

    def _check_can_open(self, seal: Seal, *, reference: str) -> None:
        names = shorten(", ".join(seal.recipients), 200)
        try:
            reason = "" if self.can_open(seal) else self._why_closed()
        except ConfigurationError as err:
            reason = err.message
        if reason:
            raise SnapshotSealed(
                f"{reference}: is encrypted to {names}, and {reason}",
                mend="name the secret key of one of these with vault.encryption.identity or identity-file",
            )

    def _why_closed(self) -> str:
        if self._identity is None:
            return "vault.encryption names no identity"
        if not self._identities:
            return f"{self._identity.place}, which should hold an identity, is not there"
        return f"the identity in {self._identity.place} is another one's"

    # --- what the configuration says -------------------------------------------------------------------------------

    @cached_property
    def _public_keys(self) -> list[pyrage.x25519.Recipient]:
        import pyrage  # noqa: PLC0415  # see above

        keys: list[pyrage.x25519.Recipient] = []
        for number, text in enumerate(self.recipients):
            try:
                keys.append(pyrage.x25519.Recipient.from_str(text))
            except pyrage.RecipientError as err:
                raise ConfigurationError(
                    f"vault.encryption.recipients[{number}]: {shorten(text)!r} is no public key of age ({err})",
                    mend="copy it again; age-keygen -y prints it",
                ) from None
        return keys

    @cached_property
    def _identities(self) -> list[pyrage.x25519.Identity]:
        """The identities at hand; none when there is nothing where they should be."""
        if self._identity is None or (found := self._identity.find()) is None:
            return []
        identities = [
            _read_identity(line, place=f"line {number} of the identity in {self._identity.place}")
            for number, line in enumerate(_lines(found), start=1)
            if line is not None
        ]
        if not identities:
            raise ConfigurationError(f"the identity in {self._identity.place} holds no secret key of age")
        return identities

    @cached_property
    def _given_key(self) -> SecretBytes | None:
        if self._digest_key is None:
            return None
        found = self._digest_key.find()
        if found is None:
            raise ConfigurationError(
                f"{self._digest_key.place}, which should hold the digest key of the vault, is not there",
                mend="set it, or leave vault.encryption.digest-key out (unchanged content is then stored every time)",
            )
        key = SecretBytes(found.get_secret_value().strip().encode())
        if len(key) < _SHORTEST_KEY_BYTES:
            raise ConfigurationError(
                f"the digest key in {self._digest_key.place} has fewer than {_SHORTEST_KEY_BYTES} bytes",
                mend="make one with: openssl rand -hex 32",
            )
        return key


def keyed(key: SecretBytes, digest: str) -> str:
    """HMAC-SHA-256 of the letters of a digest, under a key."""
    return hmac.new(key.get_secret_value(), digest.encode(), sha256).hexdigest()


def _lines(text: SecretStr) -> list[SecretStr | None]:
    """The lines of an identity file; None for comments and empty ones. They stay hidden: tracebacks print locals."""
    lines = (line.strip() for line in text.get_secret_value().splitlines())
    return [type(text)(line) if line and not line.startswith("#") else None for line in lines]


def _read_identity(line: SecretStr, *, place: str) -> pyrage.x25519.Identity:
    import pyrage  # noqa: PLC0415  # see above

    try:
        return pyrage.x25519.Identity.from_str(line.get_secret_value())
    except pyrage.IdentityError as err:
        raise ConfigurationError(
            f"{place} is no secret key of age ({err})", mend="it should read AGE-SECRET-KEY-1…"
        ) from None
