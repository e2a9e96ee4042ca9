"""Findings: which there are, what they are called, whom they harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from cluvault.model.manifest import Content, Manifest
from cluvault.model.object_info import ObjectInfo
from cluvault.plan.capture import build_manifest
from cluvault.plan.history import History, key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.verify import (
    Fault,
    Finding,
    FindingKind,
    claims,
    classify,
    contents_of,
    exit_code,
    foreign,
    suspects,
)
from tests.support.snapshots import START, make_capture

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FAULT = Fault(FindingKind.DAMAGED, "is not what it was")


def key(number: int) -> SnapshotKey:
    """A snapshot's place."""
    return SnapshotKey("prod", "EmailApp", f"20261101T020000Z-{number:08x}")


def snapshot(number: int, **content: Any) -> Manifest:
    """A snapshot with content of its own, unless told otherwise."""
    values: dict[str, Any] = {
        "key": key(number).content, "sha256": f"{number:064x}", "bytes": 10, "encoding": "gzip",
        "raw_sha256": "0" * 64, "raw_bytes": 20, "canonical_sha256": "0" * 64,
    }  # fmt: skip
    return build_manifest(
        make_capture(captured_at=START),
        snapshot_id=key(number).snapshot_id,
        vault_id="v",
        stored=Content(**(values | content)),
        parent_id=None,
        tool_version="1",
    )


def history(*snapshots: Manifest, sizes: dict[str, int] | None = None, **more: Any) -> History:
    """A project's history; the contents that its snapshots name are there unless `sizes` says otherwise."""
    found = {one.content.key: one.content.bytes for one in snapshots} if sizes is None else sizes
    contents = {name: ObjectInfo(name, size, NOW) for name, size in found.items()}
    return History("prod", "EmailApp", snapshots=snapshots, contents=contents, **more)


ONE, TWO = snapshot(1), snapshot(2)
SHARING = snapshot(3, key=TWO.content.key, sha256=TWO.content.sha256)
OUTSIDE = snapshot(4, key=SnapshotKey("prod", "Other", key(4).snapshot_id).content)


def test_a_good_project_has_no_findings() -> None:
    """Nor suspects."""
    good = history(ONE, TWO, SHARING)
    assert classify(good, {}) == ()
    assert suspects(good, contents_of(good)) == []


def test_a_content_is_one_finding_however_many_snapshots_share_it() -> None:
    """All of them are named."""
    (finding,) = classify(history(ONE, TWO, SHARING), dict.fromkeys([TWO.content], FAULT))
    assert (finding.kind, finding.key, finding.content) == (FAULT.kind, TWO.content.key, TWO.content)
    assert finding.snapshots == (key_of(TWO), key_of(SHARING))
    assert finding.to_json() == {
        "finding": "damaged", "key": TWO.content.key, "problem": FAULT.problem,
        "snapshots": [TWO.reference, SHARING.reference],
    }  # fmt: skip


@pytest.mark.parametrize("sizes", [{}, {ONE.content.key: 9}])
def test_what_the_listing_does_not_show_as_it_should_is_suspect(sizes: dict[str, int]) -> None:
    """Absent, or of another size; whether it is damage, a look of its own says."""
    found = history(ONE, sizes=sizes)
    assert suspects(found, contents_of(found)) == [ONE.content]
    assert [one for one in classify(found, {}) if one.is_damage] == []


def test_manifests_of_no_use() -> None:
    """One that cannot be read, one of a newer format, one that names what it may not: each by its own key."""
    found = history(OUTSIDE, unreadable={key(8): "torn", key(9): "format 2"}, newer=frozenset({key(9)}))
    assert [(one.kind, one.key, one.snapshots) for one in classify(found, {})] == [
        (FindingKind.DAMAGED, key(8).manifest, (key(8),)),
        (FindingKind.TOO_NEW, key(9).manifest, (key(9),)),
        (FindingKind.DAMAGED, key(4).manifest, (key(4),)),
    ]
    assert contents_of(found) == {}


def test_contents_without_a_manifest_are_notes() -> None:
    """They harm nobody."""
    loose = {ONE.content.key: 10, TWO.content.key: 77}
    (finding,) = classify(history(ONE, sizes=loose), {})
    assert (finding.kind, finding.key, finding.snapshots) == (FindingKind.UNREFERENCED, TWO.content.key, ())
    assert "77 bytes" in finding.problem


@pytest.mark.parametrize("more", [{"unreadable": {key(8): "torn"}}, {"snapshots": (ONE, OUTSIDE)}])
def test_nothing_is_unreferenced_beside_a_manifest_of_no_use(more: dict[str, Any]) -> None:
    """What such a snapshot needs is not known; a prune would remove it."""
    found = replace(history(ONE, sizes={ONE.content.key: 10, TWO.content.key: 77}), **more)
    assert found.unreferenced() == ()
    assert all(one.kind is not FindingKind.UNREFERENCED for one in classify(found, {}))


def test_only_what_harms_the_chosen() -> None:
    """Whoever names a snapshot hears neither of others nor of notes."""
    found = history(ONE, TWO, SHARING, sizes={snapshot(7).content.key: 1}, unreadable={key(8): "torn"})
    faults = dict.fromkeys([ONE.content, TWO.content], FAULT)
    assert [one.key for one in classify(found, faults, chosen={key_of(SHARING)})] == [TWO.content.key]
    assert [one.key for one in classify(found, faults, chosen={key(8)})] == [key(8).manifest]
    assert list(contents_of(found, chosen={key_of(SHARING)})) == [TWO.content]


@pytest.mark.parametrize(
    "kinds, code",
    [
        ((), 0),
        ((FindingKind.UNREFERENCED, FindingKind.FOREIGN), 0),
        ((FindingKind.TOO_NEW, FindingKind.FOREIGN), 2),
        ((FindingKind.TOO_NEW, FindingKind.MISSING), 5),
        ((FindingKind.DAMAGED,), 5),
    ],
)
def test_exit_codes(kinds: tuple[FindingKind, ...], code: int) -> None:
    """Damage before what is too new; notes are no failure."""
    assert exit_code(Finding(kind, "a", "b") for kind in kinds) == code


def test_foreign_objects() -> None:
    """By their keys."""
    assert [(one.kind, one.key) for one in foreign(["a", "b"])] == [
        (FindingKind.FOREIGN, "a"),
        (FindingKind.FOREIGN, "b"),
    ]


def test_what_snapshots_expect_at_a_key() -> None:
    """Manifests can disagree."""
    other = snapshot(5, key=ONE.content.key)
    assert claims(history(ONE, TWO, other), ONE.content.key) == {ONE.content.sha256, other.content.sha256}
