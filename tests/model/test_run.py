"""The run record: what it looks like, what it reads, what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cluvault.errors import DamagedRecord, VaultTooNew
from cluvault.model.run import Outcome, RunItem, has_seen, read_run

KEY = "runs/2026-11-01/nimble-otter.json"

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "runId": "nimble-otter",
    "kind": "backup",
    "startedAt": "2026-11-01T02:00:00Z",
    "endedAt": "2026-11-01T02:01:00Z",
    "tool": {"name": "cluvault", "version": "0.1.0"},
    "resources": ["prod"],
    "options": {},
    "items": [
        {
            "resource": "prod",
            "project": "A",
            "outcome": "stored",
            "snapshotId": "20261101T020000Z-000b2c3d",
            "detail": None,
            "since": None,
            "seconds": None,
            "digest": None,
            "counts": {"intents": 1, "entities": 2, "utterances": 3},
            "seen": {
                "modified": "2026-10-01T02:00:00Z",
                "trained": None,
                "deployed": None,
                "exportedAt": "2026-11-01T02:00:00Z",
                "modelsAt": "2026-11-01T02:00:00Z",
            },
            "warnings": ["what v1 was trained on is not captured"],
            "takenUp": "2026-11-01T01:55:00Z",
        },
        {
            "resource": "prod",
            "project": "B",
            "outcome": "failed",
            "snapshotId": None,
            "detail": "the job failed",
            "since": None,
            "seconds": None,
            "digest": None,
            "counts": None,
            "seen": None,
            "warnings": [],
            "takenUp": None,
        },
    ],
}


def test_the_written_form_is_the_format() -> None:
    """Reading and writing gives every key, in its order, for people to read."""
    written = read_run(json.dumps(DOCUMENT).encode(), key=KEY).to_bytes()
    assert json.loads(written) == DOCUMENT
    assert list(json.loads(written)) == list(DOCUMENT)
    assert written.endswith(b"}\n")


def test_later_versions_may_say_more() -> None:
    """Unknown keys are ignored, and outcomes that are not known yet are kept."""
    item = DOCUMENT["items"][0] | {"outcome": "promoted", "new": 1}
    record = read_run(json.dumps(DOCUMENT | {"items": [item], "new": 1}).encode(), key=KEY)
    assert record.items[0].outcome == "promoted"


def test_outcomes_have_one_spelling() -> None:
    """A known outcome is written and compared as its text."""
    item = RunItem(resource="prod", project="A", outcome=Outcome.UNCHANGED)
    assert item.outcome == "unchanged"
    assert item.model_dump(mode="json")["outcome"] == "unchanged"


def test_a_newer_format_is_refused() -> None:
    """With the key and the mend."""
    with pytest.raises(VaultTooNew, match=f"{KEY}: written in vault format 2.*upgrade cluvault"):
        read_run(b'{"format": 2}', key=KEY)


@pytest.mark.parametrize(
    "data, place",
    [(b"", "top level"), (b"[]", "top level"), (json.dumps(DOCUMENT | {"items": [{}]}), "items/0/resource")],
)
def test_what_is_no_record_is_damage(data: bytes | str, place: str) -> None:
    """One line names key and place; the exit code is that of damage."""
    body = data.encode() if isinstance(data, str) else data
    with pytest.raises(DamagedRecord, match=f"{KEY}: not a run record: {place}: ") as caught:
        read_run(body, key=KEY)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, True),
        ({"kind": "prune"}, False),
        ({"resources": ["dev"]}, False),
        ({"items": [{"resource": "prod", "project": "", "outcome": "failed"}]}, False),
        ({"items": [{"resource": "dev", "project": "", "outcome": "failed"}]}, True),
        ({"items": []}, True),
    ],
    ids=str,
)
def test_which_runs_have_listed_a_resource(changes: dict[str, Any], *, expected: bool) -> None:
    """A backup that was asked to, and to which the resource answered; single projects may have failed."""
    assert has_seen(read_run(json.dumps(DOCUMENT | changes).encode(), key=KEY), "prod") is expected
