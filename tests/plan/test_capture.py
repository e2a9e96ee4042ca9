"""From a capture to its manifest."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta, timezone

import pytest

from cluvault.model.manifest import Content, DeploymentRecord, Manifest, ModelRecord, Reason
from cluvault.plan.capture import Capture, build_manifest
from tests.support.snapshots import make_capture, moment

CONTENT = Content(
    key="snapshots/prod/EmailApp/20261101T020000Z-000b2c3d/config.json.gz",
    sha256="a" * 64,
    bytes=10,
    encoding="gzip",
    raw_sha256="b" * 64,
    raw_bytes=20,
    canonical_sha256="c" * 64,
)


def build(capture: Capture, *, snapshot_id: str = "20261101T020000Z-000b2c3d", hours_from_utc: int = 0) -> Manifest:
    """A manifest at the first moment, told by a clock of some time zone."""
    told = moment(0.25).astimezone(timezone(timedelta(hours=hours_from_utc)))
    return build_manifest(
        replace(capture, captured_at=told),
        snapshot_id=snapshot_id,
        vault_id="the-vault",
        stored=CONTENT,
        parent_id="20261031T020000Z-000b2c3d",
        tool_version="1.2.3",
    )


def test_a_manifest_says_all_that_was_captured() -> None:
    """Every field of a capture but its bytes is in the manifest, under its own name."""
    capture = make_capture(
        captured_at=moment(0.25),
        reason=Reason.PRE_DELETE,
        tags=("a", "b"),
        project_last_modified=moment(-1),
        models=(ModelRecord(label="v1"),),
        deployments=(DeploymentRecord(name="production"),),
    )
    manifest = build(capture)
    for name in {field.name for field in fields(Capture)} - {"raw", "canonical_sha256", "exports", "known", "pending"}:
        assert getattr(manifest, name) == getattr(capture, name)
    assert manifest.content == CONTENT
    assert (manifest.vault_id, manifest.parent) == ("the-vault", "20261031T020000Z-000b2c3d")
    assert (manifest.tool.name, manifest.tool.version) == ("cluvault", "1.2.3")
    assert manifest.reference == "prod/EmailApp@20261101T020000Z-000b2c3d"


@pytest.mark.parametrize("hours", [0, 9, -8])
def test_times_are_told_in_utc(hours: int) -> None:
    """The same instant gives the same manifest in every time zone, to the microsecond."""
    assert b'"capturedAt": "2026-11-01T02:00:00.250000Z"' in build(make_capture(), hours_from_utc=hours).to_bytes()


@pytest.mark.parametrize("snapshot_id", ["20261101T020001Z-000b2c3d", "20261101T110000Z-000b2c3d", "000b2c3d"])
def test_the_id_must_tell_the_same_time(snapshot_id: str) -> None:
    """Ids sort by time only if they are made from it."""
    with pytest.raises(ValueError, match=f"{snapshot_id} does not belong to 2026-11-01T11:00:00"):
        build(make_capture(), snapshot_id=snapshot_id, hours_from_utc=9)
