"""The record of a run: every project it saw and what became of it. Written once, at its end."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import AwareDatetime, ValidationError

from cluvault.errors import DamagedRecord
from cluvault.model.manifest import VAULT_FORMAT, Record, Tool, refuse_newer_format


class Outcome(StrEnum):
    """What a run writes for a project; readers take any text, for later versions will know more."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    RESTORED = "restored"
    CREATED = "created"
    DELETED = "deleted"
    SKIPPED = "skipped"
    FAILED = "failed"


class RunItem(Record):
    """One project of a run; `detail` is the sentence that a person reads, e.g. the error."""

    resource: str
    project: str
    outcome: str
    snapshot_id: str | None = None
    detail: str | None = None


class RunRecord(Record):
    """One run: `kind` is the name of its command, `resources` are those it was asked to look at."""

    format: Literal[1] = VAULT_FORMAT
    run_id: str
    kind: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    tool: Tool
    resources: tuple[str, ...] = ()
    items: tuple[RunItem, ...] = ()

    def to_bytes(self) -> bytes:
        """The record as UTF-8 JSON, readable by a person."""
        return self.model_dump_json(by_alias=True, indent=2).encode() + b"\n"


def read_run(data: bytes, *, key: str) -> RunRecord:
    """Parse a run record from the store.

    Raises:
        VaultTooNew: a newer format wrote it.
        DamagedRecord: it is no run record.
    """
    refuse_newer_format(data, key=key)
    try:
        return RunRecord.model_validate_json(data)
    except ValidationError as err:
        first = err.errors()[0]
        where = "/".join(map(str, first["loc"])) or "top level"
        raise DamagedRecord(f"{key}: not a run record: {where}: {first['msg']}") from err
