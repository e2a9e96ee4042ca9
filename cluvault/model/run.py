"""The record of a run: every project it saw and what became of it. Written once, at its end."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from pydantic import AwareDatetime, Field

from cluvault.model.manifest import VAULT_FORMAT, Counts, Record, Tool
from cluvault.model.record_text import read_record, record_bytes

if TYPE_CHECKING:
    from datetime import datetime


class Outcome(StrEnum):
    """What a run writes for a project; readers take any text, for later versions will know more."""

    STORED = "stored"
    UNCHANGED = "unchanged"
    RESTORED = "restored"
    CREATED = "created"
    DELETED = "deleted"
    VANISHED = "vanished"
    REMOVED = "removed"
    REPAIRED = "repaired"
    PROVEN = "proven"
    DAMAGED = "damaged"
    MISSING = "missing"
    TOO_NEW = "too-new"
    UNREFERENCED = "unreferenced"
    FOREIGN = "foreign"
    LOCKED = "locked"
    COPIED = "copied"
    SKIPPED = "skipped"
    EQUAL = "equal"
    DIFFERS = "differs"
    ONLY_IN_SOURCE = "only-in-source"
    ONLY_IN_TARGET = "only-in-target"
    BEHIND = "behind"
    REPLICATED = "replicated"
    LEFTOVER = "leftover"
    REFUSED = "refused"
    FAILED = "failed"


class Seen(Record):
    """What a backup saw of a project: by it the next one knows whether there is anything to export.

    Attributes:
        modified: The times that the service listed.
        exported_at: When the content was last exported, by this run or an earlier one.
        models_at: When its models and service deployments were last listed.
    """

    modified: AwareDatetime | None = None
    trained: AwareDatetime | None = None
    deployed: AwareDatetime | None = None
    exported_at: AwareDatetime
    models_at: AwareDatetime


class RunItem(Record):
    """One project of a run.

    Attributes:
        detail: The sentence that a person reads, e.g. the error.
        since: Of a project that vanished from its resource: when a backup first missed it.
        seconds: Of a restore drill: how long it took to import, export and compare.
        digest: The canonical digest of what was stored, found unchanged, restored or created.
        counts: How much is in it, where a backup counted that.
        warnings: What was not done though it was asked for, a sentence for each; the outcome is good all the same.
        seen: Of a backup: the times by which the next one knows whether the project changed.
        taken_up: Of a backup: when the export was started that an earlier run had left and this one took up.
    """

    resource: str
    project: str
    outcome: str
    snapshot_id: str | None = None
    detail: str | None = None
    since: AwareDatetime | None = None
    seconds: float | None = None
    digest: str | None = None
    counts: Counts | None = None
    seen: Seen | None = None
    warnings: tuple[str, ...] = ()
    taken_up: AwareDatetime | None = None


class RunRecord(Record):
    """One run.

    Attributes:
        kind: The name of its command.
        resources: Those it was asked to look at.
        options: What else it was asked for, where that decides what its silence means.
    """

    format: Literal[1] = VAULT_FORMAT
    run_id: str
    kind: str
    started_at: AwareDatetime
    ended_at: AwareDatetime
    tool: Tool
    resources: tuple[str, ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)
    items: tuple[RunItem, ...] = ()

    def to_bytes(self) -> bytes:
        """The record as UTF-8 JSON, readable by a person."""
        return record_bytes(self)


def read_run(data: bytes, *, key: str) -> RunRecord:
    """Parse a run record from the store. Raises what `read_record` does."""
    return read_record(RunRecord, data, key=key, what="a run record")


def has_seen(record: RunRecord, resource: str) -> bool:
    """Whether a run is a backup that listed all projects of a resource."""
    failed = any(item.resource == resource and not item.project for item in record.items)
    return record.kind == "backup" and resource in record.resources and not failed


def vanished_in(record: RunRecord, resource: str) -> dict[str, datetime]:
    """The projects that a backup missed in a resource, and when a backup first did."""
    return {
        item.project: item.since or record.started_at
        for item in record.items
        if item.resource == resource and item.outcome == Outcome.VANISHED
    }
