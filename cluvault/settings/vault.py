"""Where snapshots are kept, and for how long."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, cast

from pydantic import Field, PlainValidator, StringConstraints, field_validator, model_validator

from cluvault.settings.section import Name, SecretName, Section

MAIN_VAULT: Final = "main"
"""The name of the vault of `[vault]`, where another one is in use."""


_RECIPIENT: Final = re.compile(r"age1[0-9a-z]+")


class S3Settings(Section):
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


class BlobSettings(Section):
    """A vault in a container.

    Attributes:
        customer_key: 32 bytes in base64, with which Azure encrypts every blob and which it does not keep.
    """

    tier: Literal["", "Hot", "Cool", "Cold"] = ""
    customer_key: SecretName | None = None


class EncryptionSettings(Section):
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


class CopySettings(Section):
    """A vault, or a copy of one, and what it keeps.

    Attributes:
        connections: Requests to a cloud store at once.
        patience: Seconds for which a store is waited for that was there before and is away; 0 means not at all.
        cache: Whether manifests of a cloud store are kept on this machine, in the user's cache folder or the named one.
        retention: What `prune` keeps; without it nothing is ever removed.
        vanished: The same for projects that are gone from their resource; without it all their snapshots stay.
    """

    url: str
    connections: Annotated[int, Field(ge=1, le=256)] = 16
    patience: Annotated[float, Field(ge=0, le=86_400)] = 120.0
    s3: S3Settings = S3Settings()
    az: BlobSettings = BlobSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    cache: Annotated[bool | Path, Field(union_mode="left_to_right")] = True
    retention: Rules = Field(default_factory=dict)
    vanished: Rules = Field(default_factory=dict)


class VaultSettings(CopySettings):
    """The vault that commands mean unless they are told of another.

    Attributes:
        copies: Further vaults by name, for `cluvault copy --to NAME` and for `--vault NAME` of every command.
    """

    url: str = "./vault"
    copies: dict[Name, CopySettings] = Field(default_factory=dict)

    @field_validator("copies")
    @classmethod
    def _main_is_this_one(cls, value: dict[str, CopySettings]) -> dict[str, CopySettings]:
        if MAIN_VAULT in value:
            raise ValueError(f"{MAIN_VAULT!r} is the vault of [vault] itself; name the copy otherwise")
        return value
