"""What an incremental backup has to export."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.manifest import Content, Counts, DeploymentRecord, Manifest, ModelRecord, Reason, Tool
from cluvault.model.run import Outcome, RunItem, RunRecord, Seen
from cluvault.plan.incremental import Need, Times, Trust, add_seen, decide, seen_of

if TYPE_CHECKING:
    from collections.abc import Mapping

NOW = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
TRUST = Trust(settle=timedelta(minutes=5), at_most=timedelta(days=7), models=timedelta(days=1))
ENDPOINT = "https://prod.example"


def ago(**delta: float) -> datetime:
    """So long before the run."""
    return NOW - timedelta(**delta)


MODIFIED, TRAINED, DEPLOYED, EXPORTED = ago(days=3), ago(days=2.5), ago(days=2.4), ago(days=2)
TIMES = Times(MODIFIED, TRAINED, DEPLOYED)
SEEN = Seen(modified=MODIFIED, trained=TRAINED, deployed=DEPLOYED, exported_at=EXPORTED, models_at=EXPORTED)
LATEST = Manifest(
    snapshot_id="20261125T020000Z-00000001",
    vault_id="v",
    resource="prod",
    endpoint="https://prod.example",
    project="Mail",
    captured_at=EXPORTED,
    reason=Reason.SCHEDULED,
    api_version="2023-04-01",
    project_last_modified=MODIFIED,
    content=Content(
        key="k",
        sha256="0" * 64,
        bytes=1,
        encoding="gzip",
        raw_sha256="0" * 64,
        raw_bytes=1,
        canonical_sha256="0" * 64,
    ),
    counts=Counts(intents=1, entities=1, utterances=1),
    models=(ModelRecord(label="v1", trained_at=TRAINED), ModelRecord(label="v0")),
    deployments=(DeploymentRecord(name="production", deployed_at=DEPLOYED), DeploymentRecord(name="empty")),
    tool=Tool(name="cluvault", version="0"),
)


def test_nothing_moved() -> None:
    """Then there is nothing to do, and what was seen stays known."""
    found = decide(TIMES, LATEST, SEEN, endpoint=ENDPOINT, trust=TRUST, now=NOW)
    assert (found.need, found.seen) == (Need.NOTHING, SEEN)


@pytest.mark.parametrize(
    "reason, seen, is_told",
    [
        (Reason.SCHEDULED, None, True),
        (Reason.MANUAL, None, True),
        (Reason.SAFETY, None, False),
        (Reason.PRE_DELETE, None, False),
        (Reason.SCHEDULED, SEEN, False),
    ],
)
def test_the_work_of_a_run_that_did_not_end(reason: Reason, seen: Seen | None, *, is_told: bool) -> None:
    """Its snapshots are in no run record; the run that takes them over says so in its own."""
    latest = LATEST.model_copy(update={"reason": reason})
    now = EXPORTED + timedelta(hours=1)
    found = decide(TIMES if seen else Times(MODIFIED), latest, seen, endpoint=ENDPOINT, trust=TRUST, now=now)
    assert found.need is Need.NOTHING
    assert ("taken over from a run that did not end" in found.why) is is_told


@pytest.mark.parametrize("seen", [SEEN.model_copy(update={"trained": None, "deployed": None}), None])
@pytest.mark.parametrize("hours, need", [(0, Need.NOTHING), (23.9, Need.NOTHING), (24, Need.MODELS), (-1, Need.EXPORT)])
def test_a_service_that_says_no_time_of_trainings(seen: Seen | None, hours: float, need: Need) -> None:
    """Models and deployments are listed once a day; a snapshot alone tells as much as a run record."""
    now = EXPORTED + timedelta(hours=hours)
    assert decide(Times(MODIFIED), LATEST, seen, endpoint=ENDPOINT, trust=TRUST, now=now).need is need


def test_another_resource_has_the_name_now() -> None:
    """Its times say nothing about snapshots of the one that had it before."""
    found = decide(TIMES, LATEST, SEEN, endpoint="https://new.example", trust=TRUST, now=NOW)
    assert (found.need, found.why) == (Need.EXPORT, "the newest snapshot is of https://prod.example")


@pytest.mark.parametrize(
    "changes, why",
    [
        ({"modified": ago(days=1)}, "modified at 2026-11-26T02:00:00+00:00"),
        ({"modified": ago(days=9)}, "modified at"),
        ({"modified": None}, "does not say"),
    ],
)
def test_modified(changes: Mapping[str, datetime | None], why: str) -> None:
    """Any other time than the known one, an earlier one too: a clock may have been set."""
    found = decide(replace(TIMES, **changes), LATEST, SEEN, endpoint=ENDPOINT, trust=TRUST, now=NOW)
    assert (found.need, found.seen) == (Need.EXPORT, None)
    assert why in found.why


@pytest.mark.parametrize("changes", [{"trained": NOW}, {"deployed": NOW}, {"deployed": None}])
def test_trained_or_deployed(changes: Mapping[str, datetime | None]) -> None:
    """The content is the same; models and deployments are looked at."""
    assert decide(replace(TIMES, **changes), LATEST, SEEN, endpoint=ENDPOINT, trust=TRUST, now=NOW).need is Need.MODELS


def test_no_whole_snapshot() -> None:
    """What cannot be restored is no reason to skip a project."""
    assert decide(TIMES, None, SEEN, endpoint=ENDPOINT, trust=TRUST, now=NOW).need is Need.EXPORT


def test_a_snapshot_without_a_time() -> None:
    """The service did not say when the project was modified."""
    latest = LATEST.model_copy(update={"project_last_modified": None})
    assert decide(TIMES, latest, None, endpoint=ENDPOINT, trust=TRUST, now=NOW).need is Need.EXPORT


@pytest.mark.parametrize("seconds, need", [(299, Need.EXPORT), (300, Need.NOTHING)])
def test_a_change_just_before_the_export(seconds: float, need: Need) -> None:
    """A second change within the same tick of the service's clock would have the same time."""
    seen = SEEN.model_copy(update={"exported_at": MODIFIED + timedelta(seconds=seconds)})
    assert decide(TIMES, LATEST, seen, endpoint=ENDPOINT, trust=TRUST, now=NOW).need is need


@pytest.mark.parametrize(
    "now, need",
    [
        (EXPORTED + timedelta(days=7), Need.EXPORT),
        (EXPORTED + timedelta(days=6.99), Need.NOTHING),
        (EXPORTED - timedelta(seconds=1), Need.EXPORT),
    ],
)
def test_trust_ends(now: datetime, need: Need) -> None:
    """After a week a project is exported even if no time has moved; a clock that went back ends trust as well."""
    assert decide(TIMES, LATEST, SEEN, endpoint=ENDPOINT, trust=TRUST, now=now).need is need


moments = st.none() | st.integers(0, 4).map(lambda days: ago(days=days))


@given(moments, moments, moments, moments)
def test_a_modified_project_is_never_skipped(
    modified: datetime | None, was: datetime | None, trained: datetime | None, deployed: datetime | None
) -> None:
    """Whatever else is known."""
    seen = SEEN.model_copy(update={"modified": was})
    found = decide(Times(modified, trained, deployed), LATEST, seen, endpoint=ENDPOINT, trust=TRUST, now=NOW)
    if modified != was or modified is None:
        assert found.need is Need.EXPORT


def record(kind: str, *items: RunItem) -> RunRecord:
    """A run with these items."""
    return RunRecord(
        run_id="r", kind=kind, started_at=NOW, ended_at=NOW, tool=Tool(name="cluvault", version="0"), items=items
    )


def item(snapshot_id: str, seen: Seen | None) -> RunItem:
    """A project of a run."""
    return RunItem(resource="prod", project="Mail", outcome=Outcome.UNCHANGED, snapshot_id=snapshot_id, seen=seen)


def test_what_was_seen_last_counts() -> None:
    """Records come the latest first; other kinds and items that saw nothing say nothing."""
    older = SEEN.model_copy(update={"trained": None})
    known: dict[tuple[str, str], RunItem] = {}
    for one in (
        record("copy", item(LATEST.snapshot_id, older)),
        record("backup", item(LATEST.snapshot_id, None)),
        record("backup", item(LATEST.snapshot_id, SEEN)),
        record("backup", item(LATEST.snapshot_id, older)),
    ):
        add_seen(known, one)
    assert seen_of(known, LATEST) == SEEN


def test_what_was_seen_of_another_snapshot_does_not_count() -> None:
    """Somebody stored one in between, or the one that was seen is gone."""
    known: dict[tuple[str, str], RunItem] = {}
    add_seen(known, record("backup", item("20261101T020000Z-00000001", SEEN)))
    assert (seen_of(known, LATEST), seen_of({}, LATEST), seen_of(known, None)) == (None, None, None)
