"""Statuses of one resource with one project, prod/Mail, for tests of what is decided and shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cluvault.model.manifest import Content, Counts, Manifest, Reason, Tool
from cluvault.model.run import RunItem, RunRecord
from cluvault.plan.status import Row, Status, VaultFacts, judge_status
from cluvault.plan.status_facts import LiveProject, ResourceFacts, RunHistory, fold_history
from cluvault.settings import StatusSettings

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
TOOL = Tool(name="cluvault", version="1")
DIGEST = "0" * 64


def ago(**values: float) -> datetime:
    """A moment before now."""
    return NOW - timedelta(**values)


def snapshot(taken: datetime, *, utterances: int = 100, **changes: Any) -> Manifest:
    """A manifest of prod/Mail."""
    snapshot_id = f"{taken:%Y%m%dT%H%M%SZ}-00000000"
    key = f"snapshots/prod/Mail/{snapshot_id}/config.json.gz"
    content = Content(
        key=key, sha256=DIGEST, bytes=1, encoding="gzip", raw_sha256=DIGEST, raw_bytes=1, canonical_sha256=DIGEST
    )
    values: dict[str, Any] = {
        "snapshot_id": snapshot_id,
        "vault_id": "v",
        "resource": "prod",
        "endpoint": "https://x.test",
        "project": "Mail",
        "captured_at": taken,
        "reason": Reason.SCHEDULED,
        "api_version": "2023-04-01",
        "project_last_modified": taken - timedelta(minutes=5),
        "content": content,
        "counts": Counts(intents=2, entities=1, utterances=utterances),
        "tool": TOOL,
    }
    return Manifest(**(values | changes))


def run(kind: str, begun: datetime, *items: RunItem, **changes: Any) -> RunRecord:
    """A run of five minutes."""
    values: dict[str, Any] = {"resources": ("prod",), "items": items} | changes
    return RunRecord(
        run_id="r", kind=kind, started_at=begun, ended_at=begun + timedelta(minutes=5), tool=TOOL, **values
    )


def item(outcome: str, snapshot_id: str | None = None, **changes: Any) -> RunItem:
    """What a run says of prod/Mail."""
    values: dict[str, Any] = {"resource": "prod", "project": "Mail", "outcome": outcome, "snapshot_id": snapshot_id}
    return RunItem(**(values | changes))


def live(**changes: Any) -> LiveProject:
    """prod/Mail as its resource lists it, not edited since a snapshot of an hour ago."""
    values: dict[str, Any] = {"name": "Mail", "created_at": ago(days=90), "last_modified_at": ago(hours=2)}
    return LiveProject(**(values | changes))


def look(  # a status of one resource
    *snapshots: Manifest,
    records: tuple[RunRecord, ...] = (),
    projects: tuple[LiveProject, ...] | None = (),
    settings: dict[str, Any] | None = None,
    unreadable: tuple[str, ...] = (),
    strangers: tuple[str, ...] = (),
    **resource: Any,
) -> Status:
    """The status of prod; by default Mail is there."""
    runs = RunHistory()
    for record in records:
        runs.add(record)
    objectives = StatusSettings.model_validate(settings or {})
    cutoff = NOW - timedelta(hours=objectives.size_window_hours)
    histories = {("prod", "Mail"): fold_history(None, snapshots, cutoff=cutoff)} if snapshots else {}
    vault = VaultFacts(histories, {("prod", "Mail"): unreadable} if unreadable else {}, runs, strangers)
    listed = (live(),) if projects == () else projects
    return judge_status([ResourceFacts("prod", listed, **resource)], vault, settings=objectives, now=NOW)


def only(status: Status) -> Row:
    """Its only row."""
    (row,) = status.rows
    return row


def kinds(status: Status) -> list[str]:
    """What it alarms about."""
    return [alarm.kind.value for alarm in status.alarms]


FRESH = snapshot(ago(hours=1))
