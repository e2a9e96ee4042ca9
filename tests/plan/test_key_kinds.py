"""What an object is, by its key: all that a vault writes is known, nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.plan.key_kinds import KeyKind, kind_of
from cluvault.plan.keys import (
    HoldKey,
    IntakeKey,
    PromotionKey,
    SnapshotKey,
    budget_key,
    jobs_key,
    lease_key,
    parse_run_key,
    prune_key,
    run_key,
)

ID = "20261101T020000Z-000b2c3d"
names = st.text() | st.sampled_from(["", ".", "..", "a/b", "%", ".json", "x.json"])
snapshots = st.builds(SnapshotKey, names, names, st.just(ID))
dates = st.dates().map(str)


@given(key=snapshots, run=names, date=dates, released=st.booleans())
def test_whatever_is_written_is_known(key: SnapshotKey, run: str, date: str, *, released: bool) -> None:
    """By any names."""
    assert kind_of(key.manifest) is KeyKind.MANIFEST
    assert kind_of(key.content) is KeyKind.CONTENT
    assert kind_of(str(HoldKey(key, ID, is_release=released))) is KeyKind.HOLD
    assert kind_of(prune_key(key.resource, key.project, run)) is KeyKind.PRUNE
    assert kind_of(run_key(date, run)) is KeyKind.RUN
    assert parse_run_key(run_key(date, run)) == (date, run)


def test_the_identity_promotions_and_leases() -> None:
    """One object, and two kinds of records with numbers."""
    assert kind_of("cluvault.json") is KeyKind.IDENTITY
    assert kind_of(PromotionKey("prod", "Desk", "20261101T020000Z-000b2c3d").record(1)) is KeyKind.PROMOTION
    assert kind_of(lease_key("prod", "Desk", 1)) is KeyKind.LEASE
    assert kind_of(budget_key("https://contoso.example.com", "writes", 1)) is KeyKind.BUDGET
    assert kind_of(jobs_key("prod", "20261101T020000Z-000b2c3d", 1)) is KeyKind.JOBS
    assert kind_of(IntakeKey("prod", "Desk", "20261101T020000Z-000b2c3d").record(1)) is KeyKind.INTAKE
    assert kind_of("promotions/dev-to-prod/1.json") is KeyKind.FOREIGN


@pytest.mark.parametrize(
    "key",
    [
        "",
        "photos/cat.jpg",
        "cluvault.json.bak",
        "snapshots/readme.txt",
        f"snapshots/dev/Travel/{ID}/notes.txt",
        f"snapshots/dev/Travel/{ID}/config.json",
        f"snapshots/dev/Travel/{ID}/more/manifest.json",
        f"snapshots/dev/Tr%61vel/{ID}/manifest.json",
        "snapshots/dev/Travel/20261101/manifest.json",
        f"old/snapshots/dev/Travel/{ID}/config.json.gz",
        "runs/yesterday.json",
        "runs/2026-11-01/a.txt",
        "runs/2026-11-01/.json",
        "runs/2026-11-01/more/a.json",
        "runs/٢٠٢٦-11-01/a.json",
        f"holds/dev/Travel/{ID}/why.json",
        "prunes/dev/a.json",
        "promotion/a.json",
        "intakes/dev/a.json",
        "intakes/dev/Travel/20261101/000.json",
    ],
)
def test_all_else_is_foreign(key: str) -> None:
    """Also what only looks like it."""
    assert kind_of(key) is KeyKind.FOREIGN
