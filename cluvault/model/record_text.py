"""Reading the records of a vault (runs, holds, prunes): one way to say what is wrong with one."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from cluvault.errors import DamagedRecord
from cluvault.model.manifest import Record, refuse_newer_format

R = TypeVar("R", bound=Record)


def read_record(model: type[R], data: bytes, *, key: str, what: str) -> R:
    """Parse a record from the store.

    Args:
        model: What it should be.
        data: The bytes.
        key: Where they lie, for messages.
        what: The record's name in words, with its article: "a run record".

    Raises:
        VaultTooNew: a newer format wrote it.
        DamagedRecord: it is no such record.
    """
    refuse_newer_format(data, key=key)
    try:
        return model.model_validate_json(data)
    except ValidationError as err:
        first = err.errors()[0]
        where = "/".join(map(str, first["loc"])) or "top level"
        raise DamagedRecord(f"{key}: not {what}: {where}: {first['msg']}") from err


def record_bytes(record: Record) -> bytes:
    """A record as UTF-8 JSON, readable by a person."""
    return record.model_dump_json(by_alias=True, indent=2).encode() + b"\n"
