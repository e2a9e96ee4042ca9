"""The manifest: what it looks like, what it reads, what it refuses."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import DamagedSnapshot, VaultTooNew
from cluvault.model.manifest import Manifest, new_snapshot_id, read_manifest
from cluvault.model.reference import SNAPSHOT_ID

KEY = "snapshots/prod/EmailApp/20261101T020000Z-000b2c3d/manifest.json"

DOCUMENT: dict[str, Any] = {
    "format": 1,
    "snapshotId": "20261101T020000Z-000b2c3d",
    "vaultId": "the-vault",
    "resource": "prod",
    "endpoint": "https://contoso.cognitiveservices.azure.com",
    "project": "EmailApp",
    "capturedAt": "2026-11-01T02:00:00Z",
    "reason": "pre-delete",
    "tags": ["before-release"],
    "apiVersion": "2025-11-15-preview",
    "projectLastModified": "2026-10-31T10:00:00.123456Z",
    "content": {
        "key": "snapshots/prod/EmailApp/20261101T020000Z-000b2c3d/config.json.gz",
        "sha256": "a" * 64,
        "bytes": 10,
        "encoding": "gzip",
        "rawSha256": "b" * 64,
        "rawBytes": 20,
        "canonicalSha256": "c" * 64,
        "seal": None,
    },
    "counts": {"intents": 1, "entities": 2, "utterances": 3},
    "models": [
        {
            "label": "v1",
            "trainedAt": "2026-10-30T10:00:00Z",
            "trainingMode": "standard",
            "trainingConfigVersion": "2022-09-01",
            "division": {"kind": "percentage", "training": 80, "testing": 20},
            "evaluation": {"microF1": 0.9, "unknown": [None]},
            "trainedOn": None,
            "notCaptured": "it is too old",
        }
    ],
    "deployments": [{"name": "production", "model": "v1", "deployedAt": "2026-10-30T11:00:00Z"}],
    "parent": "20261031T020000Z-000b2c3d",
    "tool": {"name": "cluvault", "version": "0.1.0"},
}


def read(document: object) -> Manifest:
    """Read a document as if it lay in the vault."""
    return read_manifest(json.dumps(document).encode(), key=KEY)


def test_the_written_form_is_the_format() -> None:
    """Reading and writing gives every key of the format, in its order, for people to read."""
    written = read(DOCUMENT).to_bytes()
    assert list(json.loads(written)) == list(DOCUMENT)
    assert json.loads(written) == DOCUMENT
    assert written.startswith(b'{\n  "format": 1,\n')
    assert written.endswith(b"}\n")


def test_what_may_be_unknown_may_be_absent() -> None:
    """A manifest without models, deployments, tags, parent and modification time is whole."""
    optional = ("tags", "projectLastModified", "models", "deployments", "parent")
    manifest = read({key: value for key, value in DOCUMENT.items() if key not in optional})
    assert (manifest.tags, manifest.models, manifest.deployments, manifest.parent) == ((), (), (), None)
    assert manifest.project_last_modified is None
    assert read(json.loads(manifest.to_bytes())) == manifest


def test_unknown_keys_of_our_format_are_ignored() -> None:
    """At every level: a later version may say more."""
    more = DOCUMENT | {"new": 1, "content": DOCUMENT["content"] | {"new": 1}, "tool": DOCUMENT["tool"] | {"new": 1}}
    assert read(more) == read(DOCUMENT)


def test_a_manifest_never_changes() -> None:
    """It is a value."""
    with pytest.raises(ValueError, match="frozen"):
        read(DOCUMENT).project = "Other"  # type: ignore[misc]


@pytest.mark.parametrize("newer", [2, 3, 10**30, "2"])
def test_a_newer_format_is_refused(newer: object) -> None:
    """Whatever the rest looks like; the error names the key and the mend."""
    with pytest.raises(VaultTooNew, match=rf"^{KEY}: written in vault format .*reads up to 1; upgrade cluvault"):
        read({"format": newer, "everything": "else"})


def _without(path: str) -> dict[str, Any]:
    """The document without one key."""
    document = json.loads(json.dumps(DOCUMENT))
    *way, last = path.split("/")
    place = document
    for part in way:
        place = place[part]
    del place[last]
    return document


@pytest.mark.parametrize(
    "path",
    [
        *("snapshotId", "vaultId", "resource", "endpoint", "project", "capturedAt", "reason", "apiVersion", "content"),
        *("counts", "tool", "content/key", "content/sha256", "content/rawSha256", "content/canonicalSha256"),
        *("content/bytes", "content/rawBytes", "content/encoding"),
    ],
)
def test_what_a_reader_needs_must_be_there(path: str) -> None:
    """Without it the snapshot is damaged; the error names key and place."""
    with pytest.raises(DamagedSnapshot, match=rf"^{KEY}: not a manifest: {path}: Field required"):
        read(_without(path))


@pytest.mark.parametrize(
    "change, place",
    [
        ({"format": 0}, "format"),
        ({"format": None}, "format"),
        ({"snapshotId": "latest"}, "snapshotId"),
        ({"snapshotId": "x20261101T020000Z-000b2c3d"}, "snapshotId"),
        ({"snapshotId": "20261101T020000Z-000b2c3d/../x"}, "snapshotId"),
        ({"capturedAt": "2026-11-01T02:00:00"}, "capturedAt"),
        ({"capturedAt": "yesterday"}, "capturedAt"),
        ({"reason": "because"}, "reason"),
        ({"tags": "tag"}, "tags"),
        ({"content": DOCUMENT["content"] | {"sha256": "A" * 64}}, "content/sha256"),
        ({"content": DOCUMENT["content"] | {"sha256": "a" * 63}}, "content/sha256"),
        ({"content": DOCUMENT["content"] | {"rawSha256": "a" * 64 + "\n"}}, "content/rawSha256"),
        ({"content": DOCUMENT["content"] | {"bytes": -1}}, "content/bytes"),
        ({"content": DOCUMENT["content"] | {"encoding": "zip"}}, "content/encoding"),
        ({"counts": {"intents": "many", "entities": 0, "utterances": 0}}, "counts/intents"),
        ({"models": [{"trainedAt": None}]}, "models/0/label"),
    ],
)
def test_what_cannot_be_is_damage(change: dict[str, Any], place: str) -> None:
    """Nothing is guessed: the place is named, the exit code is that of damage."""
    with pytest.raises(DamagedSnapshot, match=rf"^{KEY}: not a manifest: {place}: ") as caught:
        read(DOCUMENT | change)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b"1", b"\xff", b"\0", b"[" * 10_000])
def test_what_is_no_json_object_is_damage(data: bytes) -> None:
    """In one line."""
    with pytest.raises(DamagedSnapshot, match=rf"^{KEY}: not a manifest: top level: ") as caught:
        read_manifest(data, key=KEY)
    assert "\n" not in str(caught.value)


@given(
    st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(-12, 14),
    st.integers(0, 2**32 - 1),
)
def test_ids_are_made_of_utc(instant: datetime, hours: int, entropy: int) -> None:
    """The same instant in any time zone gives the same id, of the form that references accept."""
    elsewhere = instant.astimezone(timezone(timedelta(hours=hours)))
    made = new_snapshot_id(elsewhere, f"{entropy:08x}")
    assert made == new_snapshot_id(instant, f"{entropy:08x}")
    assert SNAPSHOT_ID.fullmatch(made)
    assert re.sub(r"\D", "", made[:16]) == re.sub(r"\D", "", instant.isoformat()[:19])


@given(
    st.lists(
        st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # the strategy adds UTC
        min_size=2,
        max_size=2,
    )
)
def test_ids_sort_by_time(instants: list[datetime]) -> None:
    """To 1/4096 of a second, whatever the entropy."""
    earlier, later = sorted(instants)
    assert new_snapshot_id(earlier, "0" * 8) <= new_snapshot_id(later, "0" * 8)
    step = timedelta(seconds=1) / 4096
    if later - earlier > step:
        assert new_snapshot_id(earlier, "f" * 8) < new_snapshot_id(later, "0" * 8)
