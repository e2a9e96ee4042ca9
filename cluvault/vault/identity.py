"""What makes a place a vault: `cluvault.json`, written once, read at every opening."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError

from cluvault.errors import NotAVault, ObjectExists, ObjectNotFound
from cluvault.model.manifest import VAULT_FORMAT, Record, refuse_newer_format
from cluvault.plan.keys import ROOT_KEY

if TYPE_CHECKING:
    from cluvault.vault.store import ObjectStore


class _Identity(Record):
    format: Literal[1] = VAULT_FORMAT
    vault_id: Annotated[str, Field(min_length=1)]


async def read_identity(store: ObjectStore) -> str | None:
    """The vault's id, or None where there is no `cluvault.json`.

    Raises:
        NotAVault: it is malformed.
        VaultTooNew: a newer format wrote it.
    """
    try:
        data = await store.get(ROOT_KEY)
    except ObjectNotFound:
        return None
    refuse_newer_format(data, key=f"{store.url}: {ROOT_KEY}")
    try:
        return _Identity.model_validate_json(data).vault_id
    except ValidationError as err:
        mend = 'it should hold {"format": 1, "vaultId": "…"}'
        raise NotAVault(f"{store.url}: {ROOT_KEY} is malformed", mend=mend) from err


async def write_identity(store: ObjectStore, vault_id: str) -> None:
    """Make an empty place a vault; when somebody else does so at the same time, the first one's id stays.

    Raises:
        NotAVault: the place holds other things.
    """
    async for first in store.list():
        if first.key != ROOT_KEY:
            message = f"{store.url}: holds other files ({first.key!r}) and no {ROOT_KEY}; it is not made a vault"
            raise NotAVault(message, mend="name an empty place")
        break
    identity = _Identity(vault_id=vault_id)
    with suppress(ObjectExists):
        await store.put_new(ROOT_KEY, identity.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
