"""What a prune makes of the records of earlier ones, and of a plan that was shown some time ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cluvault.model.hold import Hold
from cluvault.model.manifest import Content, Manifest, Tool
from cluvault.model.object_info import ObjectInfo
from cluvault.model.prune_record import PruneRecord, RemovedSnapshot
from cluvault.plan.capture import build_manifest
from cluvault.plan.history import History, key_of
from cluvault.plan.keys import SnapshotKey
from cluvault.plan.prune import (
    ProjectPrune,
    PruneRules,
    Recorded,
    expired_contents,
    is_recorded,
    plan_prune,
    stale_records,
)
from cluvault.plan.retention import RetentionPolicy, VanishedPolicy
from tests.support.snapshots import make_capture, moment

if TYPE_CHECKING:
    from collections.abc import Sequence

GRACE = timedelta(hours=12)
RULES = PruneRules(RetentionPolicy(last=1), VanishedPolicy(), safety_days=0, grace=GRACE)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SHA = "0" * 64


def snapshot(number: int, *, content: str = "") -> Manifest:
    """A snapshot with its own content or another's."""
    key = SnapshotKey("prod", "EmailApp", f"20261101T0200{number:02}Z-0000000a")
    stored = Content(
        key=content or key.content,
        sha256=SHA,
        bytes=1,
        encoding="gzip",
        raw_sha256=SHA,
        raw_bytes=1,
        canonical_sha256=SHA,
    )
    capture = make_capture(captured_at=moment(number))
    ids: dict[str, Any] = {"snapshot_id": key.snapshot_id, "vault_id": "v", "parent_id": None, "tool_version": "1"}
    return build_manifest(capture, stored=stored, **ids)


FIRST, SECOND, THIRD = snapshot(1), snapshot(2), snapshot(3)


def recorded(*removed: Manifest, unreferenced: Sequence[str] = (), hours: float = 0) -> Recorded:
    """A record that the store received so many hours ago."""
    record = PruneRecord(
        run_id=f"run-{hours}",
        resource="prod",
        project="EmailApp",
        planned_at=NOW,
        removed=tuple(
            RemovedSnapshot(snapshot_id=one.snapshot_id, content_key=one.content.key, manifest="{}") for one in removed
        ),
        unreferenced=tuple(unreferenced),
        tool=Tool(name="cluvault", version="1"),
    )
    return Recorded(record, NOW - timedelta(hours=hours))


def damaged(*, hours: float) -> Recorded:
    """A record that cannot be read."""
    return Recorded(None, NOW - timedelta(hours=hours))


def history(*snapshots: Manifest, contents: Sequence[Manifest] = ()) -> History:
    """What there is."""
    found = {one.content.key: ObjectInfo(one.content.key, 1, moment(0)) for one in (*snapshots, *contents)}
    return History("prod", "EmailApp", snapshots, contents=found)


def plan(there: History, *records: Recorded, held: Sequence[Manifest] = ()) -> ProjectPrune:
    """The plan for it."""
    hold = Hold(reason="audit", by="somebody", held_at=NOW)
    return plan_prune(
        there, RULES, holds={key_of(one): [hold] for one in held}, records=records, gone_since=None, now=NOW
    )


KEY = FIRST.content.key


def test_time_begins_with_the_first_record_that_calls_a_content_unreferenced() -> None:
    """Later ones change nothing, unless a snapshot that referred to it went with them."""
    again = recorded(unreferenced=[KEY], hours=1)
    assert expired_contents([KEY], [recorded(unreferenced=[KEY], hours=12), again], now=NOW, grace=GRACE) == (KEY,)
    anew = recorded(FIRST, unreferenced=[KEY], hours=1)
    assert expired_contents([KEY], [recorded(unreferenced=[KEY], hours=12), anew], now=NOW, grace=GRACE) == ()
    assert expired_contents([KEY], [], now=NOW, grace=GRACE) == ()


def test_a_damaged_record_starts_every_time_anew() -> None:
    """It may have named any content; what is older says nothing any more."""
    old = recorded(unreferenced=[KEY], hours=20)
    assert expired_contents([KEY], [old, damaged(hours=15)], now=NOW, grace=GRACE) == ()
    assert not is_recorded(plan(history(THIRD, contents=[FIRST]), old, damaged(hours=15)), [old, damaged(hours=15)])
    again = recorded(unreferenced=[KEY], hours=13)
    assert expired_contents([KEY], [old, damaged(hours=15), again], now=NOW, grace=GRACE) == (KEY,)


def test_only_what_can_be_read_gets_stale() -> None:
    """A damaged record stays for somebody to look at."""
    old = recorded(hours=24 * 91)
    assert stale_records([old, damaged(hours=24 * 91), recorded()], now=NOW) == ("run-2184",)


def test_a_held_snapshot_that_is_gone_comes_back() -> None:
    """As long as a record and the content are there, even a content that another snapshot shares."""
    sharing = snapshot(3, content=KEY)
    found = plan(history(sharing), recorded(FIRST, hours=1), damaged(hours=2), held=[FIRST, SECOND])
    assert found.returning == (key_of(FIRST),)
    assert found.removed == ()
    assert found.has_work
    assert found.to_dict()["snapshots"][-1]["reasons"] == ["is held; an earlier prune had removed it"]
    assert plan(history(THIRD), recorded(FIRST, hours=1), held=[FIRST]).returning == ()


def test_a_plan_that_was_shown_limits_the_present_one() -> None:
    """What has been decided since is kept, and so is what somebody came to hold."""
    shown = plan(history(FIRST, SECOND))
    assert shown.removed == (key_of(FIRST),)
    present = plan(history(FIRST, SECOND, THIRD)).limited_to(shown)
    assert present.removed == (key_of(FIRST),)
    (kept,) = [one for one in present.verdicts if one.candidate.key == key_of(SECOND)]
    assert kept.reasons == ("was not in the plan that was shown",)
    assert plan(history(FIRST, SECOND), held=[FIRST]).limited_to(shown).removed == ()
