"""Holds, releases and the records of prunes: what they look like, what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from cluvault.errors import DamagedRecord, VaultTooNew
from cluvault.model.hold import LONGEST_REASON, Hold, Release
from cluvault.model.manifest import id_moment
from cluvault.model.prune_record import PruneRecord
from cluvault.model.record_text import read_record, record_bytes

if TYPE_CHECKING:
    from cluvault.model.manifest import Record

KEY = "holds/prod/Travel/20261101T020000Z-000b2c3d/20261102T020000Z-00000000.json"
MOMENT = "2026-11-02T02:00:00Z"
DOCUMENTS: list[tuple[type[Record], dict[str, Any]]] = [
    (Hold, {"format": 1, "reason": "audit", "by": "ada", "heldAt": MOMENT}),
    (Release, {"format": 1, "reason": "", "by": "ada", "releasedAt": MOMENT}),
    (
        PruneRecord,
        {
            "format": 1,
            "runId": "nimble-otter",
            "resource": "prod",
            "project": "Travel",
            "plannedAt": MOMENT,
            "removed": [
                {
                    "snapshotId": "20261101T020000Z-000b2c3d",
                    "contentKey": "snapshots/x",
                    "modelKeys": ["snapshots/y"],
                    "manifest": "{}\n",
                }
            ],
            "unreferenced": ["snapshots/x"],
            "tool": {"name": "cluvault", "version": "0.1.0"},
        },
    ),
]


@pytest.mark.parametrize("model, document", DOCUMENTS, ids=lambda value: getattr(value, "__name__", ""))
def test_the_written_form_is_the_format(model: type[Record], document: dict[str, Any]) -> None:
    """Reading and writing gives every key, in its order, for people to read; unknown keys are ignored."""
    written = record_bytes(read_record(model, json.dumps(document | {"new": 1}).encode(), key=KEY, what="a hold"))
    assert json.loads(written) == document
    assert list(json.loads(written)) == list(document)
    assert written.endswith(b"}\n")


@pytest.mark.parametrize(
    "data, place", [(b"", "top level"), (b"[]", "top level"), (b"{}", "reason"), (b'{"reason": " "}', "reason")]
)
def test_what_is_no_record_is_damage(data: bytes, place: str) -> None:
    """One line names key, kind and place; the exit code is that of damage."""
    with pytest.raises(DamagedRecord, match=f"^{KEY}: not a hold: {place}: ") as caught:
        read_record(Hold, data, key=KEY, what="a hold")
    assert (caught.value.exit_code, "\n" in str(caught.value)) == (5, False)


def test_a_newer_format_is_refused() -> None:
    """With the key and the mend."""
    with pytest.raises(VaultTooNew, match=f"{KEY}: written in vault format 2.*upgrade cluvault"):
        read_record(Hold, b'{"format": 2}', key=KEY, what="a hold")


def test_a_reason_is_a_sentence() -> None:
    """Its ends are trimmed; neither nothing nor a book is one."""
    held_at = datetime(2026, 11, 2, tzinfo=UTC)
    assert Hold(reason=" audit ", by="ada", held_at=held_at).reason == "audit"
    for reason in ("", "  ", "x" * (LONGEST_REASON + 1)):
        with pytest.raises(ValidationError):
            Hold(reason=reason, by="ada", held_at=held_at)


@pytest.mark.parametrize(
    "snapshot_id, moment",
    [
        ("20261102T020304Z-000b2c3d", datetime(2026, 11, 2, 2, 3, 4, tzinfo=UTC)),
        ("20261345T020304Z-000b2c3d", datetime.min.replace(tzinfo=UTC)),
        ("00000000T000000Z-000b2c3d", datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_the_moment_of_an_id(snapshot_id: str, moment: datetime) -> None:
    """To the second; what is no date is older than everything."""
    assert id_moment(snapshot_id) == moment
